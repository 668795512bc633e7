"""Locks and state that a forked process must not take over from its parent."""

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
