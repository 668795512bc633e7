"""A mean that ratings correct covers the truth as often as it claims, and is more certain than the ratings alone.

`make soak` runs every cell of the simulations with 8,000 experiments; `make test` with 200, and limits widened by three standard
errors.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from pplab.analysis.corrected_means import FEWEST_RATED, corrected_means, intervals, jackknife
from pplab.errors import BadInput

BLOCK = 200
BLOCKS = 40 if SOAK else 1
GRADES = np.array([0.05, 0.10, 0.15, 0.30, 0.40])
"""How often each grade is given: ratings crowd at the upper end."""
CUTS = ndtri(np.cumsum(GRADES)[:-1])


def slack(limit):
    """Three standard errors of a share near the limit, over this number of runs."""
    return 0.0 if SOAK else 3 * (limit * (1 - limit) / BLOCK) ** 0.5


# -- simulations ----------------------------------------------------------------------------------------------------------------


def latent(rng, prompts, each, alike):
    """Standard normal values, shape (BLOCK, prompts, each), those of a prompt correlated by ``alike``."""
    own = rng.normal(size=(BLOCK, prompts, each))
    return np.sqrt(alike) * rng.normal(size=(BLOCK, prompts, 1)) + np.sqrt(1 - alike) * own


def simulate(rng, rated, answers, correlation, prompts, alike):
    """Return the sums of experiments with one setting."""
    each = answers // prompts
    shared = latent(rng, prompts, 1, 1.0)
    worth = np.sqrt(alike) * shared + np.sqrt(1 - alike) * latent(rng, prompts, each, 0.0)
    score = ndtr(correlation * worth + np.sqrt(1 - correlation**2) * latent(rng, prompts, each, alike)) - 0.5
    grade = np.searchsorted(CUTS, worth) / 4
    drawn = np.argpartition(rng.random((BLOCK, answers)), rated, axis=1) < rated
    drawn = drawn.reshape(worth.shape)
    x, y = score * drawn, grade * drawn
    return np.stack([np.ones_like(score), score, drawn, y, x, x * y, x * x], axis=-1).sum(axis=2)[:, :, None]


def true_mean():
    return float((GRADES.size - 1 - ndtr(CUTS).sum()) / 4)


def units_of(sums):
    return (sums[..., 2] > 0).sum(axis=-2).astype(float)


CELLS = list(itertools.product((20, 40, 80), (200, 1000), (0.0, 0.5, 0.8), (10, 20), (0.0, 0.3)))


@cache
def coverage():
    """Return by cell how often the truth was covered and how wide the intervals were, and the bias in standard errors."""
    rng, rows = np.random.default_rng(11), []
    for cell in CELLS:
        blocks = []
        for _ in range(BLOCKS):
            sums = simulate(rng, *cell)
            means, moved = jackknife(sums)
            rated, units = np.full((BLOCK, 1), float(cell[0])), units_of(sums)
            bounds = [intervals(means[k], moved[k], rated, units) for k in (0, 1)]
            covered = [((low <= true_mean()) & (true_mean() <= high)).mean() for low, high in bounds]
            bias = (means[1] - true_mean()).mean() / means[1].std()
            blocks.append((*covered, *((high - low).mean() for low, high in bounds), bias))
        rows.append((*cell, *np.mean(blocks, axis=0)))
    columns = "rated answers correlation prompts alike by_rated corrected rated_width width bias"
    return pd.DataFrame(rows, columns=columns.split())


def test_intervals_cover_as_often_as_they_claim_in_every_cell():
    for of in ("by_rated", "corrected"):
        found = coverage()[of]
        assert 0.93 - slack(0.93) <= found.min(), coverage().loc[found.nsmallest(3).index]
        assert found.max() <= 0.97 + slack(0.97), coverage().loc[found.nlargest(3).index]
        assert 0.94 <= found.mean() <= 0.96


def test_a_corrected_mean_has_no_bias_to_speak_of():
    assert coverage()["bias"].abs().mean() <= 0.1
    assert abs(coverage()["bias"].mean()) <= 0.05


def test_a_score_that_correlates_makes_the_mean_more_certain_and_one_that_does_not_costs_little():
    found = coverage()
    ratio = (found["width"] / found["rated_width"]).groupby(found["correlation"]).agg(["mean", "max"])
    print(ratio.round(3))
    assert ratio.loc[0.0, "mean"] <= 1.03
    assert ratio.loc[0.5, "mean"] <= 0.98
    assert ratio.loc[0.8, "mean"] <= 0.88
    alone = found.query("alike == 0 and correlation == 0.8")
    assert (alone["width"] < 0.9 * alone["rated_width"]).all()


# -- figures --------------------------------------------------------------------------------------------------------------------


def made(prompts=6, settings=2, each=10, rated=4, seed=1):
    """Answers of which some are rated, at random."""
    rng = np.random.default_rng(seed)
    index = itertools.product(range(prompts), range(settings), range(each))
    frame = pd.DataFrame(list(index), columns=["prompt_index", "setting_index", "replicate"])
    frame["score"] = rng.random(len(frame))
    grades = np.clip(np.round(4 * (0.5 * frame["score"] + 0.5 * rng.random(len(frame)))), 0, 4) / 4
    some = frame.groupby(["prompt_index", "setting_index"])["score"].transform(lambda x: rng.permutation(len(x))) < rated
    frame["rating"] = grades.where(some)
    return frame


def by_hand(frame):
    """Return the weight and the corrected mean of each setting, from the definition."""
    rated = frame.dropna(subset="rating")
    inner = rated[["score", "rating"]] - rated.groupby("setting_index")[["score", "rating"]].transform("mean")
    weight = (inner["score"] * inner["rating"]).sum() / (inner["score"] ** 2).sum()
    mean = frame.groupby("setting_index")["score"].mean() - rated.groupby("setting_index")["score"].mean()
    return weight, rated.groupby("setting_index")["rating"].mean() + weight * mean


def test_the_figures_are_those_of_the_definition():
    frame = made()
    table = corrected_means(frame, "score", "rating")
    weight, corrected = by_hand(frame)
    left_out = pd.DataFrame([by_hand(frame[frame["prompt_index"] != prompt])[1] for prompt in range(6)])
    error = np.sqrt(5 / 6 * ((left_out - corrected) ** 2).sum())
    np.testing.assert_allclose(table["corrected"], corrected)
    np.testing.assert_allclose(table["weight"], weight)
    np.testing.assert_allclose(table["high"] - table["low"], 2 * student.ppf(0.975, 5) * error, rtol=0.1)
    assert table[["answers", "rated"]].to_numpy().tolist() == [[60, 24], [60, 24]]
    np.testing.assert_allclose(table["score_mean"], frame.groupby("setting_index")["score"].mean())
    assert set(table["scope"]) == {"prompts"}


def test_where_all_are_rated_nothing_is_corrected():
    table = corrected_means(made(rated=10), "score", "rating")
    np.testing.assert_allclose(table["corrected"], table["rated_mean"])


@pytest.mark.parametrize("score", [lambda x: 0 * x + 0.7, lambda x: -x])
def test_a_score_that_says_nothing_or_the_opposite_weighs_nothing(score):
    frame = made().assign(score=lambda f: score(f["score"]))
    table = corrected_means(frame, "score", "rating")
    assert (table["weight"] == 0).all()
    np.testing.assert_allclose(table[["corrected", "low", "high"]], table[["rated_mean", "rated_low", "rated_high"]])


def test_the_scale_of_the_score_changes_nothing():
    frame = made()
    there = corrected_means(frame, "score", "rating")
    here = corrected_means(frame.assign(score=1e6 + 500 * frame["score"]), "score", "rating")
    np.testing.assert_allclose(here[["corrected", "low", "high"]], there[["corrected", "low", "high"]], rtol=1e-6)
    np.testing.assert_allclose(here["weight"] * 500, there["weight"])


def test_neither_order_nor_names_change_a_figure():
    frame = made()
    other = frame.sample(frac=1, random_state=3).rename(columns={"prompt_index": "p", "setting_index": "s"})
    other["p"] = "prompt " + other["p"].astype(str)
    here = corrected_means(other, "score", "rating", setting="s", prompt="p")
    pd.testing.assert_frame_equal(here, corrected_means(frame, "score", "rating"), check_names=False)


def test_answers_without_a_score_are_left_out():
    frame = made()
    lost = frame["replicate"] == 0
    here = corrected_means(frame.assign(score=frame["score"].mask(lost)), "score", "rating")
    pd.testing.assert_frame_equal(here, corrected_means(frame[~lost], "score", "rating"))


@pytest.mark.parametrize("rated", [FEWEST_RATED - 1, FEWEST_RATED])
def test_a_setting_with_few_ratings_has_means_without_an_interval(rated):
    frame = made()
    rows = frame.index[frame["setting_index"].eq(0) & frame["rating"].notna()]
    spread = rows[:: len(rows) // rated][:rated]
    frame.loc[rows.difference(spread), "rating"] = np.nan
    row = corrected_means(frame, "score", "rating").loc[0]
    assert np.isfinite([row["rated_mean"], row["corrected"]]).all()
    assert np.isfinite(row[["rated_low", "rated_high", "low", "high"]].to_numpy(dtype=float)).all() == (rated >= FEWEST_RATED)


def test_a_setting_that_is_rated_in_two_of_many_prompts_has_no_interval():
    frame = made()
    frame.loc[frame["setting_index"].eq(0) & (frame["prompt_index"] > 1), "rating"] = np.nan
    table = corrected_means(frame, "score", "rating")
    assert np.isnan(table["low"]).tolist() == [True, False]


@pytest.mark.parametrize("prompts", [1, 2])
def test_few_prompts_speak_of_themselves(prompts):
    table = corrected_means(made(prompts=prompts, each=20, rated=10), "score", "rating")
    assert set(table["scope"]) == {"these prompts"}
    assert ((table["low"] > 0) & (table["low"] < table["corrected"]) & (table["corrected"] < table["high"])).all()


def test_ratings_that_are_all_the_same_leave_some_doubt():
    frame = made().assign(rating=lambda f: f["rating"].where(f["rating"].isna(), 1.0))
    table = corrected_means(frame, "score", "rating")
    assert table[["rated_mean", "corrected", "high"]].eq(1).all(axis=None)
    assert ((table["low"] > 0.9) & (table["low"] < 0.99)).all()


def test_a_setting_without_ratings_has_only_its_score():
    frame = made()
    frame["rating"] = frame["rating"].mask(frame["setting_index"] == 1)
    row = corrected_means(frame, "score", "rating").loc[1]
    assert (row["answers"], row["rated"]) == (60, 0)
    assert np.isfinite(row["score_mean"])
    assert np.isnan(row[["rated_mean", "corrected", "low", "high"]].to_numpy(dtype=float)).all()


def test_without_any_rating_nothing_is_corrected():
    table = corrected_means(made().assign(rating=np.nan), "score", "rating")
    assert table["corrected"].isna().all()
    assert (table["weight"] == 0).all()


def test_what_cannot_be_is_refused():
    frame = made()
    with pytest.raises(BadInput, match="no column 'scoer'"):
        corrected_means(frame, "scoer", "rating")
    with pytest.raises(BadInput, match="between 0 and 1"):
        corrected_means(frame.assign(rating=5.0), "score", "rating")
