"""Verdicts in one line, made in the background for the experiments that a list shows, and kept while nothing changed in them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pplab.errors import PplabError
from pplab.experiments.repository import ExperimentRepository
from pplab.log import log_error
from pplab.plan.vocabulary import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pplab.store.experiment_list import ListedExperiment
    from pplab.store.store import Store

MOST_KEPT: Final = 20_000
MOST_ANSWERS: Final = 20_000
"""Of an experiment with more answers the verdict is made when it is opened: it may take ten seconds."""
TELL_S: Final = 0.5
"""How often, at most, somebody is told that there are new ones."""
QUIET_S: Final = 0.1
"""How long no list has been read when verdicts are made: they need the tables and a core, which lists are not to wait for."""
MOST_WAIT_S: Final = 2.0
"""After how long one is made all the same."""


class Verdicts:
    """The verdicts of one lab's experiments: the headlines of their decisions.

    To decide takes a tenth of a second and more for each experiment, so a list gets those that are known and the others are made
    one after the other, for the page that was asked for last, while no list is read. A verdict stands while the experiment's
    `state` is the same.

    Parameters
    ----------
    store
        What the experiments are read from.
    in_thread
        Calls a function in a thread.
    """

    def __init__(self, store: Store, in_thread: Callable[[Callable[[], None]], object]) -> None:
        self._store = store
        self._in_thread = in_thread
        self._guard = threading.Condition()
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._wanted: list[ListedExperiment] = []
        self._working = False
        self._closed = False
        self._lists = 0
        self._listed_at = 0.0
        self.listeners: set[Callable[[], None]] = set()
        """Called, in a thread, when verdicts were made."""

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Make no verdicts while a list is read, nor at once after it, when the next may be asked for."""
        with self._guard:
            self._lists += 1
        try:
            yield
        finally:
            with self._guard:
                self._lists -= 1
                self._listed_at = time.monotonic()
                self._guard.notify_all()

    def known(self) -> dict[str, str]:
        """Return the verdicts that are known, by id of the experiment."""
        with self._guard:
            return {id_: words for id_, (_, words) in self._known.items() if words}

    def of(self, listed: Iterable[ListedExperiment]) -> dict[str, str]:
        """Return the verdicts of listed experiments, by id, as far as they are known; begin to make the others."""
        found, wanted = {}, []
        with self._guard:
            for one in listed:
                state, words = self._known.get(one.id, ("", ""))
                if state == one.state:
                    found[one.id] = words
                elif one.status in ENDED and 0 < one.answers <= MOST_ANSWERS:
                    wanted.append(one)
            self._wanted = wanted[::-1]
            begin = bool(wanted) and not self._working and not self._closed
            self._working = self._working or begin
        if begin:
            self._in_thread(self._make_wanted)
        return found

    def keep(self, one: ListedExperiment, words: str) -> None:
        """Keep a verdict that was made elsewhere, such as for an experiment that was opened."""
        with self._guard:
            self._known[one.id] = (one.state, words)
            self._known.move_to_end(one.id)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)

    def close(self) -> None:
        """Make no more."""
        with self._guard:
            self._closed = True
            self._wanted = []
            self._guard.notify_all()

    def _make_wanted(self) -> None:
        told_at, untold = time.monotonic(), False
        while True:
            one = self._next()
            if untold and (one is None or time.monotonic() - told_at >= TELL_S):
                told_at, untold = time.monotonic(), False
                for listener in tuple(self.listeners):
                    listener()
            if one is None:
                return
            self.keep(one, self._verdict(one.id))
            untold = True

    def _next(self) -> ListedExperiment | None:
        """Return the experiment whose verdict is made next, when no list is read; ``None`` when none is wanted any more."""
        latest = time.monotonic() + MOST_WAIT_S
        with self._guard:
            while self._wanted:
                ready = latest if self._lists else min(latest, self._listed_at + QUIET_S)
                if (seconds := ready - time.monotonic()) <= 0:
                    return self._wanted.pop()
                self._guard.wait(seconds)
            self._working = False
            return None

    def _verdict(self, experiment_id: str) -> str:
        """Return the verdict of an experiment; empty where there is none, which its page then explains."""
        try:
            return ExperimentRepository(self._store, experiment_id).stored.decision().headline
        except PplabError:
            return ""
        except Exception as error:  # noqa: BLE001 - the list shows the experiment without it
            log_error(f"the verdict of {experiment_id} could not be made", error, lab=self._store.folder)
            return ""
