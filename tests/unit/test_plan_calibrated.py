"""A run under a calibration: each of its models gets the settings that it takes."""

from __future__ import annotations

import pytest

import pplab
from pplab.plan.request import RunRequest
from pplab.plan.written import Written

LUNA, BOTH = "gpt-6-luna", ["gpt-6-luna", "embedded"]


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as opened:
        opened.calibrate("balanced")
        yield opened


def plan(lab, **wanted):
    request = RunRequest(**{"prompt": "Hi", "n": 1, "calibration": "latest", **wanted})
    return lab.manager.plan(request)[0]


def test_a_model_that_samples_gets_points_of_the_ranges_under_the_persona_as_it_is(lab):
    found = plan(lab)
    assert len(found.settings) == 4
    assert all({"temperature", "top_p", "max_tokens"} <= setting.parameters.keys() for setting in found.settings)
    assert found.system == lab.calibration().persona
    assert found.systems == {}
    assert plan(lab, models=["embedded"]) == found


def test_a_model_that_reasons_gets_efforts_and_persona_strengths_and_no_limit_that_would_cut_its_thinking(lab):
    found = plan(lab, models=[LUNA])
    assert [(setting.system, setting.value("reasoning_effort")) for setting in found.settings] == [
        (strength, effort) for strength in ("light", "medium", "strong") for effort in ("low", "medium")
    ]
    assert not any("max_tokens" in setting.parameters for setting in found.settings)
    assert found.systems == lab.calibration().personas


def test_models_side_by_side_each_get_what_they_take(lab):
    found = plan(lab, models=BOTH, settings=2)
    of_luna = [setting for setting in found.settings if setting.model == LUNA]
    of_embedded = [setting for setting in found.settings if setting.model == "embedded"]
    assert [len(of_luna), len(of_embedded)] == [6, 2]
    assert not any("temperature" in setting.parameters for setting in of_luna)
    assert [setting.system for setting in of_embedded] == ["medium", "medium"]
    assert [setting.value("temperature") for setting in of_embedded] == [
        setting.value("temperature") for setting in plan(lab, settings=2).settings
    ]


OWN = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("given", [{"system": "Be kind."}, {"systems": {"mine": "Be kind."}}, {"prompt": OWN}])
def test_a_persona_that_was_given_is_the_only_one(lab, given):
    found = plan(lab, models=[LUNA], **given)
    assert [setting.value("reasoning_effort") for setting in found.settings] == ["low", "medium"]
    assert {setting.system for setting in found.settings} == {None}


def test_a_sweep_limits_the_answers_of_those_that_sample(lab):
    found = plan(lab, models=BOTH, sweep={"verbosity": ["low", "high"]})
    limits = [(setting.model, setting.value("max_tokens")) for setting in found.settings]
    assert limits == [(LUNA, None), (LUNA, None), ("embedded", 800), ("embedded", 800)]
    own = plan(lab, models=BOTH, sweep={"verbosity": ["low", "high"]}, parameters={"max_tokens": 50})
    assert {setting.value("max_tokens") for setting in own.settings} == {50}


def test_what_was_given_decides_whether_a_model_samples(lab):
    found = plan(lab, models=[LUNA], parameters={"reasoning_effort": "none"}, sweep={"temperature": None})
    assert [setting.value("temperature") for setting in found.settings] == [0.0, 0.5, 1.0]
    assert {setting.value("max_tokens") for setting in found.settings} == {800}


def test_the_preflight_says_what_takes_the_place_of_temperature(lab):
    def warnings(**wanted):
        return lab.manager.preflight(RunRequest(prompt="Hi", n=1, calibration="latest", **wanted)).warnings

    said = f"{LUNA} is told the calibration by reasoning_effort and the strength of the persona in place of temperature (rejected"
    assert [warning for warning in warnings(models=BOTH) if warning.startswith(said)]
    assert [w for w in warnings(sweep={"model": BOTH}) if w.startswith(said)]
    assert warnings() == ()
    alone = f"{LUNA} is told the calibration by reasoning_effort in place of temperature (rejected"
    assert [w for w in warnings(models=BOTH, system="Be kind.") if w.startswith(alone)]
    line = {"response_format": Written('{"type": "text"}')}  # as a line gives it
    assert [w for w in warnings(models=BOTH, parameters=line) if w.startswith(said)]
    assert not [w for w in warnings(models=BOTH, sweep={"verbosity": ["low", "high"]}) if "in place of temperature" in w]
