"""Queries of the timing view: cells, operations and calls over time, and the latest, the slowest and the dearest of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pplab.plan.vocabulary import ANSWERED
from pplab.store.queries import in_list
from pplab.store.record_types import time_text

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from pplab.store.store import Store

Kind: TypeAlias = Literal["cell", "operation", "call"]
"""What is timed, each caused by the one before."""
KINDS: Final[tuple[Kind, ...]] = ("cell", "operation", "call")
LISTED: Final = 5
"""How many there are of each list."""
MOST_PERIODS: Final = 60
"""Into how many periods of time a range is divided at most."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
STEPS: Final = (
    *(1, 5, 10, 30, _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 7 * _DAY, 28 * _DAY, 364 * _DAY),
)
"""Lengths that a period of time may have, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One cell, operation or call.

    Attributes
    ----------
    kind
        A cell, an operation or a call.
    id
        Of its row in ``cell_executions`` or ``system_metrics``.
    name
        What it is: ``cell [3]``, an operation's name, a call's place in the plan of its experiment.
    about
        A cell's notebook, a call's model; empty where it is unknown.
    status
        As it is stored; of a call, its response's.
    started_at
        ISO 8601 in UTC.
    duration_ms
        Milliseconds.
    calls
        The calls to models that it caused, a call itself included. Calls of a cell that another cell ran count for that one.
    tokens
        Tokens of their prompts and answers; ``None`` where none are known.
    cost
        US dollars of their answers; ``None`` where nothing of it is known.
    correlation_id
        Its trace.
    """

    kind: Kind
    id: str
    name: str
    about: str
    status: str
    started_at: str
    duration_ms: float
    calls: int
    tokens: int | None
    cost: float | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """All of one kind that began in a period of time; durations in milliseconds.

    ``place`` counts periods from the report's beginning, from 0. ``failed`` are cells and operations that did not end well, and
    calls that ended without an answer.
    """

    kind: Kind
    place: int
    count: int
    failed: int
    shortest_ms: float
    median_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """All of one kind in a range of time: how many, and the median, the 95th percentile and the longest, in milliseconds."""

    kind: Kind
    count: int
    failed: int
    median_ms: float
    percentile_95_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingReport:
    """What was timed in a range of time.

    Attributes
    ----------
    begins_at, ends_at
        The range as it is divided into periods; ISO 8601 in UTC.
    step_s
        The length of a period in seconds.
    durations
        One record a kind of which there is any.
    periods
        One record a kind and period of which there is any.
    latest, slowest, dearest
        The first five of each kind; only what is known to have cost something is among the dearest.
    tokens, cost
        Of all calls; ``None`` where none are known.
    """

    begins_at: str
    ends_at: str
    step_s: int
    durations: tuple[Durations, ...] = ()
    periods: tuple[Period, ...] = ()
    latest: tuple[Timed, ...] = ()
    slowest: tuple[Timed, ...] = ()
    dearest: tuple[Timed, ...] = ()
    tokens: int | None = None
    cost: float | None = None


@dataclass(slots=True)
class _Range:
    """The bound values of a query: the range, and how it is divided."""

    since: datetime | None
    until: datetime
    origin: datetime = field(init=False)
    step: int = field(init=False)

    def divide(self, first: datetime, midnight: datetime) -> None:
        """Choose the shortest step that needs no more than the most periods, with edges counted from a midnight."""
        length = (self.until - first).total_seconds()
        self.step = next((step for step in STEPS if length <= step * (MOST_PERIODS - 1)), STEPS[-1])
        step = timedelta(seconds=self.step)
        self.origin = midnight + (first - midnight) // step * step


def read_timing(store: Store, since: datetime | None, until: datetime, midnight: datetime) -> TimingReport:
    """Return what began in a range of time, of every kernel and process of the lab.

    Parameters
    ----------
    store
        The lab's store.
    since, until
        The range, in UTC without a zone; without ``since`` from the first that is stored.
    midnight
        A midnight by the reader's clock, in UTC: edges of periods are counted from it.
    """
    span = _Range(since, until)
    values: dict[str, Any] = {"since": since, "until": until}
    with store.reading() as cursor:
        first = cursor.execute(f"WITH {_TIMED} SELECT min(started_at) FROM timed", values).fetchall()[0][0]
        span.divide(since or first or until, midnight)
        ends: dict[str, Any] = {"begins_at": time_text(span.origin), "ends_at": time_text(until), "step_s": span.step}
        if first is None:
            return TimingReport(**ends)
        durations, periods = _over_time(cursor, {**values, "origin": span.origin, "step": span.step})
        lists, tokens, cost = _lists(cursor, values)
    return TimingReport(**ends, durations=durations, periods=periods, **lists, tokens=tokens, cost=cost)


STARTED_AT: Final = "recorded_at - to_microseconds(duration_ns // 1000)"
"""When a row of ``system_metrics`` began."""
_WITHIN = "({0} >= $since OR $since IS NULL) AND {0} <= $until"
_TIMED = f"""
    timed AS (
        SELECT 'cell' AS kind, status, status <> 'ok' AS failed, started_at, duration_ns / 1e6 AS duration_ms
        FROM cell_executions WHERE {_WITHIN.format("started_at")}
        UNION ALL
        SELECT kind, status, if(kind = 'call', status NOT IN {in_list(ANSWERED)}, status <> 'ok'),
               {STARTED_AT}, duration_ns / 1e6
        FROM system_metrics WHERE kind IN ('operation', 'call') AND {_WITHIN.format(f"({STARTED_AT})")})"""


