"""Claims: a process says that it is running an experiment, so that no other runs it too; freed by the system if it dies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from pplab.errors import StoreBusy
from pplab.store.lease import lock, unlock

if TYPE_CHECKING:
    from pathlib import Path


class Claim:
    """The right to run one experiment; a context manager.

    Raises
    ------
    StoreBusy
        On entering, when it is being run already, by another process or by this one.
    """

    def __init__(self, folder: Path, experiment_id: str) -> None:
        self._path = folder / "running" / f"{experiment_id}.lock"
        self._fd: int | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while self._fd is None:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            if not lock(fd, wait=False):
                os.close(fd)
                raise StoreBusy("this experiment is being run already", hint="wait for that run, or cancel it")
            if self._still_there(fd):
                self._fd = fd
            else:  # its last holder removed the file between our opening and locking it
                os.close(fd)
        return self

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


def claimed(folder: Path, experiment_id: str) -> bool:
    """Return whether some process is running the experiment now."""
    path = folder / "running" / f"{experiment_id}.lock"
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not lock(fd, wait=False):
            return True
        unlock(fd)
    finally:
        os.close(fd)
    return False


def latest_claim(folder: Path) -> int:
    """Return a number that changes whenever a run of this lab begins or ends, in whichever process; it opens no tables."""
    try:
        return (folder / "running").stat().st_mtime_ns  # claims are files that are made and removed there
    except FileNotFoundError:
        return 0
