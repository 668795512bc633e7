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

from pplab.analysis.paired import CellValues, paired
from pplab.analysis.statements import error_of_look, prompts_to_settle, prompts_whatever_the_truth, statements

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


@pytest.mark.parametrize(("prompts", "replicates", "settings", "interaction", "greedy", "world"), some(MANY, 31))
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


@pytest.mark.parametrize(("prompts", "replicates", "settings", "interaction", "greedy", "world"), some(FEW, 17))
def test_of_one_or_two_prompts_only_these_are_spoken_of_and_the_bounds_cover(
    prompts, replicates, settings, interaction, greedy, world
):
    found = simulate(prompts, replicates, truth(world, settings), interaction=interaction, greedy=greedy)
    assert found.covered >= 0.93 - slack(0.93)
    assert found.false_headline <= 0.065 + slack(0.065)


@pytest.mark.parametrize(
    ("prompts", "replicates", "settings", "least"), [(6, 4, 3, 0.39), (12, 2, 3, 0.57), (25, 2, 3, 0.93), (10, 5, 5, 0.63)]
)
def test_the_best_is_named_as_often_as_it_can_be(prompts, replicates, settings, least):
    found = simulate(prompts, replicates, truth("0.1", settings), interaction=0.05)
    assert found.named >= least - slack(least)


@pytest.mark.parametrize(
    ("prompts", "replicates", "world", "least"), [(6, 4, "0.05", 0.75), (12, 2, "0.05", 0.92), (25, 2, "tie", 0.90)]
)
def test_a_utility_settles_with_few_calls(prompts, replicates, world, least):
    found = simulate(prompts, replicates, truth(world, 3), within=0.055, interaction=0.03)
    assert found.settled >= least - slack(least)


def test_there_is_no_cliff_between_few_and_many_prompts():
    named = [simulate(prompts, 5, truth("0.1", 3), interaction=0.05).named for prompts in range(3, 11)]
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


@pytest.mark.parametrize("effects", [(0.0, 0.0, 0.0), (0.0, 0.02, 0.03), (0.0, 0.0, 0.06)])
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
