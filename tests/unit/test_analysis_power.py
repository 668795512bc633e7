"""Effects that tests find, and limits of spreads: against other programs and by simulation."""

import numpy as np
import pytest

from pplab.analysis.power import noncentrality, upper_spread


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
