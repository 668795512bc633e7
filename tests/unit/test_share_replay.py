"""Replay says identical when the code is the same, and what differs since which version when it is not."""

from __future__ import annotations

import json

import pytest

import pplab
from pplab.errors import BadInput, NotFound, StoreTampered
from pplab.scoring import registry
from pplab.scoring import scores as metrics
from tests.unit import share_labs


def test_stored_responses_get_the_stored_scores(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        found = lab.replay(share_labs.experiment_id())
        assert found.identical
        assert found.responses == 8
        assert "Identical: 8 responses" in found.words
        event = lab.audit(event="replay_completed").iloc[-1]
        assert json.loads(event["payload"])["identical"] is True
        assert event["entity_id"] == share_labs.experiment_id()


def test_a_package_is_replayed_without_being_imported(tmp_path):
    with pplab.Lab(store=tmp_path / "bob") as lab:
        assert lab.replay(share_labs.package(tmp_path)).identical
        assert lab.counts()["experiments"] == 0


def test_code_that_scores_otherwise_is_found_and_its_version_named(tmp_path, monkeypatch):
    score = metrics.score

    class Other:
        def __init__(self, found):
            self.__dict__ = {n: getattr(found, n) for n in ("creativity", "structure", "completeness", "metrics")}
            self.coherence = found.coherence / 2

    with share_labs.ada(tmp_path) as lab:
        monkeypatch.setattr("pplab.scoring.checks.score_at_once", lambda text, prompt, **_: Other(score(text, prompt)))
        monkeypatch.setattr(metrics, "METRICS_VERSION", "99")
        found = lab.replay(share_labs.experiment_id())
    assert not found.identical
    assert {d.metric for d in found.differences} == {"coherence"}
    assert all(d.now == d.stored / 2 for d in found.differences)
    assert found.summaries == 2  # the mean coherence of each setting
    assert "scored again by metrics 99" in found.words
    assert "the metrics changed in between" in found.words
    assert list(found.df["metric"].unique()) == ["coherence"]


@pytest.mark.soak
def test_scores_that_changed_without_a_new_version_are_called_so(tmp_path, monkeypatch):
    score = metrics.score

    class Other:
        def __init__(self, found):
            self.__dict__ = {n: getattr(found, n) for n in ("creativity", "coherence", "structure", "metrics")}
            self.completeness = None

    with share_labs.ada(tmp_path) as lab:
        monkeypatch.setattr("pplab.scoring.checks.score_at_once", lambda text, prompt, **_: Other(score(text, prompt)))
        words = lab.replay(share_labs.experiment_id()).words
    assert "without saying so" in words
    assert "n/a now" in words


def test_a_users_own_metric_is_replayed_where_it_is_registered(tmp_path):
    def shouting(text, prompt):
        """Is every letter a capital?"""
        return float(text.isupper())

    registry.metric("shouting")(shouting)
    try:
        with pplab.Lab(store=tmp_path / "lab") as lab:
            experiment = lab.run("Describe rain.", n=2)
            assert lab.replay(experiment).identical
    finally:
        registry.unregister("shouting")


@pytest.mark.soak
def test_fresh_answers_are_compared_when_asked_for(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        found = lab.replay(share_labs.experiment_id(), live=True)
    assert [check.outcome for check in found.live] == ["same"]
    assert "Compared with fresh answers" in found.words


def test_a_package_that_was_altered_is_not_replayed(tmp_path):
    path = share_labs.repacked(share_labs.package(tmp_path), {"data/responses.jsonl": b"{}\n"})
    with pplab.Lab(store=tmp_path / "bob") as lab, pytest.raises(StoreTampered):
        lab.replay(path)


@pytest.mark.parametrize("wanted", ["no-such.zip", "00000000-0000-0000-0000-000000000000", "some/where"])
def test_what_is_not_there_is_named(tmp_path, wanted):
    with pplab.Lab(store=tmp_path / "bob") as lab, pytest.raises(NotFound):
        lab.replay(wanted)


@pytest.mark.parametrize("wanted", [5, 3.5, [], b"x", None])
def test_what_can_be_neither_an_experiment_nor_a_package_is_named_by_its_type(tmp_path, wanted):
    with pplab.Lab(store=tmp_path / "bob") as lab:
        for verb in (lab.replay, lab.check):
            with pytest.raises(BadInput, match=f"{type(wanted).__name__} is not an experiment"):
                verb(wanted)


def test_a_folder_that_is_no_package_is_named(tmp_path):
    (tmp_path / "notes").mkdir()
    with pplab.Lab(store=tmp_path / "bob") as lab:
        for verb in (lab.replay, lab.check, lab.verify, lab.import_package):
            with pytest.raises(BadInput, match="'notes' is not a package of pplab"):
                verb(tmp_path / "notes")
