"""Tables of prompts: the cells of a file, a frame or plain values as text, exactly as they stand there."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from numbers import Number
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pplab.errors import BadInput
from pplab.inputs.paths import given_path
from pplab.inputs.texts import read_text
from pplab.plan.messages import is_conversation

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT_COLUMN = "prompt"
MESSAGES_COLUMN = "messages"
BATCH_FIELDS = ("custom_id", "method", "url", "body")
"""The fields of OpenAI's batch lines; ``body`` holds the request."""
BATCH_COLUMN = "body."
"""How the columns begin that hold what a batch line asks for besides its messages."""
ENDINGS = "use .csv, .tsv, .jsonl, .json, .xlsx, .parquet or .txt (one prompt a line)"
DELIMITERS = ",;\t"
LONGEST_CELL = 2**31 - 1
RULE = re.compile(r"([-=*_~#+])\1{2,}")
WHOLE_FLOATS = 2.0**53  # above, a float no longer holds every whole number


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell that cannot be put into a template, ``why``, and the list or object it holds, if any."""

    why: str
    value: Any = None


Cell = str | Unusable


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under named columns.

    Attributes
    ----------
    columns : tuple of str
        Without blanks at their ends; each name once.
    rows : tuple of tuple
        A cell for each column.
    constants : mapping of str
        Further names that a template may use, the same in every row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    constants: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = Counter(name for name in self.columns if name)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise BadInput(
                f"the table has the column '{twice[0]}' {_times(counts[twice[0]])}", hint="give each column its own name"
            )

    def cell(self, row: int, column: str) -> str:
        """Return the text of a cell, rows counted from 0; one that holds no text is refused."""
        if column in self.constants:
            return self.constants[column]
        cell = self.rows[row][self.columns.index(column)]
        if isinstance(cell, Unusable):
            hint = "fill it in, or leave the row out" if cell == EMPTY else "put text or a number there"
            raise BadInput(f"row {row + 1:,}, column '{column}' {cell.why}", hint=hint)
        return cell

    def value(self, row: int, column: str) -> Any:
        """Return what a cell holds: text, a list or an object, ``None`` where it is empty."""
        cell = self.rows[row][self.columns.index(column)]
        return cell.value if isinstance(cell, Unusable) else cell

    def records(self, without: str | None) -> tuple[dict[str, str | None], ...] | None:
        """Return each row as text by column, lists and objects as JSON, without one column; ``None`` if that leaves nothing."""
        kept = [(at, name) for at, name in enumerate(self.columns) if name and name != without]
        return tuple({name: _as_text(row[at]) for at, name in kept} for row in self.rows) if kept else None


EMPTY = Unusable("is empty")


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def as_table(data: Any) -> Table:
    """Return the table of a user's ``data``: a path, a frame, a series, rows or columns of plain values."""
    if isinstance(data, Table):
        return data
    if isinstance(data, (str, os.PathLike)):
        return read_table(data)
    if hasattr(data, "to_pydict"):  # Arrow
        return _of_columns([str(name).strip() for name in data.column_names], list(data.to_pydict().values()))
    if hasattr(data, "to_pandas"):  # Polars
        data = data.to_pandas()
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        columns = [str(name).strip() for name in data.columns]
        return _of_columns(columns, [list(data.iloc[:, i].array) for i in range(len(columns))])
    if hasattr(data, "array"):
        return _of_columns([str(data.name or PROMPT_COLUMN)], [list(data.array)])
    if isinstance(data, Mapping):
        return _from_json(dict(data), "the table")
    if isinstance(data, Iterable) and not isinstance(data, (bytes, set, frozenset)):
        return _from_json(list(data), "the table")
    raise BadInput(f"data must be a table, not {type(data).__name__}", hint="pass a DataFrame, a list of dicts, or a path")


# -- files --------------------------------------------------------------------------------------------------------------------


def read_table(path: str | os.PathLike[str]) -> Table:
    """Return the rows of a ``.csv``, ``.tsv``, ``.jsonl``, ``.json``, ``.xlsx``, ``.parquet`` or ``.txt`` file.

    Fields of a ``.csv`` are separated by commas, semicolons or tabs, whichever its heading has most of. A ``.txt`` holds one
    prompt a line; those of JSON may also hold a list of strings or of conversations, and OpenAI's batch lines.
    """
    file = given_path(path, "the table", "give the path of the prompts")
    ending = file.suffix.lower()
    if not file.is_file():
        raise BadInput(f"there is no file '{file.name}'", hint="check the path of the prompts")
    if ending in (".xlsx", ".parquet"):
        from pplab.plan.table_files import read_parquet, read_workbook

        names, columns = (read_workbook if ending == ".xlsx" else read_parquet)(file)
        return _of_columns([name.strip() for name in names], columns)
    if ending not in READERS:
        raise BadInput(f"'{file.name}' is not a table of prompts", hint=ENDINGS)
    return READERS[ending](read_text(file, what="the table"), f"'{file.name}'")


