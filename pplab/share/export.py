"""The export of stored experiments, the audit or the timings to a file: written atomically, and noted in the lab as a job."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.analysis.person_ratings import with_ratings
from pplab.errors import BadInput, StoreError, did_you_mean, in_words
from pplab.experiments.factors import all_factors
from pplab.experiments.resume import with_users_metrics
from pplab.files import write_atomically
from pplab.ids import new_id, now
from pplab.inputs.paths import output_file
from pplab.log import log_error
from pplab.observe.events import event
from pplab.observe.spans import CAUSE
from pplab.plan.plan import Plan
from pplab.share.formats import ExportData, as_bytes, note, without_secrets
from pplab.store.history import judgings, latest_scores
from pplab.store.rows import ExportRow
from pplab.store.run_lock import RunLock

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    import pandas as pd

    from pplab.context import LabContext
    from pplab.store.store import Store

FORMATS = ("csv", "json", "parquet", "package")
SUFFIXES = {"package": "zip"}
SUBJECTS = ("experiments", "scores", "ratings", "audit", "timing")
OF_EXPERIMENTS = SUBJECTS[:3]
"""The subjects that are exported of some experiments; the others are of the whole lab."""
FOLDER = "exports"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An exported file.

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
    neutralised : int
        Cells of the CSV file that were changed, so that no spreadsheet takes them for formulas; see `note`.
    """

    path: Path
    sha256: str
    format: str
    what: str
    rows: int
    size: int
    export_id: str
    link: str | None = None
    neutralised: int = 0

    @property
    def note(self) -> str:
        """What was changed to protect its reader, in words; empty when nothing was."""
        return note(self.neutralised, "data/responses.csv" if self.format == "package" else "the CSV file")

    def as_dict(self) -> dict[str, Any]:
        """Return the export as plain JSON values."""
        return {**dataclasses.asdict(self), "path": str(self.path)}

    def __repr__(self) -> str:
        return f"Export({self.what}, {self.format}, {self.rows} rows)"


def export(context: LabContext, ids: list[str], format: str, path: str | os.PathLike[str] | None, what: str) -> Export:
    """Write the file and its job row; see `Lab.export`."""
    for name, value, known in (("format", format, FORMATS), ("what", what, SUBJECTS)):
        if value not in known:
            raise BadInput(f"unknown {name} '{value}'", hint=did_you_mean(str(value), known) or f"use one of: {', '.join(known)}")
    if format == "package" and what != "experiments":
        raise BadInput(f"a package holds experiments, not the {what}", hint="use csv, json or parquet for it")
    if format == "package":  # with what is known of the judges that the experiments have scores of
        ids = list(dict.fromkeys([*ids, *(row.experiment_id for id_ in ids for row in judgings(context.store, id_))]))
    file = target(path, context.folder, what, SUFFIXES.get(format, format))
    with job(context, what=what, format=format, ids=ids, name=file.name, records=len(ids)) as complete:
        content = _content(context, ids, format, what)
        try:
            write_atomically(file, content.data)
        except OSError as error:
            why = f"'{file.name}' could not be written: {error.strerror or error}"
            raise StoreError(why, hint="free some space or choose another path") from None
        row = complete(content)
    return Export(
        path=file,
        sha256=row.sha256 or "",
        format=format,
        what=what,
        rows=content.rows,
        size=len(content.data),
        export_id=row.export_id,
        link=_link(path),
        neutralised=content.neutralised,
    )


@contextmanager
def job(
    context: LabContext, *, what: str, format: str, ids: list[str], name: str, records: int
) -> Iterator[Callable[[ExportData], ExportRow]]:
    """Record an export: its row says ``running`` until it is complete, or until whatever ended it is noted.

    A process that is killed leaves its row ``running``; its run lock is free, by which readers know.

    Parameters
    ----------
    context
        Of the lab in which it is recorded.
    what, format, ids, name
        What is exported, of which experiments, and the file's name.
    records
        How many things were asked for.

    Yields
    ------
    callable
        To be called with the `ExportData` once the file is written; returns the completed row.
    """
    context.store.must_be_writable()
    span, head = CAUSE.get(), context.store.head()
    row = ExportRow(
        export_id=new_id(),
        revision=0,
        created_at=now(),
        completed_at=None,
        user=context.user,
        what=what,
        format=format,
        experiment_ids=ids,
        path=name,
        sha256=None,
        size=None,
        rows=None,
        status="running",
        error=None,
        head_seq=head.seq,
        head_hash=head.hash,
        correlation_id=span.correlation_id if span else "",
    )
    links: dict[str, Any] = {"entity": "export", "entity_id": row.export_id, **(span.ids() if span else {})}

    def complete(content: ExportData) -> ExportRow:
        outcome: dict[str, Any] = {
            "sha256": hashlib.sha256(content.data).hexdigest(),
            "size": len(content.data),
            "rows": content.rows,
        }
        completed = dataclasses.replace(row, revision=1, completed_at=now(), status="completed", **outcome)
        context.record(completed, event("export_completed", context.user, **links, **outcome), durable=True).result()
        return completed

    with RunLock(context.folder, row.export_id):
        try:
            request = event("export_requested", context.user, **links, what=what, format=format, records=records)
            context.record(request, row)
            yield complete
        except BaseException as error:
            status, words = "interrupted", "it was interrupted"
            if isinstance(error, Exception):
                status, words = "failed", context.scrub(in_words(error, "export").message)
            try:
                context.record(dataclasses.replace(row, revision=1, completed_at=now(), status=status, error=words), durable=True)
            except Exception as second:  # noqa: BLE001 - beside what ended it the lesser news
                log_error("that an export failed was not noted", second)
            raise


def _content(context: LabContext, ids: list[str], format: str, what: str) -> ExportData:
    if format == "package":
        from pplab.share.package import package

        return package(context.store, ids, context.scrub)
    return as_bytes(without_secrets(_frame(context.store, ids, what), context.scrub), format, what)


def _frame(store: Store, ids: list[str], what: str) -> pd.DataFrame:
    if what == "audit":
        return store.audit()
    if what == "timing":
        return store.timing()
    import pandas as pd

    of_experiment = {"scores": store.scores, "ratings": store.ratings}.get(what, partial(_responses, store))
    with store.reading():
        return pd.concat([of_experiment(i) for i in ids], ignore_index=True)


def _responses(store: Store, experiment_id: str) -> pd.DataFrame:
    """Return the responses of one experiment with a column for each factor and each score, and its name where it has one."""
    import pandas as pd

    label, plan = store.label(experiment_id), Plan.from_dict(store.experiment(experiment_id).plan)
    answers = store.responses(experiment_id)
    scores = with_ratings(latest_scores(store, experiment_id).by_response, store.ratings(experiment_id), answers)
    frame = with_users_metrics(all_factors(plan, answers), scores)
    return frame.assign(experiment_name=pd.Series([label.name if label else None] * len(frame), dtype="str"))


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
    return output_file(path, (suffix,), lab_folder / FOLDER)


def _link(path: str | os.PathLike[str] | None) -> str | None:
    if path is None or Path(path).is_absolute() or ".." in Path(path).parts:
        return None
    return Path(path).as_posix()
