"""Verifies a package without a lab: hashes, chain, completeness, and which rows were altered, on one screen."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.inputs.paths import given_path
from pplab.share.bag import Bag, read_bag
from pplab.share.container import tampered, unpacked

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from pplab.share.contents import Contents


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageReport:
    """What a package holds and whether it is as it was exported.

    Attributes
    ----------
    name : str
        The file's name.
    problems : tuple of str
        What was found altered, missing or contradictory, one line each; empty when nothing was.
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
        """Whether nothing was found altered, missing or contradictory."""
        return not self.problems

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        return sum(self.tables.values())

    @property
    def words(self) -> str:
        """The outcome on one screen."""
        if self.problems:
            shown = [f"- {problem}" for problem in self.problems[:15]]
            more = [f"- and {len(self.problems) - 15} more"] if len(self.problems) > 15 else []
            return "\n".join([f"{self.name} is not as it was exported:", *shown, *more])
        tables = ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in self.tables.items() if count)
        statuses = ", ".join(f"{count} {status}" for status, count in self.statuses.items())
        whole = (
            "every planned replicate has its row" if self.stored == self.planned else f"{self.stored} of {self.planned} have rows"
        )
        return "\n".join(
            [
                f"{self.name} is as it was exported, nothing was altered.",
                f"Hashes: {self.files} files and {self.rows} rows match ({tables}).",
                f"Chain: {self.audit_rows} audit rows follow from one another up to the head.",
                f"Completeness: {whole} ({statuses}).",
                f"Origin: run by {', '.join(self.users)}.",
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {**dataclasses.asdict(self), "ok": self.ok}


def verify_package(path: str | os.PathLike[str]) -> PackageReport:
    """Check a package, a zip or the folder it was unpacked to.

    Raises
    ------
    NotFound
        When there is no such file.
    BadInput
        When it is no zip, or one that could do harm.
    """
    source = given_path(path, "the package", "give the path of a zip file or a folder")
    with unpacked(source) as (folder, broken):
        return report(source, broken, read_bag(folder, packed=folder != source))


def opened(path: Path, folder: Path, broken: list[str]) -> tuple[PackageReport, Contents]:
    """Return a package that was unpacked to a folder, or raise `StoreTampered` when it is not as it was exported."""
    bag = read_bag(folder, packed=folder != path)
    found = report(path, broken, bag)
    if found.problems or bag.contents is None:
        raise tampered(list(found.problems))
    return found, bag.contents


def report(path: Path, broken: list[str], bag: Bag) -> PackageReport:
    """Say what was found in a package's folder."""
    contents = bag.contents
    tables = (
        {} if contents is None else {n: len(contents.table(n)) for n in ("calibrations", "experiments", "responses", "attempts")}
    )
    statuses = Counter(r.status for r in contents.responses) if contents else Counter[str]()
    audit = bag.audit
    return PackageReport(
        name=path.name or path.absolute().name,
        problems=(*broken, *bag.problems),
        files=bag.files,
        tables=tables,
        planned=sum(e.planned for e in contents.experiments) if contents else 0,
        stored=len(contents.responses) if contents else 0,
        statuses=dict(sorted(statuses.items())),
        audit_rows=len(audit.rows) if audit else 0,
        head_seq=audit.head.seq if audit else 0,
        head_hash=audit.head.hash if audit else "",
        users=tuple(dict.fromkeys(e.user for e in contents.experiments)) if contents else (),
        lab=bag.info.get("Pplab-Lab", ""),
        at=bag.info.get("Pplab-Last-Event", ""),
        sha256=bag.sha256,
    )
