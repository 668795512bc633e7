"""What a forked process must not take over from its parent: locks that a thread holds there, and what its threads drive."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Guard:
    """A lock that a forked process begins with open, whoever held it in the parent.

    `inherited` tells what was made before a fork from what this process made itself.
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
