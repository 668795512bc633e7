"""How a lab runs experiments: begins them, waits for them, and sends again what is missing."""

from __future__ import annotations

import atexit
import dataclasses
import platform
import sys
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pplab import __version__
from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput
from pplab.experiments.interrupts import Interrupts
from pplab.ids import new_id, now
from pplab.observe.cell_audit import notebook_name
from pplab.observe.events import event
from pplab.observe.spans import current_span
from pplab.operation import Operation
from pplab.store import history
from pplab.store.rows import ExperimentRow
from pplab.store.run_lock import RunLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplab.calibration import Calibration
    from pplab.context import LabContext
    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.descriptors import Room
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.preflight import Preflight
    from pplab.experiments.repository import ExperimentRepository
    from pplab.experiments.run import Run
    from pplab.models.recording import RecordedSource
    from pplab.models.types import Source
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.plan.request import RunRequest
    from pplab.plan.vocabulary import MetricInfo

RESENDABLE_STATUSES = {
    "resume": frozenset({"cancelled"}),
    "retry": frozenset({"cancelled", "failed", "timeout", "rejected"}),
    "top_up": frozenset({"cancelled"}),
}


class RunManager:
    """The runs of one lab.

    Parameters
    ----------
    context
        Whose user, model and configuration they use, where they are written, and what answers them.
    """

    def __init__(self, context: LabContext) -> None:
        self.context = context
        self._store = context.store
        self._access = context.access
        self._running: list[Run] = []
        atexit.register(self.end)

    def __reduce__(self) -> tuple[type[RunManager], tuple[LabContext]]:
        return RunManager, (self.context,)  # in another process there are no runs of this one to follow

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """What the user knows about models and their parameters."""
        return self._access.capabilities

    def experiment(self, wanted: str) -> Experiment:
        """Return a stored experiment by id (or a unique beginning of it), or the latest one."""
        from pplab.experiments.experiment import Experiment

        found = self.stored(wanted)
        found.refresh()  # so that one that is not there is refused now
        return Experiment(self, found)

    def stored(self, wanted: str) -> ExperimentRepository:
        """Return what is stored of an experiment."""
        from pplab.experiments.repository import ExperimentRepository

        return ExperimentRepository(self._store, wanted)

    def end(self) -> None:
        """End every run of this lab that is under way, at its closing or the program's end; what arrived is written."""
        atexit.unregister(self.end)
        own = [execution for execution in self._running if not execution.inherited]  # a fork leaves its parent's runs alone
        for execution in own:
            if execution.running:
                execution.run.cancel("the lab was closed")
        for execution in own:
            execution.ended()

    # -- planning -------------------------------------------------------------------------------------------------------------

    def plan(self, request: RunRequest) -> tuple[Plan, Calibration | None]:
        """Return the plan of a request, and the calibration it works in."""
        from pplab.plan.request import build_plan

        calibration = self._calibration(request.calibration)
        plan = build_plan(request, model=self.context.model, calibration=calibration, scrub=self.context.scrub, **self.defaults())
        return plan, calibration

    def defaults(self) -> dict[str, Any]:
        """Return the options of a plan that the configuration decides."""
        return {"deadline": self.context.configuration.deadline, "max_concurrency": self._access.max_concurrency}

    def _calibration(self, wanted: Any) -> Calibration | None:
        from pplab.calibration import Calibration

        if wanted is None or isinstance(wanted, Calibration):
            return wanted
        if not isinstance(wanted, str):
            raise BadInput("calibration must be a Calibration or an id", hint="pass what lab.calibrate returned, or 'latest'")
        return Calibration.from_row(self._store.calibration(wanted))

    # -- running --------------------------------------------------------------------------------------------------------------

    def begin(self, request: RunRequest, interrupts: Interrupts | None = None, **hooks: Any) -> Experiment:
        """Plan and run; wait for the end if there are ``interrupts`` to heed meanwhile. ``hooks``: those of `Run`."""
        plan, calibration = self.plan(request)
        return self.begin_plan(plan, calibration.id if calibration else None, interrupts, **hooks)

    def begin_plan(
        self,
        plan: Plan,
        calibration_id: str | None = None,
        interrupts: Interrupts | None = None,
        *,
        recorded: RecordedSource | None = None,
        **hooks: Any,
    ) -> Experiment:
        """Run a plan; wait for the end if there are ``interrupts`` to heed meanwhile.

        ``recorded`` answers in place of the model.
        """
        from pplab.experiments.experiment import Experiment

        self._store.must_be_writable()
        plan = _scored_now(plan, ())
        row = ExperimentRow(
            experiment_id=new_id(),
            revision=0,
            created_at=(at := now()),
            updated_at=at,
            user=self.context.user,
            calibration_id=calibration_id,
            model=plan.model,
            provider=recorded.provider if recorded else self.context.provider,
            plan=plan.as_dict(),
            planned=len(plan),
            status="running",
            reason=None,
            notebook=(name := notebook_name(vars(sys.modules["__main__"]))) and self.context.scrub(name),
            software=_software(),
            correlation_id=current_span().correlation_id,
        )
        with ExitStack() as held:
            claim = held.enter_context(RunLock(self.context.folder, row.experiment_id))
            work = {"planned": len(plan), **hooks}
            execution = self._execute(row, plan, claim, held, interrupts, plan.calls(), recorded, **work)
        return Experiment(self, self.stored(row.experiment_id), execution)

    def again(
        self,
        experiment_id: str,
        kind: str,
        *,
        n: int | None = None,
        only: tuple[str, ...] = (),
        max_cost: float | None = None,
        **hooks: Any,
    ) -> Run:
        """Send what an experiment is still missing (``resume``), that and what failed (``retry``), or more of it (``top_up``).

        Raises
        ------
        StoreBusy
            When it is being run already, here or in another process.
        """
        from pplab.experiments.resume import missing_calls
        from pplab.plan.plan import check_cost

        with Interrupts() as interrupts, Operation(self.context, kind), ExitStack() as held:
            self._store.must_be_writable()
            claim = held.enter_context(RunLock(self.context.folder, experiment_id))  # what is missing cannot change from here on
            row = self._store.experiment(experiment_id)
            self._same_model(row)
            stored = history.outcomes(self._store, experiment_id)
            plan, calls, previous = missing_calls(row, stored, RESENDABLE_STATUSES[kind], n, only)
            plan = _scored_now(plan, plan.metrics)
            if max_cost is not None:
                plan = dataclasses.replace(plan, max_cost=check_cost(max_cost))
            kept = Counter(stored["status"]) - Counter(stored.loc[stored["response_id"].isin(previous), "status"])
            why = f"top up to {plan.replicates}" if kind == "top_up" else kind
            asked: dict[str, Any] = {"entity": "experiment", "entity_id": experiment_id, "replicates": len(calls), "why": why}
            self.context.record(event("retry_requested", self.context.user, **current_span().ids(), **asked))
            row = dataclasses.replace(
                row,
                revision=row.revision + 1,
                updated_at=now(),
                plan=plan.as_dict(),
                planned=len(plan),
                status="running",
                reason=None,
            )
            work = {"planned": len(calls), "previous": previous, "already": kept, **hooks}
            return self._execute(row, plan, claim, held, interrupts, calls, **work)

    def _same_model(self, row: ExperimentRow) -> None:
        lab = self.context
        if (row.model, row.provider) != (lab.model, lab.provider):
            raise BadInput(
                f"this experiment asked {row.model} at {row.provider}, this lab asks {lab.model} at {lab.provider}",
                hint="open the lab with the model and base_url of the experiment",
            )

    def _execute(
        self,
        row: ExperimentRow,
        plan: Plan,
        claim: RunLock,
        held: ExitStack,
        interrupts: Interrupts | None,
        calls: Iterable[PlannedCall],
        recorded: RecordedSource | None = None,
        **work: Any,
    ) -> Run:
        """Send calls and, if there are ``interrupts`` to heed, wait for them. Once begun, the run gives up what is ``held``."""
        from pplab.experiments.run import Run

        tools = self._tools(plan, recorded)
        room = self._room(plan, recorded)
        work |= {"most": room.calls, "caveats": (room.caveat,) if room.caveat else ()}
        execution = Run(row, plan, tools, current_span(), claim, calls=_answerable(plan, calls, tools.source), **work)
        if interrupts is not None:
            interrupts.hold()
        execution.start(self._access.loop)
        held.pop_all()
        self._running = [*(e for e in self._running if e.running), execution]
        if interrupts is None:
            execution.listen()
        else:
            execution.wait(interrupts)
        return execution

    def _room(self, plan: Plan, recorded: RecordedSource | None = None) -> Room:
        """Return how many calls may be under way at once; answers that need no connection take no room."""
        from pplab.experiments.descriptors import Room, room

        if recorded is not None or self.context.provider == EMBEDDED:
            return Room(plan.max_concurrency)
        return room(min(plan.max_concurrency, len(plan)))

    def _tools(self, plan: Plan, recorded: RecordedSource | None) -> RunDependencies:
        from pplab.experiments.dependencies import RunDependencies
        from pplab.scoring.registry import registered
        from pplab.scoring.scores import METRICS_VERSION, score

        if plan.max_cost is not None and self._access.price(plan.model) is None:
            raise BadInput(
                f"the price of {plan.model} is unknown, so max_cost cannot be kept",
                hint="set it with: pplab config prices='{\"" + plan.model + "\": [input, output]}' (dollars per million tokens)",
            )
        return RunDependencies(
            recorder=self.context,
            source=recorded or self._access.source(),
            score=score,
            score_aside=any(not m.built_in for m in registered()),
            metrics_version=METRICS_VERSION,
            cost=self._access.cost,
            worst_cost=self._access.worst_cost,
            scrub=self.context.scrub,
            provider=recorded.provider if recorded else self.context.provider,
        )

    # -- before a run -----------------------------------------------------------------------------------------------

    def preflight(self, request: RunRequest) -> Preflight:
        """Return what a run would be; nothing is sent, and nothing is written down."""
        from pplab.experiments.caveats import caveats
        from pplab.experiments.preflight import preflight
        from pplab.scoring.registry import registered

        plan, _ = self.plan(request)
        with self._store.reading():
            habits = history.model_stats(self._store, self.context.provider, plan.model)
            probes = self._store.audit("probe_completed")
        warnings = caveats(plan, self.context.provider, self.capabilities, probes)
        if caveat := self._room(plan).caveat:
            warnings = (*warnings, caveat)
        return preflight(
            plan, self.context.provider, self._access.price(plan.model), habits, [m.name for m in registered()], warnings
        )


def _answerable(plan: Plan, calls: Iterable[PlannedCall], source: Source) -> Iterable[PlannedCall]:
    """Return ``calls``; when a recording alone answers, refuse them all before the first if it does not have each."""
    from pplab.experiments.response_writer import make_call
    from pplab.models.recording import RecordedSource

    if not isinstance(source, RecordedSource):
        return calls
    listed = list(calls)
    source.require_recorded(make_call(plan, source.provider, planned)[0] for planned in listed)
    return listed


def _scored_now(plan: Plan, before: tuple[MetricInfo, ...]) -> Plan:
    """Return the plan with the user's metrics that its responses are scored by now, and ``before`` were."""
    from pplab.scoring.registry import registered

    known = {info.name: info for info in (*before, *(m for m in registered() if not m.built_in))}
    return dataclasses.replace(plan, metrics=tuple(known.values()))


def _software() -> dict[str, str]:
    """Return the versions that an experiment depends on."""
    from importlib.metadata import version

    return {"pplab": __version__, "python": platform.python_version(), **{p: version(p) for p in ("openai", "duckdb", "numpy")}}
