"""The reader beside a run, and later: its scores are stored, packaged and replayed, and nothing is lost by whatever ends it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import ClassVar

import pytest

import pplab
from pplab.cli import main
from pplab.errors import BadInput
from pplab.experiments import reading
from pplab.metrics import metric
from pplab.plan.plan import Plan
from pplab.plan.vocabulary import READER_SCORES, score_column
from pplab.reader import reader as reader_module
from pplab.reader import weights as weights_module
from pplab.reader.figures import Passage, figures
from pplab.views import static
from pplab.views.widgets.cards import Cards
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

ROOT = Path(__file__).parents[2]
COLUMNS = [score_column(name, "reader") for name in READER_SCORES]
PROMPTS = ["Describe a lighthouse.", "What is tea?", "Why does it rain?"]


class ScriptedReader:
    """A reader that says what it is told to, and counts what it reads."""

    version = "scripted-1"
    read_texts: ClassVar[list[str]] = []
    end = -0.1
    mean = -2.0
    before_read = None

    def __init__(self, path=None, *, threads=1):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, texts, prompts=""):
        if type(self).before_read is not None:
            type(self).before_read(texts)
        type(self).read_texts += texts
        asked = Passage((self.mean,) * 4, self.end, -5.0)
        return [figures(asked, Passage((-4.0,) * 4, self.end)) if text.strip() else None for text in texts]


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(reader_module, "Reader", ScriptedReader)
    found = lambda path=None: weights_module.Weights(None, ScriptedReader.version)  # noqa: E731
    monkeypatch.setattr(weights_module, "find_weights", found)
    for name, value in (
        ("read_texts", []),
        ("end", -0.1),
        ("mean", -2.0),
        ("before_read", None),
        ("version", "scripted-1"),
        ("read", ScriptedReader.read),
    ):
        monkeypatch.setattr(ScriptedReader, name, value)
    return ScriptedReader


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / "lab", user="ada", model="embedded") as opened:
        yield opened


@pytest.fixture
def server():
    with FaultServer(latency_ms=5) as running:
        yield running


def run(lab, **options):
    return lab.run(PROMPTS, n=2, sweep={"temperature": [0, 1]}, **options)


def read_lab(folder):
    """Fill a lab with an experiment that was not read and the same one read; return their ids and the texts that were read."""
    with pplab.Lab(store=folder, user="ada", model="embedded") as lab:
        return run(lab, seed=1).id, run(lab, seed=1, reader=True).id, list(ScriptedReader.read_texts)


@pytest.fixture
def made(scripted, made_once):
    made = made_once(read_lab)
    scripted.read_texts = []
    return made


@pytest.fixture
def filled(made, tmp_path):
    """A lab of one's own with what ``read_lab`` wrote."""
    with pplab.Lab(store=shutil.copytree(made[0], tmp_path / "filled"), user="ada", model="embedded") as opened:
        yield opened


@pytest.fixture
def plain(filled, made):
    """An experiment that was not read."""
    return filled.experiment(made[1][0])


@pytest.fixture
def exp(filled, made):
    """The same one, read."""
    return filled.experiment(made[1][1])


def test_every_answer_is_read_before_the_results_are_there(exp, made):
    assert exp.status == "completed"
    assert sorted(made[1][2]) == sorted(exp.responses["text"])
    assert exp.responses[COLUMNS].notna().all(axis=None)
    assert exp.metrics == ("creativity", "coherence", "structure", "completeness", *COLUMNS)


def test_nothing_is_read_unless_it_is_asked_for_and_then_the_reader_has_no_decision(plain):
    assert not set(COLUMNS) & set(plain.responses)
    assert plain.second_decisions == ()
    assert "reader" not in plain.plan.as_dict()
    assert "basis" not in plain.plan.as_dict()
    with pytest.raises(BadInput, match="has read no answer"):
        plain.verdict(source="reader")
    with pytest.raises(BadInput, match="did you mean 'reader'"):
        plain.verdict(source="readers")


def test_the_configuration_has_every_run_read(tmp_path, scripted, monkeypatch):
    monkeypatch.setenv("PPLAB_STORE", str(tmp_path / "lab"))
    assert main(["config", "reader=smollm2"]) == 0
    with pplab.Lab() as lab:
        exp = run(lab)
        assert exp.plan.reader
        assert exp.responses[COLUMNS].notna().all(axis=None)


