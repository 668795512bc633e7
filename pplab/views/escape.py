"""Characters that deceive: terminal codes are removed, invisible and bidirectional ones named. No markup is made here."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_TERMINAL: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor movements
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])"  # OSC, DCS, SOS, PM, APC: a string up to its terminator, such as a link
    r"[^\x07\x1b\x90\x98\x9c-\x9f]*+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*+[0-~]"  # any other escape
)
"""The escape sequences of ECMA-48. Each branch stops where the next one could begin, so the time is linear in the text."""

_HIDDEN_SET: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls except tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls (Trojan Source, CVE-2021-42574)
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # invisible: Default_Ignorable_Code_Point
    "\U000e0000-\U000e0fff"  # tags and variation selectors that carry hidden text
    "\u2028\u2029\ud800-\udfff"  # line and paragraph separators, halves of a character
)
_HIDDEN: Final = re.compile(rf"(?:[{_HIDDEN_SET}]|[\u200c\u200d]{{2,}}|[\ufe0e\ufe0f]{{2,}})++")
"""A run of characters that nobody can see. Single joiners and emoji selectors stay: scripts and emoji need them."""

_MARKDOWN: Final = re.compile(r"[!\"#$&()*+\-.:<=>@\[\\\]^_`{|}~]")
_INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)
_RUN_SHOWN: Final = 3


def strip_terminal_codes(text: str) -> str:
    r"""Return ``text`` with ``\n`` as its only line end and without terminal (ANSI) escape sequences.

    Examples
    --------
    >>> strip_terminal_codes("\x1b[31mred\x1b[0m\r\n")
    'red\n'
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _TERMINAL.sub("", text)


def name_hidden(text: str, badge: Callable[[str], str]) -> str:
    r"""Replace each character that cannot be seen by ``badge`` of its name, such as ``U+202E``.

    A run of more than three is named once, by its first, its last and its length.

    Examples
    --------
    >>> name_hidden("a\u202eb", "<{}>".format)
    'a<U+202E>b'
    """

    def names(run: re.Match[str]) -> str:
        names_of_run = [f"U+{ord(character):04X}" for character in run.group()]
        if len(names_of_run) > _RUN_SHOWN:
            return badge(f"{names_of_run[0]} … {names_of_run[-1]}, {len(names_of_run):,} characters")
        return "".join(map(badge, names_of_run))

    return _HIDDEN.sub(names, text)


def escape_text(text: str) -> str:
    r"""Return ``text`` safe for a terminal and for ``text/plain``: no terminal codes, hidden characters named in brackets.

    Examples
    --------
    >>> escape_text("pay\u202e001\x1b[2J")
    'pay[U+202E]001'
    """
    return name_hidden(strip_terminal_codes(text), "[{}]".format)


def escape_markdown(text: str) -> str:
    r"""Return Markdown that shows ``text`` literally: nothing in it becomes markup, a link, an image, HTML or a formula.

    Punctuation becomes a character reference, which CommonMark never reads as structure (section 2.5 of the specification);
    backslashes would not do, because JupyterLab looks for formulas before it reads Markdown.

    Examples
    --------
    >>> escape_markdown("<b> & `x`")
    '&#60;b&#62; &#38; &#96;x&#96;'
    """
    safe = _MARKDOWN.sub(lambda m: f"&#{ord(m.group())};", escape_text(text))
    safe = _INDENT.sub(lambda m: "&#160;" * len(m.group().expandtabs(4)), safe)
    return safe.replace("\n", "  \n")


def display_width(text: str) -> int:
    """Return the number of columns that ``text`` takes in a fixed-width font (Unicode Standard Annex 11).

    Examples
    --------
    >>> display_width("表a")
    3
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) or c in "\u200c\u200d\ufe0e\ufe0f" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def clip(text: str, width: int) -> str:
    r"""Return ``text`` on one line and at most ``width`` columns wide, with an ellipsis where it was cut.

    Examples
    --------
    >>> clip("one  two\nthree", 8)
    'one two…'
    """
    line = " ".join(text[: width * 8].split())
    if display_width(line) <= width and len(text) <= width * 8:
        return line
    while display_width(line) > width - 1:
        line = line[:-1]
    return line.rstrip() + "…"
