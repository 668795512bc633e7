"""Which difference a number of prompts can show, and how many prompts a difference needs."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from pplab.analysis.resampling import smallest_relabel_p, smallest_sign_flip_p

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ALPHA = 0.05
POWER = 0.8
MIN_PROMPTS = 6
"""Fewest prompts from which anything is said about other prompts: with five, not even a unanimous difference has p < 0.05."""
FIRM_PROMPTS = 10
"""Fewest prompts for a result that is not called exploratory."""
MIN_REPLICATES = 3
"""Fewest responses to a prompt from which the spread of its responses is judged."""
MIN_FREEDOM = 4
"""Fewest degrees of freedom behind an interval."""
MOST_PROMPTS = 100_000
_NODES = 64


def noncentrality(freedom: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the true effect, in standard errors, that a two-sided t test finds with probability ``power``.

    Solves ``P(|T| > t) = power`` for the noncentral t distribution (Cohen 1988, Statistical Power Analysis, chapter 2),
    as the normal power averaged over the distribution of the estimated spread: scipy's noncentral t is NaN far out.

    Parameters
    ----------
    freedom
        Degrees of freedom, at least 1.
    alpha
        The test's size, in (0, 1).
    power
        In (alpha, 1).

    Examples
    --------
    >>> round(noncentrality(39), 2)
    2.87
    """
    import numpy as np
    from scipy import optimize, special

    node, weight = _nodes()
    spread = np.sqrt(special.chdtri(freedom, (1 - node) / 2) / freedom)
    critical = float(special.stdtrit(freedom, 1 - alpha / 2)) * spread

    def excess(effect: float) -> float:
        rejection = special.ndtr(effect - critical) + special.ndtr(-effect - critical)
        return float(weight @ rejection) / 2 - power

    return float(optimize.brentq(excess, 0.0, float(critical.max()) + 10.0, xtol=1e-6))


@cache
def _nodes() -> tuple[Array, Array]:
    """Return the nodes and weights of the quadrature, which take longer to find than what is found with them."""
    import numpy as np

    return np.polynomial.legendre.leggauss(_NODES)


def smallest(needed: Callable[[int], float], fewest: int) -> int | None:
    """Return the smallest number from ``fewest`` on that is at least ``needed`` of itself, or ``None`` beyond 100,000.

    Parameters
    ----------
    needed
        Must not rise: more units mean more degrees of freedom, so fewer are needed.

    Examples
    --------
    >>> smallest(lambda n: 20 + 50 / n, 2)
    23
    """
    low = max(fewest, math.ceil(needed(MOST_PROMPTS)))
    if low > MOST_PROMPTS:
        return None
    high = max(low, math.ceil(needed(low)))
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle >= needed(middle) else (middle + 1, high)
    return high


def fewest_prompts(alpha: float) -> int:
    """Return the fewest prompts with which a sign-flip test can reach ``alpha`` at all.

    Examples
    --------
    >>> fewest_prompts(0.05), fewest_prompts(0.05 / 4)
    (6, 8)
    """
    prompts = 2
    while prompts <= 12 and smallest_sign_flip_p(prompts) > alpha:
        prompts += 1
    return prompts


def fewest_replicates(prompts: int, alpha: float) -> int:
    """Return the fewest responses on each side to so many prompts with which exchanging their labels can reach ``alpha`` at all.

    Examples
    --------
    >>> fewest_replicates(1, 0.05), fewest_replicates(1, 0.05 / 24), fewest_replicates(4, 0.05)
    (4, 7, 2)
    """
    replicates = 2
    while smallest_relabel_p([(replicates, replicates)] * prompts, math.ceil(2 / alpha) - 1) > alpha:
        replicates += 1
    return replicates


def upper_spread(spread: float, freedom: float, confidence: float = 0.8) -> float:
    """Return an upper confidence limit of a standard deviation estimated with ``freedom`` degrees of freedom.

    A sample size planned with a pilot's own spread misses its power about every second time; planned with this limit
    it keeps it (Browne 1995, Stat. Med. 14:1933).

    Examples
    --------
    >>> round(upper_spread(1.0, 9), 2)
    1.29
    """
    from scipy import special

    # chdtri inverts the upper tail
    return spread * math.sqrt(freedom / float(special.chdtri(freedom, confidence)))
