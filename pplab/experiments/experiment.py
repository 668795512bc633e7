"""The experiment as a user holds it: its status, its responses, and what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from pplab.errors import BadInput
from pplab.experiments.dependencies import Listeners
from pplab.experiments.resume import ResumeRequest
from pplab.experiments.under_way import ExperimentUnderWay
from pplab.inputs.values import python_value
from pplab.operation import Operation
from pplab.plan.judging import JudgeRequest
from pplab.plan.labels import check_labels
from pplab.plan.plan import Plan

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd

    from pplab.analysis.decision import Decision
    from pplab.analysis.judge_report import JudgeReport
    from pplab.analysis.migration import MigrationDecision
    from pplab.analysis.originality import Originality
    from pplab.analysis.ratings import Ratings
    from pplab.analysis.records import Comparisons, Trend
    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.repository import ExperimentRepository, StoredExperiment
    from pplab.experiments.run import Run
    from pplab.plan.labels import Labels
    from pplab.plan.vocabulary import MetricInfo
    from pplab.store.rows import LabelRow


NO_CALIBRATION = "its calibration is not in this lab, so the decision weighs precision and personality alike"


class Manager(Protocol):
    """Who runs the experiments of a lab (`pplab.experiments.manager.RunManager`)."""

    context: LabContext

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """What the user knows about models and their parameters."""

    def resume(self, experiment_id: str, request: ResumeRequest, listeners: Listeners) -> Run | None:
        """Send what is missing, or what failed, or more; see `pplab.experiments.manager.RunManager.resume`."""

    def label(self, experiment_id: str, labels: Labels) -> LabelRow:
        """Give an experiment a name, tags or a note."""

    def score(self, experiment_id: str) -> None:
        """Score stored answers by the metrics registered now; see `pplab.experiments.manager.RunManager.score`."""

    def read(self, experiment_id: str, listeners: Listeners) -> None:
        """Score stored answers by the reader; see `pplab.experiments.manager.RunManager.read`."""

    def judge(self, experiment_id: str, request: JudgeRequest, listeners: Listeners) -> JudgeReport:
        """Have stored answers judged by a model; see `pplab.experiments.manager.RunManager.judge`."""

    def judge_reports(self, stored: StoredExperiment) -> tuple[JudgeReport, ...]:
        """Return what is known of each judge that an experiment has scores of."""

    def experiment(self, wanted: str) -> Experiment:
        """Return a stored experiment by its id."""


class Experiment(ExperimentUnderWay):
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

    def __init__(self, manager: Manager, repository: ExperimentRepository, run: Run | None = None) -> None:
        super().__init__(manager.context, repository, run)
        self._manager = manager

    @property
    def context(self) -> LabContext:
        """The context of the lab it belongs to."""
        return self._manager.context

    @property
    def id(self) -> str:
        """The experiment's id."""
        return self._repository.experiment_id

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
        return self._row.correlation_id

    @property
    def calibration_id(self) -> str | None:
        """The calibration it was run under."""
        return self._row.calibration_id

    @property
    def model(self) -> str:
        """The model that was asked; several joined by commas."""
        return self._row.model

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were asked, as `Lab.run` takes them."""
        return tuple(self._row.models or [self._row.model])

    @property
    def name(self) -> str | None:
        """What it is called, ``None`` where it has no name; see `label`."""
        label = self._stored.label
        return label.name if label else None

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags; see `label`."""
        label = self._stored.label
        return tuple(label.tags) if label else ()

    @property
    def note(self) -> str | None:
        """What was noted about it; see `label`."""
        label = self._stored.label
        return label.note if label else None

    def label(self, name: str | None = None, *, tags: Sequence[str] | None = None, note: str | None = None) -> Experiment:
        """Give it a name, tags or a note, by which it is found and listed; each change is audited.

        Parameters
        ----------
        name : str, optional
            What it is called; ``lab.experiment(name)`` is then the latest of that name. An empty one takes the name away.
        tags : list of str, optional
            Replace the tags it has.
        note : str, optional
            Free text; an empty one takes the note away.
        """
        labels = check_labels(name, tags, note)
        if not labels:
            raise BadInput("there is nothing to change", hint="give a name, tags or a note")
        with Operation(self.context, "label"):
            self._manager.label(self.id, labels)
        self._repository.refresh()
        return self

    @property
    def embedded(self) -> bool:
        """Whether the embedded model answered."""
        return self._row.provider == "embedded"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics its responses were scored by: ``correct`` where it has checks, the four, and the user's own."""
        return self._stored.metrics

    @property
    def metric_info(self) -> tuple[MetricInfo, ...]:
        """The range and the direction of each metric, as stored with the experiment."""
        return self._stored.metric_info

    @property
    def unjudged(self) -> Mapping[str, Mapping[str, str]]:
        """By response id, the metrics that could not judge the response, each with the reason."""
        return self._stored.unjudged

    @property
    def wrong(self) -> Mapping[str, str]:
        """By response id, why an answer is not right by the checks: which does not hold, what was expected and what was found."""
        return self._stored.wrong

    @property
    def originality(self) -> Originality:
        """How far each answer is from the others of its setting to the same prompt, where the setting is complete."""
        return self._stored.originality

    @property
    def plan(self) -> Plan:
        """What was planned."""
        return Plan.from_dict(self._row.plan)

    @property
    def responses(self) -> pd.DataFrame:
        """One row a planned replicate, in plan order, also those that failed or were never sent.

        Beside the columns of `Lab.responses` there is one for each factor that varies, and ``cluster``; ``parameters`` has the
        JSON of what the setting asks for.
        """
        return self._stored.responses.copy()

    @property
    def df(self) -> pd.DataFrame:
        """The same as `responses`."""
        return self.responses

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before believing the results: parameters that the model ignores or refuses, changes of the server."""
        from pplab.experiments.caveats import caveats
        from pplab.experiments.forgotten_answers import forgotten_caveat

        stored = self._stored
        warnings = caveats(stored.plan, stored.row.provider, self._manager.capabilities, stored.probes, stored.behaviour)
        warnings = (*warnings, *forgotten_caveat(stored.answers["text"]))
        if stored.row.calibration_id is not None and stored.calibration is None:
            warnings = (*warnings, NO_CALIBRATION)
        failed = self._run.failed_listeners if self._run is not None else {}
        limits = self._run.caveats if self._run is not None else ()
        return (*warnings, *limits, *(f"{name} failed and was not called again: {words}" for name, words in failed.items()))

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The versions of the server (``system_fingerprint``) that answered, in the order they first did."""
        return self._stored.fingerprints

    def summary(self, *, latency: bool = False) -> pd.DataFrame:
        """Return one row a setting: n, mean and interval of each metric, tokens and cost; latency only when asked.

        Latency differs from run to run, so a notebook that shows it cannot be compared.
        """
        from pplab.analysis.summaries import by_setting

        stored = self._stored
        if not latency:
            return stored.summary.copy()
        return stored.with_originality(by_setting(stored.matrix, stored.metrics, latency=True))

    def pass_rates(self) -> pd.DataFrame:
        """Return one row a setting: how often its answers are right, with an interval, pass@k and pass^k.

        See `pplab.analysis.pass_rates.pass_rates`.

        Raises
        ------
        BadInput
            The experiment has no checks.
        """
        from pplab.analysis.pass_rates import pass_rates

        stored = self._stored
        if not stored.plan.checks:
            raise BadInput("this experiment has no checks", hint="run it with checks=, which compare answers with what is right")
        return pass_rates(stored.matrix)

    def variance(self) -> pd.DataFrame:
        """Return one row a metric: its standard deviation, and the share of its variance that lies with each source.

        Sources are the prompts, each factor that varies, combinations of factors, what settings do differently from prompt to
        prompt, and the replicates; see `pplab.analysis.variance`.
        """
        return self._stored.variance.copy()

    def compare(self, a: int, b: int) -> Comparisons:
        """Return the paired differences between the settings with index ``a`` and ``b`` (see `Plan.settings`)."""
        from pplab.analysis.statistics import compare

        stored = self._stored
        return compare(stored.frame, a, b, stored.metrics, lower_is_better=stored.lower_is_better)

    def verdict(self, metric: str | None = None, margin: float | None = None, source: str | None = None) -> Decision:
        """Return which setting to use, how sure that is, and what to run next.

        Parameters
        ----------
        metric : str, optional
            A metric to decide on, such as a judge's ``"judge_helpful"``; default: the checks where the experiment has any, else
            precision and personality as the calibration weighs them, alike without one. ``"utility"`` decides on these beside
            checks, which counts as a further look.
        margin : float, optional
            A difference that does not matter; default: 0.03, of a race its own.
        source : {"surface", "reader"}, optional
            By whose scores; default: what the plan fixed (its checks, else its ``basis``). Another source gives a second
            decision, which counts as a further look; two sources never mix in one mean.

        Returns
        -------
        Decision
            Its ``words`` are three lines; ``request()`` has the arguments of a call with the setting to use.

        Raises
        ------
        BadInput
            While the experiment is running: a decision that is looked at before the end would err more often than it says.
        """
        if self.status == "running":
            raise BadInput("this experiment is still running, and nothing is decided before its end", hint="wait() for it")
        return self._stored.decision(metric, margin, source)

    @property
    def migration(self) -> MigrationDecision | None:
        """Whether a setting of a new model can take the place of an old one, where that was asked; see `Lab.migrate`."""
        return None if self.status == "running" else self._stored.migration

    @property
    def second_decisions(self) -> tuple[Decision, ...]:
        """The decisions by other sources that scored the answers than the one the plan goes by; none while it is running."""
        stored = self._stored
        return stored.seconds if self.status != "running" and len(stored.plan.settings) > 1 else ()

    @property
    def judges(self) -> tuple[JudgeReport, ...]:
        """What is known of each judge that it has scores of: how far each can be relied on."""
        return self._manager.judge_reports(self._stored)

    @property
    def ratings(self) -> Ratings:
        """What people's ratings say of its settings, its scores and the raters; `Lab.calibrate` takes it."""
        return self._stored.ratings

    def recommend(self, metric: str | None = None, margin: float | None = None, source: str | None = None) -> Decision:
        """Return the same as `verdict`."""
        return self.verdict(metric, margin, source)

    def code(self, language: Literal["python", "json"] = "python") -> str:
        """Return a call with the setting to use as code: a program with OpenAI's client, or the JSON that is sent.

        Keys are named by their environment variables, never written out.

        Raises
        ------
        BadInput
            No setting is decided on.
        """
        from pplab.experiments.request_code import request_code

        decision = self.verdict()
        arguments = decision.request()  # which refuses where nothing is decided
        assert decision.setting is not None
        return request_code(self.plan, self._row.provider, decision.setting, arguments, language, self.context.access)

    def trend(self, metric: str, parameter: str = "temperature") -> Trend:
        """Return whether a metric rises or falls steadily with a parameter that was swept over three values or more.

        See `pplab.analysis.trend.trend`.
        """
        from pplab.analysis.trend import trend

        stored = self._stored
        return trend(stored.matrix, metric, parameter, lower_is_better=metric in stored.lower_is_better)

    def reading(self) -> AbstractContextManager[object]:
        """Answer every question inside from one reading of the tables, also while the experiment is running."""
        return self._repository.held()

    def resume(
        self,
        *,
        max_cost: float | None = None,
        max_calls: int | None = None,
        results: str | os.PathLike[str] | None = None,
        detach: bool = False,
        processes: Any = None,
        on_response: Callable[[Any], None] | None = None,
        on: Listener | None = None,
    ) -> Experiment:
        """Send only the calls that have no answer because they were never sent or were given up.

        A race goes on where it stopped, its looks counted. ``max_cost`` is what this pass may spend (US dollars); default: as
        much as the run might. ``max_calls`` is what a race may make in all; default: as before. ``detach``, ``on_response`` and
        ``on`` are as in `Lab.run`, and so is ``processes``, which may also be the address or client of a cluster.

        An experiment in batches goes on in batches: those that are still at the provider are waited for and read, and the rest is
        sent in new ones. With ``results`` nothing is sent: answers are read from that file, which a server that is run by hand
        has written (``vllm run-batch``, or the output of OpenAI's batches); what it lacks stays missing.
        """
        limits: dict[str, Any] = {"max_cost": max_cost, "max_calls": max_calls}
        request = ResumeRequest(kind="resume", results=results, detach=python_value(detach), processes=processes, **limits)
        return self._resume(request, Listeners(on=on, on_response=on_response))

    def retry_failed(
        self,
        *,
        max_cost: float | None = None,
        detach: bool = False,
        on_response: Callable[[Any], None] | None = None,
        on: Listener | None = None,
    ) -> Experiment:
        """Send again the calls that failed, timed out or were rejected, and those never sent; the rest is as in `resume`."""
        request = ResumeRequest(kind="retry", max_cost=max_cost, detach=python_value(detach))
        return self._resume(request, Listeners(on=on, on_response=on_response))

    def retry(self, response_ids: Sequence[str], *, on_response: Callable[[Any], None] | None = None) -> Experiment:
        """Send just these replicates again; answers that are good already are not replaced."""
        return self._resume(ResumeRequest(kind="retry", only=tuple(response_ids)), Listeners(on_response=on_response))

    def top_up(
        self,
        n: int,
        *,
        max_cost: float | None = None,
        detach: bool = False,
        on_response: Callable[[Any], None] | None = None,
        on: Listener | None = None,
    ) -> Experiment:
        """Raise the number of replicates to ``n``; send only the new ones, and those never sent. The rest is as in `resume`."""
        request = ResumeRequest(kind="top_up", n=python_value(n), max_cost=max_cost, detach=python_value(detach))
        return self._resume(request, Listeners(on=on, on_response=on_response))

    def score(self, *, reader: bool = False, on: Listener | None = None) -> Experiment:
        """Score the stored answers by the metrics registered now, those that have no score by the present version of one.

        Nothing that was stored changes: a new version of a metric stands beside the earlier ones (`Lab.scores` has them all), and
        tables and verdict go by the latest.

        Parameters
        ----------
        reader : bool, default False
            Score by the reader instead: a small language model on this machine reads the answers that it has not read; see
            ``pplab.metrics.doc("reader")``. An interrupt keeps what it has read.
        on : object, optional
            Whose ``progress(progress)`` is told how many answers are still to be read.
        """
        if reader:
            self._manager.read(self.id, Listeners(on=on))
        else:
            self._manager.score(self.id)
        return self

    def judge(
        self,
        model: str | None = None,
        *,
        rubric: str | os.PathLike[str] = "helpful",
        pairs: bool = False,
        max_cost: float | None = None,
        on: Listener | None = None,
    ) -> JudgeReport:
        """Have a model judge the answers by a rubric, blind to their settings; called again, those that it has not judged.

        The calls are an experiment of their own, tagged ``judging``. The scores stand beside the others in the column
        ``judge_RUBRIC``, and `second_decisions` says which setting is to be used by them. See ``pplab.metrics.doc("judge")``.

        Parameters
        ----------
        model : str, optional
            The judge; default: the lab's own model.
        rubric : str or path, default "helpful"
            ``helpful``, ``precise``, ``personality``, ``clear``, or a text file that says what counts, and what the grades from
            1 (worst) to 5 (best) mean.
        pairs : bool, default False
            Have answers of two settings each compared, in both orders, in place of grading each; the scores
            ``judge_RUBRIC_wins`` are shares of comparisons won.
        max_cost : float, optional
            US dollars that this may spend, as in `Lab.run`.
        on : object, optional
            The listener of the judge's calls, as in `Lab.run`.

        Returns
        -------
        JudgeReport
            How often its replies cannot be read, and how far order, length and chance decide in place of the answers.

        Raises
        ------
        BadInput
            When there is nothing to judge, no such rubric, or the model is one that follows no instructions.
        """
        request = JudgeRequest(model, rubric, pairs, python_value(max_cost))
        return self._manager.judge(self.id, request, Listeners(on=on))

    def _resume(self, request: ResumeRequest, listeners: Listeners) -> Experiment:
        if self._run is not None and self._run.scheduler.stopping is not None:
            self._run.ended()  # an interrupted run may still be writing down what was never sent
        self._started = self._manager.resume(self.id, request, listeners)
        return self

    def __reduce__(self) -> tuple[Callable[[str], Experiment], tuple[str]]:
        return self._manager.experiment, (self.id,)

    def __repr__(self) -> str:
        plan = self.plan
        size = f"{len(plan.prompts)} prompt(s) x {len(plan.settings)} setting(s) x {plan.replicates}"
        return f"Experiment({self.status}: {size} on {self.model})"
