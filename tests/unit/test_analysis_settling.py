"""What a plan will be able to decide, said before it is run."""

import numpy as np
import pytest

from pplab.analysis.paired import CellValues
from pplab.analysis.settling import ASSUMED_SPREAD, ENOUGH_PROMPTS, Spread, settling


def cells(prompts, within, settings=3, replicates=2, seed=1):
    return CellValues.of(np.random.default_rng(seed).normal(0.5, within, (prompts, settings, replicates)))


def test_a_labs_own_spread_takes_the_place_of_the_assumed_one_from_twenty_prompts_on():
    few, more = cells(ENOUGH_PROMPTS - 1, 0.1), cells(ENOUGH_PROMPTS, 0.1, seed=2)
    assert Spread.of([few]) == Spread.of([]) == Spread(ASSUMED_SPREAD, 0)
    own = Spread.of([few, more])
    assert own.prompts == 2 * ENOUGH_PROMPTS - 1
    assert own.within == pytest.approx(0.1, rel=0.15)


def test_answers_that_never_vary_say_nothing_of_the_spread():
    varied = np.random.default_rng(3).normal(0.5, 0.1, (40, 2, 2))
    greedy = np.repeat(varied[:, :1, :1], 2, axis=2)
    with_greedy = CellValues.of(np.concatenate([greedy, varied], axis=1))
    assert Spread.of([with_greedy]).within == pytest.approx(Spread.of([CellValues.of(varied)]).within)


def test_a_wider_spread_and_a_narrower_margin_take_more_prompts():
    needed = [settling(8, 3, 2, Spread(w, 30)).needed for w in (0.02, 0.055, 0.1)]
    assert needed == sorted(needed)
    assert settling(8, 3, 2, margin=0.05).needed < settling(8, 3, 2).needed < settling(8, 3, 2, margin=0.01).needed


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ((1, 3, 5), "1 prompt shows nothing of others like it; 15 prompts settle which setting to use, whatever the truth is, "),
        (
            (1, 3, 2),
            "1 prompt with 2 answers each shows means without interval, and nothing of others like it; 24 prompts settle",
        ),
        ((2, 3, 5), "2 prompts show nothing of others like them; "),
        ((4, 3, 1), "4 prompts with 1 answer each show means without interval; 24 prompts asked twice settle"),
        (
            (8, 3, 2),
            "8 prompts can show a clear winner; 24 prompts settle which setting to use, whatever the truth is, to within 0.03 (",
        ),
        ((30, 3, 2), "30 prompts settle which setting to use, whatever the truth is, to within 0.03 (24 would; assuming"),
        ((5, 1, 2), "There is one setting, and nothing to compare it with."),
    ],
)
def test_the_words_say_what_the_plan_can_and_cannot_show(plan, words):
    assert settling(*plan).words.startswith(words)


def test_the_words_say_what_they_rest_on():
    assert settling(8, 3, 2, Spread(0.08, 40)).words.endswith("(from the spread of 40 prompts of this lab, 0.08).")
