"""What an export file says to who reads it, and what the lab says of an export that did not come to its end."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import pplab
from pplab.errors import BadInput, PplabError
from pplab.share import export as room
from pplab.share.formats import as_bytes
from pplab.store.run_lock import RunLock
from pplab.views import static

PROMPTS = ["Schreib „Grüße“ — 日本語, bitte 🌧", '=HYPERLINK("http://x")', "+1 more", "@home\nnow", "plain"]


def made_lab(folder):
    """Fill a lab with an experiment; return its id."""
    with pplab.Lab(store=folder) as lab:
        return lab.run(PROMPTS, n=1).id


@pytest.fixture
def lab(tmp_path, request, made_once):
    """A lab, with an experiment where the test asks for one."""
    if "made" in request.fixturenames:
        shutil.copytree(made_once(made_lab)[0], tmp_path / ".pplab")
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        yield lab


@pytest.fixture
def made(lab, made_once):
    return lab.experiment(made_once(made_lab)[1])


def statuses(lab):
    return list(lab._store.exports()["status"])


def test_a_csv_file_has_the_mark_by_which_excel_knows_utf_8_and_pandas_reads_it_back(lab, made, tmp_path):
    path = lab.export(made, path="all.csv").path
    assert path.read_bytes().startswith(b"\xef\xbb\xbfresponse_id,")
    read = pd.read_csv(path)
    assert list(read.columns) == [*lab.responses().columns, "cluster", "experiment_name"]
    assert read["prompt"].iloc[0] == PROMPTS[0]
    assert list(read["text"].str.lstrip("'")) == [text.lstrip("'") for text in made.responses["text"]]


def test_a_csv_file_is_a_table_of_prompts_again(lab, made):
    lab.export(made, path="all.csv")
    assert lab.run("{prompt}", data="all.csv", n=1).responses["prompt"].iloc[0] == PROMPTS[0]


@pytest.mark.parametrize(
    ("what", "column"), [("audit", "occurred_at"), pytest.param("timing", "recorded_at", marks=pytest.mark.soak)]
)
def test_times_say_that_they_are_utc(lab, made, what, column):
    stored = {"audit": lab.audit, "timing": lab.timing}[what]()[column].iloc[0].isoformat()
    csv = pd.read_csv(lab.export(what=what, path="a.csv").path)[column].iloc[0]
    assert csv == f"{stored}Z"
    path = lab.export(what=what, format="json", path="a.json").path
    assert json.loads(path.read_text("utf-8"))["records"][0][column] == f"{stored}Z"
    path = lab.export(what=what, format="parquet", path="a.parquet").path
    assert str(pq.read_schema(path).field(column).type) == "timestamp[us, tz=UTC]"
    assert pd.read_parquet(path)[column].iloc[0].isoformat() == f"{stored}+00:00"


def test_the_console_s_json_lines_and_csv_say_it_too():
    frame = pd.DataFrame({"at": pd.to_datetime(["2026-11-25 12:00:00.5", None])})
    assert as_bytes(frame, "jsonl", "audit").data == b'{"at":"2026-11-25T12:00:00.500000Z"}\n{"at":null}\n'
    assert as_bytes(frame, "csv", "audit").data.decode("utf-8-sig").split() == ["at", "2026-11-25T12:00:00.500000Z", '""']


@pytest.mark.parametrize("format", ["csv", "package"])
def test_how_many_cells_were_changed_to_protect_the_reader_is_said_where_the_export_is_shown(lab, made, tmp_path, format):
    done = lab.export(made, format=format, path=f"all.{'zip' if format == 'package' else format}")
    expected = sum(text[:1] in "=+-@" for text in [*PROMPTS, *made.responses["text"]])
    assert done.neutralised == expected >= 3
    display = static.export(done)
    for shown in (display.text, display.html):
        assert f"{expected} cells that begin like a formula" in " ".join(shown.split())
    assert "apostrophe" in display.text
    assert ("data/responses.csv" in display.text) == (format == "package")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_cell_that_begins_like_a_formula_is_neutralised(start):
    content = as_bytes(pd.DataFrame({"a": [f"{start}1+1", "x", None, -1]}), "csv", "audit")
    assert content.neutralised == 1
    assert f"'{start}1+1" in content.data.decode("utf-8-sig")


@pytest.mark.parametrize("format", ["json", "parquet"])
def test_where_nothing_was_changed_nothing_is_said(lab, made, format):
    done = lab.export(made, format=format, path=f"all.{format}")
    assert (done.neutralised, done.note) == (0, "")
    assert "apostrophe" not in static.export(done).text


NO_EXPERIMENT = ([], (), {}, pd.Series([], dtype=str), 5, 1.5, b"abc", [5], [None], [[]], object(), uuid.uuid4())


@pytest.mark.parametrize("verb", ["export", "responses", "compare"])
def test_what_is_no_experiment_is_refused_in_one_line(lab, made, verb):
    for wanted in NO_EXPERIMENT:
        with pytest.raises(BadInput) as refused:
            lab.compare(made, wanted) if verb == "compare" else getattr(lab, verb)(wanted)
        assert refused.value.hint
        assert "experiment" in refused.value.message
    assert statuses(lab) == []


def test_an_export_of_an_unknown_kind_is_refused_in_one_line(lab, made):
    for options in (
        {"format": 5},
        {"format": None},
        {"what": None},
        {"path": 5},
        {"path": ""},
        {"ids": "latest", "what": "audit"},
    ):
        with pytest.raises(BadInput) as refused:
            lab.export(**options)
        assert refused.value.hint
    assert statuses(lab) == []


@pytest.mark.parametrize("verb", ["verify", "import_package"])
def test_what_is_no_path_is_refused_in_one_line(lab, verb):
    with pytest.raises(BadInput, match="the package must be a path, not int"):
        getattr(lab, verb)(5)


def test_experiments_are_taken_as_they_are_at_hand(lab, made):
    listed = lab.experiments()
    for wanted in (made, made.id, [made], listed, listed["experiment_id"], (made, made.id)):
        assert len(lab.responses(wanted)) == len(PROMPTS)
    for wanted in (made, listed):
        assert lab.export(wanted, path="all.csv").rows == len(PROMPTS)
    assert lab.experiment(made).id == made.id


@pytest.mark.parametrize(
    ("error", "raised", "status", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), PplabError, "failed", "could not be written: No space left"),
        (KeyboardInterrupt(), KeyboardInterrupt, "interrupted", "interrupted"),
        (SystemExit(), SystemExit, "interrupted", "interrupted"),
        (MemoryError(), PplabError, "failed", "MemoryError"),
        (ValueError("odd"), PplabError, "failed", "odd"),
    ],
    ids=["full disk", "interrupt", "exit", "memory", "defect"],
)
@pytest.mark.parametrize("where", ["write_atomically", pytest.param("as_bytes", marks=pytest.mark.soak)])
def test_no_export_stays_running_whatever_ends_it(lab, made, monkeypatch, error, raised, status, words, where):
    def fails(*args):
        raise error

    monkeypatch.setattr(room, where, fails)
    with pytest.raises(raised):
        lab.export(made, path="all.csv")
    row = lab._store.exports().iloc[-1]
    assert row["status"] == status
    assert (words in row["error"]) or where == "as_bytes"
    assert not list(lab.folder.glob("running/*"))
    monkeypatch.undo()


def test_the_export_of_a_process_that_was_killed_is_shown_as_interrupted(tmp_path, monkeypatch):
    folder = tmp_path / "lab"
    program = """
