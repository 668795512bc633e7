"""The items of a rating: blind order, what comes twice, and which pair is shown next."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from pplab.analysis.rating_items import APART, Candidate, Rated, RatingItems


def answers(settings=3, prompts=4, replicates=2, text="{s} {p} {r}"):
    return [
        Candidate(f"{s}-{p}-{r}", 0, s, p, text.format(s=s, p=p, r=r))
        for p in range(prompts)
        for s in range(settings)
        for r in range(replicates)
    ]


def rate(items, say=lambda _item: 0.5, most=10_000):
    rated = []
    while len(rated) < most and (item := items.next(rated)) is not None:
        rated.append(Rated(item, say(item)))
    return rated


def ids(one):
    return frozenset(answer.response_id for answer in one.item)


@pytest.mark.parametrize("pairs", [False, True])
def test_every_item_comes_and_a_tenth_comes_twice_with_others_between(pairs):
    items = RatingItems(answers(), pairs=pairs, seed="a")
    rated = rate(items)
    times = Counter(map(ids, rated))
    assert len(rated) == items.most
    assert len(times) == (48 if pairs else 24)  # 4 prompts x 3 pairs of settings x 2 x 2, or every answer
    assert set(times.values()) == {1, 2}
    assert sum(count - 1 for count in times.values()) == len(rated) // 10
    where = [[at for at, one in enumerate(rated) if ids(one) == key] for key, count in times.items() if count == 2]
    assert all(second - first > APART for first, second in where)


def test_side_by_side_the_second_time_is_the_other_way_round():
    rated = rate(RatingItems(answers(), pairs=True, seed="a"))
    again = [(at, one) for at, one in enumerate(rated) if any(ids(one) == ids(other) for other in rated[:at])]
    assert again
    assert all(one.item[::-1] == next(o for o in rated[:at] if ids(o) == ids(one)).item for at, one in again)


def test_the_same_answers_seed_and_ratings_give_the_same_order_and_another_seed_another():
    first, same, other = (rate(RatingItems(answers(), pairs=False, seed=seed)) for seed in ("a", "a", "b"))
    assert first == same != other


def test_every_stretch_on_the_scale_has_as_many_of_each_setting():
    rated = rate(RatingItems(answers(prompts=20), pairs=False, seed="a"), most=60)
    counts = Counter(one.item[0].setting for one in rated)
    assert max(counts.values()) - min(counts.values()) <= 6
    assert any(a.item[0].setting != b.item[0].setting for a, b in pairwise(rated))


def test_equal_answers_to_one_prompt_come_once_and_are_never_compared():
    same = [Candidate(f"{s}-{r}", 0, s, 0, "Yes.") for s in range(2) for r in range(3)]
    assert len(rate(RatingItems(same, pairs=False, seed="a"))) == 1
    assert RatingItems(same, pairs=True, seed="a").next([]) is None
    assert RatingItems(same, pairs=True, seed="a").most == 0


def test_a_pair_is_of_two_settings_and_one_prompt():
    for one in rate(RatingItems(answers(), pairs=True, seed="a")):
        left, right = one.item
        assert left.prompt == right.prompt
        assert left.setting != right.setting


def test_neither_side_is_favoured():
    rated = rate(RatingItems(answers(settings=2, prompts=40), pairs=True, seed="a"))
    left = np.mean([one.item[0].setting == 0 for one in rated])
    assert 0.35 < left < 0.65


def test_what_is_decided_is_compared_less_than_what_is_open():
    """Setting 2 always loses, 0 and 1 win alike: their comparison is the one that tells."""

    def say(item):
        left, right = (answer.setting for answer in item)
        if 2 in (left, right):
            return float(right == 2)
        return float(sum(map(ord, item[0].text)) % 2)

    rated = rate(RatingItems(answers(prompts=30), pairs=True, seed="a"), say, most=60)
    compared = Counter(frozenset(answer.setting for answer in one.item) for one in rated)
    assert compared[frozenset({0, 1})] > 1.3 * max(compared[frozenset({0, 2})], compared[frozenset({1, 2})])


def test_many_settings_are_all_compared_soon():
    rated = rate(RatingItems(answers(settings=12, prompts=3), pairs=True, seed="a"), most=12)
    assert len({answer.setting for one in rated for answer in one.item}) == 12
