"""The site of the documentation: it is built without a warning, holds what is promised, and asks nothing of other servers."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pplab
from tests.python_path import PYTHONPATH

ROOT = Path(__file__).parents[2]
SOURCES = ("docs", "notebooks", "pplab/scoring/docs", "CONTRIBUTING.md", "CHANGELOG.md")
REMOTE = re.compile(r"(https?:)?//", re.IGNORECASE)
STYLE_RESOURCE = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s;]*)", re.IGNORECASE)


def show_a_widget(path):
    """Have a notebook's first display hold a live widget beside its static form, as the notebook does while it is run."""
    notebook = json.loads(path.read_text("utf-8"))
    state = {"version_major": 2, "version_minor": 0, "state": {"w": {"model_name": "M", "model_module": "m", "state": {}}}}
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    shown = next(output["data"] for cell in notebook["cells"] for output in cell.get("outputs", []) if "data" in output)
    shown["application/vnd.jupyter.widget-view+json"] = {"version_major": 2, "version_minor": 0, "model_id": "w"}
    path.write_text(json.dumps(notebook), "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as built from a copy of its sources, with the notebooks' stored outputs."""
    copy = tmp_path_factory.mktemp("site")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("_build", ".*", "exports")
        copied = copy / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree(ROOT / name, copied, ignore=ignored) if (ROOT / name).is_dir() else shutil.copy(ROOT / name, copied))
    show_a_widget(copy / "notebooks" / "01_tour.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-D", "nb_execution_mode=off"]
    command += ["-d", "doctrees", ".", "html"]
    environment = os.environ | {"PYTHONPATH": PYTHONPATH}
    built = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return copy / "html"


class Page(HTMLParser):
    """What a page has a browser fetch, the ids in it, and its text."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.ids, self.text, self.in_style = [], set(), "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.in_style = tag == "style"
        self.ids.add(values.get("id"))
        self.fetched += STYLE_RESOURCE.findall(values.get("style", ""))
        for name in ("src", "srcset", "poster", "data", *(["href"] if tag in {"link", "use", "image"} else [])):
            if REMOTE.match(values.get(name, "").strip()):
                self.fetched.append(values[name])

    def handle_data(self, data):
        self.text += data
        if self.in_style:
            self.fetched += STYLE_RESOURCE.findall(data)


def page(site, name):
    return (site / f"{name}.html").read_text("utf-8")


def last_heading(path):
    return re.findall(r"^## (.*)$", path.read_text("utf-8"), re.MULTILINE)[-1]


@pytest.mark.parametrize(
    ("text", "fetched"),
    [
        ('<script src="https://cdn.example/require.js"></script>', ["https://cdn.example/require.js"]),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', ["//fonts.example/a.css"]),
        ('<p style="background: url(http://a.example/b.png)"></p>', ["http://a.example/b.png"]),
        ("<style>@import 'https://a.example/c.css';</style>", ["https://a.example/c.css"]),
        ('<a href="https://example.org">a link</a><img src="../_images/a.png"><script>var a = "//";</script>', []),
    ],
)
def test_what_a_page_would_fetch_from_elsewhere_is_seen(text, fetched):
    assert Page(text).fetched == fetched


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    found = {path.relative_to(site).as_posix(): Page(path.read_text("utf-8")).fetched for path in pages}
    found |= {path.name: STYLE_RESOURCE.findall(path.read_text("utf-8")) for path in site.rglob("*.css")}
    assert {name: fetched for name, fetched in found.items() if fetched} == {}
    assert len(pages) > 40


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("docs/index", "Ten minutes"),
        ("docs/install", "pplab doctor"),
        ("docs/start", "Use temperature 0.7"),
        ("docs/own_model", "PPLAB_BASE_URL"),
        ("docs/choosing_models", "by_factor"),
        ("docs/sharing", "pplab import"),
        ("docs/regression", "--pplab-check"),
        ("docs/teams", "PPLAB_STORE"),
        ("docs/commands", "pplab calibrate"),
        ("docs/parameters", "reasoning_effort"),
        ("docs/architecture", "The chain"),
        ("CONTRIBUTING", "make check"),
        ("CHANGELOG", "0.1.0"),
        *((f"pplab/scoring/docs/{path.stem}", last_heading(path)) for path in (ROOT / "pplab" / "scoring" / "docs").glob("*.md")),
    ],
)
def test_the_promised_pages_are_there(site, name, holds):
    assert holds in Page(page(site, name)).text


NOTEBOOKS = [path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_are_pages_with_what_they_show_without_a_kernel(site, notebook):
    text = page(site, notebook.relative_to(ROOT).with_suffix("").as_posix())
    assert "load_ext" in text
    assert "cell_output" in text
    assert "vnd.jupyter.widget" not in text


def test_a_widget_is_shown_in_its_static_form(site):
    text = page(site, "notebooks/01_tour")
    assert ">stored</th>" in text
    assert "Use temperature 0.7: the best of the 3" in text


def test_the_site_begins_at_its_root(site):
    assert "url=docs/index.html" in page(site, "index")


def test_every_public_name_is_in_the_python_reference(site):
    ids = {name for path in (site / "docs" / "python").glob("*.html") for name in Page(path.read_text("utf-8")).ids}
    names = {f"pplab.{name}" for name in pplab.__all__ if name not in {"__version__", "metrics"}}
    names |= {f"pplab.metrics.{name}" for name in pplab.metrics.__all__}
    for owner in (pplab.Lab, pplab.Experiment):
        public = [name for name, _ in inspect.getmembers(owner) if not name.startswith("_")]
        names |= {f"pplab.{owner.__name__}.{name}" for name in public}
    assert sorted(names - ids) == []
    assert len(names) > 80
