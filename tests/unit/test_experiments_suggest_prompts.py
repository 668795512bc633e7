"""Prompts that a model suggests: one call, a table to edit and run, and one clear line where none came."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import BadInput, Interrupted, ModelError, PplabError
from pplab.views.static import as_text
from tests.servers import FaultServer
from tests.servers.faults import SUGGESTED
from tests.unit.experiment_labs import KEY, lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "Explain in two sentences why it rains."


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("model", ["play:suggests", pytest.param("play:suggests_json", marks=pytest.mark.soak)])
def test_the_table_holds_the_prompt_and_its_variants_and_can_be_run(server: FaultServer, tmp_path: Path, model: str) -> None:
    with lab_at(tmp_path, server, model) as lab:
        suggested = lab.suggest_prompts(OWN, 3)
        assert suggested.suggested == tuple(SUGGESTED)
        table = pd.read_csv("prompts.csv")
        assert list(table.columns) == ["prompt", "generated"]
        assert list(table["prompt"]) == [OWN, *SUGGESTED] == list(suggested.df["prompt"])
        assert list(table["generated"].isna()) == [True, False, False, False] == list(suggested.df["generated"].isna())
        assert set(table["generated"].dropna()) == {model}
        session = Session(lambda: lab, front_end="notebook")
        ran = command_table.perform(["run", "--prompts", "prompts.csv", "--n", "1"], session).value
        assert set(ran.responses["prompt"]) == {OWN, *SUGGESTED}
        assert [row["generated"] for row in ran.plan.rows] == [None, *[model] * 3]


@pytest.mark.soak
def test_a_table_of_json_lines_can_be_run_too(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:suggests") as lab:
        lab.suggest_prompts(OWN, 2, "more/own.jsonl")
        plan = lab.run(data="more/own.jsonl", n=1).plan
        assert plan.prompts == (OWN, *SUGGESTED[:2])
        assert [row["generated"] for row in plan.rows] == [None, "play:suggests", "play:suggests"]


def test_what_is_shown_is_the_same_on_every_run_and_names_no_path(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:suggests") as lab:
        session = Session(lambda: lab, front_end="notebook")
        words = ["prompts", "suggest", "3", OWN, "--overwrite", "--out", str(tmp_path / "own.csv")]
        first, second = (as_text(command_table.perform(words, session).value) for _ in range(2))
        assert first == second
        assert "own.csv: your prompt and 3 variants of it that play:suggests wrote." in first
        assert "run --prompts own.csv" in first
        assert str(tmp_path) not in first
        assert all(text in first for text in (OWN, *SUGGESTED))


def test_the_command_takes_the_body_of_a_cell_and_gives_data_to_programs(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        session = Session(lambda: lab, front_end="notebook")
        words = ["prompts", "suggest", "3", "--model", "play:suggests", "--base-url", server.base_url, "--seed", "7"]
        data = command_table.perform(words, session, cell=f"{OWN}\n").data
        assert (data["prompt"], data["suggested"], data["requested"]) == (OWN, SUGGESTED, 3)
        assert (data["model"], data["file"]) == ("play:suggests", "prompts.csv")
        with pytest.raises(BadInput, match="the prompt was given on the line and in the cell"):
            command_table.perform([*words, "Why?"], session, cell=OWN)
        with pytest.raises(BadInput, match="there is no prompt"):
            command_table.perform(words, session)
        session.close()


def test_too_few_usable_ones_are_said_in_one_line_and_none_is_invented(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:suggests_repeats") as lab:
        suggested = lab.suggest_prompts(OWN, 3)
        assert (suggested.suggested, suggested.repeated) == (("Explain ice.",), 2)
        assert "Only 1 of the 3 asked for came: 2 repeat your prompt or another one." in suggested.words
    with lab_at(tmp_path, server, "play:suggests_cut") as lab:
        suggested = lab.suggest_prompts(OWN, 3, "cut.csv")
        assert suggested.suggested == ("Explain ice.",)
        assert "Only 1 of the 3 asked for came: the answer was cut off." in suggested.words


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("fast", "the answer holds no list of prompts"),
        ("play:suggests_own", "1 repeats your prompt or another one"),
        ("play:declines", "the model declined to write prompts"),
        pytest.param("play:refusal", "no usable prompt came", marks=pytest.mark.soak),
        pytest.param("play:empty_text", "no usable prompt came", marks=pytest.mark.soak),
        pytest.param("play:length", "the answer was cut off", marks=pytest.mark.soak),
        pytest.param("play:thinks_to_the_limit", "no usable prompt came", marks=pytest.mark.soak),
        pytest.param("play:content_filter", "no usable prompt came", marks=pytest.mark.soak),
        pytest.param("play:tool_calls", "no usable prompt came", marks=pytest.mark.soak),
        ("play:bad_key", "no usable prompt came"),
        pytest.param("play:quota", "no usable prompt came", marks=pytest.mark.soak),
    ],
)
def test_where_none_came_one_line_says_why_and_nothing_is_written(
    server: FaultServer, tmp_path: Path, model: str, words: str
) -> None:
    with lab_at(tmp_path, server, model) as lab, pytest.raises(ModelError) as raised:
        lab.suggest_prompts(OWN, 3)
    assert words in str(raised.value)
    assert str(raised.value).isprintable()
    assert KEY not in str(raised.value)
    assert "write the prompts into a table" in raised.value.hint
    assert not (tmp_path / "prompts.csv").exists()


def test_a_file_that_is_there_is_kept_and_nothing_is_sent(server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text("prompt\nmine\n")
    with lab_at(tmp_path, server, "play:suggests") as lab:
        with pytest.raises(BadInput, match=r"'prompts.csv' is there already.*--out.*--overwrite"):
            lab.suggest_prompts(OWN, 3)
        assert (tmp_path / "prompts.csv").read_text() == "prompt\nmine\n"
        assert lab.counts()["experiments"] == 0
        assert len(lab.suggest_prompts(OWN, 3, overwrite=True).suggested) == 3
        assert len(pd.read_csv("prompts.csv")) == 4


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "Explain {topic}."}, "the prompt is a template"),
    ({"prompt": " "}, "the prompt is empty"),
    ({"prompt": [{"role": "user", "content": "Why?"}]}, "from one prompt, which is text"),
    ({"prompt": 5}, "the prompt must be text"),
    ({"n": 0}, "from 1 to 100"),
    ({"path": "prompts.txt"}, "does not end in .csv or .jsonl"),
    ({"path": "../prompts.csv"}, "outside the working folder"),
    ({"max_cost": 1}, "the price of play:suggests"),
]


def test_what_cannot_be_asked_is_refused_before_anything_is_sent(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:suggests") as lab:
        for options, words in IMPOSSIBLE:
            with pytest.raises(BadInput) as raised:
                lab.suggest_prompts(**{"prompt": OWN, "n": 3, **options})
            assert words in str(raised.value)
        assert lab.sql("SELECT count(*) AS n FROM call_attempts")["n"][0] == 0


def test_a_call_that_could_cost_more_than_allowed_is_not_sent(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:suggests") as lab:
        lab.configuration.prices = {"play:suggests": [1.0, 1.0]}
        with pytest.raises(ModelError, match=r"no usable prompt came: .*max_cost=\$0\.0001"):
            lab.suggest_prompts(OWN, 3, max_cost=0.0001)
        assert lab.sql("SELECT count(*) AS n FROM call_attempts")["n"][0] == 0
        assert len(lab.suggest_prompts(OWN, 3, max_cost=1).suggested) == 3


def test_the_embedded_model_is_said_to_follow_no_instructions(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab, pytest.raises(BadInput) as raised:
        lab.suggest_prompts(OWN, 3)
    assert "the embedded model follows no instructions" in str(raised.value)
    assert "--model" in raised.value.hint
    assert "write the prompts into a table" in raised.value.hint


@pytest.mark.soak
def test_the_call_is_kept_found_by_its_tag_and_audited(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:suggests") as lab:
        suggested = lab.suggest_prompts(OWN, 3, seed=7)
        experiment = lab.experiment(suggested.experiment_id)
        assert len(experiment.responses) == 1
        assert experiment.responses["seed"].notna().all()
        assert list(lab.experiments(search="suggested prompts")["experiment_id"]) == [suggested.experiment_id]
        (payload,) = lab.audit("prompts_suggested")["payload"]
        assert '"suggested":3' in payload
        assert str(tmp_path) not in payload
        assert "suggest_prompts" in set(lab.timing("operation")["name"])
        assert lab.verify().ok
        assert lab.rebuild().equal


@pytest.mark.soak
def test_a_recording_answers_in_the_models_place(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lab_at(tmp_path, server, "play:suggests") as lab:
        lab.use_recording("calls.jsonl")
        asked = lab.suggest_prompts(OWN, 3)
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    with pplab.Lab(store=tmp_path / "other") as lab:
        lab.use_recording("calls.jsonl")
        assert lab.suggest_prompts(OWN, 3, "again.csv").suggested == asked.suggested
        assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "prompts.csv").read_bytes()
        with pytest.raises(PplabError):
            lab.suggest_prompts("Another prompt.", 3, "none.csv")


def test_offline_nothing_is_sent(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    with lab_at(tmp_path, server, "play:suggests") as lab, pytest.raises(PplabError, match="PPLAB_OFFLINE"):
        lab.suggest_prompts(OWN, 3)


@pytest.mark.soak
def test_an_interrupt_ends_it_in_one_line_and_writes_nothing(server: FaultServer, tmp_path: Path) -> None:
    def interrupt(lab: pplab.Lab) -> None:
        while not lab.context.store.experiments().shape[0]:  # so that the call is under way
            pass
        os.kill(os.getpid(), signal.SIGINT)

    with lab_at(tmp_path, server, "play:hang") as lab:
        thread = threading.Thread(target=interrupt, args=(lab,))
        thread.start()
        with pytest.raises(Interrupted, match="was interrupted"):
            lab.suggest_prompts(OWN, 3)
        thread.join()
    assert not (tmp_path / "prompts.csv").exists()
