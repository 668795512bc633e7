"""The visible text, from which every score is made: invisible characters change no score."""

from __future__ import annotations

import re

_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's default-ignorable characters: soft hyphens, zero-width marks, bidirectional marks, variation selectors, tags."""

_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LINE_END = re.compile("\r\n|[\r\u0085\u2028\u2029]")


def visible(text: str) -> str:
    r"""Return ``text`` without what no reader sees, every kind of space as a space, every kind of line end as ``\n``.

    References
    ----------
    Unicode Standard Annex 44, property ``Default_Ignorable_Code_Point``.

    Examples
    --------
    >>> visible("co\u00adop\u200beration\u00a0now\r\n")
    'cooperation now\n'
    """
    if not text.isascii():
        text = _SPACE.sub(" ", _IGNORABLE.sub("", text))
    elif "\r" not in text:
        return text
    return _LINE_END.sub("\n", text)
