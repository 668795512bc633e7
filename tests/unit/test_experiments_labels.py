"""Names, tags and notes of experiments: given, shown, changed, searched and exported."""

from __future__ import annotations

import json
import zipfile

import pandas as pd
import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import BadInput, NotFound
from pplab.plan.labels import check_labels


@pytest.fixture
def experiment(lab):
    return lab.run("Say hello.", n=1, name="warm or plain", tags=["tone", "v2"], note="Before the launch.")


def test_an_experiment_keeps_its_name_tags_and_note_and_a_change_replaces_what_it_names(lab, experiment):
    again = lab.experiment(experiment.id)
    assert (again.name, again.tags, again.note) == ("warm or plain", ("tone", "v2"), "Before the launch.")
    with pytest.raises(BadInput, match="nothing to change"):
        experiment.label()
    experiment.label(tags=["tone"], note="")
    assert (experiment.name, experiment.tags, experiment.note) == ("warm or plain", ("tone",), None)
    experiment.label("")
    assert experiment.name is None


def test_an_experiment_without_labels_has_none_and_writes_none(lab):
    experiment = lab.run("Say hello.", n=1)
    assert (experiment.name, experiment.tags, experiment.note) == (None, (), None)
    assert lab.sql("SELECT count(*) AS n FROM experiment_labels")["n"].tolist() == [0]


@pytest.mark.soak
def test_a_change_is_audited_with_what_it_says_now(lab, experiment):
    experiment.label("final")
    row = lab.audit("experiment_labelled").iloc[-1]
    assert row["entity_id"] == experiment.id
    assert json.loads(row["payload"]) == {"v": 1, "label": "final", "tags": ["tone", "v2"], "note": "Before the launch."}
    assert lab.verify().ok


def test_a_name_stands_for_the_latest_experiment_that_has_it(lab, experiment):
    assert lab.experiment("warm or plain").id == experiment.id
    second = lab.run("Say hello.", n=1, name="warm or plain")
    assert lab.experiment("warm or plain").id == second.id
    with pytest.raises(NotFound, match="id or the name 'cold-or-plain'"):
        lab.experiment("cold-or-plain")


def test_a_search_looks_through_name_tags_and_note_in_any_case(lab, experiment):
    lab.run("Say hello.", n=1, name="another")
    for text in ("WARM", "tone", "launch"):
        assert lab.experiments(search=text)["experiment_id"].tolist() == [experiment.id], text
    assert lab.experiments(search="nowhere").empty


@pytest.mark.soak
def test_the_list_of_experiments_shows_names_and_tags(lab, experiment):
    frame = lab.experiments()
    assert frame[["name", "tags", "note"]].iloc[0].tolist() == ["warm or plain", "tone, v2", "Before the launch."]


@pytest.mark.soak
def test_an_export_names_the_experiment_of_each_row(lab, experiment, tmp_path):
    lab.run("Say hello.", n=1)
    path = lab.export(lab.experiments(), format="parquet", path=tmp_path / "both.parquet").path
    assert pd.read_parquet(path)["experiment_name"].fillna("").tolist() == ["warm or plain", ""]


def test_a_package_carries_the_labels_into_another_lab(lab, experiment, tmp_path):
    path = lab.export(experiment, format="package", path=tmp_path / "one.zip").path
    with pplab.Lab(tmp_path / "other") as other:
        other.import_package(path)
        there = other.experiment("warm or plain")
        assert (there.id, there.tags, there.note) == (experiment.id, ("tone", "v2"), "Before the launch.")
    unnamed = lab.export(lab.run("Say hello.", n=1), format="package", path=tmp_path / "two.zip").path
    assert "data/labels.jsonl" not in zipfile.ZipFile(unnamed).namelist()


def test_results_change_the_labels_and_search_for_them(lab, experiment):
    session = Session(lambda: lab, front_end="notebook")
    changed = command_table.perform(["results", experiment.id, "--name", "final", "--tag", "done"], session).data
    assert (changed["name"], changed["tags"], changed["note"]) == ("final", ["done"], "Before the launch.")
    listed = command_table.perform(["results", "--search", "final"], session).data
    assert listed["experiment_id"].tolist() == [experiment.id]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("a" * 121, None, None), "cannot name an experiment"),
        (("latest", None, None), "is the latest experiment"),
        ((None, ["a,b"], None), "is no tag"),
        ((None, [str(i) for i in range(21)], None), "cannot have 21 tags"),
        ((None, None, 7), "the note is no text"),
    ],
)
def test_labels_that_cannot_be_are_refused_in_one_line(labels, words):
    with pytest.raises(BadInput, match=words):
        check_labels(*labels)
