"""The quiz stores what ``lab.calibrate`` stores, and previews where the answers lead."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pplab
from pplab.calibration import PRESETS, QUESTIONS, derive, partial, preset
from pplab.views.widgets.base import LabWidget
from pplab.views.widgets.calibration_data import preview_of
from pplab.views.widgets.quiz import Quiz


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        yield lab


@pytest.fixture
def quiz(lab):
    made = Quiz(lab)
    yield made
    made.close()


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def test_it_asks_every_question_with_every_option(quiz):
    assert [(q["id"], [o["value"] for o in q["options"]]) for q in quiz.questions] == [(q.id, list(q.values)) for q in QUESTIONS]


def test_an_answer_moves_the_preview(quiz):
    before = quiz.preview["ranges"]["temperature"]
    quiz.set_state({"answers": {"task": "code"}})
    assert quiz.preview["ranges"]["temperature"] == (0.0, 0.3) != before
    assert {reason["question"] for reason in quiz.preview["reasons"]} == {"task"}


def test_the_preview_has_the_table_of_the_answers(quiz):
    answers = preset("precise")
    quiz.set_state({"answers": answers})
    rows = {row["question"]: row for row in quiz.preview["rows"]}
    assert rows["sameness"]["answer"] == "Essential"
    assert rows["sameness"]["ends"] == {"temperature": (-0.3, -0.3)}
    assert rows["sameness"]["scores"] == {"precision": 7.5, "personality": -2.5}
    assert quiz.preview["starts"]["temperature"] == (0.3, 1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_finishing_stores_exactly_what_calibrating_without_the_quiz_stores(quiz, lab, name):
    receive(quiz, kind="finish", answers=preset(name))
    assert quiz.saved
    stored, headless = lab.calibration("latest"), lab.calibrate(preset(name))
    assert stored.id == quiz.calibration.id
    different = {"id", "correlation_id"}
    assert {k: v for k, v in stored.as_dict().items() if k not in different} == {
        k: v for k, v in headless.as_dict().items() if k not in different
    }


def test_finishing_leaves_the_audit_of_a_calibration(quiz, lab):
    receive(quiz, kind="finish", answers=preset("balanced"))
    events = list(lab.audit(correlation_id=quiz.calibration.correlation_id)["event"])
    assert events == ["operation_started", "calibration_started", "calibration_completed", "operation_completed"]
    assert quiz.took["correlation_id"] == quiz.calibration.correlation_id


def test_missing_answers_are_shown_as_an_error_and_store_nothing(quiz, lab):
    receive(quiz, kind="finish", answers={"task": "code"})
    assert quiz.problem["code"] == "bad_input"
    assert (quiz.saved, quiz.calibration, len(lab.calibrations())) == (False, None, 0)


def test_an_answer_that_is_not_allowed_is_shown_as_an_error(quiz):
    quiz.set_state({"answers": {"task": "gardening"}})
    assert "gardening" in quiz.problem["message"]


def test_changing_an_answer_after_saving_asks_to_save_again(quiz):
    answers = preset("balanced")
    quiz.set_state({"answers": answers})
    receive(quiz, kind="finish", answers=answers)
    assert quiz.saved
    quiz.set_state({"answers": {**answers, "task": "code"}})
    assert not quiz.saved
    quiz.set_state({"answers": answers})
    assert quiz.saved


def test_proceeding_hands_the_calibration_to_the_callback(quiz):
    seen = []
    quiz.on_proceed(seen.append)
    receive(quiz, kind="proceed")
    assert seen == []
    receive(quiz, kind="finish", answers=preset("precise"))
    receive(quiz, kind="proceed")
    assert [calibration.id for calibration in seen] == [quiz.calibration.id]


def test_a_widget_returned_by_the_callback_opens_below_and_ends_with_the_quiz(quiz, lab):
    opened = Quiz(lab)
    quiz.on_proceed(lambda _calibration: opened)
    receive(quiz, kind="finish", answers=preset("precise"))
    receive(quiz, kind="proceed")
    assert quiz.below == f"anywidget:{opened.model_id}"
    quiz.close()
    assert isinstance(opened, LabWidget)
    assert opened.comm is None


def test_proceeding_without_a_callback_shows_a_cell_that_runs_in_the_calibrated_ranges(quiz, lab):
    from pplab.commands import command_table

    receive(quiz, kind="finish", answers=preset("precise"))
    receive(quiz, kind="proceed")
    line, _, prompt = quiz.cell.partition("\n")
    command, arguments = command_table.parse(shlex.split(line.removeprefix("%%pplab ")), program="%pplab")
    assert (command.name, command.cell, arguments.calibration) == ("run", "prompt", "latest")
    sweep = dict.fromkeys(arguments.sweep)
    experiment = lab.run(prompt, calibration=arguments.calibration, sweep=sweep, n=1)
    assert [s.value("temperature") for s in experiment.plan.settings] == list(quiz.calibration.points["temperature"])


def test_the_static_form_is_the_same_on_every_run_and_shows_the_result_once_there_is_one(lab):
    forms = []
    for _ in range(2):
        quiz = Quiz(lab)
        before = quiz.static()
        receive(quiz, kind="finish", answers=preset("balanced"))
        forms.append((before.html, before.text, quiz.static().html, quiz.static().text))
        quiz.close()
    assert forms[0] == forms[1]
    assert QUESTIONS[0].text in forms[0][0]
    assert "The calibration is saved." in forms[0][2]


ANSWERS = st.fixed_dictionaries({}, optional={q.id: st.sampled_from(q.values) for q in QUESTIONS})


@given(ANSWERS)
def test_any_part_of_the_answers_has_a_preview_inside_the_legal_values(answers):
    from pplab.plan.parameters import PARAMETERS

    shown = preview_of(partial(answers))
    assert shown["answered"] == len(answers)
    for name, (low, high) in shown["ranges"].items():
        assert PARAMETERS[name].low <= low <= high <= PARAMETERS[name].high
    if len(answers) == len(QUESTIONS):
        assert shown["personas"] == derive(answers).personas
