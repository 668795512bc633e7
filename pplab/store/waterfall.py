"""The waterfall of one trace: its cells, operations, calls and repeated requests, each below what caused it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pplab.errors import NotFound
from pplab.store.queries import check_id
from pplab.store.record_types import time_text
from pplab.store.timing_queries import CALL_NAME, CELL_NAME, STARTED_AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplab.store.store import Store

MOST_BARS: Final = 200
"""Bars that are drawn of a trace: cells and operations first, then the longest calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallBar:
    """One timed step of a trace.

    Attributes
    ----------
    kind
        ``cell``, ``operation``, ``call`` or ``request`` (one of several that a call needed).
    id
        Of its row in ``cell_executions``, ``system_metrics`` or ``call_attempts``.
    depth
        How many steps above it led to it, from 0.
    name
        What it is.
    status
        As it is stored; of a request, what was decided on: ``accept``, ``retry``, ``pause`` or ``stop``.
    started_at
        ISO 8601 in UTC.
    duration_ms
        Milliseconds.
    """

    kind: Literal["cell", "operation", "call", "request"]
    id: str
    depth: int
    name: str
    status: str
    started_at: str
    duration_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The steps of a trace, each after what caused it, otherwise in the order in which they began.

    ``left_out`` counts the shorter calls and requests that are not among them.
    """

    correlation_id: str
    bars: tuple[WaterfallBar, ...]
    left_out: int


def read_waterfall(store: Store, correlation_id: str) -> Waterfall:
    """Return the waterfall of a trace.

    Raises
    ------
    NotFound
        When nothing of this trace was timed.
    """
    with store.reading() as cursor:
        rows = cursor.execute(_STEPS, {"trace": check_id(correlation_id), "most": MOST_BARS}).fetchall()
    if not rows:
        raise NotFound(f"nothing was timed with the correlation id '{correlation_id}'", hint="%pplab timing lists what was")
    steps = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    bars = tuple(_in_order(steps))
    return Waterfall(correlation_id=correlation_id, bars=bars, left_out=steps[0]["total"] - len(bars))


_COLUMNS = ("kind", "id", "name", "status", "started_at", "duration_ms", "span", "cause", "total")
_STEPS = f"""
    WITH steps AS (
        SELECT 'cell' AS kind, execution_id AS id, {CELL_NAME} AS name, status, started_at, duration_ns / 1e6 AS duration_ms,
               span_id AS span, NULL AS cause
        FROM cell_executions WHERE correlation_id = $trace
        UNION ALL
        SELECT kind, metric_id, if(kind = 'call', {CALL_NAME}, name), m.status, {STARTED_AT},
               duration_ns / 1e6, m.span_id, parent_span_id
        FROM system_metrics m LEFT JOIN responses r ON r.span_id = m.span_id AND m.kind = 'call'
        WHERE m.correlation_id = $trace AND kind IN ('operation', 'call')
        UNION ALL
        SELECT 'request', attempt_id, concat_ws(' ', 'request', attempt, http_status), decision, started_at, latency_ms, span_id,
               parent_span_id
        FROM call_attempts WHERE correlation_id = $trace
        QUALIFY count(*) OVER (PARTITION BY parent_span_id) > 1)
    SELECT *, count(*) OVER () AS total FROM steps
    ORDER BY kind IN ('cell', 'operation') DESC, duration_ms DESC, id LIMIT $most"""


def _in_order(steps: list[dict[str, Any]]) -> Iterator[WaterfallBar]:
    """Yield each step below what caused it; a request whose call is left out is left out, too."""
    spans = {step["span"] for step in steps}
    below: dict[str | None, list[dict[str, Any]]] = {}
    for step in sorted(steps, key=lambda step: (step["started_at"], -step["duration_ms"], step["id"])):
        cause = step["cause"] if step["cause"] in spans - {step["span"]} else None
        if cause is not None or step["kind"] != "request":
            below.setdefault(cause, []).append(step)
    waiting = [(step, 0) for step in reversed(below.pop(None, []))]
    while waiting:
        step, depth = waiting.pop()
        yield WaterfallBar(
            **{name: step[name] for name in ("kind", "id", "name", "status", "duration_ms")},
            started_at=time_text(step["started_at"]),
            depth=depth,
        )
        waiting += [(inner, depth + 1) for inner in reversed(below.pop(step["span"], []))]
