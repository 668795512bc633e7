"""Races: they stop as soon as it is settled which setting to use, and their looks are counted wherever they go."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.config.configuration import PPLab
from pplab.errors import BadInput
from pplab.models.embedded.transport import EmbeddedTransport
from tests.servers.faults import completion
from tests.servers.plain import PlainServer, answer_well
from tests.unit.test_experiments_endpoints import failing, lab_of, servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx2

    from pplab import Experiment

WORDS = ["rain", "snow", "wind", "sun", "moon", "stars", "rivers", "hills", "lakes", "trees", "birds", "fish", "fog"]
PROMPTS = [f"Describe {word} in one sentence." for word in WORDS]
SWEEP = {"temperature": [0.4, 1, 1.6]}
GOOD = 200, json.dumps(completion()).encode(), {}
RACE: dict[str, Any] = {"sweep": SWEEP, "seed": 3, "until": "settled"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pplab.Lab]:
    with pplab.Lab(store=tmp_path_factory.mktemp("race") / ".pplab") as lab:
        yield lab


@pytest.fixture(scope="module")
def whole(lab: pplab.Lab) -> Experiment:
    """A race that nothing disturbed."""
    return lab.run(PROMPTS, **RACE)


def looks(experiment: Experiment) -> list[tuple[Any, ...]]:
    race = experiment.plan.race
    assert race is not None
    return [(look.prompts, look.answers, look.headline, look.going, dict(look.out)) for look in race.looks]


def test_a_race_drops_settings_and_stops_early_and_the_last_look_is_the_verdict(lab: pplab.Lab, whole: Experiment) -> None:
    experiment = lab.experiment(whole.id)
    race, decision = experiment.plan.race, experiment.verdict()
    assert race is not None
    assert experiment.status == "completed"
    assert decision.headline.startswith("Stopped early: ")
    assert decision.headline.count(":") == 1
    assert len(experiment.responses) == len(experiment.plan) < experiment.plan.longest == 13 * 3 * 2
    assert set(experiment.responses["status"]) == {"ok"}
    assert f"{len(experiment.plan)} of 78 planned calls" in decision.evidence
    assert "settled after 6 prompts" in decision.evidence
    last = race.looks[-1]
    assert (last.headline, last.evidence, last.next_step) == (decision.headline, decision.evidence, decision.next_step)
    assert last.settled
    assert min(race.reach) == 6
    asked = experiment.responses.groupby("setting_index")["prompt_index"].nunique()
    assert tuple(asked) == race.reach
    events = lab.audit(event="race_looked_at")
    assert sum(events["entity_id"] == experiment.id) == len(race.looks)


@pytest.mark.soak
def test_the_same_race_run_again_sends_the_same_calls(lab: pplab.Lab, whole: Experiment, tmp_path: Path) -> None:
    experiment = whole
    package = lab.export(experiment, "package", tmp_path / "race.zip").path
    assert lab.verify(package).ok
    checked = lab.check(package)
    again = lab.experiment()
    assert checked.outcome == "same"
    assert again.id != experiment.id
    assert looks(again) == looks(experiment)
    with pplab.Lab(store=tmp_path / "bob") as bob:
        bob.import_package(package)
        assert bob.experiment().verdict().words == experiment.verdict().words


def test_an_interrupted_race_goes_on_where_it_stopped_with_its_looks_counted(
    lab: pplab.Lab, whole: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = (len(whole.plan) + 36) // 2  # between two looks
    answer, asked, held = EmbeddedTransport.handle_async_request, 0, threading.Event()

    async def answer_until_the_cut(transport: EmbeddedTransport, request: httpx2.Request) -> httpx2.Response:
        nonlocal asked
        asked += 1
        if asked > cut:
            held.set()
            await asyncio.Event().wait()
        return await answer(transport, request)

    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedTransport, "handle_async_request", answer_until_the_cut)
        running = lab.start(PROMPTS, **RACE, max_concurrency=1)
        assert held.wait(60)
        stored = lab.sql("SELECT plan FROM experiments WHERE experiment_id = ?", [running.id])["plan"][0]
        counted = json.loads(stored)["race"]["looks"]  # also if this process were killed now
        running.cancel()
        running.wait()
    assert running.status == "interrupted"
    taken = looks(running)
    assert taken == looks(whole)[: len(taken)]
    assert len(counted) == len(taken)
    resumed = lab.experiment(running.id).resume().wait()
    assert looks(resumed) == looks(whole)
    assert resumed.verdict().headline == whole.verdict().headline


@pytest.mark.soak
def test_after_kill_9_a_race_goes_on_as_if_nothing_had_happened(whole: Experiment, tmp_path: Path) -> None:
    code = f"""
