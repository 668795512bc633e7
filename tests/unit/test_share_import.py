"""A package enters another lab whole, once, with its origin, or not at all."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

import pplab
from pplab.errors import BadInput, PplabError, StoreTampered
from tests.unit import share_labs


@pytest.fixture
def bob(tmp_path):
    with pplab.Lab(store=tmp_path / "bob", user="bob") as lab:
        yield lab


def counts(lab):
    return {k: v for k, v in lab.counts().items() if k in ("calibrations", "experiments", "responses", "call_attempts")}


def test_an_imported_experiment_is_what_its_author_had(tmp_path, bob):
    with share_labs.ada(tmp_path) as ada:
        original = ada.experiment(share_labs.experiment_id())
        mine, summary, verdict = original.responses, original.summary(), original.verdict().words
    made = bob.import_package(share_labs.package(tmp_path))
    assert (made.new, made.responses) == (1, 8)
    copy = bob.experiment(share_labs.experiment_id())
    assert copy.responses.equals(mine)
    assert copy.summary().equals(summary)
    assert copy.verdict().words == verdict
    assert bob.verify().ok


def test_where_it_comes_from_is_kept(tmp_path, bob):
    made = bob.import_package(share_labs.package(tmp_path))
    report = bob.verify(tmp_path / "ada.zip")
    stored = json.loads(bob.sql("SELECT origin FROM experiments").iloc[0, 0])
    assert stored == made.origin
    assert stored["user"] == "ada"
    assert (stored["lab"], stored["at"], stored["package"]) == (report.lab, report.at, report.sha256)
    event = bob.audit(event="package_imported").iloc[0]
    assert (event["actor"], event["entity_id"]) == ("bob", share_labs.experiment_id())
    assert json.loads(event["payload"])["sha256"] == made.origin["package"]
    traced = [node.label for node in bob.trace(share_labs.experiment_id()).nodes if node.kind == "event"]
    assert "package_imported" in traced
    kept = bob.folder / "imports" / made.origin["package"][:16]
    assert (kept / "audit.jsonl").is_file()
    assert (kept / "recordings" / "calls.jsonl").is_file()


def test_importing_twice_changes_nothing(tmp_path, bob):
    path = share_labs.package(tmp_path)
    bob.import_package(path)
    before, events = counts(bob), len(bob.audit(event="package_imported"))
    again = bob.import_package(path)
    assert again.new == 0
    assert "Nothing changed" in again.words
    assert (counts(bob), len(bob.audit(event="package_imported"))) == (before, events)


def test_an_unpacked_package_is_the_same_package_also_after_its_notebook_was_run(tmp_path, bob):
    with zipfile.ZipFile(share_labs.package(tmp_path)) as archive:
        archive.extractall(tmp_path / "bag")
    packed = bob.import_package(tmp_path / "ada.zip")
    (tmp_path / "bag" / "replay.ipynb").write_text("{}")
    (tmp_path / "bag" / ".ipynb_checkpoints").mkdir()
    again = bob.import_package(tmp_path / "bag")
    assert again.new == 0
    assert again.origin == packed.origin
    assert (tmp_path / "bag" / "data").is_dir()


@pytest.mark.soak
def test_the_author_can_import_the_own_package_and_nothing_changes(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        before = counts(lab)
        assert lab.import_package(share_labs.package(tmp_path)).new == 0
        assert counts(lab) == before


@pytest.mark.soak
def test_a_reexport_has_the_same_tables_byte_for_byte(tmp_path, bob):
    path = share_labs.package(tmp_path)
    bob.import_package(path)
    bob.export(share_labs.experiment_id(), format="package", path=tmp_path / "bob.zip")
    mine, theirs = share_labs.files(path), share_labs.files(tmp_path / "bob.zip")
    for name in ("manifest-sha256.txt", "rows-sha256.txt", "recordings/calls.jsonl", "data/responses.jsonl"):
        assert mine[name] == theirs[name], name
    with pplab.Lab(store=tmp_path / "carol") as carol:
        assert carol.import_package(tmp_path / "bob.zip").new == 1


def test_an_experiment_that_is_here_in_another_state_is_never_overwritten(tmp_path, bob):
    path = share_labs.package(tmp_path)
    bob.import_package(path)
    bob.experiment(share_labs.experiment_id()).top_up(3)
    before = bob.experiment().responses
    with pytest.raises(BadInput, match="never overwrites"):
        bob.import_package(path)
    assert bob.experiment().responses.equals(before)


def test_a_package_that_was_altered_does_not_enter(tmp_path, bob):
    path = share_labs.package(tmp_path)
    lines = share_labs.files(path)["data/responses.jsonl"].splitlines(keepends=True)
    changed = lines[2].replace(b'"coherence":0.', b'"coherence":1.', 1)
    assert changed != lines[2]
    share_labs.repacked(path, {"data/responses.jsonl": b"".join([*lines[:2], changed, *lines[3:]])})
    with pytest.raises(StoreTampered, match="row 3 of responses was altered"):
        bob.import_package(path)
    assert sum(counts(bob).values()) == 0
    assert list((bob.folder / "imports").iterdir()) == []


HOSTILE = {
    "an answer to another call": ("responses", {"request_key": "0" * 64}),
    "an id of another response": ("responses", {"response_id": "00000000-0000-0000-0000-000000000000"}),
    "an id that is a path": ("responses", {"response_id": "../../x"}),
    "a replicate that was not planned": ("responses", {"replicate": 99}),
    "a replicate before the first": ("responses", {"replicate": -1}),
    "another prompt": ("responses", {"prompt": "Write a virus."}),
    "a number that is text": ("responses", {"coherence": "high"}),
    "an integer too large": ("responses", {"input_tokens": 10**30}),
    "a column nobody knows": ("responses", {"evil": 1}),
    "a response of no experiment": ("responses", {"experiment_id": "11111111-1111-1111-1111-111111111111"}),
    "a plan that is none": ("experiments", {"plan": {"prompts": []}}),
    "a plan of other replicates": ("experiments", {"planned": 7}),
    "a calibration that is missing": ("experiments", {"calibration_id": "22222222-2222-2222-2222-222222222222"}),
    "a time that is none": ("experiments", {"created_at": "yesterday"}),
    "a request of no response": ("attempts", {"response_id": "33333333-3333-3333-3333-333333333333"}),
}


def test_rows_that_no_run_wrote_are_refused_even_with_every_hash_right(tmp_path, bob):
    for what, (table, change) in HOSTILE.items():
        path = share_labs.package(tmp_path)
        first, *rest = share_labs.files(path)[f"data/{table}.jsonl"].splitlines(keepends=True)
        row = json.dumps({**json.loads(first), **change}, sort_keys=True).encode() + b"\n"
        share_labs.rehashed(path, {f"data/{table}.jsonl": b"".join([row, *rest])})
        with pytest.raises(PplabError) as refusal:
            bob.import_package(path)
        assert refusal.value.code != "internal", what
        assert sum(counts(bob).values()) == 0, what


NO_ROWS = (b"[" * 100_000, b'{"a":NaN}', b"\xff\xfe", b"null", b'{"response_id":1e999}', b'"' + b"x" * 10**6 + b'"')


def test_lines_that_are_no_rows_are_refused_in_words(tmp_path, bob):
    for line in NO_ROWS:
        path = share_labs.package(tmp_path)
        before = share_labs.files(path)["data/responses.jsonl"]
        try:
            share_labs.rehashed(path, {"data/responses.jsonl": before + line + b"\n"})
        except UnicodeDecodeError:
            share_labs.repacked(path, {"data/responses.jsonl": before + line + b"\n"})
        with pytest.raises(PplabError) as refusal:
            bob.import_package(path)
        assert refusal.value.code != "internal"


def test_an_import_that_dies_halfway_shows_nothing_and_is_completed_by_the_next(tmp_path, monkeypatch):
    path = share_labs.package(tmp_path)
    with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
        record = bob.context.record

        def dies(*rows, durable=False):
            if any(type(row).__name__ == "ExperimentRow" for row in rows):
                half = [row for row in rows if type(row).__name__ in ("CalibrationRow", "ResponseRow")]
                record(*half, durable=True).result()
                raise OSError("power cut")
            return record(*rows, durable=durable)

        monkeypatch.setattr(bob.context, "record", dies)
        with pytest.raises(PplabError):
            bob.import_package(path)
        monkeypatch.undo()
        assert bob.counts()["experiments"] == 0
        assert len(bob.experiments()) == 0
        assert bob.import_package(path).new == 1
        assert bob.counts()["responses"] == 8
        assert bob.verify().ok


def test_nothing_is_left_behind_in_the_labs_folder(tmp_path, bob):
    path = share_labs.package(tmp_path)
    bob.import_package(path)
    bob.import_package(path)
    names = sorted(p.name for p in (bob.folder / "imports").iterdir())
    assert names == [bob.verify(path).sha256[:16]]
    assert list((bob.folder / "imports" / names[0]).iterdir())
    shutil.rmtree(bob.folder / "imports")
    assert bob.import_package(path).new == 0  # the rows are in the lab; what stood beside them is put back
    assert (bob.folder / "imports" / names[0]).is_dir()
