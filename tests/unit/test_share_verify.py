"""One screen says whether a package is as it was exported, and names what is not."""

from __future__ import annotations

import json

import pytest

import pplab
from pplab.errors import StoreTampered
from pplab.share import audit_excerpt
from pplab.share.verify import verify_package
from tests.unit import share_labs


def test_one_screen_says_hashes_chain_completeness_and_origin(tmp_path):
    report = verify_package(share_labs.package(tmp_path))
    assert report.ok
    assert len(report.words.splitlines()) <= 10
    for word in ("Hashes: 16 files", "8 responses", "Chain:", "every planned replicate has its row (8 ok)", "run by ada"):
        assert word in report.words


def test_altered_rows_are_named_by_table_and_place(tmp_path):
    path = share_labs.package(tmp_path)
    lines = share_labs.files(path)["data/responses.jsonl"].splitlines(keepends=True)
    lines[0], lines[4] = lines[0].replace(b'"ok"', b'"OK"'), lines[4].replace(b'"ok"', b'"OK"')
    share_labs.repacked(path, {"data/responses.jsonl": b"".join(lines)})
    problems = verify_package(path).problems
    assert "row 1 of responses was altered" in problems
    assert "row 5 of responses was altered" in problems
    assert "data/responses.jsonl was altered" in problems


def test_rows_that_were_added_or_taken_away_are_noticed(tmp_path):
    path = share_labs.package(tmp_path)
    lines = share_labs.files(path)["data/responses.jsonl"].splitlines(keepends=True)
    share_labs.repacked(path, {"data/responses.jsonl": b"".join([*lines, lines[0]])})
    assert "row 9 of responses was added" in verify_package(path).problems
    share_labs.repacked(share_labs.package(tmp_path), {"data/responses.jsonl": b"".join(lines[:-2])})
    assert "2 rows are missing" in verify_package(path).problems


@pytest.mark.parametrize("name", ["audit.jsonl", "manifest-sha256.txt", "bag-info.txt", "recordings/calls.jsonl", "env.lock"])
def test_a_file_that_was_taken_away_is_named(tmp_path, name):
    path = share_labs.repacked(share_labs.package(tmp_path), {name: None})
    assert any(name in problem for problem in verify_package(path).problems)


def test_a_file_that_was_slipped_in_is_named(tmp_path):
    path = share_labs.repacked(share_labs.package(tmp_path), {"data/evil.py": b"print(1)"})
    assert "data/evil.py was added: no manifest lists it" in verify_package(path).problems


def _audit(change):
    def altered(path):
        lines = share_labs.files(path)["audit.jsonl"].splitlines(keepends=True)
        return share_labs.rehashed(path, {"audit.jsonl": b"".join(change(lines))})

    return altered


def _other_actor(lines):
    rows = [i for i, line in enumerate(lines) if b'"event":"experiment_generated"' in line]
    return [*lines[: rows[0]], lines[rows[0]].replace(b'"actor":"ada"', b'"actor":"eve"'), *lines[rows[0] + 1 :]]


@pytest.mark.parametrize(
    "change",
    [
        _other_actor,
        lambda lines: lines[:-1],
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0].replace(b'"seq":', b'"seq":1'), *lines[1:]],
        lambda lines: [b"{}\n"],
        lambda lines: [lines[0], b'{"left_out":["' + b"0" * 64 + b'"]}\n', *lines[2:]],
    ],
)
def test_an_audit_that_was_altered_is_noticed_even_with_every_hash_right(tmp_path, change):
    path = _audit(change)(share_labs.package(tmp_path))
    problems = verify_package(path).problems
    assert problems
    assert any("audit" in problem for problem in problems)


def test_the_slice_verifies_across_rows_it_leaves_out(tmp_path):
    with share_labs.ada(tmp_path) as lab:
        first = lab.run("Describe rain.", n=1)
        lab.timing()
        lab.export([share_labs.experiment_id(), first.id], format="package", path=tmp_path / "two.zip")
    audit = audit_excerpt.from_json_lines(share_labs.files(tmp_path / "two.zip")["audit.jsonl"].decode())
    assert any(isinstance(step, str) for step in audit.entries)
    assert audit_excerpt.chain_problems(audit) == []
    assert {row["event"] for row in audit.rows} <= audit_excerpt.EVENTS


def test_the_lab_raises_the_error_shape_and_records_the_verification(tmp_path):
    path = share_labs.repacked(share_labs.package(tmp_path), {"env.lock": b""})
    with pplab.Lab(store=tmp_path / "bob") as lab:
        with pytest.raises(StoreTampered) as altered:
            lab.verify(path)
        assert altered.value.code == "altered"
        assert altered.value.exit_code == 1
        payload = json.loads(lab.audit(event="verification_completed").iloc[-1]["payload"])
        assert payload["ok"] is False
