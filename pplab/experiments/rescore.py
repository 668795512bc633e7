"""The scoring of stored answers, later than they arrived: by the metrics registered now, where an answer lacks a score by one.

What is stored is never asked for again, so that a metric that costs money is paid once for an answer.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import wait
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from pplab.errors import BadInput
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.run_setup import with_current_metrics
from pplab.experiments.score_rows import score_id, score_rows, source_of, user_rows
from pplab.ids import now
from pplab.plan.plan import Plan, PlannedCall
from pplab.plan.vocabulary import CORRECT, SCORED, SCORES
from pplab.store.forgotten import is_marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pplab.context import LabContext
    from pplab.observe.spans import Span
    from pplab.scoring.awaited import AwaitedMetrics
    from pplab.scoring.metric_value import UserScore
    from pplab.store.rows import ExperimentRow, ResponseRow, ScoreRow

BATCH = 500
"""Scores that are written together."""
HEED_SECONDS = 0.05
"""How often a wait for scores looks whether it was interrupted."""


@dataclass(slots=True)
class _Tally:
    """What a scoring added: its metrics, answers and scores."""

    metrics: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)
    scores: int = 0

    def add(self, rows: list[ScoreRow]) -> None:
        """Count some scores."""
        self.metrics.update(row.metric for row in rows)
        self.responses.update(row.response_id for row in rows)
        self.scores += len(rows)


@dataclass(frozen=True, slots=True)
class _Unscored:
    """An answer, and the version of each metric of which it has no score."""

    row: ResponseRow
    versions: Mapping[str, str]


def score_stored(context: LabContext, experiment: ExperimentRow, span: Span) -> None:
    """Score an experiment's answers by every registered metric of which they have no score in its present version.

    A user's metric is then known to the experiment, with its range and direction, as if it had been registered before the run.
    Async metrics are awaited on the lab's loop. An interrupt keeps the scores that are there.

    Raises
    ------
    BadInput
        When no metric of the user's own is registered and the four are as they were.
    """
    store = context.store
    with store.reading():
        responses = [
            row for row in store.response_rows(experiment.experiment_id) if row.status in SCORED and not is_marker(row.text)
        ]
        stored = {row.score_id for row in store.score_rows(experiment.experiment_id)}
    plan = Plan.from_dict(experiment.plan)
    unscored = _unscored(responses, plan, stored)
    tally = _Tally()
    batch: list[ScoreRow] = []
    with Interrupts() as interrupts:
        interrupts.hold()  # or one that came between a score and its row would lose it
        scored = chain(_scores_at_once(unscored, plan, span, interrupts), _awaited(context, unscored, plan, span, interrupts))
        try:
            for rows in scored:
                batch += rows
                tally.add(rows)
                if len(batch) >= BATCH:
                    context.record(*batch, durable=True).result()
                    batch = []
        except KeyboardInterrupt:
            interrupts.count += 1
        if tally.scores:
            _write(context, experiment, batch, tally)
    if interrupts.count:
        raise KeyboardInterrupt


def _write(context: LabContext, experiment: ExperimentRow, rows: list[ScoreRow], tally: _Tally) -> None:
    """Write the last scores, the experiment that knows its metrics, and what was added."""
    plan = with_current_metrics(Plan.from_dict(experiment.plan), Plan.from_dict(experiment.plan).metrics)
    row = dataclasses.replace(experiment, revision=experiment.revision + 1, updated_at=now(), plan=plan.as_dict())
    context.record(*rows, row, durable=True).result()
    context.record_event(
        "scores_added",
        entity="experiment",
        entity_id=experiment.experiment_id,
        durable=True,
        metrics=sorted(tally.metrics),
        responses=len(tally.responses),
        scores=tally.scores,
    )


def _unscored(responses: list[ResponseRow], plan: Plan, stored: set[str]) -> list[_Unscored]:
    """Return the answers that lack a score, each with the metrics that it lacks."""
    from pplab.scoring.checks import checks_version, unknown_functions
    from pplab.scoring.registry import registered
    from pplab.scoring.scores import METRICS_VERSION

    own = {info.name: info.version for info in registered() if not info.built_in}
    if plan.checks and not unknown_functions(plan.checks):
        own = {CORRECT: checks_version(plan.checks), **own}
    if not own and all(row.metrics_version == METRICS_VERSION for row in responses):
        raise BadInput(
            "there is nothing to score by: no metric of yours is registered in this process",
            hint="register one with @pplab.metrics.metric and score again",
        )
    found = []
    for row in responses:
        versions = own if row.metrics_version == METRICS_VERSION else {**dict.fromkeys(SCORES, METRICS_VERSION), **own}
        lacking = {
            name: version
            for name, version in versions.items()
            if score_id(row.response_id, row.revision, name, source_of(name), version) not in stored
        }
        if lacking:
            found.append(_Unscored(row, lacking))
    return found


def _scores_at_once(unscored: list[_Unscored], plan: Plan, span: Span, interrupts: Interrupts) -> Iterator[list[ScoreRow]]:
    """Yield the scores that an answer lacks by metrics that are not async; an interrupt ends it."""
    from pplab.scoring.checks import answer_scores
    from pplab.scoring.registry import async_metrics, user_metrics

    awaited = {user.info.name for user in async_metrics()}
    own = {user.info.name for user in user_metrics()}
    for one in unscored:
        versions = {name: version for name, version in one.versions.items() if name not in awaited}
        if not versions:
            continue
        if interrupts.count:
            raise KeyboardInterrupt
        row = one.row
        with interrupts.passing():
            scores = answer_scores(plan, _call(row), row.text, finish_reason=row.finish_reason, leave=own - versions.keys())
        values: Mapping[str, float | None] = {
            name: getattr(scores, name) if name in SCORES else scores.metrics.get(name) for name in versions
        }
        made = {"created_at": now(), "correlation_id": span.correlation_id}
        yield score_rows(row, values, {**versions, **scores.versions}, scores.detail, **made)


def _awaited(
    context: LabContext, unscored: list[_Unscored], plan: Plan, span: Span, interrupts: Interrupts
) -> Iterator[list[ScoreRow]]:
    """Yield the scores that an answer lacks by async metrics; an interrupt stops them, and those that came are yielded first."""
    from pplab.scoring.awaited import AwaitedMetrics
    from pplab.scoring.registry import async_metrics

    names = {user.info.name for user in async_metrics()}
    lacking = [one for one in unscored if names & one.versions.keys()]
    if not lacking:
        return
    metrics, loop = AwaitedMetrics(plan.deadline), context.access.loop
    try:
        for one, scores in [(one, loop.submit(_scores_of(one, metrics, plan, names))) for one in lacking]:
            while not interrupts.count and not wait([scores], HEED_SECONDS).done:
                pass
            if interrupts.count:
                loop.loop().call_soon_threadsafe(metrics.stop)
            if found := scores.result():
                yield user_rows(one.row, found, created_at=now(), correlation_id=span.correlation_id)
    finally:
        loop.loop().call_soon_threadsafe(metrics.stop)


async def _scores_of(one: _Unscored, metrics: AwaitedMetrics, plan: Plan, names: set[str]) -> dict[str, UserScore]:
    call = _call(one.row)
    return await metrics.scores(one.row.text, plan.question(call), plan.row(call), leave=names - one.versions.keys())


def _call(row: ResponseRow) -> PlannedCall:
    return PlannedCall(row.prompt_index, row.setting_index, row.replicate)
