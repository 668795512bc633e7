"""Lease between processes: one blocking lock of the operating system on ``lab.lock``, with a timeout and the holder's name."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from pplab.errors import StoreBusy, StoreError
from pplab.files import lock, unlock
from pplab.log import thread
from pplab.store.filesystem import os_refusal

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "lab.lock"
"""The lock file's name in the lab's folder."""


class _Waiter:
    """A thread that blocks on the lock for us, since a blocking lock has no timeout of its own.

    When we stop waiting it keeps blocking, and gives the lock back as soon as it has it.
    """

    def __init__(self, fd: int, *, shared: bool) -> None:
        self.fd = fd
        self.error: OSError | StoreError | None = None
        self._shared = shared
        self._done = threading.Event()
        self._guard = threading.Lock()
        self._abandoned = False
        thread(self._wait, name="pplab-lease").start()

    def _wait(self) -> None:
        try:
            lock(self.fd, wait=True, shared=self._shared)
        except (OSError, StoreError) as error:
            self.error = error
        with self._guard:
            if self._abandoned:
                os.close(self.fd)
            self._done.set()

    def acquired(self, timeout: float) -> bool:
        """Wait for the lock; after a timeout or an interrupt it goes back as soon as the thread has it."""
        acquired = False
        try:
            acquired = self._done.wait(timeout)
        finally:
            if not acquired:
                with self._guard:
                    self._abandoned = True
                    if self._done.is_set():
                        os.close(self.fd)
        return acquired


class Lease:
    """Lock on the tables, held by one process at a time.

    The operating system frees it when its holder dies, however it dies. Not reentrant and not for several threads at once:
    the store has a lock of its own in front of it.

    Parameters
    ----------
    path
        The lock file, made when missing. It holds the pid of the last holder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, timeout: float, *, shared: bool = False) -> None:
        """Wait up to ``timeout`` seconds for the lease; 0 asks for it once.

        With ``shared`` it is held together with others who only read; where a reader may not even open the lock file, it goes
        without, and has DuckDB's own lock.

        Raises
        ------
        StoreBusy
            When another process kept it for longer; the message names the process.
        StoreError
            When the lock file cannot be made, or files cannot be locked here.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT, 0o666)  # less the umask
        except OSError as error:
            if shared:
                return
            raise os_refusal("the lab's folder cannot be used", error) from None
        try:
            at_once = lock(fd, wait=False, shared=shared)
        except (OSError, StoreError):
            os.close(fd)
            if shared:
                return
            raise
        if not at_once and timeout <= 0:
            os.close(fd)
            raise StoreBusy(f"{self._holder()} is using the lab", hint="try again, or end that process")
        self._fd = fd
        if not at_once:
            self._fd = None  # until the waiter has it
            waiter = _Waiter(fd, shared=shared)
            if not waiter.acquired(timeout):
                raise StoreBusy(
                    f"{self._holder()} has been using the lab for more than {timeout:g} seconds",
                    hint="try again, or end that process",
                )
            self._fd = fd
            if isinstance(waiter.error, OSError):
                raise os_refusal("the lab's lock failed", waiter.error)
            if waiter.error is not None:
                raise waiter.error
        if shared:
            return
        with contextlib.suppress(OSError):  # a full disk must not stop readers; the pid only serves a message
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, f"{os.getpid():<20}\n".encode())

    def release(self) -> None:
        """Give the lease back, if it is held; safe after an `acquire` that failed or was interrupted."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            unlock(fd)
            os.close(fd)

    def reset_after_fork(self) -> None:
        """Drop, in a forked child, the parent's lease without giving it back."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _holder(self) -> str:
        try:
            return f"process {int(self.path.read_text().strip())}"
        except (OSError, ValueError):
            return "another process"