def _from_text(text: str, named: str) -> Table:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if RULE.fullmatch(line.strip()):
            raise BadInput(f"{named}: line {number:,} is {line.strip()}", hint="for prompts of several lines use .jsonl")
    return Table((PROMPT_COLUMN,), tuple((line,) for line in lines if line.strip()))


def _from_csv(text: str, named: str) -> Table:
    return _from_fields(text, named, max(DELIMITERS, key=_heading(text).count))


def _from_tsv(text: str, named: str) -> Table:
    return _from_fields(text, named, "\t")


def _heading(text: str) -> str:
    """Return the first line that is not blank, without what stands in quotes."""
    return re.sub(r'"[^"]*"', "", text.lstrip("\n").partition("\n")[0])


def _from_fields(text: str, named: str, delimiter: str) -> Table:
    records = list(_records(text, named, delimiter))
    if not records:
        raise BadInput(f"{named} has no rows", hint="write a heading and at least one row")
    (_, heading), *rows = records
    if rows and all(len(fields) == len(heading) + 1 and not fields[-1] for _, fields in rows):
        rows = [(line, fields[:-1]) for line, fields in rows]  # a comma at the end of every row ends it
    for line, fields in rows:
        if len(fields) != len(heading):
            counts = f"line {line:,} has {_fields(len(fields))}, the heading {len(heading):,}"
            raise BadInput(f"{named}: {counts}", hint="put quotes around text with commas")
    return Table(
        tuple(name.strip() for name in heading),
        tuple(tuple(cell or EMPTY for cell in fields) for _, fields in rows),
    )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count:,} fields"