def test_its_scores_stand_beside_those_of_the_surface_and_say_what_they_are_made_of(filled, plain, exp):
    names = ["text", "creativity", "coherence", "structure", "completeness"]
    assert exp.responses[names].equals(plain.responses[names])
    scores = filled.scores(exp)
    assert set(scores["source"]) == {"reader"}
    assert set(scores["metric"]) == set(READER_SCORES)
    assert scores["explanation"][scores["metric"] != "creativity"].str.contains("finished 1.00").all()
    assert scores["explanation"][scores["metric"] == "creativity"].str.match(r"fresh \d").all()
    assert scores["version"].str.endswith("scripted-1").all()


@pytest.mark.soak
def test_a_card_says_what_the_readers_scores_are_made_of(filled, exp, monkeypatch):
    told = []
    monkeypatch.setattr(Cards, "tell", lambda _, message: told.append(message))
    message = {"method": "custom", "content": {"kind": "explain", "id": exp.responses["response_id"][0]}}
    Cards(filled)._handle_msg({"content": {"data": message}, "buffers": []})
    words = told[-1]["words"]
    parts = {"creativity": "fresh", "coherence": "fluency", "completeness": "on topic"}
    assert [words.count(f"The reader's {name}: {parts[name]} ") for name in READER_SCORES] == [1, 1, 1]


def test_the_decision_stays_with_the_surface_and_the_readers_is_a_second_one(exp):
    assert exp.verdict().source == "surface"
    (second,) = exp.second_decisions
    assert second.source == "reader"
    assert "decided by the reader" in second.evidence
    assert exp.verdict(source="reader").words == second.words
    assert "A second decision, by the reader" in " ".join(static.experiment(exp).text.split())


