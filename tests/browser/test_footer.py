"""The line below each cell: in JupyterLab and Notebook 7, over a reload and a restart, off by the setting, never in the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab_pages import kernels, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

CELLS = ("%load_ext pplab", "%pplab run --n 2 --set max_tokens=3 'Name a fruit.'", "x = 1", "1 / 0")


def footers(page: Page) -> Locator:
    """Return the footers that say something."""
    return page.locator("[data-pplab='cell-footer']:has(> span)")


def spoken(page: Page) -> Locator:
    """Return what the footers say, without the link."""
    return page.locator("[data-pplab='cell-footer'] > span")


def cells_without_outputs(path: Path) -> list[dict[str, object]]:
    """Return what is stored of each cell but its outputs and its number."""
    stored = nbformat.read(path, as_version=4)
    return [{key: value for key, value in cell.items() if key not in ("outputs", "execution_count")} for cell in stored.cells]


@pytest.fixture
def settings(server):
    """Return a function that sets the user's settings; what was there before comes back."""
    path = server.root.parent / "settings" / "pplab" / "settings.jupyterlab-settings"

    def write(**values: object) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(values), "utf-8")

    yield write
    path.unlink(missing_ok=True)


def test_each_cell_says_what_it_took_over_a_reload_and_a_restart_and_the_file_holds_nothing_of_it(notebook):
    opened = notebook(*CELLS)
    page = opened.page
    before = cells_without_outputs(opened.path)
    opened.run_all()
    expect(footers(page)).to_have_count(4)
    said = spoken(page).all_inner_texts()
    assert "2 calls" in said[1]
    assert "tokens" in said[1]
    assert said[3].startswith("failed after")
    assert all("call" not in text for text in (said[0], said[2], said[3]))
    opened.save()
    assert cells_without_outputs(opened.path) == before
    assert "cell-footer" not in opened.path.read_text("utf-8")
    opened.open()
    expect(spoken(page)).to_have_text(said)
    page.evaluate(
        """async () => {
            const { sessionContext } = jupyterapp.shell.currentWidget;
            await sessionContext.restartKernel();
            await sessionContext.session.kernel.requestKernelInfo();  // what is sent before it answers can be lost
        }"""
    )
    expect(spoken(page)).to_have_text(said)
    opened.run_all()
    expect(footers(page)).to_have_count(4)


def test_the_link_in_it_opens_the_trace_in_a_tab_that_needs_no_kernel_and_stays_over_a_reload(own_notebook):
    opened = own_notebook(*CELLS[:2])
    page = opened.page
    opened.run_all()
    opened.save()
    expect(footers(page)).to_have_count(2)
    before = kernels(page)
    opened.shut_down()
    footers(page).last.get_by_role("button", name="Trace").click()
    waterfall = page.locator("#jp-main-dock-panel").get_by_role("region", name="Waterfall")
    expect(waterfall.get_by_role("row", name="cell [2]")).to_be_visible()
    expect(waterfall.get_by_role("row", name="replicate 1")).to_be_visible()
    page.evaluate("() => [...jupyterapp.shell.widgets('main')].find(tab => tab.context).dispose()")
    kept = """async folder => {
        const layouts = JSON.stringify(await jupyterapp.serviceManager.workspaces.list());
        return layouts.includes(`pplab-views:pplab-trace-${folder}`) && !layouts.includes(`notebook:${folder}/`);
    }"""
    wait_until(page, kept, opened.path.parent.name)
    page.goto(opened.url.partition("/tree/")[0])
    expect(waterfall.get_by_role("row", name="cell [2]")).to_be_visible()
    assert kernels(page) < before


@pytest.mark.soak
def test_the_line_is_as_high_without_words_so_that_nothing_moves_when_they_come(notebook):
    opened = notebook("%load_ext pplab", "x = 1")
    opened.run_all()
    expect(footers(opened.page)).to_have_count(2)
    heights = footers(opened.page).first.evaluate(
        "line => { const said = line.offsetHeight; line.replaceChildren(); return [said, line.offsetHeight] }"
    )
    assert heights[0] == heights[1] > 0


@pytest.mark.soak
def test_a_notebook_without_pplab_has_no_footers(notebook):
    opened = notebook("x = 1")
    opened.run_all()
    assert opened.page.locator("[data-pplab='cell-footer']").count() == 0


def test_the_setting_takes_the_footers_away(notebook, settings):
    opened = notebook(*CELLS[:1])
    page = opened.page
    opened.run_all()
    expect(footers(page)).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/cells?" in request.url else None)
    settings(footer=False)
    with page.expect_response(lambda answer: answer.url.partition("?")[0].endswith("/pplab/api/labs")):
        opened.open()
    opened.run_all()
    assert page.locator("[data-pplab='cell-footer']").count() == 0
    assert asked == []
    settings(footer=True)
    opened.open()
    expect(footers(page)).to_have_count(1)


@pytest.mark.soak
def test_notebook_7_has_them_too(notebook, server):
    opened = notebook(*CELLS[:3])
    page = opened.page
    opened.run_all()
    opened.save()
    expect(footers(page)).to_have_count(3)
    page.goto(f"{server.url}/notebooks/{opened.path.relative_to(server.root).as_posix()}")
    expect(footers(page)).to_have_count(3)
