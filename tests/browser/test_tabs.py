"""Views in tabs of JupyterLab's main area: without a kernel, over a page reload, and with what other processes store."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

import pplab
from tests.browser.conftest import FAILED, LOADED, PATIENCE, Notebook, close
from tests.browser.lab_pages import notifications, show_sidebar, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

PROMPT = "Write a tagline for a notebook."
ELSEWHERE = "import sys, pplab\nwith pplab.Lab(sys.argv[1], user='eve') as lab:\n    lab.run('From elsewhere.', n=2)"


@dataclass(slots=True)
class Lab:
    """JupyterLab in a page, with a lab of one experiment and no notebook."""

    page: Page
    folder: Path
    address: str
    experiment: str

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab."""
        self.page.evaluate("([name, args]) => void jupyterapp.commands.execute(name, args)", [name, arguments])

    def tab(self, name: str) -> Locator:
        """Return the root of the view with this name."""
        return self.page.locator(f"#jp-main-dock-panel [data-pplab='{name}']")

    def wait(self) -> None:
        """Wait until JupyterLab is there."""
        self.page.wait_for_function(LOADED)

    def saved(self, view: str) -> None:
        """Wait until JupyterLab has kept that a tab with this view is open."""
        kept = "async id => JSON.stringify(await jupyterapp.serviceManager.workspaces.list()).includes(id)"
        wait_until(self.page, kept, f"pplab-views:pplab-{view}-{self.address.replace('/', '%2F')}")

    def kernels(self) -> list[Any]:
        """Return the kernels of the server."""
        return list(self.page.evaluate("async () => (await fetch('/api/kernels')).json()"))


@pytest.fixture
def lab(window, server, request):
    request.node.stash[FAILED] = False
    name = re.sub(r"\W+", "-", f"tabs {request.node.name} {request.node.execution_count}")
    folder = server.root / name / ".pplab"
    with pplab.Lab(store=folder, user="ada") as made:
        made.calibrate("balanced")
        ran = made.run(PROMPT, n=3, sweep={"temperature": [0, 0.7, 1.4]}, calibration="latest")
    yield Lab(window.use(), folder, f"{name}/.pplab", ran.id)
    close(window.opened.page, server.url, name)
    window.end(request)


def test_an_experiment_opens_in_a_tab_without_a_kernel_and_is_there_after_a_reload(lab):
    kernels = lab.kernels()
    lab.command("pplab:open-experiment", lab=lab.address, id=lab.experiment)
    cards = lab.tab("cards")
    expect(cards.locator("[data-pplab=card]")).to_have_count(9)
    expect(lab.page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel", has_text=PROMPT[:30])).to_be_visible()
    expect(cards).to_contain_text("temperature 0.7")
    expect(cards.locator("img[src^='data:image/svg']").first).to_be_visible()
    cards.get_by_label("Sort").select_option("creativity")
    expect(cards.locator("[data-pplab=card]")).to_have_count(9)
    cards.get_by_text("Why these scores").first.click()
    expect(cards.locator("[data-pplab=metrics] details[open] [aria-live] p").first).to_be_visible()
    lab.command("pplab:open-experiment", lab=lab.address, id=lab.experiment)
    expect(cards).to_have_count(1)
    lab.saved("cards")
    lab.page.reload()
    lab.wait()
    expect(cards.locator("[data-pplab=card]")).to_have_count(9)
    assert lab.kernels() == kernels


def test_a_calibration_opens_from_the_sidebar_without_a_kernel_and_leads_on(lab):
    kernels = lab.kernels()
    show_sidebar(lab.page)
    sidebar = lab.page.locator("[data-pplab='sidebar']")
    sidebar.locator("[data-section='labs']").get_by_text(lab.folder.parent.name, exact=True).click()
    sidebar.get_by_role("button", name="Calibrations").or_(sidebar.get_by_role("heading", name="Calibrations")).first.click()
    sidebar.locator("[data-section='calibrations'] button").first.click()
    calibration = lab.tab("calibration")
    with pplab.Lab(store=lab.folder) as looked_at:
        stored = looked_at.calibration()
    expect(calibration.locator("blockquote").first).to_have_text(stored.persona)
    expect(calibration.locator(".pplab-range", has_text="temperature").locator(".pplab-range-words")).to_have_text("0 to 1")
    expect(calibration.get_by_role("rowheader", name="task")).to_be_visible()
    lab.saved("calibration")
    lab.page.reload()
    lab.wait()
    expect(calibration.locator("blockquote").first).to_have_text(stored.persona)
    assert lab.kernels() == kernels
    toolbar = lab.page.locator("#jp-main-dock-panel .jp-MainAreaWidget:visible .pplab-tab-toolbar")
    toolbar.get_by_role("button", name="Use it in a notebook").click()
    expect(lab.page.locator(".jp-Notebook [data-pplab='studio']")).to_be_visible()
    lab.page.evaluate("async () => { await jupyterapp.serviceManager.sessions.shutdownAll() }")


def test_the_dashboard_draws_its_figure_and_follows_other_processes(lab):
    kernels = lab.kernels()
    lab.command("pplab:dashboard", lab=lab.address)
    dashboard = lab.tab("dashboard")
    expect(dashboard.locator(".scatterlayer .trace")).to_have_count(12)
    expect(dashboard).to_have_attribute("data-experiments", "1")
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(lab.folder)], check=True, timeout=PATIENCE / 1000)
    expect(dashboard).to_have_attribute("data-experiments", "2")
    expect(dashboard.get_by_role("row", name="From elsewhere.")).to_contain_text("completed")
    dashboard.get_by_label("User").select_option("ada")
    expect(dashboard).to_have_attribute("data-experiments", "1")
    assert lab.kernels() == kernels
    with pplab.Lab(store=lab.folder) as looked_at:
        operations = set(looked_at.context.store.timing("operation")["name"])
        assert operations == {"calibrate", "run"}
        assert len(looked_at.context.store.audit("realtime_update_received")) == 0