def test_a_plan_can_go_by_the_reader(lab, scripted):
    exp = run(lab, basis="reader")
    assert exp.plan.reader
    assert Plan.from_dict(json.loads(json.dumps(exp.plan.as_dict()))).source == "reader"
    assert exp.verdict().source == "reader"
    assert [decision.source for decision in exp.second_decisions] == ["surface"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"basis": "raeder"}, "did you mean 'reader'"),
        ({"basis": "reader", "checks": ["regex(pattern=a)"]}, "checks decide alone"),
        ({"reader": "yes"}, "neither True nor False"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(lab, scripted, options, words):
    with pytest.raises(BadInput, match=words):
        run(lab, **options)
    assert len(lab.experiments()) == 0


@pytest.mark.soak
def test_a_decision_on_one_of_the_readers_scores_is_by_the_reader_and_a_further_look(lab, scripted):
    exp = run(lab, reader=True)
    decision = exp.verdict("reader_coherence")
    assert (decision.source, decision.metric) == ("reader", "reader_coherence")
    assert "decided by the reader" in decision.evidence


@pytest.mark.soak
def test_a_replay_says_which_verdicts_by_the_reader_change(lab, scripted):
    exp = run(lab, basis="reader")
    texts = {row.text: number for number, row in enumerate(lab.context.store.response_rows(exp.id))}
    scripted.read = lambda self, given, _: [
        figures(Passage((-1.0 - texts[text] % 6,) * 40, self.end, -5.0), Passage((-4.0,) * 40, self.end)) for text in given
    ]
    found = lab.replay(exp, reader=True)
    assert found.differences
    assert found.verdicts == 1


@pytest.mark.soak
def test_a_text_too_long_to_be_read_says_so(lab, scripted):
    scripted.read = lambda self, given, _: [
        figures(Passage((-2.0,) * 4, None), Passage((-4.0,) * 4, None), prompt_cut=3, answer_cut=1200) for _ in given
    ]
    words = lab.scores(run(lab, reader=True))["explanation"]
    assert words.str.endswith("not read: the middle of the prompt (3 tokens) and the end of the answer (1,200 tokens)").all()


@pytest.mark.soak
def test_an_earlier_reader_compares_nothing_that_a_later_one_has_read(lab, scripted):
    exp = run(lab, reader=True)
    scripted.version = "scripted-2"
    exp.score(reader=True)
    scripted.version = "scripted-1"
    found = lab.replay(exp, reader=True)
    assert (found.identical, found.read, found.unread) == (True, 0, 12)


@pytest.mark.soak
def test_checks_decide_and_the_reader_is_a_second_opinion(lab, scripted):
    exp = run(lab, checks=["regex(pattern=the)"], reader=True)
    assert exp.verdict().source == "check"
    assert [decision.source for decision in exp.second_decisions] == ["reader"]
    assert exp.verdict("utility", source="reader").metric is None


def test_stored_answers_are_read_later_and_only_once(filled, plain, scripted):
    plain.score(reader=True)
    assert plain.responses[COLUMNS].notna().all(axis=None)
    assert len(scripted.read_texts) == 12
    plain.score(reader=True)
    assert len(scripted.read_texts) == 12
    payload = json.loads(filled.audit(event="scores_added")["payload"].iloc[-1])
    assert (payload["responses"], payload["metrics"]) == (12, COLUMNS)


def test_another_version_of_the_reader_takes_the_place_of_the_first_and_both_are_kept(filled, exp, scripted):
    before = exp.responses["reader_coherence"]
    scripted.version, scripted.mean = "scripted-2", -7.0
    exp.score(reader=True)
    assert (exp.responses["reader_coherence"] < before).all()
    assert filled.scores(exp)["version"].nunique() == 2


def test_an_interrupt_of_a_later_reading_keeps_what_was_read(plain, scripted, monkeypatch):
    monkeypatch.setattr(reading, "PORTION", 4)

    def interrupt(_):
        if len(scripted.read_texts) == 8:
            raise KeyboardInterrupt

    scripted.before_read = interrupt
    with pytest.raises(KeyboardInterrupt):
        plain.score(reader=True)
    assert plain.responses["reader_coherence"].notna().sum() == 8
    scripted.before_read = None
    plain.score(reader=True)
    assert len(scripted.read_texts) == 12


def test_a_run_that_is_ended_while_it_reads_is_interrupted_and_a_resume_reads_the_rest(lab, scripted, monkeypatch):
    monkeypatch.setattr(reading, "PORTION", 4)
    begun, go_on = threading.Event(), threading.Event()

    def wait(_):
        begun.set()
        assert go_on.wait(20)

    scripted.before_read = wait
    exp = lab.start(PROMPTS, n=2, sweep={"temperature": [0, 1]}, reader=True)
    assert begun.wait(20)
    assert exp.progress["unread"] > 0
    exp.cancel()
    go_on.set()
    exp.wait()
    assert exp.status == "interrupted"
    assert "the reader has not read" in exp.reason or exp.responses["status"].eq("cancelled").any()
    scripted.before_read = None
    exp.resume()
    assert exp.status == "completed"
    assert exp.responses[COLUMNS].notna().all(axis=None)
    assert len(scripted.read_texts) == len(set(lab.scores(exp)["response_id"])) == 12


def test_a_reader_that_fails_costs_no_answer_and_a_plan_by_it_is_shown_and_says_why(lab, scripted):
    def fail(_):
        raise RuntimeError("out of memory")

    scripted.before_read = fail
    exp = run(lab, basis="reader")
    assert exp.status == "completed"
    assert exp.reason == "the reader has not read 12 answers: RuntimeError: out of memory"
    assert exp.responses["status"].eq("ok").all()
    assert exp.verdict().outcome == "open"
    assert exp.verdict().setting is None
    assert "out of memory" in static.experiment(exp).text


def test_answers_that_are_read_together_are_few_and_short_and_to_one_prompt(filled, plain):
    rows = filled.context.store.response_rows(plain.id)
    rows = [dataclasses.replace(row, text=text) for row in rows for text in ("short", "long " * 500)]
    portions = list(reading.in_portions(rows))
    assert [row for portion in portions for row in portion] == sorted(rows, key=lambda row: row.prompt_index)
    assert all(len(portion) <= reading.PORTION for portion in portions)
    assert all(sum(len(row.text) for row in portion) <= reading.PORTION_CHARACTERS for portion in portions if len(portion) > 1)


def test_answers_without_text_and_failed_calls_are_not_read(tmp_path, server, scripted):
    with lab_at(tmp_path, server, "play:empty_text") as lab:
        exp = lab.run("Say nothing.", n=2, reader=True)
        assert exp.responses["status"].eq("empty").all()
        assert scripted.read_texts == []
    with lab_at(tmp_path, server, "play:quota") as lab:
        exp = lab.run("Say nothing.", n=2, reader=True)
        assert exp.status in ("failed", "paused")
        assert scripted.read_texts == []


@pytest.mark.soak
def test_a_race_by_the_reader_decides_on_what_has_been_read(lab, scripted):
    prompts = [f"Describe rain number {number} in a few words." for number in range(8)]
    unread = []
    looked = reading.Reading.wait

    def wait(self):
        looked(self)
        unread.append(self.left)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading.Reading, "wait", wait)
        exp = lab.run(prompts, n=1, sweep={"temperature": [0, 1]}, basis="reader", until="settled")
    assert exp.plan.race.looks
    assert len(unread) == len(exp.plan.race.looks) + 1
    assert set(unread) == {0}
    assert exp.verdict().source == "reader"


