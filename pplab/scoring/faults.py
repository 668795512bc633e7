"""The fault of an answer: what keeps a text that arrived from being an answer, read from it, its prompt and how it ended.

Each of the four is decided by what its word means, in any language as far as possible, and rather missed than seen where there is
none: the counts stand beside the scores, so that a good answer must not be called faulty for its style.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise
from operator import ne
from typing import Final

from pplab.scoring.refusals import is_refusal

LOOP_READ: Final = 6_000
"""Characters at the end of a text in which a loop is looked for."""
PROBE: Final = 16
"""The last characters of a loop, which were written one round before."""
ROUNDS: Final = 64
"""How often the probe may occur within one round."""
COPIES: Final = 3
LOOPED: Final = 60
"""Characters that are said again before a repetition is a loop and no refrain, ruler or laughter."""

ALIKE: Final = 6
"""Sentences at the end of a text that are the same but for one word each, from which on it goes round in circles."""
ALIKE_WORDS: Final = 5
"""Words of such a sentence: shorter ones are a litany or a list."""
ALIKE_READ: Final = 700
"""Characters in which two such sentences stand, so that more is read only of a text that may be a loop."""

ECHOED: Final = 20
"""Characters of a prompt below which saying it again is no fault."""

ENDING: Final = 2_000
"""Characters at the end of a text that show how it ends its sentences."""
ENDED: Final = 3
"""Sentences that end with a mark before a last one without is unfinished."""
FRAGMENT: Final = 8
"""Words of a last sentence without an end that is no heading, signature or list item."""

_LIST_MARK = re.compile(r"^[ \t]*(?:(?:\(?\d{1,4}[.):]|[-*+\u2022])(?:[ \t]+|\Z)|\d{1,4}\Z)", re.MULTILINE)
"""The mark of a list's item; at the end of a text also one without an item, and its number alone."""
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af]")
"""Characters of the scripts that say with one what others say with about three."""
_ASKS_TO_REPEAT = re.compile(r"\b(?:repeat\w*|verbatim|word for word|copy|echo|(?:\w+) times)\b", re.IGNORECASE)

_TOKEN = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_MARK = "[.!?\u2026\u3002\uff01\uff1f\u061f\u06d4\u0964\u1362\u17d4]"
_CLOSERS = "[\"')\\]*_`\u201d\u2019\u00bb\u300d\u300f\uff09]{0,3}"
_SENTENCE_END = re.compile(f"{_MARK}{_CLOSERS}(?:\\s+|\\Z)|[\u3002\uff01\uff1f]{_CLOSERS}")
_NO_PROSE = re.compile(r"[ \t]*(?:[-*+\u2022#>|=~`]|\(?\w{1,4}[.):]\s|\S+:\Z)")
_NO_WORD = re.compile(r"[@#/\\_=<>{}\[\]|]|\w\.\w")
_PAUSES = (",", "\uff0c", "\u3001")
_OPEN_WORD = re.compile(r"(?:^|\s)(?:the|an?|and|or|my|your|our|their|than|into|whose|because)\Z", re.IGNORECASE)
"""Words that no sentence ends with."""


def fault(text: str, prompt: str = "", *, truncated: bool = False) -> str | None:
    """Return the fault of an answer: ``loop``, ``echo``, ``refusal`` or ``cut``, the first that holds; ``None``: none is seen.

    Parameters
    ----------
    text, prompt
        The answer and what was asked, as a reader sees them (`pplab.inputs.visible.visible`).
    truncated
        Whether it is known that the answer was broken off, at the token limit or by the server.

    Examples
    --------
    >>> fault("I walk to the shore. " + "I look at the sea. " * 12, truncated=True)
    'loop'
    >>> fault("I'm sorry, but I can't help with that.", "Write a limerick.")
    'refusal'
    >>> fault("The lamp went out. The keeper climbed the stairs and lit the"), fault("The lamp went out.")
    ('cut', None)
    """
    if (is_loop(text) or is_template(text)) and not _ASKS_TO_REPEAT.search(prompt):
        return "loop"
    if is_echo(text, prompt):
        return "echo"
    if is_refusal(text):
        return "refusal"
    return "cut" if truncated or is_cut(text) else None


