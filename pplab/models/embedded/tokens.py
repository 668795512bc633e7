"""Tokens of the embedded model: text to tokens and back, and the words by which a prompt finds its topic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ITEM: Final = "#. "
"""Stands for the number that opens an item of a numbered list; the number itself is counted when text is made."""

_TOKEN = re.compile(
    r"(?P<item>(?:(?<=\n)|\A)\d{1,3}\. )"  # 1. at the start of a line
    r"|(?:(?<=\n)|\A)[-*] "
    r"|\n+"
    r"| ?[^\W\d_]+(?:['-][^\W\d_]+)*"  # a word with the space before it: " don't", " well-known"
    r"| ?\d+(?:[.,:]\d+)*"
    r"| ?[^\w\s]"
    r"|\s|_"
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

SENTENCE_ENDS: Final = frozenset({".", "!", "?", ":", '."', '!"', '?"', "\n", "\n\n"})

_SAY_LITTLE = """
    a about above after again against all also am an and any are as at be because been before being below between
    both but by can cannot could did do does doing don't down during each few for from further get give had has have
    having he her here hers him his how i if in into is it its itself just let like make me more most much my new no
    nor not now of off on once only or other our out over own please same she should show so some such tell than that
    the their them then there these they this those through to too under until up us use very want was we were what
    when where which while who whom why will with would write you your yours
    one two three four five six seven eight nine ten
"""
_VOWELS = frozenset("aeiouy")
_STOPWORDS = frozenset(_SAY_LITTLE.split())


def tokenize(text: str) -> list[str]:
    """Split text into tokens whose concatenation is the text again.

    A word carries the space before it, so nothing is lost; numbers that open list items are tokens of their own.

    Examples
    --------
    >>> tokenize("Hello, old friend.")
    ['Hello', ',', ' old', ' friend', '.']
    """
    return [match.group() for match in _TOKEN.finditer(text)]


def vocabulary_form(token: str) -> str:
    """Return the token as the vocabulary knows it: every list number is the one symbol `ITEM`.

    Examples
    --------
    >>> vocabulary_form("12. ")
    '#. '
    """
    return ITEM if token.endswith(". ") and token[0].isdigit() else token


def context_form(token: str) -> str:
    """Return the token as a context remembers it: words without case and leading space, everything else unchanged.

    So what was learned after ``The`` helps after `` the`` too.
    """
    word = token.strip(" ")
    return word.lower() if word[:1].isalpha() else token


def stem(word: str) -> str:
    """Return a rough stem, after the S-stemmer of Harman (1991) plus -ing, -ed and final e.

    Only used to match prompts with topics, where a rare false match costs nothing.

    Examples
    --------
    >>> stem("baking") == stem("bake"), stem("stories") == stem("story")
    (True, True)
    """
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and not _VOWELS.isdisjoint(rest):
            word = rest
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > 3 else word


def content_stems(text: str) -> list[str]:
    """Return the stems of the words that say what a text is about, in order, repeats kept."""
    return stems(_WORD.findall(text.lower()))


def stems(words: Iterable[str]) -> list[str]:
    """Return the stems of those words that are not stopwords."""
    return [stem(word) for word in words if word not in _STOPWORDS and len(word) > 1]


class Detokenizer:
    r"""Turns vocabulary tokens into text, counting the items of numbered lists.

    A list counts on over blank lines and starts again at 1 after a line that is not an item.

    Examples
    --------
    >>> make = Detokenizer()
    >>> "".join(make.text(token) for token in ["#. ", "Stir", "\n", "#. ", "Eat"])
    '1. Stir\n2. Eat'
    """

    def __init__(self) -> None:
        self._number = 0
        self._line_is_item = False
        self._line_is_empty = True

    def preview(self, token: str) -> str:
        """Return the text that the token would have if it came next."""
        return f"{self._number + 1}. " if token == ITEM else token

    def text(self, token: str) -> str:
        """Return the text of the next token, which is now said."""
        if token == ITEM:
            self._number += 1
            self._line_is_item, self._line_is_empty = True, False
            return f"{self._number}. "
        if token.startswith("\n"):
            if not self._line_is_item and not self._line_is_empty:
                self._number = 0
            self._line_is_item, self._line_is_empty = False, True
        else:
            self._line_is_empty = False
        return token


MODES: Final = 6
"""How many values a `Mode` has."""


class Mode:
    r"""Whether a text is inside a quotation, and in which kind of list, as one small number.

    Examples
    --------
    >>> mode = Mode()
    >>> [mode.before(token) for token in [' "', "Yes", '"', ":", "\n", "- ", "tea", "\n", "So"]]
    [0, 1, 1, 0, 0, 0, 2, 2, 2]
    >>> mode.value
    0
    """

    def __init__(self) -> None:
        self._quoted = False
        self._list = 0
        self._at_line_start = True

    @property
    def value(self) -> int:
        """0 for plain text, 2 for a list with bullets, 4 for one with numbers; one more inside a quotation."""
        return self._quoted + 2 * self._list

    def before(self, token: str) -> int:
        """Return the mode in which the token is said, and take the token in."""
        mode = self.value
        if token.startswith("\n"):
            self._quoted, self._at_line_start = False, True
            return mode
        if self._at_line_start:
            self._list = {ITEM: 2, "- ": 1, "* ": 1}.get(token, 0)
        if token.endswith('"'):
            self._quoted = not self._quoted
        self._at_line_start = False
        return mode
