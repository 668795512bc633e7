"""The kernels against scipy on the same data, and against simulation."""

import numpy as np
import pytest
from analysis_frames import SOAK, heavy
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from pplab.analysis.resampling import Resampler, smallest_relabel_p, smallest_sign_flip_p

SAMPLES = 4_000 if SOAK else 400


def widened(n: int) -> float:
    """Return the confidence level at which plain BCa has the small-sample width of ours."""
    return float(2 * special.ndtr(np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)) - 1)


@pytest.mark.parametrize("n", [8, 15, 40])
def test_the_interval_of_a_mean_is_scipys_bca_at_the_widened_level(n):
    data = np.random.default_rng(n).beta(4, 2, n)
    ours = Resampler(seed=5).interval([data[:, None]])
    scipys = stats.bootstrap((data,), np.mean, n_resamples=9_999, confidence_level=widened(n), method="BCa", rng=5)
    # scipy's count of resamples below the estimate depends on the last bit of those equal to it; there are some for n = 8
    assert (ours.low[0], ours.high[0]) == pytest.approx(tuple(scipys.confidence_interval), abs=5e-4 if n == 8 else 1e-9)


def test_for_many_units_the_interval_is_plain_bca():
    data = np.random.default_rng(2).gamma(2, 0.1, 400)
    ours = Resampler(seed=5).interval([data[:, None]])
    scipys = stats.bootstrap((data,), np.mean, n_resamples=9_999, method="BCa", rng=5).confidence_interval
    assert (ours.low[0], ours.high[0]) == pytest.approx(tuple(scipys), abs=1e-3)


def test_resamples_drawn_in_blocks_are_those_drawn_at_once():
    data = np.random.default_rng(3).normal(size=5_000)
    blocks = Resampler(seed=7).means([data[:, None]])[0][0]
    at_once = data[np.random.default_rng(7).integers(0, 5_000, (1_999, 5_000))].mean(axis=1)
    np.testing.assert_allclose(blocks, at_once, atol=1e-12)


def test_the_interval_of_a_difference_of_two_samples_centres_where_scipys_does():
    rng = np.random.default_rng(4)
    a, b = rng.normal(1, 1, 60), rng.normal(0, 2, 80)
    ours = Resampler(seed=5).interval([a[:, None], b[:, None]], [1, -1])
    scipys = stats.bootstrap(
        (a, b), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), method="BCa", rng=5
    ).confidence_interval
    assert (ours.low[0], ours.high[0]) == pytest.approx(tuple(scipys), abs=0.02)


@pytest.mark.parametrize("n", [8, 10, 20, 40])
def test_intervals_of_normal_data_cover_the_mean_as_often_as_they_say(n):
    found = Resampler(resamples=1_999).interval([np.random.default_rng(n).normal(size=(n, SAMPLES))])
    assert ((found.low <= 0) & (found.high >= 0)).mean() == pytest.approx(0.95, abs=0.02 if SOAK else 0.03)


@pytest.mark.parametrize("n", [10, 20, 40])
def test_intervals_of_skewed_scores_cover_the_mean_at_least_as_often_as_student_t(n):
    data = np.random.default_rng(n).beta(5, 1, (n, SAMPLES)) - 5 / 6
    found = Resampler(resamples=1_999).interval([data])
    covered = ((found.low <= 0) & (found.high >= 0)).mean()
    student = (np.abs(stats.ttest_1samp(data, 0).statistic) <= stats.t.ppf(0.975, n - 1)).mean()
    assert covered >= max(0.9, student - 0.005)


def test_a_constant_has_an_interval_without_width():
    found = Resampler().interval([np.full((10, 1), 0.1)])
    assert (found.low[0], found.high[0]) == (found.estimate[0], found.estimate[0])


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=10))
@heavy
def test_an_interval_holds_its_estimate_and_stays_within_the_data(values):
    found = Resampler(resamples=499).interval([np.array(values)[:, None]])
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= found.low[0] <= found.high[0] <= max(values) + slack
    assert found.low[0] - slack <= found.estimate[0] <= found.high[0] + slack


def test_a_column_does_not_depend_on_its_neighbours():
    data = np.random.default_rng(1).normal(size=(12, 5))
    together, alone = Resampler().interval([data]), Resampler().interval([data[:, 2:3]])
    assert together.low[2] == pytest.approx(alone.low[0], abs=1e-12)


@pytest.mark.parametrize("n", [5, 9, 12])
def test_up_to_twelve_units_the_sign_flip_test_is_scipys_exact_one(n):
    differences = np.random.default_rng(n).normal(0.4, 1, n).round(1)
    ours, exact = Resampler().sign_flip(differences[:, None])
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert exact
    assert ours[0] == pytest.approx(theirs.pvalue, abs=1e-12)


def test_beyond_twelve_units_random_signs_come_close_to_scipys():
    differences = np.random.default_rng(8).normal(0.4, 1, 30)
    ours, exact = Resampler().sign_flip(differences[:, None])
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=99_999, rng=1)
    assert not exact
    assert ours[0] == pytest.approx(theirs.pvalue, abs=0.01)


def test_relabelling_one_stratum_is_scipys_exact_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.8, 1, 5), rng.normal(0, 1, 6)
    ours, exact = Resampler().relabel([(a, b)])
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), vectorized=True, n_resamples=np.inf
    )
    assert exact
    # scipy doubles the smaller tail, we count both
    assert ours == pytest.approx(np.mean(np.abs(theirs.null_distribution) >= abs(theirs.statistic) - 1e-12), abs=1e-12)


def test_exact_and_random_relabelling_agree():
    rng = np.random.default_rng(3)
    strata = [(rng.normal(0.5, 1, 4), rng.normal(0, 1, 4)) for _ in range(2)]
    exact = Resampler().relabel(strata)
    many = Resampler().relabel([*strata, (np.ones(20), np.ones(20))])
    assert (exact[1], many[1]) == (True, False)
    assert exact[0] == pytest.approx(many[0], abs=0.02)


@pytest.mark.parametrize("n", [6, 10, 25])
def test_the_sign_flip_test_has_its_size(n):
    p, _ = Resampler().sign_flip(np.random.default_rng(n).laplace(size=(n, 5 * SAMPLES)), 1_999)
    assert (p <= 0.05).mean() <= 0.05 + 0.015


def test_no_difference_at_all_has_p_one():
    assert Resampler().sign_flip(np.zeros((20, 1)))[0][0] == 1
    assert Resampler().relabel([(np.ones(5), np.ones(5))])[0] == 1


def test_the_smallest_p_values_are_those_of_unanimous_data():
    assert Resampler().sign_flip(np.ones((8, 1)))[0][0] == smallest_sign_flip_p(8)
    assert Resampler().relabel([(np.ones(4), np.zeros(4))])[0] == smallest_relabel_p([(4, 4)])
    assert Resampler().relabel([(np.ones(4), np.zeros(5))])[0] == smallest_relabel_p([(4, 5)])


def test_figures_do_not_change_from_one_resampler_to_the_next():
    data = np.random.default_rng(1).normal(size=(30, 3))
    first, again = Resampler(), Resampler()
    again.interval([data[:7]])
    assert np.array_equal(first.interval([data]).low, again.interval([data]).low)
    assert np.array_equal(first.sign_flip(data)[0], again.sign_flip(data)[0])
