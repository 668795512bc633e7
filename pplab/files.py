"""Files that are written whole or not at all, and the locks of the operating system on files."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

from pplab.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, getattr(errno, "ENOTSUP", errno.EOPNOTSUPP)})
"""What systems answer where files cannot be locked (some NFS, SMB and FUSE mounts)."""
LOCKED_BYTE = 1 << 30  # Windows locks are mandatory: lock a byte that nobody reads, so that the file stays readable


def write_atomically(target: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write ``data`` in place of ``target``: a crash at any moment leaves the old file or the new one.

    Parameters
    ----------
    target
        The file; its folder is made when missing.
    data
        Everything it will hold.
    mode
        Its permissions, less the umask.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacement(target) as part:
        binary = getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def replacement(target: Path) -> Iterator[Path]:
    """Path of a file beside ``target`` that the block makes: it takes the place of ``target`` unless the block fails.

    The name is short, whatever the length of the target's, and another one each time, so that no two writers share it.
    """
    part = target.with_name(f".pplab-{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


if sys.platform == "win32":
    import msvcrt

    def lock(fd: int, *, wait: bool, shared: bool = False) -> bool:  # noqa: ARG001 - Windows has exclusive locks only
        """Take the lock of an open file; without ``wait`` return ``False`` at once when it is taken."""
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

    def lock(fd: int, *, wait: bool, shared: bool = False) -> bool:
        """Take the lock of an open file, alone or with other readers; without ``wait`` return ``False`` at once when it is taken.

        Raises
        ------
        StoreError
            When the file system has no locks, without which several processes could harm each other's records.
        """
        operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(fd, operation if wait else operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in NO_LOCKS:
                raise StoreError(
                    f"this file system has no file locks ({error.strerror})",
                    hint="keep the lab on a local disk (--store PATH, PPLAB_STORE), and share it here: remote add NAME FOLDER",
                ) from None
            raise
        return True

    def unlock(fd: int) -> None:
        """Give the lock back, also when a forked child still has the file open."""
        fcntl.flock(fd, fcntl.LOCK_UN)


def is_locked(path: Path) -> bool:
    """Return whether some process has the lock of a file, which need only be readable.

    Raises
    ------
    OSError
        When there is no such file, or it may not be read.
    """
    fd = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        if not lock(fd, wait=False, shared=True):
            return True
        unlock(fd)
        return False
    finally:
        os.close(fd)
