"""Curly quotes and long dashes that an editor or a chat put where a line of commands can only mean the plain ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
CLOSING = {
    "\u201c": "\u201d", "\u201d": "\u201d", "\u201e": "\u201c\u201d", "\u201f": "\u201d",
    "\u2018": "\u2019", "\u201a": "\u2018\u2019", "\u201b": "\u2019",
    "\u00ab": "\u00bb", "\u00bb": "\u00ab", "\u2039": "\u203a", "\uff02": "\uff02",
}  # fmt: skip
"""What may close each opening quote, in the ways of several languages."""
ANY_DASH = re.compile(f"[-{DASHES}]")
LONG_DASH = re.compile(f"[{DASHES}]")
NUMBERS = re.compile(rf"(?:\w+=)?(?=.*[{DASHES}]\d)[-{DASHES}+.,:\d]+")


class Quoted(str):
    """A word that stood in plain quotes, so that what is in it is meant."""

    __slots__ = ()


def refuse_typography(words: Sequence[tuple[str, str]], flags: Collection[str], *, prose: bool) -> None:
    """Raise `BadInput` for a long dash or a curly quote that can only stand for a plain one.

    Parameters
    ----------
    words
        Each word and its role (see `pplab.commands.line.roles`). One that is `Quoted` or holds a blank is meant as it is.
    flags
        The options that the command knows.
    prose
        Whether the text of the line is a prompt, in which quotes and dashes may be meant.
    """
    for word, role in words:
        if isinstance(word, Quoted) or re.search(r"\s", word):
            continue
        name, equals, value = word.partition("=")
        if LONG_DASH.search(name):
            plain = "--" + ANY_DASH.sub("-", name).lstrip("-")
            if ANY_DASH.match(name) and plain in flags:
                raise BadInput(f"'{word}' is written with a long dash", hint=f"write {plain}")
        if role == "value" or (role == "text" and not prose) or (role == "option" and equals):
            part = word if role != "option" else value
            _refuse_quotes(part)
            if NUMBERS.fullmatch(part):
                raise BadInput(f"'{part}' is written with a long dash", hint=f"write {ANY_DASH.sub('-', part)}")
    if prose:
        _refuse_quoted_prose([word for word, role in words if role == "text"])


def _refuse_quotes(value: str) -> None:
    for part in (value, value.partition("=")[2]):
        if part[:1] in CLOSING:
            raise BadInput(f"'{value}' begins with a curly quote", hint="write plain quotes: \" or '")


def _refuse_quoted_prose(words: Sequence[str]) -> None:
    """Refuse a prompt that is all in one pair of curly quotes and in no plain ones; with others inside, they may be meant."""
    text = " ".join(words)
    closing = CLOSING.get(text[:1], "")
    inside = text[1:-1]
    if len(text) < 2 or text[-1] not in closing or any(c in inside for c in text[0] + closing):
        return
    if not any(re.search(r"\s", word) for word in words):
        raise BadInput(
            f"the prompt is in curly quotes ({text[0]} and {text[-1]})",
            hint="write plain quotes: \" or '; quotes that belong to the prompt are kept in a cell's body or a --prompt-file",
        )
