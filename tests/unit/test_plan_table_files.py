"""Tables of prompts in Excel and Parquet files: what is in the cells, and one line about what cannot be read."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from workbooks import sheet, workbook

from pplab.errors import BadInput
from pplab.plan import table_files
from pplab.plan.prompts import fill
from pplab.plan.tables import as_table, read_table

CHAT = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def table(tmp_path):
    """Write a file and return it as a table."""

    def read(name, content):
        (tmp_path / name).write_bytes(content)
        return read_table(tmp_path / name)

    return read


def refused(words):
    return pytest.raises(BadInput, match=words)


def test_cells_of_a_workbook_are_text_with_whole_numbers_written_whole(table):
    rows = [[" topic ", "n", "x", "yes"], ["rain & <snow>", 3, 1.5, True], [None] * 4, ["007", "12.50", 2, False]]
    found = table("p.xlsx", workbook({"Prompts": rows, "Empty": []}))
    assert found.columns == ("topic", "n", "x", "yes")
    assert found.rows == (("rain & <snow>", "3", "1.5", "True"), ("007", "12.50", "2", "False"))


def test_an_empty_cell_or_an_error_value_of_a_workbook_is_missing(table):
    found = table("p.xlsx", workbook({"A": [["topic", "n"], ["rain", "#N/A"], [None, 2]]}))
    with refused("row 1, column 'n' is empty"):
        fill("{n}", found)
    with refused("row 2, column 'topic' is empty"):
        fill("{topic}", found)


def test_a_conversation_stands_in_a_workbook_as_json(table):
    found = table("p.xlsx", workbook({"A": [["messages"], ['[{"role": "user", "content": "Hello"}]']]}))
    assert fill(None, found)[0] == [CHAT]


def test_of_several_sheets_the_one_that_is_meant_must_be_plain(table):
    rows = [["prompt"], ["Say hello."]]
    assert fill(None, table("p.xlsx", workbook({"A": rows, "Notes": rows}, hidden=("Notes",))))[0] == ["Say hello."]
    with refused(r"has 2 sheets \('A', 'Notes'\)\. save the sheet with the prompts as CSV UTF-8"):
        table("p.xlsx", workbook({"A": rows, "Notes": rows}))


@pytest.mark.parametrize(
    "content", [b"", b"prompt\nx\n", b"PK\x03\x04 torn", b"\xd0\xcf\x11\xe0 encrypted", workbook({"A": []})[:-40]]
)
def test_what_is_no_workbook_is_refused_in_one_line(table, content):
    with refused("'p.xlsx' cannot be read as an Excel workbook: .*save it as CSV UTF-8") as caught:
        table("p.xlsx", content)
    assert "\n" not in str(caught.value)


def test_a_workbook_without_rows_is_refused(table):
    with refused("'p.xlsx' has no rows"):
        table("p.xlsx", workbook({"A": []}))


def test_a_small_workbook_that_would_fill_the_memory_is_refused_before_it_is_read(table, monkeypatch):
    content = io.BytesIO(workbook({"A": []}))
    with zipfile.ZipFile(content, "a") as archive:
        far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        archive.writestr("xl/worksheets/sheet2.xml", sheet(f'<row r="1"><c r="A1"><v>1</v></c></row>{far}'))
    with refused("reaches over 1,048,576 rows and 16,384 columns"):
        table("p.xlsx", content.getvalue())
    monkeypatch.setattr(table_files, "LARGEST", 1_000)
    with refused("'p.xlsx' holds more than"):
        table("p.xlsx", workbook({"A": [["prompt"], ["x" * 2_000]]}))


def test_without_the_package_that_reads_workbooks_the_line_says_how_to_get_it(table, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    with refused(r"pip install 'pplab\[excel\]', or save it as CSV UTF-8"):
        table("p.xlsx", workbook({"A": [["prompt"], ["x"]]}))


def test_a_parquet_file_keeps_whole_numbers_dates_and_conversations(tmp_path):
    columns = {"n": [3, None], "day": [date(2026, 1, 2), date(2026, 1, 3)], "messages": [CHAT, CHAT], "tags": [["a"], []]}
    parquet.write_table(pa.table(columns), tmp_path / "p.parquet")
    for found in (read_table(tmp_path / "p.parquet"), as_table(pa.table(columns))):
        assert fill("{day}", found)[0] == ["2026-01-02", "2026-01-03"]
        assert fill(None, found)[0] == [CHAT, CHAT]
        assert found.records("messages")[1] == {"n": None, "day": "2026-01-03", "tags": "[]"}
        assert found.rows[0][0] == "3"


def test_a_frame_from_a_parquet_file_holds_conversations_too(tmp_path):
    pa_table = pa.table({"messages": [CHAT], "tags": [["a", "b"]]})
    parquet.write_table(pa_table, tmp_path / "p.parquet")
    found = as_table(pd.read_parquet(tmp_path / "p.parquet"))
    assert found.records("messages") == ({"tags": '["a", "b"]'},)


@pytest.mark.parametrize("content", [b"", b"prompt\nx\n", b"PAR1 torn PAR1"])
def test_what_is_no_parquet_file_is_refused_in_one_line(table, content):
    with refused("'p.parquet' cannot be read as Parquet") as caught:
        table("p.parquet", content)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_with_more_rows_than_a_run_can_have_is_refused_before_it_is_read(tmp_path):
    parquet.write_table(pa.table({"prompt": pa.array(["x"] * 100_001)}), tmp_path / "p.parquet")
    with refused("100,001 rows, more than 100,000"):
        read_table(tmp_path / "p.parquet")
