"""What a plan can see is what the comparison, run on such a plan, then sees."""

import re

import numpy as np
import pytest
from analysis_frames import SOAK, experiment

from pplab.analysis.power import noncentrality, upper_spread
from pplab.analysis.sensitivity import Spread, pilot_spreads, sensitivity
from pplab.analysis.statistics import compare
from pplab.errors import BadInput

MANY = [f"m{i}" for i in range(1_000 if SOAK else 250)]


# statsmodels 0.14.5: TTestPower().solve_power(nobs=freedom + 1, alpha=alpha, power=0.8) * (freedom + 1) ** 0.5
@pytest.mark.parametrize(
    ("freedom", "alpha", "effect"),
    [
        *((5, 0.05, 3.51390), (5, 0.01, 5.16683), (9, 0.05, 3.14963), (9, 0.01, 4.21226)),
        *((39, 0.05, 2.87297), (39, 0.01, 3.57053), (500, 0.05, 2.80698), (500, 0.01, 3.42884)),
    ],
)
def test_the_detectable_effect_is_that_of_statsmodels(freedom, alpha, effect):
    assert noncentrality(freedom, alpha) == pytest.approx(effect, abs=1e-4)


def test_the_upper_limit_of_a_spread_holds_in_four_of_five_pilots():
    sds = np.random.default_rng(1).normal(size=(8, 20_000)).std(axis=0, ddof=1)
    assert np.mean(sds * upper_spread(1, 7) >= 1) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("prompts", "replicates"), [(8, 3), (30, 2), (1, 6), (4, 5)])
def test_the_promised_difference_is_found_four_times_in_five(prompts, replicates):
    promised = sensitivity(prompts, 2, replicates, ["coherence"]).metrics[0].alone
    found = compare(experiment(prompts, 2, replicates, metrics=MANY, effects=(promised,)), 0, 1, MANY).differences
    assert np.mean([d.p <= 0.05 for d in found]) == pytest.approx(0.8, abs=0.05 if SOAK else 0.08)


def test_the_promised_width_of_a_mean_is_the_one_found():
    from pplab.analysis.statistics import mean_intervals

    promised = sensitivity(20, 1, 3, ["coherence"]).metrics[0].mean_within
    found = mean_intervals(experiment(20, 1, 3, metrics=MANY), MANY)
    assert np.mean([(i.high - i.low) / 2 for i in found]) == pytest.approx(promised, rel=0.06)


def test_more_of_anything_sees_smaller_differences():
    alone = [sensitivity(*plan, ["m"]).metrics[0].alone for plan in ((6, 2, 2), (12, 2, 2), (12, 2, 8), (50, 2, 8))]
    assert alone == sorted(alone, reverse=True)


def test_correction_over_a_sweep_takes_larger_differences():
    found = sensitivity(40, 6, 3).metrics[0]
    assert found.among_all > found.alone


def test_a_plan_that_can_show_nothing_says_so():
    assert sensitivity(1, 2, 4, ["m"]).metrics[0].alone is not None
    assert "no interval and no test" in sensitivity(1, 2, 2).words
    assert "one setting, nothing to compare" in sensitivity(12, 1, 2).words
    assert (
        "too few to show any difference after correcting for all 760 comparisons; use at least 13 prompts"
        in sensitivity(7, 20, 3).words
    )
    assert "too few to show any difference; use at least 4 responses each." in sensitivity(1, 2, 3).words


@pytest.mark.parametrize("metrics", [["m"], ["m", "n"], ["m", "n", "o", "p"]])
@pytest.mark.parametrize("prompts", [1, 2, 5, 6, 7, 9])
def test_the_size_that_a_plan_is_told_to_have_is_the_smallest_that_can_show_a_difference(prompts, metrics):
    few = 4 if prompts < 6 else 2
    words = sensitivity(prompts, 6, few, metrics).words
    if "use at least" not in words:
        assert all(m.among_all is not None for m in sensitivity(prompts, 6, few, metrics).metrics)
        return
    count, what = re.search(r"all \d+ comparisons; use at least (\d+) (prompts|responses each)", words).groups()
    able = [
        sensitivity(prompts, 6, size, metrics) if what == "responses each" else sensitivity(size, 6, few, metrics)
        for size in (int(count) - 1, int(count))
    ]
    assert [plan.metrics[0].among_all is not None for plan in able] == [False, True]


def test_assumed_spreads_are_named_and_a_pilot_replaces_them():
    assert "standard deviations of 0.145 between prompts and 0.10 between responses" in sensitivity(20, 2, 3).words
    spreads = pilot_spreads(experiment(30, 3, 3))
    assert "The standard deviations are those of the earlier responses." in sensitivity(20, 2, 3, spreads=spreads).words


def test_a_pilot_gives_back_the_spreads_it_was_made_with():
    found = pilot_spreads(experiment(400, 4, 3, metrics=["m"], interaction=0.05), ["m"])["m"]
    assert (found.between, found.within, found.interaction) == pytest.approx((0.145, 0.10, 0.05), abs=0.015)
    assert found.source == "pilot"


def test_interaction_limits_what_replicates_can_buy():
    spread = {"m": Spread(interaction=0.1)}
    assert sensitivity(10, 2, 100, ["m"], spreads=spread).metrics[0].alone > 0.1


@pytest.mark.parametrize("shape", [(3, 2, 4), (10, 2, 1), (0, 0, 0)])
def test_a_pilot_that_does_not_tell_gives_no_spread(shape):
    assert pilot_spreads(experiment(*shape)) == {}


def test_a_plan_of_nothing_is_refused():
    with pytest.raises(BadInput, match="replicates=0 is less than 1"):
        sensitivity(3, 2, 0)
