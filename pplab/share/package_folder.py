"""A package's folder as read: whether its files are those that were exported, and only then the rows in them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.errors import PplabError
from pplab.experiments.response_writer import make_call, response_id
from pplab.experiments.score_rows import score_id
from pplab.plan.plan import Plan, PlannedCall
from pplab.plan.ratings import GRADES, PREFERENCES, UNDONE
from pplab.plan.vocabulary import SOURCES
from pplab.secrets import MASK
from pplab.share import audit_excerpt
from pplab.share.archive import BAGIT
from pplab.share.package import AUDIT, MANIFEST, NOTEBOOK, ROWS, TAG_MANIFEST
from pplab.share.package_contents import FIRST_TABLES, TABLES, PackageContents, row_sha256
from pplab.store.forgotten import has_marker
from pplab.store.journal_format import DamagedLine, decode
from pplab.store.record_types import RECORD_TYPE_OF, canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplab.share.audit_excerpt import AuditExcerpt

MAX_NAMED = 20
"""How many altered rows are named one by one."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\n]+)\n")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFolder:
    """A package's folder as read: its problems, and what it holds.

    Attributes
    ----------
    problems
        Everything that is not as it was exported; empty when nothing is.
    files
        How many files were compared with the manifests.
    sha256
        Of the tag manifest, and so of everything: the package's identity, packed or unpacked.
    info
        The fields of ``bag-info.txt``.
    audit, contents
        ``None`` where they could not be read.
    """

    problems: tuple[str, ...]
    files: int = 0
    sha256: str = ""
    info: dict[str, str]
    audit: AuditExcerpt | None = None
    contents: PackageContents | None = None


def read_package_folder(folder: Path, *, complete: bool) -> PackageFolder:
    """Check the files of a package and, when all are as they were exported, read them.

    Parameters
    ----------
    folder
        Where it is unpacked.
    complete
        Whether every file must be listed, as in one just unpacked. In a folder that somebody works in, further files are let
        alone, and so is the notebook, which changes as soon as it is run.
    """
    try:
        tags = _manifest(folder, TAG_MANIFEST)
        payload = _manifest(folder, MANIFEST)
    except ValueError as error:
        return PackageFolder(problems=(str(error),), info={})
    changing = frozenset() if complete else frozenset({NOTEBOOK})
    problems = [p for name, digest in {**tags, **payload}.items() if name not in changing and (p := _file(folder, name, digest))]
    if complete:
        present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
        problems += [f"{name} was added: no manifest lists it" for name in sorted(present - {*tags, *payload, TAG_MANIFEST})]
    missing = {BAGIT, "bag-info.txt", AUDIT, ROWS, MANIFEST, *(f"data/{t}.jsonl" for t in FIRST_TABLES)} - {*tags, *payload}
    problems += [f"{name} is missing" for name in sorted(missing)]
    files = len(tags) + len(payload) + 1
    bag = PackageFolder(problems=(), files=files, sha256=_sha256(folder / TAG_MANIFEST), info={})
    if problems:
        return replace(bag, problems=(*problems, *_altered_rows(folder)))
    return _read(bag, folder)


def _manifest(folder: Path, name: str) -> dict[str, str]:
    path = folder / name
    if not path.is_file() or path.is_symlink():
        raise ValueError(f"{name} is missing")
    text = path.read_bytes().decode("utf-8", "replace")
    lines = _LINE.findall(text)
    names = [n for _, n in lines]
    if "".join(f"{digest}  {n}\n" for digest, n in lines) != text or names != sorted(set(names)):
        raise ValueError(f"{name} is damaged")
    if any(n.startswith("/") or ".." in Path(n).parts for n in names):
        raise ValueError(f"{name} names a file outside the package")
    return {n: digest for digest, n in lines}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file(folder: Path, name: str, digest: str) -> str | None:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        return f"{name} is missing"
    return None if _sha256(path) == digest else f"{name} was altered"


def _altered_rows(folder: Path) -> Iterator[str]:
    """Name the rows whose hash is not the listed one; nothing is parsed."""
    try:
        lines = _LINE.findall((folder / ROWS).read_text("utf-8"))
        tables = {name: _table(folder, name).read_text("utf-8").splitlines() for name in TABLES if _has(folder, name)}
    except (OSError, UnicodeError):
        return
    expected = {row: digest for digest, row in lines}
    altered = 0
    for name, lines in tables.items():
        for number, line in enumerate(lines, 1):
            digest = expected.pop(f"data/{name}.jsonl:{number}", None)
            if digest != row_sha256(line):
                altered += 1
                if altered <= MAX_NAMED:
                    yield f"row {number} of {name} " + ("was added" if digest is None else "was altered")
    if altered > MAX_NAMED:
        yield f"{counted(altered - MAX_NAMED, 'further row')} {'was' if altered - MAX_NAMED == 1 else 'were'} altered"
    if expected:
        yield f"{counted(len(expected), 'row')} {'is' if len(expected) == 1 else 'are'} missing"


def _read(bag: PackageFolder, folder: Path) -> PackageFolder:
    problems: list[str] = []
    info: dict[str, str] = {}
    for line in (folder / "bag-info.txt").read_text("utf-8", "replace").splitlines():
        name, _, value = line.partition(": ")
        info.setdefault(name, value)
    audit = None
    try:
        audit = audit_excerpt.from_json_lines((folder / AUDIT).read_text("utf-8"))
        problems += audit_excerpt.chain_problems(audit)
        if info.get("Pplab-Audit-Head") != f"{audit.head.seq} {audit.head.hash}":
            problems.append("the audit's head is not the one in bag-info.txt")
    except (ValueError, UnicodeError) as error:
        problems.append(f"{AUDIT} cannot be read: {error}")
    contents = None
    try:
        contents = PackageContents(**{name: tuple(_rows(folder, name)) for name in TABLES if _has(folder, name)})
        problems += _inconsistencies(contents)
    except (ValueError, UnicodeError) as error:
        problems.append(str(error))
    return replace(bag, problems=tuple(problems), info=info, audit=audit, contents=contents)


