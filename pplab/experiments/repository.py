"""The repository of one experiment: everything that is stored of it, read at one opening of the tables and kept."""

from __future__ import annotations

import dataclasses
import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pplab.analysis.person_ratings import with_ratings
from pplab.analysis.phrasing import joined
from pplab.errors import BadInput, NotFound, did_you_mean
from pplab.experiments.factors import for_analysis, with_factors
from pplab.experiments.resume import with_planned, with_users_metrics
from pplab.plan.plan import Plan
from pplab.plan.settings import check_ranges
from pplab.plan.vocabulary import (
    ANSWERED,
    BASES,
    CORRECT,
    GRADERS,
    MARGIN,
    PERSON_RATING,
    READER_SCORES,
    SCORED,
    SCORES,
    SUSPENDED,
    UTILITY,
    WINS,
    judge_of,
    score_column,
)
from pplab.store import history
from pplab.store.arrivals import owners
from pplab.store.run_lock import is_running, run_stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pplab.analysis.decision import Decision
    from pplab.analysis.migration import MigrationDecision
    from pplab.analysis.originality import Originality
    from pplab.analysis.ratings import Ratings
    from pplab.analysis.response_matrix import ResponseMatrix
    from pplab.plan.vocabulary import MetricInfo
    from pplab.scoring.surface.distances import ComparedOnce
    from pplab.store.history import ServerBehaviour
    from pplab.store.rows import CalibrationRow, ExperimentRow, LabelRow
    from pplab.store.scores import LatestScores
    from pplab.store.store import Store

LOST = "the process that ran it ended"
NOT_SCORED = "it has not scored this answer yet: score the experiment again"


