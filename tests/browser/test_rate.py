"""The rating form as a person meets it: blind, by keys alone, and no rating lost whatever happens to the kernel."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import expect

import pplab

PROMPTS = ["Give three tips for sleeping better.", "Suggest a slogan for a cafe.", "Describe a forest at night."]
SWEEP = {"temperature": [0.45, 0.85, 1.35]}
LOAD = "%load_ext pplab"
ITEMS = 40
THANKS = f"Thank you: {ITEMS} of {ITEMS} rated, all saved."
RATINGS = "SELECT position, choice, note FROM ratings WHERE choice <> 'undone' ORDER BY position"


@pytest.fixture
def rate(notebook):
    """Return a function that opens a rating form of a lab whose experiment was run elsewhere, so that the page has no setting."""

    def make(line=f"%pplab rate --n {ITEMS}"):
        made = notebook(LOAD, line)
        with pplab.Lab(store=made.path.parent / ".pplab", user="tester") as lab:
            lab.run(PROMPTS, n=6, sweep=SWEEP, seed=5)
        made.run_all()
        expect(group(made)).to_be_visible()
        return made

    return make


def group(made):
    return made.widget("rate").get_by_role("group", name="Rating")


def rated(made, count):
    """Wait until so many are rated, as the form says once the last one is stored."""
    expect(made.widget("rate").get_by_text(f"{count} of {ITEMS}", exact=True)).to_be_visible()


def press(made, first, last):
    """Rate items by keys alone: the grades in turn."""
    for number in range(first, last + 1):
        made.page.keyboard.press(str(number % 5 + 1))
        rated(made, number)


def stored(made):
    with pplab.Lab(store=made.path.parent / ".pplab", user="tester") as lab:
        return lab.sql(RATINGS)


def test_forty_ratings_by_keyboard_alone_survive_a_kernel_that_is_killed_in_the_middle(rate):
    made = rate()
    kernel = int(made.python("import os; print(os.getpid())"))
    group(made).focus()
    press(made, 1, 20)
    made.page.keyboard.press("2")
    os.kill(kernel, signal.SIGKILL)
    expect(made.widget("rate").get_by_role("status").filter(has_text="The kernel is gone")).to_be_visible()
    made.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    made.run_all()
    form = made.widget("rate")
    expect(form).to_have_count(1)
    expect(form.locator("[data-kernel-gone]")).to_have_count(0)
    expect(form.get_by_text(f" of {ITEMS}").first).to_be_visible()
    done = int(form.locator("progress").get_attribute("value"))
    assert done in (20, 21)  # what was pressed as the kernel was killed is stored or not, and nothing else is lost
    group(made).focus()
    press(made, done + 1, ITEMS - 1)
    made.page.keyboard.press("5")
    expect(form.get_by_role("status").filter(has_text=THANKS)).to_be_focused()
    frame = stored(made)
    assert list(frame["position"]) == list(range(ITEMS))
    assert [int(choice) for choice in frame["choice"][:20]] == [number % 5 + 1 for number in range(1, 21)]


def test_no_setting_is_in_the_page_before_the_end(rate):
    made = rate("%pplab rate --n 3")
    with pplab.Lab(store=made.path.parent / ".pplab", user="tester") as lab:
        experiment = lab.experiment("latest")
        ids = [experiment.id, *experiment.responses["response_id"]]
    group(made).focus()
    for number in (1, 2, 3):
        expect(made.widget("rate").get_by_text(f"Item {number} of 3", exact=True)).to_be_attached()
        page, shown = made.page.content(), made.page.locator(".jp-OutputArea").last.evaluate("area => area.outerHTML")
        assert "Prompt" in shown
        assert [id_ for id_ in ids if id_ in page] == []
        assert [words for words in ("temperature", "0.45", "0.85", "1.35", "embedded") if words in shown] == []
        made.page.keyboard.press("4")
    expect(made.widget("rate").get_by_role("status").filter(has_text="Thank you: 3 of 3 rated")).to_be_visible()


@pytest.mark.soak
def test_two_answers_are_compared_by_arrows_side_by_side_or_stacked_where_it_is_narrow(rate):
    made = rate("%pplab rate --pairs --n 5")
    form = made.widget("rate")
    boxes = [form.get_by_role("region", name=name) for name in ("Left answer", "Right answer")]
    left, right = (box.bounding_box() for box in boxes)
    assert abs(left["y"] - right["y"]) < 1
    assert right["x"] >= left["x"] + left["width"]
    group(made).focus()
    for number, key in enumerate(("ArrowLeft", "ArrowRight", "=", "x"), 1):
        made.page.keyboard.press(key)
        expect(form.get_by_text(f"Item {number + 1} of 5", exact=True)).to_be_attached()
        expect(group(made)).to_be_focused()
    made.page.set_viewport_size({"width": 640, "height": 1000})
    made.page.wait_for_function(
        "([left, right]) => right.getBoundingClientRect().top >= left.getBoundingClientRect().bottom",
        arg=[box.element_handle() for box in boxes],
    )
    form.get_by_role("button", name="Left is better").click()
    expect(form.get_by_role("status").filter(has_text="Thank you: 5 of 5 rated")).to_be_visible()
    assert list(stored(made)["choice"]) == ["left", "right", "equal", "both_bad", "left"]


@pytest.mark.soak
def test_by_mouse_with_a_note_and_an_undo(rate):
    made = rate()
    form = made.widget("rate")
    form.get_by_role("button", name="2 poor").click()
    rated(made, 1)
    form.get_by_role("button", name="Undo").click()
    rated(made, 0)
    form.get_by_role("button", name="Note").click()
    made.page.keyboard.type("12345 unx=")
    made.page.keyboard.press("Escape")
    expect(group(made)).to_be_focused()
    form.get_by_role("button", name="5 excellent").click()
    rated(made, 1)
    frame = stored(made)
    assert (list(frame["choice"]), list(frame["note"])) == (["5"], ["12345 unx="])


@pytest.mark.soak
def test_keys_pressed_in_it_are_no_shortcuts_of_the_notebook(rate):
    made = rate()
    made.widget("rate").get_by_role("region", name="Answer").click()
    for key in ("d", "d", "a", "b", "x", "m", "Enter", "ArrowDown", "1"):
        made.page.keyboard.press(key)
    rated(made, 1)
    cells = "() => jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.type)"
    assert made.page.evaluate(cells) == ["code", "code"]


@pytest.mark.soak
def test_running_the_cell_again_leaves_one_live_form(rate):
    made = rate()
    for _ in range(2):
        made.run_all()
    names = "[w.bundle for w in ipywidgets.widgets.widget._instances.values() if hasattr(w, 'bundle')]"
    assert made.python(f"import ipywidgets; print({names})") == "['rate']\n"
    expect(made.widget("rate")).to_have_count(1)


@pytest.mark.parametrize(
    ("line", "choice"),
    [pytest.param("%pplab rate --n 3", "5 excellent", marks=pytest.mark.soak), ("%pplab rate --pairs --n 3", "Both bad")],
)
def test_axe_finds_nothing_serious_in_any_theme(rate, findings, line, choice):
    made = rate(line)
    form = made.widget("rate")
    form.get_by_role("button", name="Note").click()
    assert findings(made, form) == []
    made.page.keyboard.press("Escape")
    for number in (1, 2, 3):
        form.get_by_role("button", name=choice).click()
        if number < 3:
            expect(form.get_by_text(f"Item {number + 1} of 3", exact=True)).to_be_attached()
    expect(form.get_by_role("status").filter(has_text="Thank you")).to_be_visible()
    assert findings(made, form) == []


@pytest.mark.soak
def test_nothing_is_wider_than_the_page(rate):
    made = rate("%pplab rate --pairs")
    root = made.widget("rate").element_handle()
    for width in (1400, 700, 480):
        made.page.set_viewport_size({"width": width, "height": 1000})
        made.page.wait_for_function("root => root.scrollWidth <= root.clientWidth", arg=root)


@pytest.mark.soak
def test_opened_again_after_its_kernel_ended_it_says_how_to_go_on(rate):
    made = rate()
    made.save()
    made.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    made.page.goto("about:blank")
    output = made.open().page.locator(".jp-OutputArea-output")
    made.wait_for("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
    expect(output.get_by_text(f"Rating of {ITEMS} answers on a scale, blind: run the cell to go on.")).to_be_visible()
