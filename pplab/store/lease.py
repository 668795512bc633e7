"""The inter-process lease: one blocking lock of the operating system on ``lab.lock``, with a timeout and the holder's name."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from pplab.errors import StoreBusy, StoreError

if TYPE_CHECKING:
    from pathlib import Path

LOCKED_BYTE = 1 << 30  # Windows locks are mandatory: lock a byte that nobody reads, so that the holder's pid stays readable

if sys.platform == "win32":
    import msvcrt

    def lock(fd: int, *, wait: bool) -> bool:
        """Take the exclusive lock of an open file; without ``wait`` return ``False`` at once when it is held."""
        while True:
            os.lseek(fd, LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:  # LK_LOCK gives up after ten seconds
                if not wait:
                    return False
            else:
                return True

    def unlock(fd: int) -> None:
        """Give the lock back."""
        os.lseek(fd, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock(fd: int, *, wait: bool) -> bool:
        """Take the exclusive lock of an open file; without ``wait`` return ``False`` at once when it is held."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(fd: int) -> None:
        """Give the lock back, also when a forked child still has the file open."""
        fcntl.flock(fd, fcntl.LOCK_UN)


class _Waiter:
    """A thread that blocks on the lock for us, since a blocking lock has no timeout of its own.

    When we stop waiting it keeps blocking, and gives the lock back as soon as it has it.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.error: OSError | None = None
        self._done = threading.Event()
        self._guard = threading.Lock()
        self._abandoned = False
        threading.Thread(target=self._wait, name="pplab-lease", daemon=True).start()

    def _wait(self) -> None:
        try:
            lock(self.fd, wait=True)
        except OSError as error:
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
    """The right to open the tables, held by one process at a time.

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

    def acquire(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the lease.

        Raises
        ------
        StoreBusy
            When another process kept it for longer; the message names the process.
        StoreError
            When the lock file cannot be made.
        """
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(
                f"the lab's folder cannot be used: {error.strerror}", hint=f"check the permissions of {self.path.parent}"
            ) from None
        self._fd = fd
        if not lock(fd, wait=False):
            self._fd = None  # until the waiter has it
            waiter = _Waiter(fd)
            if not waiter.acquired(timeout):
                raise StoreBusy(
                    f"the lab is in use by {self._holder()} for more than {timeout:g} seconds",
                    hint="try again, or end that process",
                )
            self._fd = fd
            if waiter.error is not None:
                raise StoreError(f"the lab's lock failed: {waiter.error.strerror}")
        with contextlib.suppress(OSError):  # a full disk must not stop readers; the pid only serves a message
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, f"{os.getpid():<20}\n".encode())

    def release(self) -> None:
        """Give the lease back, if it is held; safe after an `acquire` that failed or was interrupted."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            unlock(fd)
            os.close(fd)

    def forget(self) -> None:
        """Drop, in a forked child, the parent's lease without giving it back."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _holder(self) -> str:
        try:
            return f"process {int(self.path.read_text().strip())}"
        except (OSError, ValueError):
            return "another process"
