"""The timing view: how long cells, operations and calls took, what they cost, and where the time of one trace went."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypedDict

from pplab.errors import BadInput
from pplab.ids import now
from pplab.observe.live import RecordReader, RecordWatcher
from pplab.store.record_types import parse_time
from pplab.store.store import open_store
from pplab.store.timing_queries import Kind, read_timing
from pplab.store.waterfall import read_waterfall
from pplab.views import static
from pplab.views.escape import clip, escape_text
from pplab.views.widgets.base import LabWidget, chosen, owned

if TYPE_CHECKING:
    import pandas as pd

    from pplab.context import LabContext
    from pplab.lab import Lab
    from pplab.observe.live import Change
    from pplab.store.timing_queries import Timed, TimingReport
    from pplab.store.waterfall import Waterfall
    from pplab.views.records import Display

SETTLE_S: Final = 0.5
REST: Final = 3
"""How many times as long as a reading of the tables took nothing is read again: in a lab of millions it takes a second."""
_NAME: Final = 80
Reach = Literal["hour", "today", "week", "all"]


class Durations(TypedDict):
    """All of one kind: how many, how many of them failed, and how long they took in milliseconds."""

    kind: Kind
    count: int
    failed: int
    median: float
    high: float
    longest: float


class Period(TypedDict):
    """All of one kind that began in one period of the chart; durations in milliseconds."""

    kind: Kind
    place: int
    count: int
    failed: int
    shortest: float
    median: float
    longest: float


class Totals(TypedDict):
    """The range as it is divided, and what its calls took: ``step`` in seconds, ``cost`` in US dollars."""

    begins: str
    ends: str
    step: int
    tokens: int | None
    cost: float | None


class Step(TypedDict):
    """One cell, operation or call in a list."""

    kind: Kind
    id: str
    name: str
    about: str
    status: str
    at: str
    took: float
    calls: int
    tokens: int | None
    cost: float | None
    trace: str


class Lists(TypedDict):
    """The first few of each kind."""

    latest: tuple[Step, ...]
    slowest: tuple[Step, ...]
    dearest: tuple[Step, ...]


class Bar(TypedDict):
    """One bar of a waterfall; times in milliseconds, ``start`` since the first."""

    kind: Literal["cell", "operation", "call", "request"]
    id: str
    depth: int
    name: str
    status: str
    at: str
    start: float
    took: float


class Trace(TypedDict):
    """The waterfall of one trace; ``left_out`` counts what is not drawn."""

    id: str
    bars: tuple[Bar, ...]
    left_out: int


class Ready(TypedDict):
    """A view is there."""

    kind: Literal["ready"]


class Timing(LabWidget):
    """How long things take, live.

    Parameters
    ----------
    lab
        Whose timings are shown, those of other kernels included.
    kind
        Of which kind the static form counts, and which is shown first: ``cell``, ``operation`` or ``call``. Default: operations
        and calls are counted, cells shown first.
    **state
        First values of traits.

    Attributes
    ----------
    reach : str
        How far back it looks: ``hour``, ``today`` (from midnight by the clock of this machine), ``week`` (seven days) or ``all``.
    trace : str or None
        The correlation id of the trace whose waterfall is shown.
    df : pandas.DataFrame
        The timings that the static form counts.

    Examples
    --------
    >>> import pplab
    >>> lab = pplab.Lab(store=":temp:")
    >>> timing = Timing(lab, reach="all")
    >>> timing.df.empty
    True
    >>> timing.close()
    >>> lab.close()
    """

    bundle: ClassVar[str] = "timing"
    takes: ClassVar[tuple[type, ...]] = (Ready,)

    first = owned(Kind, default="cell")
    totals = owned(Totals | None)
    durations = owned(tuple[Durations, ...], default=())
    periods = owned(tuple[Period, ...], default=())
    lists = owned(Lists)
    waterfall = owned(Trace | None)
    reach = chosen(Reach, default="today")
    trace = chosen(str | None)

    def __init__(self, lab: Lab | LabContext, *, kind: Kind | None = None, **state: Any) -> None:
        context: Any = getattr(lab, "context", lab)
        self._ended = threading.Event()
        self._live: RecordWatcher[Change] | None = None
        self._store = open_store(context.folder)
        self.df: pd.DataFrame = self._store.cells() if kind == "cell" else self._store.timing(kind)
        nothing = Lists(latest=(), slowest=(), dearest=())
        super().__init__(lab, **{"first": kind or "cell", "lists": nothing, **state})
        self.observe(self._reach_chosen, "reach")
        self.observe(self._trace_chosen, "trace")

    def static(self) -> Display:
        """Return the counts, which do not vary between two runs."""
        return static.timing(self.df, full=False)

    def close(self) -> None:
        """Stop following the lab; closing twice does nothing."""
        with self._turn:
            live, self._live = self._live, None
            closed = self._ended.is_set()
            self._ended.set()
        if live is not None:
            live.close()
        if not closed:
            self._store.close()
        super().close()

    # -- what is shown --------------------------------------------------------------------------------------------------------

    def _take_ready(self, _message: Ready) -> None:
        # Not before somebody looks: a notebook that is run by a program needs none.
        if self._live is None and not self._ended.is_set():
            records = RecordReader(self._store.folder / "journal", "metric", "cell")
            self._live = RecordWatcher(records, on_batch=self._on_batch, wait=SETTLE_S)
        self._show()

    def _show(self) -> None:
        with self._turn, self._store.reading():  # one opening of the tables for all of them
            at = parse_time(now())
            midnight = _midnight(at)
            report = read_timing(self._store, _since(self.reach, at, midnight), at, midnight)
            with self.hold_sync():
                self._show_report(report)
                self._show_waterfall()

    def _show_report(self, report: TimingReport) -> None:
        self.durations = tuple(
            Durations(
                kind=one.kind,
                count=one.count,
                failed=one.failed,
                median=one.median_ms,
                high=one.percentile_95_ms,
                longest=one.longest_ms,
            )
            for one in report.durations
        )
        self.periods = tuple(
            Period(
                kind=one.kind,
                place=one.place,
                count=one.count,
                failed=one.failed,
                shortest=one.shortest_ms,
                median=one.median_ms,
                longest=one.longest_ms,
            )
            for one in report.periods
        )
        latest, slowest, dearest = (tuple(map(_step, steps)) for steps in (report.latest, report.slowest, report.dearest))
        self.lists = Lists(latest=latest, slowest=slowest, dearest=dearest)
        self.totals = Totals(
            begins=report.begins_at, ends=report.ends_at, step=report.step_s, tokens=report.tokens, cost=report.cost
        )

    def _show_waterfall(self) -> None:
        self.waterfall = None if self.trace is None else _trace(read_waterfall(self._store, self.trace))

    def _on_batch(self, _changes: tuple[Change, ...]) -> None:
        began = time.monotonic()
        self._try(self._show)
        self._ended.wait(REST * (time.monotonic() - began))

    def _reach_chosen(self, _change: Any) -> None:
        self._try(self._show)

    def _trace_chosen(self, _change: Any) -> None:
        self._try(self._show_waterfall)

    def _try(self, show: Any) -> None:
        """Show what changed, or why that failed, with a Retry that reads everything again."""
        with self._turn:
            try:
                show()
            except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
                self._failed = dict(Ready(kind="ready"))
                self.show(error)
            else:
                self.problem = None


def _midnight(at: datetime) -> datetime:
    """Return the last midnight by the clock of this machine; both in UTC without a zone."""
    local = at.replace(tzinfo=UTC).astimezone()
    return datetime(local.year, local.month, local.day).astimezone().astimezone(UTC).replace(tzinfo=None)


def _since(reach: str, at: datetime, midnight: datetime) -> datetime | None:
    if reach not in ("hour", "today", "week", "all"):
        raise BadInput(f"'{reach}' is not a range of time", hint="use hour, today, week or all")
    return {"hour": at - timedelta(hours=1), "today": midnight, "week": at - timedelta(days=7)}.get(reach)


def _step(timed: Timed) -> Step:
    return Step(
        kind=timed.kind,
        id=timed.id,
        name=clip(escape_text(timed.name), _NAME),
        about=clip(escape_text(timed.about), _NAME),
        status=timed.status,
        at=timed.started_at,
        took=timed.duration_ms,
        calls=timed.calls,
        tokens=timed.tokens,
        cost=timed.cost,
        trace=timed.correlation_id or "",
    )


def _trace(waterfall: Waterfall) -> Trace:
    """Return a waterfall with its beginnings as milliseconds since the first."""
    first = min(parse_time(bar.started_at) for bar in waterfall.bars)
    bars = tuple(
        Bar(
            kind=bar.kind,
            id=bar.id,
            depth=bar.depth,
            name=clip(escape_text(bar.name), _NAME),
            status=bar.status,
            at=bar.started_at,
            start=(parse_time(bar.started_at) - first) / timedelta(milliseconds=1),
            took=bar.duration_ms,
        )
        for bar in waterfall.bars
    )
    return Trace(id=waterfall.correlation_id, bars=bars, left_out=waterfall.left_out)
