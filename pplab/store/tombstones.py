"""Tombstones where they are stored: in the audit rows, and in the journals, from which tables are made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.store import segments
from pplab.store.forgotten import EVENT, Forgotten, read_tombstone
from pplab.store.journal_format import DamagedLine, decode
from pplab.store.record_types import RECORD_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pplab.store.forgotten import Tombstone

_COLUMNS = ("seq", *(column.name for column in RECORD_TYPES["event"].columns), "prev_hash", "hash")
_WORD = f'"{EVENT}"'.encode()


def stored(cursor: DuckDBPyConnection) -> Forgotten:
    """Return what the audit says was forgotten."""
    rows = _rows(cursor, "event = ?", [EVENT])
    return Forgotten(filter(None, map(read_tombstone, rows)))


def rows_named(cursor: DuckDBPyConnection, forgotten: Forgotten) -> Iterator[dict[str, Any]]:
    """Yield the audit rows that tombstones name, as they are now."""
    return rows_of(cursor, forgotten.events)


def rows_of(cursor: DuckDBPyConnection, events: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the audit rows of some events."""
    if events:
        yield from _rows(cursor, "list_contains(?, event_id)", [events])


def in_journals(journal: Path) -> Forgotten:
    """Return what the journals say was forgotten, those of other labs included; where each stands in the chain is not known."""
    found: list[Tombstone] = []
    for name in segments.file_names(journal):
        data = segments.read_range(journal, name, 0)
        if _WORD not in data:
            continue
        found += in_lines(data.split(b"\n"))
    return Forgotten(found)


def in_lines(lines: Iterable[bytes]) -> list[Tombstone]:
    """Return the tombstones among journal lines."""
    return list(filter(None, (_tombstone(line) for line in lines if _WORD in line)))


def _tombstone(line: bytes) -> Tombstone | None:
    try:
        record_type, values = decode(line)
    except DamagedLine:
        return None
    return read_tombstone(values) if record_type.name == "event" else None


def _rows(cursor: DuckDBPyConnection, where: str, values: list[Any]) -> Iterator[dict[str, Any]]:
    rows = cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM audit_logs WHERE {where} ORDER BY seq", values).fetchall()
    return (dict(zip(_COLUMNS, row, strict=True)) for row in rows)
