"""Queries of the audit console: pages of events, what they can be filtered by, and the latest timings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput
from pplab.store.record_types import parse_time, time_text

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

    from pplab.store.store import Store

MOST_SPANS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilters:
    """Conditions on events; ``since`` and ``until`` are ISO 8601 times in UTC, both included."""

    event: str | None = None
    actor: str | None = None
    correlation_id: str | None = None
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the audit."""

    seq: int
    event_id: str
    occurred_at: str
    event: str
    actor: str
    entity: str | None
    entity_id: str | None
    correlation_id: str | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One timed operation or cell: when it began, and how long it took in milliseconds."""

    kind: str
    name: str
    status: str
    started_at: str
    duration_ms: float
    correlation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events, newest first; ``older`` says that more of them match before the last, ``head`` is the last of the whole chain."""

    events: tuple[Event, ...]
    older: bool
    head: int


def read_events(
    store: Store, filters: EventFilters, *, limit: int, before: int | None = None, after: int | None = None
) -> EventPage:
    """Return the youngest ``limit`` events that match, of those between the given sequence numbers.

    Raises
    ------
    BadInput
        When a time cannot be read.
    """
    where, values = _where(filters)
    for name, sign, value in (("before", "<", before), ("after", ">", after)):
        if value is not None:
            where += f" AND seq {sign} ${name}"
            values[name] = value
    names = tuple(Event.__slots__)
    query = f"SELECT {', '.join(names)} FROM audit_logs WHERE {where} ORDER BY seq DESC LIMIT {limit + 1}"
    with store.reading() as cursor:
        events = [_event(dict(zip(names, row, strict=True))) for row in cursor.execute(query, values).fetchall()]
        head = cursor.execute("SELECT coalesce(max(seq), 0) FROM audit_logs").fetchall()[0][0]
    return EventPage(events=tuple(events[:limit]), older=len(events) > limit, head=head)


def matching_events(store: Store, filters: EventFilters) -> pd.DataFrame:
    """Return every column of all events that match, in the order of the chain."""
    where, values = _where(filters)
    with store.reading() as cursor:
        frame: pd.DataFrame = cursor.execute(f"SELECT * FROM audit_logs WHERE {where} ORDER BY seq", values).df()
    return frame


def events_and_actors(store: Store) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the events and the actors that occur in the audit, in alphabetical order."""
    with store.reading() as cursor:
        events, actors = (
            tuple(word for (word,) in cursor.execute(f"SELECT DISTINCT {name} FROM audit_logs ORDER BY {name}").fetchall())
            for name in ("event", "actor")
        )
    return events, actors


def latest_spans(store: Store, filters: EventFilters) -> tuple[Span, ...]:
    """Return the latest operations and cells of a chain of cause and a time, in the order they began."""
    where, values = _where(EventFilters(correlation_id=filters.correlation_id, since=filters.since, until=filters.until))
    where = where.replace("occurred_at", "started_at")
    query = f"""
        SELECT * FROM (
            SELECT * FROM (
                SELECT kind, name, status, recorded_at - to_microseconds(duration_ns // 1000) AS started_at,
                       duration_ns / 1e6 AS duration_ms, correlation_id
                FROM system_metrics WHERE kind = 'operation'
                UNION ALL
                SELECT 'cell', concat('cell ', coalesce('[' || execution_count || ']', '')), status, started_at,
                       duration_ns / 1e6, correlation_id
                FROM cell_executions
            ) WHERE {where} ORDER BY started_at DESC LIMIT {MOST_SPANS}
        ) ORDER BY started_at, duration_ms DESC"""
    with store.reading() as cursor:
        rows = _as_dicts(cursor, query, values)
    return tuple(Span(**{**row, "name": row["name"].strip(), "started_at": time_text(row["started_at"])}) for row in rows)


def _as_dicts(cursor: DuckDBPyConnection, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    cursor.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _event(row: dict[str, Any]) -> Event:
    return Event(**{**row, "occurred_at": time_text(row["occurred_at"]), "payload": json.loads(row["payload"])})


def _where(filters: EventFilters) -> tuple[str, dict[str, Any]]:
    equal = {"event": filters.event, "actor": filters.actor, "correlation_id": filters.correlation_id}
    values: dict[str, Any] = {name: value for name, value in equal.items() if value is not None}
    conditions = [f"{name} = ${name}" for name in values]
    for name, sign, moment in (("since", ">=", filters.since), ("until", "<=", filters.until)):
        if moment is not None:
            try:
                values[name] = parse_time(moment)
            except (TypeError, ValueError):
                raise BadInput(f"{moment!r} is not a time", hint="write it like 2026-11-23T09:30") from None
            conditions.append(f"occurred_at {sign} ${name}")
    return " AND ".join(conditions) or "true", values
