"""Does a model honour a parameter: the verdict of a few calls, and the warnings that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import BadInput
from pplab.experiments.caveats import caveats
from pplab.experiments.probe_ends import probe_ends
from pplab.plan.plan import make_plan
from tests.servers import FaultServer
from tests.soak import only_soak
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_PROBES = pd.DataFrame({"payload": []})
SWEEP = {"temperature": [0, 1]}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.mark.parametrize("parameter", ["temperature", *only_soak("max_tokens", "top_p", "frequency_penalty")])
def test_the_embedded_model_honours_its_parameters(tmp_path: Path, parameter: str) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab:
        found = lab.probe(parameter)
        assert found.verdict == "honoured"
        assert found.words.startswith(f"{parameter}: honoured\n")
        assert found.identical_with_seed == 1.0
        assert found.calls == 16
        assert found.cost == 0
        ends = [setting.given()[parameter] for setting in lab.experiment(found.experiment_ids[0]).plan.settings]
        assert not lab.run("Write about the sea.", n=1, sweep={parameter: ends}).warnings


@pytest.mark.parametrize("parameter", ["seed", *only_soak("stop", "logprobs")])
def test_what_is_no_number_is_probed_by_two_values(tmp_path: Path, parameter: str) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab:
        assert lab.probe(parameter).verdict == "honoured"


def test_answers_that_were_cut_are_evidence_as_well(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab:
        probe = lab.probe("max_tokens=8,100")
        assert probe.verdict == "honoured"
        statuses = lab.experiment(probe.experiment_ids[0]).responses["status"]
        assert set(statuses) == {"truncated"}


@pytest.mark.parametrize("parameter", ["top_k", *only_soak("verbosity", "x.mirostat=0,2")])
def test_any_parameter_that_a_server_ignores_shows_no_visible_effect(server: FaultServer, tmp_path: Path, parameter: str) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        probe = lab.probe(parameter)
        assert probe.verdict == "no visible effect"
        assert probe.parameter == parameter.partition("=")[0]
        plan = lab.experiment(probe.experiment_ids[0]).plan
        assert plan.swept == (probe.parameter,)


@pytest.mark.soak
def test_all_parameters_that_a_sweep_would_use_are_probed_one_by_one(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab:
        session = Session(lambda: lab, front_end="terminal")
        probes = command_table.perform(["probe", "--all", "--n", "5"], session).value
        verdicts = {probe.parameter: probe.verdict for probe in probes.probes}
        assert list(verdicts) == ["temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "seed"]
        assert set(verdicts.values()) <= {"honoured", "no visible effect"}
        assert len(probes.words.splitlines()) == 7
        assert lab.audit("probe_completed")["payload"].str.contains("seed").any()


def test_a_model_that_takes_no_temperature_is_asked_without_one() -> None:
    low, high = probe_ends("top_p", None, "gpt-6-luna", {}, "api.openai.com")
    assert "temperature" not in {**low, **high}
    assert probe_ends("reasoning_effort", None, "gpt-6-luna", {}, "api.openai.com")[0]["reasoning_effort"] == "none"


@pytest.mark.soak
def test_at_temperature_0_the_embedded_model_repeats_itself(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab:
        assert lab.probe("temperature").identical_at_zero == 1.0
        assert lab.probe("top_p").identical_at_zero is None


def test_a_server_that_ignores_a_parameter_shows_no_visible_effect_and_sweeps_over_it_carry_a_warning(
    server: FaultServer, tmp_path: Path
) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        assert lab.run("before", n=1, sweep=SWEEP).warnings == ()
        found = lab.probe("temperature")
        assert found.verdict == "no visible effect"
        assert found.cost is None
        assert "unknown cost" in found.words
        [warning] = lab.run("after", n=1, sweep=SWEEP).warnings
        assert warning.startswith("the sweep over temperature: a probe of fast found no visible effect")
        assert warning in lab.preflight("after", sweep=SWEEP).warnings
        assert lab.run("another parameter", n=1, sweep={"top_p": [0.5, 1]}).warnings == ()
        stored = lab.experiments()
        assert set(found.experiment_ids) <= set(stored["experiment_id"])
        assert len(lab.responses(list(found.experiment_ids))) == 16
        assert list(lab.audit(event="probe_completed")["entity_id"]) == [found.experiment_ids[0]]


def test_a_rejected_parameter_is_said_to_be_rejected_in_the_servers_words(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:rejects_temperature") as lab:
        found = lab.probe()
        assert found.verdict == "rejected"
        assert "Unsupported parameter: 'temperature'" in found.evidence


def test_a_server_that_does_not_answer_leaves_the_question_open(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:context_length") as lab:
        found = lab.probe()
        assert found.verdict == "unclear"
        assert "only 0 usable answers" in found.evidence
        assert lab.run("sweep", n=1, sweep=SWEEP).warnings == ()


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"parameter": "warmth"}, "warmth"),
    ({"parameter": "x.mirostat"}, "which two values of x.mirostat"),
    ({"parameter": "temperature=1"}, "compares two values"),
    ({"parameter": "min_p=0,0"}, "compares two values"),
    ({"n": 2}, "n=2"),
    ({"prompt": " "}, "empty"),
]


def test_a_probe_that_cannot_be_made_is_refused_before_anything_is_sent(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        for options, words in IMPOSSIBLE:
            with pytest.raises(BadInput, match=words):
                lab.probe(**options)
        assert not len(lab.experiments())


def test_what_is_known_of_a_model_warns_beside_its_sweeps_unless_the_user_knows_better() -> None:
    plan = make_plan(["x"], model="o3-mini", sweep=SWEEP, seed=3)
    [warning] = caveats(plan, "api.openai.com", {}, NO_PROBES)
    assert warning.startswith("the sweep over temperature: o3-mini is known to reject it: ")
    assert "20" in warning.rsplit(",", 1)[1]
    assert caveats(plan, "api.openai.com", {"o3-mini": {"temperature": "honoured"}}, NO_PROBES) == ()
    [own] = caveats(make_plan(["x"], model="mine", sweep=SWEEP), "host", {"mine": {"temperature": "ignored"}}, NO_PROBES)
    assert "known to ignore it: set by you" in own


def test_the_settings_say_what_the_user_knows(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        lab.configuration.capabilities = {"fast": {"temperature": "ignored"}}
        assert "known to ignore it" in lab.preflight("x", sweep=SWEEP).words


def test_a_value_that_the_server_says_it_replaced_is_a_warning(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:echoes_parameters") as lab:
        experiment = lab.run("echo", n=2, parameters={"temperature": 0.3})
        assert experiment.warnings == ("temperature 0.3: the server says it applied temperature 1.0 instead, 2 times",)
