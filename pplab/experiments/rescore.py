"""The scoring of stored answers, later than they arrived: by the metrics registered now, where an answer lacks a score by one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.errors import BadInput
from pplab.experiments.run_setup import with_current_metrics
from pplab.experiments.score_rows import score_id, score_rows, source_of
from pplab.ids import now
from pplab.plan.plan import Plan, PlannedCall
from pplab.plan.vocabulary import CORRECT, SCORED, SCORES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplab.context import LabContext
    from pplab.observe.spans import Span
    from pplab.store.rows import ExperimentRow, ResponseRow, ScoreRow

BATCH = 500
"""Scores that are written together; an interrupt keeps those before."""


@dataclass(slots=True)
class _Tally:
    """What a scoring added: its metrics, answers and scores."""

    metrics: set[str]
    responses: int = 0
    scores: int = 0


def score_stored(context: LabContext, experiment: ExperimentRow, span: Span) -> None:
    """Score an experiment's answers by every registered metric of which they have no score in its present version.

    A user's metric is then known to the experiment, with its range and direction, as if it had been registered before the run.

    Raises
    ------
    BadInput
        When no metric of the user's own is registered and the four are as they were.
    """
    store = context.store
    with store.reading():
        responses = [row for row in store.response_rows(experiment.experiment_id) if row.status in SCORED]
        stored = {row.score_id for row in store.score_rows(experiment.experiment_id)}
    tally = _Tally(set())
    batch: list[ScoreRow] = []
    for rows in _new_scores(responses, Plan.from_dict(experiment.plan), stored, span):
        batch += rows
        tally.metrics.update(row.metric for row in rows)
        tally.responses += 1
        tally.scores += len(rows)
        if len(batch) >= BATCH:
            context.record(*batch, durable=True).result()
            batch = []
    if not tally.scores:
        return
    plan = with_current_metrics(Plan.from_dict(experiment.plan), Plan.from_dict(experiment.plan).metrics)
    row = dataclasses.replace(experiment, revision=experiment.revision + 1, updated_at=now(), plan=plan.as_dict())
    context.record(*batch, row, durable=True).result()
    context.record_event(
        "scores_added",
        entity="experiment",
        entity_id=experiment.experiment_id,
        durable=True,
        metrics=sorted(tally.metrics),
        responses=tally.responses,
        scores=tally.scores,
    )


def _new_scores(responses: list[ResponseRow], plan: Plan, stored: set[str], span: Span) -> Iterable[list[ScoreRow]]:
    """Yield the score rows that each answer lacks, where it lacks any."""
    from pplab.scoring.checks import answer_scores, checks_version, unknown_functions
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
    for row in responses:
        versions = own if row.metrics_version == METRICS_VERSION else {**dict.fromkeys(SCORES, METRICS_VERSION), **own}
        if all(
            score_id(row.response_id, row.revision, name, source_of(name), version) in stored
            for name, version in versions.items()
        ):
            continue
        call = PlannedCall(row.prompt_index, row.setting_index, row.replicate)
        scores = answer_scores(plan, call, row.text, finish_reason=row.finish_reason)
        values: Mapping[str, float | None] = {
            name: getattr(scores, name) if name in SCORES else scores.metrics.get(name) for name in versions
        }
        rows = score_rows(
            row, values, {**versions, **scores.versions}, scores.detail, created_at=now(), correlation_id=span.correlation_id
        )
        yield [new for new in rows if new.score_id not in stored]
