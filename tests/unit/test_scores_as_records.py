"""Scores as records: those of users' metrics beside their answers, later ones, and other versions of them."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

import pplab
from pplab.errors import BadInput
from pplab.metrics import metric, registered, unregister
from pplab.store.scores import OTHER_VERSION
from pplab.views import static
from tests.unit.share_labs import rehashed


@pytest.fixture(autouse=True)
def no_metrics():
    yield
    for info in registered():
        if not info.built_in:
            unregister(info.name)


def register_words(version="1", factor=1, **options):
    @metric("words", **{"low": 0, "high": 5000, "version": version, **options})
    def words(text, prompt, row):
        """Count words."""
        return factor * len(text.split()) if "the" in text else None

    return words


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / "lab", user="ada") as lab:
        yield lab


def run(lab):
    return lab.run(["Describe rain.", "List three birds."], n=2, sweep={"temperature": [0, 0.8]})


def scored_lab(folder):
    """Fill a lab with an experiment that was scored by a metric of the user's own; return its id."""
    with pplab.Lab(store=folder, user="ada") as lab:
        return run(lab).id


@pytest.fixture
def scored(made_once):
    register_words()
    return made_once(scored_lab)


@pytest.fixture
def filled(scored, tmp_path):
    with pplab.Lab(store=shutil.copytree(scored[0], tmp_path / "filled"), user="ada") as lab:
        yield lab


@pytest.fixture
def exp(filled, scored):
    """An experiment that was scored by a metric of the user's own."""
    return filled.experiment(scored[1])


def counted(exp, factor=1):
    return [factor * len(text.split()) if "the" in text else None for text in exp.responses["text"]]


def values(exp):
    return exp.responses["words"].astype(object).where(exp.responses["words"].notna(), None).tolist()


def test_a_users_metric_is_written_as_scores_and_read_as_a_column(filled, exp):
    assert values(exp) == counted(exp)
    assert exp.metrics[-1] == "words"
    scores = filled.scores(exp)
    assert list(scores["response_id"]) == list(exp.responses["response_id"])
    assert set(scores["source"]) == {"surface"}
    assert set(scores["version"]) == {"1"}
    assert list(scores["explanation"].dropna().unique()) in ([], ["not applicable"])
    assert set(filled.sql("SELECT metrics FROM responses")["metrics"]) == {"{}"}
    assert filled.response(exp.responses["response_id"][0]).metrics == {"words": counted(exp)[0]}
    measures = filled.analytics().set_index("measure")
    own = [value for value in counted(exp) if value is not None]
    assert measures.loc["words", "n"] == len(own)
    assert measures.loc["words", "mean"] == pytest.approx(sum(own) / len(own))


@pytest.mark.soak
def test_listeners_have_the_values_in_the_response(lab):
    register_words()
    heard = []
    exp = lab.run("Describe rain.", n=2, on_response=heard.append)
    assert {row.response_id: row.metrics["words"] for row in heard} == dict(
        zip(exp.responses["response_id"], counted(exp), strict=True)
    )


def test_stored_answers_are_scored_later_and_again_in_another_version(lab):
    exp = lab.run("Describe rain.", n=2, sweep={"temperature": [0, 0.8]})
    with pytest.raises(BadInput, match="nothing to score by"):
        exp.score()
    register_words(higher_is_better=False)
    assert values(exp.score()) == counted(exp)
    assert [(m.name, m.high, m.higher_is_better) for m in exp.metric_info[4:]] == [("words", 5000, False)]
    assert "words_low" in exp.summary()
    register_words(version="2", factor=2)
    assert values(lab.score(exp)) == counted(exp, 2)
    scores = lab.scores(exp)
    assert list(scores["version"]) == ["1", "2"] * len(exp.responses)
    own = [value for value in counted(exp, 2) if value is not None]
    assert lab.analytics().set_index("measure").loc["words", "mean"] == pytest.approx(sum(own) / len(own))
    assert lab.verify().ok


@pytest.mark.soak
def test_scoring_is_audited_once_and_does_nothing_where_every_answer_has_its_score(lab):
    exp = run(lab)
    register_words()
    exp.score().score()
    events = lab.audit("scores_added")
    assert [json.loads(payload) for payload in events["payload"]] == [
        {"v": 1, "metrics": ["words"], "responses": len(exp.responses), "scores": len(exp.responses)}
    ]
    assert list(events["entity_id"]) == [exp.id]
    assert list(lab.timing("operation", name="score")["status"]) == ["ok", "ok"]


