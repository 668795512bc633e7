"""The sidebar, the status bar and the notifications in a real JupyterLab: with labs of any kind, and with a real one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Notebook
from tests.browser.fake_labs import FakeLabs, experiment, lab, run
from tests.browser.lab_pages import executed, kernels, notifications, open_lab, show_sidebar, wait_until

WORK = "work/.pplab"
MANY = 10_000
STATUSES = ("completed", "partial", "failed", "paused", "interrupted", "running")


@pytest.fixture
def folder(server, request):
    made = server.root / re.sub(r"\W+", "-", f"sidebar {request.node.name[:50]} {request.node.execution_count}")
    made.mkdir()
    return made


@pytest.fixture
def labs(page):
    made = FakeLabs(page)
    made.labs = [lab(WORK, experiments=3)]
    made.experiments = {WORK: [experiment(number) for number in range(3)]}
    return made


@pytest.fixture
def opened(page, server, folder, labs):
    def opening():
        open_lab(page, server, folder)
        show_sidebar(page)
        executed(page)
        return page.locator("[data-pplab='sidebar']")

    return opening


def rows(sidebar):
    return sidebar.locator("[data-pplab='experiment-row']")


def section(sidebar, name):
    return sidebar.locator(f"[data-section='{name}']")


def test_ten_thousand_experiments_are_shown_at_once_and_walked_by_keyboard(page, server, folder, labs):
    labs.labs = [lab(WORK, experiments=MANY)]
    labs.experiments = {WORK: [experiment(n, status=STATUSES[n % 6], verdict="" if n % 6 else "Use 0.7") for n in range(MANY)]}
    open_lab(page, server, folder)
    before = kernels(page)
    executed(page)
    begin = time.perf_counter()
    show_sidebar(page)
    sidebar = page.locator("[data-pplab='sidebar']")
    expect(rows(sidebar).first).to_be_visible()
    print(f"\n10,000 experiments in the sidebar after {time.perf_counter() - begin:.2f} s")
    assert rows(sidebar).count() < 40
    box = sidebar.get_by_role("listbox", name="Experiments")
    sidebar.get_by_label("Search experiments").focus()
    page.keyboard.press("ArrowDown")
    expect(box).to_be_focused()
    page.keyboard.press("End")
    last = sidebar.locator("[role='option'][aria-selected='true']")
    expect(last).to_have_attribute("aria-posinset", str(MANY))
    expect(last).to_contain_text(f"number {MANY - 1}")
    assert rows(sidebar).count() < 40
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("() => executed.length > 1")
    assert page.evaluate("() => executed[1]") == ["pplab:open-experiment", {"lab": WORK, "id": experiment(1)["id"]}]
    assert kernels(page) <= before


@pytest.mark.soak
def test_a_search_leaves_what_matches_and_can_be_cleared(page, labs, opened):
    labs.experiments[WORK].append(experiment(7, prompt="Answer this complaint.", status="failed", verdict=""))
    sidebar = opened()
    search = sidebar.get_by_label("Search experiments")
    search.fill("complaint")
    expect(rows(sidebar)).to_have_count(1)
    expect(rows(sidebar)).to_have_attribute("data-status", "failed")
    search.fill("nothing like it")
    expect(sidebar.get_by_text("Nothing matches")).to_be_visible()
    sidebar.get_by_role("button", name="Clear the search").click()
    expect(rows(sidebar)).to_have_count(4)
    expect(search).to_be_focused()


def test_a_lab_is_chosen_and_a_run_in_it_is_followed_steered_and_its_end_leads_to_the_results(page, labs, opened):
    note = "made by a newer pplab (schema 99); this one reads 12"
    labs.labs += [lab("other/.pplab", experiments=1), lab("new/.pplab", readable=False, note=note)]
    labs.experiments["other/.pplab"] = [experiment(5, prompt="In the other lab.")]
    labs.runs = {WORK: [run()]}
    sidebar = opened()
    expect(rows(sidebar)).to_have_count(3)
    choices = section(sidebar, "labs")
    expect(choices.get_by_text(note)).to_be_visible()
    expect(choices.get_by_role("radio", name="new")).to_be_disabled()
    choices.get_by_role("radio", name="other").check()
    expect(rows(sidebar)).to_have_count(1)
    expect(rows(sidebar)).to_contain_text("In the other lab.")
    choices.get_by_role("radio", name="work").check()
    expect(rows(sidebar)).to_have_count(3)
    card = section(sidebar, "runs").get_by_role("listitem")
    expect(card).to_contain_text("120 of 600, $0.42")
    expect(card).to_contain_text("qwen3:8b at local, running, about 4 min left")
    status = page.locator("[data-pplab='status']")
    expect(status).to_contain_text("qwen3:8b at local · 120 of 600, $0.42")
    card.get_by_role("button", name="Pause").click()
    labs.runs = {WORK: [run(status="paused", done=130)]}
    labs.changed(WORK, spent_today=1.1)
    card.get_by_role("button", name="Go on").click()
    card.get_by_role("button", name="Cancel").click()
    expect(status).to_contain_text("$1.10 today")
    assert [order for _lab, _run, order in labs.orders] == ["pause", "go_on", "cancel"]
    labs.runs = {WORK: []}
    labs.changed(WORK)
    labs.ended(WORK, status="paused", reason="the next call could exceed max_cost=$0.50", done=130, cost=0.49)
    expect(section(sidebar, "runs")).to_contain_text("No run is under way.")
    told = notifications(page)
    expect(told).to_have_count(1)
    expect(told).to_contain_text("Run paused: “List six ideas.”, 130 of 600, $0.49; the next call could exceed max_cost=$0.50")
    expect(told.get_by_role("button", name="Resume")).to_be_visible()
    told.get_by_role("button", name="Open results").click()
    page.wait_for_function("() => executed.some(([id]) => id === 'pplab:open-experiment')")


@pytest.mark.soak
def test_resume_without_a_fitting_notebook_copies_the_cell(page, labs, opened):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened()
    labs.ended(WORK, status="paused", reason="the budget is spent")
    notifications(page).get_by_role("button", name="Resume").click()
    wait_until(page, "async () => (await navigator.clipboard.readText()).includes('%pplab run --resume 0192f0c1')")


@pytest.mark.soak
def test_a_lost_connection_is_made_again_and_the_list_is_up_to_date(labs, opened):
    sidebar = opened()
    expect(rows(sidebar)).to_have_count(3)
    labs.experiments[WORK].insert(0, experiment(9, prompt="Stored meanwhile."))
    labs.lose(WORK)
    expect(rows(sidebar)).to_have_count(4)
    expect(rows(sidebar).first).to_contain_text("Stored meanwhile.")


@pytest.mark.soak
def test_what_is_empty_says_what_to_do(page, labs, opened):
    labs.labs = []
    sidebar = opened()
    expect(sidebar.get_by_text("No lab in this folder yet")).to_be_visible()
    labs.labs = [lab(WORK)]
    labs.experiments = {}
    expect(sidebar.get_by_text("No experiment in this lab yet.")).to_be_visible()
    for title, words in (("Calibrations", "No calibration in this lab yet."), ("Packages", "No package here yet.")):
        sidebar.get_by_role("button", name=title).or_(sidebar.get_by_role("heading", name=title)).first.click()
        expect(sidebar.get_by_text(words)).to_be_visible()
    section(sidebar, "experiments").get_by_role("button", name="New experiment notebook").click()
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.context?.path.endsWith('experiment.ipynb')")


@pytest.mark.soak
def test_a_server_without_pplab_is_said_in_one_line(browser, server, folder):
    page = browser.new_page()  # whose console says that there is nothing at the address
    FakeLabs(page).missing = True
    open_lab(page, server, folder)
    show_sidebar(page)
    sidebar = page.locator("[data-pplab='sidebar']")
    expect(sidebar.get_by_role("alert")).to_have_text(re.compile("^Install pplab where the Jupyter server runs"))
    expect(section(sidebar, "labs")).to_be_hidden()
    expect(page.locator("[data-pplab='status']")).to_be_hidden()
    page.close()


def test_axe_finds_nothing_serious_in_any_theme_and_700_pixels_suffice(page, labs, opened, findings, folder, server):
    labs.labs += [lab("new/.pplab", readable=False, note="made by a newer pplab (schema 99); this one reads 12")]
    labs.runs = {WORK: [run(failed=3), run(id="b", own=False, status="paused")]}
    labs.experiments = {WORK: [experiment(n, status=STATUSES[n % 6]) for n in range(30)]}
    ranges = {"temperature": [0.3, 0.9], "top_p": [0.8, 1]}
    labs.calibrations = {WORK: [{"id": "c", "name": "", "created_at": "2026-11-01T10:00:00Z", "user": "ada", "ranges": ranges}]}
    labs.packages = {WORK: [{"path": "a.zip", "name": "a.zip", "size": 12_345, "modified_at": "2026-11-01T10:00:00Z"}]}
    sidebar = opened()
    for title in ("Calibrations", "Packages"):
        sidebar.get_by_role("button", name=title).or_(sidebar.get_by_role("heading", name=title)).first.click()
    expect(section(sidebar, "calibrations")).to_contain_text("temperature 0.3 to 0.9")
    expect(section(sidebar, "packages")).to_contain_text("a.zip")
    rows(sidebar).first.click()
    for width in (1400, 700):
        page.set_viewport_size({"width": width, "height": 900})
        wide = sidebar.evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert wide[0] <= wide[1]
    view = Notebook(page, folder / "none.ipynb", server.url)
    assert findings(view, sidebar) == []
    assert findings(view, page.locator("[data-pplab='status']")) == []


def test_a_run_of_another_process_appears_and_ends_with_a_notification(page, server, folder):
    open_lab(page, server, folder)
    before = kernels(page)
    show_sidebar(page)
    sidebar = page.locator("[data-pplab='sidebar']")
    _pplab(folder, "run", "--n", "2", "Say hello.")
    chosen = section(sidebar, "labs").locator(f"[data-lab='{folder.name}/.pplab']").get_by_role("radio")
    chosen.check()
    expect(rows(sidebar)).to_have_count(1)
    running = subprocess.Popen(**_command(folder, "run", "--n", "60", "Write a tagline for a notebook."))
    expect(page.locator("[data-pplab='status']")).to_contain_text("of 60")
    running.communicate()
    assert running.returncode == 0
    expect(rows(sidebar)).to_have_count(2)
    expect(rows(sidebar).first).to_contain_text("Write a tagline for a notebook.")
    expect(rows(sidebar).first).to_have_attribute("data-status", "completed")
    told = notifications(page)
    expect(told.filter(has_text="Write a tagline")).to_contain_text("Run finished")
    told.filter(has_text="Write a tagline").get_by_role("button", name="Open results").click()
    expect(page.locator("[data-pplab='cards']").first).to_be_visible()
    assert kernels(page) <= before


def _command(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PPLAB_", "OPENAI_"))}
    return {
        "args": [sys.executable, "-m", "pplab", *arguments],
        "cwd": folder,
        "env": {**environment, "PPLAB_OFFLINE": "1", "PPLAB_USER": "tester", "PPLAB_STORE": str(folder / ".pplab")},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }


def _pplab(folder, *arguments):
    done = subprocess.run(**_command(folder, *arguments), check=False)
    assert done.returncode == 0, done.stdout.decode()
