"""The import of a colleague's package: checked before anything enters, its origin kept, nothing ever overwritten."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.errors import BadInput, NotFound
from pplab.ids import derived_id
from pplab.inputs.paths import given_path
from pplab.observe.events import event
from pplab.observe.spans import CAUSE
from pplab.share.archive import open_package
from pplab.share.package_contents import read_store, to_json_line
from pplab.share.verify import REWRITTEN, verified_contents
from pplab.store.run_lock import announce

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from pplab.context import LabContext
    from pplab.share.package_contents import PackageContents
    from pplab.store.rows import ExperimentRow, RatingRow
    from pplab.store.store import Store

FOLDER = "imports"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The import's outcome: which experiments of a package are in the lab now, and where they come from.

    Attributes
    ----------
    experiments : tuple of str
        The ids of its experiments.
    responses : int
    new : int
        How many of the experiments were not here before.
    ratings : int
        How many ratings of answers that were here already came with it, such as those of a colleague who was sent them.
    origin : dict
        Where it comes from: ``package`` (its sha256), ``lab``, ``user``, ``at`` (the time of its last event) and the audit head.
    rewritten : bool
        Whether another program wrote the zip file again; what it holds was checked all the same.
    """

    experiments: tuple[str, ...]
    responses: int
    new: int
    origin: dict[str, Any]
    rewritten: bool = False
    ratings: int = 0

    @property
    def words(self) -> str:
        """What happened, in a sentence or two."""
        count, held = len(self.experiments), len(self.experiments) - self.new
        if not self.new and self.ratings:
            text = f"{counted(self.ratings, 'rating')} of what was here imported; every hash was checked."
        elif not self.new:
            these = "the experiment" if count == 1 else f"all {count} experiments"
            text = f"Nothing changed: this lab already has {these} of this package."
        else:
            already = f" ({held} of them {'was' if held == 1 else 'were'} here already)" if held else ""
            what = f"{counted(count, 'experiment')} with {counted(self.responses, 'response')}"
            rated = f", and {counted(self.ratings, 'rating')} of what was here" if self.ratings else ""
            text = f"{what} imported{already}{rated}, run by {self.origin['user']}; every hash was checked."
        return f"{text} {REWRITTEN[0].upper()}{REWRITTEN[1:]}." if self.rewritten else text

    def as_dict(self) -> dict[str, Any]:
        """Return the import as plain JSON values."""
        return dataclasses.asdict(self)


def import_package(context: LabContext, path: str | os.PathLike[str]) -> ImportReport:
    """Check a package and enter its rows; see `Lab.import_package`.

    Everything is unpacked into a temporary folder, checked there, and moved to ``imports/`` of the lab in one step, so that the
    colleague's own audit, recording and notebook stay at hand. The rows go through the journal, experiments last: a process that
    dies in between leaves nothing that shows, and importing again completes it.
    """
    store = context.store
    store.must_be_writable()
    source = given_path(path, "the package", "give the path of a zip file or a folder")
    with open_package(source, context.folder / FOLDER) as package:
        report, contents = verified_contents(source, package)
        new = _new_experiments(store, contents)
        _refuse_other_calibrations(store, contents)
        if package.unpacked:
            _keep(package.folder, context.folder / FOLDER / report.sha256[:16])
    origin = {
        "package": report.sha256,
        "lab": report.lab,
        "user": ", ".join(report.users),
        "at": report.at,
        "head": [report.head_seq, report.head_hash],
    }
    ratings = _new_ratings(store, contents, new)
    if new or ratings:
        _enter(context, contents, new, ratings, origin)
        announce(context.folder)  # whoever shows an experiment that was here reads its ratings again
    return ImportReport(
        experiments=tuple(e.experiment_id for e in contents.experiments),
        responses=len(contents.responses),
        new=len(new),
        ratings=len(ratings),
        origin=origin,
        rewritten=report.rewritten,
    )