@pytest.mark.soak
def test_another_object_of_the_experiment_sees_what_was_scored(lab):
    exp = run(lab)
    other = lab.experiment(exp.id)
    assert "words" not in other.responses
    register_words()
    exp.score()
    assert values(other) == counted(exp)


def test_versions_are_never_compared_and_the_answers_of_the_earlier_one_say_so(lab):
    register_words()
    exp = lab.run("Describe rain.", n=2)
    register_words(version="2", factor=2)
    exp.top_up(3)
    assert values(exp)[:2] == [None, None]
    assert values(exp)[2] == counted(exp, 2)[2]
    assert [exp.unjudged[rid]["words"] for rid in exp.responses["response_id"][:2]] == [OTHER_VERSION] * 2
    assert values(exp.score()) == counted(exp, 2)


def test_scores_of_the_four_by_an_earlier_version_stay_and_the_present_ones_stand_beside_them(lab, monkeypatch):
    from pplab.scoring import scores

    exp = run(lab)
    stored = list(exp.responses["structure"])
    score = scores.score
    monkeypatch.setattr(scores, "METRICS_VERSION", "99")
    exp.score()
    assert set(lab.scores(exp)["metric"]) == {"creativity", "coherence", "structure", "completeness"}
    assert list(exp.responses["structure"]) == stored
    assert exp.metrics == ("creativity", "coherence", "structure", "completeness")
    assert score is scores.score


def test_a_metric_is_given_the_row_of_its_prompt(lab):
    from pplab.metrics import score

    @metric("told", version="1")
    def told(text, prompt, row):
        """Say whether the answer is in the row."""
        return float(row["answer"] in text)

    assert score("It is blue.", "What is it?", row={"answer": "blue"}).metrics == {"told": 1.0}
    assert score("It is blue.", "What is it?").detail["told"]["reason"].startswith("raised KeyError")


def test_scores_travel_with_a_package_and_what_was_scored_there_does_not_stand_in_the_way(filled, exp, tmp_path):
    register_words(version="2", factor=2)
    exp.score()
    package = filled.export(exp, "package", tmp_path / "p.zip").path
    assert filled.replay(package).identical
    with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
        assert bob.verify(package).sha256
        bob.import_package(package)
        theirs = bob.experiment(exp.id)
        assert list(bob.scores(theirs)["version"]) == list(filled.scores(exp)["version"])
        register_words(version="3", factor=3)
        assert values(theirs.score()) == counted(exp, 3)
        assert bob.import_package(package).new == 0
        assert bob.verify().ok
        assert bob.rebuild().equal


@pytest.mark.soak
def test_a_package_without_scores_is_the_same_as_before_there_were_any(lab, tmp_path):
    package = lab.export(run(lab), "package", tmp_path / "p.zip").path
    assert "data/scores.jsonl" not in zipfile.ZipFile(package).namelist()


def test_a_score_that_no_lab_wrote_is_found_in_a_package(filled, exp, tmp_path):
    package = filled.export(exp, "package", tmp_path / "p.zip").path
    lines = zipfile.ZipFile(package).read("data/scores.jsonl").decode().splitlines()
    for field, value, words in (
        ("response_id", "nobody-1", "belongs to no response"),
        ("source", "oracle", "has a source that is none of pplab"),
        ("version", "7", "has an id that does not fit it"),
    ):
        altered = json.dumps(json.loads(lines[0]) | {field: value}, sort_keys=True, separators=(",", ":"))
        rehashed(package, {"data/scores.jsonl": "".join(f"{line}\n" for line in [altered, *lines[1:]]).encode()})
        with pytest.raises(pplab.PplabError, match=words):
            filled.verify(package)


def test_scores_are_shown_exported_and_traced(filled, exp, tmp_path):
    assert "Scores besides the four" in static.full_experiment(exp).text
    assert filled.export(exp, "csv", tmp_path / "scores.csv", what="scores").rows == len(exp.responses)
    chain = filled.trace(filled.sql("SELECT score_id FROM scores LIMIT 1")["score_id"][0])
    assert [node.label for node in chain.nodes if node.kind == "score"] == ["words surface"]
    assert sum(node.kind == "response" for node in chain.nodes) == 1


@pytest.mark.soak
def test_the_gate_compares_a_metric_in_one_version_only(lab):
    register_words(low=0, high=None)
    exp = run(lab)
    register_words(version="2", factor=2, low=0, high=None)
    gate = lab.check(exp, margins={"words": 1.0})
    assert gate.outcome == "same"
