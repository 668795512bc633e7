"""What a run needs from outside its room, as protocols and one record: where answers come from, who scores, who writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from pplab.experiments.runner import Progress
    from pplab.models.records import Attempt, Call, Reply
    from pplab.store.rows import ResponseRow, Row


class Source(Protocol):
    """Where answers come from: a model's client, or a recording in front of it."""

    async def complete(
        self,
        call: Call,
        *,
        deadline: float,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call, without secrets in any of it; only cancellation is raised."""


class Scored(Protocol):
    """What a scorer returns (see `pplab.metrics.Scores`)."""

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
    def detail(self) -> Mapping[str, Any]:
        """Sub-scores and reasons, by metric."""


class Recorder(Protocol):
    """Who writes rows down (the lab)."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    def record(self, *rows: Row, durable: bool = False) -> Future[None]:
        """Queue rows for the journal; the future resolves when they are safe."""


class Listener(Protocol):
    """Who is told how one run goes, in the thread that waits for it or, when nobody does, in one of the run's own."""

    def progress(self, progress: Progress) -> None:
        """Take note of where it stands; called about ten times a second."""

    def arrived(self, row: ResponseRow) -> None:
        """Take note of a response, once it is safe in the journal."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run needs from outside this room.

    ``cost`` gives the US dollars of a call from its model and token counts, ``worst_cost`` the most it can be from the model, the
    bytes of its messages and its token limit. ``score_aside``: scoring may take long or run the user's own code.
    """

    recorder: Recorder
    source: Source
    score: Callable[..., Scored]
    score_aside: bool
    metrics_version: str
    cost: Callable[[str, int | None, int | None], float | None]
    worst_cost: Callable[[str, int, int | None], float | None]
    scrub: Callable[[str], str]
    provider: str
