"""Migrations: an old and a new model that are played with known differences; go, no-go or cannot tell, and never over budget."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import pplab
from pplab.analysis.response_matrix import layout
from pplab.analysis.utility import utility_cells
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.config.configuration import PPLab
from pplab.errors import BadInput
from pplab.plan.vocabulary import MARGIN
from pplab.scoring.scores import score
from pplab.scoring.surface.distances import distance_matrix
from pplab.views import static
from tests.servers.plain import PlainServer
from tests.servers.played_models import PROMPTS, Played, PlayedModels, played_answer
from tests.soak import only_soak
from tests.unit.experiment_labs import KEY, SOAK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pplab import Experiment

SPOILED = 0.3
WORLDS = {
    "equal": (Played(), Played(), "go"),
    "better": (Played(SPOILED), Played(), "go"),
    "worse": (Played(), Played(SPOILED), "no-go"),
    "cheaper": (Played(), Played(), "go"),
    "refuses temperature": (Played(), Played(refuses=("temperature",)), "go"),
}
PRICES = {"old": [3.0, 15.0], "new": [3.0, 15.0]}
CHEAPER = {**PRICES, "new": [0.3, 1.5]}
SEEDS = 100 if SOAK else 1
MOST_CALLS, MOST_DOLLARS = 200, 1.0
NOWHERE = "http://127.0.0.1:9/v1"


def lab_of(folder: Path, base_url: str = NOWHERE, prices: dict[str, Any] = PRICES) -> pplab.Lab:
    return pplab.Lab(store=folder, model="old", base_url=base_url, api_key=KEY, configuration=PPLab(prices=prices))


def playing(lab: pplab.Lab, played: PlayedModels) -> None:
    """Have the played models answer a lab without a server."""
    lab.context.access.source = lambda _models=(): played  # type: ignore[assignment, method-assign]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[pplab.Lab]:
    with lab_of(tmp_path / "lab") as opened:
        yield opened


def test_the_played_models_differ_by_more_than_the_margin_or_not_at_all() -> None:
    rows = []
    for setting, fillers in enumerate((0.0, 0.0, SPOILED)):
        chance = random.Random(setting)
        for index, prompt in enumerate(PROMPTS * 4):
            for replicate in range(2):
                text = played_answer(prompt, fillers, chance)
                scores = score(text, prompt, finish_reason="stop", row={})
                values = {name: getattr(scores, name) for name in ("creativity", "coherence", "structure", "completeness")}
                at = {"prompt_index": index, "setting_index": setting, "replicate": replicate, "status": "ok"}
                rows.append({**at, "text": text, "fault": scores.fault, **values})
    cells = utility_cells(layout(pd.DataFrame(rows)), 0.5, distance_matrix)
    assert cells is not None
    good, as_good, spoiled = np.nanmean(cells.means, axis=0)
    assert abs(good - as_good) < MARGIN / 4
    assert good - spoiled > 2 * MARGIN
    assert not any(row["fault"] for row in rows)


@pytest.mark.parametrize("world", ["refuses temperature", *only_soak("equal", "better", "cheaper", "worse")])
def test_the_answer_is_right_in_95_of_100_seeds_and_never_over_budget(world: str, tmp_path: Path) -> None:
    old, new, right = WORLDS[world]
    outcomes = []
    for seed in range(SEEDS):
        with lab_of(tmp_path / f"{seed}", prices=CHEAPER if world == "cheaper" else PRICES) as lab:
            playing(lab, PlayedModels({"old": old, "new": new}, seed))
            moved = lab.migrate("old", "new", prompt=PROMPTS, max_calls=MOST_CALLS, max_cost=MOST_DOLLARS)
            outcomes.append(moved.outcome)
            answers = moved.experiment.responses
            assert len(answers) <= MOST_CALLS
            assert answers["cost"].sum() <= MOST_DOLLARS
            if moved.outcome == "go":
                assert "temperature" not in moved.parameters or world != "refuses temperature"
    assert outcomes.count(right) >= 0.95 * SEEDS - (0 if SOAK else 0.5), outcomes


@pytest.mark.parametrize("world", ["worse", *only_soak(*(world for world in WORLDS if world != "worse"))])
def test_over_http_in_a_terminal_with_exit_code_json_and_junit(
    world: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pplab.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("PPLAB_OFFLINE", raising=False)
    (tmp_path / "prompts.csv").write_text("prompt\n" + "\n".join(PROMPTS))
    old, new, right = WORLDS[world]
    played = PlayedModels({"old": old, "new": new}, 1)
    with PlainServer(reply=played) as server:
        monkeypatch.setenv("PPLAB_BASE_URL", server.base_url)
        line = ["migrate", "old", "new", "--prompts", "prompts.csv", "--max-calls", "200", "--junit", "out.xml", "--json"]
        code = main(line)
    data = json.loads(capsys.readouterr().out)["data"]
    assert (data["outcome"], code, data["exit_code"]) == (right, {"go": 0, "no-go": 1}[right], code)
    assert len(server.bodies) <= MOST_CALLS
    assert data["table"][0]["setting"] == "old"
    assert data["request"] is None or data["request"]["model"] == "new"
    suite = ET.parse(tmp_path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", str(int(right == "no-go")))
    assert len(data["pairs"]) == (3 if right == "no-go" else 0)


def test_what_is_said_is_the_same_everywhere_and_the_cost_and_the_latency_stand_beside_the_old_ones(tmp_path: Path) -> None:
    with lab_of(tmp_path / "lab", prices=CHEAPER) as lab:
        playing(lab, PlayedModels({"old": Played(), "new": Played()}, 1))
        moved = lab.migrate("old", "new", prompt=PROMPTS)
        assert moved.headline.startswith("Go: new")
        assert moved.headline.endswith("is no worse than old by more than 0.03 (95% sure).")
        assert "an answer costs $0.000094 instead of $0.00094" in moved.evidence
        again = lab.experiment(moved.experiment.id)
        assert again.verdict().words == moved.words == repr(moved)
        assert again.migration is not None
        assert again.migration.words == moved.words
        assert moved.request("Hello")["messages"][-1]["content"] == "Hello"
        assert "model='new'" in again.code()
        assert "latency_ms" in moved.table.columns
        assert moved.latency.startswith("An answer takes 0.5 s instead of 0.5 s")
        shown = static.migration(moved)
        assert moved.latency not in shown.text
        assert moved.latency in static.migration(moved, latency=True).text
        for head in (shown.text, static.experiment(again).text):
            assert moved.headline in " ".join(head.split())
            assert "not settled" not in head
        events = lab.audit(event="migration_completed")
        assert json.loads(events.iloc[-1]["payload"]) == {"baseline": "", "outcome": "go", "v": 1}


def test_a_no_go_shows_three_pairs_of_answers_and_what_is_in_them_is_escaped(lab: pplab.Lab) -> None:
    played = PlayedModels({"old": Played(), "new": Played(SPOILED)}, 2)
    answer = played.text
    played.text = lambda model, prompt, told: f"<script>x</script> {answer(model, prompt, told)}"  # type: ignore[method-assign]
    playing(lab, played)
    moved = lab.migrate("old", "new", prompt=PROMPTS)
    assert moved.exit_code == 1
    assert moved.headline == "No-go: none of the 4 settings of new comes within 0.03 of old (95% sure)."
    assert "mostly completeness" in moved.evidence
    assert moved.next_step == "Next: stay with old; the answers below show what is lost."
    losses = [pair.loss for pair in moved.pairs]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert min(losses) > MARGIN
    page = static.migration(moved)
    assert "<script>" not in page.html
    assert moved.pairs[0].new[-40:] in " ".join(page.text.split())
    with pytest.raises(BadInput, match="no setting to use"):
        moved.request()


def test_a_new_model_that_refuses_everything_is_a_no_go_and_an_old_one_that_does_cannot_be_compared_with(lab: pplab.Lab) -> None:
    playing(lab, PlayedModels({"old": Played(), "new": Played(refuses=("anything",))}, 1))
    refusing = PlayedModels({"old": Played(), "new": Played()}, 1)
    refusing.refused = lambda model, _told: "model" if model == "new" else None  # type: ignore[method-assign]
    calls = refusing.complete

    async def complete(call: Any, **options: Any) -> Any:
        from pplab.models.types import Reply

        return Reply(status="rejected", error="no") if call.model == refuses else await calls(call, **options)

    refusing.complete = complete  # type: ignore[method-assign]
    playing(lab, refusing)
    refuses = "new"
    moved = lab.migrate("old", "new", prompt=PROMPTS)
    assert (moved.outcome, moved.pairs) == ("no-go", ())
    assert moved.headline == "No-go: none of the 4 settings of new can be used."
    refuses = "old"
    moved = lab.migrate("old", "new", prompt=PROMPTS)
    assert moved.outcome == "cannot tell"
    assert "there is nothing to compare with" in moved.headline
    assert len(static.migration(moved).text.splitlines()) < 12


# -- an old experiment, or a package ------------------------------------------------------------------------------------------


@pytest.fixture
def old(lab: pplab.Lab) -> Experiment:
    playing(lab, PlayedModels({"old": Played(), "new": Played()}, 3))
    return lab.run(PROMPTS, system="Be brief.", parameters={"temperature": 0.5}, n=2, name="in use")


@pytest.mark.parametrize("by", ["object", *only_soak("id", "name")])
def test_of_an_old_experiment_nothing_is_asked_again(lab: pplab.Lab, old: Experiment, by: str) -> None:
    played = PlayedModels({"old": Played(), "new": Played()}, 4)
    playing(lab, played)
    moved = lab.migrate({"object": old, "id": old.id[:8], "name": "in use"}[by], "new", max_calls=MOST_CALLS)
    assert moved.outcome == "go"
    assert played.asked["old"] == 0
    assert moved.baseline_id == old.id
    assert moved.baseline == "old with temperature 0.5"
    assert moved.table["setting"].iloc[0] == moved.baseline
    plan = moved.experiment.plan
    assert plan.system == "Be brief."
    assert {setting.value("temperature") for setting in plan.settings} == {0.3, 0.5, 0.7, 1.0}
    assert set(plan.prompts) == set(PROMPTS)
    assert lab.experiment(moved.experiment.id).verdict().words == moved.words


@pytest.mark.soak
def test_a_package_is_imported_and_a_migration_is_one_again(lab: pplab.Lab, old: Experiment, tmp_path: Path) -> None:
    package = lab.export(old, "package", tmp_path / "old.zip").path
    with lab_of(tmp_path / "other") as other:
        played = PlayedModels({"old": Played(), "new": Played()}, 4)
        playing(other, played)
        moved = other.migrate(str(package), "new")
        assert moved.outcome == "go"
        assert played.asked["old"] == 0
        both = other.export([moved.experiment, old.id], "package", tmp_path / "both.zip").path
        alone = other.export(moved.experiment, "package", tmp_path / "alone.zip").path
    with lab_of(tmp_path / "third") as third:
        third.import_package(alone)
        assert "not in this lab" in third.experiment(moved.experiment.id).verdict().headline
        third.import_package(both)
        assert third.experiment(moved.experiment.id).verdict().words == moved.words
        with pytest.raises(BadInput, match="holds 2 experiments"):
            third.migrate(both, "new")


def test_one_that_is_interrupted_cannot_tell_and_goes_on_where_it_stopped(lab: pplab.Lab) -> None:
    class Stop:
        left = 10

        def arrived(self, _response: object) -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

        def progress(self, _progress: object) -> None:
            pass

    played = PlayedModels({"old": Played(), "new": Played()}, 6)
    calls = played.complete

    async def complete(call: Any, **options: Any) -> Any:
        await asyncio.sleep(0.2)
        return await calls(call, **options)

    played.complete = complete  # type: ignore[method-assign]
    playing(lab, played)
    moved = lab.migrate("old", "new", prompt=PROMPTS, on=Stop())
    assert (moved.experiment.status, moved.outcome, moved.exit_code) == ("interrupted", "cannot tell", 3)
    assert moved.headline == "Cannot tell yet whether old can be replaced: the run is interrupted."
    assert moved.experiment.verdict().headline == moved.headline
    experiment = moved.experiment.resume().wait()
    assert experiment.status == "completed"
    assert experiment.migration is not None
    assert experiment.migration.headline == experiment.verdict().headline != moved.headline
    assert experiment.plan.race is not None
    assert experiment.plan.race.looks[-1].headline == experiment.verdict().headline


def test_what_more_would_cost_is_said_where_it_cannot_tell_and_the_budget_holds(lab: pplab.Lab) -> None:
    playing(lab, PlayedModels({"old": Played(), "new": Played()}, 7))
    moved = lab.migrate("old", "new", prompt=PROMPTS, margin=0.005, max_calls=100)
    assert (moved.outcome, moved.exit_code) == ("cannot tell", 3)
    assert "may be worse than old by up to 0.0" in moved.headline
    assert " more prompts under new" in moved.next_step
    assert " and old (" in moved.next_step
    assert "about $" in moved.next_step
    assert len(moved.experiment.responses) <= 100
    paused = lab.migrate("old", "new", prompt=PROMPTS, max_cost=0.07)
    assert (paused.experiment.status, paused.outcome) == ("paused", "cannot tell")
    assert paused.experiment.responses["cost"].sum() <= 0.07


# -- what is asked for --------------------------------------------------------------------------------------------------------


def test_under_a_calibration_each_model_is_told_what_it_takes(lab: pplab.Lab) -> None:
    playing(lab, PlayedModels({"old": Played(), "gpt-6-luna": Played()}, 8))
    calibration = lab.calibrate("balanced")
    moved = lab.migrate("old", "gpt-6-luna", prompt=PROMPTS[:8], calibration=calibration)
    plan = moved.experiment.plan
    first, *others = plan.settings
    assert (first.model, first.system) == ("old", "medium")
    assert first.value("temperature") is not None
    assert 1 <= len(others) <= 6
    assert all("reasoning_effort" in setting.parameters and "temperature" not in setting.parameters for setting in others)
    assert {setting.system for setting in others} == {"light", "medium", "strong"}
    assert moved.experiment.calibration_id == calibration.id


def test_what_cannot_be_migrated_is_refused_in_a_line(lab: pplab.Lab, old: Experiment) -> None:
    with pytest.raises(BadInput, match="'else' is neither an experiment nor a package here, and a model needs prompts"):
        lab.migrate("else", "new")
    with pytest.raises(BadInput, match="old is the old model and a new one"):
        lab.migrate("old", "old", prompt=PROMPTS)
    with pytest.raises(BadInput, match="old is the old model and a new one"):
        lab.migrate(old, ["new", "old"])
    with pytest.raises(BadInput, match=r"this needs 7 different prompts or more, .*and there are 6"):
        lab.migrate("old", "new", prompt=PROMPTS[:6] * 2)
    with pytest.raises(BadInput, match="the prompts are those of the old experiment"):
        lab.migrate(old, "new", prompt=PROMPTS)
    with pytest.raises(BadInput, match="is no model"):
        lab.migrate(old, [])
    with pytest.raises(BadInput, match="max_calls is 20"):
        lab.migrate(old, "new", max_calls=20)
    few = lab.run(PROMPTS[:3], n=2)
    with pytest.raises(BadInput, match="7 different prompts or more, and the old experiment has answers to 3") as refused:
        lab.migrate(few, "new")
    assert "give the old model's name" in refused.value.hint
    with pytest.raises(pplab.errors.NotFound, match=r"there is no package 'none.zip'"):
        lab.migrate("none.zip", "new")


def test_in_a_notebook_the_cell_is_the_template(lab: pplab.Lab, tmp_path: Path) -> None:
    playing(lab, PlayedModels({"old": Played(), "new": Played()}, 1))
    table = tmp_path / "topics.csv"
    table.write_text("topic\n" + "\n".join(prompt.rstrip(".").rsplit(" ", 1)[-1] for prompt in PROMPTS))
    session = Session(lambda: lab, "notebook")
    words = ["migrate", "old", "new", "--prompts", str(table), "--package", "moved.zip"]
    with pytest.raises(BadInput, match="outside the working folder"):
        command_table.perform([*words[:-1], "/moved.zip"], session, cell="Write three sentences about {topic}.")
    result = command_table.perform(words[:-2], session, cell="Write three sentences about {topic}.")
    assert (result.exit_code, result.value.outcome) == (0, "go")
    assert set(result.value.experiment.plan.prompts) == set(PROMPTS)
