"""Forgetting: the texts of a response, an experiment or a calibration leave this lab, and a tombstone is left."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted, joined
from pplab.errors import BadInput, NotFound, StoreBusy, StoreTampered
from pplab.observe.events import event
from pplab.observe.spans import current_span
from pplab.store import tombstones
from pplab.store.arrivals import names_of_origins, owners
from pplab.store.forget import Forgetting
from pplab.store.forget_target import exports_of, find_target, request_keys
from pplab.store.forgotten import EVENT, Stamp, marker
from pplab.store.origin_chains import OWN
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from pplab.context import LabContext
    from pplab.store.forget import Findings
    from pplab.store.staged_change import StagedChange

KINDS = ("experiment", "response", "calibration")
PACKAGES = "Packages and exports that were made before cannot be recalled."
HARMLESS = frozenset({"damaged", "conflict"})
"""Problems that a verification finds and that forgetting makes no worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReport:
    """What was forgotten, or would be.

    Attributes
    ----------
    entity, id : str
        What: ``experiment``, ``response`` or ``calibration``, and its id.
    done : bool
        Whether it was done; else nothing was changed.
    texts, size : int
        How many texts, and their bytes.
    records : int
        Records that hold one, in journals and segments.
    files : tuple of str
        Files of the lab that are rewritten.
    removed : tuple of str
        Copies of the tables in ``backup``, which cannot be rewritten, and what processes that died left half written.
    remotes : tuple of str
        Remotes that the next push takes the texts from.
    exports : tuple of str
        Files that were exported from these experiments, as far as the lab knows.
    elsewhere : tuple of str
        Other experiments that have one of the texts as their own, and keep it.
    owner : str or None
        The lab that the experiment was pulled from: it keeps the texts, as other labs do.
    writers : tuple of int
        Other processes that are writing a journal which holds one, and in which the lab must be closed first.
    recorded : int
        Calls whose texts stand in the recording that is in use.
    """

    entity: str
    id: str
    done: bool
    texts: int
    size: int
    records: int
    files: tuple[str, ...]
    removed: tuple[str, ...]
    remotes: tuple[str, ...]
    exports: tuple[str, ...]
    elsewhere: tuple[str, ...]
    owner: str | None
    writers: tuple[int, ...] = ()
    recorded: int = 0

    @property
    def words(self) -> str:
        """What goes, where it lies, and what cannot be reached."""
        amount = f"{counted(self.texts, 'text')} ({self.size:,} bytes) of {self.entity} {self.id}"
        gone = "were forgotten" if self.done else "would be forgotten"
        lines = [f"{amount} {gone}: {counted(self.records, 'record')} in {counted(len(self.files), 'file')} of the lab."]
        if self.files and not self.done:
            lines.append(f"They lie in {_some(self.files, 10)}.")
        if self.removed:
            removed = "were removed" if self.done else "would be removed"
            lines.append(f"{counted(len(self.removed), 'further file')} {removed}: {', '.join(self.removed)}.")
        if self.writers:
            lines.append(
                f"Close the lab first in {joined([f'process {pid}' for pid in self.writers])}, which writes such a journal."
            )
        if self.recorded:
            lines.append(f"In the recording that is in use, {counted(self.recorded, 'call')} {gone}; others are not looked for.")
        if self.entity == "response":
            lines.append("Its prompt stays, as the experiment's other answers have it; forget the experiment to have it gone.")
        if self.remotes:
            lines.append(
                f"On {joined(self.remotes)} the texts lie until the next push, and with other labs until their next pull."
            )
        if self.owner:
            lines.append(f"It was pulled from {self.owner}, which keeps the texts: they are forgotten in this lab only.")
        if self.elsewhere:
            lines.append(
                f"Some of these texts stay as texts of other experiments: forget those, too ({_some(self.elsewhere, 5)})."
            )
        lines.append(PACKAGES + (f" Known here: {', '.join(self.exports)}." if self.exports else ""))
        if not self.done:
            lines.append(f"Nothing was changed: forget {self.id} --text --yes does it.")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return dataclasses.asdict(self)


