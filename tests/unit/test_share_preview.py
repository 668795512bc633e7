"""The preview of a file: bounded in rows, columns and bytes, and one line for what cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.share import preview as module
from pplab.share.preview import CHARACTERS, COLUMNS, ROWS, _shown, preview

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES)
def test_every_value_can_be_sent_to_a_browser_and_is_short(value):
    shown = _shown(value)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert len(str(shown)) <= CHARACTERS


def test_a_wide_and_long_table_is_cut_and_says_so(tmp_path):
    frame = pd.DataFrame({f"c{n}": range(ROWS + 1) for n in range(COLUMNS + 2)})
    frame.to_parquet(tmp_path / "wide.parquet")
    got = preview(tmp_path / "wide.parquet")
    assert (len(got.columns), len(got.rows), got.total, got.hidden) == (COLUMNS, ROWS, ROWS + 1, 2)


def test_times_lists_and_nothing_are_shown(tmp_path):
    pd.DataFrame({"at": [datetime(2026, 1, 2, tzinfo=UTC)], "list": [[1, 2]], "none": [None]}).to_parquet(tmp_path / "a.parquet")
    assert preview(tmp_path / "a.parquet").rows == (("2026-01-02T00:00:00+00:00", "[1, 2]", None),)


def test_an_empty_table_shows_its_columns(tmp_path):
    pd.DataFrame({"a": pd.Series([], dtype="int64")}).to_parquet(tmp_path / "empty.parquet")
    got = preview(tmp_path / "empty.parquet")
    assert (got.columns, got.rows, got.total) == (("a",), (), 0)


def test_a_table_whose_rows_are_too_large_shows_its_columns_alone(tmp_path, monkeypatch):
    pd.DataFrame({"a": ["x" * 1000]}).to_parquet(tmp_path / "large.parquet")
    monkeypatch.setattr(module, "PARQUET_BYTES", 10)
    got = preview(tmp_path / "large.parquet")
    assert (got.columns, got.rows) == (("a",), ())
    assert got.note


def test_lines_are_read_to_a_bound_and_a_line_that_is_cut_is_left_out(tmp_path, monkeypatch):
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(10)), "utf-8")
    assert preview(path).total == 10
    monkeypatch.setattr(module, "LINES_BYTES", 25)
    got = preview(path)
    assert (got.kind, got.rows, got.total) == ("lines", ((0,), (1,)), None)
    monkeypatch.setattr(module, "LINES_BYTES", 3)
    assert preview(path).note


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR1 no"), ("a.parquet", b""), ("a.jsonl", b"{"), ("a.jsonl", b"[" * 100_000), ("a.txt", b"text")],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as refused:
        preview(tmp_path / name)
    assert name in str(refused.value)