import os, sys, pplab
from pplab.share import export
lab = pplab.Lab(store=sys.argv[1])
made = lab.run("Describe rain.", n=1)
def killed(*args):
    lab._store.drain()
    os._exit(3)
export.as_bytes = killed
lab.export(made, path="all.csv")
"""
    environment = {**os.environ, "PYTHONPATH": os.fspath(Path(pplab.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", program, os.fspath(folder)], env=environment, check=False).returncode == 3
    with pplab.Lab(store=folder) as lab:
        job = lab._store.exports().iloc[-1]["export_id"]

        def shown():
            (node,) = [node for node in lab.trace(job).nodes if node.kind == "export"]
            return node.label, node.record["status"]

        assert shown() == ("csv interrupted", "interrupted")
        with RunLock(folder, job):
            assert shown() == ("csv running", "running")


@pytest.mark.parametrize(
    ("session", "notebook"), [("/home/ada/work/first.ipynb", "first.ipynb"), ("/home/ada/console-1", None), (None, None)]
)
def test_an_experiment_names_the_notebook_that_ran_it_without_its_folder(lab, monkeypatch, session, notebook):
    if session:
        monkeypatch.setenv("JPY_SESSION_NAME", session)
    lab.run("Describe rain.", n=1)
    stored = lab.experiments()["notebook"].iloc[0]
    assert stored == notebook or (notebook is None and pd.isna(stored))


def test_visual_studio_code_names_its_notebook_too(lab, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__vsc_ipynb_file__", "/home/ada/second.ipynb", raising=False)
    lab.run("Describe rain.", n=1)
    assert lab.experiments()["notebook"].iloc[0] == "second.ipynb"
