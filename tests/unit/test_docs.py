"""The documentation is true: what pages and docstrings name exists, the table of rooms is that of the rule, examples hold."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_rules_rooms import FILES as MODULES
from tests.unit.test_rules_rooms import LEVELS, files_below, module

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
    *sorted((ROOT / "pplab" / "scoring" / "docs").glob("*.md")),
    *sorted(path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts),
]
SOURCE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|ts|md))`")
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
ROOT_FILES = {path.name for path in ROOT.iterdir()}
FILES = [
    f"/{path.relative_to(ROOT).as_posix()}"
    for folder in ("pplab", "tests", "docs", "widgets")
    for path in files_below(ROOT / folder)
]


def missing(text):
    """Return the source files that a page names and that are nowhere; a page may leave out the folders a file is in."""
    return sorted({name for name in SOURCE.findall(text) if not any(file.endswith(f"/{name}") for file in FILES)} - ROOT_FILES)


def markdown(page):
    """Return the Markdown of a page; a notebook's is in its cells."""
    text = page.read_text("utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return text


def anchors(text):
    """Return what the headings of a page are called in links, as GitHub and the site call them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(FENCED.sub("", text))}


def dead(page, text):
    """Return the links of a page that lead to no file, or to no heading of one."""
    found = []
    for link in LINK.findall(FENCED.sub("", text)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(markdown(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_or_links_to_exists(page):
    text = markdown(page)
    assert missing(text) == []
    assert dead(page, text) == []


def test_a_file_that_is_nowhere_is_found():
    assert missing("`store/journal.py`, `store/jurnal.py` and `index.ts`") == ["store/jurnal.py"]


def test_links_that_lead_nowhere_are_found():
    links = "[a](runs.md) [b](runs.md#batches) [c](#rooms) [d](run.md) [e](runs.md#batch) [f](#room) [g](https://example.org/)"
    assert dead(ROOT / "docs" / "architecture.md", f"{links}\n```\n[h](nowhere.md)\n```\n") == [
        "run.md",
        "runs.md#batch",
        "#room",
    ]


def test_the_architecture_has_each_room_of_the_rule_once():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## Rooms") :].partition("\n\nImports go")[0]
    rooms = re.findall(r"`([\w/]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")))
    named = [room.strip("/").replace("/", ".") for room in rooms]
    assert sorted(named) == sorted(room for level in LEVELS for room in level if not room.startswith("__"))


# -- docstrings ------------------------------------------------------------------------------------------------------------------

REFERENCE = re.compile(r"(?<![`\w])`([A-Za-z_][\w.]*)`(?!`)")
OF_OTHERS = ("scipy.",)
NAMES = ("name", "id", "attr", "arg", "asname")
EXAMPLES = [path for path in MODULES if re.search(r"^ *>>> ", path.read_text("utf-8"), re.MULTILINE)]
OF_A_LAB = [path for path in EXAMPLES if ":temp:" in path.read_text("utf-8")]
EACH_IN_A_FORK = """
import doctest, importlib, os, sys
import duckdb, openai, pandas, pyarrow, pplab.lab, pplab.models.embedded.response, pplab.views.widgets.dashboard
from pplab.models.embedded import ngram
ngram.load()
failed = []
for name in sys.argv[1:]:
    if not (child := os.fork()):
        try:
            left = doctest.testmod(importlib.import_module(name)).failed
        except BaseException as error:
            left = print(name, repr(error)) or 1
        sys.stdout.flush()
        os._exit(bool(left))
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(f"examples that fail: {failed}" if failed else 0)
"""


def names(path):
    """Yield every name that a file defines, imports or uses, and the file's own."""
    yield from module(path).split(".")
    yield from names_in(ast.parse(path.read_text("utf-8")))  # not kept: half a million nodes slow every garbage collection


def names_in(node):
    for field in node._fields:
        value = getattr(node, field)
        if isinstance(value, ast.AST):
            yield from names_in(value)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, ast.AST):
                    yield from names_in(one)
        elif field in NAMES and isinstance(value, str):
            yield from value.split(".")


def test_what_docstrings_and_comments_refer_to_exists():
    known = {"pplab", *dir(builtins), *(name for path in MODULES for name in names(path))}
    wrong = [
        f"{module(path)}: {reference}"
        for path in MODULES
        for reference in REFERENCE.findall(path.read_text("utf-8"))
        if not reference.startswith(OF_OTHERS) and not known.issuperset(reference.split("."))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path not in OF_A_LAB], ids=module)
def test_the_examples_in_docstrings_hold(path):
    assert doctest.testmod(importlib.import_module(f"pplab.{module(path)}")).failed == 0


def test_the_examples_with_a_temporary_lab_hold():  # of which a process has one
    asked = [sys.executable, "-c", EACH_IN_A_FORK, *(f"pplab.{module(path)}" for path in OF_A_LAB)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
