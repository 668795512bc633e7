"""Writes stored experiments, the audit or the timings to a file, with a job row and an atomic write."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, PplabError, StoreError, did_you_mean
from pplab.ids import new_id, now
from pplab.observe.events import event
from pplab.operation import CAUSE
from pplab.store.rows import ExportRow

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pplab.store.store import Store

FORMATS = ("csv", "json", "parquet", "package")
SUFFIXES = {"package": "zip"}
SUBJECTS = ("experiments", "audit", "timing")
FOLDER = "exports"
FREE_TEXT = ("prompt", "text", "error", "payload")
# A spreadsheet runs a cell that begins with one of these (OWASP, "CSV Injection").
FORMULA = re.compile(r"^[=+\-@\t\r\n]")
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file that was written.

    Attributes
    ----------
    path : pathlib.Path
    sha256 : str
    format : str
    what : str
    rows, size : int
        Records and bytes.
    link : str or None
        The path from the working folder, where the user chose it and it lies inside.
    export_id : str
    """

    path: Path
    sha256: str
    format: str
    what: str
    rows: int
    size: int
    export_id: str
    link: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the export as plain JSON values."""
        return {**dataclasses.asdict(self), "path": str(self.path)}

    def __repr__(self) -> str:
        return f"Export({self.what}, {self.format}, {self.rows} rows)"


def export(lab: Any, store: Store, ids: list[str], format: str, path: str | os.PathLike[str] | None, what: str) -> Export:
    """Write the file and its job row; see `Lab.export`."""
    for name, value, known in (("format", format, FORMATS), ("what", what, SUBJECTS)):
        if value not in known:
            raise BadInput(f"unknown {name} '{value}'", hint=did_you_mean(value, known) or f"use one of: {', '.join(known)}")
    if format == "package" and what != "experiments":
        raise BadInput(f"a package holds experiments, not the {what}", hint="use csv, json or parquet for it")
    store.must_be_writable()
    export_id = new_id()
    file = target(path, lab.folder, what, SUFFIXES.get(format, format))
    span = CAUSE.get()
    about: dict[str, Any] = {"entity": "export", "entity_id": export_id, **(span.ids() if span else {})}
    lab.record(event("export_requested", lab.user, **about, what=what, format=format, records=len(ids)))
    head = store.head()
    job = ExportRow(
        export_id=export_id,
        revision=0,
        created_at=now(),
        completed_at=None,
        user=lab.user,
        what=what,
        format=format,
        experiment_ids=ids,
        path=file.name,
        sha256=None,
        size=None,
        rows=None,
        status="running",
        error=None,
        head_seq=head.seq,
        head_hash=head.hash,
        correlation_id=span.correlation_id if span else "",
    )
    lab.record(job)
    try:
        data, rows = _content(lab, store, ids, format, what)
        size, digest = write_atomically(file, data)
    except (OSError, PplabError) as error:
        words = str(error.strerror or error) if isinstance(error, OSError) else error.message
        lab.record(dataclasses.replace(job, revision=1, completed_at=now(), status="failed", error=words), durable=True)
        if isinstance(error, PplabError):
            raise
        raise StoreError(f"'{file.name}' could not be written: {words}", hint="free some space or choose another path") from None
    done = dataclasses.replace(job, revision=1, completed_at=now(), status="completed", sha256=digest, size=size, rows=rows)
    completed = event("export_completed", lab.user, **about, sha256=digest, size=size, rows=rows)
    lab.record(done, completed, durable=True).result()
    return Export(path=file, sha256=digest, format=format, what=what, rows=rows, size=size, export_id=export_id, link=_link(path))


def _content(lab: Any, store: Store, ids: list[str], format: str, what: str) -> tuple[bytes, int]:
    """Return the file's bytes and how many rows they hold."""
    if format == "package":
        from pplab.share.package import package

        return package(store, ids, lab.scrub)
    frame = without_secrets(_frame(store, ids, what), lab.scrub)
    return as_bytes(frame, format, what), len(frame)


