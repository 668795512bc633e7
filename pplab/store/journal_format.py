r"""The journal's line format: one record as one JSON object ``{"k":"<kind>","r":{...}}``, the kind first, ended by ``\n``."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any

from pplab.errors import StoreError
from pplab.store.record_types import KIND_OF, RECORD_TYPES, RecordType

if TYPE_CHECKING:
    from pplab.secrets import Scrubber
    from pplab.store.rows import Row


class Damaged(ValueError):
    """A journal line that is no record of ours; the reason is its message."""


def encode(row: Row, scrub: Scrubber) -> bytes:
    """Return the journal line of a record, ending in a newline, with every secret masked.

    Numbers that are not finite become null and lone surrogates U+FFFD, since neither JSON nor UTF-8 has them.

    Raises
    ------
    StoreError
        When the value is no record of `pplab.store.rows`, or holds something JSON cannot.
    """
    kind = KIND_OF.get(type(row))
    if kind is None:
        raise StoreError(f"{type(row).__name__} is not a record of the store")
    line = {"k": kind.name, "r": {column.name: getattr(row, column.name) for column in kind.columns}}
    try:
        try:
            text = _dump(line)
            data = text.encode()
        except ValueError:  # not finite, or a surrogate: UnicodeEncodeError is a ValueError
            line = _cleaned(line)
            text = _dump(line)
            data = text.encode()
        if scrub(text) != text:  # masked value by value, since a secret may begin within an escape of the text
            data = _dump(_scrubbed(line, scrub)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"a {kind.name} record cannot be written: {error}") from None
    return data


def _dump(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """Return a mapping as a dict and a numpy scalar as its Python number; the rest is refused."""
    if hasattr(value, "items"):
        return dict(value.items())
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "items"):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def _scrubbed(value: Any, scrub: Scrubber) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if hasattr(value, "items"):
        return {_scrubbed(key, scrub): _scrubbed(item, scrub) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item, scrub) for item in value]
    return value


def decode(line: bytes) -> tuple[RecordType, dict[str, Any]]:
    """Return the kind of a line and its values as the table holds them (times as ``datetime``, objects as canonical JSON).

    A field that may be NULL or has a default may be absent, as in a line of an older version.

    Raises
    ------
    Damaged
        When the line is not one of ours: no JSON, an unknown kind or field, a missing field, a value of another type.
    """
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        raise Damaged("not JSON") from None
    if b"\\u" in line:
        parsed = _cleaned(parsed)
    if not isinstance(parsed, dict) or parsed.keys() != {"k", "r"} or not isinstance(parsed["r"], dict):
        raise Damaged("not a record")
    kind = RECORD_TYPES.get(parsed["k"]) if isinstance(parsed["k"], str) else None
    if kind is None:
        raise Damaged(f"unknown kind {str(parsed['k'])[:40]!r}")
    return kind, _values(kind, parsed["r"])


def _values(kind: RecordType, record: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    known = 0
    for column in kind.columns:
        value = record.get(column.name, MISSING)
        if value is MISSING:
            value = column.default
            if value is MISSING:
                raise Damaged(f"{kind.name} without {column.name}")
        else:
            known += 1
        if value is None and column.nullable:
            values[column.name] = None
            continue
        try:
            values[column.name] = column.check(value)
        except (TypeError, ValueError, OverflowError):
            raise Damaged(f"{kind.name} with {column.name} of another type") from None
    if known != len(record):
        raise Damaged(f"{kind.name} with unknown fields")
    return values
