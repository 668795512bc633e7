"""Ratings travel with their experiment: exported, carried by a package into another lab, checked there, and shown in a trace."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

import pplab
from pplab.errors import PplabError, StoreTampered
from pplab.operation import Operation
from pplab.store.record_types import RECORD_TYPES
from pplab.store.rows import RatingRow
from pplab.store.trace import KIND_NAMES
from pplab.views import static, trace_table
from tests.soak import only_soak
from tests.unit.share_labs import files, rehashed, repacked

RATINGS = "data/ratings.jsonl"
SECRET = "a-word-that-nobody-knew-of-0123456789"


def rated(position, response, other=None, *, choice, note=None, rater="ada", revision=0):
    return RatingRow(
        rating_id=f"rating-{rater}-{position}",
        revision=revision,
        created_at=f"2026-11-24T00:00:0{position}.000000",
        experiment_id=response["experiment_id"],
        rater=rater,
        position=position,
        response_id=response["response_id"],
        response_revision=0,
        other_id=None if other is None else other["response_id"],
        other_revision=None if other is None else 0,
        choice=choice,
        note=note,
        correlation_id="0af7651916cd43dd8448eb211c80319c",
    )


def rated_lab(folder):
    """Fill a lab with two answers, rated one at a time and side by side, one rating taken back; return the experiment's id."""
    with pplab.Lab(store=folder) as lab:
        experiment = lab.run("Describe rain.", n=2)
        one, two = lab.responses(experiment).to_dict("records")
        about = {"entity": "experiment", "entity_id": experiment.id}
        with Operation(lab._context, "rate"):
            lab._context.record_event("rating_started", **about, pairs=False, items=3)
            lab._context.record(rated(0, one, choice="4", note="=fine, “nearly”"), rated(1, two, choice="2"))
            lab._context.record(rated(2, one, two, choice="left"), rated(0, two, one, choice="both_bad", rater="grace"))
            lab._context.record(rated(1, two, choice="undone", revision=1))
            lab._context.record_event("rating_ended", **about, rated=3)
        return experiment.id


@pytest.fixture
def lab(tmp_path, request, made_once):
    """A lab, with a rated experiment where the test asks for one."""
    if "made" in request.fixturenames:
        shutil.copytree(made_once(rated_lab)[0], tmp_path / ".pplab")
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        yield lab


@pytest.fixture
def made(lab, made_once):
    return lab.experiment(made_once(rated_lab)[1])


def packaged(lab, experiment, folder, name="p.zip"):
    return lab.export(experiment, "package", folder / name).path


def test_a_package_carries_the_ratings_into_another_lab_once(lab, made, tmp_path):
    package = packaged(lab, made, tmp_path)
    assert lab.verify(package).tables["ratings"] == 4
    assert lab.replay(package).identical
    with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
        for new in (1, 0):
            assert bob.import_package(package).new == new
            assert bob._store.rating_rows(made.id) == lab._store.rating_rows(made.id)
            assert bob.counts()["ratings"] == 4
        assert bob._store.ratings(made.id).equals(lab._store.ratings(made.id))
        assert bob.verify().ok
        assert files(packaged(bob, made, tmp_path, "again.zip"))[RATINGS] == files(package)[RATINGS]


@pytest.mark.soak
def test_a_package_with_ratings_is_the_same_bytes_whenever_it_is_made(lab, made, tmp_path):
    first, second = (packaged(lab, made, tmp_path, f"{number}.zip") for number in range(2))
    assert first.read_bytes() == second.read_bytes()
    described = json.loads(files(first)["ro-crate-metadata.json"])["@graph"]
    (schema,) = (entity for entity in described if entity["@id"] == "#schema-ratings")
    assert [column["csvw:name"] for column in schema["csvw:column"]] == [c.name for c in RECORD_TYPES["rating"].columns]


@pytest.mark.soak
def test_the_audit_of_a_package_says_that_its_answers_were_rated(lab, made, tmp_path):
    audit = files(packaged(lab, made, tmp_path))["audit.jsonl"].decode()
    assert audit.count('"event":"rating_started"') == audit.count('"event":"rating_ended"') == 1


@pytest.mark.soak
def test_a_package_of_an_experiment_without_ratings_is_as_it_was_before_there_were_any(lab, tmp_path):
    package = packaged(lab, lab.run("Describe rain.", n=1), tmp_path)
    assert not [name for name in files(package) if "ratings" in name]
    assert b"ratings" not in b"".join(content for name, content in files(package).items() if name.endswith((".json", ".txt")))
    with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
        assert bob.import_package(package).new == 1
        assert bob.counts()["ratings"] == 0


