"""When part of the answers of a run could not be used, its words say which part and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def test_a_sweep_of_which_the_server_takes_one_value_says_so(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:wants_temperature_1") as lab:
        experiment = lab.run("one left", n=5, sweep={"temperature": [0, 0.7, 1]})
        words = experiment.verdict().words
        assert "Use temperature 1: its answers are usable, those of the other 2 are not." in words
        assert "temperature 0 is out: 5 of 5 answers were rejected by the server" in words


def test_an_end_that_nobody_knows_is_named_beside_the_results(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:odd_end") as lab:
        experiment = lab.run("sunset", n=3)
        [warning] = experiment.warnings
        assert warning.startswith("3 answers ended with the unknown finish_reason 'sunset'")


def test_thinking_is_neither_shown_nor_scored_nor_exported(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:thinks_in_text") as lab:
        experiment = lab.run("think", n=2)
        assert not experiment.responses["text"].str.contains("think|hm", regex=True).any()
        exported = lab.export([experiment.id], format="json", path=tmp_path / "out.json").path
        assert "</think>" not in Path(exported).read_text(encoding="utf-8")
        assert "<think>" in lab.sql("SELECT raw FROM call_attempts").iloc[0, 0]
        assert '"reasoning_characters":2' in lab.sql("SELECT usage FROM responses").iloc[0, 0].replace(" ", "")
