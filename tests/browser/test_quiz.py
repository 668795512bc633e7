"""The calibration quiz as a person meets it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from pplab.calibration import QUESTIONS, preset

CELLS = ("import pplab\nfrom pplab.views.widgets.quiz import Quiz\nlab = pplab.Lab()\nquiz = Quiz(lab)\nquiz",)
SAVED = "The calibration is saved."


@pytest.fixture
def quiz(same_notebook):
    made = same_notebook(*CELLS)
    expect(made.widget("quiz")).to_be_visible()
    return made


@pytest.fixture
def new_quiz(notebook):
    made = notebook(*CELLS).run_all()
    expect(made.widget("quiz")).to_be_visible()
    return made


def answer(root, answers):
    """Answer each question from the one shown on, by mouse."""
    for index, question in enumerate(QUESTIONS):
        group = root.get_by_role("radiogroup", name=question.text)
        expect(group).to_be_visible()
        group.get_by_role("radio", name=question.label(answers[question.id]), exact=True).check()
        root.get_by_role("button", name="Next" if index < len(QUESTIONS) - 1 else "Finish", exact=True).click()


def test_by_mouse_it_ends_in_the_calibration_that_the_answers_give_without_it(new_quiz):
    root = new_quiz.widget("quiz")
    answer(root, preset("balanced"))
    expect(root.get_by_role("status").filter(has_text=SAVED)).to_be_visible()
    assert (
        new_quiz.python("print(quiz.calibration.answers == pplab.calibration.preset('balanced'), len(lab.calibrations()))")
        == "True 1\n"
    )
    root.get_by_role("button", name="Proceed to experiment").click()
    expect(root.get_by_text("%%pplab run --calibration latest")).to_be_visible()


def test_by_keyboard_alone_it_can_be_answered_to_the_end(quiz):
    page, root = quiz.page, quiz.widget("quiz")
    answers = preset("expressive")
    root.get_by_role("radio").first.focus()
    for question in QUESTIONS:
        place = question.values.index(answers[question.id])
        group = root.get_by_role("radiogroup", name=question.text)
        expect(group.get_by_role("radio").first).to_be_focused()
        page.keyboard.press("Space")
        for _ in range(place):
            page.keyboard.press("ArrowDown")
        expect(group.get_by_role("radio").nth(place)).to_be_checked()
        page.keyboard.press("Enter")
    expect(root.get_by_role("status").filter(has_text=SAVED)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(root.get_by_role("button", name="Proceed to experiment")).to_be_focused()
    assert quiz.python("print(quiz.calibration.answers == pplab.calibration.preset('expressive'))") == "True\n"


@pytest.mark.soak
def test_keys_pressed_in_it_are_no_shortcuts_of_the_notebook(quiz):
    root = quiz.widget("quiz")
    root.get_by_role("radio").first.focus()
    for key in ("d", "d", "a", "b", "x", "m", "Enter", "ArrowDown"):
        quiz.page.keyboard.press(key)
    assert quiz.page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.type)") == ["code"]
    assert quiz.page.evaluate("() => jupyterapp.shell.currentWidget.content.mode") == "command"


def test_answers_survive_a_reload_of_the_page(new_quiz):
    root = new_quiz.widget("quiz")
    root.get_by_role("radio", name="Translate texts").check()
    root.get_by_role("button", name="Next").click()
    root.get_by_role("radio", name="Costly").check()
    expect(root.locator(".pplab-moved li").first).to_be_visible()
    new_quiz.save().open()
    expect(root.get_by_role("radiogroup", name=QUESTIONS[1].text)).to_be_visible()
    expect(root.get_by_role("radio", name="Costly")).to_be_checked()
    root.get_by_role("button", name="Back").click()
    expect(root.get_by_role("radio", name="Translate texts")).to_be_checked()


def test_the_preview_moves_with_each_answer(quiz):
    root = quiz.widget("quiz")
    temperature = root.locator(".pplab-quiz-side .pplab-range", has_text="temperature")
    expect(temperature).to_contain_text("0.3 to 1")
    root.get_by_role("radio", name="Write code or solve exact problems").check()
    expect(temperature).to_contain_text("0 to 0.3")
    expect(root.locator(".pplab-moved")).to_contain_text("Lowers the upper end of temperature by 0.7, to 0.3")


def test_a_fault_in_storing_is_shown_with_a_retry_that_works(quiz):
    quiz.python(
        "keep = lab.calibrate\n"
        "def fail(answers): raise pplab.errors.StoreError('the disk is full', hint='make room')\n"
        "lab.calibrate = fail"
    )
    root = quiz.widget("quiz")
    answer(root, preset("precise"))
    alert = root.get_by_role("alert")
    expect(alert).to_contain_text("the disk is full")
    quiz.python("lab.calibrate = keep")
    root.get_by_role("button", name="Retry").click()
    expect(root.get_by_role("status").filter(has_text=SAVED)).to_be_visible()
    expect(alert).to_have_count(0)


@pytest.mark.soak
def test_a_restarted_kernel_is_said_and_takes_no_answers(new_quiz):
    root = new_quiz.widget("quiz")
    new_quiz.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart() }")
    expect(root.get_by_role("status").filter(has_text="The kernel is gone")).to_be_visible()


@pytest.mark.soak
def test_running_the_cell_again_leaves_one_live_quiz(quiz):
    for _ in range(3):
        quiz.run_all()
    live = "import ipywidgets; print(sum(type(w).__name__ == 'Quiz' for w in ipywidgets.widgets.widget._instances.values()))"
    assert quiz.python(live) == "1\n"
    expect(quiz.widget("quiz")).to_have_count(1)


def test_axe_finds_nothing_serious_in_any_theme(quiz, findings):
    root = quiz.widget("quiz")
    root.get_by_role("radio").first.check()
    expect(root.locator(".pplab-moved li").first).to_be_visible()
    assert findings(quiz, root) == []
    answer(root, preset("balanced"))
    expect(root.get_by_role("status").filter(has_text=re.compile(SAVED))).to_be_visible()
    root.get_by_role("button", name="Proceed to experiment").click()
    expect(root.get_by_role("button", name="Copy", exact=True)).to_be_visible()
    assert findings(quiz, root) == []


@pytest.mark.soak
def test_nothing_is_wider_than_the_page(quiz):
    root = quiz.widget("quiz")
    answer(root, preset("balanced"))
    expect(root.get_by_role("status").filter(has_text=SAVED)).to_be_visible()
    inside = """root => {
        const { left, right } = root.getBoundingClientRect();
        const own = [...root.querySelectorAll('*')].filter(e => !e.parentElement.closest('.pplab-scroll'));
        const boxes = own.map(e => e.getBoundingClientRect()).filter(box => box.width > 0);
        return boxes.every(box => box.left >= left && box.right <= right);
    }"""
    for width in (1400, 700):
        quiz.page.set_viewport_size({"width": width, "height": 1000})
        root.page.wait_for_function(inside, arg=root.element_handle())


@pytest.mark.soak
def test_opened_again_after_its_kernel_ended_it_shows_the_questions(new_quiz):
    new_quiz.save()
    new_quiz.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    new_quiz.page.goto("about:blank")
    output = new_quiz.open().page.locator(".jp-OutputArea-output")
    new_quiz.wait_for("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
    expect(output.get_by_text(QUESTIONS[-1].text)).to_be_visible()
    expect(output.get_by_text("model not found")).to_have_count(0)
