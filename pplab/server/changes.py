"""Changes in a lab, told to whoever watches it: from the journal's own lines at once, and from the tables what they add up to."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pplab.experiments.repository import LOST
from pplab.log import log_error
from pplab.observe.live import RecordReader, RecordWatcher
from pplab.plan.vocabulary import ENDED
from pplab.server.moments import day_began
from pplab.server.runs import runs_of
from pplab.store.experiment_list import lab_figures, listed_experiments
from pplab.store.rows import ExperimentRow
from pplab.store.run_control import FOLDER as CONTROL
from pplab.store.run_control import PROGRESS
from pplab.store.run_lock import is_running, run_stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplab.server.open_lab import OpenLab

    Message = dict[str, Any]

WAIT_S: Final = 0.15
"""Seconds from one message to the next, when much happens."""
SPENT_S: Final = 5.0
"""How often the tables are asked what was spent, while a run is under way and nothing else happens."""


@dataclass(frozen=True, slots=True)
class LabChange:
    """Something that is new in a lab.

    Attributes
    ----------
    listed : bool
        The list of experiments or calibrations may differ; else it is the progress of a run.
    experiment : ExperimentRow or None
        The record that was stored, where it is one of an experiment of this lab: what another lab runs does not run here.
    lost : str
        The id of a run whose process ended without a word.
    """

    listed: bool
    experiment: ExperimentRow | None = None
    lost: str = ""


class LabFolderReader:
    """Reader of what is new in a lab's folder since it was last polled. It opens no tables.

    Parameters
    ----------
    lab
        The lab's folder; what it holds now counts as read.
    tables
        The lab's tables.
    """

    recursive: Final = True

    def __init__(self, lab: Path, tables: Path) -> None:
        self.folder = lab
        self._tables = tables
        self._records = RecordReader(lab / "journal", "experiment", "label", "calibration")
        self._stamp = run_stamp(tables)
        self._progress = self._said()
        self.running: set[str] = set()
        """The experiments that are known to be under way."""

    def poll(self) -> list[LabChange]:
        """Return what is new: records, runs that began, ended or died, scores and ratings, and how far runs are."""
        changes = [
            LabChange(True, new.row if isinstance(new.row, ExperimentRow) and not new.pulled else None)
            for new in self._records.poll()
        ]
        changes += [LabChange(True, lost=id_) for id_ in tuple(self.running) if not is_running(self.folder, id_)]
        stamp, progress = run_stamp(self._tables), self._said()
        if stamp != self._stamp or progress != self._progress:
            changes.append(LabChange(stamp != self._stamp))
            self._stamp, self._progress = stamp, progress
        return changes

    def _said(self) -> dict[str, int]:
        """Return when each run last said how far it is."""
        said = {}
        for path in (self.folder / CONTROL).glob(f"*/{PROGRESS}"):
            try:
                said[path.parent.name] = path.stat().st_mtime_ns
            except OSError:  # it has ended this moment
                continue
        return said


class LabChanges:
    """What tells listeners of the changes in one lab, while there are any.

    Parameters
    ----------
    opened
        The lab.
    """

    def __init__(self, opened: OpenLab) -> None:
        self._opened = opened
        self._guard = threading.RLock()
        self._listeners: dict[Callable[[Message], None], None] = {}
        self._watcher: RecordWatcher[LabChange] | None = None
        self._folder: LabFolderReader | None = None
        self._told: Message = {}
        self._spent = 0.0
        self._spent_at = 0.0
        self._reading = self._again = False
        self._ended: list[str] = []

    def subscribe(self, listener: Callable[[Message], None]) -> None:
        """Call a listener with the present state and then with every change, in threads of ours; it must not wait."""
        with self._guard:
            if self._watcher is None:
                self._begin()
            self._listeners[listener] = None
            listener(self._state(listed=True))

    def unsubscribe(self, listener: Callable[[Message], None]) -> None:
        """Call it no more; the last one ends the watching."""
        with self._guard:
            self._listeners.pop(listener, None)
            watcher = None
            if not self._listeners:
                watcher, self._watcher = self._watcher, None
                self._opened.verdicts.listeners.discard(self._verdicts_made)
        if watcher is not None:
            watcher.close()

    def close(self) -> None:
        """Call nobody any more."""
        for listener in tuple(self._listeners):
            self.unsubscribe(listener)

    def _begin(self) -> None:
        self._folder = LabFolderReader(self._opened.folder, self._opened.store.path)
        running = self._read_spent()  # after the reader began, so that nothing is missed between
        self._folder.running = {id_ for id_ in running if is_running(self._opened.folder, id_)}
        self._opened.verdicts.listeners.add(self._verdicts_made)
        self._watcher = RecordWatcher(self._folder, on_batch=self._take, wait=WAIT_S)

    def _state(self, *, listed: bool) -> Message:
        return {
            "kind": "changed",
            "experiments": listed,
            "runs": runs_of(self._opened),
            "spent_today": self._spent,
        }

    def _tell(self, message: Message) -> None:
        with self._guard:
            for listener in tuple(self._listeners):
                listener(message)

    def _take(self, changes: tuple[LabChange, ...]) -> None:
        """Tell what changed, called by the watcher's thread."""
        try:
            listed = any(change.listed for change in changes)
            ended = self._runs_ended(changes)
            state = self._state(listed=listed)
            if listed or state != self._told:
                self._tell(state)
            self._told = {**state, "experiments": False}
            if listed or (state["runs"] and time.monotonic() - self._spent_at > SPENT_S):
                self._read_soon(ended)
        except Exception as error:  # noqa: BLE001 - the next change is told all the same
            log_error("a change in the lab was not told", error, lab=self._opened.folder)

    def _runs_ended(self, changes: tuple[LabChange, ...]) -> list[str]:
        """Return the runs that ended: those that were known to be under way, so that an import is none."""
        assert self._folder is not None
        running, ended = self._folder.running, []
        for change in changes:
            row = change.experiment
            if row is not None and row.status == "running":
                running.add(row.experiment_id)
            gone = change.lost or (row.experiment_id if row is not None and row.status in ENDED else "")
            if gone in running:
                running.discard(gone)
                ended.append(gone)
        return ended

    def _verdicts_made(self) -> None:
        try:
            self._tell(self._state(listed=True))
        except Exception as error:  # noqa: BLE001 - the verdicts are there, and the next answer has them
            log_error("new verdicts were not told", error, lab=self._opened.folder)

    def _read_soon(self, ended: list[str]) -> None:
        """Have a thread ask the tables; while it does, what comes in is asked for once more when it is done."""
        with self._guard:
            self._ended += ended
            self._again = True
            if self._reading:
                return
            self._reading = True
        self._opened.in_thread(self._read)

    def _read(self) -> None:
        """Read what was spent and how runs ended, and tell both."""
        while True:
            try:
                with self._guard:
                    ended, self._ended, self._again = self._ended, [], False
                before = self._spent
                self._read_spent()
                if self._spent != before:
                    self._tell(self._state(listed=False))
                for one in listed_experiments(self._opened.store, ended).values() if ended else ():
                    reason = one.reason or (LOST if one.status == "interrupted" else "")
                    about = {"id": one.id, "status": one.status, "reason": reason, "prompt": one.prompt}
                    counted = {"done": one.answers, "planned": one.planned, "cost": one.cost}
                    self._tell({"kind": "ended", "run": {**about, **counted}})
            except Exception as error:  # noqa: BLE001 - a later change asks again
                log_error("what was spent could not be read", error, lab=self._opened.folder)
            with self._guard:
                if not self._again:
                    self._reading = False
                    return

    def _read_spent(self) -> tuple[str, ...]:
        """Read what the user spent today; return the experiments that are stored as running."""
        self._spent_at = time.monotonic()
        figures = lab_figures(self._opened.store, self._opened.lab.user, day_began())
        self._spent = figures.spent
        return figures.running
