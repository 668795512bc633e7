"""The dependencies of a run: the model source, the scorer, the price function and the recorder it is given, and its listeners."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from pplab.models.batches import BatchProvider
    from pplab.models.types import Place, Source
    from pplab.plan.plan import PlannedCall
    from pplab.plan.race import Race
    from pplab.store.rows import ResponseRow, Row


class ScoreRecord(Protocol):
    """The scores of one answer, as a scorer returns them (see `pplab.metrics.Scores`)."""

    @property
    def creativity(self) -> float | None:
        """In [0, 1], as the three that follow."""

    @property
    def coherence(self) -> float | None:
        """See `pplab.metrics`."""

    @property
    def structure(self) -> float | None:
        """See `pplab.metrics`."""

    @property
    def completeness(self) -> float | None:
        """See `pplab.metrics`."""

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The values of the user's own metrics."""

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of each of the user's own metrics."""

    @property
    def fault(self) -> str | None:
        """What keeps the text from being an answer, see `pplab.scoring.faults`."""

    @property
    def detail(self) -> Mapping[str, Any]:
        """Sub-scores and reasons, by metric."""


class Recorder(Protocol):
    """The recorder of a run's rows (the lab's context)."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    def record(self, *rows: Row, durable: bool = False) -> Future[None]:
        """Queue rows for the journal; the future resolves when they are safe."""


@dataclass(slots=True)
class Progress:
    """The progress of a run; written by the run, read by whoever shows it.

    ``waiting_until`` (UNIX seconds) is when the server will be asked again, ``None`` when nothing waits. ``cost`` is in US
    dollars and leaves out calls whose cost is unknown; ``max_cost`` is what may be spent. ``race`` is how far a race has come;
    ``planned`` grows with its looks. ``unread`` counts the answers that the reader still has to read. ``waiting_for`` says in
    words which batches are at a provider.
    """

    planned: int
    done: int = 0
    in_flight: int = 0
    concurrency: int = 0
    paused: bool = False
    waiting_until: float | None = None
    cost: float = 0.0
    max_cost: float | None = None
    counts: Counter[str] = field(default_factory=Counter)
    race: Race | None = None
    unread: int = 0
    waiting_for: str = ""


class Listener(Protocol):
    """The listener of one run, called in the thread that waits for it or, when nobody does, in one of the run's own."""

    def progress(self, progress: Progress) -> None:
        """Take note of where it stands; called about ten times a second."""

    def arrived(self, row: ResponseRow) -> None:
        """Take note of a response, once it is safe in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Everybody who follows one run: a listener, and the user's functions for each response and each piece of an answer."""

    on: Listener | None = None
    on_response: Callable[[ResponseRow], None] | None = None
    on_text: Callable[[PlannedCall, str], None] | None = None


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """The model source, scorer, price functions and recorder that a run is given.

    ``cost`` gives the US dollars of a call from its model and token counts, ``worst_cost`` the most it can be from the model, the
    bytes of its messages and its token limit, both with the ``provider`` that serves it. ``score_aside``: scoring may take long
    or run the user's own code. ``provider`` and ``endpoint`` are those of the lab's own server. ``endpoint_limits`` is how many
    calls may be under way at once at an endpoint that takes fewer than the run asks for. ``reader`` names the weights of the
    reader, as the configuration does. ``batches`` are the providers of a run whose calls go in files, by `Call.place`.
    """

    recorder: Recorder
    source: Source
    score: Callable[..., ScoreRecord]
    score_aside: bool
    metrics_version: str
    cost: Callable[..., float | None]
    worst_cost: Callable[..., float | None]
    scrub: Callable[[str], str]
    provider: str
    endpoint: str | None = None
    reader: str = ""
    endpoint_limits: Mapping[Place, int] = field(default_factory=dict)
    batches: Mapping[Place, BatchProvider] = field(default_factory=dict)
