"""Notebook 7 takes of the extension what its pages have room for."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import expect

CELLS = ("%load_ext pplab", "%%pplab run --n 2 --set max_tokens=20\nName a lamp.")


@pytest.fixture
def classic(page, server, request):
    """A notebook opened in Notebook 7, its cells run."""
    folder = server.root / f"notebook7-{request.node.name}-{request.node.execution_count}"
    folder.mkdir()
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, folder / "classic.ipynb")
    page.goto(f"{server.url}/notebooks/{folder.name}/classic.ipynb")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(CELLS))
    expect(page.locator(".jp-NotebookKernelStatus-fade, .jp-NotebookKernelStatus")).to_be_attached()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    yield page
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()


def test_a_notebook_runs_with_cards_and_a_line_below_its_cell(classic):
    expect(classic.locator(".jp-OutputArea [data-pplab='cards'] [data-pplab='card']")).to_have_count(2)
    expect(classic.locator("[data-pplab='cell-footer']").last).to_contain_text("2 calls")


def test_its_commands_are_in_the_menu_or_the_palette_and_nothing_is_missing(classic):
    expect(classic.locator(".jp-OutputArea [data-pplab='cards']")).to_be_visible()
    classic.keyboard.press("Control+Shift+C")
    palette = classic.locator(".lm-CommandPalette")
    expect(palette).to_be_visible()
    palette.get_by_role("textbox").fill("Sampling lab")
    expect(palette.get_by_text("Dashboard")).to_be_visible()
    classic.keyboard.press("Escape")
