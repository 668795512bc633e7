"""Plain text forms of what `pplab.views.html` shows, for ``text/plain`` and terminals: aligned, wrapped, no terminal codes."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pplab.views.escape import clip, display_width, escape_text
from pplab.views.records import CARD_CAP
from pplab.views.table_cells import grid, score_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.views.records import Card, Turns
    from pplab.views.table_cells import Column, Rows
    from pplab.views.theme import Tone

WIDTH: Final = 88
"""Columns that wrapped text may take: fits a notebook output at 700 pixels and a terminal of 100 columns."""


def page(title: str, *parts: str) -> str:
    """Return finished parts under an underlined heading, a blank line between them.

    Examples
    --------
    >>> print(page("Results", "two experiments"))
    Results
    =======
    <BLANKLINE>
    two experiments
    """
    words = clip(escape_text(title), WIDTH)
    heading = [f"{words}\n{'=' * display_width(words)}"] if words else []
    return "\n\n".join([*heading, *(part for part in parts if part)])


def table(rows: Rows, *, caption: str = "", headings: Mapping[str, str] | None = None, limit: int = 50) -> str:
    """Return a frame or a sequence of mappings as aligned columns; the parameters are those of `pplab.views.html.table`.

    Examples
    --------
    >>> print(table([{"setting": "temperature 0.7", "n": 5}, {"setting": "temperature 1.2", "n": 12}]))
    setting           n
    ---------------  --
    temperature 0.7   5
    temperature 1.2  12
    """
    content = grid(rows, headings=headings, limit=limit)
    widths = [max(map(display_width, (c.heading, *c.cells))) for c in content.columns]
    lines = [_line([c.heading for c in content.columns], content.columns, widths)] if content.columns else []
    lines += ["  ".join("-" * width for width in widths)] if content.columns else []
    lines += [_line([c.cells[row] for c in content.columns], content.columns, widths) for row in range(content.shown)]
    head = [escape_text(caption)] if caption else []
    tail = [content.remainder] if content.remainder else [] if content.shown else ["nothing here yet"]
    return "\n".join([*head, *lines, *tail])


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = (_pad(cell, width, column.numeric) for cell, column, width in zip(cells, columns, widths, strict=True))
    return "  ".join(padded).rstrip()


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * (width - display_width(cell))
    return space + cell if right else cell + space


def key_values(pairs: Mapping[str, object], *, caption: str = "") -> str:
    """Return names and their values, one a line.

    Examples
    --------
    >>> print(key_values({"model": "embedded", "replicates": 5}))
    model       embedded
    replicates  5
    """
    names = [escape_text(name) for name in pairs]
    width = max(map(display_width, names), default=0)
    values = [grid([{"value": value}]).columns[0].cells[0] for value in pairs.values()]
    lines = [f"{_pad(name, width, right=False)}  {value}" for name, value in zip(names, values, strict=True)]
    return "\n".join([escape_text(caption), *lines] if caption else lines)


def notice(kind: Tone, words: str) -> str:
    """Return a sentence; warnings and errors say that they are.

    Examples
    --------
    >>> notice("warning", "one prompt only")
    'Warning: one prompt only'
    """
    lead = {"warning": "Warning: ", "error": "Error: "}.get(kind, "")
    return _wrap(lead + words, "")


def error(details: Mapping[str, Any]) -> str:
    """Return the ``error`` part of the one result shape in words, without its correlation id (it differs between runs)."""
    hint = f". {details['hint']}" if details.get("hint") else ""
    return notice("error", f"{details['message']}{hint}")


def response_card(card: Card) -> str:
    """Return one response: a line that says what it is, the wrapped text, and its scores.

    A text longer than 2,000 characters is cut and says how many are left out.
    """
    marks = ", ".join([*([card.status.replace("_", " ")] if card.status != "ok" else []), *card.badges])
    head = f"[answer {card.replicate + 1}]" + (f" {escape_text(marks)}" if marks else "")
    text = card.text.strip()
    cut = f"\n    … {len(text) - CARD_CAP:,} more characters" if len(text) > CARD_CAP else ""
    scores = "  ".join(f"{escape_text(card.label(name))} {score_words(card, name)}" for name in card.scores)
    facts = "; ".join(filter(None, [scores, card.unjudged, card.tokens]))
    parts = [
        head,
        _wrap(text[:CARD_CAP], "    ") + cut if text else "",
        _wrap(card.reason, "    ! ", "      ") if card.reason else "",
        _wrap(facts, "    ") if facts else "",
    ]
    return "\n".join(filter(None, parts))


def cards(responses: Sequence[Card], *, limit: int = 100) -> str:
    """Return the first ``limit`` responses under their prompts and settings, and say how many remain."""
    parts: list[str] = []
    prompt_above = ""
    for (prompt, setting), members in groupby(responses[:limit], key=lambda card: (card.prompt, card.setting)):
        alike = list(members)
        if prompt and prompt != prompt_above:
            turns = alike[0].turns
            parts.append(conversation(turns) if turns.shown else _wrap(f"Prompt: {clip(prompt, 300)}", ""))
        prompt_above = prompt
        parts += [f"-- {escape_text(setting)} --"] if setting else []
        parts += map(response_card, alike)
    remaining = len(responses) - limit
    if remaining > 0:
        parts.append(f"{limit:,} of {len(responses):,} responses are shown here, {remaining:,} more are in the data frame.")
    return "\n\n".join(parts) or "No responses yet."


def conversation(turns: Turns) -> str:
    """Return the messages before an answer, a line each; long ones are cut and earlier ones counted."""
    earlier = turns.before + turns.folded
    lines = [f"  ({earlier:,} earlier messages)"] if earlier else []
    lines += [_wrap(f"{turn.role}: {clip(turn.text, 300)}", "  ", "    ") for turn in turns.shown[turns.folded :]]
    return "\n".join(["Conversation:", *lines])


def _wrap(text: str, first: str, then: str | None = None) -> str:
    """Wrap each line of hostile or ours text; its own line ends and indentation stay."""
    then = first if then is None else then
    out: list[str] = []
    for line in escape_text(text).split("\n"):
        lead = first if not out else then
        room = WIDTH - len(lead)
        wrapped = textwrap.wrap(line.expandtabs(4), room, break_on_hyphens=False) if line.strip() else []
        out += [lead + wrapped[0], *(then + part for part in wrapped[1:])] if wrapped else [""]
    return "\n".join(out)
