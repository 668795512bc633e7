"""The digest of a table: one number over all its rows, in any order, which the drains carry along and verification recomputes.

It is computed alike in SQL, which is planned for 5 to 20 ms and then takes 4 to 25 us a row, and in Python, which takes 8 to 40.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pplab.store.record_types import RECORD_TYPES, Column, RecordType, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from duckdb import DuckDBPyConnection

DIGESTED = tuple(record_type for record_type in RECORD_TYPES.values() if record_type.name != "event")
"""The record types whose tables have a digest; the audit rows have their chain."""


def _field(column: Column) -> str:
    """Return the pieces of one field, length-prefixed, NULL apart from the empty text, alike in every version of DuckDB.

    A column of a later migration leaves the digest of rows that have nothing in it as it was.
    """
    text = column.name
    if column.holds == "float":
        text = f"format('{{:.17g}}', {column.name})"  # 17 digits name each double
    elif column.holds == "time":
        text = f"strftime({column.name}, '%Y-%m-%dT%H:%M:%S.%f')"
    elif column.holds == "int":
        text = f"{column.name}::VARCHAR"
    if column.since > 1:
        return f"coalesce('{column.name}' || strlen({text}) || ':' || {text} || ';', '')"
    return f"coalesce(strlen({text}) || ':' || {text}, '-'), ';'"


_DIGEST = {
    record_type.table: f"bit_xor(md5_number(concat({', '.join(_field(column) for column in record_type.columns)})))"
    for record_type in DIGESTED
}


_TEXT: dict[str, Callable[[Any], str]] = {
    "str": str,
    "json": str,
    "int": str,
    "float": "{:.17g}".format,
    "time": time_text,
}


def digest_of(record_type: RecordType, rows: Iterable[Mapping[str, Any]]) -> int:
    """Return what `digest` returns, of rows that are not in a table: their values by column, as the table would hold them.

    Examples
    --------
    >>> digest_of(RECORD_TYPES["label"], [])
    0
    """
    columns = [
        (column.name, _TEXT[column.holds], column.name if column.since > 1 else "", "" if column.since > 1 else "-;")
        for column in record_type.columns
    ]
    whole = 0
    for row in rows:
        pieces = []
        for name, text_of, before, missing in columns:
            value = row[name]
            if value is None:
                pieces.append(missing)
            else:
                text = text_of(value)
                pieces.append(f"{before}{len(text) if text.isascii() else len(text.encode())}:{text};")
        md5 = hashlib.md5("".join(pieces).encode(), usedforsecurity=False).digest()
        whole ^= int.from_bytes(md5, "little")
    return whole


def digest(cursor: DuckDBPyConnection, table: str, rows: str) -> int:
    """Return the exclusive or of the MD5 numbers of some rows of a table; 0 when there are none.

    The exclusive or of the digests of two sets of rows is that of their union, and taking rows away is adding them again.
    Detects accidental changes only. A forger can recompute it; compare with the journal (rebuild) for that.

    Parameters
    ----------
    cursor
        A cursor on the tables.
    table
        The table whose columns the rows have.
    rows
        What stands behind ``FROM``: the table itself, or a choice of its rows.
    """
    return int(cursor.execute(f"SELECT coalesce({_DIGEST[table]}, 0) FROM {rows}").fetchall()[0][0])