def is_loop(text: str) -> bool:
    r"""Say whether a text ends in the same words over and over, whatever numbers a list gives them.

    In a text that ends in rounds of one length, its last characters stand where they stood one round before; so the distance to
    each of their earlier places is tried, and the rounds are counted backwards from the end.

    Examples
    --------
    >>> is_loop("".join(f"{n}. A red door.\n" for n in range(9))), is_loop("Row, row, row your boat."), is_loop("=" * 200)
    (True, False, False)
    """
    end = " ".join(_LIST_MARK.sub("", text[-LOOP_READ:]).split())
    probe, at = end[-PROBE:], len(end) - PROBE
    for _ in range(ROUNDS):
        at = end.rfind(probe, 0, max(0, at + PROBE - 1))
        length = len(end) - PROBE - at
        if at < 0 or COPIES * length > len(end):
            return False
        again = _rounds_before(end, length)
        said_again = again * _width(end[-length:])
        if again + 1 >= COPIES and said_again >= LOOPED and any(map(str.isalpha, end[-length:])):
            return True
    return False


def _rounds_before(text: str, length: int) -> int:
    """Return how often the last ``length`` characters stand, one after the other, before the end."""
    last, start = text[-length:], len(text) - 2 * length
    while start >= 0 and text.startswith(last, start):
        start -= length
    return (len(text) - start) // length - 2


def is_template(text: str) -> bool:
    """Say whether a text ends in one sentence over and over with a word or a number changed.

    Examples
    --------
    >>> is_template("".join(f"I walked to the {x} alone. " for x in ("sea", "hill", "well", "mill", "farm", "bay")))
    True
    >>> is_template("I walked to the sea alone. I walked to the hill alone. Nobody was there.")
    False
    """
    last = _ended_sentences(text[-ALIKE_READ:], 2)
    if len(last) < 2 or not _differ_in_a_word(last[-2], last[-1]):
        return False
    alike = _ended_sentences(text[-LOOP_READ:], ALIKE)
    return len(alike) == ALIKE and all(_differ_in_a_word(one, other) for one, other in pairwise(alike))


def _ended_sentences(text: str, count: int) -> list[list[str]]:
    """Return the words of the last sentences that end, numbers all the same; items of lists and rows of tables are none."""
    prose = "\n".join(line for line in text.split("\n") if not _NO_PROSE.match(line))
    return [_TOKEN.findall(_NUMBER.sub("0", sentence).casefold()) for sentence in _SENTENCE_END.split(prose)[:-1][-count:]]


def _differ_in_a_word(one: list[str], other: list[str]) -> bool:
    return len(one) == len(other) >= ALIKE_WORDS and sum(map(ne, one, other)) <= 1


def is_echo(text: str, prompt: str) -> bool:
    """Say whether an answer is the whole prompt again, with no more of its own than that.

    Examples
    --------
    >>> asked = "Describe an old lighthouse in two sentences."
    >>> is_echo(asked + " Two sentences.", asked), is_echo("Its lamp is dark. Gulls live in it.", asked)
    (True, False)
    """
    wanted = _folded(prompt)
    if _width(wanted) < ECHOED or _ASKS_TO_REPEAT.search(prompt):
        return False
    head = _folded(text[: 3 * len(prompt) + 200]).lstrip("\"'\u201c*>:- ")
    return head.startswith(wanted) and len(" ".join(text.split())) <= 2 * len(wanted)


def is_cut(text: str) -> bool:
    """Say whether a text ends in the middle of a sentence.

    It does when its last word can end none, or when its last sentence, as long as prose, has no mark at its end though all those
    before it have: a text that does without marks, in whatever script, is no evidence.

    Examples
    --------
    >>> is_cut("It rained. It rained for days. We stayed in the house and played cards until the"), is_cut("A tale of two cats")
    (True, False)
    """
    end = text[-ENDING:].rstrip()
    if not (end[-1:].isalpha() or end[-1:] in _PAUSES) or text.count("```") % 2:
        return False
    lines = [line for line in end.split("\n") if line.strip()]
    fragment = _SENTENCE_END.split(lines[-1].strip())[-1]
    words = fragment.split()
    if _NO_PROSE.match(lines[-1]) or not words or _NO_WORD.search(words[-1]):
        return False
    if _OPEN_WORD.search(fragment) and len(lines[-1].split()) > 3:
        return True
    prose = [line for line in lines[:-1] if not _NO_PROSE.match(line) and len(line.split()) >= FRAGMENT]
    size = len(words) + len(_WIDE.findall(fragment)) // 2
    return (
        size >= FRAGMENT
        and all(_SENTENCE_END.search(line.rstrip()[-6:]) for line in prose)
        and len(_SENTENCE_END.findall(end)) >= ENDED
    )


def _width(text: str) -> int:
    """Return the characters of a text, those that say as much as three counted as three."""
    return len(text) + 2 * len(_WIDE.findall(text))


def _folded(text: str) -> str:
    return _remembered(text) if len(text) <= LOOP_READ else " ".join(text.split()).casefold()


@functools.lru_cache(maxsize=256)
def _remembered(text: str) -> str:
    return " ".join(text.split()).casefold()
