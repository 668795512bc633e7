"""Tables of prompts in binary files, Excel and Parquet: the names of their columns, and the values as Python has them."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Columns = tuple[list[str], list[list[Any]]]

LARGEST = 500_000_000
"""Bytes that a file may hold once it is unpacked: a small one can hold any number."""
MOST_ROWS = 100_000
MOST_CELLS = 5_000_000
"""Cells between the first and the last of a sheet, the empty ones too, for they take room all the same."""
_PLACE = re.compile(rb'<c [^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"')
_SAVE_AS = "save it as CSV UTF-8"


def read_parquet(file: Path) -> Columns:
    """Return the columns of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as opened:
            metadata = opened.metadata
            size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
            _refuse_large(file.name, metadata.num_rows, size)
            table = opened.read()
            names, columns = list(table.column_names), [column.to_pylist() for column in table.columns]
    except BadInput:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BadInput(f"'{file.name}' cannot be read as Parquet: {_first_line(error)}", hint="write it again") from None
    return names, columns


def read_workbook(file: Path) -> Columns:
    """Return the columns of an Excel workbook: of the one sheet that has anything in it, the first row as heading.

    Numbers are written as Excel keeps them, whole ones without a point; a formula counts with the value it last had.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise BadInput(
            f"'{file.name}' is an Excel workbook, and the package that reads them is missing",
            hint=f"install it with: pip install 'pplab[excel]', or {_SAVE_AS}",
        ) from None
    try:
        _refuse_sprawling(file)
        with calamine.load_workbook(file) as book:
            visible = [s.name for s in book.sheets_metadata if _is_visible_sheet(s)]
            sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in visible}
    except BadInput:
        raise
    except (OSError, ValueError, zipfile.BadZipFile, calamine.CalamineError) as error:
        why = _first_line(error)
        raise BadInput(f"'{file.name}' cannot be read as an Excel workbook: {why}", hint=_SAVE_AS) from None
    filled = {name: rows for name, rows in sheets.items() if any(_is_filled(row) for row in rows)}
    if not filled:
        raise BadInput(f"'{file.name}' has no rows", hint="write a heading and at least one row")
    if len(filled) > 1:
        names = ", ".join(f"'{name}'" for name in filled)
        hint = "save the sheet with the prompts as CSV UTF-8, or pass pandas.read_excel(..., sheet_name=...) as data"
        raise BadInput(f"'{file.name}' has {len(filled)} sheets ({names})", hint=hint)
    heading, *rows = [row for row in next(iter(filled.values())) if _is_filled(row)]
    _refuse_large(file.name, len(rows), 0)
    wide = max(at + 1 for row in (heading, *rows) for at, cell in enumerate(row) if cell != "")
    columns = [[_cell(row[at]) for row in rows] for at in range(wide)]
    return [str(_cell(name) or "") for name in heading[:wide]], columns


def _is_visible_sheet(sheet: Any) -> bool:
    return str(sheet.typ).endswith("WorkSheet") and str(sheet.visible).endswith(".Visible")


def _is_filled(row: list[Any]) -> bool:
    return any(cell != "" for cell in row)


def _cell(value: Any) -> Any:
    if value == "":
        return None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _refuse_sprawling(file: Path) -> None:
    """Refuse a workbook that is large once unpacked, or whose cells lie far apart."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _refuse_large(file.name, 0, sum(entry.file_size for entry in entries))
        for entry in entries:
            if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
                rows = columns = 0
                for row, column in _places(archive.read(entry)):
                    rows, columns = max(rows, row), max(columns, column)
                if rows * columns > MOST_CELLS:
                    raise BadInput(f"a sheet of '{file.name}' reaches over {rows:,} rows and {columns:,} columns", hint=_SAVE_AS)


def _places(sheet: bytes) -> Iterator[tuple[int, int]]:
    for place in _PLACE.finditer(sheet):
        column = 0
        for letter in place[1]:
            column = 26 * column + letter - 64
        yield int(place[2]), column


def _refuse_large(name: str, rows: int, size: int) -> None:
    if size > LARGEST:
        raise BadInput(f"'{name}' holds more than {LARGEST / 1e6:g} MB", hint="take the rows that you need")
    if rows > MOST_ROWS:
        raise BadInput(f"'{name}' has {rows:,} rows, more than {MOST_ROWS:,}", hint="take the rows that you need")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