@pytest.mark.soak
def test_the_replay_notebook_does_not_depend_on_ratings(lab, tmp_path):
    experiment = lab.run("Describe rain.", n=2)
    before = files(packaged(lab, experiment, tmp_path, "before.zip"))["replay.ipynb"]
    one, _ = lab.responses(experiment).to_dict("records")
    lab._context.record(rated(0, one, choice="4"), durable=True).result()
    after = files(packaged(lab, experiment, tmp_path, "after.zip"))
    assert RATINGS in after
    assert after["replay.ipynb"] == before


def test_a_rating_that_was_altered_in_a_package_is_found_and_does_not_enter(lab, made, tmp_path):
    package = packaged(lab, made, tmp_path)
    lines = files(package)[RATINGS]
    repacked(package, {RATINGS: lines.replace(b'"choice":"left"', b'"choice":"right"')})
    with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
        with pytest.raises(StoreTampered, match="row 3 of ratings was altered"):
            bob.import_package(package)
        assert bob.counts()["ratings"] == bob.counts()["experiments"] == 0


WRITTEN_BY_NO_LAB = (
    (0, {"response_id": "nobody-1"}, "rating rating-a belongs to no response"),
    (0, {"experiment_id": "nobody-1"}, "rating rating-a belongs to no response"),
    (2, {"other_id": "nobody-1"}, "rating rating-a belongs to no response"),
    (0, {"choice": "6"}, "rating rating-a has a choice that nobody could make"),
    (0, {"choice": "left"}, "rating rating-a has a choice that nobody could make"),
    (2, {"choice": "4"}, "rating rating-a has a choice that nobody could make"),
    (1, {"rating_id": "rating-ada-0"}, "two rows of ratings have the same id"),
    (0, {"position": "first"}, "row 1 of ratings cannot be read"),
)


def test_a_rating_that_no_lab_wrote_is_found_in_a_package(lab, made, tmp_path):
    package = packaged(lab, made, tmp_path)
    written = files(package)[RATINGS].decode().splitlines()
    assert lab.verify(rehashed(package, {})).ok
    for row, change, words in WRITTEN_BY_NO_LAB:
        lines = written.copy()
        lines[row] = json.dumps(json.loads(lines[row]) | change, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        rehashed(package, {RATINGS: "".join(f"{line}\n" for line in lines).encode()})
        with pytest.raises(PplabError, match=words):
            lab.verify(package)


def test_a_secret_that_became_known_after_a_note_was_stored_does_not_leave_with_it(lab, made, tmp_path):
    one = lab.responses(made).iloc[0]
    lab._context.record(rated(9, one, choice="1", note=f"it echoes {SECRET}"), durable=True).result()
    assert SECRET in lab._store.rating_rows(made.id, "ada")[-1].note
    lab._context.scrub.add(SECRET)
    package = packaged(lab, made, tmp_path)
    assert b"it echoes" in files(package)[RATINGS]
    assert not [name for name, content in files(package).items() if SECRET.encode() in content]
    assert SECRET not in lab.export(made, "csv", tmp_path / "r.csv", what="ratings").path.read_text("utf-8-sig")


@pytest.mark.parametrize("format", ["csv", *only_soak("json", "parquet")])
def test_the_ratings_that_stand_are_exported_to_a_file(lab, made, tmp_path, format):
    bare = lab.run("Describe snow.", n=1)
    done = lab.export([bare, made], format, tmp_path / f"r.{format}", what="ratings")
    assert done.rows == 3
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": lambda p: pd.DataFrame(json.loads(p.read_text())["records"])}
    frame = read[format](done.path)
    assert set(frame.columns) == set(lab._store.ratings().columns)
    assert frame["choice"].astype(str).tolist() == ["4", "left", "both_bad"]
    assert frame["rater"].tolist() == ["ada", "ada", "grace"]
    assert frame["note"].iloc[0].removeprefix("'") == "=fine, “nearly”"


def test_ratings_of_an_experiment_that_has_none_are_an_empty_file(lab, tmp_path):
    done = lab.export(lab.run("Describe snow.", n=1), "csv", tmp_path / "r.csv", what="ratings")
    assert (done.rows, done.path.read_text("utf-8-sig").count("\n")) == (0, 1)


@pytest.mark.soak
def test_a_trace_shows_how_many_ratings_there_are_of_each_choice(lab, made):
    chain = lab.trace(made.id)
    display = static.trace(chain, full=False)
    assert "<summary>rating: 4 records</summary>" in display.html
    for label in ("answer 4", "answer undone", "pair left", "pair both_bad"):
        assert label in display.html
    assert {row["record"]: row["count"] for row in trace_table.kinds(chain)[0]}["rating"] == 4


def test_every_kind_of_node_has_its_place_in_the_view_of_a_trace():
    kinds = {KIND_NAMES.get(name, name) for name in RECORD_TYPES} - {"label"} | {"summary"}
    assert set(trace_table.ORDER) == kinds
    assert len(trace_table.ORDER) == len(kinds)
