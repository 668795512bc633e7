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
from pplab.experiments.planner import Planner
from pplab.experiments.run_tasks import FurtherPass, Means, NewRun
from pplab.ids import new_id, now
from pplab.inputs.values import python_value
from pplab.observe.cell_audit import notebook_name
from pplab.observe.spans import current_span
from pplab.operation import Operation
from pplab.plan.labels import check_labels
from pplab.plan.plan import Plan
from pplab.store import history
from pplab.store.rows import ExperimentRow, LabelRow
from pplab.store.run_control import RunFolder
from pplab.store.run_lock import RunLock

if TYPE_CHECKING:
    from pplab.analysis.judge_report import JudgeReport
    from pplab.context import LabContext
    from pplab.experiments.batch_setup import ByHand
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.repository import StoredExperiment
    from pplab.experiments.resume import PendingCalls, ResumeRequest
    from pplab.experiments.run import Run
    from pplab.experiments.run_tasks import Elsewhere, Engine
    from pplab.models.recording import RecordedSource
    from pplab.plan.judging import JudgeRequest
    from pplab.plan.labels import Labels
    from pplab.plan.request import RunRequest


class RunManager(Planner):
    """The runs of one lab.

    Parameters
    ----------
    context
        Whose user, model and configuration they use, where they are written, and what answers them.
    elsewhere
        What makes passes in other processes; ``None``: none can be.

    Attributes
    ----------
    detached : bool
        Whether this process is there for one run alone.
    """

    def __init__(self, context: LabContext, elsewhere: Elsewhere | None = None) -> None:
        super().__init__(context)
        self.detached = False
        self._elsewhere = elsewhere
        self._running: list[Run] = []
        atexit.register(self.end)

    def __reduce__(self) -> tuple[type[RunManager], tuple[LabContext, Elsewhere | None]]:
        return RunManager, (self.context, self._elsewhere)  # in another process there are no runs of this one to follow

    def experiment(self, wanted: str) -> Experiment:
        """Return a stored experiment by id (or a unique beginning of it), or the latest one."""
        from pplab.experiments.experiment import Experiment

        repository = self.stored(wanted)
        repository.refresh()  # so that one that is not there is refused now
        return Experiment(self, repository)

    def end(self) -> None:
        """End every run of this lab that is under way, at its closing or the program's end; what arrived is written."""
        atexit.unregister(self.end)
        own = [run for run in self._running if not run.inherited]  # a fork leaves its parent's runs alone
        for run in own:
            if run.running:
                run.leave("the lab was closed")
        for run in own:
            run.ended()

    # -- running --------------------------------------------------------------------------------------------------------------

    def start(self, request: RunRequest, listeners: Listeners, interrupts: Interrupts | None = None) -> Experiment:
        """Plan and run; wait for the end if there are ``interrupts`` to heed meanwhile."""
        plan, calibration = self.plan(request)
        labels = check_labels(request.name, request.tags or None, request.note)
        means = Means(processes=request.processes)
        if plan.batch:
            from pplab.experiments.batch_setup import requests_file

            means = dataclasses.replace(means, by_hand=requests_file(request.batch))
        task = NewRun(plan, calibration.id if calibration else None, labels, means)
        if not request.detach:
            return self.start_task(task, listeners, interrupts)
        if request.processes is not None and not isinstance(request.processes, (int, str)):
            raise BadInput("a client of Dask cannot be carried into another process", hint="write on='dask://HOST:PORT'")
        if means.by_hand is not None:
            raise BadInput("a file of requests is written at once, and nothing is left to detach", hint="leave out detach")
        return self.experiment(self._in_own_process(task, listeners))

    def _in_own_process(self, task: NewRun | FurtherPass, listeners: Listeners) -> str:
        """Have a process of its own make a pass; return the experiment's id."""
        if listeners != Listeners():
            raise BadInput(
                "a detached run calls nobody in this process",
                hint="leave out on, on_response and on_text; exp.wait() waits for it",
            )
        if self._elsewhere is None or self.context.name == TEMPORARY:
            raise BadInput(
                "a lab that ends with its process cannot detach a run", hint="give it a folder: --store .pplab, or PPLAB_STORE"
            )
        self._store.must_be_writable()
        return self._elsewhere.detach(self.context, task)

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
        return self.start_task(NewRun(plan, calibration_id, labels, Means(recorded=recorded)), listeners, interrupts)

    def start_task(self, task: NewRun, listeners: Listeners, interrupts: Interrupts | None = None) -> Experiment:
        """Run what a task says; wait for the end if there are ``interrupts`` to heed meanwhile."""
        from pplab.experiments.experiment import Experiment

        experiment_id, run = self.begin_task(task, listeners, interrupts)
        return Experiment(self, self.stored(experiment_id), run)

    def begin_task(self, task: NewRun, listeners: Listeners, interrupts: Interrupts | None = None) -> tuple[str, Run]:
        """Do what `start_task` does; return the experiment's id and the run."""
        from pplab.experiments.resume import PendingCalls
        from pplab.experiments.run_setup import software_versions, with_current_metrics

        self._store.must_be_writable()
        plan, recorded = with_current_metrics(task.plan), task.means.recorded
        row = ExperimentRow(
            experiment_id=new_id(),
            revision=0,
            created_at=(at := now()),
            updated_at=at,
            user=self.context.user,
            calibration_id=task.calibration_id,
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
            if task.labels:
                self.context.record(self._label_row(row.experiment_id, task.labels, None))
            return row.experiment_id, self._run(row, plan, pending, lock, held, listeners, interrupts, task.means)

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
        from pplab.experiments.resume import pending_calls, refuse_forgotten
        from pplab.experiments.run_setup import with_current_metrics
        from pplab.plan.plan import check_cost, with_max_calls

        with ExitStack() as held:
            self._store.must_be_writable()
            lock = held.enter_context(RunLock(self.context.folder, experiment_id))  # what is missing cannot change from here on
            row = self._store.experiment(experiment_id)
            self._refuse_another_model(row)
            refuse_forgotten(row)
            plan, pending = pending_calls(row, history.outcomes(self._store, experiment_id), request)
            plan = with_current_metrics(plan, plan.metrics)
            means = Means(by_hand=self._results(plan, request), processes=request.processes)
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
            return self._run(row, plan, pending, lock, held, listeners, interrupts, means)

    @staticmethod
    def _results(plan: Plan, request: ResumeRequest) -> ByHand | None:
        """Return the file of results that a pass reads, if it does; refuse what does not belong to a plan in batches."""
        if plan.batch and request.only:
            raise BadInput("single answers are not asked for again in batches", hint="retry_failed sends all that failed")
        if request.results is None:
            return None
        if not plan.batch:
            raise BadInput("this experiment was not run in batches, so there are no results to read", hint="leave them out")
        from pplab.experiments.batch_setup import results_file

        return results_file(request.results)

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

    def _engine(self, row: ExperimentRow, plan: Plan, means: Means) -> Engine | None:
        """Return what makes the calls of a pass, where it is no `Scheduler` of this process."""
        if plan.batch:
            from pplab.experiments.batch_setup import batch_pass

            if means.processes is not None:
                raise BadInput("the calls of a batch are made by its provider", hint="leave out processes and on")
            earlier = self._store.batches(row.experiment_id) if row.revision else ()
            return batch_pass(row.experiment_id, current_span(), earlier, means.by_hand)
        return None if self._elsewhere is None else self._elsewhere.engine(self.context, means.processes)

    def _run(
        self,
        row: ExperimentRow,
        plan: Plan,
        pending: PendingCalls,
        lock: RunLock,
        held: ExitStack,
        listeners: Listeners,
        interrupts: Interrupts | None,
        means: Means,
    ) -> Run:
        """Send calls and, if there are ``interrupts`` to heed, wait for them. Once begun, the run gives up what is ``held``."""
        from pplab.experiments.race import standing
        from pplab.experiments.run import Run
        from pplab.experiments.run_control import RunControl
        from pplab.experiments.run_setup import answerable, concurrent_calls, run_dependencies

        recorded, by_hand = means.recorded, means.by_hand is not None
        dependencies = run_dependencies(self.context, plan, recorded, self.context, by_hand=by_hand)
        limit = concurrent_calls(self.context, plan, recorded)
        pending = dataclasses.replace(pending, calls=answerable(plan, pending.calls, dependencies.source))
        stored = self.stored(row.experiment_id)
        folder = RunFolder(self.context.folder, row.experiment_id)
        control = RunControl(folder, self.context.user, detached=self.detached)
        about = (row, plan, pending, dependencies, current_span(), lock, limit)
        run = Run(*about, control, lambda: standing(stored.refresh()), listeners, self._engine(row, plan, means))
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
