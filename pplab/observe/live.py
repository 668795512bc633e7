"""What changed, here and in other kernels: follows the journal folder and tells of new records of one kind. Opens no tables."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pplab.log import thread
from pplab.store import segments
from pplab.store.journal_format import DamagedLine, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplab.store.rows import Row

STEP_MS: Final = 5
"""Quiet milliseconds after which gathered file events are handed over."""
GATHER_MS: Final = 20
"""Milliseconds after which they are handed over even when more keep coming."""
LOOK_MS: Final = 1000
"""How often to look without an event: network drives send none for what other machines write."""
POLL_S: Final = 0.1
"""How often to look where the system has no file events for us."""
AT_ONCE_A_SECOND: Final = 10
SETTLED_A_SECOND: Final = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One new record. ``elsewhere`` says that another process wrote it."""

    row: Row
    elsewhere: bool


class NewRecords:
    """Reads the records of one kind that were appended to any journal file since the last look.

    Only whole lines are read: a line that is still being written is left for the next look. A file that was compressed away
    between two looks is read where it lies now.

    Parameters
    ----------
    journal
        The journal folder; what it holds now counts as read.
    kind
        A word of `pplab.store.record_types.RECORD_TYPES`. Lines of any other kind are not parsed.
    """

    def __init__(self, journal: Path, kind: str) -> None:
        self.journal = journal
        self._prefix = f'{{"k":"{kind}",'.encode()
        self._read: dict[str, int] = {}
        self._known: set[str] = set(segments.file_names(journal))
        self._sealed_at = self._sealing()
        for name in self._sizes():
            self._read[name] = segments.read_range(journal, name, 0).rfind(b"\n") + 1

    def look(self) -> list[Change]:
        """Return the new records, file by file in the order of the files' beginning."""
        sizes = self._sizes()
        waiting = {name for name, size in sizes.items() if size > self._read.get(name, 0)}
        ended = self._read.keys() - sizes.keys()
        found = []
        for name in sorted(waiting | ended | self._sealed_unseen()):
            found += self._take(name)
        for name in ended:
            del self._read[name]
        self._known |= sizes.keys()
        return found

    def _sizes(self) -> dict[str, int]:
        try:
            return {e.name: e.stat().st_size for e in os.scandir(self.journal) if e.name.endswith(segments.OPEN)}
        except FileNotFoundError:  # the folder was removed, or a file was sealed this moment: then the next look finds it
            return {}

    def _sealing(self) -> int:
        try:
            return (self.journal / "sealed").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _sealed_unseen(self) -> set[str]:
        """Return files that began and were compressed between two looks."""
        changed = self._sealing()
        if changed == self._sealed_at:
            return set()
        self._sealed_at = changed
        unseen = set(segments.file_names(self.journal)) - self._known - self._read.keys()
        self._known |= unseen
        return unseen

    def _take(self, name: str) -> list[Change]:
        start = self._read.get(name, 0)
        data = segments.read_range(self.journal, name, start)
        whole = data.rfind(b"\n") + 1
        self._read[name] = start + whole
        elsewhere = _writer(name) != os.getpid()
        return [Change(row, elsewhere) for row in self._rows(data[:whole])]

    def _rows(self, data: bytes) -> Iterator[Row]:
        at = 0 if data.startswith(self._prefix) else _after(data, b"\n" + self._prefix, 0)
        while at is not None:
            end = data.index(b"\n", at)
            with contextlib.suppress(DamagedLine):  # the drain keeps such a line aside
                kind, _ = decode(data[at:end])
                values = json.loads(data[at:end])["r"]
                yield kind.row(**{column.name: values.get(column.name, column.default) for column in kind.columns})
            at = _after(data, b"\n" + self._prefix, end)


def _after(data: bytes, mark: bytes, start: int) -> int | None:
    """Return where the line begins that a newline and its first bytes announce."""
    found = data.find(mark, start)
    return None if found < 0 else found + 1


def _writer(name: str) -> int:
    """Return the process that writes a journal file, ``<utc>-<pid>-<random>.jsonl``."""
    pid = name.split("-")[1:2]
    return int(pid[0]) if pid and pid[0].isdigit() else 0


class Live:
    """Tells of new records while it lives, on threads of its own.

    Each change is told twice: ``at_once`` from the line itself, at most ten times a second, and to ``settled``, which gets all
    changes since its last call, at most four times a second, and has time to read the tables. What ``at_once`` misses in a
    flood still reaches ``settled``. Neither may raise.

    Parameters
    ----------
    records
        What to follow; what was appended since it was made is told too.
    settled, at_once
        Called with the changes, in the order of each process.
    wait
        Seconds from the beginning of one ``settled`` to the next.

    Examples
    --------
    >>> import tempfile, threading, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> live = Live(NewRecords(folder, "experiment"), at_once=print, settled=print)
    >>> live.close()
    """

    def __init__(
        self,
        records: NewRecords,
        *,
        settled: Callable[[tuple[Change, ...]], None],
        at_once: Callable[[tuple[Change, ...]], None] | None = None,
        wait: float = 1 / SETTLED_A_SECOND,
    ) -> None:
        self._records = records
        self._at_once, self._settled, self._wait = at_once, settled, wait
        self._stop, self._wake, self._guard = threading.Event(), threading.Event(), threading.Lock()
        self._unsettled: list[Change] = []
        self._told: deque[float] = deque(maxlen=AT_ONCE_A_SECOND)
        self._threads = [thread(work, name=name) for work, name in ((self._follow, "pplab-live"), (self._settle, "pplab-settle"))]
        for one in self._threads:
            one.start()
        # A daemon thread that is inside watchfiles while Python ends would take the process down with it.
        atexit.register(self.close)

    def close(self) -> None:
        """Stop telling; the threads have ended when this returns, unless it is called by one of them."""
        atexit.unregister(self.close)
        self._stop.set()
        self._wake.set()
        for one in self._threads:
            if one is not threading.current_thread():
                one.join()

    def _follow(self) -> None:
        for _ in self._moments():
            if self._stop.is_set():
                return
            changes = self._records.look()
            if changes:
                self._tell(tuple(changes))

    def _moments(self) -> Iterator[None]:
        """Yield whenever the folder may have changed."""
        try:
            from watchfiles import watch

            for _ in watch(
                self._records.journal,
                watch_filter=None,
                step=STEP_MS,
                debounce=GATHER_MS,
                rust_timeout=LOOK_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                recursive=False,
                raise_interrupt=False,
            ):
                yield
        except (ImportError, OSError, RuntimeError):  # no wheel for this platform, or no file events left to have
            pass
        while not self._stop.wait(POLL_S):
            yield

    def _tell(self, changes: tuple[Change, ...]) -> None:
        with self._guard:
            self._unsettled += changes
        now = time.monotonic()
        if self._at_once is not None and (len(self._told) < AT_ONCE_A_SECOND or now - self._told[0] >= 1):
            self._told.append(now)
            self._at_once(changes)
        self._wake.set()

    def _settle(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stop.is_set():
                return
            with self._guard:
                changes, self._unsettled = tuple(self._unsettled), []
            began = time.monotonic()
            if changes:
                self._settled(changes)
            if self._stop.wait(max(0.0, began + self._wait - time.monotonic())):
                return
