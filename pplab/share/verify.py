"""The verification of a package, which needs no lab: hashes, chain, completeness, and which rows were altered, on one screen."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.errors import BadInput, StoreTampered
from pplab.inputs.paths import given_path
from pplab.share.archive import BAGIT, alteration_error, open_package
from pplab.share.package import TAG_MANIFEST
from pplab.share.package_folder import PackageFolder, read_package_folder

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from pplab.context import LabContext
    from pplab.share.archive import OpenPackage
    from pplab.share.package_contents import PackageContents
    from pplab.store.verify import VerifyReport


REWRITTEN = "the zip file was written again by another program, and what it holds is unaltered"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageReport:
    """The verification's outcome: whether a package is as it was exported, and what it holds.

    Attributes
    ----------
    name : str
        The file's name.
    problems : tuple of str
        What is altered, missing or contradictory, one line each; empty when nothing is.
    rewritten : bool
        Whether another program wrote the zip file again. What it holds decides, so that this alone is no problem.
    files : int
        Files compared with the manifests.
    tables : dict
        Rows of each table.
    planned, stored : int
        Replicates that were planned, and those that have a row.
    statuses : dict
        Replicates by status.
    audit_rows, head_seq, head_hash
        Audit rows it carries, and the head of the chain they were verified up to.
    users : tuple of str
        Who ran its experiments.
    lab, at : str
        The lab it comes from, and when its last event was.
    sha256 : str
        Its identity: of everything in it, packed or unpacked.
    """

    name: str
    problems: tuple[str, ...]
    rewritten: bool
    files: int
    tables: dict[str, int]
    planned: int
    stored: int
    statuses: dict[str, int]
    audit_rows: int
    head_seq: int
    head_hash: str
    users: tuple[str, ...]
    lab: str
    at: str
    sha256: str

    @property
    def ok(self) -> bool:
        """Whether nothing is altered, missing or contradictory."""
        return not self.problems

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        return sum(self.tables.values())

    @property
    def words(self) -> str:
        """The outcome on one screen."""
        if self.problems:
            lines = [f"- {problem}" for problem in self.problems[:15]]
            more = [f"- and {len(self.problems) - 15} more"] if len(self.problems) > 15 else []
            return "\n".join([f"{self.name} is not as it was exported:", *lines, *more])
        tables = ", ".join(counted(count, name[:-1]) for name, count in self.tables.items() if count)
        statuses = ", ".join(f"{count} {status}" for status, count in self.statuses.items())
        whole = (
            "every planned replicate has its row"
            if self.stored == self.planned
            else f"{self.stored} of {self.planned} planned replicates have a row"
        )
        return "\n".join(
            [
                f"{self.name} is as it was exported, nothing was altered.",
                f"Hashes: {counted(self.files, 'file')} and {counted(self.rows, 'row')} match ({tables}).",
                f"Chain: {counted(self.audit_rows, 'audit row')} verified, each linked to the one before it.",
                f"Completeness: {whole} ({statuses}).",
                f"Origin: run by {', '.join(self.users)}.",
                *([f"File: {REWRITTEN}."] if self.rewritten else []),
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {**dataclasses.asdict(self), "ok": self.ok}


def verify(context: LabContext, path: str | os.PathLike[str] | None = None) -> VerifyReport | PackageReport:
    """Check a lab, or a package, and note in the audit that it was checked; see `Lab.verify`."""
    report = context.store.verify() if path is None else verify_package(path)
    context.record_event("verification_completed", ok=report.ok, rows=report.rows, problems=len(report.problems))
    if not report.ok and path is None:
        raise StoreTampered(report.words, hint="pplab rebuild makes the tables again from the journals and shows what differs")
    if not report.ok:
        raise alteration_error(report.problems)
    return report


def verify_package(path: str | os.PathLike[str]) -> PackageReport:
    """Check a package, a zip or the folder it was unpacked to.

    Raises
    ------
    NotFound
        When there is no such file.
    BadInput
        When it is no zip, or one that could do harm.
    """
    return read_package(path)[0]


def read_package(path: str | os.PathLike[str]) -> tuple[PackageReport, PackageContents | None]:
    """Return the report on a package and what can be read of it, altered or not; ``None`` where that is nothing.

    Raises
    ------
    NotFound, BadInput
        As `verify_package`.
    """
    source = given_path(path, "the package", "give the path of a zip file or a folder")
    with open_package(source) as package:
        folder = _read(source, package)
        return _report(source, package, folder), folder.contents


def verified_contents(path: Path, package: OpenPackage) -> tuple[PackageReport, PackageContents]:
    """Return the report on an open package and its contents, or raise `StoreTampered` when it is not as it was exported."""
    folder = _read(path, package)
    report = _report(path, package, folder)
    if report.problems or folder.contents is None:
        raise alteration_error(report.problems)
    return report, folder.contents


def _read(path: Path, package: OpenPackage) -> PackageFolder:
    if not any((package.folder / name).exists() for name in (BAGIT, TAG_MANIFEST)):
        hint = "give a .zip file that export wrote, or the folder it was unpacked to"
        raise BadInput(f"'{path.name}' is not a package of pplab", hint=hint)
    return read_package_folder(package.folder, complete=package.unpacked)


def _report(path: Path, package: OpenPackage, folder: PackageFolder) -> PackageReport:
    contents = folder.contents
    tables = {name: len(contents.table(name)) for name in contents.names} if contents else {}
    statuses = Counter(r.status for r in contents.responses) if contents else Counter[str]()
    audit = folder.audit
    return PackageReport(
        name=path.name,
        problems=(*package.problems, *folder.problems),
        rewritten=package.rewritten,
        files=folder.files,
        tables=tables,
        planned=sum(e.planned for e in contents.experiments) if contents else 0,
        stored=len(contents.responses) if contents else 0,
        statuses=dict(sorted(statuses.items())),
        audit_rows=len(audit.rows) if audit else 0,
        head_seq=audit.head.seq if audit else 0,
        head_hash=audit.head.hash if audit else "",
        users=tuple(dict.fromkeys(e.user for e in contents.experiments)) if contents else (),
        lab=folder.info.get("Pplab-Lab", ""),
        at=folder.info.get("Pplab-Last-Event", ""),
        sha256=folder.sha256,
    )
