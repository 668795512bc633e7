"""Push: this lab's new records onto a remote, as segments that it alone writes."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.config.remotes import named_remote
from pplab.errors import RemoteError
from pplab.remote.head import FILE, MAX_BYTES, read_head, write_head
from pplab.remote.origin import exchanging, own_origin
from pplab.remote.own_segments import make_segments
from pplab.remote.remote_folder import PART, RemoteFolder
from pplab.store import tombstones
from pplab.store.origin_chains import own_path, own_segments
from pplab.store.shared_segments import DamagedSegment, SegmentName

if TYPE_CHECKING:
    from pplab.context import LabContext
    from pplab.remote.head import Last


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """The outcome of a push.

    Attributes
    ----------
    remote : str
        Where to.
    origin, name : str
        The lab as others see it: its id and its name.
    segments, records : int
        What was put there now: new segments, and those that were not there any more.
    left_out : int
        Records that no lab would take: damaged ones, and ones of more than 32 MB.
    """

    remote: str
    origin: str
    name: str
    segments: int
    records: int
    left_out: int

    @property
    def words(self) -> str:
        """What happened, in a sentence or two."""
        if self.segments:
            text = f"{counted(self.records, 'record')} in {counted(self.segments, 'segment')} pushed to {self.remote}."
        else:
            text = f"Nothing is new: {self.remote} has everything of this lab."
        return f"{text} {counted(self.left_out, 'record')} could not be pushed." if self.left_out else text

    def as_dict(self) -> dict[str, Any]:
        """Return the push as plain JSON values."""
        return dataclasses.asdict(self)


def push(context: LabContext, remote: str | None, *, cells: bool) -> PushReport:
    """Put what is new onto a remote; see `Lab.push`."""
    context.store.must_be_writable()
    name = named_remote(context.configuration.remotes, remote)
    place = RemoteFolder(name, context.configuration.remotes[name])
    streams = streams_pushed(cells=cells)
    with exchanging(context.folder):
        return push_to(context, place, streams)


def push_to(context: LabContext, place: RemoteFolder, streams: tuple[str, ...], *, by_head: bool = False) -> PushReport:
    """Put what is new of some streams onto a remote; the caller holds the exchange.

    With ``by_head`` the lab's head there is taken at its word for what is there, so that nothing is listed.
    """
    origin, name = own_origin(context), place.name
    left_out = sum(make_segments(context, origin, stream) for stream in streams)
    put, records = _upload(context, place, origin.id, streams, by_head=by_head)
    if put:
        context.record_event(
            "segments_pushed",
            entity="origin",
            entity_id=origin.id,
            remote=name,
            segments=len(put),
            records=records,
            last=put[-1].sha256,
        )
    return PushReport(remote=name, origin=origin.id, name=origin.name, segments=len(put), records=records, left_out=left_out)


def streams_pushed(*, cells: bool) -> tuple[str, ...]:
    """Return the streams that a push is of."""
    return ("results", "cells") if cells else ("results",)


def _upload(
    context: LabContext, place: RemoteFolder, origin: str, streams: tuple[str, ...], *, by_head: bool
) -> tuple[list[SegmentName], int]:
    """Put the segments there that are missing, cut off or forgotten, then the head; return them and their number of records."""
    mine = [name for name in own_segments(context.folder) if name.origin == origin]
    there = _told_by_head(context, place, origin, mine) if by_head else None
    new = [name for name in mine if name.stream in streams and name.file not in (there or {})]
    if there is None or any(_tells_of_forgetting(context, name) for name in new):
        place.origins()  # a folder that is not mounted is named, and not made
        there = place.files(origin)
        _refuse_two_writers(there, origin, mine)
    put, records = [], 0
    for file in (file for file in there if file.startswith(PART)):
        place.remove(origin, file)
    for name in (name for name in mine if name.stream in streams or name.file in there):
        path = own_path(context.folder, name)
        if there.get(name.file) != path.stat().st_size:
            data = path.read_bytes()
            place.write(origin, name.file, data)
            put.append(name)
            records += len(_unpacked(name, data))
    last: dict[str, Last] = {name.stream: (name.number, name.sha256) for name in mine if name in put or name.file in there}
    head = write_head(origin, last)
    if last and (put or there.get(FILE) != len(head)):
        place.write(origin, FILE, head)
    return put, records


def _told_by_head(context: LabContext, place: RemoteFolder, origin: str, mine: list[SegmentName]) -> dict[str, int] | None:
    """Return the files that the lab's head on a remote says are there; ``None`` where it is not one that this lab wrote."""
    data = place.read(origin, FILE, MAX_BYTES)
    try:
        head = read_head(origin, data or b"")
    except DamagedSegment:
        return None
    if any(SegmentName(origin, stream, *last) not in mine for stream, last in head.items()):
        return None
    covered = [name for name in mine if name.stream in head and name.number <= head[name.stream][0]]
    return {name.file: own_path(context.folder, name).stat().st_size for name in covered} | {FILE: len(data or b"")}


def _tells_of_forgetting(context: LabContext, name: SegmentName) -> bool:
    """Return whether a segment says that texts were forgotten: those before it are not what the remote has, then."""
    data = own_path(context.folder, name).read_bytes()
    return bool(tombstones.in_lines(_unpacked(name, data)))


def _unpacked(name: SegmentName, data: bytes) -> tuple[bytes, ...]:
    from pplab.store.shared_segments import unpack

    return unpack(name, data, forgotten=hashlib.sha256(data).hexdigest()).lines


def _refuse_two_writers(there: dict[str, int], origin: str, mine: list[SegmentName]) -> None:
    """Refuse to go on where somebody else writes as this lab: a copy of its folder that pushed, too."""
    foreign = {name for file in there if (name := SegmentName.read(origin, file))} - set(mine)
    if foreign:
        raise RemoteError(
            "the remote has segments in this lab's name that it did not make: its folder was copied, or is an older state",
            hint="remove origin.json from the lab's folder, and it is pushed as a lab of its own",
        )
