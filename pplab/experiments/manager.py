"""The run manager of a lab: plans experiments, starts and resumes their runs, and ends those under way when the lab closes."""

from __future__ import annotations

import atexit
import dataclasses
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pplab.config.configuration import TEMPORARY
from pplab.errors import BadInput
from pplab.experiments.dependencies import Listeners
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.run_tasks import FurtherPass, NewRun
from pplab.ids import new_id, now
from pplab.inputs.values import as_list, python_value
from pplab.observe.cell_audit import notebook_name
from pplab.observe.spans import current_span
from pplab.operation import Operation
from pplab.plan.labels import check_labels
from pplab.plan.plan import Plan
from pplab.store import history
from pplab.store.rows import ExperimentRow, LabelRow
from pplab.store.run_control import RunFolder
from pplab.store.run_lock import RunLock, run_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplab.analysis.judge_report import JudgeReport
    from pplab.analysis.settling import Spread
    from pplab.calibration import Calibration
    from pplab.context import LabContext
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.preflight import Preflight
    from pplab.experiments.race import Standing
    from pplab.experiments.repository import ExperimentRepository, StoredExperiment
    from pplab.experiments.resume import PendingCalls, ResumeRequest
    from pplab.experiments.run import Run
    from pplab.models.recording import RecordedSource
    from pplab.plan.judging import JudgeRequest
    from pplab.plan.labels import Labels
    from pplab.plan.request import RunRequest

    Detach = Callable[[LabContext, NewRun | FurtherPass], str]


