"""What is stored of one experiment: read at one opening of the tables, kept, and read again when it may have changed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.store.run_lock import announce
from pplab.views import static
from pplab.views.widgets.cards import Cards
from tests.openings import Openings
from tests.servers import FaultServer
from tests.soak import only_soak
from tests.unit.experiment_labs import lab_at

PROMPT = "Write a tagline for a notebook."


@pytest.fixture
def stored(lab):
    """The id of an experiment of two settings and six responses."""
    made = lab.run(PROMPT, n=3, sweep={"temperature": [0, 0.7]}, parameters={"max_tokens": 10}).id
    lab.counts()  # the first opening of a lab makes its tables
    return made


@pytest.fixture
def openings(monkeypatch):
    return Openings(monkeypatch)


def show(lab, *words):
    return command_table.perform(["results", *words], Session(lambda: lab, "notebook")).value


def test_a_run_that_ends_while_it_is_read_is_no_interrupted_one(lab, stored, monkeypatch):
    read = lab.context.store.experiment, lab.context.store.experiments
    told = []

    def ends(of, what):
        if what not in told:
            told.append(what)
            announce(lab.folder)  # as the end of a run does
            return of("running")
        return of("completed")

    def one(wanted):
        return ends(lambda status: dataclasses.replace(read[0](wanted), status=status), "one")

    def several(**filters):
        return ends(lambda status: read[1](**filters).assign(status=status), "several")

    monkeypatch.setattr(lab.context.store, "experiment", one)
    monkeypatch.setattr(lab.context.store, "experiments", several)
    assert lab.experiment(stored).status == "completed"
    assert list(lab.experiments()["status"]) == ["completed"]
    assert told == ["one", "several"]


WAYS = {
    "the command and its static form": lambda lab, wanted: static.experiment(show(lab, wanted)),
    "the command and its cards": lambda lab, wanted: Cards(lab, show(lab, wanted)).close(),
    "the command with everything": lambda lab, wanted: show(lab, wanted, "--full"),
    "every statement": lambda lab, wanted: statements(lab.experiment(wanted)),
}


def statements(experiment):
    found = experiment.verdict(), experiment.summary(latency=True), experiment.recommend(), experiment.compare(0, 1)
    return *found, experiment.warnings, experiment.fingerprints, experiment.responses, experiment.metrics, experiment.status


@pytest.mark.parametrize("known_by", ["id", *only_soak("latest")])
def test_showing_a_stored_experiment_opens_the_tables_once(lab, stored, openings, known_by):
    for way, show_it in WAYS.items():
        openings.clear()
        show_it(lab, stored if known_by == "id" else "latest")
        assert len(openings) == (2 if way == "the command with everything" else 1), way  # of every version of every score too


def test_pages_of_cards_open_no_tables(lab, stored, openings):
    cards = Cards(lab, lab.experiment(stored))
    openings.clear()
    for page, by in ((0, ""), (1, "creativity"), (0, "status")):
        cards._take_ask({"kind": "ask", "wanted": {"page": page, "sort": by, "status": "ok", "setting": 1, "levels": {}}})
    cards.close()
    assert openings == []


@pytest.mark.soak
def test_two_experiments_are_compared_at_one_opening(lab, stored, openings):
    other = lab.run(PROMPT, n=2, parameters={"max_tokens": 10}).id
    openings.clear()
    lab.compare(stored, other)
    assert len(openings) == 1


@pytest.mark.parametrize("how", ["this object", "another lab", *only_soak("another object", "another process")])
def test_more_replicates_are_seen_wherever_they_were_made(lab, stored, how):
    experiment = lab.experiment(stored)
    assert (len(experiment.responses), int(experiment.summary()["responses"].sum())) == (6, 6)
    if how == "this object":
        experiment.top_up(5)
    elif how == "another object":
        lab.experiment(stored).top_up(5)
    elif how == "another lab":
        with pplab.Lab(store=lab.folder) as other:
            other.experiment(stored).top_up(5)
    else:
        code = "import sys, pplab; lab = pplab.Lab(store=sys.argv[1]); lab.experiment(sys.argv[2]).top_up(5); lab.close()"
        subprocess.run([sys.executable, "-c", code, str(lab.folder), stored], check=True)
    assert len(experiment.responses) == 10
    assert int(experiment.summary()["responses"].sum()) == 10
    assert "10 of 10 answers" in experiment.verdict().words
    assert experiment.plan.looks == 2
    assert (experiment.plan.replicates, experiment.status) == (5, "completed")


def test_rebuilt_tables_are_read_again(lab, stored):
    import duckdb

    with duckdb.connect(str(lab.folder / "lab.duckdb")) as tables:
        tables.execute("UPDATE responses SET text = 'forged'")
    experiment = lab.experiment(stored)
    assert set(experiment.responses["text"]) == {"forged"}
    lab.rebuild(swap=True)
    assert "forged" not in set(experiment.responses["text"])


def test_a_running_experiment_shows_each_answer_at_the_next_question(tmp_path):
    with FaultServer() as server, lab_at(tmp_path, server, "play:hang") as lab:
        running = lab.start(PROMPT, n=2, max_concurrency=1)
        shown = lab.experiment(running.id)
        assert (shown.status, set(shown.responses["error"])) == ("running", {"not answered yet"})
        running.cancel()
        running.wait()
        assert shown.status == "interrupted"
        assert set(shown.responses["status"]) == {"cancelled"}


@pytest.mark.soak
def test_a_running_experiment_is_shown_at_one_opening_too(tmp_path, openings):
    with FaultServer() as server, lab_at(tmp_path, server, "play:hang") as lab:
        running = lab.start(PROMPT, n=2, max_concurrency=1)
        shown = lab.experiment(running.id)
        openings.clear()
        static.experiment(shown)
        assert len(openings) == 1
        running.cancel()


@pytest.mark.soak
def test_what_a_user_does_to_a_table_changes_no_later_one(lab, stored):
    experiment = lab.experiment(stored)
    for table in (experiment.responses, experiment.summary()):
        table.loc[:, "setting_index"] = 99
    assert set(experiment.responses["setting_index"]) == set(experiment.summary()["setting_index"]) == {0, 1}


def test_an_experiment_whose_calibration_is_in_another_lab_is_decided_with_even_weights_and_says_so(lab, tmp_path):
    with pplab.Lab(store=tmp_path / "other") as other:
        made = other.calibrate("balanced")
    experiment = lab.run(PROMPT, calibration=made, settings=2, n=2)
    assert "calibration is not in this lab" in static.experiment(lab.experiment(experiment.id)).text
    assert experiment.recommend().precision == 0.5