def _records(text: str, named: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the number of the line it begins on."""
    before = csv.field_size_limit(LONGEST_CELL)  # which belongs to the process, so it is put back
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        begins = 1
        for fields in reader:
            if fields:
                yield begins, fields
            begins = reader.line_num + 1
    except csv.Error as error:
        what = "a quote is not closed" if "end of data" in str(error) else "text follows a closing quote"
        raise BadInput(f"{named}: line {begins:,}: {what}", hint='write a quote inside quotes as ""') from None
    finally:
        csv.field_size_limit(before)


def _from_lines(text: str, named: str) -> Table:
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    hint = "write one JSON object a line, or name a file that holds one list .json"
    values = [_parsed(line, f"{named}: line {number:,}", hint) for number, line in numbered]
    if values and isinstance(values[0], list) and not is_conversation(values[0]):
        raise BadInput(f"{named}: line {numbered[0][0]:,} holds a list", hint=hint)
    return _from_json(values, named)


def _from_json_text(text: str, named: str) -> Table:
    return _from_json(_parsed(text, named, "write a list of objects, or name a file with one object a line .jsonl"), named)


class _Written(str):
    """A number, or true or false, of a JSON file, as it is written there."""

    __slots__ = ()


def _parsed(text: str, named: str, hint: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        if twice:
            raise BadInput(f"{named} has '{twice[0]}' twice in one object", hint="give each column its own name")
        return dict(pairs)

    def constant(word: str) -> object:
        return None if word == "NaN" else _Written(word)

    try:
        value = json.loads(text, parse_int=_Written, parse_float=_Written, parse_constant=constant, object_pairs_hook=once)
        return _as_written(value)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno:,}, column {error.colno:,}"
        raise BadInput(f"{named} is not JSON: {error.msg} ({where})", hint=hint) from None
    except RecursionError:
        raise BadInput(f"{named} is nested too deep", hint=hint) from None


def _as_written(value: Any) -> Any:
    if isinstance(value, bool):
        return _Written(str(value).lower())
    if isinstance(value, list):
        return [_as_written(item) for item in value]
    return {name: _as_written(item) for name, item in value.items()} if isinstance(value, dict) else value


# -- plain values and frames --------------------------------------------------------------------------------------------------


def _from_json(value: Any, named: str) -> Table:
    """Return a list of objects, a list of texts, or an object of columns as a table."""
    if isinstance(value, Mapping):
        one = is_conversation(value.get(MESSAGES_COLUMN)) or _is_batch_line(value)
        return _from_json([value], named) if one else _from_object(value, named)
    if not isinstance(value, list):
        raise BadInput(f"{named} holds {_holds(value)}, not a list", hint="write a list of objects or of strings")
    if all(_is_text(item) for item in value):
        return Table((PROMPT_COLUMN,), tuple((str(item),) for item in value))
    if is_conversation(value):  # one alone
        value = [value]
    if all(is_conversation(item) for item in value):
        value = [{MESSAGES_COLUMN: item} for item in value]
    if any(_is_batch_line(item) for item in value):
        value = [_from_batch_line(item, f"{named}: row {number:,}") for number, item in enumerate(value, 1)]
    columns: dict[str, None] = {}
    for number, item in enumerate(value, 1):
        if not isinstance(item, Mapping):
            raise BadInput(f"{named}: row {number:,} holds {_holds(item)}, not an object", hint="write every row the same way")
        columns.update(dict.fromkeys(item))
    return _of_columns([str(name).strip() for name in columns], [[row.get(name) for row in value] for name in columns])


def _is_batch_line(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("body"), Mapping) and not set(value) - set(BATCH_FIELDS)


def _from_batch_line(line: Any, named: str) -> Any:
    """Return one of OpenAI's batch lines as a row; what its body asks for besides the messages is kept beside them."""
    if not _is_batch_line(line):
        raise BadInput(f"{named} is no batch line, as others are", hint="write every row the same way")
    body = dict(line["body"])
    if MESSAGES_COLUMN not in body:
        raise BadInput(f"{named}: its body has no messages", hint="only batches of chat completions are read")
    kept = {name: line[name] for name in ("custom_id",) if name in line}
    return {
        **kept,
        MESSAGES_COLUMN: body.pop(MESSAGES_COLUMN),
        **{f"{BATCH_COLUMN}{name}": value for name, value in body.items()},
    }


def _from_object(value: Mapping[Any, Any], named: str) -> Table:
    columns = [list(c.values()) if isinstance(c, Mapping) else c for c in value.values()]
    if not columns or any(isinstance(c, str) or not isinstance(c, Iterable) for c in columns):
        raise BadInput(f"{named} holds one object", hint="write a list of objects, or an object with a list for each column")
    columns = [list(c) for c in columns]
    if len({len(c) for c in columns}) > 1:
        lengths = ", ".join(f"'{name}' {len(c):,}" for name, c in zip(value, columns, strict=True))
        raise BadInput(f"the columns of {named} differ in length: {lengths}", hint="give every column a value for each row")
    return _of_columns([str(name).strip() for name in value], columns)


def _of_columns(names: Sequence[str], columns: Sequence[list[Any]]) -> Table:
    return Table(tuple(names), tuple(zip(*map(_cells, columns), strict=True)))


def _cells(column: list[Any]) -> list[Cell]:
    """Return the values of one column as text.

    Numbers are written whole where all of the column are, since a column of whole numbers with a gap becomes one of floats in
    pandas; moments are written as dates where none has a time of day.
    """
    floats = [v for v in column if _is_float(v) and not math.isnan(v)]
    whole = all(v.is_integer() and abs(v) < WHOLE_FLOATS for v in floats)
    moments = [v for v in column if isinstance(v, datetime) and not _is_missing(v)]
    dates = all(v.timetz() == time() for v in moments)

    def cell(value: Any) -> Cell:
        if _is_missing(value):
            return EMPTY
        if _is_float(value) and whole:
            return str(int(value))
        if isinstance(value, datetime) and dates:
            return str(value.date())
        is_scalar = hasattr(value, "dtype") and getattr(value, "shape", None) == ()  # of NumPy
        if is_scalar or isinstance(value, (str, Number, date, time, timedelta, PurePath, UUID)):
            return str(value)
        return Unusable(f"holds {_holds(value)}", value)

    return [cell(value) for value in column]


def _as_text(cell: Cell) -> str | None:
    """Return a cell as it is stored with its prompt: text, or JSON; ``None`` for one that is empty or neither."""
    if isinstance(cell, str):
        return str(cell)
    value = cell.value.tolist() if hasattr(cell.value, "tolist") else cell.value
    return _json(value) if isinstance(value, (list, tuple, Mapping)) else None


def _json(value: Any) -> str:
    """Return JSON in which numbers are written as they were."""
    if isinstance(value, _Written):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_json(str(name))}: {_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value.tolist() if hasattr(value, "tolist") else value, ensure_ascii=False, default=str)


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or type(value).__name__ in ("float16", "float32")


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return getattr(value, "shape", ()) == () and not isinstance(value, str) and _is_unequal_to_itself(value)


def _is_unequal_to_itself(value: Any) -> bool:
    try:
        return bool(value != value)  # noqa: PLR0124 - as every kind of NaN and NaT is
    except (TypeError, ValueError):
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, _Written)


def _holds(value: Any) -> str:
    """Return the kind of a value, in the words of JSON where it has one."""
    if isinstance(value, _Written):
        return "a number"
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "a list", bool: "true or false", str: "text", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")


READERS = {
    ".csv": _from_csv,
    ".tsv": _from_tsv,
    ".jsonl": _from_lines,
    ".ndjson": _from_lines,
    ".json": _from_json_text,
    ".txt": _from_text,
}
