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
    worst_sentence : str
        The most repeated of them, in lower case without punctuation; empty when none is.
    worst_count : int
        How often it occurs.
    """

    phrases: float
    pairs: float
    concentration: float
    sentences: int
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
        worst_sentence=worst if count > 1 else "",
        worst_count=count,
    )
