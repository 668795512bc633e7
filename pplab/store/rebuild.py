"""Rebuilding: the tables made again from the journals alone, compared with the stored ones, and swapped in when asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pplab.store.drain import drain
from pplab.store.migrate import open_migrated
from pplab.store.record_types import RECORD_TYPES

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from duckdb import DuckDBPyConnection

KEYS = {record_type.table: (record_type.key,) for record_type in RECORD_TYPES.values()} | {
    "analytics_summaries": ("user", "calibration_id", "measure"),
    "journal_files": ("file",),
    "origins": ("origin",),
    "pulled_records": ("id",),
}
"""The compared tables. ``schema_version`` has only the clock of the migration, ``drained`` only counts of the others."""

_ROUNDED = {"mean", "m2"}
"""Sums that depend, in their last digits, on how the rows were split into drains."""


@dataclass(frozen=True, slots=True)
class TableComparison:
    """Comparison of one table: rows stored and rebuilt, and how many of them only one side has or differ."""

    table: str
    stored: int
    rebuilt: int
    missing: int
    added: int
    different: int
    examples: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether both sides have the same rows."""
        return not (self.missing or self.added or self.different)


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """The outcome of a rebuild: one comparison a table, and whether the rebuilt tables were put in place.

    ``missing`` rows are stored but not in the journals, ``added`` ones only in the journals; ``examples`` name some keys.
    """

    tables: tuple[TableComparison, ...]
    swapped: bool
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether every rebuilt table equals the stored one."""
        return all(table.equal for table in self.tables)

    @property
    def differences(self) -> int:
        """How many rows only one side has, or differ."""
        return sum(table.missing + table.added + table.different for table in self.tables)

    @property
    def words(self) -> str:
        """The outcome in one line, and what to do."""
        if self.equal:
            outcome = f"all {len(self.tables)} tables are as the journals have them"
        else:
            outcome = f"stored and rebuilt tables differ: {'; '.join(filter(None, map(_in_words, self.tables)))}"
        if self.swapped:
            return f"{outcome}. The rebuilt tables are in place; the former file is kept in backup/"
        return outcome if self.equal else f"{outcome}. Nothing was changed; rebuild --swap puts the rebuilt tables in place"

    @property
    def df(self) -> pd.DataFrame:
        """One row a table: rows stored and rebuilt, rows that one side alone has, rows that differ, and some of their keys."""
        import pandas as pd

        return pd.DataFrame(
            {
                "table": table.table,
                "stored": table.stored,
                "rebuilt": table.rebuilt,
                "only_stored": table.missing,
                "only_rebuilt": table.added,
                "different": table.different,
                "examples": ", ".join(table.examples),
            }
            for table in self.tables
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        return {"equal": self.equal, "swapped": self.swapped, "tables": self.df.to_dict("records")}


def _in_words(table: TableComparison) -> str:
    counts = {
        "differ": table.different,
        "are only in the stored table": table.missing,
        "are only in the rebuilt table": table.added,
    }
    parts = [f"{count:,} {what}" for what, count in counts.items() if count]
    return f"of {table.table}, {', '.join(parts)}" if parts else ""


def rebuild(folder: Path, path: Path, *, swap: bool) -> RebuildReport:
    """Make the tables again beside the stored ones and compare; the caller holds the lease and has drained.

    With ``swap`` the stored file is copied to ``backup/`` and then replaced in one step.
    """
    started = time.perf_counter()
    fresh_path = folder / f"rebuild-{os.getpid()}.duckdb"
    _remove(fresh_path)
    try:
        fresh = open_migrated(fresh_path)
        try:
            drain(fresh.cursor(), folder, record=swap)
            stored = open_migrated(path)
            try:
                tables = tuple(_compare(stored.cursor(), fresh.cursor(), table) for table in KEYS)
                stored.cursor().execute("CHECKPOINT")
            finally:
                stored.close()
            fresh.cursor().execute("CHECKPOINT")
        finally:
            fresh.close()
        if swap:
            backup = folder / "backup"
            backup.mkdir(exist_ok=True)
            shutil.copy2(path, backup / f"{path.stem}-before-rebuild-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{path.suffix}")
            _remove_log(path)
            fresh_path.replace(path)
    finally:
        _remove(fresh_path)
    return RebuildReport(tables, swap, time.perf_counter() - started)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _remove_log(path)


def _remove_log(path: Path) -> None:
    """Remove a write-ahead log that a checkpoint has emptied."""
    with contextlib.suppress(FileNotFoundError):  # there is none
        path.with_name(f"{path.name}.wal").unlink()


_COMPARED = f"""
SELECT coalesce(s.key, f.key),
       CASE WHEN f.key IS NULL THEN 'missing' WHEN s.key IS NULL THEN 'added' ELSE 'different' END
FROM stored s FULL JOIN fresh f ON s.key = f.key
WHERE s.key IS NULL OR f.key IS NULL OR s.hash <> f.hash
   OR {" OR ".join(f"abs(s.{name} - f.{name}) > 1e-9 * greatest(1, abs(f.{name}))" for name in sorted(_ROUNDED))}
ORDER BY ALL
"""


def _compare(stored: DuckDBPyConnection, fresh: DuckDBPyConnection, table: str) -> TableComparison:
    query = _row_hashes(fresh, table)
    before = stored.sql(query).to_arrow_table()
    after = fresh.sql(query).to_arrow_table()
    fresh.register("stored", before)
    fresh.register("fresh", after)
    wrong = fresh.execute(_COMPARED).fetchall()
    fresh.unregister("stored")
    fresh.unregister("fresh")
    sides = [side for _, side in wrong]
    return TableComparison(
        table=table,
        stored=before.num_rows,
        rebuilt=after.num_rows,
        missing=sides.count("missing"),
        added=sides.count("added"),
        different=sides.count("different"),
        examples=tuple(key for key, _ in wrong[:5]),
    )


def _row_hashes(cursor: DuckDBPyConnection, table: str) -> str:
    """Return the query for a table's keys, the hash of each row, and its rounded sums (NULL where it has none)."""
    names = [
        name
        for (name,) in cursor.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
        ).fetchall()
    ]
    key = " || ' ' || ".join(f"{name}::VARCHAR" for name in KEYS[table])
    text = " || ".join(
        f"coalesce(strlen({name}::VARCHAR) || ':' || {name}::VARCHAR, '-')" for name in names if name not in _ROUNDED
    )
    sums = ", ".join(name if name in names else f"NULL::DOUBLE AS {name}" for name in sorted(_ROUNDED))
    return f"SELECT {key} AS key, sha256({text}) AS hash, {sums} FROM {table}"
