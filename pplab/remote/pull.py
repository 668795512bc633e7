"""Pull: what other labs put on a remote, checked before anything of it enters; one segment that is wrong stops its lab alone."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pplab.analysis.phrasing import counted
from pplab.config.remotes import named_remote
from pplab.files import write_atomically
from pplab.remote.forgotten_segments import RESULTS, follow, forgotten_by, names_others, pending
from pplab.remote.head import FILE, MAX_BYTES, read_head
from pplab.remote.origin import exchanging
from pplab.remote.records import check_line
from pplab.remote.remote_folder import RemoteFolder
from pplab.store import segments as journal_files
from pplab.store import shared_segments
from pplab.store.arrivals import CONFLICT, names_of_origins
from pplab.store.journal_format import DamagedLine
from pplab.store.origin_chains import by_place, follows, pulled_path, pulled_segments, stored_origin, words
from pplab.store.run_lock import announce
from pplab.store.shared_segments import DamagedSegment, SegmentName, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplab.context import LabContext
    from pplab.remote.head import Last
    from pplab.store.forgotten import Forgotten


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
    context.store.must_be_writable()
    name = named_remote(context.configuration.remotes, remote)
    place = RemoteFolder(name, context.configuration.remotes[name])
    with exchanging(context.folder):
        return pull_from(context, place)


def pull_from(
    context: LabContext, place: RemoteFolder, origins: Iterable[str] | None = None, *, by_head: bool = False
) -> PullReport:
    """Take what is new from a remote, of some labs or of all that pushed; the caller holds the exchange.

    With ``by_head`` a lab's head is taken at its word for the one segment that is new, so that nothing is listed.
    """
    before = _conflicts(context)
    taking = _Pull(context, place, by_head=by_head)
    try:
        taking.take_all(place.origins() if origins is None else origins)
    finally:  # what was taken before the remote went away is here, and told of
        for one in taking.origins:
            about = {"remote": place.name, "lab": one.name, "segments": one.segments, "records": one.records, "last": one.last}
            context.record_event("segments_pulled", entity="origin", entity_id=one.origin, durable=True, **about)
    if taking.origins:
        context.store.drain()
        taking.problems += _in_words(_conflicts(context) - before)
        announce(context.folder)  # whoever shows an experiment reads it again
    if taking.origins or not by_head:
        taking.follow_forgetting()
    return PullReport(remote=place.name, origins=taking.origins, problems=tuple(taking.problems))


class _Pull:
    """One pull: what it took and what it refused."""

    def __init__(self, context: LabContext, remote: RemoteFolder, *, by_head: bool) -> None:
        self.problems: list[str] = []
        self._context = context
        self._remote = remote
        self._by_head = by_head
        self._have = by_place(pulled_segments(context.folder))
        self._taken: dict[str, PulledOrigin] = {}
        self._called: dict[str, str] = {}
        self._heads: dict[str, dict[str, Last]] = {}
        self._read: dict[str, Forgotten] = {}
        self._knows_names = False

    @property
    def origins(self) -> tuple[PulledOrigin, ...]:
        """What was taken, by lab."""
        return tuple(self._taken.values())

    def take_all(self, origins: Iterable[str]) -> None:
        """Take what is new of these labs, this one aside."""
        own = stored_origin(self._context.folder)
        for origin in origins:
            if origin != own:
                self._take(origin)

    def follow_forgetting(self) -> None:
        """Forget what other labs forgot since it was pulled."""
        for origin in sorted(pending(self._context) & self._heads.keys()):
            self.problems += follow(self._context, self._remote, origin, self._forgotten(origin))

    def _forgotten(self, origin: str) -> Forgotten:
        """Return what a lab forgot, as its own chain says; it is read where a segment is not what its name says."""
        if origin not in self._read:
            self._read[origin] = forgotten_by(self._remote, origin, self._heads[origin].get(RESULTS))
        return self._read[origin]

    def _take(self, origin: str) -> None:
        data = self._remote.read(origin, FILE, MAX_BYTES)
        if data is None:
            return  # its first push is under way
        try:
            head = read_head(origin, data)
        except DamagedSegment as damage:
            self.problems.append(f"the head of {self._names().get(origin, origin[:8])} on {self._remote.name} {damage}")
            return
        files = self._next(origin, head) if self._by_head else None
        if files is None:  # after the head, so that what it covers is there
            files = self._remote.files(origin)
        self._heads[origin] = head
        for stream, last in sorted(head.items()):
            try:
                self._take_stream(origin, stream, last, files)
            except DamagedSegment as damage:
                self.problems.append(str(damage))

    def _next(self, origin: str, head: dict[str, Last]) -> dict[str, int] | None:
        """Return the files, with the most that they may hold, that are new where a head names all that is; else ``None``."""
        missing = [
            (stream, n) for stream, (last, _) in head.items() for n in range(1, last + 1) if (origin, stream, n) not in self._have
        ]
        if any(n != head[stream][0] for stream, n in missing):
            return None
        return {SegmentName(origin, stream, *head[stream]).file: shared_segments.MAX_BYTES for stream, _ in missing}

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
        if data is None:
            self._refuse(name, "is missing")
        try:
            is_named = hashlib.sha256(data).hexdigest() == name.sha256
            segment = unpack(name, data, None if is_named else self._forgotten(name.origin).files.get(name.pulled))
            for line in segment.lines:
                check_line(line, name.stream, self._context.scrub)
        except DamagedSegment as damage:
            self._refuse(name, str(damage))
        except DamagedLine as damage:
            self._refuse(name, f"holds {damage}")
        if names_others(name.origin, segment.lines):
            self._refuse(name, "says of another lab's segments that they were forgotten")
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

    def _refuse(self, name: SegmentName, why: str) -> NoReturn:
        raise DamagedSegment(f"{words(name, self._names())} on {self._remote.name} {why}")

    def _names(self) -> dict[str, str]:
        """Return what the labs are called, by id; the tables are opened for it where something is wrong, and only then."""
        if not self._knows_names:
            with self._context.store.reading() as cursor:
                self._called = names_of_origins(cursor) | self._called
            self._knows_names = True
        return self._called


def _conflicts(context: LabContext) -> set[str]:
    return set(journal_files.files_set_aside(context.folder / "journal", CONFLICT))


def _in_words(conflicts: set[str]) -> list[str]:
    if not conflicts:
        return []
    return [f"{counted(len(conflicts), 'record')} would have changed what is here and stayed out; verify names them"]
