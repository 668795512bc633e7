"""An experiment while it may be running, here or in another process: how far it is, how it is paused, ended and waited for."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from pplab.errors import BadInput
from pplab.experiments.dependencies import Progress
from pplab.experiments.follow import follow
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.standing_runs import standing_run, steer
from pplab.forks import CopiedAsItself
from pplab.plan.plan import with_limits
from pplab.store.run_control import RunOrder
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.repository import ExperimentRepository, StoredExperiment
    from pplab.experiments.run import Run
    from pplab.experiments.standing_runs import StandingRun
    from pplab.store.rows import ExperimentRow
    from pplab.store.run_control import Action

POLL_SECONDS = 0.1  # how often to look how a run of another process is going


class ExperimentUnderWay(CopiedAsItself):
    """What is stored of an experiment, and the run of it, where it is this process that runs it.

    Parameters
    ----------
    context
        Whose user steers it.
    repository
        What is stored of it.
    run
        The run that this process started, if any.
    """

    def __init__(self, context: LabContext, repository: ExperimentRepository, run: Run | None = None) -> None:
        self._context = context
        self._repository = repository
        self._started = run

    @property
    def _run(self) -> Run | None:
        """The run of this process; a forked one reads what its parent's run stores."""
        return None if self._started is None or self._started.inherited else self._started

    @property
    def _row(self) -> ExperimentRow:
        """Return the row, without reading anything where this object has run it and nobody is known to have run it since."""
        if self._run is None:
            return self._repository.stored.row
        kept = self._repository.kept
        row = self._run.row
        return row if kept is None or kept.row.revision <= row.revision else self._repository.stored.row

    @property
    def _stored(self) -> StoredExperiment:
        stored = self._repository.stored
        if self._run is not None and self._run.running:
            return dataclasses.replace(stored, row=self._row)  # a run that is ending says so before that is written
        return stored

    @property
    def running(self) -> bool:
        """Whether this process is still sending calls of it."""
        return self._run is not None and self._run.running

    @property
    def _elsewhere(self) -> StandingRun | None:
        """How far the run is that another process has under way."""
        if self._run is not None:
            return None
        return standing_run(self._context.folder, self._repository.experiment_id)

    @property
    def progress(self) -> dict[str, Any]:
        """Counts of a run under way, in whichever process: planned, done, in_flight, concurrency, cost (US dollars), by status.

        ``max_cost`` is what it may spend; ``paused`` after `pause`; ``waiting_until`` (UNIX seconds) when the server asked to be
        left alone until then, or a provider will be asked for its batches again, ``waiting_for`` says which; ``unread`` answers
        that the reader still has to read.
        """
        names = [f.name for f in dataclasses.fields(Progress) if f.name != "race"]
        if self._run is None:
            elsewhere = self._elsewhere
            return {} if elsewhere is None else {name: elsewhere.said.get(name) for name in names}
        now = self._run.progress
        return {name: getattr(now, name) for name in names} | {"counts": dict(now.counts)}

    def pause(self) -> None:
        """Send nothing new until `go_on`; calls under way are finished. Only who began a run can steer it, from any process."""
        if self._run is not None:
            self._run.scheduler.pause()
        else:
            self._steer("pause")

    def go_on(self) -> None:
        """Go on after `pause`."""
        if self._run is not None:
            self._run.scheduler.go_on()
        else:
            self._steer("go_on")

    def cancel(self) -> None:
        """End the run now; what arrived is kept, the rest can be resumed.

        Batches are ended at their provider, too, which may take some minutes; what they have finished by then is kept.
        """
        if self._run is not None:
            self._run.cancel()
        else:
            self._steer("cancel")

    def limit(self, *, concurrency: int | None = None, max_cost: float | None = None) -> None:
        """Give a run under way other limits, which a resume has, too; what is not given stays.

        Parameters
        ----------
        concurrency : int, optional
            The most calls under way at once.
        max_cost : float, optional
            The US dollars that this pass may spend in all.

        Raises
        ------
        BadInput
            When the experiment is not running, or a value is none.
        """
        plan = with_limits(self._repository.stored.plan, concurrency, max_cost)  # refused here as it would be there
        at_once = None if concurrency is None else plan.max_concurrency
        if not self._steer("limit", concurrency=at_once, max_cost=None if max_cost is None else plan.max_cost):
            raise BadInput("this experiment is not running", hint="its next resume takes max_cost")

    def _steer(self, action: Action, *, concurrency: int | None = None, max_cost: float | None = None) -> bool:
        """Have whichever process runs the experiment do something; return whether one does."""
        folder, experiment_id = self._context.folder, self._repository.experiment_id
        if not is_running(folder, experiment_id):
            return False
        order = RunOrder(action=action, user=self._context.user, concurrency=concurrency, max_cost=max_cost)
        return steer(folder, experiment_id, order)

    def wait(self, *, on: Listener | None = None) -> Self:
        """Return when the run has ended, in whichever process; an interrupt ends it, as in `Lab.run`, or ends the waiting.

        Parameters
        ----------
        on : object, optional
            The listener, as in `Lab.run`, of a run that another process has under way.
        """
        with Interrupts() as interrupts:
            interrupts.hold()
            if self._run is not None:
                self._run.wait(interrupts=interrupts)
            elif on is not None:
                follow(self._context.store, self._repository.experiment_id, on, interrupts)
            while self._run is None and not interrupts.count and is_running(self._context.folder, self._repository.experiment_id):
                time.sleep(POLL_SECONDS)
        return self
