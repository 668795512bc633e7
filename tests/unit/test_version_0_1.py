"""What version 0.1 wrote: its lab, packages, recording and identities of calls still open, verify and replay."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

import pplab
from tests.data.version_0_1 import make
from tests.soak import only_soak

STORED = {"complete": 0, "failures": 1, "killed": 2}
COUNTS = {
    "calibrations": 1,
    "experiments": 3,
    "responses": 23,
    "call_attempts": 24,
    "experiment_exports": 3,
    "cell_executions": 7,
}
FAULTS = ["failed", "truncated", "refused", "ok"]


def opened_lab(folder):
    """Fill a folder with the lab as the present code has it once it was opened; return the ids of its experiments."""
    with pplab.Lab(store=unpacked(folder), user="ada") as lab:
        return list(lab.experiments()["experiment_id"])


@pytest.fixture
def ids(made_once):
    """The ids of the stored experiments, by what became of them."""
    return {name: made_once(opened_lab)[1][place] for name, place in STORED.items()}


@pytest.fixture
def old(made_once, tmp_path):
    """The lab, opened by the present code."""
    with pplab.Lab(store=shutil.copytree(made_once(opened_lab)[0] / "lab", tmp_path / "lab")) as lab:
        yield lab


def unpacked(folder: Path) -> Path:
    with tarfile.open(make.HERE / "lab.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "lab"


def test_the_lab_opens_with_every_row_and_verifies(old):
    assert COUNTS.items() <= old.counts().items()
    report = old.verify()
    assert report.ok
    assert report.heads_checked


def test_its_experiments_are_listed_as_they_were_left(old):
    listed = old.experiments()
    assert list(listed["status"]) == ["completed", "partial", "interrupted"]
    assert list(listed["planned"]) == [16, 4, 6]
    assert list(listed["responses"]) == [16, 4, 3]
    assert len(old.calibrations()) == 1
    assert old.calibration().ranges.keys() >= {"temperature", "top_p"}
    assert set(old.cells()["status"]) == {"ok", "error", "syntax error"}
    assert set(old.cells()["notebook"]) == {"first.ipynb"}


def test_every_status_that_is_stored_is_one_that_the_schema_names(old):
    schema = (resources.files("pplab.store.migrations") / "0001_initial.sql").read_text("utf-8")
    for table in ("experiments", "responses", "experiment_exports", "system_metrics", "cell_executions"):
        words = re.search(r"\n    status .*? -- (.*)", schema[schema.index(f"CREATE TABLE {table} ") :])[1]
        stored = set(old.sql(f"SELECT DISTINCT status FROM {table}")["status"])
        if table == "system_metrics":
            stored &= {"ok", "error", "interrupted"}  # of a call it is its response's
        assert stored <= set(re.split(r", then |, | or |; ", words)), table


def test_its_results_show_every_answer_and_every_failure(old, ids):
    complete = old.experiment(ids["complete"])
    assert list(complete.responses["prompt"].drop_duplicates()) == make.PROMPTS
    assert len(complete.summary()) == 4
    assert complete.verdict().words
    failed = old.experiment(ids["failures"]).responses
    assert list(failed["status"]) == FAULTS
    assert list(failed["error"].notna()) == [True, True, True, False]
    assert failed["text"].iloc[3].startswith("The keeper climbed")


def test_its_chains_of_cause_lead_from_an_answer_to_its_cell(old, ids):
    answer = old.responses(ids["complete"])["response_id"].iloc[0]
    traced = {(node.kind, node.id) for node in old.trace(answer).nodes}
    assert ("experiment", ids["complete"]) in traced
    assert ("cell", old.cells()["execution_id"].iloc[2]) in traced


def test_the_killed_run_is_resumed_and_what_it_had_stays(old, ids):
    before = old.responses(ids["killed"])
    resumed = old.experiment(ids["killed"]).resume()
    assert resumed.status == "completed"
    after = resumed.responses
    assert len(after) == 6
    kept = after[after["response_id"].isin(before["response_id"])]
    pd.testing.assert_frame_equal(kept[["response_id", "text"]], before[["response_id", "text"]])
    assert old.verify().ok


def test_its_experiments_are_replayed_to_the_stored_scores(old, ids):
    for experiment in ids.values():
        replay = old.replay(experiment)
        assert replay.identical or not replay.present_version.startswith("metrics 1,")
        assert replay.stored_versions == ("metrics 1, pplab 0.1.0",)


def test_its_tables_are_made_again_from_its_journals(old):
    report = old.rebuild()
    assert report.equal
    assert {table.table: table.rebuilt for table in report.tables}.items() >= COUNTS.items()


@pytest.mark.parametrize("format", ["csv", *only_soak("json", "parquet")])
def test_its_experiments_are_exported_by_the_present_code(old, ids, tmp_path, format):
    done = old.export(list(ids.values()), format=format, path=tmp_path / f"all.{format}")
    assert done.rows == 23
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": lambda p: pd.DataFrame(json.loads(p.read_text())["records"])}
    assert sorted(read[format](done.path)["response_id"]) == sorted(old.responses()["response_id"])


def test_a_new_package_of_its_experiments_holds_the_stored_rows(old, ids, tmp_path):
    new = old.export([ids["complete"], ids["failures"]], format="package", path=tmp_path / "new.zip")
    shutil.unpack_archive(new.path, tmp_path / "new")
    shutil.unpack_archive(make.HERE / "two.zip", tmp_path / "two")
    for table in ("calibrations", "experiments", "responses", "attempts"):
        now, then = (lines(tmp_path / name / f"data/{table}.jsonl") for name in ("new", "two"))
        assert len(now) == len(then) > 0
        for row, before in zip(now, then, strict=True):
            assert all(row[name] == value for name, value in before.items())
    assert lines(tmp_path / "new/audit.jsonl") == lines(tmp_path / "two/audit.jsonl")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "experiments", "responses"), [pytest.param("one.zip", 1, 16, marks=pytest.mark.soak), ("two.zip", 2, 20)]
)
def test_its_packages_verify_are_imported_and_replayed(lab, name, experiments, responses):
    package = make.HERE / name
    report = lab.verify(package)
    assert report.ok
    assert report.tables["responses"] == responses
    imported = lab.import_package(package)
    assert (len(imported.experiments), imported.responses, imported.new) == (experiments, responses, experiments)
    assert lab.import_package(package).new == 0
    assert list(lab.experiments()["status"]) == ["completed", "partial"][:experiments]
    replay = lab.replay(package)
    assert replay.identical or not replay.present_version.startswith("metrics 1,")
    assert lab.verify().ok


def test_a_package_is_the_baseline_of_a_check_answered_from_its_own_recording(lab, monkeypatch):
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    gate = lab.check(make.HERE / "two.zip")
    assert [check.drifted for check in gate.checks] == [(), ()]
    assert list(lab.responses()["status"])[-4:] == FAULTS


def test_the_lab_takes_its_own_packages_as_what_it_has_already(old):
    assert old.import_package(make.HERE / "two.zip").new == 0


def test_the_recording_answers_offline_what_was_asked_then(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    recording = Path(shutil.copy(make.HERE / "calls.jsonl", tmp_path))
    before = recording.read_bytes()
    lab.use_recording(recording)
    assert lab.model == make.STEPS
    answers = lab.run(make.FAULTY, n=4, parameters={"temperature": 0.5}, system="Be brief.").responses
    assert list(answers["status"]) == FAULTS
    assert lab.recording.report().answered == 4
    assert recording.read_bytes() == before


def test_the_stored_identities_are_what_the_present_code_computes_for_the_same_run(old, ids, lab):
    again = lab.run(
        make.PROMPTS,
        calibration=lab.calibrate("balanced"),
        n=2,
        sweep={"temperature": [0, 0.9], "top_p": [0.5, 1]},
        parameters={"max_tokens": 300, "frequency_penalty": 0.5, "presence_penalty": -0.25},
        seed=7,
    ).responses
    stored = old.experiment(ids["complete"]).responses
    pd.testing.assert_frame_equal(again[["request_key", "seed"]], stored[["request_key", "seed"]])


def test_a_thousand_calls_have_the_identities_they_had():
    total, *first = (make.HERE / "request_keys.txt").read_text("ascii").split()
    keys = make.keys()
    assert [key[:16] for key in keys] == first
    assert hashlib.sha256("".join(keys).encode()).hexdigest() == total
    assert len(set(keys)) > 990
