"""Our commands in a real JupyterLab: launcher, palette, menu, and the new notebook."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.lab_pages import open_lab

LABELS = ["Calibration", "Experiment studio", "Dashboard", "Timing", "Audit console"]
COMMANDS = ["calibrate", "studio", "dashboard", "timing", "audit"]


@pytest.fixture
def lab(page, server, request):
    folder = server.root / f"launcher-{request.node.execution_count}-{request.node.name[:40]}"
    folder.mkdir()
    return open_lab(page, server, folder)


def stand_in(page):
    """Make the commands of tabs where no plugin made them."""
    page.evaluate(
        """([names, labels]) => names.forEach((name, at) => {
             const id = `pplab:${name}`;
             if (jupyterapp.commands.hasCommand(id)) return;
             jupyterapp.commands.addCommand(id, { label: labels[at], execute: () => {} });
           })""",
        [COMMANDS, LABELS],
    )


def section(page):
    return page.locator(".jp-Launcher-section", has=page.get_by_role("heading", name="Sampling lab"))


def test_the_launcher_the_palette_and_the_menu_offer_each_part_of_the_lab(lab):
    stand_in(lab)
    cards = section(lab).locator(".jp-LauncherCard-label")
    expect(cards).to_have_text(["New experiment notebook", *LABELS])
    lab.keyboard.press("Control+Shift+c")
    lab.locator(".lm-CommandPalette-input").fill("sampling lab")
    offered = lab.locator(".lm-CommandPalette-itemLabel")
    for label in ["New experiment notebook", *LABELS, "Show experiments"]:
        expect(offered.get_by_text(label, exact=True)).to_be_visible()
    lab.keyboard.press("Escape")
    lab.get_by_role("menuitem", name="Sampling lab", exact=True).click()
    items = lab.locator(".lm-Menu-content .lm-Menu-item:not([data-type='separator']) .lm-Menu-itemLabel")
    expect(items).to_have_text(["New experiment notebook", *LABELS, "Show experiments"])


@pytest.mark.soak
def test_a_new_notebook_is_made_in_the_folder_under_a_free_name_and_runs_as_it_is(lab, server, request):
    folder = server.root / f"launcher-{request.node.execution_count}-{request.node.name[:40]}"
    card = section(lab).get_by_role("button", name="New experiment notebook")
    card.click()
    lab.wait_for_function("() => jupyterapp.shell.currentWidget?.context?.path.endsWith('/experiment.ipynb')")
    first = json.loads((folder / "experiment.ipynb").read_text("utf-8"))
    assert [cell["cell_type"] for cell in first["cells"]].count("code") > 3
    lab.evaluate("folder => jupyterapp.commands.execute('pplab:new-notebook', { cwd: folder })", folder.name)
    lab.wait_for_function("() => jupyterapp.shell.currentWidget?.context?.path.endsWith('/experiment 2.ipynb')")
    assert (folder / "experiment 2.ipynb").exists()
