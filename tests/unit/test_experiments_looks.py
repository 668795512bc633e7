"""Looks: how often a decision could be taken on an experiment, counted with its plan wherever it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pplab
from pplab.analysis import decide
from pplab.errors import BadInput
from pplab.experiments.resume import ResumeRequest, pending_calls
from pplab.store import history
from pplab.views import static
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from pathlib import Path

PROMPTS = ["Describe rain.", "Describe snow.", "Describe fog."]
SWEEP = {"temperature": [0.5, 1.2]}


def test_answers_that_are_added_make_a_further_look_and_looking_again_makes_none(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        experiment = lab.run(PROMPTS, sweep=SWEEP, seed=1)
        first = experiment.verdict()
        assert experiment.plan.replicates == 2  # of three prompts
        assert "looks" not in experiment.plan.as_dict()
        assert lab.experiment().verdict().words == experiment.verdict().words == first.words
        experiment.top_up(2)  # nothing is missing
        assert experiment.plan.looks == 1
        experiment.top_up(3)
        later = experiment.verdict()
        assert experiment.plan.looks == 2
        assert later.answers > first.answers
        assert decide(experiment.responses).regret < later.regret


@pytest.mark.soak
def test_looks_travel_with_a_package_and_a_run_of_the_same_plan_begins_anew(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "ada") as ada, pplab.Lab(store=tmp_path / "bob") as bob:
        experiment = ada.run(PROMPTS, n=1, sweep=SWEEP, seed=1)
        experiment.top_up(2)
        package = ada.export(experiment, "package", tmp_path / "p.zip").path
        bob.import_package(package)
        assert bob.experiment().plan.looks == 2
        assert bob.experiment().verdict().words == experiment.verdict().words
        assert bob.check(package).outcome == "same"
        assert bob.experiment().plan.looks == 1


def test_a_resume_of_a_run_that_had_no_answer_is_the_first_look(tmp_path: Path) -> None:
    with FaultServer() as server, lab_at(tmp_path, server, "play:hang") as lab:
        running = lab.start(PROMPTS, n=1, max_concurrency=1)
        running.cancel()
        assert set(running.wait().responses["status"]) == {"cancelled"}
        store = lab.context.store
        stored = history.outcomes(store, running.id)
        plan, pending = pending_calls(store.experiment(running.id), stored, ResumeRequest(kind="resume"))
    assert (plan.looks, pending.count) == (1, 3)


def test_nothing_is_decided_while_a_run_is_under_way(tmp_path: Path) -> None:
    with FaultServer() as server, lab_at(tmp_path, server, "play:hang") as lab:
        running = lab.start(PROMPTS, n=2, sweep=SWEEP)
        with pytest.raises(BadInput, match="still running, and nothing is decided"):
            running.verdict()
        shown = static.experiment(lab.experiment(running.id)).text
        assert "running: 3 prompts x 2 settings x 2 replicates" in shown
        assert "sure" not in shown
        running.cancel()
        running.wait()
