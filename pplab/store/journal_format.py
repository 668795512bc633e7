r"""Line format of the journal: a record as a JSON object ``{"k":"<record type>","r":{...}}``, the type first, ended by ``\n``."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any

from pplab.errors import StoreError
from pplab.store.record_types import RECORD_TYPE_OF, RECORD_TYPES, RecordType
from pplab.store.rows import EncodedRow

if TYPE_CHECKING:
    from pplab.secrets import Scrubber
    from pplab.store.rows import Row


class DamagedLine(ValueError):
    """A journal line that is not a record of ours; its message is the reason."""


def encode(row: Row, scrub: Scrubber) -> bytes:
    """Return the journal line of a record, ending in a newline, with every secret masked.

    Numbers that are not finite become null and lone surrogates U+FFFD, since neither JSON nor UTF-8 has them.

    Raises
    ------
    StoreError
        When the value is not a record of `pplab.store.rows`, or holds something JSON cannot.
    """
    if isinstance(row, EncodedRow):
        text = row.line.decode()
        return row.line if scrub(text) == text else encode(read_row(row.line), scrub)
    record_type = RECORD_TYPE_OF.get(type(row))
    if record_type is None:
        raise StoreError(f"{type(row).__name__} is not a record of the store")
    line = {"k": record_type.name, "r": {column.name: getattr(row, column.name) for column in record_type.columns}}
    try:
        try:
            text = _to_json(line)
            data = text.encode()
        except ValueError:  # not finite, or a surrogate: UnicodeEncodeError is a ValueError
            line = _clean(line)
            text = _to_json(line)
            data = text.encode()
        if scrub(text) != text:  # masked value by value, since a secret may begin within an escape of the text
            data = _to_json(_mask(line, scrub)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"a {record_type.name} record cannot be written: {error}") from None
    return data


def _to_json(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_as_json_value) + "\n"


def _as_json_value(value: Any) -> Any:
    """Return a mapping as a dict and a numpy scalar as its Python number; the rest is refused."""
    if hasattr(value, "items"):
        return dict(value.items())
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "items"):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _mask(value: Any, scrub: Scrubber) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if hasattr(value, "items"):
        return {_mask(key, scrub): _mask(item, scrub) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(item, scrub) for item in value]
    return value


def decode(line: bytes) -> tuple[RecordType, dict[str, Any]]:
    """Return the record type of a line and its values as the table holds them (times as ``datetime``, objects as canonical JSON).

    A field that may be NULL or has a default may be absent, as in a line of an older version.

    Raises
    ------
    DamagedLine
        When the line is not one of ours: no JSON, an unknown record type or field, a missing field, a value of another type.
    """
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        raise DamagedLine("not JSON") from None
    if b"\\u" in line:
        parsed = _clean(parsed)
    if not isinstance(parsed, dict) or parsed.keys() != {"k", "r"} or not isinstance(parsed["r"], dict):
        raise DamagedLine("not a record")
    record_type = RECORD_TYPES.get(parsed["k"]) if isinstance(parsed["k"], str) else None
    if record_type is None:
        raise DamagedLine(f"unknown record type {str(parsed['k'])[:40]!r}")
    return record_type, _values(record_type, parsed["r"])


def holds(line: bytes, *record_types: str) -> bool:
    """Return whether a line that `encode` made has a record of one of these types."""
    return line.startswith(tuple(b'{"k":"%b",' % name.encode() for name in record_types))


def read_row(line: bytes) -> Row:
    """Return the record that `encode` made into a line, in this version of the program."""
    parsed = json.loads(line)
    row: Row = RECORD_TYPES[parsed["k"]].row(**parsed["r"])
    return row


def _values(record_type: RecordType, record: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    present = 0
    for column in record_type.columns:
        value = record.get(column.name, MISSING)
        if value is MISSING:
            value = column.default
            if value is MISSING:
                raise DamagedLine(f"{record_type.name} without {column.name}")
        else:
            present += 1
        if value is None and column.nullable:
            values[column.name] = None
            continue
        try:
            values[column.name] = column.check(value)
        except (TypeError, ValueError, OverflowError):
            raise DamagedLine(f"{record_type.name} with {column.name} of another type") from None
    if present != len(record):
        raise DamagedLine(f"{record_type.name} with unknown fields")
    return values
