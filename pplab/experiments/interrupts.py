"""Interrupts (Ctrl-C, the kernel's) while a run is waited for, taken at a safe point instead of anywhere."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType


class Interrupts:
    """A context in which an interrupt is counted instead of raised, from `hold` on.

    Before `hold`, and inside `passing`, it is raised as everywhere else. Outside the main thread, where Python delivers no
    signals, and where the program left SIGINT to the operating system, nothing is changed.

    Examples
    --------
    >>> with Interrupts() as interrupts:
    ...     interrupts.hold()
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupts.count
    1
    """

    def __init__(self) -> None:
        self.count = 0
        self._held = False
        self._before: Any = None

    def hold(self) -> None:
        """Count interrupts from here on."""
        self._held = True

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let interrupts through while the user's own code runs."""
        before, self._held = self._held, False
        try:
            yield
        finally:
            self._held = before

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self.count += 1
        else:
            self._before(number, frame)
