"""Ratings narrow a calibration to what was chosen."""

from __future__ import annotations

import pytest

from pplab.calibration import derive, preset
from pplab.calibration.from_ratings import narrow
from pplab.errors import BadInput
from pplab.plan.settings import Range

BASE = derive(preset("balanced"))  # temperature 0 to 1
THREE = [{"temperature": 0.0}, {"temperature": 0.5}, {"temperature": 1.0}]


@pytest.mark.parametrize(
    ("chosen", "range_", "points"),
    [
        ({0}, (0.0, 0.25), (0.0, 0.25)),
        ({1}, (0.25, 0.75), (0.25, 0.5, 0.75)),
        ({2}, (0.75, 1.0), (0.75, 1.0)),
        ({0, 1}, (0.0, 0.75), (0.0, 0.5, 0.75)),
        ({1, 2}, (0.25, 1.0), (0.25, 0.5, 1.0)),
    ],
)
def test_a_range_ends_half_way_to_the_next_value_that_was_not_chosen(chosen, range_, points):
    narrowed = narrow(BASE, THREE, chosen, words="these")
    assert narrowed.ranges["temperature"] == Range(*range_)
    assert narrowed.points["temperature"] == points
    others = BASE.ranges.keys() - {"temperature"}
    assert {name: narrowed.ranges[name] for name in others} == {name: BASE.ranges[name] for name in others}
    assert (narrowed.answers, narrowed.scores, narrowed.persona) == (BASE.answers, BASE.scores, BASE.persona)


def test_the_explanation_adds_up_from_where_everybody_starts_to_the_narrowed_range():
    table = narrow(BASE, THREE, {1}, words="temperature 0.5").table
    assert table.starts == BASE.table.starts
    row = table.rows[-1]
    assert (row.question_id, row.answer, row.ends["temperature"]) == ("ratings", "temperature 0.5", (0.25, -0.25))


def test_whole_numbers_stay_whole():
    narrowed = narrow(BASE, [{"max_tokens": 101}, {"max_tokens": 200}], {1}, words="the longer one")
    assert narrowed.ranges["max_tokens"].low == 150
    assert isinstance(narrowed.ranges["max_tokens"].low, int)


def test_a_chosen_value_outside_the_calibrated_range_widens_it_to_that_value():
    narrowed = narrow(BASE, [{"temperature": 0.5}, {"temperature": 1.5}], {1}, words="temperature 1.5")
    assert narrowed.ranges["temperature"] == Range(1.0, 1.5)


def test_ratings_that_leave_no_value_out_are_refused_in_one_line():
    with pytest.raises(BadInput, match="narrow no range") as refused:
        narrow(BASE, THREE, {0, 1, 2}, words="all")
    assert "sweep" in refused.value.hint


def test_a_chosen_persona_becomes_the_persona():
    narrowed = narrow(BASE, [{}, {}], {1}, words="the warm persona", persona="Be warm.")
    assert (narrowed.persona, narrowed.personas["medium"]) == ("Be warm.", "Be warm.")
