"""Tables of prompts: cells as they stand in the file or frame, and one line about what cannot be sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pplab.errors import BadInput
from pplab.plan.prompts import fill
from pplab.plan.tables import as_table, read_table


@pytest.fixture
def table(tmp_path):
    """Write a file and return it as a table."""

    def made(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(tmp_path / name)

    return made


def refused(words):
    return pytest.raises(BadInput, match=words)


def test_a_row_with_more_or_fewer_fields_than_the_heading_is_refused_by_its_line(table):
    with refused(r"line 2 has 2 fields, the heading 1\. put quotes around text with commas"):
        table("p.csv", "prompt\nSay hello, friend\nList red, green\n")
    with refused("line 5 has 1 field, the heading 2"):
        table("p.csv", 'a,b\n"one\ntwo",x\n\nlone\n')


def test_a_comma_at_the_end_of_every_row_is_dropped(table):
    assert table("p.csv", "prompt\nSay hello,\nSay bye,\n").rows == (("Say hello",), ("Say bye",))


def test_cells_of_a_file_stay_as_they_are_written(table):
    found = table("p.csv", '\ufeffcode ; price;note\n007;1,50;"a; ""b"""\nNA;null; x \n')
    assert found.columns == ("code", "price", "note")
    assert found.rows == (("007", "1,50", 'a; "b"'), ("NA", "null", " x "))
    assert table("p.tsv", "a\tb\n1\tx, y\n").rows == (("1", "x, y"),)


def test_the_index_that_a_frame_was_written_with_is_a_column_without_a_name(table):
    found = table("p.csv", pd.DataFrame({"topic": ["rain", "snow"]}).to_csv())
    assert fill("About {topic}", found)[0] == ["About rain", "About snow"]


def test_a_cell_longer_than_the_csv_module_allows_is_read(table):
    assert len(table("p.csv", "prompt\n" + "x" * 200_000).rows[0][0]) == 200_000


@pytest.mark.parametrize("name", ["p.jsonl", "p.json"])
def test_numbers_in_json_stay_as_they_are_written(table, name):
    rows = ['{"n": 3, "x": 1.50, "b": true, "s": "3.0"}', '{"n": 12345678901234567890, "x": 1e3, "b": false, "s": ""}']
    content = "\n".join(rows) if name == "p.jsonl" else f"[{','.join(rows)}]"
    assert fill("{n} {x} {b} {s}", table(name, content))[0] == ["3 1.50 true 3.0", "12345678901234567890 1e3 false "]


def test_a_missing_value_is_refused_with_row_and_column_where_it_is_needed(table):
    found = table("p.jsonl", '{"topic":"rain","n":3}\n{"n":4}\n')
    assert fill("{n}", found)[0] == ["3", "4"]
    with refused("row 2, column 'topic' is empty"):
        fill("About {topic} ({n})", found)
    with refused("row 1, column 'n' is empty"):
        fill("{topic} {n}", table("p.csv", "topic,n\nrain,\n"))
    with refused("row 2, column 'g' is empty"):
        fill("{t}", as_table({"t": ["a", "b"], "g": ["x", None]}), "g")


@pytest.mark.parametrize(
    ("value", "words"),
    [([{"role": "user", "content": "Hello"}], "a list"), ({"a": 1}, "an object"), ([], "a list")],
)
def test_a_cell_that_is_no_text_is_refused(table, value, words):
    content = json.dumps({"messages": value, "n": 1})
    with refused(f"row 1, column 'messages' holds {words}"):
        fill("{messages}", table("p.jsonl", content))


def test_a_list_of_strings_is_a_list_of_prompts(table):
    assert fill(None, table("p.json", '["Say hello.", "Say\\nbye."]'))[0] == ["Say hello.", "Say\nbye."]
    assert fill(None, table("p.jsonl", '"Say hello."\n"Say bye."\n'))[0] == ["Say hello.", "Say bye."]


