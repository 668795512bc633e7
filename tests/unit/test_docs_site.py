"""The site of the documentation: it is built without a warning, holds what is promised, and asks nothing of other servers."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pplab

ROOT = Path(__file__).parents[2]
SOURCES = ("docs", "notebooks", "pplab/scoring/docs", "CONTRIBUTING.md", "CHANGELOG.md")
REMOTE = re.compile(r"(https?:)?//", re.IGNORECASE)
STYLE_RESOURCE = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s;]*)", re.IGNORECASE)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as built from a copy of its sources, with the notebooks' stored outputs."""
    copy = tmp_path_factory.mktemp("site")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("_build", ".*", "exports")
        copied = copy / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree(ROOT / name, copied, ignore=ignored) if (ROOT / name).is_dir() else shutil.copy(ROOT / name, copied))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", "-D", "nb_execution_mode=off"]
    built = subprocess.run([*command, "-d", "doctrees", ".", "html"], cwd=copy, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return copy / "html"


class Resources(HTMLParser):
    """What a page has a browser fetch, and the ids in it."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.ids, self.in_style = [], set(), False
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
        if self.in_style:
            self.fetched += STYLE_RESOURCE.findall(data)


def page(site, name):
    return (site / f"{name}.html").read_text("utf-8")


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
    assert Resources(text).fetched == fetched


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    found = {path.relative_to(site).as_posix(): Resources(path.read_text("utf-8")).fetched for path in pages}
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
        ("docs/architecture", "hash chain"),
        ("CONTRIBUTING", "make check"),
        ("CHANGELOG", "0.1.0"),
        *((f"pplab/scoring/docs/{path.stem}", "<h2>") for path in (ROOT / "pplab" / "scoring" / "docs").glob("*.md")),
    ],
)
def test_the_promised_pages_are_there_and_in_the_tree(site, name, holds):
    assert holds in page(site, name)
    assert (
        f'href="../{name}.html"' in page(site, "docs/index")
        or f'href="{Path(name).name}.html"' in page(site, "docs/index")
        or name == "docs/index"
    )


@pytest.mark.parametrize(
    "name",
    [
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in (ROOT / "notebooks").rglob("*.ipynb")
        if "checkpoint" not in path.name
    ],
)
def test_the_notebooks_are_pages_with_what_they_show_without_a_kernel(site, name):
    text = page(site, name)
    assert "%load_ext" in text
    assert "application/vnd.jupyter.widget" not in text
    assert "cell_output" in text


def test_the_site_begins_at_its_root(site):
    assert "url=docs/index.html" in page(site, "index")


def test_every_public_name_is_in_the_python_reference(site):
    ids = {name for path in (site / "docs" / "python").glob("*.html") for name in Resources(path.read_text("utf-8")).ids}
    names = {f"pplab.{name}" for name in pplab.__all__ if name not in {"__version__", "metrics"}}
    names |= {f"pplab.metrics.{name}" for name in pplab.metrics.__all__}
    for owner in (pplab.Lab, pplab.Experiment):
        public = [name for name, _ in inspect.getmembers(owner) if not name.startswith("_")]
        names |= {f"pplab.{owner.__name__}.{name}" for name in public}
    assert sorted(names - ids) == []
    assert len(names) > 80
