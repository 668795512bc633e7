"""The ten-minute start of the documentation: its cells and lines work as they stand, and give what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import pplab
from pplab.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "start.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CELLS = [source for language, source in BLOCK.findall(PAGE) if language == "python"]
LINES = [line for language, source in BLOCK.findall(PAGE) if language == "shell" for line in source.splitlines()]
DECISION = [line.removeprefix("> ").strip("*") for line in PAGE.splitlines() if line.startswith("> ")]


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("PPLAB_OFFLINE", "1")


def test_the_cells_of_the_start_run_and_give_the_decision_that_the_page_shows(offline, shell):
    assert len(CELLS) == 6
    for source in CELLS:
        assert shell.run_cell(source).success, source
    decision = shell.user_ns["decision"]
    assert decision.words.splitlines() == DECISION
    assert f"decision.parameters  # {decision.parameters}\n" in PAGE
    assert Path("exports/topics.zip").exists()


def test_the_lines_of_the_start_work_in_a_terminal(offline, capsys):
    assert len(LINES) == 4
    for line in LINES:
        program, *arguments = shlex.split(line)
        assert program == "pplab"
        assert main(arguments) == 0, capsys.readouterr()
    with pplab.Lab() as lab:
        assert list(lab.experiments()["status"]) == ["completed"]
