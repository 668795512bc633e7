"""The request for variants of a prompt, and the reader of a model's answer to it. Pure: nothing is sent or stored here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.plan.messages import check_text
from pplab.plan.prompts import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 100
"""The most variants of one request: a longer list is cut or trails off with every model."""

# A column's place in a template. Braces of code and formulas follow a letter, a mark or each other, or hold more than a name.
_PLACEHOLDER = re.compile(r"(?<![\w\\^{}$])\{([^{}\n]*)\}(?!\})")
_FENCE = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_JSON = re.compile(r"^[ \t]*([\[{])", re.MULTILINE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BOLD = r"(?:\*\*)?"
_NUMBERED = re.compile(rf"([ \t]*){_BOLD}\(?\d{{1,3}}[.):\u3001\uff0e](?!\d){_BOLD}[ \t]*")
_NAMED = re.compile(
    rf"([ \t]*)(?:#{{1,6}}\s+)?{_BOLD}(?:prompt|task|variant|variation)\s*#?\d{{1,3}}\s*{_BOLD}\s*[:.)\u2013-]{_BOLD}[ \t]*",
    re.IGNORECASE,
)
_BULLETED = re.compile(r"([ \t]*)[-*+\u2022\u2023\u25e6](?=\s)[ \t]*")
_MARKS = (_NUMBERED, _NAMED, _BULLETED)
"""How an item of a list begins, its indentation first."""
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019", "\u00ab": "\u00bb", "`": "`"}
_NAMES = ("prompt", "task", "question", "text", "content")
"""Under what models put a prompt where they write an object for each."""
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""How a cell begins that a spreadsheet would run: what a model wrote is not given the chance."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The usable variants in an answer, in its order, and how many more were left out because they repeat another."""

    prompts: tuple[str, ...]
    repeated: int


# -- the request --------------------------------------------------------------------------------------------------------------


def check_suggestible(prompt: object) -> str:
    """Return a prompt of which variants can be written, or raise `BadInput`: a text, and no template for a table."""
    if isinstance(prompt, (list, tuple, Mapping)):
        raise BadInput("prompts are suggested from one prompt, which is text", hint="pass a string")
    text = check_text(prompt)
    names = [name for name in _PLACEHOLDER.findall(text) if WORDS.fullmatch(name.strip())]
    if names:
        raise BadInput(
            f"the prompt is a template: {{{names[0]}}} stands for a column of a table",
            hint="write out one prompt with a value in its place, or write more rows into the template's table",
        )
    return text


def check_count(n: object) -> int:
    """Return a number of variants, or raise `BadInput`."""
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
        raise BadInput(f"n={n!r} prompts cannot be suggested", hint=f"give a whole number from 1 to {MOST}")
    return n


def request_text(prompt: str, n: int) -> str:
    r"""Return what a model is asked so that it writes ``n`` variants of a prompt.

    A numbered list is what small models write best; a prompt of several lines needs JSON, which keeps them together.
    """
    form = "as a numbered list, one a line" if "\n" not in prompt else f"as one JSON list of {n} strings"
    return (
        f"Here is a task for a language model:\n\n1. {prompt}\n\n"
        f"Write {n} more {'task' if n == 1 else 'tasks'} of the same kind, each about another topic, {form}. Keep the form, the "
        "language, the length and the difficulty. Do not carry the tasks out, and write nothing else."
    )


# -- the answer ---------------------------------------------------------------------------------------------------------------


def read_suggestions(answer: str, prompt: str, n: int, *, cut: bool = False) -> Suggestions:
    r"""Return the variants that an answer holds, at most ``n``: exact repetitions and the prompt itself are left out.

    Parameters
    ----------
    answer
        What the model wrote, its thinking taken off: a JSON list, a numbered or bulleted list, or one a line.
    prompt
        What they are variants of.
    n
        How many were asked for.
    cut
        Whether the answer was broken off, so that its last item is not whole.

    Examples
    --------
    >>> read_suggestions('Sure!\n\n1. **"Why snow?"**\n2. Why rain?\n3. Why hail?', "Why rain?", 3)
    Suggestions(prompts=('Why snow?', 'Why hail?'), repeated=1)
    """
    items = _items(answer, prompt, n, cut=cut)
    seen = {_compared(prompt)}
    kept: list[str] = []
    repeated = 0
    for item in filter(_is_usable, (_bare(item, prompt) for item in items)):
        if _compared(item) in seen:
            repeated += 1
        elif len(kept) < n:
            kept.append(item)
        seen.add(_compared(item))
    return Suggestions(tuple(kept), repeated)


def _items(answer: str, prompt: str, n: int, *, cut: bool) -> list[str]:
    """Return the whole items of an answer as they stand there: those of its JSON, else of its list, else its lines."""
    fenced = [block for block in _FENCE.findall(answer) if block.strip()]
    for text in (*fenced, answer):
        if items := _json_items(text):
            return items
    for text in (answer, *fenced):
        if items := _listed(text, " " if "\n" not in prompt else "\n"):
            break
    else:
        items = _lines(fenced[0] if fenced else answer, prompt, n)
    return items[:-1] if cut else items


