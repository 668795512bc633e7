"""The hash chain over the audit rows: one canonical text, computed alike in Python and in SQL, and the hash of each row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.store.record_types import RECORD_TYPES, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GENESIS = "0" * 64
"""The ``prev_hash`` of the first row."""

CHAINED = ("seq", *(column.name for column in RECORD_TYPES["event"].columns), "prev_hash")
"""The columns that a row's hash covers, in the order of its canonical text: all but the hash itself."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last sequence number of the chain and its hash; ``(0, GENESIS)`` when there is none."""

    seq: int = 0
    hash: str = GENESIS


def canonical_text(values: Mapping[str, Any]) -> str:
    """Return the canonical text of an audit row.

    Each field is ``<length in UTF-8 bytes>:<text>;`` and NULL is ``-;``, so that no two rows share a text: ``("a", "bc")``
    differs from ``("ab", "c")`` and NULL from the empty string. Times are ISO 8601 UTC with microseconds, numbers decimal.

    Examples
    --------
    >>> canonical_text(dict.fromkeys(CHAINED) | {"seq": 7, "event": "é"})
    '1:7;-;-;2:é;-;-;-;-;-;-;-;-;'
    """
    parts = []
    for name in CHAINED:
        value = values[name]
        if value is None:
            parts.append("-;")
        else:
            text = value if isinstance(value, str) else str(value) if isinstance(value, int) else time_text(value)
            parts.append(f"{len(text.encode())}:{text};")
    return "".join(parts)


def inner_hash(values: Mapping[str, Any]) -> str:
    """Return ``sha256(canonical text)`` of an audit row in lower-case hex."""
    return hashlib.sha256(canonical_text(values).encode()).hexdigest()


def linked(previous: str, inner: str) -> str:
    """Return the hash of the audit row of this inner hash behind the row of the hash ``previous``, over the hex forms."""
    return hashlib.sha256((previous + inner).encode()).hexdigest()


def row_hash(values: Mapping[str, Any]) -> str:
    """Return ``sha256(prev_hash || sha256(canonical text))`` in lower-case hex, over the hex forms."""
    return linked(values["prev_hash"], inner_hash(values))


def link(head: Head, events: list[dict[str, Any]], inner_before: Callable[[Mapping[str, Any]], str | None] | None = None) -> Head:
    """Give each event its ``seq``, ``prev_hash`` and ``hash``, in order behind ``head``; return the new head.

    ``inner_before`` gives the inner hash that a row had before texts of it were forgotten, by which it keeps its hash.
    """
    for event in events:
        event["seq"] = head.seq + 1
        event["prev_hash"] = head.hash
        inner = inner_before(event) if inner_before else None
        event["hash"] = linked(head.hash, inner) if inner else row_hash(event)
        head = Head(event["seq"], event["hash"])
    return head


def _sql_field(name: str) -> str:
    """Return the pieces of one field; NULL makes the inner ``||`` NULL."""
    text = f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%f')" if name == "occurred_at" else name
    length = f"strlen({text}::VARCHAR)"
    return f"coalesce({length} || ':' || {text}, '-'), ';'"


SQL_HASH = f"sha256(prev_hash || sha256(concat({', '.join(_sql_field(name) for name in CHAINED)})))"
"""`row_hash` as one SQL expression over a row of ``audit_logs``."""
