"""What is said of settings holds as often as it claims: simulations with known truths, and what may not change a figure.

`make soak` runs every cell with 2,000 experiments; `make test` fewer cells with a tenth of the experiments, and limits widened by
three standard errors.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from analysis_frames import SOAK

from pplab.analysis.contrasts import contrasts, factor_effects
from pplab.analysis.control import against_control
from pplab.analysis.paired import CellValues, paired
from pplab.analysis.statements import error_of_look, prompts_to_settle, prompts_whatever_the_truth, statements
from tests.soak import only_soak, only_soak_cases

RUNS = 2_000 if SOAK else 200
MARGIN = 0.03
PROMPTS_SD = 0.145


def slack(limit):
    """Three standard errors of a share near the limit, over this number of runs."""
    return 0.0 if SOAK else 3 * (limit * (1 - limit) / RUNS) ** 0.5


def truth(kind, settings):
    """The utilities of the settings in a world."""
    effects = np.zeros(settings)
    if kind == "two at the top":
        effects[2:] = -0.1
    elif kind == "just over the margin":
        effects[-1] = MARGIN + 0.005
    elif kind != "tie":
        effects[-1] = float(kind)
    return effects


@dataclass
class Shares:
    """How often something was so."""

    named: float = 0
    settled: float = 0
    covered: float = 0
    false_headline: float = 0
    false_behind: float = 0


def simulate(prompts, replicates, effects, *, within=0.10, interaction=0.0, greedy=False, runs=RUNS, seed=1, error=0.05):
    """Decide many experiments whose truth is known; a greedy setting 0 gives one answer to each prompt, however often."""
    rng = np.random.default_rng(seed)
    settings = len(effects)
    total = Shares()
    for _ in range(runs):
        own = rng.normal(0, interaction, (prompts, settings)) if interaction else np.zeros((prompts, settings))
        noise = rng.normal(0, within, (prompts, settings, replicates))
        if greedy:
            noise[:, 0] = noise[:, 0, :1]
        values = rng.normal(0.5, PROMPTS_SD, (prompts, 1, 1)) + (effects + own)[:, :, None] + noise
        said = statements(paired(CellValues.of(values)), MARGIN, error)
        true = effects
        if prompts < 3:  # of these prompts: what they would be answered with again and again, also where that is one answer
            true = (effects + own + noise[:, :, 0] * (np.arange(settings) == 0) * greedy).mean(axis=0)
        regret = true.max() - true
        top = regret < 1e-12
        good = said.equally_good
        wrong = (
            (not top[said.leader] or top.sum() > 1) if said.best else bool(good[said.leader] and (regret[good] > MARGIN).any())
        )
        total.named += said.best / runs
        total.settled += said.settled / runs
        total.covered += bool((said.regret >= regret - 1e-12).all()) / runs
        total.false_headline += wrong / runs
        total.false_behind += bool((said.behind & top).any()) / runs
    return total


def some(cells, each):
    """All cells in a soak, else every so-manieth."""
    cells = list(cells)
    return cells if SOAK else cells[::each]


WORLDS = ["tie", "two at the top", "just over the margin", "0.1"]
MANY = itertools.product([3, 4, 6, 10, 20], [2, 3, 5], [2, 3, 5], [0.0, 0.05], [False, True], WORLDS)


@pytest.mark.parametrize(("prompts", "replicates", "settings", "interaction", "greedy", "world"), some(MANY, 199))
def test_of_prompts_like_these_bounds_cover_and_headlines_hold(prompts, replicates, settings, interaction, greedy, world):
    effects = truth(world, settings)
    found = simulate(prompts, replicates, effects, interaction=interaction, greedy=greedy)
    if settings == 2 and interaction:  # nothing can be pooled: known limit, see `INTERACTION_OF_TWO`
        assert found.covered >= 0.92 - slack(0.92)
        assert found.false_headline <= 0.08 + slack(0.08)
    else:
        assert found.covered >= 0.935 - slack(0.935)
        assert found.false_headline <= 0.065 + slack(0.065)
        assert found.false_behind <= 0.065 + slack(0.065)


FEW = itertools.product([1, 2], [3, 5], [2, 3, 5], [0.0, 0.05], [False, True], WORLDS)


@pytest.mark.parametrize(("prompts", "replicates", "settings", "interaction", "greedy", "world"), some(FEW, 53))
def test_of_one_or_two_prompts_only_these_are_spoken_of_and_the_bounds_cover(
    prompts, replicates, settings, interaction, greedy, world
):
    found = simulate(prompts, replicates, truth(world, settings), interaction=interaction, greedy=greedy)
    assert found.covered >= 0.93 - slack(0.93)
    assert found.false_headline <= 0.065 + slack(0.065)


@pytest.mark.parametrize(
    ("prompts", "replicates", "settings", "least"),
    some([(12, 2, 3, 0.57), (6, 4, 3, 0.39), (25, 2, 3, 0.93), (10, 5, 5, 0.63)], 3),
)
def test_the_best_is_named_as_often_as_it_can_be(prompts, replicates, settings, least):
    found = simulate(prompts, replicates, truth("0.1", settings), interaction=0.05)
    assert found.named >= least - slack(least)


@pytest.mark.parametrize(
    ("prompts", "replicates", "world", "least"), some([(6, 4, "0.05", 0.75), (12, 2, "0.05", 0.92), (25, 2, "tie", 0.90)], 2)
)
def test_a_utility_settles_with_few_calls(prompts, replicates, world, least):
    found = simulate(prompts, replicates, truth(world, 3), within=0.055, interaction=0.03)
    assert found.settled >= least - slack(least)


def test_there_is_no_cliff_between_few_and_many_prompts():
    named = [
        simulate(prompts, 5, truth("0.1", 3), interaction=0.05).named for prompts in (range(3, 11) if SOAK else (3, 4, 6, 10))
    ]
    assert all(after >= before - 0.03 - slack(0.5) for before, after in itertools.pairwise(named))
    assert named[-1] > named[0] + 0.4


def test_a_greedy_setting_does_not_tell_ties_apart():
    for prompts in (3, 4, 5):
        assert simulate(prompts, 5, truth("tie", 3), greedy=True).false_headline <= 0.065 + slack(0.065)


def test_looking_again_and_again_stays_near_the_promised_error():
    looks = [6, 9, 13, 20, 30, 45, 68, 100]
    rng = np.random.default_rng(3)
    runs = RUNS // 2
    wrong = 0
    for _ in range(runs):
        values = rng.normal(0.5, 0.1, (looks[-1], 2, 2))
        wrong += any(
            statements(paired(CellValues.of(values[:prompts])), MARGIN, error_of_look(number)).best
            for number, prompts in enumerate(looks, 1)
        )
    assert wrong / runs <= 0.07 + slack(0.07) * 2**0.5


@pytest.mark.parametrize("effects", [(0.0, 0.02, 0.03), *only_soak((0.0, 0.0, 0.0), (0.0, 0.0, 0.06))])
def test_the_advice_to_run_more_prompts_settles_when_it_is_followed(effects):
    rng = np.random.default_rng(4)
    asked = settled = 0
    for _ in range(RUNS // 2):
        values = rng.normal(0.5, PROMPTS_SD, (400, 1, 1)) + np.array(effects)[:, None] + rng.normal(0, 0.055, (400, 3, 2))
        first = paired(CellValues.of(values[:6]))
        said = statements(first, MARGIN)
        if said.settled:
            continue
        needed = max(prompts_to_settle(first, said).values())
        asked += 1
        settled += statements(paired(CellValues.of(values[: max(needed, 7)])), MARGIN).settled
    assert settled / asked >= 0.70 - 3 * (0.21 / asked) ** 0.5


def test_the_plan_that_settles_whatever_the_truth_does():
    prompts = prompts_whatever_the_truth(0.055, 2, 3)
    assert prompts < 40
    for world in ("tie", "0.05", "just over the margin"):
        assert simulate(prompts, 2, truth(world, 3), within=0.055, interaction=0.0275).settled >= 0.90 - slack(0.90)


# -- what may not change a figure -----------------------------------------------------------------------------------------------


def figures(values):
    found = paired(CellValues.of(values))
    return found, statements(found, MARGIN)


def test_the_order_of_settings_prompts_and_answers_changes_nothing():
    rng = np.random.default_rng(5)
    for _ in range(50):
        values = rng.normal(0.5, 0.1, (7, 4, 3))
        values[rng.random(values.shape) < 0.1] = np.nan
        found, said = figures(values)
        settings, prompts, answers = (rng.permutation(n) for n in (4, 7, 3))
        again, said_again = figures(values[prompts][:, settings][:, :, answers])
        assert np.allclose(again.lead, found.lead[np.ix_(settings, settings)], equal_nan=True)
        assert np.allclose(again.error, found.error[np.ix_(settings, settings)], equal_nan=True)
        assert np.allclose(said_again.regret, said.regret[settings])
        assert (said_again.behind == said.behind[settings]).all()
        assert settings[said_again.leader] == said.leader


def test_a_further_setting_does_not_change_the_order_of_two():
    rng = np.random.default_rng(6)
    for _ in range(50):
        values = rng.normal(0.5, 0.1, (5, 3, 2))
        assert paired(CellValues.of(values)).lead[0, 1] == pytest.approx(paired(CellValues.of(values[:, :2])).lead[0, 1])


def test_statements_never_contradict_each_other():
    rng = np.random.default_rng(7)
    for _ in range(300):
        shape = rng.integers(1, 9), rng.integers(2, 6), rng.integers(1, 5)
        values = rng.normal(0.5, 0.15, shape) + rng.normal(0, 0.1, shape[1])[:, None]
        _, said = figures(values)
        assert not said.behind[said.leader]
        if said.best:
            assert not np.delete(said.regret, said.leader).min() < said.regret[said.leader]
            assert said.regret[said.leader] <= MARGIN + 0.2
        assert (said.regret >= 0).all()
        assert said.settled or said.regret[said.leader] > MARGIN


def test_settings_are_compared_on_the_prompts_that_both_have():
    rng = np.random.default_rng(8)
    values = rng.normal(0.5, 0.1, (8, 3, 2))
    gaps = values.copy()
    gaps[:3, 2] = np.nan
    found = paired(CellValues.of(gaps))
    assert found.prompts.tolist() == [[8, 8, 5], [8, 8, 5], [5, 5, 5]]
    assert found.lead[0, 2] == pytest.approx((values[3:, 0].mean(axis=1) - values[3:, 2].mean(axis=1)).mean())


def test_one_answer_repeated_is_one_answer():
    rng = np.random.default_rng(9)
    values = rng.normal(0.5, 0.1, (6, 3, 5))
    values[:, 0] = values[:, 0, :1]
    once = values.copy()
    once[:, 0, 1:] = np.nan
    assert np.allclose(paired(CellValues.of(values)).error, paired(CellValues.of(once)).error)


def test_too_little_is_not_judged():
    rng = np.random.default_rng(10)
    for prompts, replicates in ((1, 1), (1, 2), (2, 2), (5, 1)):
        _, said = figures(rng.normal(0.5, 0.01, (prompts, 3, replicates)) + np.array([0.0, 0.2, 0.4])[:, None])
        assert np.isinf(said.regret).all()
        assert not said.best
    _, said = figures(rng.normal(0.5, 0.01, (6, 3, 1)) + np.array([0.0, 0.2, 0.4])[:, None])
    assert said.best


def test_two_settings_that_never_vary_differ_without_an_interval():
    _, said = figures(np.array([[[0.5] * 3, [0.9] * 3]]))
    assert not said.best
    assert np.isinf(said.regret).all()


# -- pass rates -----------------------------------------------------------------------------------------------------------------


def pass_rates(prompts, replicates, rates, *, runs=RUNS, seed=1, spread=0.4):
    """Decide on answers that pass or fail: prompts differ in difficulty, and settings in their rate over all prompts."""
    from scipy.special import expit, logit

    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 40 * spread, 20_000)
    shift = np.zeros(len(rates))
    for setting, rate in enumerate(rates):  # the shift at which the mean over prompts is the rate
        low, high = -80.0, 80.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if expit(middle + difficulty).mean() < rate else (low, middle)
        shift[setting] = middle if 0 < rate < 1 else logit(rate)
    regret = max(rates) - np.array(rates)
    total = Shares()
    for _ in range(runs):
        chance = expit(rng.choice(difficulty, prompts)[:, None] + shift)
        values = (rng.random((prompts, len(rates), replicates)) < chance[:, :, None]).astype(float)
        said = statements(paired(CellValues.of(values)), MARGIN)
        good = said.equally_good
        wrong = (regret[said.leader] > 1e-12 or (regret < 1e-12).sum() > 1) if said.best else bool((regret[good] > MARGIN).any())
        total.named += said.best / runs
        total.settled += said.settled / runs
        total.covered += bool((said.regret >= regret - 1e-9).all()) / runs
        total.false_headline += bool(wrong) / runs
        total.false_behind += bool((said.behind & (regret < 1e-12)).any()) / runs
    return total


RATES = [(0.5, 0.5), (0.9, 0.9, 0.9), (0.97, 0.97), (0.6, 0.8, 0.8), (0.5, 0.535), (0.95, 0.95, 0.85)]
CHECKED = itertools.product([6, 10, 20, 40], [1, 2, 4], RATES, [0.03, 0.15])


@pytest.mark.parametrize(("prompts", "replicates", "rates", "spread"), some(CHECKED, 47))
def test_pass_rates_are_told_apart_no_more_often_than_promised(prompts, replicates, rates, spread):
    found = pass_rates(prompts, replicates, rates, spread=spread)
    assert found.covered >= 0.93 - slack(0.93)
    assert found.false_headline <= 0.065 + slack(0.065)
    assert found.false_behind <= 0.065 + slack(0.065)


def test_clearly_better_pass_rates_are_named():
    assert pass_rates(30, 2, (0.4, 0.8), spread=0.03).named >= 0.9


def test_that_all_passed_is_no_proof_that_all_will():
    values = np.ones((5, 2, 2))
    values[0, 1, 0] = 0
    said = statements(paired(CellValues.of(values)), MARGIN)
    assert not said.best
    assert said.regret[0] > MARGIN


# -- a control ------------------------------------------------------------------------------------------------------------------


def control_outcomes(gains, prompts=15, *, interaction=0.03, runs=RUNS, seed=1):
    """Settings with these true gains on a control, decided many times: the share of each outcome, and of wrong choices."""
    rng = np.random.default_rng(seed)
    effects = np.array([0.0, *gains])
    counts = dict.fromkeys(("go", "no-go", "cannot tell"), 0.0)
    wrong = 0.0
    for _ in range(runs):
        own = rng.normal(0, interaction, (prompts, len(effects), 1))
        values = effects[:, None] + own + rng.normal(0, 0.055, (prompts, len(effects), 2))
        found = against_control(paired(CellValues.of(values)), 0, MARGIN)
        counts[found.outcome] += 1 / runs
        wrong += (found.chosen is not None and effects[found.chosen] < -MARGIN) / runs
    return counts, wrong


@pytest.mark.parametrize("gains", [(-0.035,), (-0.035, -0.2), *only_soak((-0.035, -0.035, -0.035, -0.035), (-0.031,) * 3)])
def test_what_is_worse_than_the_control_is_not_called_as_good(gains):
    counts, wrong = control_outcomes(gains)
    assert counts["go"] <= 0.05 + slack(0.05)
    assert wrong <= 0.05 + slack(0.05)


@pytest.mark.parametrize("gains", [(-0.025, -0.2), *only_soak((-0.025,) * 3, (0.0, -0.1))])
def test_what_is_as_good_is_not_called_worse(gains):
    assert control_outcomes(gains)[0]["no-go"] <= 0.05 + slack(0.05)


def test_clear_cases_are_told():
    assert control_outcomes((0.02, -0.1), 30)[0]["go"] >= 0.95
    assert control_outcomes((-0.1, -0.15), 30)[0]["no-go"] >= 0.95


# -- factors --------------------------------------------------------------------------------------------------------------------

BOTH = [{"temperature": t, "system": s} for t in (0, 1) for s in ("plain", "warm", "dry")]


def factor_runs(of_temperature, of_both, *, prompts=8, replicates=2, interaction=0.03, runs=RUNS, seed=1):
    """The share of runs in which the interval of temperature's effect covers it, and in which anything false is said to hold."""
    rng = np.random.default_rng(seed)
    effects = np.array([of_temperature * one["temperature"] + of_both * (one == BOTH[-1]) for one in BOTH])
    true = of_temperature + of_both / 3
    covered = false = power = 0.0
    for _ in range(runs):
        own = rng.normal(0, interaction, (prompts, len(BOTH), 1))
        values = rng.normal(0.5, PROMPTS_SD, (prompts, 1, 1)) + effects[:, None] + own
        values = values + rng.normal(0, 0.055, (prompts, len(BOTH), replicates))
        found = factor_effects(CellValues.of(values), BOTH).set_index(["factor", "level", "against"])
        temperature = found.loc["temperature", "1", "0"]
        covered += (temperature["low"] <= true <= temperature["high"]) / runs
        power += temperature["holds"] / runs
        if not of_both:
            none = found.drop(index="temperature", level="factor") if of_temperature else found
            false += none["holds"].any() / runs
    return covered, false, power