@pytest.mark.soak
def test_the_audit_console_shows_events_and_where_they_came_from(lab):
    lab.command("pplab:audit", lab=lab.address)
    console = lab.tab("console")
    console.get_by_role("button", name="experiment_generated").first.click()
    chain = console.get_by_role("region", name="Chain of cause")
    expect(chain.get_by_role("button", name="experiment_generated")).to_be_visible()
    expect(chain.get_by_role("button", name="response").first).to_be_attached()
    console.get_by_role("button", name="Verify").click()
    expect(console.get_by_text("Verified up to row")).to_be_visible()


def test_timing_and_a_trace_are_there_without_a_kernel_also_after_a_reload(lab):
    kernels = lab.kernels()
    with pplab.Lab(store=lab.folder) as looked_at:
        operations = looked_at.context.store.timing("operation")
    trace = operations.set_index("name")["correlation_id"]["run"]
    timing, waterfall = lab.tab("timing"), lab.tab("timing").get_by_role("region", name="Waterfall")
    lab.command("pplab:timing", lab=lab.address)
    timing.get_by_label("Time", exact=True).select_option("All")
    timing.get_by_role("tab", name="Operations").click()
    timing.get_by_role("region", name="Slowest operations").get_by_role("button").first.click()
    expect(waterfall.get_by_role("row").nth(1)).to_be_visible()
    lab.command("pplab:open-trace", lab=lab.address, id=trace)
    answer = waterfall.get_by_role("row", name="prompt 0 setting 2 replicate 2")
    expect(answer).to_be_visible()
    lab.saved("trace")
    lab.page.reload()
    lab.wait()
    expect(answer).to_be_visible()
    lab.command("pplab:timing", lab=lab.address)
    expect(timing.get_by_role("region", name="Durations").get_by_role("row", name="Calls")).to_contain_text("9")
    assert lab.kernels() == kernels


@pytest.mark.soak
def test_axe_finds_nothing_serious_in_any_tab_and_theme(lab, findings, server):
    with pplab.Lab(store=lab.folder) as looked_at:
        trace = looked_at.context.store.timing("operation")["correlation_id"].iloc[-1]
        calibration = looked_at.calibration().id
    view = Notebook(lab.page, lab.folder / "none.ipynb", server.url)
    opened = lab.page.locator("#jp-main-dock-panel .pplab-view-tab:visible")  # the toolbar's button is JupyterLab's own
    shown = {
        "open-experiment": opened.locator("[data-pplab=card]"),
        "dashboard": opened.locator(".main-svg"),
        "audit": opened.locator("tbody tr"),
        "timing": opened.get_by_role("region", name="Durations").get_by_role("row"),
        "open-trace": opened.get_by_role("region", name="Waterfall").get_by_role("row"),
        "open-calibration": opened.locator(".pplab-range"),
    }
    ids = {"open-experiment": lab.experiment, "open-trace": trace, "open-calibration": calibration}
    found = {}
    for command, content in shown.items():
        lab.command(f"pplab:{command}", lab=lab.address, id=ids.get(command, ""))
        expect(content.nth(1)).to_be_visible()
        found[command] = findings(view, opened)
    assert {command: told for command, told in found.items() if told} == {}


@pytest.mark.soak
def test_what_needs_a_kernel_opens_a_notebook_that_runs(lab):
    before = len(lab.kernels())
    lab.command("pplab:open-experiment", lab=lab.address, id=lab.experiment)
    tab = lab.page.locator("#jp-main-dock-panel .jp-MainAreaWidget:visible")
    tab.get_by_role("button", name="Open in a notebook").click()
    expect(lab.page.locator(".jp-Notebook .jp-OutputArea [data-pplab=card]")).to_have_count(9)
    assert len(lab.kernels()) == before + 1
    expect(notifications(lab.page)).to_contain_text("was started for lab.ipynb")
    assert (lab.folder.parent / "lab.ipynb").exists()
    lab.page.evaluate("async () => { await jupyterapp.serviceManager.sessions.shutdownAll() }")


def test_a_tab_says_that_the_server_is_gone_and_goes_on_when_it_is_back(lab):
    lab.page.evaluate(
        """() => {
            window.sockets = [];
            const settings = jupyterapp.serviceManager.serverSettings;
            const Plain = settings.WebSocket;
            settings.WebSocket = class extends Plain { constructor(...a) { super(...a); window.sockets.push(this); } };
        }"""
    )
    lab.command("pplab:dashboard", lab=lab.address)
    dashboard = lab.tab("dashboard")
    dashboard.get_by_label("User").select_option("ada")
    expect(dashboard).to_have_attribute("data-experiments", "1")
    seen = lab.page.evaluate(
        """() => new Promise(done => {
            const root = document.querySelector('#jp-main-dock-panel [data-pplab=dashboard]');
            new MutationObserver(() => root.hasAttribute('data-kernel-gone') && done(root.innerText)).observe(
                root, { attributes: true });
            window.sockets.filter(socket => socket.url.includes('/views/')).at(-1).close();
        })"""
    )
    assert "The server does not answer" in seen
    expect(dashboard.locator(".scatterlayer .trace")).to_have_count(12)
    expect(dashboard.get_by_label("User")).to_have_value("ada")