@dataclass(frozen=True)
class StoredExperiment:
    """An experiment as it was stored at one moment, and what follows from that alone.

    Attributes
    ----------
    row : ExperimentRow
        One whose process ended without a word is interrupted.
    answers : pandas.DataFrame
        Its stored responses.
    own, unjudged : mapping
        The scores besides the four, in the latest version of each metric, and the reasons why a metric has none, by response id
        and name.
    wrong : mapping
        Why an answer is not right by the plan's checks, by response id.
    behaviour : tuple of ServerBehaviour
        What the server did with each setting.
    probes : pandas.DataFrame
        The audit rows of every probe in the lab.
    calibration : CalibrationRow or None
        What it was run under, where this lab has it.
    label : LabelRow or None
        Its name, tags and note, where it was ever given any.
    control : StoredExperiment or None
        The earlier experiment that has the answers of a race's control, where there is one and this lab has it.
    given : pandas.DataFrame
        The ratings by people that stand, as `Queries.ratings` has them.
    """

    row: ExperimentRow
    answers: pd.DataFrame
    own: Mapping[str, Mapping[str, float | None]]
    unjudged: Mapping[str, Mapping[str, str]]
    wrong: Mapping[str, str]
    behaviour: tuple[ServerBehaviour, ...]
    probes: pd.DataFrame
    calibration: CalibrationRow | None
    label: LabelRow | None
    control: StoredExperiment | None
    given: pd.DataFrame

    @cached_property
    def plan(self) -> Plan:
        """What was planned."""
        return Plan.from_dict(self.row.plan)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of its responses: what it is decided on, the four, the user's own, the reader's, judges' and people's."""
        decided_on = (CORRECT,) if self.plan.checks else ()
        own = dict.fromkeys(name for values in self.own.values() for name in values)
        read = (score_column(name, "reader") for name in READER_SCORES)
        by_code = (name for name in own if not judge_of(name))
        judged = (name for name in own if judge_of(name) in GRADERS)
        return tuple(dict.fromkeys((*decided_on, *SCORES, *by_code, *(name for name in read if name in own), *judged)))

    @cached_property
    def metric_info(self) -> tuple[MetricInfo, ...]:
        """The range and the direction of each metric, as stored with the plan."""
        from pplab.scoring.registry import described

        return described(self.metrics, self.plan.metrics)

    @property
    def lower_is_better(self) -> tuple[str, ...]:
        """The metrics of which less is better."""
        return tuple(m.name for m in self.metric_info if not m.higher_is_better)

    @cached_property
    def responses(self) -> pd.DataFrame:
        """One row a planned replicate, in plan order, with a column for each factor and each of the user's metrics."""
        return with_users_metrics(with_factors(self.plan, with_planned(self.row, self.answers)), self.own)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The responses as the statistics take them, with what could not be judged of them."""
        from pplab.analysis.unjudged import with_reasons

        return with_reasons(for_analysis(self.plan, self.responses), self.unjudged)

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """The versions of the server that answered, in the order they first did."""
        return tuple(dict.fromkeys(version for setting in self.behaviour for version in setting.fingerprints))

    @cached_property
    def matrix(self) -> ResponseMatrix:
        """The responses arranged by prompt and setting, once for all that is reckoned from them."""
        from pplab.analysis.response_matrix import layout

        return layout(self.frame)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a setting, without what differs from run to run."""
        from pplab.analysis.summaries import by_setting

        return self.with_originality(by_setting(self.matrix, self.metrics))

    @cached_property
    def originality(self) -> Originality:
        """How far each answer is from the others of its setting, where that is complete; nothing rests on it."""
        from pplab.analysis.originality import Originality

        return Originality(self.matrix, self._distance)

    def with_originality(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return a summary with the originality of each setting, where comparing all answers costs little."""
        from pplab.analysis.originality import MOST_ANSWERS

        compared = self.plan.metric == UTILITY and self.row.status != "running"  # by the decision, anyway
        return self.originality.beside_creativity(summary) if compared or len(self.answers) <= MOST_ANSWERS else summary

    @cached_property
    def variance(self) -> pd.DataFrame:
        """One row a metric: where its variance lies."""
        from pplab.analysis.variance import split_variance, variance_table

        return variance_table(split_variance(self.matrix, self.metrics))

    @property
    def seconds(self) -> tuple[Decision, ...]:
        """The decisions by other scores than the plan goes by: the reader's (or surface's), each judge's, people's ratings."""
        by_code = self.plan.source in ("surface", "check")  # beside checks the surface's scores are shown anyway
        others = [s for s in BASES if s != self.plan.source and (self._read if s == "reader" else not by_code)]
        judged = (name for name in self.metrics if judge_of(name) in GRADERS and name != self.plan.metric)
        return (*(self.decision(source=source) for source in others), *(self.decision(metric=name) for name in judged))

    @property
    def _read(self) -> bool:
        return score_column(READER_SCORES[0], "reader") in self.metrics

    def decision(self, metric: str | None = None, margin: float | None = None, source: str | None = None) -> Decision:
        """Return which setting to use; the same answers give the same decision. A race has a margin of its own.

        It rests on what the plan fixed: its checks, else the utility by its source. Any other decision is a further look.

        Of a race against a control it says whether that can be replaced, and by what.
        """
        own = self.plan.race.margin if self.plan.race else MARGIN
        if margin is None:
            margin = own
        plan = self.plan
        if source is None:
            own_source = plan.basis if plan.basis in BASES else BASES[0]
            source = plan.source if metric in (None, plan.metric) else judge_of(metric) or own_source
        elif source not in (*BASES, plan.source):
            hint = (
                did_you_mean(source, BASES)
                or f"write one of {', '.join(BASES)}; a judge's or people's by its score: verdict('judge_helpful')"
            )
            raise BadInput(f"source={source!r} is no source that can decide here", hint=hint)
        if source == "reader" != plan.source and not self._read:
            raise BadInput(
                "the reader has read no answer of this experiment",
                hint=f"exp.score(reader=True), or: pplab results {self.row.experiment_id[:8]} --reader",
            )
        if metric is None:
            metric = plan.metric if source == plan.source else UTILITY
        fixed = (metric, source) == (plan.metric, plan.source)
        if source == "judge" and metric not in self.metrics and not fixed:
            rubric = metric.removeprefix("judge_").removesuffix(WINS)
            raise BadInput(f"no judge has given {metric} here", hint=f"exp.judge(MODEL, rubric={rubric!r})")
        if source == "person" and metric not in self.metrics:
            raise BadInput("nobody has rated these answers on the scale", hint="in a notebook: %pplab rate")
        if (metric, margin, source) not in self._decisions:
            from pplab.analysis.decision import decide

            decision = decide(
                self._scored_by(source, metric),
                precision=precision_of(self.calibration),
                metric=None if metric == UTILITY else metric,
                margin=margin,
                looks=plan.looks + (source != plan.source or (source in GRADERS and not fixed)),
                distance=self._distance,
                ranges=check_ranges(self.calibration.ranges) if self.calibration else None,
                metrics=[name for name in self.metrics if not judge_of(name)],
                lower_is_better=self.lower_is_better,
                raced=plan.raced,
                source=source,
            )
            if fixed and margin == own and self.migration is not None:
                decision = _as_migrated(decision, self.migration, self.plan)
            if source == "person" and decision.undecided and (more := self._unrated):
                next_step = f"Next: rate more of the answers, of which {more:,} are not rated."
                decision = dataclasses.replace(decision, next_step=next_step)
            if decision.setting is not None:
                from pplab.experiments.request_code import request_arguments

                arguments = request_arguments(self.plan, self.row.provider, decision.setting)
                decision = dataclasses.replace(decision, arguments=arguments)
            self._decisions[metric, margin, source] = decision
        return self._decisions[metric, margin, source]

    @property
    def _unrated(self) -> int:
        frame = self.frame
        return int((frame["status"].isin(SCORED) & frame[PERSON_RATING].isna()).sum())

    def _scored_by(self, source: str, metric: str) -> ResponseMatrix | pd.DataFrame:
        """Return the responses with the scores that a decision by this source rests on."""
        if source == "reader":
            return by_reader(self.frame)
        if source == "judge" and metric not in self.metrics:  # the plan goes by a judge who has not judged yet
            return self.frame.assign(**{metric: math.nan})
        return self.matrix

    @cached_property
    def migration(self) -> MigrationDecision | None:
        """Whether the control of a race can be replaced; ``None`` where there is no control."""
        control = self.plan.race.control if self.plan.race else None
        if self.plan.race is None or control is None:
            return None
        from pplab.analysis.migration import STORED, beside, decide_migration, undecided, without_control

        names = {index: setting_name(self.plan, index) for index in range(len(self.plan.settings))}
        frame, at = self.frame, control.setting
        if control.experiment is not None:
            if self.control is None:
                return without_control()
            at, old = STORED, self.control.frame
            names[at] = setting_name(self.control.plan, control.setting)
            frame = beside(frame, old[old["setting_index"] == control.setting])
        race, plan = self.plan.race, self.plan
        if self.row.status in SUSPENDED and not (race.last_look and race.last_look.settled):
            return undecided(names[at], self.row.status, int(self.answers["status"].isin(ANSWERED).sum()))
        assert plan.raced is not None
        new = joined(dict.fromkeys(plan.asked(index).label for index in range(len(plan.settings)) if index != at))
        return decide_migration(
            frame,
            at,
            names,
            new=new,
            precision=precision_of(self.calibration),
            margin=race.margin,
            looks=plan.looks,
            distance=self._distance,
            raced=plan.raced,
        )

    @cached_property
    def ratings(self) -> Ratings:
        """What people's ratings say of its settings, its scores and the raters."""
        from pplab.analysis.ratings import ratings_report
        from pplab.analysis.statements import error_of_look

        plan = self.plan
        return ratings_report(
            self.given,
            by_reader(self.frame) if plan.source == "reader" else self.frame,
            experiment_id=self.row.experiment_id,
            settings=dict(zip(self.matrix.settings, self.matrix.labels, strict=True)),
            scores=[name for name in self.metrics if name != PERSON_RATING],
            own=plan.metric,
            precision=precision_of(self.calibration),
            lower_is_better=self.lower_is_better,
            decision=self.decision(metric=PERSON_RATING) if PERSON_RATING in self.metrics and len(plan.settings) > 1 else None,
            error=error_of_look(plan.looks + 1),
        )

    @cached_property
    def _distance(self) -> ComparedOnce:
        from pplab.experiments.forgotten_answers import KnownDistances

        return KnownDistances()

    @cached_property
    def _decisions(self) -> dict[tuple[str, float, str], Decision]:
        return {}


