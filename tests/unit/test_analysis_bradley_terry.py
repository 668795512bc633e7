"""A ranking by comparisons covers the truth as often as it claims, and is said in words that hold.

`make soak` runs every cell of the simulations with 2,000 experiments; `make test` a tenth, with limits widened by three standard
errors.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from pplab.analysis.bradley_terry import (
    PRIOR_FREEDOM,
    bradley_terry,
    expected_shares,
    quantile,
    strengths,
)
from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.preference import ERROR, Preference, preference
from pplab.errors import BadInput

RUNS = 2_000 if SOAK else 200
SPREADS = (0.0, 0.75, 1.5) if SOAK else (0.0, 1.5)
NAMES = {0: "0", 1: "0.8", 2: "1.4", 3: "2"}


def slack(limit):
    """Three standard errors of a share near the limit, over this number of runs."""
    return 0.0 if SOAK else 3 * (limit * (1 - limit) / RUNS) ** 0.5


def comparisons(*rows):
    return pd.DataFrame(rows, columns=["prompt", "left", "right", "value"])


def won(times, lost, prompts=8, ties=0):
    """Setting 1 against setting 0, spread over prompts."""
    values = [1.0] * times + [0.0] * lost + [0.5] * ties
    return comparisons(*((k % prompts, 1, 0, value) for k, value in enumerate(values)))


# -- simulations ----------------------------------------------------------------------------------------------------------------


def simulate(rng, true, pairs, prompts, *, by_prompt, ties, runs=RUNS):
    """Return what each setting won against each other by prompt, and the strengths in each prompt."""
    count = len(true)
    own = true + rng.normal(0, by_prompt, (runs, prompts, count))
    possible = np.array(list(itertools.combinations(range(count), 2)))
    shown = possible[rng.permuted(np.tile(np.arange(pairs) % len(possible), (runs, 1)), axis=1)]
    run, prompt = np.arange(runs)[:, None], np.tile(np.arange(pairs) % prompts, (runs, 1))
    left, right = shown[..., 0], shown[..., 1]
    chance = expit(own[run, prompt, left] - own[run, prompt, right])
    value = np.where(rng.random((runs, pairs)) < ties, 0.5, rng.random((runs, pairs)) < chance)
    points = np.zeros((runs, prompts, count, count))
    np.add.at(points, (run, prompt, left, right), value)
    np.add.at(points, (run, prompt, right, left), 1 - value)
    return points, own


@cache
def target(spread, count, by_prompt, ties):
    """What endless comparisons would give: the strengths over all prompts, ties half a win."""
    true = np.linspace(0, spread, count)
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    apart = (true[:, None] - true)[..., None] + np.sqrt(2) * by_prompt * nodes
    chance = (1 - ties) * (expit(apart) * weights / weights.sum()).sum(axis=-1) + ties / 2
    found, _ = strengths(1e7 * (chance * (1 - np.eye(count)))[None])
    return found


def of_pairs(found, covariance):
    """Return the difference of each pair and its standard error."""
    first, second = np.triu_indices(found.shape[-1], 1)
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    error = np.sqrt(variance[..., first] + variance[..., second] - 2 * covariance[..., first, second])
    return found[..., first] - found[..., second], error


SIZES = ((40, 4), (40, 20), (80, 10), (120, 4), (120, 20)) if SOAK else ((40, 4), (120, 20))
CELLS = list(itertools.product((2, 3, 5), SIZES, (0.0, 0.5), (0.0, 0.3), SPREADS))


@cache
def coverage():
    """Return by cell how often the worst pair, all pairs and all shares were covered, and how often a best was named."""
    rng = np.random.default_rng(7)
    rows = []
    for count, (pairs, prompts), by_prompt, ties, spread in CELLS:
        points, _ = simulate(rng, np.linspace(0, spread, count), pairs, prompts, by_prompt=by_prompt, ties=ties)
        found, covariance = strengths(points)
        t, truth = quantile(PRIOR_FREEDOM + prompts - 1), target(spread, count, by_prompt, ties)
        apart, error = of_pairs(found, covariance)
        covered = np.abs(apart - of_pairs(truth, np.eye(count))[0]) <= t * error
        share, share_error = expected_shares(found, covariance)
        shares = np.abs(share - expected_shares(truth, np.eye(count))[0]) <= t * share_error
        above = np.abs(apart) > t * error
        leads = np.stack([(np.stack(np.triu_indices(count, 1)) == k).any(axis=0) for k in range(count)])
        named = above[:, None, :] | ~leads
        best = named.all(axis=-1)[np.arange(RUNS), found.argmax(axis=-1)].mean()
        rows.append((count, spread, covered.mean(axis=0).min(), covered.mean(), shares.mean(), best))
    return pd.DataFrame(
        rows,
        columns=["settings", "spread", "worst_pair", "differences", "shares", "best"],
        index=pd.MultiIndex.from_tuples(CELLS),
    )


def test_intervals_of_strengths_and_of_shares_cover_in_every_cell_and_as_often_as_they_claim_on_average():
    for of in ("worst_pair", "differences", "shares"):
        found = coverage()[of]
        assert found.min() >= 0.92 - slack(0.92), found.nsmallest(3)
        assert of == "worst_pair" or 0.93 <= found.mean() <= 0.98


def test_no_setting_is_called_best_in_a_tie_more_often_than_the_error_allows():
    ties = coverage().query("spread == 0")["best"]
    assert ties.max() <= 0.065 + slack(0.065), ties.nlargest(3)


def test_a_clear_best_is_found_more_often_than_not():
    clear = coverage().query("spread == 1.5 and settings == 2")["best"]
    assert clear.min() > 0.4, clear.nsmallest(3)
    assert clear.mean() > 0.75


@pytest.mark.parametrize("count", [2, 4])
def test_the_answers_to_one_prompt_are_covered_for_this_prompt(count):
    points, own = simulate(np.random.default_rng(3), np.linspace(0, 1.5, count), 40, 1, by_prompt=0.5, ties=0.0, runs=10 * RUNS)
    apart, error = of_pairs(*strengths(points))
    truth, _ = of_pairs(own[:, 0], np.eye(count))
    assert 0.93 <= (np.abs(apart - truth) <= quantile(np.inf) * error).mean() <= 0.98


def test_nobody_is_left_out_of_a_tie_more_often_than_the_error_allows():
    runs = 400 if SOAK else 60
    points, _ = simulate(np.random.default_rng(5), np.zeros(4), 60, 6, by_prompt=0.5, ties=0.0, runs=runs)
    outcomes = [preference(bradley_terry(as_comparisons(one), range(4))).outcome for one in points]
    assert set(outcomes) <= {"open", "leave_out", "best"}
    assert np.mean([outcome != "open" for outcome in outcomes]) <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def as_comparisons(points):
    """Return the comparisons that give these points; none of them is a tie."""
    return comparisons(*((prompt, a, b, 1.0) for (prompt, a, b), times in np.ndenumerate(points) for _ in range(int(times))))


# -- figures --------------------------------------------------------------------------------------------------------------------


def test_the_strengths_are_those_of_the_textbook():
    """Baseball, American League East, 1987: A. Agresti, "Categorical Data Analysis", 2nd ed. 2002, section 10.6."""
    wins = np.array(
        [
            [0, 7, 9, 7, 7, 9, 11],
            [6, 0, 7, 5, 11, 9, 9],
            [4, 6, 0, 7, 7, 8, 12],
            [6, 8, 6, 0, 6, 7, 10],
            [6, 2, 6, 7, 0, 7, 12],
            [4, 4, 5, 6, 6, 0, 6],
            [2, 4, 1, 3, 1, 7, 0],
        ]
    )
    found, _ = strengths(1e6 * wins[None])
    np.testing.assert_allclose(found - found[-1], [1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], atol=0.005)


def test_a_ranking_has_the_figures_of_its_comparisons():
    ranking = bradley_terry(won(30, 10, ties=4), [0, 1])
    row = ranking.table.loc[1]
    assert (row["comparisons"], row["wins"], ranking.comparisons, ranking.prompts) == (44, 32, 44, 8)
    assert row["preferred"] == pytest.approx(32 / 44, abs=0.01)
    assert row["preferred_low"] < row["preferred"] < row["preferred_high"] < 1
    assert ranking.table["strength"].sum() == pytest.approx(0)
    both = ranking.difference(1, 0)
    assert both.value == pytest.approx(logit(row["preferred"]))
    assert expit([both.low, both.high]) == pytest.approx([row["preferred_low"], row["preferred_high"]])
    assert both.p < ERROR
    assert ranking.difference(0, 1).value == -both.value


def test_the_interval_excludes_a_tie_just_when_the_test_rejects_it():
    for times in range(20, 40):
        both = bradley_terry(won(times, 40 - times), [0, 1]).difference(1, 0)
        assert (both.low > 0) == (both.p < ERROR and both.value > 0)


def test_a_setting_that_won_all_has_a_finite_strength():
    row = bradley_terry(won(20, 0), [0, 1]).table.loc[1]
    assert 0.9 < row["preferred"] < 1
    assert np.isfinite(row[["low", "high"]].to_numpy(dtype=float)).all()
    assert row["preferred_low"] > 0.5


def test_prompts_that_disagree_widen_the_interval():
    agree = comparisons(*((k % 8, 1, 0, float(k // 8 < 3)) for k in range(40)))
    disagree = comparisons(*((k % 8, 1, 0, float(k % 8 < 5)) for k in range(40)))
    alike, apart = (bradley_terry(frame, [0, 1]).difference(1, 0) for frame in (agree, disagree))
    assert apart.high - apart.low > 1.3 * (alike.high - alike.low)


@pytest.mark.parametrize("prompts", [1, FEW_PROMPTS - 1, FEW_PROMPTS])
def test_too_few_prompts_speak_of_themselves_only(prompts):
    ranking = bradley_terry(won(30, 6, prompts=prompts), [0, 1])
    assert ranking.scope == ("prompts" if prompts >= FEW_PROMPTS else "these prompts")
    assert preference(ranking).these_only == (prompts < FEW_PROMPTS)
    assert ranking.difference(1, 0).p < ERROR


@given(st.permutations(range(3)), st.booleans(), st.integers(0, 10))
@settings(max_examples=20, deadline=None)
def test_neither_order_nor_sides_nor_names_of_prompts_change_a_figure(order, swapped, first):
    rng = np.random.default_rng(first)
    rows = [(k % 5, *rng.permutation(3)[:2], rng.choice([0, 0.5, 1])) for k in range(30)]
    there = bradley_terry(comparisons(*rows), [0, 1, 2])
    other = [
        (f"prompt {p}", order[b], order[a], 1 - v) if swapped else (9 - p, order[a], order[b], v) for p, a, b, v in rows[::-1]
    ]
    here = bradley_terry(comparisons(*other), list(order))
    np.testing.assert_allclose(here.table.to_numpy(dtype=float), there.table.to_numpy(dtype=float), atol=1e-7)


def test_a_setting_that_was_never_compared_has_no_strength_and_is_said():
    ranking = bradley_terry(won(35, 5), [0, 1, 2])
    assert ranking.table.loc[2].isna().sum() == 6
    assert (ranking.table.loc[2, "comparisons"], ranking.order, ranking.unranked) == (0, (1, 0), (2,))
    assert np.isnan(ranking.difference(1, 2).value)
    assert preference(ranking).headline(NAMES).endswith("Never compared with these: 1.4.")


def test_of_settings_in_two_separate_groups_the_larger_is_ranked():
    ranking = bradley_terry(pd.concat([won(9, 1), comparisons((0, 2, 3, 1.0))]), [0, 1, 2, 3])
    assert (ranking.order, ranking.unranked) == ((1, 0), (2, 3))
    assert (ranking.comparisons, ranking.table.loc[2, "wins"]) == (10, 1)


def test_without_comparisons_nothing_is_known():
    ranking = bradley_terry(comparisons(), [0, 1])
    assert ranking.table["strength"].isna().all()
    found = preference(ranking)
    assert (found.outcome, found.leader, found.unranked) == ("none", None, (0, 1))
    assert found.headline(NAMES) == "Nothing is known of what people prefer: no two settings were compared."


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (comparisons((0, 0, 1, 1.0)).drop(columns="value"), "no column 'value'"),
        (comparisons((0, 0, 1, float("nan"))), "worth"),
        (comparisons((0, 0, 1, 2.0)), "worth"),
        (comparisons((0, 0, 7, 1.0)), "setting 7 is compared but not listed"),
        (comparisons((0, 1, 1, 1.0)), "compared with itself"),
    ],
)
def test_comparisons_that_cannot_be_are_refused(frame, message):
    with pytest.raises(BadInput, match=message) as caught:
        bradley_terry(frame, [0, 1])
    assert caught.value.hint


@pytest.mark.parametrize("pair", [(1, 1), (0, 7)])
def test_a_difference_needs_two_settings_that_exist(pair):
    with pytest.raises(BadInput):
        bradley_terry(won(3, 2), [0, 1]).difference(*pair)


# -- words ----------------------------------------------------------------------------------------------------------------------


def test_the_best_is_said_with_how_often_it_wins():
    found = preference(bradley_terry(won(29, 11), [0, 1]))
    assert (found.outcome, found.leader, found.best, found.behind) == ("best", 1, (1,), (0,))
    assert found.headline(NAMES) == "People prefer 0.8 (95% sure): it wins 72% (59 to 83%) of 40 comparisons."


def test_what_is_not_settled_is_said_to_be():
    found = preference(bradley_terry(won(22, 18), [0, 1]))
    assert (found.outcome, found.best, found.behind) == ("open", (), ())
    assert found.headline(NAMES) == "Not settled by 40 comparisons: 0.8 wins 55% (42 to 67%)."


def test_one_that_is_behind_is_left_out():
    frame = comparisons(
        *((k % 10, 1, 0, float(k % 8 > 0)) for k in range(40)),
        *((k % 10, 2, 0, float(k % 7 > 0)) for k in range(40)),
        *((k % 10, 1, 2, float(k % 2)) for k in range(40)),
    )
    found = preference(bradley_terry(frame, [0, 1, 2]))
    assert (found.outcome, found.best, found.behind) == ("leave_out", (), (0,))
    leader = NAMES[found.leader]
    assert found.headline(NAMES) == f"Leave out 0: it is preferred less often than {leader} (95% sure)."


def test_several_that_are_behind_another_than_the_leader_are_said_so():
    found = Preference(outcome="leave_out", leader=3, behind=(0, 1), behind_leader=False)
    assert found.headline(NAMES) == "Leave out 0 and 0.8: each is preferred less often than another (95% sure)."


@pytest.mark.parametrize(
    ("prompts", "start"), [(1, "For this one prompt, people prefer"), (2, "For these 2 prompts, people prefer")]
)
def test_what_holds_of_few_prompts_is_said_of_them(prompts, start):
    assert preference(bradley_terry(won(30, 6, prompts=prompts), [0, 1])).headline(NAMES).startswith(start)
