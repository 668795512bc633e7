"""Prompts from data: placeholders, missing columns, clusters, and runs over many rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pplab
from pplab.errors import BadInput
from pplab.plan.prompts import fill
from pplab.plan.tables import as_table

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"city": ["Oslo", "Rome", "Oslo"], "topic": ["rain", "bread", "snow"]})


@pytest.fixture
def lab(tmp_path: Path) -> pplab.Lab:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as opened:
        yield opened


def test_a_frame_fills_the_placeholders_and_a_column_names_the_cluster(lab: pplab.Lab) -> None:
    experiment = lab.run("Write about {topic} in {city}.", data=FRAME, cluster="city", n=1)
    assert list(experiment.responses["prompt"]) == [
        "Write about rain in Oslo.",
        "Write about bread in Rome.",
        "Write about snow in Oslo.",
    ]
    assert experiment.plan.clusters == ("Oslo", "Rome", "Oslo")


def test_missing_columns_are_all_named(lab: pplab.Lab) -> None:
    with pytest.raises(BadInput, match=r"no column 'country', 'year'.*its columns are: city, topic"):
        lab.run("{topic} in {country}, {year}", data=FRAME)
    with pytest.raises(BadInput, match=r"no column 'town'"):
        lab.run("{topic}", data=FRAME, cluster="town")


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_files_are_read_by_their_ending(lab: pplab.Lab, tmp_path: Path, name: str) -> None:
    rows = FRAME.to_dict("records")
    text = {
        ".csv": FRAME.to_csv(index=False),
        ".jsonl": "\n".join(map(json.dumps, rows)),
        ".json": json.dumps(rows),
    }["." + name.split(".")[1]]
    (tmp_path / name).write_text(text, "utf-8")
    experiment = lab.run("About {topic}", data=tmp_path / name, n=1)
    assert list(experiment.responses["prompt"]) == ["About rain", "About bread", "About snow"]


def test_a_table_with_a_column_prompt_needs_no_template(lab: pplab.Lab, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("Say hello.\n\nSay goodbye.\n", "utf-8")
    experiment = lab.run(data=tmp_path / "prompts.txt", n=1)
    assert list(experiment.responses["prompt"]) == ["Say hello.", "Say goodbye."]


def test_numbers_in_a_csv_are_put_in_as_they_are_written(lab: pplab.Lab, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code,price\n007,1.50\n", "utf-8")
    experiment = lab.run("Explain {code} at {price}.", data=tmp_path / "codes.csv", n=1)
    assert list(experiment.responses["prompt"]) == ["Explain 007 at 1.50."]


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "cannot be read|no rows"), ("prompt\n", "no rows"), ('prompt\nok\n" "\n', "prompt 2 of 2 is empty")],
)
def test_an_empty_table_or_row_is_refused_in_one_line(lab: pplab.Lab, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "empty.csv").write_text(content, "utf-8")
    with pytest.raises(BadInput, match=words) as refused:
        lab.run(data=tmp_path / "empty.csv")
    assert "\n" not in str(refused.value)
    assert not len(lab.experiments())


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30), min_size=1, max_size=5))
def test_values_are_put_in_literally_whatever_braces_they_hold(values: list[str]) -> None:
    prompts, _ = fill("<{text}> {{text}}", as_table({"text": values, "other": ["x"] * len(values)}))
    assert prompts == [f"<{value}> {{text}}" for value in values]
