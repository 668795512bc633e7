"""The audit console: the stream of events as it grows, where each came from and led to, and how long things took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypedDict

from pplab.errors import BadInput, StoreTampered
from pplab.ids import now
from pplab.log import thread
from pplab.observe.events import CATALOGUE
from pplab.observe.live import RecordReader, RecordWatcher
from pplab.operation import Operation
from pplab.share.export import job
from pplab.share.formats import as_bytes, note, without_secrets
from pplab.store.audit_queries import EventFilters, events_and_actors, latest_spans, matching_events, read_events
from pplab.store.record_types import canonical_json
from pplab.store.store import open_store
from pplab.views import static
from pplab.views.escape import clip, escape_text
from pplab.views.widgets.base import LabWidget, chosen, owned
from pplab.views.widgets.download import Part, parts

if TYPE_CHECKING:
    import pandas as pd

    from pplab.lab import Lab
    from pplab.observe.live import Change
    from pplab.observe.spans import Span
    from pplab.store.audit_queries import Event
    from pplab.views.records import Display

PAGE: Final = 100
"""Events that are sent at a time."""
MOST_NODES: Final = 200
"""Records of a chain that are shown; the rest is counted."""
SETTLE_S: Final = 0.5
_WORDS: Final = 160
FILTERS: Final = ("event", "actor", "correlation", "since", "until")
Format = Literal["csv", "jsonl"]


class EventLine(TypedDict):
    """One row of the stream."""

    seq: int
    id: str
    at: str
    event: str
    meaning: str
    actor: str
    entity: str
    correlation: str
    words: str


class Bar(TypedDict):
    """One bar of the time line; times in milliseconds, ``start`` since the first."""

    kind: str
    name: str
    status: str
    at: str
    start: float
    took: float


class Record(TypedDict):
    """One record of a chain of cause."""

    kind: str
    id: str
    label: str
    at: str
    led: tuple[str, ...]


class Chain(TypedDict):
    """How far the hash chain reaches, and up to which row it was verified here; ``broken`` says what is wrong with it."""

    head: int
    verified: int | None
    broken: str


class Choices(TypedDict):
    """What the stream can be filtered by."""

    events: tuple[str, ...]
    actors: tuple[str, ...]


class Ready(TypedDict):
    """A view is there, or has missed messages, and wants the stream from its newest event."""

    kind: Literal["ready"]


class More(TypedDict):
    """The user wants the events before this one."""

    kind: Literal["more"]
    before: int


class Walk(TypedDict):
    """The user wants to see what led to a record and what followed from it."""

    kind: Literal["walk"]
    id: str


class Verify(TypedDict):
    """The user wants the chain checked."""

    kind: Literal["verify"]


class Export(TypedDict):
    """The user wants the events that match as a file."""

    kind: Literal["export"]
    format: Format
    view: str


class Rows(TypedDict):
    """Events, newest first: the newest ones of all, new ones above them, or older ones below."""

    kind: Literal["rows"]
    place: Literal["all", "above", "below"]
    rows: tuple[EventLine, ...]
    older: bool


class Walked(TypedDict):
    """The chain of cause of a record, in the order from cause to consequence."""

    kind: Literal["walked"]
    anchor: str
    records: tuple[Record, ...]
    left_out: int


class Console(LabWidget):
    """The audit, live.

    Parameters
    ----------
    lab
        Whose audit is shown, the events of other kernels included.
    event, actor, correlation
        Only these events to begin with.
    limit
        How many of the last events the static form counts; default: all.

    Attributes
    ----------
    event, actor, correlation, since, until : str or None
        The filters; times are ISO 8601 in UTC.
    df : pandas.DataFrame
        The events that the static form counts.

    Examples
    --------
    >>> import pplab
    >>> lab = pplab.Lab(store=":temp:")
    >>> console = Console(lab, event="operation_failed")
    >>> len(console.df)
    0
    >>> console.close()
    >>> lab.close()
    """

    bundle: ClassVar[str] = "console"
    takes: ClassVar[tuple[type, ...]] = (Ready, More, Walk, Verify, Export)
    sends: ClassVar[tuple[type, ...]] = (Rows, Walked, Part)

    chain = owned(Chain)
    choices = owned(Choices)
    bars = owned(tuple[Bar, ...], default=())
    busy = owned(str, default="")
    event = chosen(str | None)
    actor = chosen(str | None)
    correlation = chosen(str | None)
    since = chosen(str | None)
    until = chosen(str | None)

    def __init__(
        self,
        lab: Lab,
        *,
        event: str | None = None,
        actor: str | None = None,
        correlation: str | None = None,
        limit: int | None = None,
    ) -> None:
        self.lab = lab
        self.df: pd.DataFrame = lab.context.store.audit(event, actor=actor, correlation_id=correlation, limit=limit)
        self._last = 0
        self._closed = False
        self._live: RecordWatcher[Change] | None = None
        self._store = open_store(lab.folder)
        nothing = {"chain": Chain(head=0, verified=None, broken=""), "choices": Choices(events=(), actors=())}
        super().__init__(lab, event=event, actor=actor, correlation=correlation, **nothing)
        self.observe(self._filtered, FILTERS)

    def static(self) -> Display:
        """Return the counts of events, which do not vary between two runs."""
        return static.audit(self.df, full=False)

    def close(self) -> None:
        """Stop following the audit; closing twice does nothing."""
        with self._turn:
            live, self._live = self._live, None
            closed, self._closed = self._closed, True
        if live is not None:
            live.close()
        if not closed:
            self._store.close()
        super().close()

    # -- the stream -----------------------------------------------------------------------------------------------------------

    @property
    def _filters(self) -> EventFilters:
        return EventFilters(
            event=self.event, actor=self.actor, correlation_id=self.correlation, since=self.since, until=self.until
        )

    def _show(self, *, anew: bool) -> None:
        """Send the newest events, all of them or those that are new, and what stands around them."""
        with self._turn, self._store.reading():  # one opening of the tables for all of them
            filters = self._filters
            page = read_events(self._store, filters, limit=PAGE, after=None if anew else self._last)
            events, actors = events_and_actors(self._store)
            self._last = page.head
            self.choices = Choices(events=events, actors=actors)
            self.chain = {**self.chain, "head": page.head}
            self.bars = _bars(latest_spans(self._store, filters))
            if anew or page.older:  # more is new than fits: what was shown is not what comes before
                self._send_rows("all", page.events, older=page.older)
            elif page.events:
                self._send_rows("above", page.events, older=False)

    def _send_rows(self, place: Literal["all", "above", "below"], events: tuple[Event, ...], *, older: bool) -> None:
        self.tell(Rows(kind="rows", place=place, rows=tuple(map(_line, events)), older=older))

    def _on_batch(self, _changes: tuple[Change, ...]) -> None:
        try:
            self._show(anew=False)
        except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
            self._fail(error)

    def _filtered(self, _change: Any) -> None:
        try:
            self._show(anew=True)
        except Exception as error:  # noqa: BLE001 - shown in the widget
            self._fail(error)
        else:
            self.problem = None

    def _fail(self, error: Exception) -> None:
        with self._turn:
            self._failed = dict(Ready(kind="ready"))
            self.show(error)

    # -- what the user asks for -----------------------------------------------------------------------------------------------

    def _take_ready(self, _message: Ready) -> None:
        if self._live is None and not self._closed:  # not before somebody looks: a notebook that is run by a program needs none
            self._live = RecordWatcher(RecordReader(self.lab.folder / "journal", "event"), on_batch=self._on_batch, wait=SETTLE_S)
        self._show(anew=True)

    def _take_more(self, message: More) -> None:
        page = read_events(self._store, self._filters, limit=PAGE, before=message["before"])
        self._send_rows("below", page.events, older=page.older)

    def _take_walk(self, message: Walk) -> None:
        with self.timed("trace") as timing, Operation(self.lab, "console") as span:
            timing["correlation_id"] = span.correlation_id
            trace = self.lab.trace(message["id"])
        names = {(node.kind, node.id): _name(node.kind, node.label) for node in trace.nodes}
        after: dict[tuple[str, str], list[str]] = {}
        for edge in trace.edges:
            after.setdefault(edge.source, []).append(names.get(edge.target, edge.target[0]))
        records = tuple(
            Record(
                kind=node.kind,
                id=node.id,
                label=clip(escape_text(node.label), _WORDS),
                at=node.at,
                led=tuple(dict.fromkeys(after.get((node.kind, node.id), [])))[:3],
            )
            for node in trace.nodes[:MOST_NODES]
        )
        left_out = len(trace.nodes) - len(records)
        self.tell(Walked(kind="walked", anchor=trace.anchor[1], records=records, left_out=left_out))

    def _take_verify(self, message: Verify) -> None:
        self._work("Verifying the chain", self._verify, message)

    def _verify(self, _message: Verify, span: Span) -> None:
        del span
        try:
            report = self.lab.verify()
        except StoreTampered as error:
            self.chain = {**self.chain, "verified": None, "broken": error.message}
            raise
        self.chain = {**self.chain, "verified": report.rows, "broken": ""}

    def _take_export(self, message: Export) -> None:
        if message["format"] not in ("csv", "jsonl"):
            raise BadInput(f"unknown format '{message['format']}'", hint="use csv or jsonl")
        self._work("Writing the events", self._export, message)

    def _work(self, words: str, work: Any, message: Any) -> None:
        """Do what may take long on a thread of its own, so that the kernel stays free; one thing at a time."""
        if self.busy:
            return
        self.busy = words

        def run() -> None:
            try:
                with self.timed(message["kind"]) as timing, Operation(self.lab, "console") as span:
                    timing["correlation_id"] = span.correlation_id
                    work(message, span)
            except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
                with self._turn:
                    self._failed = dict(message)
                    self.show(error)
            finally:
                self.busy = ""

        thread(run, name="pplab-console").start()

    def _export(self, message: Export, span: Span) -> None:
        """Send the events that match as a file, and record it like every other export."""
        del span
        frame = without_secrets(matching_events(self._store, self._filters), self.lab.scrub)
        name = f"pplab-audit-{now()[:19].replace(':', '')}.{message['format']}"
        about: dict[str, Any] = {"what": "audit", "format": message["format"], "ids": [], "name": name, "records": len(frame)}
        with job(self.lab.context, **about) as complete:
            content = as_bytes(frame, message["format"], "audit")
            complete(content)
        for part in parts(name, content.data, message["view"], note(content.neutralised)):
            self.tell(part)


def _name(kind: str, label: str) -> str:
    return label if kind == "event" else kind


def _line(row: Event) -> EventLine:
    payload = {name: value for name, value in row.payload.items() if name != "v" and value not in (None, "", [], {})}
    words = ", ".join(f"{name} {value if isinstance(value, str) else canonical_json(value)}" for name, value in payload.items())
    entry = CATALOGUE.get(row.event)
    return EventLine(
        seq=row.seq,
        id=row.event_id,
        at=row.occurred_at,
        event=row.event,
        meaning=entry.meaning if entry else "",
        actor=escape_text(row.actor),
        entity=row.entity or "",
        correlation=row.correlation_id or "",
        words=clip(escape_text(words), _WORDS),
    )


def _bars(spans: tuple[Any, ...]) -> tuple[Bar, ...]:
    """Return the spans with their beginnings as milliseconds since the first."""
    from datetime import datetime

    if not spans:
        return ()
    first = datetime.fromisoformat(spans[0].started_at)
    return tuple(
        Bar(
            kind=span.kind,
            name=escape_text(span.name),
            status=span.status,
            at=span.started_at,
            start=(datetime.fromisoformat(span.started_at) - first).total_seconds() * 1000,
            took=span.duration_ms,
        )
        for span in spans
    )
