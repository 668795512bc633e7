"""Journal files as a drain sees them: which bytes of which files are new, which files have ended, and their compression."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.files import is_locked, write_atomically
from pplab.store.filesystem import os_refusal, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OPEN = ".jsonl"
SEALED = ".jsonl.gz"


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes ``[start, stop)`` of one journal file, which hold whole lines.

    ``ended`` says that the writer is gone; ``torn`` counts the bytes of an unfinished last line behind ``stop``.
    """

    file: str
    start: int
    stop: int
    ended: bool = False
    torn: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Position up to which a journal file was drained; ``sealed`` says that no more will come."""

    stop: int
    sealed: bool


def file_names(journal: Path) -> list[str]:
    """Return the names of all journal files, sealed ones included, in the order of their beginning."""
    return sorted(_names(journal, OPEN) | {name.removesuffix(".gz") for name in _names(journal / "sealed", SEALED)})


def _names(folder: Path, ending: str) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder) if entry.name.endswith(ending) and entry.is_file()}
    except FileNotFoundError:
        return set()


def new_segments(journal: Path, progress: Mapping[str, Progress]) -> list[Segment]:
    """Return what lies beyond the drained part of each file, also when only its end is new."""
    segments = []
    for name in file_names(journal):
        before = progress.get(name, Progress(0, sealed=False))
        if before.sealed:
            continue
        try:
            ended = _ended(journal / name)
            data = read_range(journal, name, before.stop)
        except PermissionError:  # another user's private file must not stop the others, see `unreadable_files`
            continue
        whole = data.rfind(b"\n") + 1
        if whole or ended:
            segments.append(Segment(name, before.stop, before.stop + whole, ended, len(data) - whole))
    return segments


def unread_bytes(journal: Path, progress: Mapping[str, Progress]) -> int:
    """Return the number of bytes beyond the drained part of all files: lines that are being written this moment."""
    hidden = unreadable_files(journal)
    states = {name: progress.get(name, Progress(0, sealed=False)) for name in file_names(journal) if name not in hidden}
    return sum(len(read_range(journal, name, state.stop)) for name, state in states.items() if not state.sealed)


def unreadable_files(journal: Path) -> list[str]:
    """Return the names of journal files that this user may not read, and whose records therefore stay out of the tables."""
    return [name for name in file_names(journal) if not any(map(readable, (journal / name, journal / "sealed" / f"{name}.gz")))]


def unsealed_files(journal: Path, progress: Mapping[str, Progress]) -> tuple[str, ...]:
    """Return files that a process drained to their end, but died before it could compress them."""
    return tuple(sorted(name for name in _names(journal, OPEN) if name in progress and progress[name].sealed))


def _ended(path: Path) -> bool:
    """Return whether the writer of a file is gone. An empty file is one whose writer is about to lock it."""
    try:
        return not is_locked(path) and path.stat().st_size > 0
    except FileNotFoundError:
        return True  # compressed already


def read_range(journal: Path, name: str, start: int, stop: int | None = None) -> bytes:
    """Return bytes of a journal file, wherever it lies now; nothing when it is gone."""
    for _ in range(2):  # it may be compressed by another process between the two looks
        try:
            with (journal / name).open("rb") as file:
                file.seek(start)
                return file.read() if stop is None else file.read(stop - start)
        except FileNotFoundError:  # it lies at the other place
            pass
        try:
            with gzip.open(journal / "sealed" / f"{name}.gz") as file:
                file.seek(start)
                return file.read() if stop is None else file.read(stop - start)
        except FileNotFoundError:  # it lies at the other place
            pass
    return b""


def read_lines(journal: Path, segment: Segment) -> Iterator[tuple[int, bytes]]:
    """Yield each whole line of a segment with its offset in the file, without the newline."""
    offset = segment.start
    try:
        data = read_range(journal, segment.file, segment.start, segment.stop)
    except PermissionError as error:  # drained before, when it could be read: without it the tables would lose its records
        raise os_refusal(f"the journal {segment.file} cannot be read", error) from None
    for line in data.split(b"\n")[:-1]:
        yield offset, line
        offset += len(line) + 1


def set_aside(journal: Path, name: str, offset: int, data: bytes, why: str) -> None:
    """Keep bytes that are no record where a person can look at them; doing it twice changes nothing."""
    folder = journal / "damaged"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{name.removesuffix(OPEN)}.{offset}.{why}", data)


def files_set_aside(journal: Path, why: str) -> list[str]:
    """Return the names of what was kept aside for a reason (``torn`` or ``damaged``)."""
    return sorted(_names(journal / "damaged", f".{why}"))


def seal(journal: Path, name: str) -> None:
    """Compress a file that has ended and was fully read into ``sealed/``; safe at any moment, by any number of processes."""
    path = journal / name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    folder = journal / "sealed"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{name}.gz", gzip.compress(data, compresslevel=1, mtime=0))
    path.unlink(missing_ok=True)
