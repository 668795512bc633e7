"""The items of a rating: which answer, or which two side by side, a person is shown next, blind and in random order.

On the scale every stretch of the order has as many answers of each setting. Pairs are chosen where a comparison tells most of
which setting is preferred. Every tenth item is an earlier one again, which says how far people agree with themselves.

References
----------
M. E. Glickman and S. T. Jensen, "Adaptive paired comparison design", J. Statistical Planning and Inference 127 (2005): the
comparison that tells most is that of two whose difference is least certain and whose chances are most equal.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from pplab.analysis.bradley_terry import informed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TWICE: Final = 10
"""One item of so many is an earlier one again."""
GAMES: Final = 4.0
"""Comparisons with an average setting that each is given (see `informed`): what has lost a few is soon taken to be behind, and
compared less."""
APART: Final = 5
"""Items that lie between the two times at least."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that can be shown: what identifies it, the indices of its setting and prompt, and its text."""

    response_id: str
    revision: int
    setting: int
    prompt: int
    text: str


Item = tuple[Candidate, ...]
"""What is shown at once: one answer, or two, the first one on the left."""


@dataclass(frozen=True, slots=True)
class Rated:
    """An item that was rated.

    Attributes
    ----------
    item : tuple of Candidate
    value : float
        What was said of it: the grade from 0 (worst) to 1 (best), or 1 for the left one, 0 for the right one, 0.5 for neither.
    """

    item: Item
    value: float


class RatingItems:
    """The order of the items for one person; the same answers, seed and ratings give the same next one.

    Parameters
    ----------
    answers
        All that can be shown. Of those to one prompt that are word for word the same one stands for all.
    pairs
        Whether two of two settings are shown side by side.
    seed
        What the random order follows from.
    """

    def __init__(self, answers: Sequence[Candidate], *, pairs: bool, seed: str) -> None:
        self._pairs, self._seed = pairs, seed
        distinct: dict[tuple[object, ...], Candidate] = {}
        for answer in answers:  # side by side each setting needs one of its own
            distinct.setdefault((answer.prompt, answer.text, answer.setting if pairs else None), answer)
        mine = tuple(distinct.values())
        self._settings = sorted({answer.setting for answer in mine})
        self._order = () if pairs else _balanced(mine, self._random("order"))
        self._duels = _duels(mine) if pairs else {}

    @property
    def most(self) -> int:
        """How many items there are at most, those that come again included."""
        new = sum(map(len, self._duels.values())) if self._pairs else len(self._order)
        return new + max(0, new - 1) // (TWICE - 1)

    def next(self, rated: Sequence[Rated]) -> Item | None:
        """Return the item to show after some were rated, in the order in which they were; ``None`` when there is none left."""
        position = len(rated)
        if position % TWICE == TWICE - 1 and (again := self._again(rated)) is not None:
            return again[::-1]  # side by side the other way round
        seen = {frozenset(answer.response_id for answer in one.item) for one in rated}
        if self._pairs:
            return self._pair(rated, seen, self._random(str(position)))
        return next(((answer,) for answer in self._order if frozenset([answer.response_id]) not in seen), None)

    def _random(self, what: str) -> random.Random:
        return random.Random(f"{self._seed} {what}")  # noqa: S311 - the same order again, not a secret

    def _again(self, rated: Sequence[Rated]) -> Item | None:
        """Return an earlier item that came once, long enough ago."""
        times = Counter(frozenset(answer.response_id for answer in one.item) for one in rated)
        once = [one.item for one in rated[: len(rated) - APART] if times[frozenset(a.response_id for a in one.item)] == 1]
        return self._random(f"again {len(rated)}").choice(once) if once else None

    def _pair(self, rated: Sequence[Rated], seen: set[frozenset[str]], order: random.Random) -> Item | None:
        """Return the comparison that tells most: of the settings whose difference is least certain, on a prompt asked least."""
        left = {
            settings: [duel for duel in duels if frozenset(answer.response_id for answer in duel) not in seen]
            for settings, duels in self._duels.items()
        }
        open_ = sorted(settings for settings, duels in left.items() if duels)
        if not open_:
            return None
        told = _told(rated, self._settings)
        order.shuffle(open_)  # of those that tell alike any
        settings = max(open_, key=lambda pair: round(told(*pair), 6))
        compared = Counter(one.item[0].prompt for one in rated if {a.setting for a in one.item} == set(settings))
        least = min(compared[duel[0].prompt] for duel in left[settings])
        duel = order.choice([duel for duel in left[settings] if compared[duel[0].prompt] == least])
        return duel if order.random() < 0.5 else duel[::-1]


def _balanced(answers: Sequence[Candidate], order: random.Random) -> tuple[Candidate, ...]:
    """Return answers in random order, one of each setting after the other."""
    of_setting: dict[int, list[Candidate]] = {}
    for answer in answers:
        of_setting.setdefault(answer.setting, []).append(answer)
    placed = []
    for mine in of_setting.values():
        order.shuffle(mine)
        placed += [((index + order.random()) / len(mine), answer) for index, answer in enumerate(mine)]
    return tuple(answer for _, answer in sorted(placed, key=lambda pair: pair[0]))


def _duels(answers: Sequence[Candidate]) -> dict[tuple[int, int], list[tuple[Candidate, Candidate]]]:
    """Return every two different answers of two settings to one prompt, by their settings."""
    found: dict[tuple[int, int], list[tuple[Candidate, Candidate]]] = {}
    of_prompt: dict[int, list[Candidate]] = {}
    for answer in answers:
        of_prompt.setdefault(answer.prompt, []).append(answer)
    for mine in of_prompt.values():
        for one, other in combinations(sorted(mine, key=lambda answer: answer.setting), 2):
            if one.setting != other.setting and one.text != other.text:
                found.setdefault((one.setting, other.setting), []).append((one, other))
    return found


def _told(rated: Sequence[Rated], settings: Sequence[int]) -> Callable[[int, int], float]:
    """Return how much a comparison of two settings would tell: the variance of its outcome times that of their difference."""
    place = {setting: index for index, setting in enumerate(settings)}
    points = np.zeros((len(settings), len(settings)))
    for one in rated:
        left, right = (place[answer.setting] for answer in one.item)
        points[left, right] += one.value
        points[right, left] += 1 - one.value
    strength, covariance = informed(points, GAMES)

    def told(one: int, other: int) -> float:
        a, b = place[one], place[other]
        chance = 1 / (1 + np.exp(strength[b] - strength[a]))
        return float((covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]) * chance * (1 - chance))

    return told
