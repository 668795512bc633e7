"""Takes the pictures of the README with the driver of the browser tests: ``make screenshots`` writes them to ``docs/images``."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.screenshots
IMAGES = Path(__file__).parents[2] / "docs" / "images"
LOADED = "%env PPLAB_STORE=:temp:\n%load_ext pplab"
RUN = "%%pplab run --n 3 --sweep temperature=0,0.7,1.4\nWrite a short story about a lighthouse keeper."


@pytest.mark.parametrize(
    ("name", "cells", "ready"),
    [
        ("quiz", ["%pplab calibrate"], "[role=radiogroup]"),
        ("studio", ["%pplab calibrate --preset balanced", "%pplab studio"], "button:visible"),
        ("cards", [RUN], "[data-pplab=card]"),
        ("dashboard", ["%pplab calibrate --preset balanced", RUN, "%pplab dashboard"], "svg.main-svg"),
        ("console", [RUN, "%pplab audit"], "table tbody tr"),
    ],
)
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_picture(notebook, name, cells, ready, theme):
    book = notebook(LOADED, *cells)
    book.page.set_viewport_size({"width": 1400, "height": 1200})
    book.theme(f"JupyterLab {theme}").run_all()
    root = book.widget(name).last
    root.locator(ready).first.wait_for()
    root.scroll_into_view_if_needed()
    IMAGES.mkdir(parents=True, exist_ok=True)
    root.screenshot(path=IMAGES / f"{name}-{theme.lower()}.png", animations="disabled")
