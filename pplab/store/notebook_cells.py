"""The cells of one notebook as they ran last: what each took and what it cost, for the line below it."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pplab.inputs.paths import path_from
from pplab.store.record_types import time_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pplab.store.store import Store

MOST_FOLDERS: Final = 2000
"""Folders that are looked through for another notebook of the same name; with more, a bare name counts as ambiguous."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """The latest run of one cell.

    Attributes
    ----------
    cell_id
        The cell's id in the notebook.
    execution_count
        The number beside the cell; ``None`` where the run got none.
    started_at
        When it began, ISO 8601 in UTC.
    duration_ms
        How long it ran, in milliseconds.
    calls
        The calls to a model that it caused, those that failed and those made after its end (a detached run) included.
    tokens
        Tokens of their prompts and answers together; ``None`` where no server told any.
    cost
        What they cost in US dollars; ``None`` where nothing of it is known.
    correlation_id
        The trace that the run began.
    status
        ``ok``, ``error``, ``interrupted`` or ``syntax error``.
    """

    cell_id: str
    execution_count: int | None
    started_at: str
    duration_ms: float
    calls: int
    tokens: int | None
    cost: float | None
    correlation_id: str
    status: str


def cells_of_notebook(store: Store, notebook: str | os.PathLike[str]) -> list[CellRun]:
    """Return the latest run of each cell of a notebook, in the order in which they began.

    Runs that a front end named no cell for (``nbclient``, cells run by cells) are left out. Earlier versions of pplab stored the
    notebook's name without its folder. Such a row belongs to the notebook of that name beside the lab, else to the only one of
    that name; where several have it, the row is nobody's.

    Parameters
    ----------
    store
        The lab's store.
    notebook
        The notebook's path, absolute or relative to the working folder.

    Examples
    --------
    >>> from pplab.store.store import open_store
    >>> store = open_store(":temp:")
    >>> cells_of_notebook(store, "analysis.ipynb")
    []
    >>> store.close()
    """
    root = store.folder.parent
    path = path_from(root, os.fspath(notebook))
    if path is None:
        return []
    with store.reading() as cursor:
        names = [path, *_former_name(cursor, root, path)]
        rows = cursor.execute(_LATEST_RUNS, {"names": names}).fetchall()
    columns = [field.name for field in fields(CellRun)]
    runs = [dict(zip(columns, row, strict=True)) for row in rows]
    return [CellRun(**{**run, "started_at": time_text(run["started_at"])}) for run in runs]


_LATEST_RUNS = """
    WITH runs AS (
        SELECT * FROM cell_executions WHERE notebook IN (SELECT unnest($names)) AND cell_id IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY cell_id ORDER BY started_at DESC, execution_id DESC) = 1),
    calls AS (
        SELECT correlation_id, count(*) AS calls FROM system_metrics
        WHERE kind = 'call' AND correlation_id IN (SELECT correlation_id FROM runs) GROUP BY ALL),
    paid AS (
        SELECT correlation_id, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))
                   FILTER (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)::BIGINT AS tokens, sum(cost) AS cost
        FROM responses WHERE correlation_id IN (SELECT correlation_id FROM runs) GROUP BY ALL)
    SELECT cell_id, execution_count, started_at, duration_ns / 1e6, coalesce(calls, 0), tokens, cost, correlation_id, status
    FROM runs LEFT JOIN calls USING (correlation_id) LEFT JOIN paid USING (correlation_id) ORDER BY started_at, execution_id"""


def _former_name(cursor: DuckDBPyConnection, root: Path, path: str) -> list[str]:
    """Return the bare name of a notebook in a folder, where earlier rows have it and no other notebook has that name."""
    folder, _, name = path.rpartition("/")
    if not folder:
        return []
    query = "SELECT DISTINCT notebook FROM cell_executions WHERE notebook = $name OR ends_with(notebook, '/' || $name)"
    stored = {row[0] for row in cursor.execute(query, {"name": name}).fetchall()}
    lone = name in stored and stored <= {name, path} and _only_one(root, name, path)
    return [name] if lone else []


def _only_one(root: Path, name: str, path: str) -> bool:
    """Return whether no other notebook below a folder has this name, as far as that can be found out quickly."""
    for count, (folder, folders, files) in enumerate(os.walk(root)):
        folders[:] = [inner for inner in folders if not inner.startswith(".")]
        if count == MOST_FOLDERS or (name in files and path_from(root, str(Path(folder, name))) != path):
            return False
    return True