def _some(names: Sequence[str], most: int) -> str:
    """Return names in a row, and of many how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def forget(context: LabContext, id_: str, *, dry_run: bool) -> ForgetReport:
    """Forget the texts of a record; see `Lab.forget`. The caller holds the exchange, so that no segment is made meanwhile."""
    store = context.store
    kind, whole = _find(context, id_)
    report = store.verify()
    if problems := [problem.what for problem in report.problems if problem.kind not in HARMLESS]:
        raise StoreTampered(problems[0], hint="forgetting would hide it: put the lab right first, see pplab verify")
    forgetting = _Forgetting(context, kind, whole)
    if dry_run:
        with store.reading() as cursor:
            forgetting.survey(cursor)
    else:
        store.rewrite(forgetting.make_ready)
    return forgetting.report(done=not dry_run)


def _find(context: LabContext, id_: str) -> tuple[str, str]:
    kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    refusal = NotFound(f"no {kinds} has the id '{id_}'", hint="%pplab results and %pplab audit show ids")
    for kind in KINDS:
        try:
            return kind, context.store.find(kind, id_)
        except NotFound as missing:
            refusal.__context__ = missing
    raise refusal


class _Forgetting:
    """One forgetting in a lab, looked at or made ready for `Store.rewrite`."""

    def __init__(self, context: LabContext, kind: str, id_: str) -> None:
        self._context = context
        self._kind = kind
        self._id = id_
        self._found: Findings | None = None
        self._owner: str | None = None
        self._exports: tuple[str, ...] = ()
        self._stamp = Stamp.of(datetime.now(UTC), context.user)
        self._recorded: set[str] = set()

    def survey(self, cursor: DuckDBPyConnection) -> None:
        """Find out what would be changed."""
        self._begin(cursor).survey()

    def make_ready(self, cursor: DuckDBPyConnection) -> StagedChange | None:
        """Return the change, ready to be carried out."""
        tombstone = partial(event, EVENT, self._context.user, entity_id=self._id, **current_span().ids())
        change = self._begin(cursor).make_ready(
            self._context.store.path, lambda entity, payload: tombstone(entity=entity, **payload), self._context.scrub
        )
        if self._recorded and self._context.recording:  # first, so that a second call finds it if this one ends here
            self._context.recording.forget(self._recorded, partial(marker, stamp=self._stamp))
        return change

    def _begin(self, cursor: DuckDBPyConnection) -> Forgetting:
        context = self._context
        target = find_target(cursor, self._kind, self._id)
        for experiment in sorted(target.home):
            if is_running(context.folder, experiment):
                raise StoreBusy(
                    f"experiment {experiment} is being run", hint="wait until it ends, or cancel it, and forget again"
                )
        origin = next(iter(owners(cursor, {*target.home}).values()), None)
        self._owner = names_of_origins(cursor).get(origin, origin) if origin else None
        self._exports = exports_of(cursor, target)
        self._recorded = self._in_recording(request_keys(cursor, target))
        work = Forgetting(cursor, context.folder, target, self._stamp)
        self._found = work.found
        if not work.found.texts and not self._recorded:
            raise BadInput(self._nothing_left(cursor), hint="nothing was changed")
        return work

    def _in_recording(self, keys: set[str]) -> set[str]:
        recording = self._context.recording
        return {key for key in keys if recording.has(key)} if recording else set()

    def _nothing_left(self, cursor: DuckDBPyConnection) -> str:
        before = [one for one in tombstones.stored(cursor).tombstones if one.entity_id == self._id]
        if before:
            return f"the texts of {self._kind} {self._id} were forgotten {before[-1].day} by {before[-1].who}"
        return f"{self._kind} {self._id} holds no text"

    def report(self, *, done: bool) -> ForgetReport:
        """Return what was found and done."""
        found = self._found
        assert found is not None
        hashes = found.hashes
        pushed = any(file.startswith(f"{OWN}/") for file in found.files)
        return ForgetReport(
            entity=self._kind,
            id=self._id,
            done=done,
            texts=len(hashes),
            size=sum(size for _, size in hashes),
            records=found.lines,
            files=tuple(sorted(found.files)),
            removed=tuple(found.removed),
            remotes=tuple(self._context.configuration.remotes) if pushed else (),
            exports=self._exports,
            elsewhere=tuple(found.elsewhere),
            owner=self._owner,
            recorded=len(self._recorded),
            writers=tuple(sorted(found.writers - {os.getpid()})),
        )
