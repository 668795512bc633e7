"""Record types: which record goes to which table, under which key, with which columns; derived from `pplab.store.rows`."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pplab.store import rows

if TYPE_CHECKING:
    from collections.abc import Callable

INT64 = 2**63
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def canonical_json(value: object) -> str:
    """Return the one text of a JSON value: keys sorted, no spaces, characters as they are.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [None]})
    '{"a":[null],"b":1}'
    """
    return _CANONICAL(value)


def time_text(moment: datetime) -> str:
    """Return a UTC moment as the text that rows carry, always with six digits of microseconds."""
    return moment.isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """Return the UTC moment of a row's text, without offset; ``ValueError`` when it is not ISO 8601."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _integer(value: object) -> int:
    if type(value) is not int or not -INT64 <= value < INT64:
        raise TypeError
    return value


def _number(value: object) -> float | None:
    if type(value) is not float and type(value) is not int:
        raise TypeError
    number = float(value)
    return number if math.isfinite(number) else None


def _time(value: object) -> datetime:
    return parse_time(_text(value))


CHECKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "str": ("VARCHAR", _text),
    "int": ("BIGINT", _integer),
    "float": ("DOUBLE", _number),
    "time": ("TIMESTAMP", _time),
    "json": ("VARCHAR", canonical_json),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it holds (``str``, ``int``, ``float``, ``time`` or ``json``) and whether it may be NULL.

    ``default`` stands in for a field that an older pplab did not write; `MISSING` when a line must carry it. ``since`` is the
    migration that brought it. ``sql_type`` is its DuckDB type; ``check`` turns a journal value into the table's value, or raises
    ``TypeError`` or ``ValueError``.
    """

    name: str
    holds: str
    nullable: bool
    default: Any
    since: int
    sql_type: str
    check: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class RecordType:
    """One type of record. Rows of a ``revised`` type replace an older revision; all others are written once."""

    name: str
    row: type[Any]
    table: str
    key: str
    revised: bool
    columns: tuple[Column, ...]


def _column(field: Any) -> Column:
    annotation = field.type.removesuffix(" | None")
    nullable = annotation != field.type
    holds = "time" if field.name.endswith("_at") else "json" if annotation.startswith(("dict", "list")) else annotation
    if field.default_factory is not MISSING:
        default = field.default_factory()
    else:
        default = field.default if field.default is not MISSING else None if nullable else MISSING
    return Column(field.name, holds, nullable, default, field.metadata.get("since", 1), *CHECKS[holds])


def _record_type(name: str, row: type[Any], table: str, key: str) -> RecordType:
    columns = tuple(_column(field) for field in fields(row))
    return RecordType(name, row, table, key, any(column.name == "revision" for column in columns), columns)


RECORD_TYPES: dict[str, RecordType] = {
    record_type.name: record_type
    for record_type in (
        _record_type("calibration", rows.CalibrationRow, "calibrations", "calibration_id"),
        _record_type("experiment", rows.ExperimentRow, "experiments", "experiment_id"),
        _record_type("label", rows.LabelRow, "experiment_labels", "experiment_id"),
        _record_type("response", rows.ResponseRow, "responses", "response_id"),
        _record_type("score", rows.ScoreRow, "scores", "score_id"),
        _record_type("rating", rows.RatingRow, "ratings", "rating_id"),
        _record_type("batch", rows.BatchRow, "batches", "batch_id"),
        _record_type("attempt", rows.AttemptRow, "call_attempts", "attempt_id"),
        _record_type("export", rows.ExportRow, "experiment_exports", "export_id"),
        _record_type("event", rows.EventRow, "audit_logs", "event_id"),
        _record_type("metric", rows.MetricRow, "system_metrics", "metric_id"),
        _record_type("cell", rows.CellRow, "cell_executions", "execution_id"),
    )
}
"""The record types by the name that opens their journal lines."""

RECORD_TYPE_OF: dict[type[Any], RecordType] = {record_type.row: record_type for record_type in RECORD_TYPES.values()}
"""The same by the class of the record."""
