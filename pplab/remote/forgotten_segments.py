"""Segments of which another lab forgot texts: what its own chain says of them, and how they come to be forgotten here, too.

A segment keeps its name, which is what others know it by, and no longer is what its name says. What it is now stands in a
tombstone, in a later segment of the same lab; whoever follows the chain from the lab's head back to its beginning meets the
tombstone first. Where texts stood, markers may stand then, and nothing else may differ.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import partial
from typing import TYPE_CHECKING

from pplab.errors import NotFound, StoreBusy
from pplab.observe.events import event
from pplab.remote.records import check_line
from pplab.store import tombstones
from pplab.store.arrivals import owners
from pplab.store.forget import Forgetting
from pplab.store.forget_target import ForgetTarget, find_target
from pplab.store.forgotten import EVENT, Forgotten, Stamp
from pplab.store.journal_format import DamagedLine
from pplab.store.origin_chains import pulled_path, words
from pplab.store.redaction import merged_line, only_forgotten
from pplab.store.shared_segments import MAX_BYTES, STREAMS, DamagedSegment, SegmentName, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from duckdb import DuckDBPyConnection

    from pplab.context import LabContext
    from pplab.remote.head import Last
    from pplab.remote.remote_folder import RemoteFolder
    from pplab.store.forgotten import Tombstone
    from pplab.store.staged_change import StagedChange

RESULTS = next(iter(STREAMS))
"""The stream in which tombstones travel."""


def forgotten_by(remote: RemoteFolder, origin: str, last: Last | None) -> Forgotten:
    """Return what a lab forgot, as the chain says that ends in its head; read from there back, as far as it holds together."""
    found: list[Tombstone] = []
    known: dict[str, str] = {}
    number, sha256 = last or (0, "")
    files = remote.files(origin)
    while number:
        name = SegmentName(origin, RESULTS, number, sha256)
        if not 0 < files.get(name.file, 0) <= MAX_BYTES:
            break
        try:
            segment = unpack(name, remote.read(origin, name.file, files[name.file]) or b"", known.get(name.pulled))
        except DamagedSegment:
            break
        for tombstone in reversed(tombstones.in_lines(segment.lines)):
            found.append(tombstone)
            for file, digest in tombstone.files.items():
                if file.startswith(f"from-{origin}-"):
                    known.setdefault(file, digest)
        number, sha256 = number - 1, segment.header.before
    return Forgotten(reversed(found))


def names_others(origin: str, lines: Iterable[bytes]) -> bool:
    """Return whether a tombstone among lines of a lab names segments that are not its own."""
    return any(not file.startswith(f"from-{origin}-") for one in tombstones.in_lines(lines) for file in one.files)


def pending(context: LabContext) -> set[str]:
    """Return the labs of which a pulled segment is not yet what a tombstone here says that it is."""
    with context.store.reading() as cursor:
        files = tombstones.stored(cursor).files
    names = ((SegmentName.read_pulled(file), digest) for file, digest in files.items())
    return {name.origin for name, digest in names if name and _sha256(context, name) not in ("", digest)}


def _sha256(context: LabContext, name: SegmentName) -> str:
    try:
        return hashlib.sha256(pulled_path(context.folder, name).read_bytes()).hexdigest()
    except FileNotFoundError:  # it was pushed from here, or never pulled
        return ""


def follow(context: LabContext, remote: RemoteFolder, origin: str, forgotten: Forgotten) -> list[str]:
    """Forget here what a lab forgot, as it has it on a remote; return what could not be taken over, one line each."""
    given, problems, files = {}, [], remote.files(origin)
    for file, digest in forgotten.files.items():
        name = SegmentName.read_pulled(file)
        if name is None or name.origin != origin or _sha256(context, name) in ("", digest):
            continue
        if not 0 < files.get(name.file, 0) <= MAX_BYTES:
            continue
        data = remote.read(origin, name.file, files[name.file]) or b""
        if hashlib.sha256(data).hexdigest() == name.sha256:
            continue  # its lab has not put the new one there yet
        try:
            given[file] = _replacement(context, name, data, digest)
        except (DamagedSegment, DamagedLine) as damage:
            problems.append(f"{words(name, {})} on {remote.name} {damage}")
    if given:
        try:
            for tombstone in forgotten.tombstones:
                context.store.rewrite(partial(_make_ready, context, origin, tombstone, given))
        except StoreBusy as busy:
            problems.append(f"texts that {origin[:8]} forgot are still here: {busy}")
    return problems


def _replacement(context: LabContext, name: SegmentName, data: bytes, digest: str) -> bytes:
    """Return what a pulled segment is to hold: what its lab has, without what was forgotten here alone."""
    if hashlib.sha256(data).hexdigest() != digest:
        raise DamagedSegment("is another one than its lab says it has since it forgot texts")
    segment = unpack(name, data, digest)
    for line in segment.lines:
        check_line(line, name.stream, context.scrub)
    here = gzip.decompress(pulled_path(context.folder, name).read_bytes()).split(b"\n")
    there = gzip.decompress(data).split(b"\n")
    if len(here) != len(there) or not all(map(only_forgotten, here, there)):
        raise DamagedSegment("differs in more than texts that were forgotten")
    merged = [merged_line(old, new) for old, new in zip(here, there, strict=True)]
    return data if merged == there else gzip.compress(b"\n".join(merged), mtime=0)


def _make_ready(
    context: LabContext, origin: str, tombstone: Tombstone, given: Mapping[str, bytes], cursor: DuckDBPyConnection
) -> StagedChange | None:
    work = Forgetting(
        cursor, context.folder, _target(cursor, origin, tombstone), Stamp(tombstone.day, Stamp.name(tombstone.who)), given
    )
    make = partial(event, EVENT, context.user, entity_id=tombstone.entity_id)
    return work.make_ready(context.store.path, lambda entity, payload: make(entity=entity, **payload), context.scrub)


def _target(cursor: DuckDBPyConnection, origin: str, tombstone: Tombstone) -> ForgetTarget:
    """Return what to forget besides the lab's own segments: what belongs to a record of theirs, and nothing of anybody else."""
    nothing = ForgetTarget(tombstone.entity, "")
    if tombstone.entity not in ("experiment", "response"):
        return nothing
    try:
        target = find_target(cursor, tombstone.entity, tombstone.entity_id)
    except NotFound:
        return nothing
    home = tombstone.entity_id if tombstone.entity == "experiment" else next(iter(target.home - target.asked.keys()), "")
    return target if owners(cursor, {home}).get(home) == origin else nothing
