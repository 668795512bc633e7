"""The documentation names what is there: its files exist, and its table of rooms is that of the rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.test_rules_rooms import LEVELS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|ts|md))`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
ROOT_FILES = {path.name for path in ROOT.iterdir()}
FILES = [
    f"/{path.relative_to(ROOT).as_posix()}"
    for folder in ("pplab", "tests", "docs", "widgets")
    for path in (ROOT / folder).rglob("*.*")
    if "node_modules" not in path.parts
]


def missing(text):
    """Return the source files that a page names and that are nowhere; a page may leave out the folders a file is in."""
    return sorted({name for name in SOURCE.findall(text) if not any(file.endswith(f"/{name}") for file in FILES)} - ROOT_FILES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_or_links_to_exists(page):
    text = page.read_text("utf-8")
    assert missing(text) == []
    assert [target for target in LINK.findall(text) if not (page.parent / target).exists()] == []


def test_a_file_that_is_nowhere_is_found():
    assert missing("`store/journal.py`, `store/jurnal.py` and `index.ts`") == ["store/jurnal.py"]


def test_the_architecture_has_each_room_of_the_rule_once():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## Rooms") :].partition("\n\nImports go")[0]
    rooms = re.findall(r"`([\w/]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")))
    named = [room.strip("/").replace("/", ".") for room in rooms]
    assert sorted(named) == sorted(room for level in LEVELS for room in level if not room.startswith("__"))
