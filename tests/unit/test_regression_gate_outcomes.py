"""The regression gate through a lab: same, drifted or cannot tell, and what else changed."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

import pplab
from pplab.errors import BadInput, Offline, PplabError
from pplab.share import regression_gate as gate_room
from pplab.share import rerun
from pplab.share.junit import junit
from tests.servers import FaultServer
from tests.unit import share_labs

PROMPTS = [f"Tell me about the number {n}." for n in range(8)]


def test_a_model_that_answers_as_before_is_the_same(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        gate = lab.check(share_labs.experiment_id())
        assert (gate.outcome, gate.exit_code) == ("same", 0)
        payload = json.loads(lab.audit(event="check_completed").iloc[-1]["payload"])
        assert payload["outcome"] == "same"


def test_a_colleague_without_a_key_checks_a_package_by_the_recording_in_it(tmp_path):
    with FaultServer() as server, pplab.Lab(store=tmp_path / "a", model="fast", base_url=server.base_url) as lab:
        experiment = lab.run(PROMPTS[:2], n=2)
        lab.export(experiment, format="package", path=tmp_path / "a.zip")
    with pplab.Lab(store=tmp_path / "b") as lab:
        gate = lab.check(tmp_path / "a.zip")
        assert gate.outcome == "same"
        assert gate.checks[0].source == "the recorded answers"
        lab.import_package(tmp_path / "a.zip")
        assert lab.check(experiment.id).outcome == "same"  # the recording came in with the package
        with pytest.raises(Offline, match="replicate"):
            lab.check(experiment.id, n=3)


@pytest.mark.soak
def test_without_a_model_and_without_a_recording_it_says_what_is_missing(tmp_path):
    with FaultServer() as server, pplab.Lab(store=tmp_path / "a", model="fast", base_url=server.base_url) as lab:
        experiment = lab.run("Hello", n=1).id
    with pplab.Lab(store=tmp_path / "a") as lab, pytest.raises(Offline, match="neither a key nor a server"):
        lab.check(experiment)


def test_another_model_is_found_to_have_drifted_or_named(tmp_path):
    with FaultServer() as server, pplab.Lab(store=tmp_path / "a", model="fast", base_url=server.base_url) as lab:
        lab.run(PROMPTS, n=3)
        gate = lab.check("latest", model="play:length")
        assert gate.exit_code == 1
        assert "failures" in gate.checks[0].drifted
        assert "drifted" in gate.words.lower()


def test_a_parameter_that_is_rejected_now_and_was_not_fails_the_gate(tmp_path):
    with FaultServer() as server, pplab.Lab(store=tmp_path / "a", model="fast", base_url=server.base_url) as lab:
        lab.run(PROMPTS[:2], n=2, parameters={"temperature": 0.3})
        check = lab.check("latest", model="play:rejects_temperature").checks[0]
    facts = {fact.name: fact for fact in check.facts}
    assert facts["rejected parameters"].outcome == "drifted"
    assert "temperature" in facts["rejected parameters"].words
    assert check.outcome == "drifted"


ODD = (
    ({"margins": {"coherense": 0.1}}, "did you mean 'coherence'"),
    ({"margins": {"coherence": 0}}, "not above 0"),
    ({"margins": {"coherence": "much"}}, "not above 0"),
    ({"margins": {"utility": 0.1}}, "its margin stands alone"),
    ({"margin": 0}, "the margin 0 of the utility is not above 0"),
    ({"margin": "much"}, "not above 0"),
    ({"n": 0}, "not a number of replicates"),
    ({"n": 10**9}, "not a number of replicates"),
    ({"n": True}, "not a number of replicates"),
)


def test_odd_options_are_refused_in_one_line(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        for options, why in ODD:
            with pytest.raises(BadInput) as refusal:
                lab.check(share_labs.experiment_id(), **options)
            assert why in str(refusal.value)


def frame(shift: float = 0.0, *, n: int = 5, model: str = "m", status: str = "ok", cost: float = 0.001, latency: float = 100.0):
    rows = [
        {
            "prompt_index": p, "setting_index": 0, "replicate": k, "cluster": p, "status": status, "text": f"{p} {k} {shift}",
            "model": model, "system_fingerprint": None, "rejected": {}, "cost": cost, "latency_ms": latency + k,
            "output_tokens": 10.0, "creativity": 0.5 + shift + 0.01 * (p % 3) + 0.001 * k, "coherence": 0.8 + 0.001 * k,
            "structure": None, "completeness": 0.6 + 0.001 * (k + p),
        }
        for p in range(12) for k in range(n)
    ]  # fmt: skip
    made = pd.DataFrame(rows)
    return made.astype(dict.fromkeys(gate_room.SCORES, "float64"))


def compared(before, now, utility=None, **margins):
    chosen = gate_room.margins_for(gate_room.SCORES, margins or None)
    about = {"baseline": "a", "experiment": "b", "source": "a test", "timed": True, "replicates": 5, "utility": utility}
    return gate_room.compare(before, now, chosen, **about)


def test_a_shift_beyond_the_margin_is_a_drift_and_one_inside_it_is_none():
    assert compared(frame(), frame(0.2)).drifted == ("creativity",)
    check = compared(frame(), frame(0.002))
    assert check.outcome == "same"
    assert {m.metric: m.outcome for m in check.metrics}["creativity"] == "same"


def test_a_margin_is_in_the_metrics_own_units():
    assert compared(frame(), frame(0.02), creativity=0.05).outcome == "same"
    assert compared(frame(), frame(0.02), creativity=0.005).drifted == ("creativity",)


def test_a_metric_that_applies_to_no_answer_does_not_keep_the_gate_from_deciding():
    check = compared(frame(), frame(0.001))
    assert {m.metric: m.outcome for m in check.metrics}["structure"] == "cannot tell"
    assert check.outcome == "same"


def test_the_utility_is_compared_when_it_is_given_a_margin():
    assert "utility" not in {m.metric for m in compared(frame(), frame(0.2)).metrics}
    check = compared(frame(), frame(0.2), utility=0.03)
    assert check.drifted == ("creativity", "utility")
    assert check.as_dict()["metrics"][-1]["metric"] == "utility"
    assert ET.fromstring(junit([check]))[0].find("testcase[@name='utility']/failure") is not None
    assert compared(frame(), frame(0.002), utility=0.03).outcome == "same"


def test_a_utility_that_cannot_be_formed_cannot_be_told_to_be_the_same():
    before, now = (f.assign(creativity=None)[lambda f: f["replicate"] == 0] for f in (frame(), frame(0.001)))
    before, now = (f.astype(dict.fromkeys(gate_room.SCORES, "float64")) for f in (before, now))
    assert compared(before, now).outcome == "same"
    assert compared(before, now, utility=0.03).outcome == "cannot tell"


@pytest.mark.soak
def test_the_gate_weighs_the_utility_as_the_decision_does(tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(rerun, "compare", lambda *sides, **options: given.update(options) or gate_room.compare(*sides, **options))
    with share_labs.ada(tmp_path) as lab:
        baseline = lab.run(PROMPTS[:2], n=2, calibration=lab.calibrate("precise"))
        lab.check(baseline, margin=0.04)
        assert given["precision"] == baseline.verdict().precision > 0.5
    assert given["utility"] == 0.04


def test_too_few_answers_cannot_tell_and_say_how_many_would():
    before, now = (f[f["prompt_index"] < 2].copy() for f in (frame(n=3), frame(0.01, n=3)))
    for side, f in enumerate((before, now)):
        f["creativity"] += [0.1 * ((i + side) % 3) for i in range(len(f))]
    check = compared(before, now)
    assert (check.outcome, check.exit_code) == ("cannot tell", 3)
    assert check.n_suggested > 5
    assert f"n={check.n_suggested}" in check.words


def test_what_is_no_metric_is_named_and_only_failures_and_rejections_fail_the_gate():
    facts = {f.name: f for f in compared(frame(), frame(0.001, model="m2", cost=0.002, latency=900)).facts}
    assert facts["model"].words == "was m, is m2"
    assert facts["cost"].outcome == "drifted"
    assert facts["latency"].outcome == "drifted"
    assert facts["fingerprint"].outcome == "not known"
    check = compared(frame(), frame(0.001, model="m2", cost=0.002, latency=900))
    assert check.outcome == "same"
    assert "latency" not in check.words  # it differs from run to run, and words are compared
    failing = pd.concat([frame(0.001), frame(status="failed").assign(creativity=None)], ignore_index=True)
    assert "failures" in compared(frame(), failing.astype(dict.fromkeys(gate_room.SCORES, "float64"))).drifted


def test_junit_has_a_failure_for_a_drift_and_a_skip_for_what_cannot_be_told():
    checks = [compared(frame(), frame(0.2)), compared(frame(), frame(0.001))]
    root = ET.fromstring(junit(checks))
    assert [suite.get("failures") for suite in root] == ["1", "0"]
    assert root[0].find("testcase[@name='creativity']/failure") is not None
    assert root[0].find("testcase[@name='structure']/skipped") is not None
    assert all(int(s.get("tests")) == len(s.findall("testcase")) for s in root)
    assert junit(checks) == junit(checks)


def test_junit_holds_any_text():
    fact = gate_room.CallComparison("model", "changed", "was \x00\x1b[31m <&>, is \ud800")
    check = dataclasses.replace(compared(frame(), frame()), facts=(fact,))
    assert "&lt;&amp;&gt;" in junit([check]).decode()
    ET.fromstring(junit([check]))


@pytest.mark.soak
def test_a_package_of_several_experiments_is_checked_one_by_one(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        lab.run("Describe rain.", n=2)
        lab.export([share_labs.experiment_id(), "latest"], format="package", path=tmp_path / "two.zip")
        gate = lab.check(tmp_path / "two.zip")
    assert [check.outcome for check in gate.checks] == ["same", "same"]
    assert gate.outcome == "same"


def test_a_zip_that_is_no_package_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pplab.Lab(store=tmp_path / "a") as lab, pytest.raises(PplabError):
        lab.check(tmp_path / "x.zip")
