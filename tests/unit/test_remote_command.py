"""The command ``remote`` where a lab exchanges by itself: what is refused, in one line, before anything begins."""

from __future__ import annotations

import pytest

from pplab import cli
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.config.configuration import PPLab, set_value
from pplab.errors import BadInput
from tests.unit import meeting_labs

BAD_SECONDS = ["0", "-1", "nan", "inf", "often", "", "0.1", "1e9"]


@pytest.fixture
def lab(tmp_path, team):
    with meeting_labs.lab(tmp_path, "ada", team) as opened:
        yield opened


def run(lab, line, front_end="terminal"):
    return command_table.perform(line.split(), Session(lambda: lab, front_end))


@pytest.mark.parametrize("seconds", BAD_SECONDS)
@pytest.mark.parametrize("action", ["sync team", "add other {team}"])
def test_an_interval_that_makes_no_sense_is_one_line(lab, team, action, seconds):
    words = [*action.format(team=team).split(), "--every", seconds]
    with pytest.raises(BadInput, match="labs cannot exchange every") as refusal:
        command_table.perform(["remote", *words], Session(lambda: lab, "terminal"))
    assert "\n" not in str(refusal.value)
    assert list(lab.remotes) == ["team"]


@pytest.mark.parametrize("table", ['{"team": 0}', '{"team": "often"}', '{"team": true}', '{"a b": 2}', "[2]", "2"])
def test_a_configuration_of_it_that_makes_no_sense_is_refused(table):
    with pytest.raises(BadInput):
        set_value(PPLab(), "live", table)


@pytest.mark.parametrize(
    "line", ["remote list --every 2", "remote remove team --every 2", "remote add x y --cells", "remote sync"]
)
def test_options_stand_where_they_belong(lab, line):
    with pytest.raises(BadInput):
        run(lab, line)


def test_a_notebook_is_told_how_a_lab_exchanges_by_itself(lab):
    with pytest.raises(BadInput, match="--every 2: then the lab exchanges while it is open"):
        run(lab, "remote sync team", "notebook")


def test_a_remote_there_is_not_is_named_before_anything_begins(lab, capsys):
    assert cli.main(["remote", "sync", "taem", "--store", str(lab.folder)]) == 2
    assert "no remote 'taem'" in capsys.readouterr().err