def test_columns_of_json_are_read_too(table):
    frame = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    for content in (frame.to_json(), json.dumps(frame.to_dict("list"))):
        assert fill("{a}{b}", table("p.json", content))[0] == ["x1", "y2"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.csv", "topic,n,topic\na,1,b\n", "column 'topic' twice"),
        ("p.jsonl", '{"a": 1, "a": 2}', "'a' twice"),
        ("p.jsonl", '{"a": 1}\n{"a": ', "line 2 is not JSON"),
        ("p.jsonl", '["a"]', r"line 1 holds a list.*\.json"),
        ("p.json", '{"a": 1}\n{"a": 2}', r"is not JSON.*\.jsonl"),
        ("p.json", "[1, 2]", "row 1 holds a number"),
        ("p.json", '"text"', "holds text"),
        ("p.json", '{"a": 1}', "holds one object"),
        ("p.csv", 'a,b\n1,"x\n', "line 2: a quote is not closed"),
        ("p.csv", 'a,b\n1,"x" y\n', "line 2: text follows a closing quote"),
        ("p.xls", "x", "not a table of prompts"),
        ("p.json", '[["a"], ["b"]]', "row 1 holds a list"),
        ("p.txt", "Say hello\nin French.\n\n---\nSay bye.\n", r"line 4 is ---\. for prompts of several lines use \.jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_table_says_where(table, name, content, words):
    with refused(words):
        table(name, content)


def test_a_line_of_text_is_a_prompt_whatever_else_ends_lines_elsewhere(table):
    assert table("p.txt", "a\u2028b\x0cc\r\n\r\n - d -\n").rows == (("a\u2028b\x0cc",), (" - d -",))


@pytest.mark.parametrize("name", ["user-id", "2nd", "a.b", "größe", "first name", "a/b"])
def test_any_name_of_a_column_is_filled_whatever_it_is_made_of(table, name):
    found = table("p.csv", f" {name} ,x\nvalue,1\n")
    assert fill(f"<{{{name}}}> <{{ {name} }}> {{1}}", found)[0] == ["<value> <value> {1}"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("Answer: {{question}}", r"\{\{question\}\} stands for \{question\} as text"),
        ("Answer: {{ question }}", r"instead of \{\{question\}\}"),
        ("Answer: $question", r"write \{question\} instead of \$question"),
        ("Answer: %(question)s", r"instead of %\(question\)s"),
        ("Answer: <question>", "instead of <question>"),
        ("Answer: [question]", r"instead of \[question\]"),
        ("Answer this.", r"write \{question\} where"),
    ],
)
def test_a_template_that_uses_no_column_is_refused_and_learns_how_to(template, words):
    with refused(f"the template uses no column of its table.*{words}"):
        fill(template, as_table({"question": ["Why?"]}))


@pytest.mark.parametrize("template", ["{Topic} {n}", "{n} {topik}", "{n} {user-id}", "{n:.2f}", "{n!r} {n}"])
def test_a_placeholder_for_no_column_is_refused_not_sent(template):
    with refused("the table has no column"):
        fill(template, as_table({"topic": ["rain"], "n": [1]}))


def test_braces_of_code_and_formulas_are_sent_as_they_stand():
    template = 'Return {"a": {"b": {n}}} or \\frac{1}{2}, {} and {{n}}'
    assert fill(template, as_table({"n": [1]}))[0] == ['Return {"a": {"b": 1}} or \\frac{1}{2}, {} and {n}']


def test_a_frame_obeys_the_rules_of_files():
    frame = pd.DataFrame(
        {
            "gap": [3, None],
            "x": np.array([0.1, 2], "float32"),
            "i": np.array([1, 2], "int8"),
            "nullable": pd.array([1, 2], "Int64"),
            "day": pd.to_datetime(["2026-01-02", "2026-01-03"]),
            "moment": [datetime(2026, 1, 2, 9, 30, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)],
            "kind": pd.Categorical(["a", "b"]),
            "price": [Decimal("1.50"), Decimal("2.00")],
            0: ["zero", "one"],
        }
    )
    template = "{x} {i} {nullable} {day} {moment} {kind} {price} {0}"
    assert fill(template, as_table(frame))[0] == [
        "0.1 1 1 2026-01-02 2026-01-02 09:30:00+00:00 a 1.50 zero",
        "2.0 2 2 2026-01-03 2026-01-03 00:00:00+00:00 b 2.00 one",
    ]
    assert fill("{gap}", as_table(frame.head(1)))[0] == ["3"]
    with refused("row 2, column 'gap' is empty"):
        fill("{gap}", as_table(frame))


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("nan")])
def test_every_way_to_say_nothing_is_missing(nothing):
    with refused("row 1, column 'x' is empty"):
        fill("{x}", as_table(pd.DataFrame({"x": [nothing, "y"]}, dtype=object)))


@pytest.mark.parametrize("value", [["a"], {"a": 1}, ("a",), np.array([1, 2]), b"bytes", object(), len])
def test_a_cell_of_a_frame_that_is_no_text_is_refused(value):
    with refused("row 1, column 'x' holds a"):
        fill("{x}", as_table([{"x": value}]))


def test_two_columns_of_one_name_in_a_frame_are_refused():
    with refused("column 'a' twice"):
        as_table(pd.DataFrame([[1, 2]], columns=["a", "a "]))


@pytest.mark.parametrize(
    "data",
    [
        pd.Series(["a", "b"], name="prompt"),
        pd.Series(["a", "b"]),
        np.array(["a", "b"]),
        ("a", "b"),
        [{"prompt": "a"}, {"prompt": "b"}],
        {"prompt": ["a", "b"]},
        pd.DataFrame({"prompt": ["a", "b"]}, index=[7, 9]),
    ],
)
def test_tables_are_taken_in_the_forms_that_python_users_have_them(data):
    assert fill(None, as_table(data))[0] == ["a", "b"]


@pytest.mark.parametrize("data", [3, b"x", {"a"}, object()])
def test_what_is_no_table_is_refused(data):
    with refused("data must be a table"):
        as_table(data)
