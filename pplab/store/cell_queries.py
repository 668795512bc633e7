"""Queries of the cell audit: the latest run of each cell of a notebook, with the calls, tokens and cost that it caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.store.record_types import time_text

if TYPE_CHECKING:
    from pplab.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """The latest run of a cell.

    Attributes
    ----------
    cell_id : str
        The cell's id in the notebook file.
    execution_count : int or None
        The number shown beside the cell.
    started_at : str
        ISO 8601, UTC, without an offset.
    duration_ms : float
        Milliseconds.
    status : str
        ``ok``, ``error``, ``interrupted`` or ``syntax error``.
    correlation_id : str
        What it caused has the same.
    calls, tokens : int
        Calls to models that were sent, and the tokens in and out that their replies counted.
    cost : float or None
        US dollars; ``None`` where it is not known of any call.
    """

    cell_id: str
    execution_count: int | None
    started_at: str
    duration_ms: float
    status: str
    correlation_id: str
    calls: int
    tokens: int
    cost: float | None


_LATEST = """
WITH latest AS (SELECT cell_id, execution_count, started_at, duration_ns / 1e6 AS duration_ms, status, correlation_id
                FROM cell_executions WHERE notebook = ? AND cell_id IS NOT NULL
                QUALIFY row_number() OVER (PARTITION BY cell_id ORDER BY started_at DESC, execution_id DESC) = 1),
     caused AS (SELECT correlation_id, count(*) FILTER (status <> 'cancelled') AS calls, sum(cost) AS cost,
                       (coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0))::BIGINT AS tokens
                FROM responses WHERE correlation_id IN (SELECT correlation_id FROM latest) GROUP BY correlation_id)
SELECT cell_id, execution_count, started_at, duration_ms, status, correlation_id, coalesce(calls, 0) AS calls,
       coalesce(tokens, 0) AS tokens, cost
FROM latest LEFT JOIN caused USING (correlation_id) ORDER BY started_at, cell_id"""


def latest_cells(store: Store, notebook: str) -> tuple[CellRun, ...]:
    """Return the latest run of each cell of a notebook, oldest first; cells without an id are left out.

    Parameters
    ----------
    store
        Whose tables are asked.
    notebook
        The notebook as the cell audit names it.
    """
    with store.reading() as cursor:
        cursor.execute(_LATEST, [notebook])
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return tuple(CellRun(**{**row, "started_at": time_text(row["started_at"])}) for row in rows)
