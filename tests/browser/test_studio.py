"""The studio as a person meets it: a prompt, sliders, a run that keeps no cell waiting."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.servers import FaultServer

PROMPT = "Write a tagline for a notebook."


CELLS = ("%load_ext pplab\n%pplab calibrate --preset balanced", "%pplab studio")


@pytest.fixture
def studio(same_notebook):
    made = same_notebook(*CELLS)
    expect(made.widget("studio")).to_be_visible()
    return made


@pytest.fixture(scope="module")
def model():
    with FaultServer() as server:
        yield server


def write(root, prompt=PROMPT):
    root.get_by_label("Prompt", exact=True).fill(prompt)
    expect(root.locator(".pplab-studio-ahead")).to_contain_text("calls to")


def test_a_prompt_is_run_in_the_calibrated_ranges_and_its_cards_appear(studio):
    root = studio.widget("studio")
    write(root)
    expect(root.locator(".pplab-studio-ahead")).to_contain_text("15 calls to embedded")
    root.get_by_role("button", name="Run", exact=True).click()
    expect(root.locator("[data-pplab='card']")).to_have_count(15)
    expect(root.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    expect(root.get_by_role("button", name="run took")).to_be_visible()


@pytest.mark.soak
def test_the_code_it_shows_runs_the_same(studio):
    root = studio.widget("studio")
    write(root)
    root.get_by_text("The same as a cell").click()
    code = root.get_by_label("The same as a cell").inner_text()
    assert code.startswith("%%pplab run --n 5 --sweep temperature=0,0.5,1 --calibration ")
    assert code.endswith(f"\n{PROMPT}")


@pytest.mark.soak
def test_the_estimate_follows_the_form_and_says_what_is_wrong(studio):
    root = studio.widget("studio")
    write(root)
    root.get_by_label("Replicates").fill("2")
    expect(root.locator(".pplab-studio-ahead")).to_contain_text("6 calls")
    root.get_by_role("button", name="Remove value 3 of temperature").click()
    expect(root.locator(".pplab-studio-ahead")).to_contain_text("4 calls")
    root.get_by_label("Table of prompts").fill("nowhere.csv")
    expect(root.locator(".pplab-studio-ahead")).to_contain_text("there is no file 'nowhere.csv'")


@pytest.mark.soak
def test_sliders_stop_at_the_calibrated_range_until_more_is_asked_for(studio):
    root = studio.widget("studio")
    exact = root.get_by_label("temperature, value 3, exactly")
    root.get_by_label("temperature, value 3", exact=True).focus()
    studio.page.keyboard.press("End")
    expect(exact).to_have_value("1")
    root.get_by_label("Beyond the calibrated ranges").check()
    root.get_by_label("temperature, value 3", exact=True).focus()
    studio.page.keyboard.press("End")
    expect(exact).to_have_value("2")


def test_a_cell_run_meanwhile_works_at_once_and_the_run_can_be_paused_and_cancelled(notebook, model):
    environment = {"PPLAB_BASE_URL": model.base_url, "PPLAB_MODEL": "play:hang", "OPENAI_API_KEY": "sk-test-" + "0" * 20}
    made = notebook(f"import os\nos.environ.update({environment!r})\n%load_ext pplab\n%pplab studio").run_all()
    root = made.widget("studio")
    root.get_by_label("Prompt", exact=True).fill(PROMPT)
    root.get_by_role("button", name="Run", exact=True).click()
    expect(root.locator("[data-pplab='cards']")).to_contain_text("5 under way")
    assert made.python("print(6 * 7)") == "42\n"
    root.get_by_role("button", name="Pause").click()
    expect(root.locator("[data-pplab='cards']")).to_contain_text("paused")
    root.get_by_role("button", name="Go on").click()
    root.get_by_role("button", name="Cancel").click()
    expect(root.locator("[data-status='cancelled']")).to_have_count(5)


@pytest.mark.soak
def test_the_quiz_leads_on_to_it_with_its_calibration(notebook):
    from pplab.calibration import QUESTIONS, preset

    made = notebook("%load_ext pplab", "%pplab calibrate").run_all()
    quiz = made.widget("quiz")
    answers = preset("expressive")
    for question in QUESTIONS:
        quiz.get_by_role("radio", name=question.label(answers[question.id]), exact=True).check()
        quiz.get_by_role("button", name="Finish" if question is QUESTIONS[-1] else "Next", exact=True).click()
    quiz.get_by_role("button", name="Proceed to experiment").click()
    root = quiz.locator("[data-pplab='studio']")
    expect(root.get_by_label("Calibration", exact=True)).to_contain_text("personality")
    write(root)


@pytest.mark.soak
def test_running_the_cell_again_leaves_one_live_studio(studio):
    for _ in range(2):
        studio.run_all()
    names = "sorted(type(w).__name__ for w in ipywidgets.widgets.widget._instances.values() if hasattr(w, 'bundle'))"
    assert studio.python(f"import ipywidgets; print({names})") == "['Cards', 'Studio']\n"


@pytest.mark.soak
def test_a_restarted_kernel_is_said(notebook):
    studio = notebook(*CELLS).run_all()
    root = studio.widget("studio")
    expect(root).to_be_visible()
    studio.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart() }")
    expect(root.get_by_role("status").filter(has_text="The kernel is gone")).to_be_visible()


@pytest.mark.soak
def test_keys_typed_in_it_are_no_shortcuts_of_the_notebook(studio):
    prompt = studio.widget("studio").get_by_label("Prompt", exact=True)
    prompt.focus()
    studio.page.keyboard.type("dd abxm")
    studio.page.keyboard.press("Enter")
    expect(prompt).to_have_value("dd abxm\n")
    assert studio.page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length") == 2


def test_axe_finds_nothing_serious_in_any_theme(studio, findings):
    root = studio.widget("studio")
    root.get_by_label("Beyond the calibrated ranges").check()
    write(root)
    root.get_by_text("The same as a cell").click()
    assert findings(studio, root) == []


@pytest.mark.soak
def test_nothing_is_wider_than_the_page(studio):
    root = studio.widget("studio").element_handle()
    for width in (1400, 700):
        studio.page.set_viewport_size({"width": width, "height": 1000})
        studio.page.wait_for_function("root => root.scrollWidth <= root.clientWidth", arg=root)
