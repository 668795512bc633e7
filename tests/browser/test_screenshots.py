"""Takes the pictures of the README with the driver of the browser tests: ``make screenshots`` writes them to ``docs/images``."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.test_dashboard import filled

pytestmark = pytest.mark.screenshots
IMAGES = Path(__file__).parents[2] / "docs" / "images"
LOADED = "%env PPLAB_STORE=:temp:\n%load_ext pplab"
STORY = "Write a short story about a lighthouse keeper."
RUN = f"%%pplab run --n 3 --sweep temperature=0,0.7,1.4\n{STORY}"
MANY = (
    'import pplab\nprompts = ["Give three tips for sleeping better.", "Suggest a slogan for a cafe.", "Describe a forest."]\n'
    'pplab.Lab().run(prompts, n=5, sweep={"temperature": [0, 0.4, 0.8, 1.2, 1.6]}, seed=3).status'
)
RACE = """%%pplab run --prompts {topics} --sweep temperature=0,1.2,1.6 --seed 3 --until settled
Describe {topic} in one sentence."""
TOPICS = "topics = {'topic': 'rain snow wind sun moon stars rivers hills lakes'.split()}"
TALLEST = 1150  # px: of a longer widget the beginning is shown


def answered(root):
    root.get_by_role("radio").last.check()
    expect(root.locator(".pplab-moved li").first).to_be_visible()


def written(root):
    root.get_by_label("Prompt", exact=True).fill(STORY)
    expect(root.locator(".pplab-studio-ahead")).to_contain_text("calls to")


def drawn(root):
    expect(root.locator(".main-svg").first).to_be_visible()
    filled(root)


def listed(root):
    expect(root.locator("tbody tr").first).to_be_visible()


def carded(root):
    expect(root.locator("[data-pplab=card]")).to_have_count(9)


def raced(root):
    expect(root).to_contain_text("Stopped early")


@pytest.mark.parametrize(
    ("name", "cells", "ready"),
    [
        ("quiz", ["%pplab calibrate"], answered),
        ("studio", ["%pplab calibrate --preset balanced", "%pplab studio"], written),
        ("cards", [RUN], carded),
        ("race", [TOPICS, RACE], raced),
        ("dashboard", ["%pplab calibrate --preset balanced", MANY, "%pplab dashboard"], drawn),
        ("console", [RUN, "%pplab audit"], listed),
    ],
)
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_picture(notebook, name, cells, ready, theme):
    book = notebook(LOADED, *cells)
    book.page.set_viewport_size({"width": 1400, "height": 2600})
    book.theme(f"JupyterLab {theme}").run_all()
    root = book.widget("cards" if name == "race" else name).last
    ready(root)
    root.scroll_into_view_if_needed()
    IMAGES.mkdir(parents=True, exist_ok=True)
    box = root.bounding_box()
    box["height"] = min(box["height"], TALLEST)
    book.page.screenshot(path=IMAGES / f"{name}-{theme.lower()}.png", clip=box, animations="disabled")
