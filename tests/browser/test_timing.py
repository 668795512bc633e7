"""The timing view in a real JupyterLab: live figures, a trace by keyboard, its themes, a narrow page, and what stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

LOAD = "%load_ext pplab\n%pplab calibrate --preset balanced"
RUN = "%%pplab run --n 2\nWrite a tagline for a notebook."
LIVE = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
SHOW = "timing = get_ipython().run_line_magic('pplab', 'timing')\ntiming.reach = 'all'\ntiming"


@pytest.fixture
def opened(same_notebook):
    return same_notebook(LOAD, RUN, SHOW)


@pytest.fixture
def timing(opened):
    root = opened.widget("timing")
    expect(row(root, "cell [2]")).to_be_visible()
    return root


def row(root, name, region="Latest cells"):
    return root.get_by_role("region", name=region).get_by_role("row", name=name)


def number(root, kind):
    """Return the cell with how many of a kind there were."""
    return root.get_by_role("region", name="Durations").get_by_role("row", name=kind).get_by_role("cell").first


def test_it_shows_what_is_stored_and_counts_on_by_itself(opened, timing):
    expect(number(timing, "Calls")).to_have_text("2")
    expect(timing).to_contain_text("2 calls to a model")
    stored = opened.python("print(len(timing._context.store.cells()), len(timing._context.store.timing('operation')))").split()
    expect(number(timing, "Cells")).to_have_text(stored[0])
    expect(number(timing, "Operations")).to_have_text(stored[1])
    opened.python("%pplab run --n 3 Once more.")
    expect(number(timing, "Calls")).to_have_text("5")
    expect(timing.locator(".pplab-period[data-kind='call']").last).to_be_attached()


def test_a_step_leads_to_its_waterfall_and_back_by_keyboard_alone(opened, timing):
    step = row(timing, "cell [2]").get_by_role("button")
    step.focus()
    opened.page.keyboard.press("Enter")
    bars = timing.get_by_role("region", name="Waterfall")
    expect(bars.get_by_role("row", name="cell [2]")).to_contain_text("ok")
    expect(bars.get_by_role("row", name="prompt 0 setting 0 replicate 1")).to_be_visible()
    timing.get_by_role("button", name="Close").focus()
    opened.page.keyboard.press("Enter")
    expect(bars).to_have_count(0)
    expect(step).to_be_focused()
    timing.get_by_role("tab", name="Cells").focus()
    opened.page.keyboard.press("ArrowRight")
    expect(row(timing, "run", "Slowest operations").first).to_be_visible()


@pytest.mark.soak
def test_the_time_that_is_looked_at_is_chosen(opened, timing):
    timing.get_by_label("Time", exact=True).select_option("Last hour")
    expect(row(timing, "cell [2]")).to_be_visible()
    expect(timing.get_by_role("region", name="Durations")).to_be_visible()
    assert opened.python("print(timing.reach)") == "hour\n"


@pytest.mark.soak
def test_an_empty_lab_says_what_to_do(notebook):
    empty = notebook("import pplab\nfrom pplab.views.widgets.timing import Timing\nTiming(pplab.Lab(), reach='all')").run_all()
    expect(empty.widget("timing").get_by_role("status")).to_contain_text("Run a cell, such as %pplab calibrate")


def test_it_fits_a_narrow_page_and_axe_finds_nothing_serious_in_any_theme(own_notebook, findings):
    opened = own_notebook(LOAD, RUN, SHOW).run_all()
    timing = opened.widget("timing")
    row(timing, "cell [2]").get_by_role("button").click()
    expect(timing.get_by_role("region", name="Waterfall").get_by_role("row").nth(1)).to_be_visible()
    timing.get_by_text("As a table").click()
    assert findings(opened, timing) == []
    opened.page.set_viewport_size({"width": 700, "height": 1000})
    assert timing.evaluate("root => root.scrollWidth <= root.clientWidth")
    boxes = [timing.get_by_role("region", name=f"{name} cells").bounding_box() for name in ("Latest", "Slowest", "Dearest")]
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
    assert findings(opened, timing) == []


@pytest.mark.soak
def test_it_is_there_again_after_a_reload_of_the_page_with_its_trace(opened, timing):
    row(timing, "cell [2]").get_by_role("button").click()
    expect(timing.get_by_role("region", name="Waterfall")).to_be_visible()
    opened.wait_for(LIVE)
    opened.save().open()
    again = opened.widget("timing")
    again.scroll_into_view_if_needed()
    expect(again.get_by_role("region", name="Waterfall").get_by_role("row", name="cell [2]")).to_be_visible()


@pytest.mark.soak
def test_without_its_kernel_the_static_form_stays(notebook):
    opened = notebook(LOAD, RUN, SHOW).run_all()
    timing = opened.widget("timing")
    opened.save()
    opened.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    expect(timing.get_by_text("The kernel is gone.")).to_be_visible()
    opened.open()
    output = opened.page.locator(".jp-OutputArea").last
    expect(output.get_by_text("llm_request").first).to_be_visible()
    expect(output.get_by_text("Durations are in .df")).to_be_visible()