def without_secrets(frame: pd.DataFrame, scrub: Callable[[str], str]) -> pd.DataFrame:
    """Return ``frame`` with secrets masked where text is free, also those that became known after they were stored."""
    free = [name for name in FREE_TEXT if name in frame.columns]
    return frame.assign(**{name: frame[name].map(lambda v: scrub(v) if isinstance(v, str) else v) for name in free})


def _frame(store: Store, ids: list[str], what: str) -> pd.DataFrame:
    if what == "audit":
        return store.audit()
    if what == "timing":
        return store.timing()
    import pandas as pd

    with store.reading():
        return pd.concat([store.responses(i) for i in ids], ignore_index=True)


def target(path: str | os.PathLike[str] | None, lab_folder: Path, what: str, suffix: str) -> Path:
    """Return where to write: a fresh name in ``exports/``, or the user's path if it stays inside the places allowed."""
    if path is None:
        folder = Path.cwd() / FOLDER
        stamp = UNSAFE.sub("", now()[:19].replace(":", ""))
        file = folder / f"pplab-{what}-{stamp}.{suffix}"
        count = 1
        while file.exists():
            count += 1
            file = folder / f"pplab-{what}-{stamp}-{count}.{suffix}"
        return file
    text = os.fspath(path)
    if not text or "\0" in text or any(ord(c) < 32 for c in text):
        raise BadInput("the path is empty or contains control characters", hint="give the name of a file")
    given = Path(text)
    if given.is_absolute():
        file = given
    else:
        file = (Path.cwd() / given).resolve()
        allowed = (Path.cwd().resolve(), (lab_folder / FOLDER).resolve())
        if not any(file.is_relative_to(root) for root in allowed):
            raise BadInput(f"'{given.name}' would be written outside the working folder", hint="give a path inside it")
    if file.is_dir():
        raise BadInput(f"'{file.name}' is a folder", hint="give the name of a file in it")
    if file.suffix.lower() != f".{suffix}":
        raise BadInput(f"'{file.name}' does not end in .{suffix}", hint=f"name it {file.stem}.{suffix}")
    return file


def _link(path: str | os.PathLike[str] | None) -> str | None:
    if path is None or Path(path).is_absolute() or ".." in Path(path).parts:
        return None
    return Path(path).as_posix()


def as_bytes(frame: pd.DataFrame, format: str, what: str) -> bytes:
    """Return the file's bytes. CSV neutralises formulas; JSON and parquet keep the true values."""
    import io

    if format == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(_json_columns(frame), preserve_index=False), sink)
        return sink.getvalue()
    if format == "csv":
        neutral = _json_columns(frame).map(_neutral)
        return neutral.to_csv(index=False, lineterminator="\r\n").encode("utf-8")
    from pplab.store.kinds import canonical_json

    records = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))
    lines = ",\n".join(canonical_json(r) for r in records)
    return f'{{"format":"pplab-{what}","version":1,"records":[\n{lines}\n]}}\n'.encode()


def _json_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with dicts and lists as JSON text, which every reader of tables can hold."""
    from pplab.store.kinds import canonical_json

    out = frame.copy()
    for name in out.columns:
        if out[name].map(lambda v: isinstance(v, (dict, list))).any():
            out[name] = out[name].map(lambda v: canonical_json(v) if isinstance(v, (dict, list)) else v)
    return out


def _neutral(value: Any) -> Any:
    if isinstance(value, str):
        value = value.replace("\0", "\N{SYMBOL FOR NULL}")
        return f"'{value}" if FORMULA.match(value) else value
    return value


def write_atomically(target: Path, data: bytes) -> tuple[int, str]:
    """Write ``data`` beside ``target``, flush it to disk and rename it there; return its size and SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return len(data), hashlib.sha256(data).hexdigest()
