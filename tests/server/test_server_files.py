"""Packages and previews: what the server says of files without a kernel, what it refuses, and the import it does."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

import pplab

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from share_labs import experiment_id, files, package, repacked  # the helpers of the unit tests of sharing


@pytest.fixture
def folder(server, request):
    """A folder below the root for this test."""
    made = server.root / request.node.name.partition("[")[0]
    made.mkdir(exist_ok=True)
    yield made
    shutil.rmtree(made)


def described(server, path):
    """Return the answer to the question what a package holds."""
    return server.ask(f"package?path={quote(path.relative_to(server.root).as_posix())}")


def test_a_package_says_what_it_holds_and_that_it_is_as_it_was_exported(server, folder):
    said = described(server, package(folder)).json
    assert (said["verified"], said["problems"]) == (True, [])
    assert said["path"] == f"{folder.name}/ada.zip"
    (experiment,) = said["experiments"]
    assert (experiment["id"], experiment["prompts"], experiment["answers"]) == (experiment_id(), 2, 8)
    assert experiment["prompt"] == "Write a tagline for a notebook."
    assert said["facts"]["users"] == ["ada"]
    assert said["facts"]["tables"]["responses"] == 8


def test_an_altered_package_says_which_rows_were_altered(server, folder):
    path = package(folder)
    rows = files(path)["data/responses.jsonl"].replace(b'"status":"ok"', b'"status":"no"', 1)
    said = described(server, repacked(path, {"data/responses.jsonl": rows})).json
    assert said["verified"] is False
    assert any("responses" in problem for problem in said["problems"])


def test_a_zip_that_is_none_of_ours_is_refused_in_words(server, folder):
    import zipfile

    with zipfile.ZipFile(folder / "theirs.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    (folder / "no.zip").write_bytes(b"not a zip")
    for name in ("theirs.zip", "no.zip"):
        answer = described(server, folder / name)
        assert answer.status == 200
        assert "package" in answer.json["refused"]
        assert "verified" not in answer.json
    (folder / "no.parquet").write_bytes(b"no")
    assert "no.parquet" in server.get(f"preview?path={folder.name}/no.parquet")["refused"]


def test_an_import_enters_the_lab_once_and_its_audit_says_so(server, folder):
    package(folder)
    with pplab.Lab(store=folder / ".pplab"):
        pass
    body = {"path": f"{folder.name}/ada.zip", "lab": f"{folder.name}/.pplab"}
    first = server.ask("package/import", body=body)
    assert first.status == 200, first.body
    assert (first.json["new"], first.json["experiments"]) == (1, [experiment_id()])
    assert server.ask("package/import", body=body).json["new"] == 0
    with pplab.Lab(store=folder / ".pplab") as lab:
        assert len(lab.experiments()) == 1
        assert set(lab.audit("package_imported")["actor"]) == {"ada"}


def test_an_altered_package_does_not_enter(server, folder):
    path = package(folder)
    rows = files(path)["data/responses.jsonl"].replace(b'"status":"ok"', b'"status":"no"', 1)
    repacked(path, {"data/responses.jsonl": rows})
    with pplab.Lab(store=folder / ".pplab"):
        pass
    answer = server.ask("package/import", body={"path": f"{folder.name}/ada.zip", "lab": f"{folder.name}/.pplab"})
    assert answer.status >= 400
    with pplab.Lab(store=folder / ".pplab") as lab:
        assert len(lab.experiments()) == 0


def test_a_parquet_file_and_a_recording_show_their_first_rows(server, folder):
    pd.DataFrame({"n": range(500), "text": ["x" * 1000] * 500}).to_parquet(folder / "table.parquet")
    said = server.get(f"preview?path={folder.name}/table.parquet")
    assert (said["kind"], said["columns"], said["total"], len(said["rows"])) == ("parquet", ["n", "text"], 500, 100)
    assert len(said["rows"][0][1]) == 300
    with pplab.Lab(store=folder / ".pplab") as lab:
        lab.use_recording(folder / "calls.jsonl")
        lab.run("Why does it rain?", n=2, parameters={"max_tokens": 3})
    said = server.get(f"preview?path={folder.name}/calls.jsonl")
    assert (said["kind"], said["total"]) == ("recording", 2)
    assert said["rows"][0][said["columns"].index("prompt")] == "Why does it rain?"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("package?path=../outside.zip", 403),
        ("preview?path=../outside.parquet", 403),
        ("preview?path=/etc/passwd", 403),
        ("package?path=nowhere.zip", 404),
        ("package", 403),
    ],
)
def test_a_path_outside_of_the_root_is_refused_and_an_unknown_one_is_not_found(server, address, status):
    assert server.ask(address).status == status


@pytest.mark.parametrize("address", ["package?path=a.zip", "preview?path=a.jsonl"])
def test_nothing_is_answered_without_a_token(server, address):
    assert server.ask(address, token=None).status == 403


def test_no_import_without_a_token_or_a_lab(server, folder):
    package(folder)
    body = {"path": f"{folder.name}/ada.zip", "lab": "nowhere/.pplab"}
    assert server.ask("package/import", body=body).status == 404
    assert server.ask("package/import", body=[]).status == 400
    assert server.ask("package/import", body=body, token=None).status == 403
