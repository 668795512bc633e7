"""What a package holds, that it is the same whenever it is made, and that others' tools understand it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile

import bagit
import pytest

from pplab.errors import BadInput
from pplab.models.recording import Recording
from pplab.share.package import environment
from tests.servers import FaultServer
from tests.unit import share_labs
from tests.unit.experiment_labs import lab_at


def test_two_exports_are_the_same_bytes_whatever_happens_in_between(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        first = lab.export(share_labs.experiment_id(), format="package", path=tmp_path / "a.zip")
        lab.run("Something else.", n=1)
        lab.export(share_labs.experiment_id(), format="csv", path=tmp_path / "a.csv")
        second = lab.export(share_labs.experiment_id(), format="package", path=tmp_path / "b.zip")
    with share_labs.ada(tmp_path / "again") as lab:
        third = lab.export(share_labs.experiment_id(), format="package", path=tmp_path / "c.zip")
    assert first.sha256 == second.sha256 == third.sha256
    assert (tmp_path / "a.zip").read_bytes() == share_labs.package(tmp_path).read_bytes()


def test_the_package_names_its_own_head_and_the_export_job_the_labs(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        made = lab.export(share_labs.experiment_id(), format="package", path=tmp_path / "a.zip")
        job = lab.sql("SELECT * FROM experiment_exports WHERE export_id = ?", [made.export_id]).iloc[0]
        report = lab.verify(tmp_path / "a.zip")
        head = lab.audit().set_index("seq")["hash"]
        assert head[job["head_seq"]] == job["head_hash"]
        assert head[report.head_seq] == report.head_hash
        assert report.head_seq < job["head_seq"]
    assert job["sha256"] == made.sha256 == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()


def test_bagit_python_finds_the_unpacked_package_valid(tmp_path):
    with zipfile.ZipFile(share_labs.package(tmp_path)) as archive:
        archive.extractall(tmp_path / "bag")
    bag = bagit.Bag(str(tmp_path / "bag"))
    bag.validate()
    assert bag.info["Contact-Name"] == "ada"
    (tmp_path / "bag" / "data" / "responses.jsonl").write_text("{}\n")
    assert not bag.is_valid()


def test_everything_in_a_package_is_described_by_its_ro_crate(tmp_path):
    contents = share_labs.files(share_labs.package(tmp_path))
    crate = json.loads(contents["ro-crate-metadata.json"])
    entities = {e["@id"]: e for e in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    unlisted = {"ro-crate-metadata.json", "manifest-sha256.txt", "tagmanifest-sha256.txt"}
    assert parts == set(contents) - unlisted
    for name in parts:
        assert entities[name]["contentSize"] == str(len(contents[name]))
    schema = entities["#schema-responses"]
    first = json.loads(contents["data/responses.jsonl"].splitlines()[0])
    assert {c["csvw:name"] for c in schema["csvw:column"]} == set(first)
    references = [
        v["@id"] for e in crate["@graph"] for v in e.values() if isinstance(v, dict) and v.get("@id", "").startswith("#")
    ]
    assert set(references) <= set(entities)


def test_the_tables_are_readable_as_csv_and_parquet(tmp_path):
    import pyarrow.parquet as pq

    contents = share_labs.files(share_labs.package(tmp_path))
    rows = list(csv.DictReader(io.StringIO(contents["data/responses.csv"].decode("utf-8-sig"))))
    table = pq.read_table(io.BytesIO(contents["data/responses.parquet"]))
    lines = [json.loads(line) for line in contents["data/responses.jsonl"].splitlines()]
    assert [r["response_id"] for r in rows] == table["response_id"].to_pylist() == [line["response_id"] for line in lines]
    assert [float(r["coherence"]) for r in rows] == table["coherence"].to_pylist()


def test_the_recording_inside_answers_every_call_of_the_plan(tmp_path):
    contents = share_labs.files(share_labs.package(tmp_path))
    (tmp_path / "calls.jsonl").write_bytes(contents["recordings/calls.jsonl"])
    keys = {call.key for call in Recording(tmp_path / "calls.jsonl").calls()}
    assert keys == {json.loads(line)["request_key"] for line in contents["data/responses.jsonl"].splitlines()}


def test_the_lock_pins_what_pplab_runs_on_and_nothing_else():
    lines = environment().splitlines()
    assert lines[0].startswith("# Python 3.")
    assert all("==" in line for line in lines[1:])
    assert {"pplab", "numpy", "duckdb", "openai"} <= {line.split("==")[0] for line in lines[1:]}
    names = [line.split("==")[0] for line in lines[1:]]
    assert names == sorted(set(names))


def test_no_path_of_this_machine_is_in_a_package(tmp_path):
    for name, content in share_labs.files(share_labs.package(tmp_path)).items():
        for path in (str(tmp_path.parent), "/tmp/pplab-share", "/home/"):
            assert path.encode() not in content, name


@pytest.mark.soak
def test_a_package_of_two_experiments_holds_both_and_their_order_does_not_matter(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        other = lab.run("Describe rain.", n=2).id
        ids = [share_labs.experiment_id(), other]
        a = lab.export(ids, format="package", path=tmp_path / "a.zip")
        b = lab.export(ids[::-1], format="package", path=tmp_path / "b.zip")
        assert a.sha256 == b.sha256
        report = lab.verify(tmp_path / "a.zip")
    assert report.tables["experiments"] == 2
    assert report.planned == report.stored == 10


def test_only_experiments_make_a_package(tmp_path):
    with share_labs.ada(tmp_path) as lab, pytest.raises(BadInput, match="a package holds experiments"):
        lab.export(what="audit", format="package")


def test_runs_that_were_cut_short_or_failed_are_packed_as_they_are(tmp_path):
    with FaultServer() as server:
        with lab_at(tmp_path, server, "play:length") as lab:
            cut = lab.run("Describe rain.", n=1)
        with lab_at(tmp_path, server, "play:bad_key") as lab:
            failed = lab.run("Describe rain.", n=1)
            lab.export([cut.id, failed.id], format="package", path=tmp_path / "a.zip")
            report = lab.verify(tmp_path / "a.zip")
    assert report.ok
    assert report.statuses == {"truncated": 1, "failed": 1}
