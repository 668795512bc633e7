"""Records for the store's tests: complete rows of which a test names only what it is about."""

from __future__ import annotations

import uuid
from dataclasses import MISSING, fields

from pplab.store.rows import (
    AttemptRow,
    BatchRow,
    CalibrationRow,
    CellRow,
    EventRow,
    ExperimentRow,
    ExportRow,
    LabelRow,
    MetricRow,
    RatingRow,
    ResponseRow,
    ScoreRow,
)

WHEN = "2026-11-23T01:23:49.123456"
CAUSE = "0af7651916cd43dd8448eb211c80319c"
PLAIN = {"str": "x", "int": 0, "float": 0.5}


def new_id():
    return str(uuid.uuid4())


def build(row, **given):
    values = {}
    for field in fields(row):
        plain = field.type.removesuffix(" | None")
        if field.name in given:
            values[field.name] = given[field.name]
        elif field.name.endswith("_at"):
            values[field.name] = WHEN
        elif field.name == "correlation_id":
            values[field.name] = CAUSE
        elif field.default is MISSING and field.default_factory is MISSING:
            if plain != field.type:
                values[field.name] = None
            else:
                values[field.name] = {} if plain.startswith("dict") else [] if plain.startswith("list") else PLAIN[plain]
    return row(**values)


def event(event_id=None, **given):
    return build(EventRow, **{"event_id": event_id or new_id(), "event": "cell_executed", "actor": "ada"} | given)


def experiment(experiment_id=None, **given):
    return build(
        ExperimentRow, **{"experiment_id": experiment_id or new_id(), "user": "ada", "status": "running", "planned": 1} | given
    )


def response(experiment_id, response_id=None, **given):
    given = {"status": "ok", "creativity": 0.5, "cost": 0.001, "latency_ms": 12.5} | given
    return build(ResponseRow, response_id=response_id or new_id(), experiment_id=experiment_id, **given)


def calibration(calibration_id=None, **given):
    return build(CalibrationRow, **{"calibration_id": calibration_id or new_id(), "user": "ada"} | given)


def attempt(response_id, experiment_id, **given):
    given = {"attempt_id": new_id(), "decision": "accept"} | given
    return build(AttemptRow, response_id=response_id, experiment_id=experiment_id, **given)


def score(response_id, experiment_id, **given):
    given = {"metric": "words", "source": "surface", "value": 0.5, "version": "1"} | given
    return build(ScoreRow, score_id=new_id(), response_id=response_id, experiment_id=experiment_id, **given)


def rating(response_id, experiment_id, rating_id=None, **given):
    given = {"rater": "ada", "choice": "4"} | given
    return build(RatingRow, rating_id=rating_id or new_id(), response_id=response_id, experiment_id=experiment_id, **given)


def batch(experiment_id, batch_id=None, **given):
    given = {"model": "m", "status": "in_progress"} | given
    return build(BatchRow, batch_id=batch_id or new_id(), experiment_id=experiment_id, **given)


def label(experiment_id, **given):
    return build(LabelRow, experiment_id=experiment_id, **given)


def export(export_id=None, **given):
    return build(ExportRow, **{"export_id": export_id or new_id(), "format": "csv", "status": "completed"} | given)


def metric(metric_id=None, **given):
    return build(MetricRow, **{"metric_id": metric_id or new_id(), "kind": "operation", "status": "ok"} | given)


def cell(execution_id=None, **given):
    return build(CellRow, **{"execution_id": execution_id or new_id(), "status": "ok"} | given)


def run(count=3, *, user="ada", calibration_id=None, status="completed"):
    """Return the rows of a whole run, in the order a runner writes them."""
    started = experiment(user=user, calibration_id=calibration_id, planned=count)
    rows = [started, event(event="llm_request_started", entity="experiment", entity_id=started.experiment_id)]
    for number in range(count):
        answer = response(started.experiment_id, replicate=number, creativity=number / 10, metrics={"words": float(number)})
        rows += [attempt(answer.response_id, started.experiment_id), answer]
    rows.append(
        experiment(started.experiment_id, user=user, calibration_id=calibration_id, planned=count, revision=1, status=status)
    )
    return rows
