"""Change notification: reads new records of some types from the journal folder, written here or elsewhere. Opens no tables."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from pplab.log import thread
from pplab.store import segments
from pplab.store.journal_format import DamagedLine, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pplab.store.rows import Row

STEP_MS: Final = 5
"""Quiet milliseconds after which gathered file events are handed over."""
GATHER_MS: Final = 20
"""Milliseconds after which they are handed over even when more keep coming."""
POLL_MS: Final = 1000
"""How often to poll without an event: network drives send none for what other machines write."""
STAMP_NS: Final = 100_000_000
"""How coarse the time of a folder's last change may be, in nanoseconds."""
POLL_S: Final = 0.1
"""How often to poll where the system has no file events for us."""
MAX_CHANGES_PER_SECOND: Final = 10
MAX_BATCHES_PER_SECOND: Final = 4

_Item = TypeVar("_Item")
_Item_co = TypeVar("_Item_co", covariant=True)


class Polled(Protocol[_Item_co]):
    """What a `RecordWatcher` watches: a folder whose every change is a reason to ask what is new.

    Attributes
    ----------
    folder : pathlib.Path
        What is watched for changes of files.
    recursive : bool
        Whether the folders in it are watched, too.
    """

    @property
    def folder(self) -> Path:
        """What is watched."""

    @property
    def recursive(self) -> bool:
        """Whether the folders in it are watched, too."""

    def poll(self) -> Sequence[_Item_co]:
        """Return what is new since the last call; cheap, for it is called for every change of a file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One new record. ``elsewhere`` says that another process wrote it, ``pulled`` that it is one of another lab."""

    row: Row
    elsewhere: bool
    pulled: bool = False


class RecordReader:
    """Reader of the records of some types that were appended to any journal file since the last `poll`.

    Only whole lines are read: a line that is still being written is left for the next one. A file that was compressed away
    between two polls is read where it lies now.

    Parameters
    ----------
    journal
        The journal folder; what it holds now counts as read.
    *record_types
        Words of `pplab.store.record_types.RECORD_TYPES`. Lines of any other type are not parsed.
    """

    recursive: Final = False

    def __init__(self, journal: Path, *record_types: str) -> None:
        self.folder = self.journal = journal
        self._beginning = re.compile(rf'^{{"k":"(?:{"|".join(record_types)})",'.encode(), re.MULTILINE)
        self._read: dict[str, int] = {}
        self._last_sealed: tuple[int, ...] = self._sealed_mtime()
        self._seen_files: set[str] = set(segments.file_names(journal))
        for name in self._sizes():
            self._read[name] = segments.read_range(journal, name, 0).rfind(b"\n") + 1

    def poll(self) -> list[Change]:
        """Return the new records, file by file in the order of the files' beginning."""
        sizes = self._sizes()
        waiting = {name for name, size in sizes.items() if size > self._read.get(name, 0)}
        ended = self._read.keys() - sizes.keys()
        changes = []
        for name in sorted(waiting | ended | self._newly_sealed()):
            changes += self._read_new(name)
        for name in ended:
            del self._read[name]
        self._seen_files |= sizes.keys()
        return changes

    def _sizes(self) -> dict[str, int]:
        try:
            return {e.name: e.stat().st_size for e in os.scandir(self.journal) if e.name.endswith(segments.OPEN)}
        except FileNotFoundError:  # the folder was removed, or a file was sealed this moment: then the next poll finds it
            return {}

    def _sealed_mtime(self) -> tuple[int, ...]:
        return tuple(map(_mtime, (self.journal / "sealed", self.journal / segments.PULLED)))

    def _newly_sealed(self) -> set[str]:
        """Return files that began and were compressed between two polls, or came from other labs."""
        changed = self._sealed_mtime()
        if changed == self._last_sealed:
            return set()
        settled = time.time_ns() - max(changed) > STAMP_NS  # else another file may still come under the same stamp
        self._last_sealed = changed if settled else ()
        unseen = set(segments.file_names(self.journal)) - self._seen_files - self._read.keys()
        self._seen_files |= unseen
        return unseen

    def _read_new(self, name: str) -> list[Change]:
        start = self._read.get(name, 0)
        data = segments.read_range(self.journal, name, start)
        whole = data.rfind(b"\n") + 1
        self._read[name] = start + whole
        elsewhere = _writer(name) != os.getpid()
        pulled = name.startswith(segments.FROM_ELSEWHERE)
        return [Change(row, elsewhere, pulled) for row in self._rows(data[:whole])]

    def _rows(self, data: bytes) -> Iterator[Row]:
        for found in self._beginning.finditer(data):
            line = data[found.start() : data.index(b"\n", found.start())]
            with contextlib.suppress(DamagedLine):  # the drain keeps such a line aside
                record_type, _ = decode(line)
                values = json.loads(line)["r"]
                yield record_type.row(**{column.name: values.get(column.name, column.default) for column in record_type.columns})


