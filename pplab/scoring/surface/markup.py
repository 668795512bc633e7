"""Markdown, tables and JSON as a reader's program would see them: what is there, and what is broken."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 200_000
"""Characters that are inspected; the rest of a longer text is not looked at."""

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+\S")
_NEAR_HEADING = re.compile(r" {0,3}#{2,6}[^\s#!]")
_BULLET = re.compile(r"[ \t]*[-*+\u2022][ \t]+\S")
_NUMBERED = re.compile(r"[ \t]{0,3}(\d{1,3})[.)][ \t]+\S")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-{1,}:?[ \t]*(?:\|[ \t]*:?-{1,}:?[ \t]*)*\|?[ \t]*")
_LINK = re.compile(r"\[[^\[\]\n]{1,200}\]\([^()\n]{0,500}")
_INLINE_CODE = re.compile(r"`[^`\n]{1,500}`")
_LOOKS_JSON = re.compile(r"\"[^\"\n]{1,200}\"\s{0,20}:")


@dataclass(frozen=True, slots=True)
class Markup:
    """What a text's markup consists of.

    Attributes
    ----------
    headings, bullets, numbered, tables, code_blocks : int
        How many of each.
    json : bool
        The text, or a block marked ``json``, is meant to be JSON.
    constructs : int
        How many pieces of markup there are that could be malformed.
    faults : tuple of str
        What is malformed, in words.
    """

    headings: int
    bullets: int
    numbered: int
    tables: int
    code_blocks: int
    json: bool
    constructs: int
    faults: tuple[str, ...]


def inspect(text: str) -> Markup:
    r"""Find the markup of a text and what is broken in it.

    Examples
    --------
    >>> inspect("# Ships\n\n1. Sloop\n3. Brig\n\n**bold").faults
    ('a numbered list goes from 1 to 3', '** is opened and not closed')
    >>> inspect('{"ships": [1, 2}').faults
    ('the JSON does not parse',)
    """
    text = text[:LONGEST]
    faults: list[str] = []
    stripped = text.strip()
    if _meant_as_json(stripped):
        return Markup(0, 0, 0, 0, 0, json=True, constructs=1, faults=() if parses(stripped) else ("the JSON does not parse",))
    prose, blocks, is_open = _fenced(text)
    if is_open:
        faults.append("a code fence is opened and not closed")
    as_json = [body for language, body in blocks if language == "json" or (not language and _meant_as_json(body.strip()))]
    faults += ["the JSON does not parse"] * sum(not parses(body) for body in as_json)
    lines = prose.split("\n")
    numbers = [int(match[1]) for line in lines if (match := _NUMBERED.match(line))]
    headings = sum(bool(_HEADING.match(line)) for line in lines)
    near = sum(bool(_NEAR_HEADING.match(line)) for line in lines)
    bullets = sum(bool(_BULLET.match(line)) for line in lines)
    faults += ["a heading has no space after #"] * near
    faults += _numbering(numbers)
    tables, table_faults = _tables(lines)
    faults += table_faults
    marks, mark_faults = _marks(prose)
    faults += mark_faults
    constructs = headings + near + (len(numbers) > 0) + tables + len(table_faults) + len(blocks) + marks
    return Markup(headings, bullets, len(numbers), tables, len(blocks), bool(as_json), constructs, tuple(faults))


def parses(text: str) -> bool:
    """Say whether a text is one JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def unfenced(text: str) -> str:
    r"""Return a text that is one code fence without it; any other as it is.

    Examples
    --------
    >>> unfenced('```json\n{"a": 1}\n```')
    '{"a": 1}'
    """
    return re.sub(r"\A```\w*|```\Z", "", text.strip()).strip()


def _meant_as_json(stripped: str) -> bool:
    if stripped[:1] == "{" or stripped[-1:] == "}":
        return bool(_LOOKS_JSON.search(stripped)) or parses(stripped)
    if stripped[:1] == "[" and stripped[-1:] == "]" and parses(stripped):
        return True
    return stripped[:1] in ("[", '"') and len(_LOOKS_JSON.findall(stripped[:5000])) > 1


def _fenced(text: str) -> tuple[str, list[tuple[str, str]], bool]:
    """Return the text without fenced code, (language, body) of each block, and whether a fence stays open."""
    if "```" not in text and "~~~" not in text:
        return text, [], False
    prose: list[str] = []
    blocks: list[tuple[str, str]] = []
    fence = language = ""
    body: list[str] = []
    for line in text.split("\n"):
        mark = line.strip()
        if fence:
            if mark.startswith(fence) and not mark.strip(fence[0]):
                blocks.append((language, "\n".join(body)))
                fence = ""
            else:
                body.append(line)
        elif (mark.startswith("```") and "`" not in mark.lstrip("`")) or mark.startswith("~~~"):
            run = len(mark) - len(mark.lstrip(mark[0]))
            fence, language, body = mark[:run], mark[run:].strip().lower(), []
        else:
            prose.append(line)
    return "\n".join(prose), blocks, bool(fence)


def _numbering(numbers: list[int]) -> list[str]:
    """Find gaps and repeats; a list may start anywhere, restart at 1, or number every item 1."""
    if len(set(numbers)) <= 1:
        return []
    return [
        f"a numbered list goes from {before} to {after}" for before, after in pairwise(numbers) if after not in (before + 1, 1)
    ]


def _tables(lines: list[str]) -> tuple[int, list[str]]:
    """Count well-formed tables; a run of rows with pipes has to have a delimiter row and equal numbers of cells."""
    tables = 0
    faults: list[str] = []
    run: list[str] = []
    for line in [*lines, ""]:
        if line.lstrip().startswith("|") or line.rstrip().endswith("|") or line.count("|") > 1:
            run.append(line.strip())
            continue
        if len(run) > 1:
            fault = _table_fault(run)
            faults += fault
            tables += not fault
        run = []
    return tables, faults


def _table_fault(rows: list[str]) -> list[str]:
    if not _DELIMITER.fullmatch(rows[1]):
        return ["a table has no line under its header"]
    widths = {row.removeprefix("|").removesuffix("|").replace("\\|", "").count("|") for row in rows}
    edges = {(row.startswith("|"), row.endswith("|")) for row in rows}
    return ["the rows of a table have different numbers of cells"] if len(widths) > 1 or len(edges) > 1 else []


def _marks(prose: str) -> tuple[int, list[str]]:
    """Count emphasis, inline code and links, and find those left open, paragraph by paragraph."""
    count = 0
    faults: list[str] = []
    for paragraph in prose.split("\n\n"):
        code = _INLINE_CODE.findall(paragraph)
        plain = _INLINE_CODE.sub("", paragraph) if code else paragraph
        bold = plain.count("**")
        links = _LINK.findall(plain)
        broken = sum(1 for link in _LINK.finditer(plain) if plain[link.end() : link.end() + 1] != ")")
        count += len(code) + bold // 2 + len(links)
        if bold % 2 and "***" not in plain:
            faults.append("** is opened and not closed")
        if plain.count("`") % 2:
            faults.append("` is opened and not closed")
        faults += ["a link is not closed"] * broken
    return count, faults
