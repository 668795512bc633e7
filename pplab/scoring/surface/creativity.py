"""Creativity: varied, unusual and wide-ranging wording, as long as it is plausible and not repeated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface.cliches import stock_share
from pplab.scoring.surface.diversity import distances_to
from pplab.scoring.surface.scales import hill_decay, linear_ramp
from pplab.scoring.surface.words import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.scoring.surface.diversity import Phrases
    from pplab.scoring.surface.plausibility import Plausibility
    from pplab.scoring.surface.repetition import Repetition
    from pplab.scoring.surface.text import Reading

WINDOW = 50
"""Words in a window of the moving type-token ratio (MATTR, Covington & McFall 2010), taken at every half window."""

UNUSUAL = 4.0
"""Zipf value below which a word is unusual: fewer than ten in a million words."""

MANY = 60
"""Distinct unusual words at which breadth is full: what a page of a good story has."""

FEW = 6
"""At least so many for a text that has no room for as many as a page: a line is measured by the words it has."""

ORIGINALITY = 0.3
"""Weight of the distance to the other replicates, where there are any."""


def creativity(
    reading: Reading,
    plausible: Plausibility,
    repeated: Repetition,
    own: Phrases,
    peers: Sequence[Phrases],
    asked: frozenset[str] = frozenset(),
) -> tuple[float, dict[str, Any]]:
    """Return the score and its parts; the formula and its reasons are in ``docs/creativity.md``.

    Parameters
    ----------
    reading, plausible, repeated
        The text and what was measured on it.
    own, peers
        Phrases of this text and of the other replicates of its setting; without peers neither is used.
    asked
        Words of the prompt: to say them again is nothing new.
    """
    zipf = [value for word, value in reading.types.items() if value is not None and value != FUNCTION and word not in asked]
    variety = moving_ratio(reading.words)
    mean_zipf = math.fsum(zipf) / len(zipf) if zipf else 7.0
    unusual = sum(value < UNUSUAL for value in zipf)
    lexical_diversity = linear_ramp(variety, 0.45, 0.9)
    rarity = linear_ramp(mean_zipf, 5.4, 4.0)
    breadth = min(1.0, math.log1p(unusual) / math.log1p(max(FEW, min(MANY, len(zipf)))))
    stock = stock_share(reading.prose, len(reading.words))
    fresh = (1 - repeated.phrases) ** 2 * hill_decay(repeated.alike, 0.5, order=4) * hill_decay(stock, 0.5)
    merit = 0.3 * lexical_diversity + 0.3 * rarity + 0.4 * breadth
    detail: dict[str, Any] = {
        "lexical_diversity": lexical_diversity,
        "rarity": rarity,
        "breadth": breadth,
        "plausibility": plausible.gate,
        "freshness": fresh,
    }
    if peers:
        away = distances_to(own, peers)
        detail["originality"] = originality = sum(away) / len(away)
        merit = (1 - ORIGINALITY) * merit + ORIGINALITY * originality
    detail["raw"] = {
        "mattr_50": variety,
        "mean_zipf": mean_zipf,
        "unusual_words": unusual,
        "repeated_phrases": repeated.phrases,
        "alike_sentences": repeated.alike,
        "stock_share": stock,
        "unknown_share": plausible.unknown_share,
        "function_share": plausible.function_share,
        "odd_share": plausible.odd_share,
    }
    return plausible.gate * fresh * merit, detail


def moving_ratio(words: Sequence[str]) -> float:
    """Return the mean share of distinct words in windows of `WINDOW` words (of the whole text when it is shorter)."""
    starts = range(0, max(1, len(words) - WINDOW + 1), WINDOW // 2)
    return sum(len(set(words[i : i + WINDOW])) for i in starts) / (len(starts) * min(WINDOW, len(words)))
