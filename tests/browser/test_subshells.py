"""The widgets answer whichever way JupyterLab takes their messages to the kernel: by its main thread or by subshells."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

SETTING = "@jupyterlab/apputils-extension:kernels-settings"
CELLS = (
    "%load_ext pplab",
    "%pplab calibrate",
    "%%pplab run --n 2 --sweep temperature=0.2,1 --set max_tokens=20\nName a lamp.",
    "%pplab studio",
    "%pplab dashboard",
    "%pplab audit",
)


def put(made, value):
    """Set how JupyterLab takes the messages of widgets to a kernel, in its settings; a page obeys it when it is loaded."""
    made.page.evaluate(
        "([id, value]) => jupyterapp.serviceManager.settings.save(id, value)",
        [SETTING, json.dumps({"commsOverSubshells": value})],
    )


def draws_and_answers(made, experiments):
    """Fail unless each widget shows what it should and answers; the dashboard knows so many experiments."""
    quiz = made.widget("quiz")
    quiz.get_by_role("radio", name="Translate texts").check()
    quiz.get_by_role("button", name="Next").click()
    expect(quiz.get_by_role("radio", name="Costly")).to_be_visible()
    cards = made.widget("cards")
    expect(cards.locator("[data-pplab='card']")).to_have_count(4)
    cards.get_by_label("Setting").select_option("1")
    expect(cards.locator("[data-pplab='card']")).to_have_count(2)
    studio = made.widget("studio")
    studio.get_by_label("Prompt", exact=True).fill("Name a chair.")
    expect(studio.locator(".pplab-studio-ahead")).to_contain_text("calls to embedded")
    expect(made.widget("dashboard")).to_have_attribute("data-experiments", str(experiments))
    expect(made.widget("console").get_by_role("row").nth(1)).to_be_visible()


@pytest.mark.parametrize("ways", [pytest.param(["disabled", "perComm"], marks=pytest.mark.soak), ["perCommTarget"]])
def test_every_widget_draws_and_answers(own_notebook, ways):
    made = own_notebook(*CELLS)
    try:
        for experiments, value in enumerate(ways, start=1):
            put(made, value)
            made.open()
            made.command("notebook:clear-all-cell-outputs")
            made.run_all()
            shown = made.page.evaluate("([id]) => jupyterapp.serviceManager.settings.fetch(id).then(s => s.raw)", [SETTING])
            assert json.loads(shown) == {"commsOverSubshells": value}
            draws_and_answers(made, experiments)
    finally:
        put(made, "perCommTarget")
