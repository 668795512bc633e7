"""The audit console in a real JupyterLab: the live stream, a walked chain, verification, and its file."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

LOAD = "%load_ext pplab\n%pplab calibrate --preset balanced"
RUN = "%%pplab run --n 2 --calibration latest\nWrite a tagline for a notebook."


@pytest.fixture
def opened(same_notebook):
    return same_notebook(LOAD, RUN, "%pplab audit")


@pytest.fixture
def console(opened):
    root = opened.widget("console")
    expect(event(root, "experiment_generated")).to_be_visible()
    return root


def event(root, name):
    return root.get_by_role("button", name=name).first


def test_new_events_appear_above_by_themselves(opened, console):
    first = console.locator("tr[data-seq]").first
    before = int(first.get_attribute("data-seq"))
    opened.python("%pplab calibrate --preset precise")
    expect(console.locator("tr[data-event='calibration_completed']").nth(1)).to_be_attached()
    rows = console.locator("tr[data-seq]").evaluate_all("rows => rows.map(row => Number(row.dataset.seq))")
    assert rows[0] > before
    assert rows == sorted(rows, reverse=True)


@pytest.mark.soak
def test_an_event_leads_to_its_chain_by_keyboard_alone(opened, console):
    event(console, "experiment_generated").focus()
    opened.page.keyboard.press("Enter")
    chain = console.get_by_role("region", name="Chain of cause")
    expect(chain.get_by_role("button", name="experiment_generated")).to_be_visible()
    expect(chain.get_by_role("button", name="response").first).to_be_attached()
    chain.get_by_role("button", name="Close").focus()
    opened.page.keyboard.press("Enter")
    expect(event(console, "experiment_generated")).to_be_focused()


@pytest.mark.soak
def test_a_filter_shows_only_what_matches_and_clear_shows_all_again(console):
    console.get_by_label("Event", exact=True).select_option("experiment_generated")
    rows = console.locator("tr[data-seq]")
    expect(rows).to_have_count(1)
    console.get_by_role("button", name="Clear").click()
    expect(event(console, "calibration_completed")).to_be_visible()


@pytest.mark.soak
def test_the_chain_is_verified_on_request(console):
    expect(console.get_by_role("status").filter(has_text="not verified yet")).to_be_visible()
    console.get_by_role("button", name="Verify").click()
    expect(console.get_by_role("status").filter(has_text="Verified up to row")).to_be_visible()


@pytest.mark.soak
def test_the_shown_selection_comes_as_a_file_of_the_browser(opened, console):
    console.get_by_label("Event", exact=True).select_option("experiment_generated")
    console.get_by_label("Format").select_option("jsonl")
    with opened.page.expect_download() as download:
        console.get_by_role("button", name="Export").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["experiment_generated"]


@pytest.mark.soak
def test_the_time_line_shows_cells_and_operations_with_words_beside_the_bars(opened, console):
    console.get_by_role("tab", name="Events").focus()
    opened.page.keyboard.press("ArrowRight")
    line = console.get_by_role("region", name="Time line")
    expect(line.get_by_role("row", name="run")).to_contain_text("ok")
    expect(line.get_by_role("row", name="cell [2]")).to_be_visible()


def test_axe_finds_nothing_serious_in_any_theme(opened, console, findings):
    event(console, "experiment_generated").click()
    expect(console.get_by_role("region", name="Chain of cause").get_by_role("listitem").first).to_be_visible()
    assert findings(opened, console) == []
    console.get_by_role("tab", name="Time line").click()
    assert findings(opened, console) == []
