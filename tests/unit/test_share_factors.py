"""What is shared of an experiment over factors: files with a column for each, and packages that verify, import and replay."""

from __future__ import annotations

import io
import json
import shutil
import zipfile

import pandas as pd
import pyarrow.parquet as pq
import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.plan.vocabulary import SCORES
from pplab.views import static
from tests.soak import only_soak

STOPS = [["END"], ["STOP", "END"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a lab with an experiment over personas and a parameter that has no column, and one without factors."""
    folder = tmp_path_factory.mktemp("factors")
    with pplab.Lab(store=folder / "lab", user="ada") as lab:
        factors = lab.run(
            {"short": "About {x}.", "long": "Please write about {x}."},
            data=[{"x": "rain"}, {"x": "snow"}],
            systems={"plain": "Be plain.", "warm": "Be warm."},
            sweep={"stop": STOPS},
            parameters={"max_tokens": 400},
            n=2,
        )
        plain = lab.run("Describe rain.", n=1, parameters={"max_tokens": 12})
        return folder, factors.id, plain.id


@pytest.fixture
def lab(made, tmp_path):
    shutil.copytree(made[0] / "lab", tmp_path / "lab")
    with pplab.Lab(store=tmp_path / "lab", user="ada") as lab:
        yield lab


def table(lab, ids, format, tmp_path):
    path = lab.export(ids, format=format, path=tmp_path / f"all.{format}").path
    if format == "csv":
        return pd.read_csv(path)
    return (
        pq.read_table(path).to_pandas() if format == "parquet" else pd.DataFrame(json.loads(path.read_text("utf-8"))["records"])
    )


@pytest.mark.parametrize("format", ["csv", *only_soak("json", "parquet")])
def test_a_file_of_several_experiments_has_a_column_for_every_factor_of_any(lab, made, tmp_path, format):
    frame = table(lab, [made[1], made[2]], format, tmp_path)
    of_factors, plain = frame[frame["experiment_id"] == made[1]], frame[frame["experiment_id"] == made[2]]
    assert list(of_factors["system"].unique()) == ["plain", "warm"]
    assert list(of_factors["wording"].unique()) == ["short", "long"]
    assert [json.loads(value) for value in of_factors["stop"].unique()] == STOPS
    assert json.loads(of_factors["parameters"].iloc[0]) == {"max_tokens": 400, "stop": STOPS[0]}
    assert list(of_factors["cluster"].unique()) == ["row 1", "row 2"]
    assert plain[["system", "wording", "stop", "cluster"]].isna().all(axis=None)
    assert (frame["model_asked"] == "embedded").all()


def test_a_package_over_factors_verifies_is_imported_and_gives_the_same_columns(lab, made, tmp_path):
    package = lab.export(made[1], format="package", path=tmp_path / "p.zip").path
    with zipfile.ZipFile(package) as archive:
        inside = pq.read_table(io.BytesIO(archive.read("data/responses.parquet"))).to_pandas()
    assert {"system", "wording", "stop", "parameters", "cluster", "fault"} <= set(inside.columns)
    assert lab.verify(package).ok
    with pplab.Lab(store=tmp_path / "other", user="bob") as other:
        other.import_package(package)
        theirs, ours = other.experiment(made[1]), lab.experiment(made[1])
        pd.testing.assert_frame_equal(theirs.responses, ours.responses)
        assert theirs.plan == ours.plan
        pd.testing.assert_frame_equal(theirs.variance(), ours.variance())


def test_all_responses_of_a_lab_have_the_columns_of_the_table(lab, made):
    frame = lab.responses()
    assert {"model_asked", "endpoint", "system", "wording", "parameters", "min_p", "reasoning_effort", "fault"} <= set(
        frame.columns
    )
    assert list(lab.sql("SELECT DISTINCT system FROM responses WHERE system IS NOT NULL ORDER BY 1")["system"]) == [
        "plain",
        "warm",
    ]
    assert json.loads(frame["parameters"].iloc[0])["stop"] == STOPS[0]


def test_where_the_variance_lies_is_shown_and_in_the_json_of_the_command(lab, made):
    result = command_table.perform(["results", made[1]], Session(lambda: lab, "terminal"))
    assert list(result.data["variance"]["metric"]) == list(SCORES)
    assert {"prompts", "system", "wording", "stop"} <= set(result.data["variance"].columns)
    display = static.experiment(lab.experiment(made[1]))
    assert "<summary>Where the variance of the scores lies</summary>" in display.html
    assert "Shares of the variance of each score" in display.html
