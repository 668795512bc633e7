"""Journal files as a drain sees them: which bytes of which files are new, which files have ended, and their compression."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from pplab.files import is_locked, write_atomically
from pplab.store.filesystem import os_refusal, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OPEN = ".jsonl"
SEALED = ".jsonl.gz"
PULLED = "pulled"
"""Where the segments of other labs lie, in the journal folder; see `pplab.store.shared_segments`."""
FROM_ELSEWHERE = "from-"
"""How the names of theirs begin."""
CHUNK_BYTES = 1024 * 1024


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
    """Return the names of all journal files, sealed ones included, in the order of their beginning; those of other labs last."""
    packed = _names(journal / "sealed", SEALED) | _names(journal / PULLED, SEALED)
    return sorted(_names(journal, OPEN) | {name.removesuffix(".gz") for name in packed})


def _places(journal: Path, name: str) -> tuple[Path, ...]:
    """Return where a journal file may lie."""
    if name.startswith(FROM_ELSEWHERE):
        return (journal / PULLED / f"{name}.gz",)
    return journal / name, journal / "sealed" / f"{name}.gz"


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
            whole, size = _whole_lines(journal, name, before.stop)
        except PermissionError:  # another user's private file must not stop the others, see `unreadable_files`
            continue
        if whole or ended:
            segments.append(Segment(name, before.stop, before.stop + whole, ended, size - whole))
    return segments


def _whole_lines(journal: Path, name: str, start: int) -> tuple[int, int]:
    """Return how many bytes of whole lines a journal file holds from a position on, and how many bytes in all."""
    whole = size = 0
    for chunk in _chunks(journal, name, start):
        if end := chunk.rfind(b"\n") + 1:
            whole = size + end
        size += len(chunk)
    return whole, size


def unread_bytes(journal: Path, progress: Mapping[str, Progress]) -> int:
    """Return the number of bytes beyond the drained part of all files: lines that are being written this moment."""
    hidden = unreadable_files(journal)
    states = {name: progress.get(name, Progress(0, sealed=False)) for name in file_names(journal) if name not in hidden}
    return sum(_whole_lines(journal, name, state.stop)[1] for name, state in states.items() if not state.sealed)


def unreadable_files(journal: Path) -> list[str]:
    """Return the names of journal files that this user may not read, and whose records therefore stay out of the tables."""
    return [name for name in file_names(journal) if not any(map(readable, _places(journal, name)))]


def unsealed_files(journal: Path, progress: Mapping[str, Progress]) -> tuple[str, ...]:
    """Return files that a process drained to their end, but died before it could compress them."""
    return tuple(sorted(name for name in _names(journal, OPEN) if name in progress and progress[name].sealed))


def _ended(path: Path) -> bool:
    """Return whether the writer of a file is gone. An empty file is one whose writer is about to lock it."""
    try:
        return not is_locked(path) and path.stat().st_size > 0
    except FileNotFoundError:
        return True  # compressed already


@contextlib.contextmanager
def _opened(journal: Path, name: str, start: int) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a journal file at a position, wherever it lies now; an empty one when it is gone."""
    for path in _places(journal, name) * 2:  # it may be compressed between two looks
        with contextlib.ExitStack() as stack:
            try:
                plain = stack.enter_context(path.open("rb"))
            except FileNotFoundError:  # it lies at the other place
                continue
            file = stack.enter_context(gzip.GzipFile(fileobj=plain)) if path.suffix == ".gz" else plain
            file.seek(start)
            yield file
            return
    yield io.BytesIO()


def _chunks(journal: Path, name: str, start: int) -> Iterator[bytes]:
    """Yield what a journal file holds from a position on, a piece at a time."""
    with _opened(journal, name, start) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def read_range(journal: Path, name: str, start: int) -> bytes:
    """Return what a journal file holds from a position on; nothing when it is gone."""
    return b"".join(_chunks(journal, name, start))


def read_lines(journal: Path, segment: Segment) -> Iterator[tuple[int, bytes]]:
    """Yield each whole line of a segment with its offset in the file, without the newline."""
    offset = segment.start
    try:
        with _opened(journal, segment.file, segment.start) as file:
            while offset < segment.stop and (line := file.readline()).endswith(b"\n"):
                yield offset, line[:-1]
                offset += len(line)
    except PermissionError as error:  # drained before, when it could be read: without it the tables would lose its records
        raise os_refusal(f"the journal {segment.file} cannot be read", error) from None


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
