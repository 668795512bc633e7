"""Conversations, wordings, personas and rows in whole experiments: run, resumed, shown, exported, packaged, replayed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

import pplab
from pplab.cli import main
from pplab.experiments.response_writer import make_call
from pplab.metrics import metric
from pplab.plan.plan import PlannedCall
from pplab.scoring.registry import unregister
from pplab.views import static
from tests.servers import FaultServer
from tests.servers.plain import PlainServer
from tests.unit.experiment_labs import lab_at

ROOT = Path(__file__).parents[2]
SYSTEM = {"role": "system", "content": "You write about <b>weather</b>."}
TALK = [
    {"role": "user", "content": "Tell me about rain."},
    {"role": "assistant", "content": "Rain is water. " * 40},
    {"role": "user", "content": "And snow?"},
]
LINES = [{"messages": TALK, "id": 7, "expected": "snow"}, {"messages": [SYSTEM, *TALK[2:]], "id": 8, "expected": "white"}]
PERSONAS = {"none": "", "warm": "Be warm."}
WORDINGS = {"short": "Describe {topic}.", "long": "Describe {topic} in one sentence, please."}
TOPICS = {"topic": ["rain", "snow", "rain"], "kind": ["a", "b", "a"]}


@pytest.fixture
def questions():
    """A user's metric that notes what it is given as the prompt."""
    seen = []

    @metric("asked", low=0, high=1000)
    def asked(text, prompt):
        """How long the question is."""
        seen.append(prompt)
        return len(prompt)

    yield seen
    unregister("asked")


def test_conversations_are_run_shown_exported_packaged_and_replayed(lab, tmp_path, questions):
    (tmp_path / "talks.jsonl").write_text("\n".join(map(json.dumps, LINES)), "utf-8")
    experiment = lab.run(data="talks.jsonl", n=1, sweep={"temperature": [0.2, 1]}, seed=3)
    assert set(questions) == {"And snow?"}
    frame = experiment.responses
    assert (experiment.status, len(frame), set(frame["asked"])) == ("completed", 4, {9.0})
    assert frame["prompt"].iloc[0].endswith("user: And snow?")
    assert experiment.plan.rows[1] == {"id": "8", "expected": "white"}
    assert "2 prompts" in experiment.verdict().words

    shown = static.experiment(experiment)
    assert shown.html.count('data-pplab="conversation"') == 2
    assert "You write about &lt;b&gt;weather&lt;/b&gt;." in shown.html
    assert "show more (" in shown.html
    assert "Conversation:\n  user: Tell me about rain.\n  assistant: Rain is water." in shown.text

    assert experiment.top_up(2).status == "completed"
    assert experiment.plan.looks == 2  # which travels with the plan
    assert "And snow?" in Path(lab.export(experiment, path=tmp_path / "a.csv").path).read_text("utf-8")
    package = lab.export(experiment, format="package", path=tmp_path / "talks.zip")
    assert lab.verify(package.path).ok
    with pplab.Lab(store=tmp_path / "bob", user="bob") as other:
        other.import_package(package.path)
        assert other.replay(experiment.id).identical
        assert other.replay(package.path).identical
        assert other.experiment(experiment.id).plan == experiment.plan
        assert other.check(package.path, n=2).outcome != "drifted"


@pytest.mark.soak
def test_wordings_and_personas_are_combined_paired_exported_and_replayed(lab, tmp_path):
    experiment = lab.run(WORDINGS, data=TOPICS, systems=PERSONAS, n=2, seed=1)
    frame = experiment.responses
    assert (len(frame), experiment.plan.factors) == (24, ("system", "wording"))
    assert list(frame[["system", "wording"]].drop_duplicates().itertuples(index=False, name=None)) == [
        ("none", "short"), ("warm", "short"), ("none", "long"), ("warm", "long")
    ]  # fmt: skip
    assert set(frame["cluster"]) == {"row 1", "row 2"}
    assert {"system none, wording short", "system warm, wording long"} <= set(experiment.summary()["setting"])
    package = lab.export(experiment, format="package", path=tmp_path / "w.zip")
    assert lab.verify(package.path).ok
    with pplab.Lab(store=tmp_path / "bob", user="bob") as other:
        other.import_package(package.path)
        assert other.replay(experiment.id).identical
        assert list(other.experiment(experiment.id).responses["wording"]) == list(frame["wording"])


