"""The labs that are open: opened when first asked for, closed when nobody used them lately; and the threads that read them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from pplab.log import log_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplab.server.watched_lab import WatchedLab

MOST_OPEN: Final = 4
"""Labs that stay open though nobody is using them: each keeps some memory."""
IDLE_S: Final = 300.0
"""How long one stays open after its last use."""
THREADS: Final = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Place:
    """A folder and its lab while it is open."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.opened: WatchedLab | None = None
        self.users = 0
        self.used_at = time.monotonic()

    def close(self) -> None:
        with self.guard:
            opened, self.opened = self.opened, None
        if opened is not None:
            try:
                opened.close()
            except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
                log_error("a lab could not be closed", error, lab=opened.folder)


class OpenLabs:
    """The labs below a root folder, each opened at most once.

    Parameters
    ----------
    root
        The server's root folder.

    Attributes
    ----------
    root : pathlib.Path
        The same without symbolic links.
    figures : dict
        What the list of labs says of each lab, by folder, with the stamp of what it was read from: while that is the same the
        lab is not opened to be listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.figures: dict[Path, tuple[tuple[object, ...], dict[str, Any]]] = {}
        self._guard = threading.Lock()
        self._places: dict[Path, _Place] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pplab-server")

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function in a thread, so that the event loop is free meanwhile."""
        return await asyncio.wrap_future(self._threads.submit(function, *args, **kwargs))

    def in_thread(self, function: Callable[[], None]) -> Any:
        """Call a function in a thread, and wait for nothing."""
        return self._threads.submit(function)

    @contextmanager
    def use(self, address: str) -> Iterator[WatchedLab]:
        """Hold a lab open, given its path relative to the root with slashes. In a thread: the first use imports what reads labs.

        Raises
        ------
        OutsideRoot
            When the path leaves the root.
        NotFound
            When there is no lab.
        StoreError
            When its tables are of another version, or cannot be read.
        """
        from pplab.server.folders import lab_folder
        from pplab.server.watched_lab import WatchedLab

        folder = lab_folder(self.root, address)
        with self._guard:
            place = self._places.setdefault(folder, _Place())
            place.users += 1
        try:
            with place.guard:
                if place.opened is None:
                    place.opened = WatchedLab(self.root, folder, self.in_thread)
                opened = place.opened
            yield opened
        finally:
            with self._guard:
                place.users -= 1
                place.used_at = time.monotonic()
            self.close_idle()

    def close_idle(self) -> None:
        """Close the labs that nobody used lately, and of the others all but the last few that were used."""
        now = time.monotonic()
        with self._guard:
            unused = sorted((place.used_at, folder) for folder, place in self._places.items() if not place.users)
            many = max(0, len(unused) - MOST_OPEN)
            idle = [folder for k, (used_at, folder) in enumerate(unused) if k < many or now - used_at > IDLE_S]
            places = [self._places.pop(folder) for folder in idle]
        for place in places:
            place.close()

    async def close(self) -> None:
        """Close every lab, also those that are used: the server ends. Reading under way is told so; no more is begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._guard:
            places = list(self._places.values())
            self._places.clear()
        await asyncio.to_thread(_close_all, places)


def _close_all(places: list[_Place]) -> None:
    for place in places:
        place.close()
