"""The labs that are open: opened when first asked for, closed when nobody used them lately; and the threads that read them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from pplab.experiments.repository import ExperimentRepository
from pplab.lab import Lab
from pplab.log import log_error
from pplab.server.changes import LabChanges
from pplab.server.folders import lab_folder
from pplab.server.verdicts import Verdicts
from pplab.store.version_check import check_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplab.store.experiment_list import ListedExperiment
    from pplab.store.store import Store

MOST_OPEN: Final = 4
"""Labs that stay open though nobody is using them: each keeps some memory."""
IDLE_S: Final = 300.0
"""How long one stays open after its last use."""
MOST_READ: Final = 4
"""Experiments of a lab that are kept with all their answers."""
THREADS: Final = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


class OpenLab:
    """A lab that is open in this server, with what is kept of it between requests.

    Parameters
    ----------
    root
        The server's root folder.
    folder
        The lab's folder.
    in_thread
        Calls a function in a thread.

    Attributes
    ----------
    lab : Lab
        Read below its verbs (``lab.context``, ``lab.manager``), which leaves no trace.
    verdicts : Verdicts
    changes : LabChanges
    under_way : dict
        What is stored of the experiments under way, by id.

    Raises
    ------
    StoreError
        When its tables are of another version: it would be migrated.
    """

    def __init__(self, root: Path, folder: Path, in_thread: Callable[[Callable[[], None]], object]) -> None:
        check_version(folder)
        self.root = root
        self.in_thread = in_thread
        self.lab = Lab(store=folder)
        self.verdicts = Verdicts(self.store, in_thread)
        self.changes = LabChanges(self)
        self.under_way: dict[str, ListedExperiment] = {}
        self._guard = threading.Lock()
        self._repositories: OrderedDict[str, ExperimentRepository] = OrderedDict()

    @property
    def store(self) -> Store:
        """The lab's store."""
        return self.lab.context.store

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return self.lab.folder

    def repository(self, experiment_id: str) -> ExperimentRepository:
        """Return what is stored of an experiment, given its whole id; of the last few it is kept while it stands."""
        with self._guard:
            repository = self._repositories.pop(experiment_id, None) or ExperimentRepository(self.store, experiment_id)
            self._repositories[experiment_id] = repository
            while len(self._repositories) > MOST_READ:
                self._repositories.popitem(last=False)
        return repository

    def close(self) -> None:
        """Give up the lab."""
        self.verdicts.close()
        self.changes.close()
        self.lab.close()


class _Place:
    """A folder and its lab while it is open."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.opened: OpenLab | None = None
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
                    place.opened = OpenLab(self.root, folder, self.in_thread)
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
