"""Notebook 7 takes of the extension what its pages have room for."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

CELLS = ("%load_ext pplab", "%%pplab run --n 2 --set max_tokens=20\nName a lamp.")


@pytest.fixture
def classic(notebook, server):
    """The page of a notebook in Notebook 7, which was run and saved in JupyterLab, with the same kernel."""
    opened = notebook(*CELLS).run_all().save()
    opened.page.goto(f"{server.url}/notebooks/{opened.path.relative_to(server.root).as_posix()}")
    return opened.page


def test_widgets_and_the_lines_below_cells_are_there_and_a_cell_that_runs_has_both(classic):
    expect(classic.locator("[data-pplab='cell-footer']").last).to_contain_text("2 calls")
    expect(classic.locator(".jp-OutputArea [data-pplab='card']")).to_have_count(2)
    classic.locator(".jp-InputArea-editor").filter(has_text="Name a lamp.").click()
    classic.keyboard.press("Control+Enter")
    expect(classic.locator(".jp-InputPrompt").last).to_have_text("[3]:")  # it has run: what follows is not what was there before
    expect(classic.locator("[data-pplab='cell-footer']").last).to_contain_text("2 calls")
    expect(classic.locator(".jp-OutputArea [data-pplab='card']")).to_have_count(2)


@pytest.mark.soak
def test_the_lab_has_a_menu_whose_dashboard_opens_in_jupyterlab(classic):
    classic.get_by_role("menuitem", name="Sampling lab", exact=True).click()
    with classic.expect_popup() as opened:
        classic.get_by_role("menuitem", name="Dashboard").click()
    expect(opened.value.locator("[data-pplab='dashboard']")).to_have_attribute("data-experiments", "1")
    opened.value.close()