class RunManager:
    """The runs of one lab.

    Parameters
    ----------
    context
        Whose user, model and configuration they use, where they are written, and what answers them.
    detach
        Has a process of its own make a pass over an experiment; returns the experiment's id once it is begun.

    Attributes
    ----------
    detached : bool
        Whether this process is there for one run alone.
    """

    def __init__(self, context: LabContext, detach: Detach | None = None) -> None:
        self.context = context
        self.detached = False
        self._detach = detach
        self._store = context.store
        self._running: list[Run] = []
        self._known_spread: tuple[object, Spread] | None = None
        atexit.register(self.end)

    def __reduce__(self) -> tuple[type[RunManager], tuple[LabContext, Detach | None]]:
        return RunManager, (self.context, self._detach)  # in another process there are no runs of this one to follow

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """What the user knows about models and their parameters."""
        return self.context.access.capabilities

    def experiment(self, wanted: str) -> Experiment:
        """Return a stored experiment by id (or a unique beginning of it), or the latest one."""
        from pplab.experiments.experiment import Experiment

        repository = self.stored(wanted)
        repository.refresh()  # so that one that is not there is refused now
        return Experiment(self, repository)

    def stored(self, wanted: str) -> ExperimentRepository:
        """Return what is stored of an experiment."""
        from pplab.experiments.repository import ExperimentRepository

        return ExperimentRepository(self._store, wanted)

    def end(self) -> None:
        """End every run of this lab that is under way, at its closing or the program's end; what arrived is written."""
        atexit.unregister(self.end)
        own = [run for run in self._running if not run.inherited]  # a fork leaves its parent's runs alone
        for run in own:
            if run.running:
                run.cancel("the lab was closed")
        for run in own:
            run.ended()

    # -- planning -------------------------------------------------------------------------------------------------------------

    def plan(self, request: RunRequest) -> tuple[Plan, Calibration | None]:
        """Return the plan of a request, and the calibration it works in."""
        from pplab.plan.request import build_plan
        from pplab.scoring.checks import check, check_functions

        for one in as_list(request.checks):
            if callable(one):
                check(one)
        calibration = self.calibration(request.calibration)
        context = self.context
        plan = build_plan(
            request,
            model=context.model,
            calibration=calibration,
            scrub=context.scrub,
            resolve=context.asked,
            functions=check_functions(),
            reader=bool(context.configuration.reader),
            **self.defaults(),
        )
        if plan.models and request.max_concurrency is None:
            plan = dataclasses.replace(plan, max_concurrency=context.access.max_concurrency(plan.models))
        return plan, calibration

    def defaults(self) -> dict[str, Any]:
        """Return the options of a plan that the configuration decides."""
        return {"deadline": self.context.configuration.deadline, "max_concurrency": self.context.access.max_concurrency()}

    def calibration(self, wanted: Any) -> Calibration | None:
        """Return a calibration, itself or by its id; ``None`` for none."""
        from pplab.calibration import Calibration
        from pplab.experiments.calibrate import stored_calibration

        if wanted is None or isinstance(wanted, Calibration):
            return wanted
        if not isinstance(wanted, str):
            raise BadInput("calibration must be a Calibration or an id", hint="pass what lab.calibrate returned, or 'latest'")
        return stored_calibration(self.context, wanted)

    def preflight(self, request: RunRequest) -> Preflight:
        """Return what a run would be; nothing is sent, and nothing is written down."""
        from pplab.experiments.calibrate import without_temperature
        from pplab.experiments.caveats import caveats
        from pplab.experiments.preflight import ModelFacts, preflight
        from pplab.experiments.run_setup import concurrent_calls
        from pplab.plan.request import draws_settings, given_parameters

        plan, calibration = self.plan(request)
        if plan.reader:
            from pplab.experiments.reading import reader_version

            reader_version(self.context.configuration.reader)  # refused here as it would be there
        access = self.context.access
        models = plan.models or (access.own,)
        limits = access.endpoint_limits(plan.models)
        with self._store.reading():
            stats = [history.model_stats(self._store, asked.provider or "", asked.name) for asked in models]
            probes = self._store.audit("probe_completed")
        facts = [
            ModelFacts(asked, access.price(asked.name, asked.provider), of_one, limits.get(asked.place))
            for asked, of_one in zip(models, stats, strict=True)
        ]
        warnings = caveats(plan, self.context.provider, self.capabilities, probes)
        if calibration and draws_settings(request):
            warnings = (*warnings, *without_temperature(plan, calibration, given_parameters(request), models))
        if caveat := concurrent_calls(self.context, plan).caveat:
            warnings = (*warnings, caveat)
        return preflight(plan, facts, warnings, self._spread(plan, calibration))

    def _spread(self, plan: Plan, calibration: Calibration | None) -> Spread:
        """Return how much answers to one prompt vary in this lab, read anew once more was run."""
        from pplab.analysis.settling import CHECKED_SPREAD, Spread
        from pplab.experiments.repository import share_of_precision
        from pplab.experiments.spread import spread_of_lab

        if plan.checks:
            return Spread(CHECKED_SPREAD)
        precision = share_of_precision(**calibration.scores) if calibration else share_of_precision()
        models = tuple(dict.fromkeys(asked.name for asked in plan.models or (self.context.access.own,)))
        key = run_stamp(self._store.path), models, precision
        if self._known_spread is None or self._known_spread[0] != key:
            self._known_spread = key, spread_of_lab(self._store, models, precision, self.stored)
        return self._known_spread[1]

    # -- running --------------------------------------------------------------------------------------------------------------

    def start(self, request: RunRequest, listeners: Listeners, interrupts: Interrupts | None = None) -> Experiment:
        """Plan and run; wait for the end if there are ``interrupts`` to heed meanwhile."""
        plan, calibration = self.plan(request)
        labels = check_labels(request.name, request.tags or None, request.note)
        of_calibration = calibration.id if calibration else None
        if request.detach:
            return self.experiment(self._in_own_process(NewRun(plan, of_calibration, labels), listeners))
        return self.start_plan(plan, listeners, interrupts, calibration_id=of_calibration, labels=labels)

    def _in_own_process(self, task: NewRun | FurtherPass, listeners: Listeners) -> str:
        """Have a process of its own make a pass; return the experiment's id."""
        if listeners != Listeners():
            raise BadInput(
                "a detached run calls nobody in this process",
                hint="leave out on, on_response and on_text; exp.wait() waits for it",
            )
        if self._detach is None or self.context.name == TEMPORARY:
            raise BadInput(
                "a lab that ends with its process cannot detach a run", hint="give it a folder: --store .pplab, or PPLAB_STORE"
            )
        self._store.must_be_writable()
        return self._detach(self.context, task)

    def label(self, experiment_id: str, labels: Labels) -> LabelRow:
        """Give an experiment a name, tags or a note; what is not given stays."""
        self._store.must_be_writable()
        before = self._store.label(experiment_id)
        row = self._label_row(experiment_id, labels, before)
        about: dict[str, Any] = {"entity": "experiment", "entity_id": experiment_id}
        self.context.record(row, durable=True).result()
        self.context.record_event("experiment_labelled", **about, label=row.name, tags=row.tags, note=row.note)
        return row

    def _label_row(self, experiment_id: str, labels: Labels, before: LabelRow | None) -> LabelRow:
        scrub = self.context.scrub
        name, tags, note = (before.name, before.tags, before.note) if before else (None, [], None)
        return LabelRow(
            experiment_id=experiment_id,
            revision=before.revision + 1 if before else 0,
            updated_at=now(),
            user=self.context.user,
            name=name if labels.name is None else scrub(labels.name) or None,
            tags=tags if labels.tags is None else [scrub(tag) for tag in labels.tags],
            note=note if labels.note is None else scrub(labels.note) or None,
            correlation_id=current_span().correlation_id,
        )

    def begin_plan(
        self, plan: Plan, listeners: Listeners, *, calibration_id: str | None = None, labels: Labels | None = None
    ) -> tuple[str, Run]:
        """Begin to run a plan; return the experiment's id and the run."""
        return self._start(plan, listeners, None, calibration_id, None, labels)

    def start_plan(
        self,
        plan: Plan,
        listeners: Listeners,
        interrupts: Interrupts | None = None,
        *,
        calibration_id: str | None = None,
        recorded: RecordedSource | None = None,
        labels: Labels | None = None,
    ) -> Experiment:
        """Run a plan; wait for the end if there are ``interrupts`` to heed meanwhile.

        ``recorded`` answers in place of the model; ``labels`` are what the experiment is called.
        """
        from pplab.experiments.experiment import Experiment

        experiment_id, run = self._start(plan, listeners, interrupts, calibration_id, recorded, labels)
        return Experiment(self, self.stored(experiment_id), run)

    def _start(
        self,
        plan: Plan,
        listeners: Listeners,
        interrupts: Interrupts | None,
        calibration_id: str | None,
        recorded: RecordedSource | None,
        labels: Labels | None,
    ) -> tuple[str, Run]:
        from pplab.experiments.resume import PendingCalls
        from pplab.experiments.run_setup import software_versions, with_current_metrics

        self._store.must_be_writable()
        plan = with_current_metrics(plan)
        row = ExperimentRow(
            experiment_id=new_id(),
            revision=0,
            created_at=(at := now()),
            updated_at=at,
            user=self.context.user,
            calibration_id=calibration_id,
            model=plan.model,
            provider=plan.providers or (recorded.provider if recorded else self.context.provider),
            models=[asked.label for asked in plan.models] or [plan.model],
            plan=plan.as_dict(),
            planned=len(plan),
            status="running",
            reason=None,
            notebook=(name := notebook_name(vars(sys.modules["__main__"]))) and self.context.scrub(name),
            software=software_versions(),
            correlation_id=current_span().correlation_id,
        )
        with ExitStack() as held:
            lock = held.enter_context(RunLock(self.context.folder, row.experiment_id))
            pending = PendingCalls(calls=plan, count=len(plan))
            if labels:
                self.context.record(self._label_row(row.experiment_id, labels, None))
            return row.experiment_id, self._run(row, plan, pending, lock, held, listeners, interrupts, recorded)

    def resume(self, experiment_id: str, request: ResumeRequest, listeners: Listeners) -> Run | None:
        """Send what an experiment is still missing (``resume``), that and what failed (``retry``), or more of it (``top_up``).

        The run is returned when it has ended; none where a process of its own makes it.

        Raises
        ------
        StoreBusy
            When it is being run already, here or in another process.
        """
        with Interrupts() as interrupts, Operation(self.context, request.kind):
            if not request.detach:
                return self.resume_pass(experiment_id, request, listeners, interrupts)
            self._in_own_process(FurtherPass(experiment_id, dataclasses.replace(request, detach=False)), listeners)
            return None

    def resume_pass(self, experiment_id: str, request: ResumeRequest, listeners: Listeners, interrupts: Interrupts | None) -> Run:
        """Begin what `resume` does within an operation; wait for the end if there are ``interrupts`` to heed meanwhile."""
        from pplab.experiments.resume import pending_calls
        from pplab.experiments.run_setup import with_current_metrics
        from pplab.plan.plan import check_cost, with_max_calls

        with ExitStack() as held:
            self._store.must_be_writable()
            lock = held.enter_context(RunLock(self.context.folder, experiment_id))  # what is missing cannot change from here on
            row = self._store.experiment(experiment_id)
            self._refuse_another_model(row)
            plan, pending = pending_calls(row, history.outcomes(self._store, experiment_id), request)
            plan = with_current_metrics(plan, plan.metrics)
            if request.max_cost is not None:
                plan = dataclasses.replace(plan, max_cost=check_cost(python_value(request.max_cost)))
            if request.max_calls is not None:
                plan = with_max_calls(plan, python_value(request.max_calls))
            why = f"top up to {plan.replicates}" if request.kind == "top_up" else request.kind
            about: dict[str, Any] = {"entity": "experiment", "entity_id": experiment_id}
            self.context.record_event("retry_requested", **about, replicates=pending.count, why=why)
            row = dataclasses.replace(
                row,
                revision=row.revision + 1,
                updated_at=now(),
                plan=plan.as_dict(),
                planned=len(plan),
                status="running",
                reason=None,
            )
            return self._run(row, plan, pending, lock, held, listeners, interrupts)

    def score(self, experiment_id: str) -> None:
        """Score an experiment's stored answers by the metrics registered now; see `pplab.experiments.rescore.score_stored`.

        Raises
        ------
        StoreBusy
            When it is being run, here or in another process.
        """
        from pplab.experiments.rescore import score_stored

        with Operation(self.context, "score") as span:
            self._store.must_be_writable()
            with RunLock(self.context.folder, experiment_id):  # which also tells every reader that there is something new
                score_stored(self.context, self._store.experiment(experiment_id), span)

    def read(self, experiment_id: str, listeners: Listeners) -> None:
        """Have the reader read the stored answers of an experiment that it has not read; an interrupt keeps what it has.

        Raises
        ------
        BadInput
            When there is nothing to read with.
        StoreBusy
            When the experiment is being run, here or in another process.
        """
        from pplab.experiments.reading import read_stored

        with Operation(self.context, "read") as span:
            self._store.must_be_writable()
            with RunLock(self.context.folder, experiment_id):
                read_stored(self.context, self._store.experiment(experiment_id), span, listeners.on)

    def judge(self, experiment_id: str, request: JudgeRequest, listeners: Listeners) -> JudgeReport:
        """Have a model judge the stored answers of an experiment; an interrupt keeps the replies that came.

        Raises
        ------
        BadInput
            When there is nothing to judge, no such rubric, or the model is one that follows no instructions.
        StoreBusy
            When the experiment is being run, here or in another process.
        """
        from pplab.experiments.judge import judge

        with Interrupts() as interrupts, Operation(self.context, "judge"):
            return judge(self, experiment_id, request, listeners, interrupts)

    def judge_reports(self, stored: StoredExperiment) -> tuple[JudgeReport, ...]:
        """Return what is known of each judge that an experiment has scores of, as far as its replies are in this lab."""
        from pplab.experiments.judge import judge_reports

        return judge_reports(self._store, stored)

    def _refuse_another_model(self, row: ExperimentRow) -> None:
        """Refuse to resume what was asked of a model that this lab would not ask."""
        context, models = self.context, Plan.from_dict(row.plan).models
        for asked in models:
            here = context.asked(asked.label)
            if (here.name, here.provider) != (asked.name, asked.provider):
                context.access.server(asked)  # says which, and where it leads
        if not models and (row.model, row.provider) != (context.model, context.provider):
            raise BadInput(
                f"this experiment asked {row.model} at {row.provider}, this lab asks {context.model} at {context.provider}",
                hint="open the lab with the model and base_url of the experiment",
            )

    def _run(
        self,
        row: ExperimentRow,
        plan: Plan,
        pending: PendingCalls,
        lock: RunLock,
        held: ExitStack,
        listeners: Listeners,
        interrupts: Interrupts | None,
        recorded: RecordedSource | None = None,
    ) -> Run:
        """Send calls and, if there are ``interrupts`` to heed, wait for them. Once begun, the run gives up what is ``held``."""
        from pplab.experiments.race import standing
        from pplab.experiments.run import Run
        from pplab.experiments.run_control import RunControl
        from pplab.experiments.run_setup import answerable, concurrent_calls, run_dependencies

        dependencies = run_dependencies(self.context, plan, recorded)
        limit = concurrent_calls(self.context, plan, recorded)
        pending = dataclasses.replace(pending, calls=answerable(plan, pending.calls, dependencies.source))
        stored = self.stored(row.experiment_id)
        folder = RunFolder(self.context.folder, row.experiment_id)
        control = RunControl(folder, self.context.user, detached=self.detached)

        def decide() -> Standing:
            return standing(stored.refresh())

        run = Run(row, plan, pending, dependencies, current_span(), lock, limit, control, decide, listeners)
        if plan.reader:
            from pplab.experiments.reading import reader_version, unread

            version = reader_version(dependencies.reader)
            run.reading(unread(self._store, row.experiment_id, version) if row.revision else ())
        if interrupts is not None:
            interrupts.hold()
        held.callback(folder.remove)
        run.start(self.context.access.loop)
        held.pop_all()
        self._running = [*(r for r in self._running if r.running), run]
        if interrupts is None:
            run.listen()
        else:
            run.wait(interrupts)
        return run
