"""Run locks: a process shows others that it is running an experiment or an export; the system frees the lock if it dies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from pplab.errors import StoreBusy
from pplab.files import is_locked, lock, unlock
from pplab.ids import new_id
from pplab.store.filesystem import os_refusal

if TYPE_CHECKING:
    from pathlib import Path


class RunLock:
    """Lock file of one running experiment or export; a context manager.

    Raises
    ------
    StoreBusy
        On entering, when it is being run already, by another process or by this one.
    """

    def __init__(self, folder: Path, id_: str) -> None:
        self._path = folder / "running" / f"{id_}.lock"
        self._fd: int | None = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            while self._fd is None:
                self._try()
        except OSError as error:
            raise os_refusal("the run cannot start", error) from None
        return self

    def _try(self) -> None:
        """Take the lock, unless its last holder removed the file between our opening and locking it."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)  # less the umask
        try:
            if not lock(fd, wait=False):
                raise StoreBusy("this experiment is being run already", hint="wait until that run ends, or cancel it")
            if self._still_there(fd):
                self._fd = fd
        finally:
            if self._fd != fd:
                os.close(fd)

    def _still_there(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def __exit__(self, *_error: object) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._path.unlink(missing_ok=True)
            unlock(fd)
            os.close(fd)


def announce(folder: Path) -> None:
    """Tell every reader of the lab, in whichever process, that something of an experiment changed: `run_stamp` does."""
    with RunLock(folder, f"announcement-{new_id()}"):
        pass


def is_running(folder: Path, id_: str) -> bool:
    """Return whether some process is running an experiment or export now."""
    try:
        return is_locked(folder / "running" / f"{id_}.lock")
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's file: it is removed when the run ends, so that it is there says enough
        return True


def running_ids(folder: Path) -> set[str]:
    """Return the ids of all experiments and exports that some process is running now."""
    return {path.stem for path in (folder / "running").glob("*.lock") if is_running(folder, path.stem)}


def run_stamp(tables: Path) -> tuple[int, int]:
    """Return a stamp that changes when any process begins or ends a run of the lab, and when its tables are replaced."""
    return _stat(tables.parent / "running", "st_mtime_ns"), _stat(tables, "st_ino")  # lock files are made and removed there


def _stat(path: Path, name: str) -> int:
    try:
        return int(getattr(path.stat(), name))
    except FileNotFoundError:
        return 0