def by_reader(frame: pd.DataFrame) -> pd.DataFrame:
    """Return responses with the reader's scores in the columns of the surface's; NaN where it has read nothing."""
    columns = {name: score_column(name, "reader") for name in READER_SCORES}
    return frame.assign(**{name: frame.get(column, math.nan) for name, column in columns.items()})


def setting_name(plan: Plan, index: int) -> str:
    """Return a setting of a plan in words that begin with its model."""
    rest = plan.settings[index].naming(model=None)
    asked = plan.asked(index).label
    return f"{asked} with {rest.label()}" if rest.as_dict() else asked


def _as_migrated(decision: Decision, migrated: MigrationDecision, plan: Plan) -> Decision:
    """Return a decision in the words of a migration: which setting takes the place of the control, if any."""
    chosen = migrated.setting
    return dataclasses.replace(
        decision,
        outcome="open" if chosen is None else "within",
        headline=migrated.headline,
        evidence=migrated.evidence,
        next_step=migrated.next_step,
        leader=decision.leader if chosen is None else chosen,
        setting=chosen,
        parameters={} if chosen is None else plan.settings[chosen].given(),
        undecided=migrated.going,
    )


def precision_of(calibration: CalibrationRow | None) -> float:
    """Return the share of precision in the utility of experiments in a calibration."""
    return share_of_precision(calibration.precision_score, calibration.personality_score) if calibration else share_of_precision()


def share_of_precision(precision: float = 0.0, personality: float = 0.0) -> float:
    """Return the share of precision in the utility from a calibration's scores: half where there is none to go by."""
    total = precision + personality
    return precision / total if total else 0.5


