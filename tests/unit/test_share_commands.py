"""Sharing by commands: what a terminal prints, its exit codes, and the notebook inside a package."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from xml.etree import ElementTree as ET

import nbformat
import pytest
from nbclient import NotebookClient

from pplab import cli
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.lab import Lab
from tests.servers import FaultServer
from tests.unit import share_labs

SOAK = bool(os.environ.get("PPLAB_SOAK"))


@pytest.fixture
def bob(tmp_path, monkeypatch):
    """Work as Bob in a folder that holds Ada's package."""
    share_labs.package(tmp_path)
    monkeypatch.setenv("PPLAB_USER", "bob")
    return tmp_path


def pplab(capsys, *words):
    code = cli.main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_package_goes_from_verify_to_import_to_check(bob, capsys):
    code, out, _ = pplab(capsys, "verify", "ada.zip")
    assert code == 0
    assert "nothing was altered" in out
    code, out, _ = pplab(capsys, "import", "ada.zip")
    assert code == 0
    assert "1 experiment with 8 responses imported" in out
    code, out, _ = pplab(capsys, "replay")
    assert code == 0
    assert "Identical" in out
    code, out, _ = pplab(capsys, "check", "latest", "--junit", "out.xml")
    assert code == 0
    assert out.startswith("Same.")
    assert ET.parse(bob / "out.xml").getroot()[0].get("failures") == "0"
    code, out, _ = pplab(capsys, "export", "--format", "package", "--path", "again.zip")
    assert code == 0
    assert zipfile.is_zipfile(bob / "again.zip")


def test_what_was_altered_is_the_error_shape_and_another_exit_code(bob, capsys):
    share_labs.repacked(bob / "ada.zip", {"env.lock": b""})
    for words in (("verify", "ada.zip"), ("import", "ada.zip"), ("replay", "ada.zip"), ("check", "ada.zip")):
        code, out, err = pplab(capsys, *words)
        assert (code, out) == (1, "")
        assert "env.lock was altered" in err
        assert len(err.strip().splitlines()) == 1
    code, out, _ = pplab(capsys, "verify", "ada.zip", "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "altered"


ODD = (
    ("import",),
    ("import", "nothing.zip"),
    ("verify", "nothing.zip"),
    ("check",),
    ("check", "nothing.zip"),
    ("check", "ada.zip", "--n", "0"),
    ("check", "ada.zip", "--margin", "coherence"),
    ("check", "ada.zip", "--margin", "coherence=wide"),
    ("check", "ada.zip", "--margin", "0"),
    ("check", "ada.zip", "--margin", "0.03", "--margin", "0.05"),
    ("check", "ada.zip", "--margin", "charm=0.05"),
    ("check", "ada.zip", "--junit", "/tmp/out.txt"),
    ("check", "ada.zip", "--junit", "../out.xml"),
    ("record",),
    ("record", "ada.zip"),
    ("record", "calls.jsonl", "--stop"),
    ("replay", "00000000"),
)


def test_odd_requests_are_one_line_and_nothing_is_written(bob, capsys):
    for words in ODD:
        code, out, err = pplab(capsys, *words)
        assert code in (1, 2), words
        assert out == ""
        assert len(err.strip().splitlines()) == 1
    assert not (bob.parent / "out.xml").exists()


def test_record_says_what_a_file_holds_and_how_to_use_it(bob, capsys):
    shutil.copy(bob / "ada.zip", bob / "x.zip")
    (bob / "calls.jsonl").write_bytes(share_labs.files(bob / "x.zip")["recordings/calls.jsonl"])
    code, out, _ = pplab(capsys, "record", "calls.jsonl")
    assert code == 0
    assert "8 recorded calls (8 by embedded at embedded)" in out
    assert "PPLAB_RECORDING=calls.jsonl" in out
    _, out, _ = pplab(capsys, "record", "calls.jsonl", "--json")
    assert json.loads(out)["data"]["calls"] == 8


def test_record_holds_for_every_lab_of_a_notebook_until_it_is_stopped(bob):
    def do(*words):
        return command_table.perform(words, session).value

    with FaultServer() as server, Lab(store=bob / "lab") as lab:
        session = Session(lambda: lab, front_end="notebook")
        elsewhere = ("--model", "fast", "--base-url", server.base_url)
        do("record", "calls.jsonl")
        do("run", "Describe rain.", "--n", "1")
        do("run", "Describe rain.", "--n", "2", *elsewhere)
        assert server.counts()["requests"] == 2
        do("run", "Describe rain.", "--n", "2", *elsewhere)
        assert server.counts()["requests"] == 2
        assert do("record").report().calls == 3
        do("record", "--stop")
        do("run", "Describe rain.", "--n", "2", *elsewhere)
        assert server.counts()["requests"] == 4
        session.close()


def test_a_terminal_run_is_answered_from_the_recording_that_the_environment_names(bob, capsys, monkeypatch):
    monkeypatch.setenv("PPLAB_RECORDING", str(bob / "mine.jsonl"))
    assert pplab(capsys, "run", "Describe rain.", "--n", "2")[0] == 0
    monkeypatch.setenv("PPLAB_OFFLINE", "1")
    assert pplab(capsys, "run", "Describe rain.", "--n", "2")[0] == 0
    code, _, err = pplab(capsys, "run", "Describe rain.", "--n", "3")
    assert code == 1
    assert "replicate (2 asked" in err


def _compared(output):
    """Return an output without the widget's own view, whose model has another id in every kernel."""
    data = {kind: value for kind, value in output.get("data", {}).items() if "widget-view" not in kind}
    return {**output, "data": data}


def test_the_notebook_in_a_package_runs_as_it_is_and_says_the_same_every_time(bob):
    with zipfile.ZipFile(bob / "ada.zip") as archive:
        archive.extractall(bob / "bag")
    outputs = []
    for _ in range(2 if SOAK else 1):
        notebook = nbformat.read(bob / "bag" / "replay.ipynb", as_version=4)
        nbformat.validate(notebook)
        NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(bob / "bag")}}).execute()
        outputs.append([[_compared(output) for output in cell.get("outputs", [])] for cell in notebook.cells])
        nbformat.write(notebook, bob / "bag" / "replay.ipynb")  # as Jupyter does when it is saved
    text = json.dumps(outputs[0])
    for words in ("nothing was altered", "Identical: 8 responses", "imported", "identical to those of the baseline"):
        assert words in text
    assert "error" not in [output["output_type"] for cell in outputs[0] for output in cell]
    assert outputs[0] == outputs[-1]
