"""Rows of another lab on their way into the tables: what is this lab's or a third one's is not overwritten by them, but named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.store import segments
from pplab.store.record_types import RECORD_TYPES, RecordType

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    Batch = dict[str, list[dict[str, Any]]]

OWN = ""
"""What stands for this lab where the owner of a record is meant."""
OWNED = ("experiment", "response", "attempt")
"""The records that only the lab which ran their experiment may write."""
CONFLICT = "conflict"
"""How the names of lines that were refused end, among those set aside."""

WHEN_AND_WHO = frozenset({"created_at", "occurred_at", "correlation_id", "span_id", "parent_span_id", "actor", "cost", "origin"})
"""Columns that may differ where two labs wrote the same thing: the same score of the same answer, the same imported package."""


class Arrivals:
    """The rows of one origin in one drain.

    A record whose id is there already stays as it is: delivered again it changes nothing, and one with other content is set
    aside as a conflict, which verification names. An experiment with its responses, and a rating, may be revised by the lab that
    it came from alone; scores and names may be given by anybody.

    Parameters
    ----------
    cursor
        A cursor on the tables, in the drain's transaction.
    journal
        The journal folder.
    origin
        The id of the other lab.
    """

    def __init__(self, cursor: DuckDBPyConnection, journal: Path, origin: str) -> None:
        self.cursor = cursor
        self.origin = origin
        self._journal = journal
        self._lines: dict[int, tuple[str, int, bytes]] = {}

    def note(self, values: dict[str, Any], file: str, offset: int, line: bytes) -> None:
        """Note where a row came from."""
        self._lines[id(values)] = file, offset, line

    def admitted(self, batch: Batch) -> Batch:
        """Return the rows of a batch that may enter; set the conflicting ones aside, and note whose the others are."""
        experiments = self._owners_of_experiments({row["experiment_id"] for name in OWNED for row in batch.get(name, ())})
        ratings = self._owners_of_ratings({row["rating_id"] for row in batch.get("rating", ())})
        kept: Batch = {}
        claims: set[str] = set()
        for name, rows in batch.items():
            record_type = RECORD_TYPES[name]
            stored = self._stored(record_type, {row[record_type.key] for row in rows})
            kept[name] = []
            for row in rows:
                before = stored.get(row[record_type.key])
                owners = experiments if name in OWNED else ratings
                entity = row["experiment_id"] if name in OWNED else row[record_type.key]
                if self._may_enter(record_type, row, before, owners.get(entity, self.origin)):
                    kept[name].append(row)
                    if name in (*OWNED, "rating") and entity not in owners:
                        claims.add(entity)
                elif before is None or not _changes_nothing(record_type, row, before):
                    segments.set_aside(self._journal, *self._lines[id(row)], CONFLICT)
        self._claim(claims)
        self._lines.clear()
        return kept

    def _may_enter(self, record_type: RecordType, row: dict[str, Any], before: dict[str, Any] | None, owner: str) -> bool:
        if record_type.name == "label":
            return True
        if owner != self.origin:
            return False
        if before is None:
            return True
        if record_type.name == "response":
            return bool(row["experiment_id"] == before["experiment_id"])
        return record_type.revised

    def _stored(self, record_type: RecordType, ids: set[str]) -> dict[str, dict[str, Any]]:
        names = [column.name for column in record_type.columns]
        rows = self._select(
            f"SELECT {', '.join(names)} FROM {record_type.table} WHERE {record_type.key} IN (SELECT id FROM ids)", ids
        )
        found = (dict(zip(names, row, strict=True)) for row in rows)
        return {row[record_type.key]: row for row in found}

    def _owners_of_experiments(self, ids: set[str]) -> dict[str, str]:
        return self._owners("SELECT experiment_id FROM experiments WHERE experiment_id IN (SELECT id FROM ids)", ids)

    def _owners_of_ratings(self, ids: set[str]) -> dict[str, str]:
        return self._owners("SELECT rating_id FROM ratings WHERE rating_id IN (SELECT id FROM ids)", ids)

    def _owners(self, query: str, ids: set[str]) -> dict[str, str]:
        """Return whose the records are that are known; what is stored and was never pulled is this lab's own."""
        own = dict.fromkeys((id_ for (id_,) in self._select(query, ids)), OWN)
        return own | owners(self.cursor, ids)

    def _select(self, query: str, ids: set[str]) -> list[Any]:
        return _select(self.cursor, query, ids)

    def _claim(self, ids: set[str]) -> None:
        if ids:
            _register(self.cursor, ids)
            self.cursor.execute("INSERT INTO pulled_records SELECT id, ? FROM ids", [self.origin])


def owners(cursor: DuckDBPyConnection, ids: set[str]) -> dict[str, str]:
    """Return the origin of each experiment or rating, among those of these ids, that was pulled."""
    return dict(_select(cursor, "SELECT id, origin FROM pulled_records WHERE id IN (SELECT id FROM ids)", ids))


def names_of_origins(cursor: DuckDBPyConnection) -> dict[str, str]:
    """Return what each lab calls itself that records were pulled from, by its id."""
    return dict(cursor.execute("SELECT origin, name FROM origins").fetchall())


def _changes_nothing(record_type: RecordType, row: dict[str, Any], before: dict[str, Any]) -> bool:
    """Return whether a record says what is there already, or is an older state of it."""
    if record_type.revised and row["revision"] < before["revision"]:
        return True
    return all(row[column.name] == before[column.name] for column in record_type.columns if column.name not in WHEN_AND_WHO)


def _select(cursor: DuckDBPyConnection, query: str, ids: set[str]) -> list[Any]:
    if not ids:
        return []
    _register(cursor, ids)
    return cursor.execute(query).fetchall()


def _register(cursor: DuckDBPyConnection, ids: set[str]) -> None:
    import pyarrow as pa

    cursor.register("ids", pa.table({"id": pa.array(sorted(ids), pa.string())}))
