"""How different the answers of one setting are, and what else can only be seen on the whole set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pplab.inputs.visible import visible
from pplab.plan.vocabulary import DECLINED, SCORED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LONGEST = 5_000
"""Words of a text that are compared; the rest of a longer text is not looked at."""

EXHAUSTIVE = 200
"""Up to this many texts all pairs are compared; beyond, each text with this many others at even distances."""

SAME = 0.1
"""Two answers at most this far apart count as the same answer."""

_UNIT = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:'[^\W_]+)*")
"""A word or number; a single character in scripts written without spaces."""

Phrases = frozenset["tuple[str, ...]"]


def phrases(text: str) -> Phrases:
    """Return the distinct one-, two- and three-word sequences of ``text`` as it is seen, lower case, without punctuation."""
    low = visible(text).lower()
    if "\u2019" in low:
        low = low.replace("\u2019", "'")
    words = _UNIT.findall(low[: 40 * LONGEST])[:LONGEST]
    if not words:
        words = low.split()[:LONGEST]
    return frozenset((*zip(words), *pairwise(words), *zip(words, words[1:], words[2:], strict=False)))


def distance(one: Phrases, other: Phrases) -> float:
    """Return the Dice distance ``1 - 2|A n B| / (|A| + |B|)``: 0 for the same phrases, 1 when none is shared.

    Examples
    --------
    >>> distance(phrases("a cat sat"), phrases("A cat sat.")), distance(phrases("a cat"), phrases("the dog"))
    (0.0, 1.0)
    """
    total = len(one) + len(other)
    return 1.0 - 2.0 * len(one & other) / total if total else 0.0


def distances_to(own: Phrases, peers: Iterable[Phrases]) -> list[float]:
    """Return the distance to each of the other replicates."""
    return [distance(own, peer) for peer in peers]


def diversity(texts: Sequence[str]) -> float:
    """Return the mean distance between two answers: 0 when all are equal, towards 1 when they share no wording.

    The mean over pairs is a U-statistic: resample whole answers, never pairs, to get its interval. Fewer than two
    texts have diversity 0.

    Examples
    --------
    >>> diversity(["The lamp went out."] * 4)
    0.0
    >>> round(diversity(["The lamp went out.", "The lamp went dark.", "Ships waited for a light."]), 2)
    0.78
    """
    return _mean(list(_pair_distances([phrases(text) for text in texts])))


@dataclass(frozen=True, slots=True)
class SetMeasures:
    """What a set of answers to one prompt under one setting shows.

    Attributes
    ----------
    n : int
        Answers that were compared: those with status ``ok`` or ``truncated``.
    diversity : float or None
        Mean distance between two answers, in [0, 1]; ``None`` below two answers.
    agreement : float or None
        Chance that two answers drawn at random are the same answer (at most 0.1 apart), in [0, 1].
    self_repetition : float or None
        Mean share of an answer's four-word phrases that other answers of the set use too (Salkar et al. 2022).
    truncated, refused : float
        Shares of all answers, in [0, 1]; what a content filter stopped counts as refused.
    warning : str or None
        In words, when the set has collapsed to one answer or one opening.
    """

    n: int
    diversity: float | None
    agreement: float | None
    self_repetition: float | None
    truncated: float
    refused: float
    warning: str | None


def set_measures(texts: Sequence[str], statuses: Sequence[str] | None = None) -> SetMeasures:
    """Measure a set of answers to one prompt under one setting.

    Parameters
    ----------
    texts
        All answers, also failed ones (their text may be empty).
    statuses
        The status of each, as in ``exp.responses``; ``None`` takes all as ``ok``.

    Examples
    --------
    >>> measures = set_measures(["Yes, it is.", "Yes, it is.", "Yes, it is.", "No."], ["ok", "ok", "ok", "refused"])
    >>> measures.n, measures.agreement, measures.refused
    (3, 1.0, 0.25)
    >>> measures.warning
    '3 of 3 answers are the same answer: sampling more of them at this setting shows nothing new'
    """
    status_list = list(statuses) if statuses is not None else ["ok"] * len(texts)
    compared = [visible(text) for text, status in zip(texts, status_list, strict=True) if status in SCORED]
    sets = [phrases(text) for text in compared]
    far = list(_pair_distances(sets))
    enough = len(sets) > 1
    return SetMeasures(
        n=len(compared),
        diversity=_mean(far) if enough else None,
        agreement=sum(d <= SAME for d in far) / len(far) if enough else None,
        self_repetition=_self_repetition(compared) if enough else None,
        truncated=status_list.count("truncated") / len(status_list) if status_list else 0.0,
        refused=sum(status in DECLINED for status in status_list) / len(status_list) if status_list else 0.0,
        warning=_collapse(compared, sets),
    )


def _pair_distances(sets: Sequence[Phrases]) -> Iterator[float]:
    count = len(sets)
    if count <= EXHAUSTIVE:
        steps: Iterable[int] = range(1, count)
        pairs = ((i, i + step) for step in steps for i in range(count - step))
    else:
        steps = sorted({1 + k * (count - 1) // EXHAUSTIVE for k in range(EXHAUSTIVE)})
        pairs = ((i, (i + step) % count) for step in steps for i in range(count))
    return (distance(sets[i], sets[j]) for i, j in pairs)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _self_repetition(texts: Sequence[str]) -> float:
    fours = []
    for text in texts:
        words = _UNIT.findall(text.lower()[: 40 * LONGEST])[:LONGEST]
        fours.append(set(zip(words, words[1:], words[2:], words[3:], strict=False)))
    spread = Counter(phrase for own in fours for phrase in own)
    shares = [sum(spread[phrase] > 1 for phrase in own) / len(own) for own in fours if own]
    return _mean(shares)


def _collapse(texts: Sequence[str], sets: Sequence[Phrases]) -> str | None:
    """Say in words when at least half of three or more answers are one answer, or begin with the same eight words."""
    count = len(texts)
    if count < 3:
        return None
    same = max(sum(distance(one, other) <= SAME for other in sets) for one in _sample(sets))
    if 2 * same > count:
        return f"{same} of {count} answers are the same answer: sampling more of them at this setting shows nothing new"
    openings = Counter(tuple(words) for text in texts if len(words := _UNIT.findall(text[:400].lower())[:8]) == 8)
    opening, shared = openings.most_common(1)[0] if openings else ((), 0)
    if 2 * shared > count:
        return f"{shared} of {count} answers begin with the same words: '{' '.join(opening)}'"
    return None


def _sample(sets: Sequence[Phrases]) -> Sequence[Phrases]:
    """Return some texts at even distances: what more than half of a set repeats is met among them."""
    return sets[:: max(1, len(sets) // 50)]