def test_what_was_read_travels_with_a_package_and_is_replayed(filled, exp, scripted, tmp_path):
    package = filled.export(exp, "package", tmp_path / "exp.zip")
    with pplab.Lab(store=tmp_path / "other", user="bob") as other:
        held = other.import_package(package.path)
        copy = other.experiment(held.experiments[0])
        assert copy.responses[COLUMNS].equals(exp.responses[COLUMNS])
        assert copy.second_decisions[0].words == exp.second_decisions[0].words
        count = len(scripted.read_texts)
        found = other.replay(copy.id)
        assert found.identical
        assert found.unread == 12
        assert len(scripted.read_texts) == count
        again = other.replay(package.path, reader=True)
        assert again.identical
        assert (again.read, again.unread) == (12, 0)
        scripted.mean = -5.0
        differs = other.replay(copy.id, reader=True)
        assert {d.metric for d in differs.differences} >= {"reader_coherence"}
        scripted.version = "scripted-2"
        assert other.replay(copy.id, reader=True).unread == 12


@pytest.mark.soak
def test_the_regression_gate_goes_by_code_and_reads_nothing(lab, scripted):
    exp = run(lab, reader=True)
    count = len(scripted.read_texts)
    gate = lab.check(exp)
    assert gate.outcome == "same"
    assert len(scripted.read_texts) == count


@pytest.mark.soak
def test_exports_have_its_scores(lab, scripted, tmp_path):
    exp = run(lab, reader=True)
    header = lab.export(exp, "csv", tmp_path / "answers.csv").path.read_text("utf-8").splitlines()[0]
    assert all(column in header for column in COLUMNS)


def test_no_metric_of_the_users_own_takes_a_name_of_a_judges_score():
    with pytest.raises(BadInput, match="begins like a score of the reader"):

        @metric("reader_taste")
        def taste(text):
            """Say how it tastes."""
            return 1


def test_without_the_extra_everything_says_in_one_line_what_to_install(lab, monkeypatch, tmp_path, capsys):
    found = weights_module.importlib.util.find_spec
    monkeypatch.setattr(weights_module.importlib.util, "find_spec", lambda name: None if name == "llama_cpp" else found(name))
    for attempt in (
        lambda: run(lab, reader=True),
        lambda: lab.preflight(PROMPTS, reader=True),
        lambda: run(lab).score(reader=True),
    ):
        with pytest.raises(BadInput, match=r"llama-cpp-python, which is not installed.*pplab\[reader\]"):
            attempt()
    assert run(lab).status == "completed"
    monkeypatch.setenv("PPLAB_STORE", str(tmp_path / "doctor"))
    assert main(["doctor"]) == 0
    assert "not used here" in " ".join(capsys.readouterr().out.split())


def test_the_commands_have_answers_read(tmp_path, scripted, monkeypatch, capsys):
    monkeypatch.setenv("PPLAB_STORE", str(tmp_path / "lab"))
    assert main(["run", "Describe a lighthouse.", "--n", "2", "--sweep", "temperature=0,1", "--reader", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert [decision["source"] for decision in data["second_decisions"]] == ["reader"]
    assert main(["run", "Describe a lighthouse.", "--n", "2", "--json"]) == 0
    capsys.readouterr()
    assert main(["results", "latest", "--reader"]) == 0
    assert "reader coherence" in " ".join(capsys.readouterr().out.split())
    assert main(["run", "Describe rain.", "--reader", "--dry-run"]) == 0
    assert "reads each answer as it arrives" in " ".join(capsys.readouterr().out.split())
    assert main(["replay", "latest", "--reader"]) == 0
    assert "The reader read 2 responses again" in " ".join(capsys.readouterr().out.split())


@pytest.mark.soak
def test_a_process_that_is_killed_while_it_reads_loses_nothing_that_was_read(tmp_path, scripted):
    killed = textwrap.dedent(f"""
        import os, pytest, pplab
        from tests.unit import test_reading as t
        patch = pytest.MonkeyPatch()
        patch.setattr(t.reader_module, "Reader", t.ScriptedReader)
        patch.setattr(t.weights_module, "find_weights", lambda path=None: t.weights_module.Weights(None, "scripted-1"))
        t.reading.PORTION = 4
        t.ScriptedReader.before_read = lambda texts: len(t.ScriptedReader.read_texts) < 8 or os.kill(os.getpid(), 9)
        t.run(pplab.Lab(store={str(tmp_path / "lab")!r}, user="ada", model="embedded"), reader=True)
    """)
    ended = subprocess.run([sys.executable, "-c", killed], check=False, capture_output=True, cwd=ROOT, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    with pplab.Lab(store=tmp_path / "lab", user="ada", model="embedded") as lab:
        exp = lab.experiment()
        assert exp.status == "interrupted"
        known = lab.scores(exp)["response_id"].nunique()
        assert 8 <= known < 12
        exp.resume()
        assert exp.status == "completed"
        assert exp.responses[COLUMNS].notna().all(axis=None)
        assert len(scripted.read_texts) == 12 - known
