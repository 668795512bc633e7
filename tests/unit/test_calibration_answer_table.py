"""The table of a calibration adds up, and stored calibrations show the one they were derived with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.calibration import PRESETS, QUESTIONS, Calibration, derive, partial
from pplab.calibration.effects import BOUNDS
from pplab.store.rows import CalibrationRow

ANSWERS = st.fixed_dictionaries({q.id: st.sampled_from(q.values) for q in QUESTIONS})
SOME_ANSWERS = st.fixed_dictionaries({}, optional={q.id: st.sampled_from(q.values) for q in QUESTIONS})
OWN = {"calibration_id": "c", "created_at": "t", "user": "u", "correlation_id": "x"}


def stored(answers, /, **changes):
    return Calibration.from_row(CalibrationRow(**OWN, **{**derive(answers).row_fields(), **changes}))


@given(SOME_ANSWERS)
def test_every_column_is_a_sum_from_where_everybody_starts_to_the_result(answers):
    derived = partial(answers)
    table = derived.table
    for name, (low, high) in BOUNDS.items():
        assert (table.starts[name].low, table.starts[name].high) == (low.start, high.start)
        added = [row.ends.get(name, (0, 0)) for row in table.rows]
        assert low.start + sum(a for a, _ in added) == pytest.approx(derived.ranges[name].low)
        assert high.start + sum(b for _, b in added) == pytest.approx(derived.ranges[name].high)
    for score, result in derived.scores.items():
        assert 50 + sum(row.scores.get(score, 0) for row in table.rows) == pytest.approx(result, abs=0.051)  # one decimal


@given(SOME_ANSWERS)
def test_there_is_a_row_an_answer_in_the_order_of_the_quiz(answers):
    rows = partial(answers).table.rows
    assert [row.question_id for row in rows] == [q.id for q in QUESTIONS if q.id in answers]
    assert [row.answer for row in rows] == [q.label(answers[q.id]) for q in QUESTIONS if q.id in answers]


@given(ANSWERS)
def test_a_stored_calibration_has_the_table_it_was_derived_with(answers):
    alphabetical = dict(sorted(derive(answers).row_fields()["answers"].items()))
    assert stored(answers, answers=alphabetical).table == derive(answers).table


def test_answers_to_another_quiz_show_what_is_stored_of_them_and_no_shares_of_the_scores():
    move = {
        "parameter": "temperature",
        "bound": "high",
        "question_id": "mood",
        "answer": "Bright",
        "change": 0.3,
        "sentence": ".",
    }
    table = stored(
        PRESETS["balanced"], quiz_version="0", answers={"mood": "bright", "task": "gardening"}, explanation=[move]
    ).table
    assert [(row.question_id, row.answer, row.ends, row.scores) for row in table.rows] == [
        ("task", "gardening", {}, {}),
        ("mood", "Bright", {"temperature": (0, 0.3)}, {}),
    ]
    assert table.starts["temperature"].high == pytest.approx(table.ranges["temperature"].high - 0.3)
