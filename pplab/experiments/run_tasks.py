"""The passes over an experiment that this process or another one can make, by what means, and who makes them elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pplab.experiments.dependencies import Listeners

if TYPE_CHECKING:
    from pplab.context import LabContext
    from pplab.experiments.batch_setup import BatchPass, ByHand
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.resume import ResumeRequest
    from pplab.experiments.scheduler import Scheduler
    from pplab.models.recording import RecordedSource
    from pplab.plan.labels import Labels
    from pplab.plan.plan import Plan

Engine: TypeAlias = Callable[..., "Scheduler | BatchPass"]
"""Makes what makes the calls of a pass, from what a `Scheduler` is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """By what means the calls of a pass are made, where it is not by one process that asks the model.

    Attributes
    ----------
    recorded : RecordedSource or None
        What answers in place of the model.
    by_hand : ByHand or None
        The file of a plan in batches that is written or read in place of sending anything.
    processes : int, str, Client or None
        How many processes of this machine make the calls, or which Dask cluster: its address or its client.
    """

    recorded: RecordedSource | None = None
    by_hand: ByHand | None = None
    processes: Any = None


class Followed(Protocol):
    """A run that was begun."""

    def ended(self, timeout: float | None) -> bool:
        """Wait until everything is written."""


class Runs(Protocol):
    """The run manager of a lab, as far as a task needs it."""

    def begin_task(self, task: NewRun, listeners: Listeners) -> tuple[str, Followed]:
        """Begin a new run; return the experiment's id and the run."""

    def resume_pass(
        self, experiment_id: str, request: ResumeRequest, listeners: Listeners, interrupts: Interrupts | None
    ) -> Followed:
        """Begin a further pass."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A new run: its plan, the calibration it works in, what it is called, and by what means it is made."""

    plan: Plan
    calibration_id: str | None = None
    labels: Labels | None = None
    means: Means = Means()

    def begin(self, runs: Runs) -> tuple[str, Followed]:
        """Begin it; return the experiment's id and the run."""
        return runs.begin_task(self, Listeners())


@dataclass(frozen=True, slots=True)
class FurtherPass:
    """A further pass over a stored experiment: a resume, a retry or a top-up."""

    experiment_id: str
    request: ResumeRequest

    def begin(self, runs: Runs) -> tuple[str, Followed]:
        """Begin it; return the experiment's id and the run."""
        return self.experiment_id, runs.resume_pass(self.experiment_id, self.request, Listeners(), None)


class Elsewhere(Protocol):
    """What makes passes in other processes."""

    def detach(self, context: LabContext, task: NewRun | FurtherPass) -> str:
        """Have a process of its own make a pass; return the experiment's id once it is begun."""

    def engine(self, context: LabContext, processes: Any) -> Engine | None:
        """Return the engine of a run in some processes or on a cluster, ``None`` for one in this process."""
