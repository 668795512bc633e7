"""The first rows of a parquet file or of JSON lines, within bounds. Nothing is written, and nothing of a file is run."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput
from pplab.models.recording import HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROWS: Final = 100
COLUMNS: Final = 60
CHARACTERS: Final = 300
"""How much of one value is shown."""
LINES_BYTES: Final = 2 * 2**20
"""How much of a file of lines is read."""
PARQUET_BYTES: Final = 256 * 2**20
"""How large the first part of a parquet file (a row group) may be when it is unpacked."""
EXACT: Final = 2**53
"""Whole numbers from here on are not exact in a browser, so they are shown as text."""
RECORDING: Final = ("model", "prompt", "parameters", "replicate", "status", "text", "recorded_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows of a file.

    Attributes
    ----------
    kind : str
        ``recording``, ``lines`` or ``parquet``.
    columns : tuple of str
        Names of the columns shown, at most `COLUMNS`.
    rows : tuple of tuples
        Text, numbers, booleans and ``None``, in the order of the columns; at most `ROWS`.
    total : int or None
        Rows of the whole file; ``None`` where the file was not read to its end.
    hidden : int
        Columns that are not shown.
    note : str
        Why rows are missing that should be there, in one line; may be empty.
    """

    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int | None
    hidden: int = 0
    note: str = ""


def preview(path: Path) -> Preview:
    """Return the first rows of a file, by the end of its name.

    Raises
    ------
    BadInput
        When it is neither parquet nor JSON lines, or is not what its name says.
    """
    reader = {".parquet": _parquet, ".jsonl": _lines, ".ndjson": _lines}.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"there is no preview of '{path.name}'", hint="there is one of .parquet, .jsonl and .ndjson")
    return reader(path)


def _lines(path: Path) -> Preview:
    """Read the lines of the beginning; one that is cut off there is left out."""
    with path.open("rb") as file:
        read = file.read(LINES_BYTES)
        whole = not file.read(1)
    text = read.decode("utf-8", "replace")
    lines = [line for line in text.splitlines()[: None if whole else -1] if line.strip()]
    recording = bool(lines) and f"{lines[0]}\n" == HEADER
    lines = lines[recording:]
    try:
        records = [json.loads(line) for line in lines[:ROWS]]
    except (ValueError, RecursionError):
        raise BadInput(f"'{path.name}' does not hold a value of JSON on each line", hint="open it with the editor") from None
    rows = [_call(r) if recording and _is_call(r) else r if isinstance(r, dict) else {"value": r} for r in records]
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    note = "" if lines or whole else "its first line is too long to be shown"
    return Preview(
        kind="recording" if recording else "lines",
        columns=tuple(names[:COLUMNS]),
        rows=tuple(tuple(_shown(row.get(name)) for name in names[:COLUMNS]) for row in rows),
        total=len(lines) if whole else None,
        hidden=max(0, len(names) - COLUMNS),
        note=note,
    )


def _is_call(record: Any) -> bool:
    """Return whether a line is one of a recording, see `pplab.models.recording_format`."""
    return isinstance(record, dict) and all(isinstance(record.get(part), dict) for part in ("request", "reply"))


def _call(record: Mapping[str, Any]) -> dict[str, Any]:
    request, reply = record["request"], record["reply"]
    messages = request.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    known = {**request, **reply, "model": request.get("model"), "recorded_at": record.get("recorded_at")}
    return {name: known.get(name) for name in RECORDING} | {"prompt": last.get("content") if isinstance(last, dict) else None}


def _parquet(path: Path) -> Preview:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            metadata, names = file.metadata, file.schema_arrow.names
            shown = names[:COLUMNS]
            large = metadata.num_row_groups > 0 and metadata.row_group(0).total_byte_size > PARQUET_BYTES
            read = shown if metadata.num_rows and not large else []
            batches = file.iter_batches(batch_size=ROWS, row_groups=[0], columns=read) if read else ()
            rows: list[dict[str, Any]] = next((batch.to_pylist() for batch in batches), [])
            return Preview(
                kind="parquet",
                columns=tuple(shown),
                rows=tuple(tuple(_shown(row.get(name)) for name in shown) for row in rows[:ROWS]),
                total=metadata.num_rows,
                hidden=len(names) - len(shown),
                note="its rows are too large to be shown here" if large else "",
            )
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError):
        raise BadInput(f"'{path.name}' cannot be read as parquet", hint="it may not have been written to its end") from None


def _shown(value: Any) -> Any:
    """Return a value as a table shows it.

    Examples
    --------
    >>> _shown(float("nan")), _shown({"a": [1]}), _shown(2**60)
    (None, '{"a": [1]}', '1152921504606846976')
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) < EXACT else str(value)[:CHARACTERS]
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    text = value if isinstance(value, str) else _text(value)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
