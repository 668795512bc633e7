"""One reading of a text, shared by all metrics: its words, sentences and code, and the language it is in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain

from pplab.scoring.surface.languages import other_language
from pplab.scoring.surface.words import FUNCTION, is_known, lexicon

LONG_SENTENCE = 8
"""Sentences of at least this many words are prose; shorter ones may be headings and list items."""

SHORT_PROSE = 6
"""Words from which on short sentences are too many for a title or a slogan without any function word."""

LONGEST = 200_000
"""Characters of a text that are read; what follows in a longer one does not change how it is written."""

FREE_LINE = 12
"""Words up to which a line of its own may be a list item, a heading or a verse."""

_ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_BREAK = re.compile(r"[.!?\u2026][\"')\]*_\u201d]{0,3}\s+|\n+")
_WRAPPED = re.compile(r"(?<=[a-z,])[ \t]{0,8}\n[ \t]{0,8}(?=[a-z])")
_STOPPED = re.compile(r"[.!?\u2026][\"')\]*_\u201d]{0,3}\s*\Z")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ODD = re.compile(
    r"[^\w\s.,;:!?'\"()\[\]\-\u2013\u2014\u2018\u2019\u201c\u201d\u2026*#/&%$|_>`+=<\\^{}~\u00b0\u00d7\u00f7\u2264\u2265"
    r"\u2260\u2192\u2022\u20ac\u00a3]"
)
# A lower-case letter, then a capital, or a mark and a letter without a space; tried at the rare character, not at each letter.
_GLUED = re.compile(r"[A-Z,;:!?.](?<=[a-z][A-Z,;:!?.])(?:(?<=[A-Z])|(?<=[,;:!?])(?=[A-Za-z])|(?=[A-Z]))")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, taken apart once.

    Attributes
    ----------
    raw, prose : str
        As given; and its first `LONGEST` characters without fenced code (of a JSON document: its strings, one a line).
    code : tuple of str
        The contents of fenced code blocks.
    open_fence : bool
        A code fence was opened and never closed.
    sentences : list of list of str
        Lower-case words of each sentence, list item or line.
    free_lines : int
        Lines of at most `FREE_LINE` words of a longer text that need no full stop: list items, headings, verses.
    words : list of str
    types : dict
        The distinct words in order of appearance, with their Zipf value, `FUNCTION`, or ``None`` for words that are
        not in the table.
    content : list of str
        The words that are not function words, in order.
    not_judged : str
        Why wording cannot be judged ("no words", "code only", "in French", ...), or an empty string.
    """

    raw: str
    prose: str
    code: tuple[str, ...]
    open_fence: bool
    sentences: list[list[str]]
    free_lines: int
    words: list[str]
    types: dict[str, float | None]
    content: list[str]
    not_judged: str

    @property
    def function_share(self) -> float:
        """Share of function words in sentences long enough to need them; 1 when there is no such sentence.

        A comma counts as a function word: in an enumeration it stands for "and".
        """
        prose = list(chain.from_iterable(s for s in self.sentences if len(s) >= LONG_SENTENCE))
        if not prose:
            return 1.0
        commas = min(self.prose.count(","), len(prose))
        return (list(map(self.types.__getitem__, prose)).count(FUNCTION) + commas) / (len(prose) + commas)

    @property
    def is_short_prose(self) -> bool:
        """Whether a text is a few short sentences in one line, as a slogan is, and long enough to need function words."""
        return len(self.words) >= SHORT_PROSE and not self.free_lines and all(len(s) < LONG_SENTENCE for s in self.sentences)

    @property
    def short_share(self) -> float:
        """Share of function words and commas among all words."""
        commas = min(self.prose.count(","), len(self.words))
        return (len(self.words) - len(self.content) + commas) / (len(self.words) + commas)

    def unknown(self, context: frozenset[str]) -> list[str]:
        """Return the distinct words that are neither English, nor derived from an English word, nor in ``context``."""
        return [w for w, zipf in self.types.items() if zipf is None and w not in context and not is_known(w)]


def read(text: str) -> Reading:
    r"""Take ``text`` apart.

    Examples
    --------
    >>> reading = read("The keeper counted the ships. One was missing!")
    >>> reading.sentences
    [['the', 'keeper', 'counted', 'the', 'ships'], ['one', 'was', 'missing']]
    >>> read("```python\nx = 1\n```").not_judged
    'code only'
    """
    prose, code, open_fence = split_code(text[:LONGEST])
    strings = json_strings(prose)
    if strings is not None:
        prose = strings
    low = (_WRAPPED.sub(" ", prose) if "\n" in prose else prose).lower()
    if "\u2019" in low:
        low = low.replace("\u2019", "'")
    word = _ASCII_WORD if low.isascii() else _WORD
    sentences = [matches for part in _BREAK.split(low) if (matches := word.findall(part))]
    free_lines = _free_lines(low) if "\n" in low else 0
    words = list(chain.from_iterable(sentences))
    table = lexicon()
    types = {w: table.get(w) for w in dict.fromkeys(words)}
    content = [w for w in words if types[w] != FUNCTION]
    reason = ""
    if not words:
        reason = "data without words" if strings is not None else "code only" if code else "no words"
    else:
        language = other_language(prose, words, len(words) - len(content))
        reason = f"in {language}, and only English is judged" if language else ""
    return Reading(text, prose, code, open_fence, sentences, free_lines, words, types, content, reason)


def words_of(text: str) -> list[str]:
    """Return the words of a text, such as a prompt, as `read` tells them, without taking it apart.

    Examples
    --------
    >>> words_of("What's a haiku?")
    ["what's", 'a', 'haiku']
    """
    low = text.lower().replace("\u2019", "'")
    return (_ASCII_WORD if low.isascii() else _WORD).findall(low)


def _free_lines(text: str) -> int:
    """Count short lines without a full stop; the first and only line of a text is not one."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        return 0
    return sum(not _STOPPED.search(line[-8:]) and len(line.split()) <= FREE_LINE for line in lines)


def split_code(text: str) -> tuple[str, tuple[str, ...], bool]:
    """Return the text without fenced code, the code blocks, and whether a fence stays open (CommonMark 0.31, 4.5)."""
    if "```" not in text and "~~~" not in text:
        return text, (), False
    prose: list[str] = []
    blocks: list[str] = []
    block: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if fence:
            mark = line.strip()
            if mark.startswith(fence) and not mark.strip(fence[0]):
                blocks.append("\n".join(block))
                fence = ""
            else:
                block.append(line)
        elif match := _FENCE.match(line):
            fence, block = match[1], []
        else:
            prose.append(line)
    if fence:
        blocks.append("\n".join(block))
    return "\n".join(prose), tuple(blocks), bool(fence)


def json_strings(text: str) -> str | None:
    r"""Return the string values of a JSON object or array, one a line; ``None`` when the text is not one.

    Examples
    --------
    >>> json_strings('{"title": "Two keepers", "pages": [1, "a lamp"]}')
    'Two keepers\na lamp'
    """
    stripped = text.strip()
    if stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return None
    try:
        data = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    strings: list[str] = []
    stack = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            strings.append(item)
        elif isinstance(item, dict):
            stack.extend(reversed(item.values()))
        elif isinstance(item, list):
            stack.extend(reversed(item))
    return "\n".join(strings)


def odd_characters(text: str) -> int:
    """Count what running text does not have: symbols, control characters, wordsGluedLikeThis,or like this."""
    return len(_ODD.findall(text)) + len(_GLUED.findall(text))