def _table(folder: Path, name: str) -> Path:
    return folder / f"data/{name}.jsonl"


def _has(folder: Path, name: str) -> bool:
    """Return whether a package has a table: those that came with later versions it may lack."""
    return name in FIRST_TABLES or _table(folder, name).is_file()


def _rows(folder: Path, table: str) -> Iterator[Any]:
    record = TABLES[table]
    kind = RECORD_TYPE_OF[record]
    with _table(folder, table).open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                values = json.loads(line)
                decode(canonical_json({"k": kind.name, "r": values}).encode())
                row = record(**values)
            except (ValueError, TypeError, RecursionError, DamagedLine) as error:
                raise ValueError(f"row {number} of {table} cannot be read: {error}") from None
            if not _ID.fullmatch(str(getattr(row, kind.key))):
                raise ValueError(f"row {number} of {table} has an id that is none of pplab")
            yield row


def _inconsistencies(contents: PackageContents) -> Iterator[str]:
    """Say where rows contradict each other: whatever the hashes say, such rows were not written by a run."""
    for name in TABLES:
        key = RECORD_TYPE_OF[TABLES[name]].key
        ids = [getattr(row, key) for row in contents.table(name)]
        if len(set(ids)) != len(ids):
            yield f"two rows of {name} have the same id"
    if not contents.experiments:
        yield "it holds no experiment"
    calibrations = {c.calibration_id for c in contents.calibrations}
    plans: dict[str, tuple[Plan, str]] = {}
    for e in contents.experiments:
        try:
            plan = Plan.from_dict(e.plan)
            planned = len(plan)
        except (PplabError, LookupError, TypeError, ValueError, AttributeError):
            yield f"experiment {e.experiment_id[:8]} has a plan that cannot be read"
            continue
        plans[e.experiment_id] = plan, e.provider
        if planned != e.planned:
            yield f"experiment {e.experiment_id[:8]} states {e.planned} planned replicates, but its plan has {planned}"
        if e.calibration_id is not None and e.calibration_id not in calibrations:
            yield f"the calibration of experiment {e.experiment_id[:8]} is missing"
    yield from _response_inconsistencies(contents, plans)
    responses = {r.response_id for r in contents.responses}
    strays = sum(a.response_id not in responses for a in contents.attempts)
    if strays:
        yield f"{counted(strays, 'request')} {'belongs' if strays == 1 else 'belong'} to no response"
    yield from _score_inconsistencies(contents)
    for label in contents.labels:
        if label.experiment_id not in plans:
            yield f"the name of experiment {label.experiment_id[:8]} belongs to none"
    yield from _rating_inconsistencies(contents)


def _score_inconsistencies(contents: PackageContents) -> Iterator[str]:
    experiments = {r.response_id: r.experiment_id for r in contents.responses}
    for s in contents.scores:
        if experiments.get(s.response_id) != s.experiment_id:
            yield f"score {s.score_id[:8]} belongs to no response"
        elif s.source not in SOURCES:
            yield f"score {s.score_id[:8]} has a source that is none of pplab"
        elif s.score_id != score_id(s.response_id, s.response_revision, s.metric, s.source, s.version, s.rater):
            yield f"score {s.score_id[:8]} has an id that does not fit it"


def _rating_inconsistencies(contents: PackageContents) -> Iterator[str]:
    experiments = {r.response_id: r.experiment_id for r in contents.responses}
    for r in contents.ratings:
        shown = [r.response_id] if r.other_id is None else [r.response_id, r.other_id]
        if any(experiments.get(id_) != r.experiment_id for id_ in shown):
            yield f"rating {r.rating_id[:8]} belongs to no response"
        elif r.choice not in {UNDONE, *(GRADES if r.other_id is None else PREFERENCES)}:
            yield f"rating {r.rating_id[:8]} has a choice that nobody could make"


def _response_inconsistencies(contents: PackageContents, plans: dict[str, tuple[Plan, str]]) -> Iterator[str]:
    for r in contents.responses:
        if r.experiment_id not in plans:
            yield f"response {r.response_id[:8]} belongs to no experiment"
            continue
        plan, provider = plans[r.experiment_id]
        call = PlannedCall(r.prompt_index, r.setting_index, r.replicate)
        inside = r.prompt_index < len(plan.prompts) and r.setting_index < len(plan.settings) and r.replicate < plan.replicates
        if not inside or min(r.prompt_index, r.setting_index, r.replicate) < 0 or r.prompt != plan.prompt(call):
            yield f"response {r.response_id[:8]} is not part of the plan"
        elif r.response_id != response_id(r.experiment_id, call):
            yield f"response {r.response_id[:8]} has an id that does not fit its place in the plan"
        elif not _is_masked(plan, call) and r.request_key != make_call(plan, provider, call)[0].request_key:
            yield f"response {r.response_id[:8]} answers a different call than the plan has there"


def _is_masked(plan: Plan, call: PlannedCall) -> bool:
    """Return whether a key or a text was taken out of what was sent, which then has another identity than what is stored."""
    return any(MASK in message["content"] or has_marker(message["content"]) for message in plan.messages(call))