class ExperimentRepository:
    """What is stored of one experiment: read when it is first asked for, and again only when it may have changed.

    Nothing of an experiment changes while it is not running, and running it takes a lock; so what was read stands until a run
    begins or ends in this lab, in whichever process, or its tables are rebuilt.

    Parameters
    ----------
    store
        Where it is stored.
    experiment_id
        Its id, the beginning of one, or ``latest``, which is then the one that is the latest at the first reading.
    """

    def __init__(self, store: Store, experiment_id: str) -> None:
        self._store = store
        self.experiment_id = experiment_id
        self._kept: StoredExperiment | None = None
        self._run_stamp = (0, 0)
        self._holders = 0

    @property
    def kept(self) -> StoredExperiment | None:
        """What the last reading found, whether or not it still stands."""
        return self._kept

    @property
    def stored(self) -> StoredExperiment:
        """What is stored now."""
        kept = self._kept
        return kept if kept is not None and (self._holders or self._stands(kept)) else self.refresh()

    def refresh(self) -> StoredExperiment:
        """Read what is stored now, whatever was read before."""
        stored = None
        while stored is None:
            self._run_stamp = run_stamp(self._store.path)
            stored = self._read()
        self._kept = stored
        self.experiment_id = stored.row.experiment_id
        return stored

    @contextmanager
    def held(self) -> Iterator[StoredExperiment]:
        """Answer several questions from one reading, also while the experiment is running."""
        stored = self.stored
        self._holders += 1
        try:
            yield stored
        finally:
            self._holders -= 1

    def _stands(self, kept: StoredExperiment) -> bool:
        return kept.row.status != "running" and self._run_stamp == run_stamp(self._store.path)

    def _read(self) -> StoredExperiment | None:
        """Return what is stored; ``None`` if its run ended after it was read, and so left its end to be read."""
        store = self._store
        with store.reading() as cursor:
            row = store.experiment(self.experiment_id)
            elsewhere = row.status == "running" and owners(cursor, {row.experiment_id})  # another lab runs it, as far as it said
            if row.status == "running" and not elsewhere and not is_running(store.folder, row.experiment_id):
                if run_stamp(store.path) != self._run_stamp:
                    return None
                row = dataclasses.replace(row, status="interrupted", reason=LOST)  # what it stored is safe; it can be resumed
            scores = history.latest_scores(store, row.experiment_id)
            answers, given = store.responses(row.experiment_id), store.ratings(row.experiment_id)
            control = ((row.plan.get("race") or {}).get("control") or {}).get("experiment")
            return StoredExperiment(
                row,
                answers,
                with_ratings(scores.by_response, given, answers),
                _reasons(history.unjudged(store, row.experiment_id), scores, _lacking(row, answers, scores)),
                scores.wrong,
                history.server_behaviour(store, row.experiment_id),
                store.audit("probe_completed"),
                _calibration(store, row.calibration_id),
                store.label(row.experiment_id),
                _control(store, control),
                given,
            )


def _reasons(
    of_the_four: Mapping[str, Mapping[str, str]], scores: LatestScores, lacking: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Return why metrics have no value, by response id; a later score of one of the four takes the place of the stored one."""
    reasons = {rid: {**lacking.get(rid, {}), **scores.reasons.get(rid, {})} for rid in (*scores.reasons, *lacking)}
    for rid, of_one in of_the_four.items():
        later = scores.by_response.get(rid, {})
        reasons[rid] = {name: why for name, why in of_one.items() if name not in later} | reasons.get(rid, {})
    return {rid: of_one for rid, of_one in reasons.items() if of_one}


def _lacking(row: ExperimentRow, answers: pd.DataFrame, scores: LatestScores) -> dict[str, dict[str, str]]:
    """Return the user's metrics that have no score of an answer, by response id: they were interrupted, or are not registered."""
    own = {metric["name"] for metric in row.plan.get("metrics", ())} - {CORRECT}
    if not own:
        return {}
    scored = answers.loc[answers["status"].isin(SCORED), "response_id"]
    found = {rid: own - scores.by_response.get(rid, {}).keys() for rid in scored}
    return {rid: dict.fromkeys(sorted(names), NOT_SCORED) for rid, names in found.items() if names}


def _control(store: Store, experiment_id: str | None) -> StoredExperiment | None:
    try:
        return ExperimentRepository(store, experiment_id).refresh() if experiment_id else None
    except NotFound:  # it was run in another lab
        return None


def _calibration(store: Store, calibration_id: str | None) -> CalibrationRow | None:
    try:
        return store.calibration(calibration_id) if calibration_id else None
    except NotFound:  # it was made in another lab
        return None