@pytest.mark.parametrize(("of_temperature", "of_both"), [(0.0, 0.0), (0.05, 0.1), *only_soak_cases((0.05, 0.0))])
@pytest.mark.parametrize("replicates", [2, *only_soak(4)])
def test_the_effect_of_a_factor_is_covered_and_nothing_else_is_said(of_temperature, of_both, replicates):
    covered, false, _ = factor_runs(of_temperature, of_both, replicates=replicates, runs=RUNS // 2)
    assert covered >= 0.93 - slack(0.93) * 2**0.5
    assert false <= 0.065 + slack(0.065) * 2**0.5


def test_a_factor_is_known_better_than_any_single_difference():
    found = CellValues.of(np.random.default_rng(2).normal(0.5, 0.05, (10, 6, 2)))
    weights = np.array([[-1, -1, -1, 1, 1, 1]]) / 3
    assert contrasts(found, weights)[1][0] < 0.75 * paired(found).error[0, 3]


def test_two_settings_as_a_contrast_are_their_difference():
    cells = CellValues.of(np.random.default_rng(2).normal(0.5, 0.05, (10, 2, 3)))
    effect, error, freedom = contrasts(cells, np.array([[1.0, -1.0]]))
    found = paired(cells)
    assert (effect[0], error[0], freedom[0]) == pytest.approx((found.lead[0, 1], found.error[0, 1], found.freedom[0, 1]))


def test_factors_that_were_not_combined_are_not_separated():
    cells = CellValues.of(np.random.default_rng(2).normal(0.5, 0.05, (10, 3, 2)))
    assert factor_effects(cells, BOTH[:2] + BOTH[3:4]).empty
    assert factor_effects(cells, [{"temperature": t} for t in (0, 1, 2)]).empty
