"""The labs that are open: opened when first asked for, closed when nobody used them lately; and the threads that read them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from pplab.lab import Lab
from pplab.log import log_error
from pplab.server.folders import lab_folder
from pplab.store.version_check import check_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_OPEN: Final = 4
"""Labs that stay open though nobody is using them: each keeps some memory."""
IDLE_S: Final = 300.0
"""How long one stays open after its last use."""
THREADS: Final = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


class OpenLab:
    """A lab that is open in this server, with what is kept of it between requests.

    Attributes
    ----------
    lab : Lab
        Read below its verbs (``lab.context.store``, ``lab.manager``), which leaves no trace.
    root : pathlib.Path
        The server's root folder.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        check_version(folder)  # what would be migrated is not opened
        self.root = root
        self.lab = Lab(store=folder)

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return self.lab.folder

    def close(self) -> None:
        """Give up the lab."""
        self.lab.close()


class _Place:
    """A folder and its lab while it is open."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.opened: OpenLab | None = None
        self.users = 0
        self.used_at = time.monotonic()


class OpenLabs:
    """The labs below a root folder, each opened at most once.

    Parameters
    ----------
    root
        The server's root folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._guard = threading.Lock()
        self._places: dict[Path, _Place] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pplab-server")
        self._closed = False

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function in a thread, so that the event loop is free meanwhile."""
        return await asyncio.wrap_future(self._threads.submit(function, *args, **kwargs))

    @contextmanager
    def use(self, address: str) -> Iterator[OpenLab]:
        """Hold a lab open, given its path relative to the root with slashes.

        Raises
        ------
        OutsideRoot
            When the path leaves the root.
        NotFound
            When there is no lab.
        StoreError
            When its tables are of another version, or cannot be read.
        """
        folder = lab_folder(self.root, address)
        with self._guard:
            place = self._places.setdefault(folder, _Place())
            place.users += 1
        try:
            with place.guard:
                if place.opened is None:
                    place.opened = OpenLab(self.root, folder)
            yield place.opened
        finally:
            with self._guard:
                place.users -= 1
                place.used_at = time.monotonic()
            self.close_idle()

    def close_idle(self) -> None:
        """Close the labs that nobody used lately, and of the others all but the last few that were used."""
        now = time.monotonic()
        with self._guard:
            unused = sorted((p.used_at, folder) for folder, p in self._places.items() if not p.users)
            many = max(0, len(unused) - MOST_OPEN)
            idle = [folder for k, (used_at, folder) in enumerate(unused) if k < many or now - used_at > IDLE_S or self._closed]
            places = [self._places.pop(folder) for folder in idle]
        for place in places:
            if place.opened is not None:
                try:
                    place.opened.close()
                except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
                    log_error("a lab could not be closed", error, lab=place.opened.folder)

    def close_idle_soon(self) -> None:
        """Close them in a thread."""
        self._threads.submit(self.close_idle)

    async def close(self) -> None:
        """Close every lab that nobody uses, and the others when they are given back; begin no more work."""
        self._closed = True
        await self.call(self.close_idle)
        self._threads.shutdown(wait=False, cancel_futures=True)
