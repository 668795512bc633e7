"""The formats of an export: a frame as the bytes of a csv, json or parquet file. Nothing is written here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

FREE_TEXT = ("prompt", "text", "error", "payload", "explanation", "note", "parameters", "cluster")
# A spreadsheet runs a cell that begins with one of these, wide ones included (OWASP, "CSV Injection").
FORMULA = re.compile("^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class ExportData:
    """The bytes of an export, how many rows they hold, and how many cells of a CSV file were changed so that none is run."""

    data: bytes
    rows: int
    neutralised: int = 0


def without_secrets(frame: pd.DataFrame, scrub: Callable[[str], str]) -> pd.DataFrame:
    """Return ``frame`` with secrets masked where text is free, also those that became known after they were stored."""
    from pplab.plan.settings import factor_columns

    free = [*(name for name in FREE_TEXT if name in frame.columns), *factor_columns(frame.columns)]
    return frame.assign(**{name: frame[name].map(lambda v: scrub(v) if isinstance(v, str) else v) for name in free})


def as_bytes(frame: pd.DataFrame, format: str, what: str) -> ExportData:
    """Return a table as a file. Times say that they are UTC.

    CSV is written for spreadsheets: UTF-8 with a byte-order mark, without which Excel takes it for another encoding, and with an
    apostrophe before what would be run as a formula. JSON, JSON lines and parquet keep the true values.
    """
    import io

    frame = _in_utc(frame)
    if format == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(_of_one_kind(_json_columns(frame)), preserve_index=False), sink)
        return ExportData(sink.getvalue(), len(frame))
    if format == "csv":
        table = _json_columns(frame)
        neutral = table.map(_neutral)
        changed = int((neutral.ne(table) & table.notna()).to_numpy().sum())
        text = neutral.to_csv(index=False, lineterminator="\r\n", date_format=TIME)
        return ExportData(text.encode("utf-8-sig"), len(frame), changed)
    from pplab.store.record_types import canonical_json

    lines = [canonical_json(r) for r in json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))]
    if format == "jsonl":
        return ExportData("".join(f"{line}\n" for line in lines).encode(), len(frame))
    joined = ",\n".join(lines)
    return ExportData(f'{{"format":"pplab-{what}","version":1,"records":[\n{joined}\n]}}\n'.encode(), len(frame))


def note(neutralised: int, where: str = "the CSV file") -> str:
    """Return what a reader has to know of the cells of a CSV file that were changed; empty when none was."""
    if not neutralised:
        return ""
    cells, have, them = (
        ("1 cell that begins", "has", "it") if neutralised == 1 else (f"{neutralised:,} cells that begin", "have", "them")
    )
    return (
        f"In {where}, {cells} like a formula (with =, +, - or @) {have} an apostrophe in front, so that no spreadsheet "
        f"runs {them}. JSON and parquet keep the text as it is."
    )


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with the zone said: the store's times are UTC and have none."""
    return frame.assign(**{name: frame[name].dt.tz_localize("UTC") for name in frame.select_dtypes("datetime").columns})


def _json_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with dicts and lists as JSON text, which every reader of tables can hold."""
    from pplab.store.record_types import canonical_json

    out = frame.copy()
    for name in out.columns:
        if any(isinstance(v, (dict, list)) for v in out[name]):
            out[name] = out[name].map(lambda v: canonical_json(v) if isinstance(v, (dict, list)) else v)
    return out


def _of_one_kind(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with text in columns that hold texts beside numbers or flags, as a typed file needs it.

    Experiments may have values of different kinds of one parameter.
    """
    from pplab.plan.parameters import as_text

    mixed = [name for name in frame.columns if frame[name].dtype == object and len({type(v) for v in frame[name].dropna()}) > 1]
    return frame.assign(**{name: frame[name].map(as_text, na_action="ignore") for name in mixed})


def _neutral(value: Any) -> Any:
    if isinstance(value, str):
        value = value.replace("\0", "\N{SYMBOL FOR NULL}")
        return f"'{value}" if FORMULA.match(value) else value
    return value
