"""The journal of one process: an append-only file of lines, written by one thread that groups its fsyncs."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import threading
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pplab.errors import StoreError
from pplab.files import lock
from pplab.log import log_error, thread
from pplab.secrets import Scrubber
from pplab.store.filesystem import NO_FOLDER_SYNC, os_refusal
from pplab.store.journal_format import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pplab.store.rows import Row

ROTATE_BYTES = 16 * 1024 * 1024
BATCH_JOBS = 1024
LATER_S = 0.05
"""How long records that may be written later wait for company."""

_Job = tuple["Future[None]", "Iterable[Row]", bool]
WAKE: _Job = (Future(), (), False)
UNSAVED = "the record could not be saved"


class Journal:
    """Appends records to this process's own file in the journal folder.

    The file ``<utc>-<pid>-<random>.jsonl`` is made with the first record and stays locked while its writer lives, so that a
    drainer can tell a file that still grows from one that is complete. At about 16 MB a new file is begun; no file is ever
    written again after that. Records wait in a queue; one thread encodes, writes and syncs whatever has gathered, so that
    two hundred answers that arrive together cost one fsync.

    Parameters
    ----------
    folder
        The journal folder, made when missing.
    on_written
        Called by the writer thread with lines that were written.
    """

    def __init__(self, folder: Path, on_written: Callable[[bytes], None]) -> None:
        self.folder = folder
        self._on_written = on_written
        self._scrub = Scrubber()
        self._reset()

    def _reset(self) -> None:
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._later: deque[Iterable[Row]] = deque()
        self._wake_pending = False
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._closed = False
        self._fd: int | None = None
        self._size = 0
        self._stamp = datetime.min.replace(tzinfo=UTC)

    def append(self, rows: Iterable[Row], *, durable: bool) -> Future[None]:
        """Queue records in order and return at once; the future is done when they are written, or synced if ``durable``.

        The future fails with `StoreError` when they could not be written (a full disk); none of the lines before is harmed.
        """
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # a caller that stops waiting must not lose a paid-for answer
        if self._thread is None:
            self._start()
        if self._later:
            with self._guard:  # what waits came first
                while self._later:
                    self._queue.put((Future(), self._later.popleft(), False))
        self._queue.put((future, rows, durable))
        if self._closed:
            self._refuse_rest()
        return future

    def append_later(self, rows: Iterable[Row]) -> None:
        """Queue records to be written, in order, with whatever is written next, at the latest after 50 ms.

        For hooks: the records are made on the writer's thread, by iterating, and the writer is woken once for all that gather.
        """
        if self._closed:
            raise StoreError("the lab is closed", hint="open it again")
        self._later.append(rows)
        if not self._wake_pending:  # set back by the writer before it takes them, so none is ever left behind
            self._wake_pending = True
            if self._thread is None:
                self._start()
            self._queue.put(WAKE)

    def add_secret(self, *secrets: str | None) -> None:
        """Mask these values, in every form a key travels in, in whatever is written from here on."""
        for secret in secrets:
            self._scrub.add(secret)
            self._scrub.add(json.dumps(secret, ensure_ascii=False)[1:-1] if secret else None)  # as it stands in a line

    def without_secrets(self, text: str) -> str:
        """Return ``text`` as this journal would write it."""
        return self._scrub(text)

    def settle(self, *, durable: bool = False) -> None:
        """Wait until everything queued so far is written, or synced if ``durable``."""
        if self._thread is not None and not self._closed:
            self.append((), durable=durable).result()

    def close(self) -> bool:
        """Write what is queued and end the file; a later `append` is refused. Return whether anything was ever written."""
        with self._guard:
            self._closed = True
            writer = self._thread
        if writer is not None:
            self._queue.put(None)
            writer.join()
        self._refuse_rest()
        return writer is not None

    def reset_after_fork(self) -> None:
        """Begin anew in a forked child: the queue and the file are the parent's."""
        if self._fd is not None:
            os.close(self._fd)
        self._reset()

    def _start(self) -> None:
        with self._guard:
            if self._closed:
                raise StoreError("the lab is closed", hint="open it again")
            if self._thread is None:
                started = thread(self._run, name="pplab-journal")
                started.start()
                self._thread = started

    def _refuse_rest(self) -> None:
        """Fail what was queued after the end."""
        with contextlib.suppress(queue.Empty):  # that is the end
            while True:
                job = self._queue.get_nowait()
                if job is not None:
                    job[0].set_exception(StoreError("the lab is closed", hint="open it again"))

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._gather()
            self._write(batch)
        if self._fd is not None:
            self._end_file()

    def _gather(self) -> tuple[list[_Job], bool]:
        """Wait for a job and return it with all that are queued behind it, and whether to go on afterwards."""
        batch: list[_Job] = []
        job = self._queue.get()
        if job is WAKE:
            try:
                job = self._queue.get(timeout=LATER_S)
            except queue.Empty:
                return batch, True
        while job is not None:
            if job is not WAKE:
                batch.append(job)
            if len(batch) == BATCH_JOBS or self._queue.empty():
                return batch, True
            job = self._queue.get()
        return batch, False

    def _take_later(self) -> Iterator[_Job]:
        """Return what waits, unless something queued behind it comes first."""
        with self._guard:
            if self._queue.empty():
                self._wake_pending = False
                while self._later:
                    yield Future(), self._later.popleft(), False

    def _write(self, batch: list[_Job]) -> None:
        """Write a batch with at most one fsync and settle its futures."""
        encoded: list[tuple[Future[None], bool, int]] = []
        data = bytearray()
        for future, rows, durable in (*batch, *self._take_later()):
            try:
                lines = b"".join([encode(row, self._scrub) for row in rows])
            except StoreError as unfit:
                future.set_exception(unfit)
            except Exception as strange:  # noqa: BLE001 - whatever a record holds, the writer must live on
                log_error("a record cannot be written", strange, lab=self.folder.parent)
                future.set_exception(StoreError(f"a record cannot be written: {strange}"))
            else:
                data += lines
                encoded.append((future, durable, len(data) if lines else 0))  # who only waits must not fail with the others
        kept, error = self._append(bytes(data))
        sync_error = self._sync() if any(durable for _, durable, _ in encoded) else None
        for future, durable, end in encoded:
            failure = error if end > kept else sync_error if durable else None
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)
        trouble = error or sync_error
        if trouble is not None:
            log_error("records could not be saved", trouble, lab=self.folder.parent)
        if kept:
            self._notify(bytes(data[:kept]))

    def _notify(self, lines: bytes) -> None:
        try:
            self._on_written(lines)
        except RuntimeError as error:  # no thread can be started: what was written waits in the file for the next reader
            log_error("the tables are not brought up to date by themselves", error, lab=self.folder.parent)

    def _rotate(self) -> None:
        """Go on in a new file, or in the present one where none can be begun: an answer that was paid for must find a place."""
        full = self._fd
        assert full is not None
        try:
            self._open_file()
        except (OSError, StoreError) as error:
            log_error("no new journal could be begun", error, lab=self.folder.parent)
        else:
            self._close(full)

    def _append(self, data: bytes) -> tuple[int, StoreError | None]:
        """Write lines; return how many bytes of whole lines are in the file, and what stopped the rest.

        A line cut short by a full disk is taken back, so that the next one begins on a line of its own. Whole lines stay:
        a drainer may have read them already.
        """
        done = 0
        if data and self._fd is not None and self._size >= ROTATE_BYTES:
            self._rotate()
        try:
            while done < len(data):
                fd = self._open_file() if self._fd is None else self._fd
                done += os.write(fd, data[done:] if done else data)
        except (OSError, StoreError) as error:
            kept = data.rfind(b"\n", 0, done) + 1
            if self._fd is not None:
                self._size += kept
                self._take_back()
            return kept, error if isinstance(error, StoreError) else os_refusal(UNSAVED, error)
        self._size += done
        return done, None

    def _take_back(self) -> None:
        assert self._fd is not None
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:  # then the file ends here, with a torn last line that no reader parses
            self._end_file()

    def _sync(self) -> StoreError | None:
        if self._fd is None:
            return None
        try:
            os.fsync(self._fd)
        except OSError as error:  # what the system dropped cannot be synced later: never write to this file again
            self._end_file()
            return os_refusal(UNSAVED, error)
        return None

    def _open_file(self) -> int:
        """Begin a file, locked before its first byte: to a drainer an unlocked file with content is one that has ended."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stamp = max(datetime.now(UTC), self._stamp + timedelta(microseconds=1))  # the clock may go back, names do not
        name = f"{self._stamp:%Y%m%dT%H%M%S%fZ}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)  # less the umask
        try:
            lock(fd, wait=True)
            sync_folder(self.folder)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):  # an empty file that nobody wrote to disturbs nobody
                (self.folder / name).unlink()
            raise
        self._fd, self._size = fd, 0
        return fd

    def _end_file(self) -> None:
        assert self._fd is not None
        fd, self._fd = self._fd, None
        self._size = 0
        self._close(fd)

    def _close(self, fd: int) -> None:
        try:
            os.close(fd)
        except OSError as error:  # some systems tell only now that what was written is lost; what was asked to be safe was synced
            log_error("a journal did not end well", error, lab=self.folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe against a power cut; Windows does so by itself."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in NO_FOLDER_SYNC:
                raise
        finally:
            os.close(fd)