def _over_time(cursor: DuckDBPyConnection, values: dict[str, Any]) -> tuple[tuple[Durations, ...], tuple[Period, ...]]:
    query = f"""
        WITH {_TIMED}, placed AS (
            SELECT *, (epoch_us(started_at) - epoch_us($origin::TIMESTAMP)) // ($step::BIGINT * 1000000) AS place FROM timed)
        SELECT kind, place, count(*), count(*) FILTER (failed), min(duration_ms), median(duration_ms),
               quantile_cont(duration_ms, 0.95), max(duration_ms)
        FROM placed GROUP BY GROUPING SETS ((kind), (kind, place)) ORDER BY place"""
    durations, periods = {}, []
    for kind, place, count, failed, shortest, median, high, longest in cursor.execute(query, values).fetchall():
        counted = {"kind": kind, "count": count, "failed": failed, "median_ms": median, "longest_ms": longest}
        if place is None:
            durations[kind] = Durations(**counted, percentile_95_ms=high)
        else:
            periods.append(Period(**counted, place=place, shortest_ms=shortest))
    return tuple(durations[kind] for kind in KINDS if kind in durations), tuple(periods)


_TOKENS = """if(input_tokens IS NULL AND output_tokens IS NULL, NULL,
                      coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::BIGINT"""
CALL_NAME: Final = """if(response_id IS NULL, 'call',
    concat_ws(' ', 'prompt', prompt_index, 'setting', setting_index, 'replicate', replicate))"""
"""What a call is called: its response's place in the plan."""
CELL_NAME: Final = "concat('cell', ' [' || execution_count || ']')"

_SUMS = "count(*) AS calls, sum(tokens) AS tokens, sum(cost) AS cost"
_LISTED = f"""
    calls AS MATERIALIZED (
        SELECT 'call' AS kind, metric_id AS id, {CALL_NAME} AS name, coalesce(model, '') AS about, m.status,
               {STARTED_AT} AS started_at, duration_ns / 1e6 AS duration_ms, 1 AS calls, {_TOKENS} AS tokens, cost,
               m.correlation_id, m.parent_span_id
        FROM system_metrics m LEFT JOIN responses r ON r.span_id = m.span_id
        WHERE m.kind = 'call' AND {_WITHIN.format(f"({STARTED_AT})")}),
    by_trace AS (SELECT correlation_id, {_SUMS} FROM calls GROUP BY ALL),
    by_parent AS MATERIALIZED (SELECT parent_span_id AS span_id, {_SUMS} FROM calls GROUP BY ALL),
    operations AS MATERIALIZED (SELECT * FROM system_metrics WHERE kind = 'operation'),
    above AS (
        SELECT span_id, span_id AS operation FROM by_parent
        UNION
        SELECT a.span_id, o.parent_span_id FROM above a JOIN operations o ON o.span_id = a.operation),
    by_operation AS (
        SELECT operation AS span_id, sum(calls) AS calls, sum(tokens) AS tokens, sum(cost) AS cost
        FROM above JOIN by_parent USING (span_id) GROUP BY ALL),
    cells AS (
        SELECT *, row_number() OVER (PARTITION BY correlation_id ORDER BY started_at, duration_ns DESC) = 1 AS outermost
        FROM cell_executions WHERE {_WITHIN.format("started_at")}),
    listed AS MATERIALIZED (
        SELECT * EXCLUDE parent_span_id FROM calls
        UNION ALL
        SELECT 'operation', metric_id, name, '', status, {STARTED_AT}, duration_ns / 1e6,
               coalesce(calls, 0), tokens, cost, correlation_id
        FROM operations LEFT JOIN by_operation USING (span_id) WHERE {_WITHIN.format(f"({STARTED_AT})")}
        UNION ALL
        SELECT 'cell', execution_id, {CELL_NAME}, coalesce(notebook, ''), status, started_at, duration_ns / 1e6,
               coalesce(calls, 0), tokens, cost, c.correlation_id
        FROM cells c LEFT JOIN by_trace t ON t.correlation_id = c.correlation_id AND outermost)"""


def _lists(cursor: DuckDBPyConnection, values: dict[str, Any]) -> tuple[dict[str, Any], int | None, float | None]:
    """Return the three lists, and the tokens and the cost of all calls."""
    best = "max_by(listed, {{'by': {}, 'at': started_at, 'id': id}}, {})"
    query = f"""
        WITH RECURSIVE {_LISTED}
        SELECT kind, {best.format("started_at", LISTED)}, {best.format("duration_ms", LISTED)},
               {best.format("cost", LISTED)} FILTER (cost > 0), sum(tokens), sum(cost)
        FROM listed GROUP BY kind"""
    lists: dict[str, list[Timed]] = {"latest": [], "slowest": [], "dearest": []}
    tokens = cost = None
    for kind, *found, tokens_of_kind, cost_of_kind in cursor.execute(query, values).fetchall():
        for into, rows in zip(lists.values(), found, strict=True):
            into += [_timed(row) for row in rows or ()]
        if kind == "call":
            tokens, cost = tokens_of_kind, cost_of_kind
    ordered = {name: tuple(sorted(found, key=_by_kind)) for name, found in lists.items()}  # the order in each kind stays
    return ordered, None if tokens is None else int(tokens), cost


def _by_kind(timed: Timed) -> int:
    return KINDS.index(timed.kind)


def _timed(row: dict[str, Any]) -> Timed:
    whole = {name: None if row[name] is None else int(row[name]) for name in ("calls", "tokens")}
    return Timed(**{**row, **whole, "started_at": time_text(row["started_at"])})
