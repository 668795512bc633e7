"""Quantities in a request: "at least 3 paragraphs", "100 to 120 words", "no more than twice"."""

from __future__ import annotations

import functools
import re

CEILING = 10**9
"""The upper bound of "at least"."""

_UP_TO_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty"""
_WORDS = {word: value for value, word in enumerate(_UP_TO_TWENTY.split())} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
}

COUNT = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,6}}|(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})\b)"
"""A regular expression for a number in digits or words."""

_RELATIONS = {
    "least": r"at least|no (?:less|fewer) than|not (?:less|fewer) than|(?:a )?minimum(?: of)?",
    "most": r"at most|(?:no|not) more than|up to|(?:a )?maximum(?: of)?|(?:no|not) longer than|not exceed(?:ing)?|within"
    r"|limit(?:ed)? (?:\w+ )?to|longer than|keep (?:it|this) to",
    "more": r"more than|over|greater than",
    "less": r"less than|fewer than|under|below|shorter than",
    "exact": r"exactly|precisely|only|just",
}
_RELATION = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _RELATIONS.items())
_SECOND = "|".join(pattern for name, pattern in _RELATIONS.items() if name in ("most", "less"))
_TAIL = r"(?P<{0}> ?,? ?(?:or (?:more|less|fewer|longer|above)|and (?:more|above)|at (?:least|most)|max(?:imum)?\b|minimum\b))?"


def number(text: str) -> int:
    """Return the value of a number in digits or words, 0 when it is none.

    Examples
    --------
    >>> number("1,200"), number("Twelve"), number("many")
    (1200, 12, 0)
    """
    text = text.strip().lower().replace(",", "")
    return int(text) if text.isascii() and text.isdigit() else _WORDS.get(text, 0)


def bounds(text: str, unit: str) -> tuple[int, int] | None:
    """Return the inclusive bounds ``text`` sets on the count of ``unit`` (a regular expression), or ``None``.

    A bare number is exact. Several bounds on one unit are intersected when they agree.

    Examples
    --------
    >>> bounds("Use at least 3 sentences, but fewer than 10 sentences.", "sentences?")
    (3, 9)
    >>> bounds("Write 100 to 120 words.", "words?"), bounds("a 300+ word text", "words?")[0]
    ((100, 120), 300)
    >>> bounds("Write a poem.", "words?") is None
    True
    """
    low, high, limited = 0, CEILING, False
    for match in _quantity(unit).finditer(text):
        bottom, top = _read(match)
        if max(low, bottom) <= min(high, top):
            low, high, limited = max(low, bottom), min(high, top), True
    return (low, high) if limited else None


def times(text: str) -> tuple[int, int] | None:
    """Return the bounds of "... times", "once" or "twice" in ``text``, or ``None``.

    Examples
    --------
    >>> times("at most once"), times("6 or 7 times"), times("more than 2 times")[0]
    ((0, 1), (6, 7), 3)
    """
    return bounds(_TWICE.sub("2 times", _ONCE.sub("1 times", text)), r"times?\b")


_ONCE = re.compile(r"\bonce\b", re.IGNORECASE)
_TWICE = re.compile(r"\btwice\b", re.IGNORECASE)


@functools.lru_cache(maxsize=64)
def _quantity(unit: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:\b(?:{_RELATION})\s+)?(?:a total of )?(?<![\w.-])(?P<n>{COUNT})(?P<plus>\+)?"
        rf"(?:(?P<between>\s*(?:-|\u2013|to|or|and)\s*)(?:(?:{_SECOND})\s+)?(?P<m>{COUNT}))?"
        rf"{_TAIL.format('tail')}[\s-]\s?(?:{unit}){_TAIL.format('end')}",
        re.IGNORECASE,
    )


def _read(match: re.Match[str]) -> tuple[int, int]:
    count = number(match["n"])
    tail = f"{match['tail'] or ''} {match['end'] or ''}".lower()
    if match["m"]:
        other = number(match["m"])
        return min(count, other), max(count, other)
    if match["plus"] or match["least"] or re.search(r"more|longer|above|least|minimum", tail):
        return count, CEILING
    if match["most"] or re.search(r"less|fewer|most|max", tail):
        return 0, count
    if match["more"]:
        return count + 1, CEILING
    if match["less"]:
        return 0, max(0, count - 1)
    return count, count
