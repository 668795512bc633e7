"""The passes over an experiment that another process can make: a new run, and a further pass over a stored one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pplab.experiments.dependencies import Listeners

if TYPE_CHECKING:
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.resume import ResumeRequest
    from pplab.plan.labels import Labels
    from pplab.plan.plan import Plan


class Followed(Protocol):
    """A run that was begun."""

    def cancel(self, reason: str) -> None:
        """Send nothing more."""

    def ended(self, timeout: float | None) -> bool:
        """Wait until everything is written."""


class Runs(Protocol):
    """The run manager of a lab, as far as a task needs it."""

    def begin_plan(
        self, plan: Plan, listeners: Listeners, *, calibration_id: str | None = None, labels: Labels | None = None
    ) -> tuple[str, Followed]:
        """Begin a new run; return the experiment's id and the run."""

    def resume_pass(
        self, experiment_id: str, request: ResumeRequest, listeners: Listeners, interrupts: Interrupts | None
    ) -> Followed:
        """Begin a further pass."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A new run: its plan, the calibration it works in, and what it is called."""

    plan: Plan
    calibration_id: str | None = None
    labels: Labels | None = None

    def begin(self, runs: Runs) -> tuple[str, Followed]:
        """Begin it; return the experiment's id and the run."""
        return runs.begin_plan(self.plan, Listeners(), calibration_id=self.calibration_id, labels=self.labels)


@dataclass(frozen=True, slots=True)
class FurtherPass:
    """A further pass over a stored experiment: a resume, a retry or a top-up."""

    experiment_id: str
    request: ResumeRequest

    def begin(self, runs: Runs) -> tuple[str, Followed]:
        """Begin it; return the experiment's id and the run."""
        return self.experiment_id, runs.resume_pass(self.experiment_id, self.request, Listeners(), None)
