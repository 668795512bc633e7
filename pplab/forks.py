"""Locks and objects that a fork or a copy must not duplicate."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Guard:
    """Lock that is open when a forked process starts, whoever had it in the parent.

    `inherited` says whether its owner was made before a fork, in another process.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()

    @property
    def inherited(self) -> bool:
        """Whether this was made by another process, from which this one was forked."""
        return self._pid != os.getpid()

    def renew(self) -> None:
        """Begin anew in this process."""
        self._pid, self._lock = os.getpid(), threading.Lock()

    def __enter__(self) -> Self:
        if self.inherited:
            self.renew()
        self._lock.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()


class CopiedAsItself:
    """An object that stands for one thing outside the process, a folder or what is stored: its copy is itself."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self
