"""Originality is shown beside creativity once a setting is complete, and nothing else knows of it."""

from __future__ import annotations

import dataclasses
import re

import pytest

import pplab
from pplab.analysis import originality
from pplab.scoring.surface import distances
from pplab.views import static
from pplab.views.records import with_originality
from pplab.views.widgets.cards import Cards

PROMPT = "Write a tagline for a notebook."
PAGE = {"page": 0, "sort": "", "status": "", "setting": -1, "levels": {}}
ROW = re.compile(r"<tr>(?:<t[hd][^>]*>.*?</t[hd]>)+</tr>")
CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lab with an experiment of one prompt, two settings and three answers to each, one with checks, and one of an answer."""
    folder = tmp_path_factory.mktemp("originality")
    with pplab.Lab(store=folder, user="ada") as lab:
        lab.run(PROMPT, n=3, sweep={"temperature": [0, 1]}, name="whole")
        lab.run(PROMPT, n=3, sweep={"temperature": [0, 1]}, checks="contains", expected=["paper"], name="checked")
        lab.run(PROMPT, n=1, name="alone")
    return folder


@pytest.fixture
def stored(folder):
    with pplab.Lab(store=folder, user="ada") as lab:
        yield lab.experiment


def shown(experiment):
    """Return the cards of an experiment, and what is said of the scores of the last one."""
    cards = Cards(experiment.context, experiment)
    told = []
    cards.send = told.append
    cards._take_ask({"kind": "ask", "wanted": PAGE})
    cards._take_explain({"kind": "explain", "id": told[0]["cards"][-1]["id"]})
    cards.close()
    return told[0]["cards"], told[1]["words"]


def scores_by_setting(experiment):
    """Return the rows of the table as lists of words."""
    markup = static.experiment(experiment).html.partition("<summary>Scores by setting</summary>")[2].partition("</table>")[0]
    return [CELL.findall(row) for row in ROW.findall(markup)]


def values(experiment):
    return [experiment.originality.of(response).value for response in experiment.responses["response_id"]]


def test_a_static_card_has_it_after_creativity(stored):
    experiment = stored("whole")
    drawn = static.experiment(experiment)
    assert [float(found) for found in re.findall(r"creativity \S+\s+originality (\S+)", drawn.text)] == pytest.approx(
        values(experiment), abs=0.006
    )
    labels = re.findall(r'<meter value="[\d.]+" aria-label="(\w+)">', drawn.html)
    assert labels.count("originality") == 6
    assert all(labels[at - 1] == "creativity" for at, label in enumerate(labels) if label == "originality")


def test_a_live_card_has_it_after_creativity_and_says_what_it_is(stored):
    experiment = stored("whole")
    cards, words = shown(experiment)
    assert [list(card["scores"])[:3] for card in cards] == [["creativity", "originality", "coherence"]] * 6
    assert [card["scores"]["originality"] for card in cards] == values(experiment)
    sentence = f"Originality {values(experiment)[-1]:.2f}: how far it is from the 2 other answers of its setting to this prompt."
    assert sentence in words


def test_answers_at_temperature_0_are_not_original(stored):
    found = values(stored("whole"))
    assert found[:3] == [0, 0, 0]
    assert min(found[3:]) > 0.1


def test_the_scores_by_setting_have_it_after_creativity(stored):
    head, *rows = scores_by_setting(stored("whole"))
    at = head.index("originality")
    assert head[at - 1] == "creativity"
    summary = stored("whole").summary()
    assert [row[at] for row in rows] == [f"{mean:.2f}" for mean in summary["originality"]]
    assert list(stored("whole").summary(latency=True)["originality"]) == list(summary["originality"])


def test_nothing_rests_on_it(stored):
    experiment = stored("whole")
    assert "originality" not in {*experiment.metrics, *experiment.responses.columns, *experiment.variance()["metric"]}
    assert "originality" not in str(experiment.verdict().as_dict())
    assert "originality" not in experiment.context.store.response(experiment.responses["response_id"][0]).metrics


def test_a_single_answer_has_none(stored):
    experiment = stored("alone")
    cards, words = shown(experiment)
    assert "originality" not in {*cards[0]["scores"], *experiment.summary().columns, *scores_by_setting(experiment)[0]}
    assert "Originality" not in words
    assert "originality" not in static.experiment(experiment).text


def test_a_replicate_that_is_still_to_come_keeps_its_setting_from_having_any(stored):
    experiment = stored("whole")
    with experiment.reading() as everything:
        answers = everything.answers.sort_values(["setting_index", "replicate"])
        partly = dataclasses.replace(everything, answers=answers[:-1])
    assert [bool(partly.originality.of(response)) for response in answers["response_id"]] == [True] * 3 + [False] * 3
    assert partly.summary["originality"].notna().tolist() == [True, False]


def test_each_set_of_answers_is_compared_once(stored, monkeypatch):
    compared = []
    matrix = distances.distance_matrix
    monkeypatch.setattr(distances, "distance_matrix", lambda texts: compared.append(tuple(texts)) or matrix(texts))
    experiment = stored("whole")
    shown(experiment)
    static.experiment(experiment)
    experiment.verdict(margin=0.1)
    experiment.summary(latency=True)
    assert len(compared) == len(set(compared)) == 2


@pytest.mark.parametrize(("name", "columns"), [("whole", 1), ("checked", 0)])
def test_of_many_answers_a_table_has_it_where_the_decision_compares_them_anyway(stored, monkeypatch, name, columns):
    monkeypatch.setattr(originality, "MOST_ANSWERS", 5)
    experiment = stored(name)
    assert scores_by_setting(experiment)[0].count("originality") == columns
    assert all("originality" in card["scores"] for card in shown(experiment)[0])


def test_few_answers_are_compared_for_a_table_also_where_checks_decide(stored):
    assert "originality" in scores_by_setting(stored("checked"))[0]


def test_a_metric_of_the_users_with_the_name_stays():
    scores = {"creativity": 0.5, "originality": 3.0}
    assert with_originality(scores, originality.Distant(0.2, 2)) == scores
