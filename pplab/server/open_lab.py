"""A lab that is open in the server, with what is kept of it between requests."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from pplab.config.configuration import load_configuration
from pplab.experiments.repository import ExperimentRepository
from pplab.lab import Lab
from pplab.server.verdicts import Verdicts
from pplab.store.version_check import check_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplab.store.experiment_list import ListedExperiment
    from pplab.store.store import Store

MOST_READ: Final = 4
"""Experiments of a lab that are kept with all their answers."""


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
        configuration = load_configuration(folder)
        configuration.live = {}  # kernels and programs exchange with remotes; who only looks does not
        self.lab = Lab(store=folder, configuration=configuration)
        self.verdicts = Verdicts(self.store, in_thread)
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
        self.lab.close()
