"""What a user holds after a run: the experiment, its responses, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pplab.experiments.design import Plan
from pplab.experiments.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from pplab.analysis.recommend import Recommendation
    from pplab.analysis.records import Comparisons
    from pplab.analysis.verdicts import Verdict
    from pplab.experiments.execution import Execution
    from pplab.store.rows import ExperimentRow


class LabVerbs(Protocol):
    """What an experiment asks of the lab it belongs to."""

    def _experiment_row(self, experiment_id: str) -> ExperimentRow: ...
    def _experiment_responses(self, row: ExperimentRow) -> pd.DataFrame: ...
    def _again(self, row: ExperimentRow, kind: str, **options: Any) -> Experiment: ...
    def _summary(self, row: ExperimentRow, *, latency: bool) -> pd.DataFrame: ...
    def _compare(self, row: ExperimentRow, a: int, b: int) -> Comparisons: ...
    def _verdict(self, row: ExperimentRow) -> Verdict: ...
    def _metrics(self, row: ExperimentRow) -> tuple[str, ...]: ...
    def _recommend(self, row: ExperimentRow) -> Recommendation: ...
    def _warnings(self, row: ExperimentRow) -> tuple[str, ...]: ...
    def _fingerprints(self, row: ExperimentRow) -> tuple[str, ...]: ...


class Experiment:
    """An experiment of a lab: planned, run, stored.

    Made by `Lab.run` and `Lab.experiment`, never directly. Every attribute reads what is stored, so it is right also after a
    resume in another notebook.

    Attributes
    ----------
    id : str
    status : str
        ``completed`` (every replicate has an answer), ``partial``, ``failed`` (none has), ``paused`` (the server or the budget
        asks to wait), ``interrupted``, or ``running``.
    reason : str or None
        Why it is not complete, in words.
    correlation_id : str
        The W3C trace id of everything this experiment caused.
    plan : Plan
    """

    def __init__(self, lab: LabVerbs, row: ExperimentRow, execution: Execution | None = None) -> None:
        self._lab = lab
        self._stored = row
        self._execution = execution

    @property
    def _row(self) -> ExperimentRow:
        if self._execution is not None:
            return self._execution.row
        return self._stored

    @property
    def lab(self) -> LabVerbs:
        """The lab it belongs to."""
        return self._lab

    @property
    def id(self) -> str:
        """The experiment's id."""
        return self._stored.experiment_id

    @property
    def status(self) -> str:
        """How far it came; see the class."""
        return self._row.status

    @property
    def reason(self) -> str | None:
        """Why it is not complete, in words."""
        return self._row.reason

    @property
    def correlation_id(self) -> str:
        """The trace id of everything this experiment caused."""
        return self._stored.correlation_id

    @property
    def calibration_id(self) -> str | None:
        """The calibration it was run under."""
        return self._stored.calibration_id

    @property
    def model(self) -> str:
        """The model that was asked."""
        return self._stored.model

    @property
    def embedded(self) -> bool:
        """Whether the embedded model answered."""
        return self._stored.provider == "embedded"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics its responses were scored by: the four, and the user's own."""
        return self._lab._metrics(self._row)  # noqa: SLF001

    @property
    def plan(self) -> Plan:
        """What was planned."""
        return Plan.from_dict(self._row.plan)

    @property
    def responses(self) -> pd.DataFrame:
        """One row a planned replicate, in plan order, also those that failed or were never sent."""
        return self._lab._experiment_responses(self._row)  # noqa: SLF001 - the lab's side of this class

    @property
    def df(self) -> pd.DataFrame:
        """The same as `responses`."""
        return self.responses

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing the results: parameters that the model ignores or refuses, changes of the server."""
        found = self._lab._warnings(self._row)  # noqa: SLF001
        failed = self._execution.listener_failed if self._execution is not None else None
        return (*found, f"on_response or on_text failed and was not called again: {failed}") if failed else found

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The versions of the server (``system_fingerprint``) that answered, in the order they first did."""
        return self._lab._fingerprints(self._row)  # noqa: SLF001

    def summary(self, *, latency: bool = False) -> pd.DataFrame:
        """Return one row a setting: n, mean and interval of each metric, tokens and cost; latency only when asked.

        Latency differs from run to run, so a notebook that shows it cannot be compared.
        """
        return self._lab._summary(self._row, latency=latency)  # noqa: SLF001

    def compare(self, a: int, b: int) -> Comparisons:
        """Return the paired differences between the settings with index ``a`` and ``b`` (see `Plan.settings`)."""
        return self._lab._compare(self._row, a, b)  # noqa: SLF001

    def verdict(self) -> Verdict:
        """Return what the responses show about the settings, in words a person can repeat."""
        return self._lab._verdict(self._row)  # noqa: SLF001

    def recommend(self) -> Recommendation:
        """Return the setting that suits the calibration's balance, how sure that is, and what to run next."""
        return self._lab._recommend(self._row)  # noqa: SLF001

    def resume(self, *, max_cost: float | None = None, on_response: Callable[[Any], None] | None = None) -> Experiment:
        """Send only the calls that have no answer because they were never sent or were given up.

        ``max_cost`` is what this pass may spend (US dollars); default: as much as the run might.
        """
        return self._again("resume", max_cost=max_cost, on_response=on_response)

    def retry_failed(self, *, max_cost: float | None = None, on_response: Callable[[Any], None] | None = None) -> Experiment:
        """Send again the calls that failed, timed out or were rejected, and those never sent; ``max_cost`` as in `resume`."""
        return self._again("retry", max_cost=max_cost, on_response=on_response)

    def retry(self, response_ids: Sequence[str], *, on_response: Callable[[Any], None] | None = None) -> Experiment:
        """Send just these replicates again; answers that are good already are not replaced."""
        return self._again("retry", only=tuple(response_ids), on_response=on_response)

    def top_up(self, n: int, *, max_cost: float | None = None, on_response: Callable[[Any], None] | None = None) -> Experiment:
        """Raise the number of replicates to ``n``; send only the new ones, and those never sent. ``max_cost`` as in `resume`."""
        return self._again("top_up", n=n, max_cost=max_cost, on_response=on_response)

    def _again(self, kind: str, **options: Any) -> Experiment:
        if self._execution is not None and self._execution.run.stopping is not None:
            self._execution.ended()  # an interrupted run may still be writing down what was never sent
        done = self._lab._again(self._row, kind, **options)  # noqa: SLF001
        self._stored, self._execution = done._stored, done._execution  # noqa: SLF001 - of this class
        return self

    # -- while it runs (after Lab.start) ----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether this process is still sending calls of it."""
        return self._execution is not None and self._execution.running

    @property
    def progress(self) -> dict[str, Any]:
        """Counts of a run under way: planned, done, in_flight, concurrency, cost so far (US dollars), and by status.

        ``paused`` after `pause`; ``waiting_until`` (UNIX seconds) when the server asked to be left alone until then.
        """
        if self._execution is None:
            return {}
        p = self._execution.run.progress
        return {
            "planned": p.planned,
            "done": p.done,
            "in_flight": p.in_flight,
            "concurrency": p.concurrency,
            "paused": p.paused,
            "waiting_until": p.waiting_until,
            "cost": p.cost,
            "counts": dict(p.counts),
        }

    def pause(self) -> None:
        """Send nothing new until `go_on`; calls under way are finished."""
        if self._execution is not None:
            self._execution.run.pause()

    def go_on(self) -> None:
        """Go on after `pause`."""
        if self._execution is not None:
            self._execution.run.go_on()

    def cancel(self) -> None:
        """End the run now; what arrived is kept, the rest can be resumed."""
        if self._execution is not None:
            self._execution.run.cancel()

    def wait(self) -> Experiment:
        """Return when the run has ended; an interrupt ends it, as in `Lab.run`."""
        if self._execution is not None:
            with Interrupts() as interrupts:
                interrupts.hold()
                self._execution.wait(interrupts=interrupts)
        return self

    def __repr__(self) -> str:
        plan = self.plan
        size = f"{len(plan.prompts)} prompt(s) x {len(plan.settings)} setting(s) x {plan.replicates}"
        return f"Experiment({self.status}: {size} on {self.model})"
