"""One row a cell, none lost: the cell audit in a real InteractiveShell."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult


@pytest.fixture
def cells(extension):
    """Return the recorded cells as they began, without the one that loaded the extension."""

    def read():
        frame = extension.lab().cells().iloc[1:].astype(object)
        return frame.where(frame.notna(), None)

    return read


def digest(source):
    return hashlib.sha256(source.encode()).hexdigest()


def test_the_loading_cell_is_recorded_from_the_load_on(extension):
    frame = extension.lab().cells()
    assert list(frame["source_sha256"]) == [digest("%load_ext pplab")]
    assert list(frame["status"]) == ["ok"]


def test_a_cell_is_recorded_with_its_facts(loaded, cells):
    loaded.run_cell("x = 41 + 1", store_history=True, cell_id="abc-1")
    (row,) = cells().to_dict("records")
    assert row["cell_id"] == "abc-1"
    assert row["execution_count"] == 1
    assert row["status"] == "ok"
    assert row["source_sha256"] == digest("x = 41 + 1")
    assert row["source"] is None
    assert row["user"] == "ada"
    assert row["duration_ns"] > 0
    assert row["operations"] == 0


ENDS = [
    ("1 + 1", "ok", None),
    ("", "ok", None),
    ("   \n", "ok", None),
    ("1 / 0", "error", "ZeroDivisionError"),
    ("def (:", "syntax error", "SyntaxError"),
    ("if True:\nx", "syntax error", "IndentationError"),
    ("x = '\0'", "syntax error", None),
    ("%not_a_magic", "error", "UsageError"),
    ("%%not_a_magic\nbody", "error", "UsageError"),
    ("%pplab nothing", "error", "UsageError"),
    ("raise SystemExit(1)", "error", "SystemExit"),
    ("raise KeyboardInterrupt", "interrupted", "KeyboardInterrupt"),
    ("import asyncio; await asyncio.sleep(0)", "ok", None),
    ("import asyncio; raise asyncio.CancelledError; await asyncio.sleep(0)", "interrupted", "CancelledError"),
    ("raise BaseExceptionGroup('several', [KeyError(1)])", "error", "ExceptionGroup"),
    ("x = '\ud800'", "error", "UnicodeEncodeError"),
    ("é = '研究 🙂'", "ok", None),
]
"""Cells, each with how it ends and by what."""


@pytest.mark.filterwarnings("ignore")
def test_every_way_a_cell_can_end_leaves_one_row(loaded, cells):
    for source, _, _ in ENDS:
        loaded.run_cell(source)
    rows = cells().to_dict("records")
    assert [row["status"] for row in rows] == [status for _, status, _ in ENDS]
    for row, (source, status, error_type) in zip(rows, ENDS, strict=True):
        if error_type or status == "ok":
            assert row["error_type"] == error_type, source
        assert row["source_sha256"] == hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def test_silent_executions_are_no_cells(loaded, cells):
    loaded.run_cell("x = 1", silent=True)
    assert len(cells()) == 0


def test_nested_cells_have_rows_of_their_own_and_share_the_cause(loaded, cells):
    loaded.run_cell("get_ipython().run_cell('x = 1'); get_ipython().run_cell('1/0')", cell_id="outer", store_history=True)
    frame = cells()
    assert list(frame["cell_id"]) == ["outer", None, None]
    assert list(frame["status"]) == ["ok", "ok", "error"]
    assert frame["correlation_id"].nunique() == 1
    assert frame["span_id"].nunique() == 3


def test_a_cell_that_never_ended_changes_nothing_for_the_next(loaded, cells):
    loaded.events.trigger("pre_run_cell", ExecutionInfo("lost", True, False, True, "lost", None, transformed_cell="lost"))
    loaded.run_cell("x = 1", store_history=True)
    loaded.run_cell("x = 2", store_history=True)
    frame = cells()
    assert list(frame["source_sha256"]) == [digest("x = 1"), digest("x = 2")]
    assert frame["correlation_id"].nunique() == 2


def test_a_cell_that_ends_with_another_info_is_found_by_its_text(loaded, cells):
    begun = ExecutionInfo("while True: pass", True, False, True, "abc", None, transformed_cell="")
    ended = ExecutionResult(ExecutionInfo("while True: pass", True, False, True, "abc", None, transformed_cell=""))
    ended.error_in_exec = KeyboardInterrupt()
    loaded.events.trigger("pre_run_cell", begun)
    loaded.events.trigger("post_run_cell", ended)
    loaded.run_cell("x = 1")
    assert list(cells()["status"]) == ["interrupted", "ok"]


def test_a_cell_that_ends_without_a_result_was_interrupted(loaded, cells):
    loaded.events.trigger("pre_run_cell", ExecutionInfo("await x", True, False, True, "abc", None, transformed_cell=""))
    loaded.events.trigger("post_run_cell", None)
    assert list(cells()["status"]) == ["interrupted"]
    assert list(cells()["cell_id"]) == ["abc"]


def test_an_end_without_a_beginning_is_still_a_row(loaded, cells):
    loaded.events.trigger("post_run_cell", ExecutionResult(ExecutionInfo("x", True, False, True, "a", None, transformed_cell="")))
    loaded.events.trigger("post_run_cell", None)
    assert len(cells()) == 1


def test_operations_are_counted_where_they_were_asked_for(loaded, cells):
    loaded.run_cell("import pplab; lab = pplab.Lab()")
    loaded.run_cell("lab.experiments(); lab.audit()")
    loaded.run_cell("%pplab timing")
    loaded.run_cell("lab.close()")
    assert list(cells()["operations"]) == [0, 2, 1, 0]


def test_one_correlation_id_runs_from_the_cell_through_operation_calls_rows_and_events(loaded, extension):
    made = loaded.run_cell("%pplab run --n 2 --set max_tokens=5 hi").result
    loaded.run_cell("x = 1")
    lab = extension.lab()
    cause = made.correlation_id
    assert set(lab.responses(made.id)["correlation_id"]) == {cause}
    assert (lab.cells()["correlation_id"] == cause).sum() == 1
    timed = lab.sql("SELECT kind, count(*) AS n FROM system_metrics WHERE correlation_id = ? GROUP BY kind", [cause])
    assert dict(zip(timed["kind"], timed["n"], strict=True)) == {"operation": 1, "call": 2}
    events = lab.audit(correlation_id=cause)
    assert set(events["event"]) >= {
        *("operation_started", "operation_completed", "llm_request_started", "experiment_generated", "cell_executed"),
    }
    cell = events[events["event"] == "cell_executed"].iloc[0]
    started = events[events["event"] == "operation_started"].iloc[0]
    assert started["parent_span_id"] == cell["span_id"]


def test_audit_source_says_what_is_kept_and_changes_at_once(loaded, cells, tmp_path):
    key = "sk-" + "Ab3dEf9h" * 5
    source = f"key = '{key}'"
    for keep in ("hash", "redacted", "off"):
        loaded.run_cell(f"%config PPLab.audit_source = '{keep}'")
        loaded.run_cell(source)
        row = cells().iloc[-1]
        assert row["source_sha256"] == ("" if keep == "off" else digest(source))
        assert row["source"] == ("key = '[secret]'" if keep == "redacted" else None)
    loaded.run_cell("%unload_ext pplab")
    assert not any(key.encode() in path.read_bytes() for path in (tmp_path / ".pplab").rglob("*") if path.is_file())


def test_the_notebook_is_named_by_its_path_from_the_folder_that_holds_the_lab(loaded, cells, monkeypatch, tmp_path):
    names = {
        None: None,
        "{lab}/study.ipynb": "study.ipynb",
        "{lab}/week 1/Übung.ipynb": "week 1/Übung.ipynb",
        "{lab}/../elsewhere/study.ipynb": "../elsewhere/study.ipynb",
        "study.ipynb": "study.ipynb",
        "{lab}/console-1": None,
    }
    for told in names:
        if told:
            monkeypatch.setenv("JPY_SESSION_NAME", told.format(lab=tmp_path))
        loaded.run_cell("x = 1")
    assert list(cells()["notebook"]) == list(names.values())


def test_a_notebook_that_is_named_from_the_working_folder_keeps_its_name_when_a_cell_changes_that(
    loaded, extension, cells, monkeypatch, tmp_path
):
    (tmp_path / "elsewhere").mkdir()
    extension.lab()  # opened in the folder in which the kernel began
    monkeypatch.setenv("JPY_SESSION_NAME", "study.ipynb")
    loaded.run_cell("import os; os.chdir('elsewhere')")
    loaded.run_cell("x = 1")
    assert list(cells()["notebook"]) == ["study.ipynb", "study.ipynb"]


def test_visual_studio_code_names_its_notebook_too(loaded, cells, tmp_path):
    loaded.user_ns["__vsc_ipynb_file__"] = str(tmp_path / "notes" / "study.ipynb")
    loaded.run_cell("x = 1")
    assert list(cells()["notebook"]) == ["notes/study.ipynb"]


def test_hooks_never_print_or_raise_whatever_goes_wrong(loaded, extension, monkeypatch, capsys):
    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(extension._audit, "_start", broken)
    monkeypatch.setattr(extension, "record_later", broken)
    assert loaded.run_cell("x = 1").success
    assert loaded.run_cell("").success
    assert capsys.readouterr() == ("", "")


def test_hooks_keep_no_value_of_the_user_alive(loaded):
    import gc
    import weakref

    loaded.run_cell("class Big: pass\nbig = Big()")
    gone = weakref.ref(loaded.user_ns["big"])
    loaded.run_cell("del big")
    gc.collect()
    assert gone() is None


def test_many_cells_are_as_many_rows_in_order(loaded, cells):
    count = 1000 if os.environ.get("PPLAB_SOAK") else 100
    for number in range(count):
        loaded.run_cell(f"x = {number}")
    assert list(cells()["source_sha256"]) == [digest(f"x = {number}") for number in range(count)]


def test_the_audit_of_cells_is_part_of_the_verified_chain(loaded, extension):
    loaded.run_cell("x = 1")
    loaded.run_cell("1 / 0")
    assert loaded.run_cell("%pplab verify").success
    payloads = [json.loads(p) if isinstance(p, str) else p for p in extension.lab().audit(event="cell_executed")["payload"]]
    assert [p["status"] for p in payloads] == ["ok", "ok", "error", "ok"]