def _json_items(text: str) -> list[str]:
    """Return the texts of the first JSON list, of objects one a line, or of a list that breaks off; none without JSON.

    Within a line it may be part of a prompt.
    """
    decoder = json.JSONDecoder(strict=False)  # models leave line breaks inside strings
    found: list[str] = []
    at = 0
    while (begin := _JSON.search(text, at)) is not None:
        try:
            value, at = decoder.raw_decode(text, begin.start(1))
        except (ValueError, RecursionError):
            at = begin.end()
            if begin[1] == "[" and text[at:].lstrip().startswith('"'):
                return [_unescaped(written) for written in _STRING.findall(text, at)]
            continue
        found += _texts(value)
        if isinstance(value, list) and found:
            break
    return found


def _unescaped(written: str) -> str:
    try:
        return str(json.loads(written, strict=False))
    except ValueError:  # an escape that JSON does not have, as in formulas
        return written[1:-1]


def _texts(value: Any) -> list[str]:
    """Return the prompts that a JSON value holds: texts in a list, one of each object in it, or texts under numbers."""
    if isinstance(value, list):
        return [item if isinstance(item, str) else next(iter(_texts(item)), "") for item in value]
    if not isinstance(value, dict):
        return []
    if (inner := next((item for item in value.values() if isinstance(item, (list, dict))), None)) is not None:
        return _texts(inner)
    texts = {name: item for name, item in value.items() if isinstance(item, str)}
    if texts and all(re.search(r"\d", name) for name in texts):
        return list(texts.values())
    named = [item for name, item in texts.items() if name.lower() in _NAMES]
    return named[:1] or sorted(texts.values(), key=len)[-1:]


def _listed(text: str, joint: str) -> list[str]:
    """Return the items of a numbered or bulleted list; what stands before and after it, and its headings, is left out."""
    lines = text.expandtabs(4).splitlines()
    for mark in _MARKS:
        matches = [mark.match(line) for line in lines]
        depth = min((len(match[1]) for match in matches if match), default=None)
        if depth is not None:
            begins = [match.end() if match and len(match[1]) == depth else 0 for match in matches]
            return list(_gathered(lines, begins, depth, joint))
    return []


def _gathered(lines: list[str], begins: list[int], depth: int, joint: str) -> Iterator[str]:
    """Yield the items of a list: the lines that begin one, each with those that follow it at once or are indented below it.

    Below an item of one line, a list is a remark on it.
    """
    item: list[str] = []
    is_open = False
    for line, begin in zip(lines, begins, strict=True):
        if begin:
            if item:
                yield joint.join(item)
            item, is_open = [line[begin:]], True
        elif not line.strip():
            is_open = False
        elif item and (is_open or len(line) - len(line.lstrip()) > depth) and not (joint == " " and _BULLETED.match(line)):
            item.append(line.strip())
    if item:
        yield joint.join(item)


def _lines(text: str, prompt: str, n: int) -> list[str]:
    """Return the lines of an answer that marks none, or its paragraphs where the prompt has several lines.

    Where they are half of what was asked for, or fewer, they are prose: an answer to the prompt, or talk about it.
    """
    parts = [part.strip() for part in (re.split(r"\n\s*\n", text) if "\n" in prompt else text.splitlines()) if part.strip()]
    if len(parts) > 1 and parts[0].endswith(":") and not prompt.rstrip().endswith(":"):
        parts = parts[1:]
    return parts if 2 * len(parts) > n else []


def _bare(item: str, prompt: str) -> str:
    """Return an item without what lists are decorated with: marks, emphasis, quotes and commas around all of it."""
    marks = [mark for mark in _MARKS if not mark.match(prompt)]
    text, before = item.strip(), None
    while text != before:
        before = text
        for mark in marks:
            text = mark.sub("", text, count=1) if mark.match(text) else text
        text = text.removesuffix(",") if text[:1] in _QUOTES else text
        inner = text[1:-1]
        if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in inner and text[-1] not in inner:
            text = inner
        if len(text) > 4 and text.startswith("**") and text.endswith("**") and "**" not in text[2:-2]:
            text = text[2:-2]
        text = text.strip()
    return text


def _is_usable(text: str) -> bool:
    """Return whether a text can be sent, and opened in a spreadsheet."""
    try:
        return bool(re.search(r"\w", check_text(text))) and text[0] not in _FORMULA
    except BadInput:
        return False


def _compared(text: str) -> str:
    """Return a text as it is compared with others: blanks, case and the mark at its end do not tell two apart."""
    return " ".join(text.casefold().split()).strip(" .!?\"'\u2026") or text