def _mtime(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _writer(name: str) -> int:
    """Return the process that writes a journal file, ``<utc>-<pid>-<random>.jsonl``."""
    pid = name.split("-")[1:2]
    return int(pid[0]) if pid and pid[0].isdigit() else 0


class RecordWatcher(Generic[_Item]):
    """Watcher that calls back for new records until it is closed, on threads of its own.

    Each change is reported twice: to ``on_change`` from the line itself, at most ten times a second, and to ``on_batch``, which
    gets all changes since its last call, at most four times a second, and has time to read the tables. What ``on_change`` misses
    in a flood still reaches ``on_batch``. Neither may raise.

    Parameters
    ----------
    records
        What is watched; records appended since it was made are reported too.
    on_batch, on_change
        Called with the changes, in the order of each process.
    wait
        Seconds from the beginning of one call of ``on_batch`` to the next.

    Examples
    --------
    >>> import tempfile, threading, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> live = RecordWatcher(RecordReader(folder, "experiment"), on_change=print, on_batch=print)
    >>> live.close()
    """

    def __init__(
        self,
        records: Polled[_Item],
        *,
        on_batch: Callable[[tuple[_Item, ...]], None],
        on_change: Callable[[tuple[_Item, ...]], None] | None = None,
        wait: float = 1 / MAX_BATCHES_PER_SECOND,
    ) -> None:
        self._records = records
        self._on_change, self._on_batch, self._wait = on_change, on_batch, wait
        self._stop, self._wake, self._guard = threading.Event(), threading.Event(), threading.Lock()
        self._pending: list[_Item] = []
        self._called_at: deque[float] = deque(maxlen=MAX_CHANGES_PER_SECOND)
        self._threads = [
            thread(self._follow, name="pplab-live"),
            thread(self._deliver_batches, name="pplab-live-batches"),
        ]
        for one in self._threads:
            one.start()
        # A daemon thread that is inside watchfiles while Python ends would take the process down with it.
        atexit.register(self.close)

    def close(self) -> None:
        """Stop; the threads have ended when this returns, unless it is called by one of them."""
        atexit.unregister(self.close)
        self._stop.set()
        self._wake.set()
        for one in self._threads:
            if one is not threading.current_thread():
                one.join()

    def _follow(self) -> None:
        for _ in self._file_events():
            if self._stop.is_set():
                return
            changes = self._records.poll()
            if changes:
                self._deliver(tuple(changes))

    def _file_events(self) -> Iterator[None]:
        """Yield whenever the folder may have changed."""
        try:
            from watchfiles import watch

            for _ in watch(
                self._records.folder,
                watch_filter=None,
                step=STEP_MS,
                debounce=GATHER_MS,
                rust_timeout=POLL_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                recursive=self._records.recursive,
                raise_interrupt=False,
            ):
                yield
        except (ImportError, OSError, RuntimeError):  # no wheel for this platform, or no file events left to have
            pass
        while not self._stop.wait(POLL_S):
            yield

    def _deliver(self, changes: tuple[_Item, ...]) -> None:
        with self._guard:
            self._pending += changes
        now = time.monotonic()
        if self._on_change is not None and (len(self._called_at) < MAX_CHANGES_PER_SECOND or now - self._called_at[0] >= 1):
            self._called_at.append(now)
            self._on_change(changes)
        self._wake.set()

    def _deliver_batches(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stop.is_set():
                return
            with self._guard:
                changes, self._pending = tuple(self._pending), []
            began = time.monotonic()
            if changes:
                self._on_batch(changes)
            if self._stop.wait(max(0.0, began + self._wait - time.monotonic())):
                return