import os, pplab
lab = pplab.Lab(store={str(tmp_path / "killed")!r})
count = 0
def arrived(row):
    global count
    count += 1
    if count == 42:
        os.kill(os.getpid(), {int(signal.SIGKILL)})
lab.run({PROMPTS!r}, **{RACE!r}, on_response=arrived, max_concurrency=2)
"""
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    with pplab.Lab(store=tmp_path / "killed") as killed:
        experiment = killed.experiment()
        assert experiment.status == "interrupted"
        assert len(looks(experiment)) == 1
        experiment.resume().wait()
        assert looks(experiment) == looks(whole)
        assert experiment.verdict().headline == whole.verdict().headline


@pytest.mark.soak
def test_what_is_settled_is_not_looked_at_again_and_more_answers_are(lab: pplab.Lab) -> None:
    experiment = lab.run(PROMPTS, **RACE)
    before = looks(experiment)
    experiment.resume().wait()
    assert looks(experiment) == before
    assert experiment.verdict().words == lab.experiment(experiment.id).verdict().words
    experiment.top_up(3).wait()
    assert len(looks(experiment)) > len(before)
    assert experiment.plan.looks > len(before)


def test_the_limit_of_calls_ends_a_race_and_a_larger_one_lets_it_go_on(lab: pplab.Lab) -> None:
    experiment = lab.run(PROMPTS, **RACE, max_calls=40)
    assert experiment.status == "completed"
    assert len(experiment.responses) <= 40
    stopped = looks(experiment)
    experiment.resume(max_calls=78).wait()
    assert looks(experiment)[: len(stopped)] == stopped
    assert len(looks(experiment)) > len(stopped)
    with pytest.raises(BadInput, match="max_calls is a race's"):
        lab.run("Hello", n=1).resume(max_calls=10)


def test_the_margin_of_a_race_is_that_of_its_verdict(lab: pplab.Lab) -> None:
    experiment = lab.run(PROMPTS, **RACE, margin=0.1)
    assert experiment.verdict().margin == 0.1
    assert experiment.verdict(margin=0.2).margin == 0.2


def test_a_race_pauses_at_its_budget_and_takes_no_look_on_what_is_missing(tmp_path: Path) -> None:
    configuration = PPLab(prices={"m": [1000.0, 1000.0]})
    with PlainServer(answer_well) as server:
        options = {"model": "m", "base_url": server.base_url, "configuration": configuration}
        with pplab.Lab(store=tmp_path / "lab", **options, api_key="sk-test-0123456789abcdef") as lab:
            experiment = lab.run(PROMPTS, **RACE, max_cost=0.5)
            assert experiment.status == "paused"
            assert looks(experiment) == []
            spent = float(experiment.responses["cost"].sum())
            assert spent <= 0.5


def test_a_model_whose_server_fails_is_out_and_the_others_race_on(tmp_path: Path) -> None:
    played = {"a": lambda _path: GOOD, "b": lambda _path: failing(401, "who are you?"), "c": lambda _path: GOOD}
    with servers(**played) as running, lab_of(tmp_path, running) as lab:
        experiment = lab.run(PROMPTS, models=["m@a", "m@b", "n@c"], until="settled", n=2)
        race = experiment.plan.race
        assert race is not None
        assert "m@b: " in race.looks[0].out[1]
        assert race.reach[1] == 6
        assert experiment.status == "partial"
        assert set(experiment.responses.loc[experiment.responses["model_asked"] == "n", "status"]) == {"ok"}


def test_a_race_in_the_terminal_and_as_json(whole: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pplab.cli import main

    table = tmp_path / "topics.csv"
    table.write_text("topic\n" + "\n".join(WORDS))
    line = ["run", "Describe {topic} in one sentence.", "--prompts", str(table), "--sweep", "temperature=0.4,1,1.6"]
    line += ["--seed", "3", "--until", "settled", "--store", str(tmp_path / "cli"), "--json"]
    assert main([*line, "--dry-run"]) == 0
    preflight = json.loads(capsys.readouterr().out)["data"]
    assert (preflight["first_look"], preflight["calls"]) == (36, 78)
    assert main(line) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["decision"]["headline"].startswith("Stopped early: ")
    assert data["decision"]["words"] == whole.verdict().words