def _new_experiments(store: Store, contents: PackageContents) -> set[str]:
    """Return the experiments that are not here; refuse the package when one is here in another state."""
    new = set()
    for e in contents.experiments:
        try:
            stored = read_store(store, [store.find("experiment", e.experiment_id)])
        except NotFound:
            new.add(e.experiment_id)
            continue
        mine = {to_json_line(row, str) for name in ("responses", "attempts") for row in stored.table(name)}
        mine |= {_as_it_ran(row) for row in stored.experiments}
        theirs = {_as_it_ran(e)}
        theirs |= {to_json_line(r, str) for r in contents.responses if r.experiment_id == e.experiment_id}
        theirs |= {to_json_line(a, str) for a in contents.attempts if a.experiment_id == e.experiment_id}
        if mine != theirs:
            raise BadInput(
                f"experiment {e.experiment_id[:8]} is in this lab already with other data, and an import never overwrites",
                hint="import the package into another lab, for example with --store",
            )
    return new


def _new_ratings(store: Store, contents: PackageContents, new: set[str]) -> list[RatingRow]:
    """Return the ratings that are not here of experiments that are; those that are here stay as they are."""
    here = {e.experiment_id for e in contents.experiments} - new
    known = {row.rating_id for experiment in here for row in store.rating_rows(experiment)}
    return [rating for rating in contents.ratings if rating.experiment_id in here and rating.rating_id not in known]


def _as_it_ran(row: ExperimentRow) -> str:
    """Return the line of an experiment without what scoring its answers again changes, here or there."""
    plan = {name: value for name, value in row.plan.items() if name != "metrics"}
    return to_json_line(dataclasses.replace(row, plan=plan, revision=0, updated_at=row.created_at), str)


def _refuse_other_calibrations(store: Store, contents: PackageContents) -> None:
    for c in contents.calibrations:
        try:
            stored = store.calibration(c.calibration_id)
        except NotFound:  # as it should be
            continue
        if to_json_line(stored, str) != to_json_line(c, str):
            raise BadInput(
                f"calibration {c.calibration_id[:8]} is in this lab already with other answers, and an import never overwrites",
                hint="import the package into another lab, for example with --store",
            )


def _keep(folder: Path, target: Path) -> None:
    """Move the unpacked package to its place, unless it is there; whoever may read the folder around it may read it."""
    with contextlib.suppress(OSError):  # some file systems have no modes to change
        folder.chmod(stat.S_IMODE(target.parent.stat().st_mode))
    try:
        folder.rename(target)
    except OSError:  # there already, from an earlier import or by another process just now
        if not target.is_dir():
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _enter(
    context: LabContext, contents: PackageContents, new: set[str], ratings: Sequence[RatingRow], origin: dict[str, Any]
) -> None:
    span = CAUSE.get()
    cause: dict[str, Any] = span.ids() if span else {}
    rows: list[Any] = [dataclasses.replace(c, origin=origin) for c in contents.calibrations if new]
    rows += [r for r in contents.responses if r.experiment_id in new]
    rows += [a for a in contents.attempts if a.experiment_id in new]
    rows += [s for s in contents.scores if s.experiment_id in new]
    rows += [label for label in contents.labels if label.experiment_id in new]
    rows += [rating for rating in contents.ratings if rating.experiment_id in new]
    rows += ratings
    rows += [dataclasses.replace(e, origin=origin) for e in contents.experiments if e.experiment_id in new]
    payload = {"sha256": origin["package"], "experiments": len(new)}
    entered = {*new, *(rating.experiment_id for rating in ratings)}
    for experiment in sorted(entered):  # imported again, also after a crash, it is the same event
        event_id = derived_id("package_imported", origin["package"], experiment)
        rows.append(
            event(
                "package_imported", context.user, event_id=event_id, entity="experiment", entity_id=experiment, **cause, **payload
            )
        )
    context.record(*rows, durable=True).result()
