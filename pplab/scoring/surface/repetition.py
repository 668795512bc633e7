"""How much a text says again: repeated phrases, repeated sentences, and a vocabulary that hangs on few words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplab.scoring.surface.text import Reading

SENTENCE = 3
"""Words a sentence needs for its repetition to be counted: "Yes. Yes." is no loop."""

ALIKE = 0.75
"""Share of their distinct words that two sentences have in common when one is the other with a word changed."""
TEMPLATE = 5
"""Words from which on a sentence with one word changed is said to be said again."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """Raw measures of repetition.

    Attributes
    ----------
    phrases : float
        Share of four-word sequences that occurred before (one minus distinct-4, Li et al. 2016).
    pairs : float
        The same for two-word sequences (one minus distinct-2).
    concentration : float
        Chance that two content words drawn at random are the same word (Simpson 1949; Yule's K is 10,000 times it).
    sentences : int
        Sentences of at least three words that occurred before.
    alike : float
        Share of the sentences of at least five words that are an earlier one again, with a word changed or none.
    worst_sentence : str
        The most repeated of them, in lower case without punctuation; empty when none is.
    worst_count : int
        How often it occurs.
    """

    phrases: float
    pairs: float
    concentration: float
    sentences: int
    alike: float
    worst_sentence: str
    worst_count: int


def repetition(reading: Reading) -> Repetition:
    """Measure repetition, in linear time.

    Examples
    --------
    >>> from pplab.scoring.surface.text import read
    >>> measures = repetition(read("The lamp went out again. The lamp went out again. Nobody came."))
    >>> measures.sentences, measures.worst_count, round(measures.phrases, 2)
    (1, 2, 0.22)
    """
    words = reading.words
    fours = len(words) - 3
    distinct = len(set(zip(words, words[1:], words[2:], words[3:], strict=False)))
    sentences = Counter(" ".join(s) for s in reading.sentences if len(s) >= SENTENCE)
    worst, count = sentences.most_common(1)[0] if sentences else ("", 1)
    counts = Counter(reading.content)
    total = len(reading.content)
    same = sum(n * (n - 1) for n in counts.values())
    return Repetition(
        phrases=1 - distinct / fours if fours > 0 else 0.0,
        pairs=1 - len(set(pairwise(words))) / (len(words) - 1) if len(words) > 1 else 0.0,
        concentration=same / (total * (total - 1)) if total > 1 else 0.0,
        sentences=sentences.total() - len(sentences),
        alike=_alike(reading.sentences),
        worst_sentence=worst if count > 1 else "",
        worst_count=count,
    )


def _alike(sentences: list[list[str]]) -> float:
    """Return the share of sentences that say an earlier one again with a word changed.

    A changed word stands at an even or at an odd place, and the words at the other places stay: so two look-ups find the earlier
    sentence wherever it stands, and the order of sentences does not matter.
    """
    evens: dict[tuple[str, ...], list[str]] = {}
    odds: dict[tuple[str, ...], list[str]] = {}
    long = [s for s in sentences if len(s) >= TEMPLATE]
    again = 0
    for sentence in long:
        before = evens.setdefault(tuple(sentence[::2]), sentence)
        if before is sentence:
            before = odds.setdefault(tuple(sentence[1::2]), sentence)
        if before is not sentence and abs(len(before) - len(sentence)) <= 1:
            words = set(sentence)
            again += len(words.intersection(before)) >= ALIKE * len(words)
    return again / len(long) if len(long) > 2 else 0.0
