"""The cells of one notebook: the latest run of each with what it cost, and to whom rows without a folder belong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from store_records import cell, metric, response

from pplab.store import notebook_cells
from pplab.store.notebook_cells import CellRun, cells_of_notebook


def at(minute, **given):
    """Return a run of a cell that began at a minute of one hour."""
    given = {"notebook": "study.ipynb", "cell_id": "one", "correlation_id": f"{minute:032x}"} | given
    return cell(started_at=f"2026-11-23T01:{minute:02}:00.000000", **given)


def touch(store, *paths):
    """Put empty notebooks beside the lab."""
    for path in paths:
        file = store.folder.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def counts(store, path):
    """Return the cells of a notebook with the number beside each."""
    return {run.cell_id: run.execution_count for run in cells_of_notebook(store, store.folder.parent / path)}


def test_each_cell_has_its_latest_run_in_the_order_they_began(store):
    store.append(at(1, execution_count=1), at(5, execution_count=4), at(3, cell_id="two", execution_count=3))
    store.append(at(6, cell_id=None), at(7, notebook=None), at(8, notebook="other.ipynb"))
    assert counts(store, "study.ipynb") == {"two": 3, "one": 4}
    assert counts(store, "missing.ipynb") == {}


def test_a_run_has_the_calls_tokens_and_cost_that_are_stored_of_its_trace(store):
    store.append(at(1, execution_count=7, duration_ns=1_500_000, status="error"))
    cause = {"correlation_id": f"{1:032x}"}
    answers = [
        response("e1", "r1", cost=0.25, input_tokens=10, output_tokens=3, **cause),
        response("e1", "r2", cost=0.5, input_tokens=5, **cause),
        response("e1", "r3", cost=None, status="failed", **cause),
        response("e1", "r4", cost=9.0, input_tokens=99, correlation_id="f" * 32),
    ]
    store.append(*answers, *(metric(kind="call", **cause) for _ in range(4)), metric(kind="operation", **cause))
    assert cells_of_notebook(store, store.folder.parent / "study.ipynb") == [
        CellRun(
            cell_id="one",
            execution_count=7,
            started_at="2026-11-23T01:01:00.000000",
            duration_ms=1.5,
            calls=4,
            tokens=18,
            cost=0.75,
            correlation_id=f"{1:032x}",
            status="error",
        )
    ]


def test_what_nobody_told_is_unknown_and_not_zero(store):
    store.append(at(1), response("e1", "r1", cost=None, correlation_id=f"{1:032x}"))
    (run,) = cells_of_notebook(store, store.folder.parent / "study.ipynb")
    assert (run.calls, run.tokens, run.cost) == (0, None, None)


@pytest.mark.parametrize("given", [str, Path, os.path.basename])
def test_the_path_may_be_text_or_a_path_absolute_or_from_the_working_folder(store, monkeypatch, given):
    store.append(at(1, execution_count=1))
    monkeypatch.chdir(store.folder.parent)
    assert len(cells_of_notebook(store, given(str(store.folder.parent / "study.ipynb")))) == 1


def test_notebooks_of_one_name_in_several_folders_have_their_own_cells(store):
    store.append(at(1, execution_count=1), at(2, notebook="a/study.ipynb", execution_count=2))
    store.append(at(3, notebook="../b/study.ipynb", execution_count=3))
    assert counts(store, "study.ipynb") == {"one": 1}
    assert counts(store, "a/study.ipynb") == {"one": 2}
    assert counts(store, "../b/study.ipynb") == {"one": 3}


def test_an_earlier_row_belongs_to_the_only_notebook_of_its_name(store):
    store.append(at(1, execution_count=1))
    touch(store, "a/study.ipynb", "a/other.ipynb", ".ipynb_checkpoints/study.ipynb")
    assert counts(store, "a/study.ipynb") == {"one": 1}
    store.append(at(2, notebook="a/study.ipynb", execution_count=2), at(0, cell_id="two", execution_count=9))
    assert counts(store, "a/study.ipynb") == {"two": 9, "one": 2}


@pytest.mark.parametrize("other", ["study.ipynb", "b/study.ipynb", "b/c/study.ipynb"])
def test_an_earlier_row_whose_name_several_notebooks_have_is_nobodys(store, other):
    store.append(at(1, execution_count=1))
    touch(store, "a/study.ipynb", other)
    assert counts(store, "a/study.ipynb") == {}


def test_a_name_that_was_run_elsewhere_since_is_ambiguous_too(store):
    store.append(at(1, execution_count=1), at(2, notebook="gone/study.ipynb", execution_count=2))
    touch(store, "a/study.ipynb")
    assert counts(store, "a/study.ipynb") == {}


def test_where_there_is_too_much_to_look_through_a_bare_name_counts_as_ambiguous(store, monkeypatch):
    store.append(at(1, execution_count=1))
    touch(store, "a/study.ipynb", "b/other.ipynb", "c/other.ipynb")
    monkeypatch.setattr(notebook_cells, "MOST_FOLDERS", 2)
    assert counts(store, "a/study.ipynb") == {}
    monkeypatch.setattr(notebook_cells, "MOST_FOLDERS", 4)
    assert counts(store, "a/study.ipynb") == {"one": 1}
