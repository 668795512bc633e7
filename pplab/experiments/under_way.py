"""An experiment while it may be running, here or in another process: how far it is, how it is paused, ended and waited for."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from pplab.errors import BadInput
from pplab.experiments.interrupts import Interrupts
from pplab.forks import CopiedAsItself

if TYPE_CHECKING:
    from pplab.experiments.batch_setup import BatchPass
    from pplab.experiments.repository import ExperimentRepository, StoredExperiment
    from pplab.experiments.run import Run
    from pplab.experiments.scheduler import Scheduler
    from pplab.store.rows import ExperimentRow

POLL_SECONDS = 0.1  # how often to look how a run of another process is going


class ExperimentUnderWay(CopiedAsItself):
    """What is stored of an experiment, and the run of it, where it is this process that runs it.

    Parameters
    ----------
    repository
        What is stored of it.
    run
        The run that this process started, if any.
    """

    def __init__(self, repository: ExperimentRepository, run: Run | None = None) -> None:
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
    def progress(self) -> dict[str, Any]:
        """Counts of a run under way: planned, done, in_flight, concurrency, cost so far (US dollars), and by status.

        ``paused`` after `pause`; ``waiting_until`` (UNIX seconds) when the server asked to be left alone until then, or a
        provider will be asked for its batches again, ``waiting_for`` says which; ``unread`` answers that the reader still has to
        read.
        """
        if self._run is None:
            return {}
        now = self._run.scheduler.progress
        return {f.name: getattr(now, f.name) for f in dataclasses.fields(now) if f.name != "race"} | {"counts": dict(now.counts)}

    def pause(self) -> None:
        """Send nothing new until `go_on`; calls under way are finished."""
        if (scheduler := self._scheduler()) is not None:
            scheduler.pause()

    def go_on(self) -> None:
        """Go on after `pause`."""
        if (scheduler := self._scheduler()) is not None:
            scheduler.go_on()

    def cancel(self) -> None:
        """End the run now; what arrived is kept, the rest can be resumed.

        Batches are ended at their provider, too, which may take some minutes; what they have finished by then is kept.
        """
        if self._scheduler() is not None and self._run is not None:
            self._run.cancel()

    def _scheduler(self) -> Scheduler | BatchPass | None:
        """Return what steers the run, if it is this process that runs it; refuse to steer one that another process runs."""
        if self._run is not None:
            return self._run.scheduler
        if self._repository.stored.row.status == "running":
            raise BadInput("this experiment is being run by another process", hint="pause or cancel it there, or wait() for it")
        return None

    def wait(self) -> Self:
        """Return when the run has ended, in whichever process; an interrupt ends it, as in `Lab.run`, or ends the waiting."""
        with Interrupts() as interrupts:
            interrupts.hold()
            if self._run is not None:
                self._run.wait(interrupts=interrupts)
            while self._run is None and not interrupts.count and self._repository.stored.row.status == "running":
                time.sleep(POLL_SECONDS)
        return self