def test_a_server_gets_each_persona_wording_and_conversation_as_it_was_given(tmp_path):
    with PlainServer() as server, pplab.Lab(tmp_path / "lab", model="m", base_url=server.base_url, api_key="k") as lab:
        lab.run(WORDINGS, data={"topic": ["rain"]}, systems=PERSONAS, n=1)
        lab.run([TALK, [SYSTEM, *TALK], "Hello"], n=1, max_concurrency=1)
    sent = [body["messages"] for body in server.bodies]
    warm = {"role": "system", "content": "Be warm."}
    worded = [{"role": "user", "content": text.format(topic="rain")} for text in WORDINGS.values()]
    assert sorted(map(json.dumps, sent[:4])) == sorted(json.dumps([*s, w]) for s in ([], [warm]) for w in worded)
    assert sent[4:] == [TALK, [SYSTEM, *TALK], [{"role": "user", "content": "Hello"}]]


def test_an_interrupted_run_over_conversations_sends_exactly_what_is_missing(tmp_path):
    with FaultServer(latency_ms=20) as server, lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.start([TALK, [SYSTEM, *TALK]], n=20, max_concurrency=2)
        experiment.cancel()
        experiment.wait()
        left = int((experiment.responses["status"] == "cancelled").sum())
        before = server.counts()["requests"]
        assert left > 0
        assert experiment.resume().status == "completed"
        assert server.counts()["requests"] - before == left


def test_the_identity_of_a_call_with_a_plain_prompt_is_what_it_was(lab):
    experiment = lab.run(["Say hello.", [{"role": "user", "content": "Say hello."}]], n=1)
    plan = experiment.plan
    assert plan.conversations is None
    keys = [make_call(plan, "embedded", PlannedCall(i, 0, 0))[0].request_key for i in (0, 1)]
    assert keys[0] == keys[1] == experiment.responses["request_key"].iloc[0]


def test_a_dry_run_counts_every_message_and_shows_the_wordings_and_personas(lab):
    plain = lab.preflight("Describe rain.", n=1)
    talk = lab.preflight([TALK], n=1)
    assert talk.input_tokens > plain.input_tokens + 100
    words = lab.preflight(WORDINGS, data=TOPICS, systems=PERSONAS, n=1).words
    assert 'Prompt 1, worded short: "Describe rain."\nPrompt 1, worded long: "Describe rain in one' in words
    assert '... and 2 more prompts.\nPersona none: no system message\nPersona warm: "Be warm."' in words


def test_a_conversation_with_its_own_system_message_is_said_to_be_sent_without_the_persona(lab):
    calibration = lab.calibrate("balanced")
    words = lab.preflight([TALK, [SYSTEM, *TALK]], calibration=calibration, n=1).words
    assert "1 of 2 conversations has a system message of its own, which is sent in place of the persona" in words


def test_what_batch_lines_ask_for_besides_their_messages_is_said_to_be_unused(lab):
    body = {"model": "gpt-x", "messages": TALK, "max_tokens": 9}
    words = lab.preflight(data=[{"custom_id": "a", "url": "/v1/chat/completions", "body": body}], n=1).words
    assert "model, max_tokens of the batch lines are not used: give them with the run" in words


@pytest.mark.parametrize("extra", [[], pytest.param(["--prompts", "topics.csv"], marks=pytest.mark.soak)])
def test_wordings_and_personas_from_files_need_no_prompt_in_the_terminal(tmp_path, monkeypatch, capfd, extra):
    (tmp_path / "topics.csv").write_text("topic\nrain\nsnow\n", "utf-8")
    for name, text in (
        ("short", "Describe {topic}."),
        ("long", "Describe {topic}, please."),
        ("plain", ""),
        ("warm", "Be warm."),
    ):
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")
    sweeps = ["--sweep", "prompt=@short.txt,@long.txt", "--sweep", "system=@plain.txt,@warm.txt"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert main(["run", *extra, *sweeps, "--n", "1", "--json"]) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["success"]
    rows = result["data"]["responses"]
    assert len(rows) == (8 if extra else 4)
    assert {(row["system"], row["wording"]) for row in rows} == {
        (system, wording) for system in ("plain", "warm") for wording in ("short", "long")
    }
