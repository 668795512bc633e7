"""The catalogue of audit events: typed, versioned, and each payload valid against its schema."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest

from pplab.errors import PplabError
from pplab.observe.events import CATALOGUE, event

DESIGNED = (
    *("calibration_started", "calibration_completed", "llm_request_started", "llm_request_failed", "experiment_generated"),
    *("analytics_updated", "realtime_update_received", "export_requested", "export_completed", "cell_executed"),
    *("operation_failed", "retry_requested", "package_imported", "replay_completed", "verification_completed"),
)
EXAMPLES = {"str": "x", "int": 1, "float": 0.5, "bool": True, "list": ["x"], "dict": {"ok": 1}}


def example(kind):
    return event(kind.name, "ada", **{name: EXAMPLES[t.rstrip("?")] for name, t in kind.fields.items()})


def test_the_catalogue_holds_every_event_of_the_design():
    assert set(DESIGNED) <= set(CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_each_schema_is_valid_names_its_version_and_accepts_its_own_events(kind):
    schema = kind.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["v"] == {"const": kind.version}
    jsonschema.validate(example(kind).payload, schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_each_schema_refuses_another_version_a_missing_field_and_a_further_one(kind):
    valid = jsonschema.Draft202012Validator(kind.schema())
    payload = example(kind).payload
    assert not valid.is_valid(payload | {"v": kind.version + 1})
    assert not valid.is_valid(payload | {"more": 1})
    for name in payload:
        assert not valid.is_valid({k: v for k, v in payload.items() if k != name})


def test_an_event_with_other_fields_is_a_defect():
    with pytest.raises(PplabError) as refused:
        event("cell_executed", "ada", status="ok")
    assert refused.value.code == "internal"


def test_an_event_is_a_row_with_an_id_of_its_own_and_a_time():
    first, second = (event("operation_started", "ada", operation="run") for _ in range(2))
    assert first.event_id != second.event_id
    assert dataclasses.asdict(first) | {"event_id": "", "occurred_at": ""} == dataclasses.asdict(second) | {
        "event_id": "",
        "occurred_at": "",
    }


def test_every_event_that_a_day_in_the_lab_writes_is_valid_against_its_schema(lab):
    lab.calibrate("balanced")
    made = lab.run("hi", n=2, parameters={"max_tokens": 5})
    lab.export(made)
    with pytest.raises(PplabError):
        lab.run("")
    lab.verify()
    frame = lab.audit()
    assert set(frame["event"]) >= {"operation_failed", "analytics_updated", "export_completed", "llm_request_started"}
    for name, payload in zip(frame["event"], frame["payload"], strict=True):
        jsonschema.validate(json.loads(payload), CATALOGUE[name].schema(), jsonschema.Draft202012Validator)
