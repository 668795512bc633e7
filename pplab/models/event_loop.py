"""An event loop on a thread of its own, so that runs work the same in a script, under a running loop and in a notebook."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from pplab.forks import Guard
from pplab.log import thread

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class LoopThread:
    """An event loop on one daemon thread, started on first use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parent_loops: list[asyncio.AbstractEventLoop] = []
        self._guard = Guard()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Schedule ``coroutine`` and return its future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop())

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop; a forked process, which has none of its parent's threads, gets one of its own."""
        self._reset_after_fork()
        with self._guard:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
                thread(self._run, self._loop, name="pplab-loop").start()
            return self._loop

    def close(self) -> None:
        """Stop the loop; work still scheduled on it is cancelled."""
        self._reset_after_fork()
        with self._guard:
            loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)

    def _reset_after_fork(self) -> None:
        """Put aside a loop that runs in the parent process, without stopping it: both processes share the sockets it waits on."""
        if self._guard.inherited:
            if self._loop is not None:
                self._parent_loops.append(self._loop)
                self._loop = None
            self._guard.renew()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            loop.close()
