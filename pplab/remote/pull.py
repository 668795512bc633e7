"""Pull: what other labs put on a remote, checked before anything of it enters; one segment that is wrong stops its lab alone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.config.remotes import named_remote
from pplab.files import write_atomically
from pplab.remote.head import FILE, MAX_BYTES, read_head
from pplab.remote.origin import exchanging, stored_origin
from pplab.remote.records import check_line
from pplab.remote.remote_folder import RemoteFolder
from pplab.store import segments as journal_files
from pplab.store import shared_segments
from pplab.store.arrivals import CONFLICT, names_of_origins
from pplab.store.journal_format import DamagedLine
from pplab.store.origin_chains import by_place, follows, pulled_path, pulled_segments, words
from pplab.store.run_lock import announce
from pplab.store.shared_segments import DamagedSegment, SegmentName, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplab.context import LabContext
    from pplab.remote.head import Last


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledOrigin:
    """What was taken of one lab: its id, its name, how many segments and records, and the hash of the last segment."""

    origin: str
    name: str
    segments: int
    records: int
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """The outcome of a pull.

    Attributes
    ----------
    remote : str
        Where from.
    origins : tuple of PulledOrigin
        The labs of which something was new.
    problems : tuple of str
        Segments that are altered, missing or in another's place and were not taken, and records that contradict ones that are
        here; one line each.
    """

    remote: str
    origins: tuple[PulledOrigin, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return not self.problems

    @property
    def records(self) -> int:
        """How many records are new."""
        return sum(origin.records for origin in self.origins)

    @property
    def words(self) -> str:
        """What happened: a line, one for each lab of which something is new, and one for each problem."""
        if not self.origins:
            first = f"Nothing is new on {self.remote}."
        else:
            first = f"{counted(self.records, 'record')} of {counted(len(self.origins), 'lab')} pulled from {self.remote}:"
        labs = [
            f"- {one.name} ({one.origin[:8]}): {counted(one.records, 'record')} in {counted(one.segments, 'segment')}"
            for one in self.origins
        ]
        return "\n".join([first, *labs, *(f"! {problem}" for problem in self.problems)])

    def as_dict(self) -> dict[str, Any]:
        """Return the pull as plain JSON values."""
        return {**dataclasses.asdict(self), "ok": self.ok, "records": self.records}


def pull(context: LabContext, remote: str | None) -> PullReport:
    """Take what is new from a remote; see `Lab.pull`."""
    store = context.store
    store.must_be_writable()
    name = named_remote(context.configuration.remotes, remote)
    taking = _Pull(context, RemoteFolder(name, context.configuration.remotes[name]))
    with exchanging(context.folder):
        try:
            taking.take_all()
        finally:  # what was taken before the remote went away is here, and told of
            for one in taking.origins:
                about = {"remote": name, "lab": one.name, "segments": one.segments, "records": one.records, "last": one.last}
                context.record_event("segments_pulled", entity="origin", entity_id=one.origin, durable=True, **about)
        if taking.origins:
            before = _conflicts(context)
            store.drain()
            taking.problems += _in_words(_conflicts(context) - before)
            announce(context.folder)  # whoever shows an experiment reads it again
    return PullReport(remote=name, origins=taking.origins, problems=tuple(taking.problems))


class _Pull:
    """One pull: what it took and what it refused."""

    def __init__(self, context: LabContext, remote: RemoteFolder) -> None:
        self.problems: list[str] = []
        self._context = context
        self._remote = remote
        self._have = by_place(pulled_segments(context.folder))
        self._taken: dict[str, PulledOrigin] = {}
        self._called: dict[str, str] = {}

    @property
    def origins(self) -> tuple[PulledOrigin, ...]:
        """What was taken, by lab."""
        return tuple(self._taken.values())

    def take_all(self) -> None:
        """Take what is new of every other lab."""
        own = stored_origin(self._context.folder)
        with self._context.store.reading() as cursor:
            self._called = names_of_origins(cursor)
        for origin in self._remote.origins():
            if origin != own:
                self._take(origin)

    def _take(self, origin: str) -> None:
        files = self._remote.files(origin)
        if FILE not in files:
            return  # its first push is under way
        try:
            head = read_head(origin, self._remote.read(origin, FILE, MAX_BYTES if files[FILE] else 0))
        except DamagedSegment as damage:
            self.problems.append(f"the head of {self._called.get(origin, origin[:8])} on {self._remote.name} {damage}")
            return
        if any(number > self._last(files, origin, stream) for stream, (number, _) in head.items()):
            files = self._remote.files(origin)  # pushed between our two looks
        for stream, last in sorted(head.items()):
            try:
                self._take_stream(origin, stream, last, files)
            except DamagedSegment as damage:
                self.problems.append(str(damage))

    @staticmethod
    def _last(files: Iterable[str], origin: str, stream: str) -> int:
        names = (SegmentName.read(origin, file) for file in files)
        return max((name.number for name in names if name and name.stream == stream), default=0)

    def _take_stream(self, origin: str, stream: str, last: Last, files: dict[str, int]) -> None:
        """Take the segments up to the head that are not here, in order, up to the first that is not as it should be."""
        number, sha256 = last
        there: dict[int, list[SegmentName]] = {}
        for file in files:
            name = SegmentName.read(origin, file)
            if name is not None and name.stream == stream:
                there.setdefault(name.number, []).append(name)
        here = max((n for o, s, n in self._have if (o, s) == (origin, stream)), default=0)
        if here > number:
            self._refuse(SegmentName(origin, stream, here, ""), "is here, and its lab's head does not know it any more")
        for n in range(1, number + 1):
            if (origin, stream, n) in self._have and n < number:
                continue
            wanted = SegmentName(origin, stream, n, sha256 if n == number else "")
            have = self._have.get((origin, stream, n))
            if have is not None and have != wanted:
                self._refuse(have, "is here, and its lab's head names another one")
            if have is None:
                self._take_segment(wanted, there.get(n, []), files)

    def _take_segment(self, wanted: SegmentName, found: list[SegmentName], files: dict[str, int]) -> None:
        if not found:
            self._refuse(wanted, "is missing")
        if len(found) > 1:
            self._refuse(wanted, "is there twice")
        (name,) = found
        if wanted.sha256 not in ("", name.sha256):
            self._refuse(name, "is another one than its lab's head names")
        size = files[name.file]
        if size > shared_segments.MAX_BYTES:
            self._refuse(name, f"is larger than {shared_segments.MAX_BYTES // 2**20} MB")
        data = self._remote.read(name.origin, name.file, size)
        try:
            segment = unpack(name, data)
            for line in segment.lines:
                check_line(line, name.stream, self._context.scrub)
        except DamagedSegment as damage:
            self._refuse(name, str(damage))
        except DamagedLine as damage:
            self._refuse(name, f"holds {damage}")
        if not follows(segment, self._have):
            self._refuse(name, "does not follow the segment before it")
        write_atomically(pulled_path(self._context.folder, name), data)
        self._have[name.origin, name.stream, name.number] = name
        self._called[name.origin] = segment.header.name
        before = self._taken.get(name.origin)
        self._taken[name.origin] = PulledOrigin(
            origin=name.origin,
            name=segment.header.name,
            segments=1 + (before.segments if before else 0),
            records=len(segment.lines) + (before.records if before else 0),
            last=name.sha256,
        )

    def _refuse(self, name: SegmentName, why: str) -> None:
        raise DamagedSegment(f"{words(name, self._called)} on {self._remote.name} {why}")


def _conflicts(context: LabContext) -> set[str]:
    return set(journal_files.files_set_aside(context.folder / "journal", CONFLICT))


def _in_words(conflicts: set[str]) -> list[str]:
    if not conflicts:
        return []
    return [f"{counted(len(conflicts), 'record')} would have changed what is here and stayed out; verify names them"]
