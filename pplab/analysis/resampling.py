"""The resampling kernels: bootstrap intervals and permutation tests of means, seeded, for many columns at once."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pplab.analysis.response_matrix import Floats

SEED = 20_260_117
RESAMPLES = 9_999
LEVEL = 0.95
EXACT_CLUSTERS = 12
EXACT_RELABELLINGS = 20_000
MAX_PERMUTATIONS = 99_999
_BLOCK = 4_000_000  # numbers held at once, 32 MB
_MAX_DRAWS = _BLOCK
_FEWEST_RESAMPLES = 1_999


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Bootstrap results for each column: the estimate, its interval and the share of resamples above zero."""

    estimate: Floats
    low: Floats
    high: Floats
    above_zero: Floats


@dataclass(frozen=True, slots=True)
class Stratum:
    """Two samples whose labels may be exchanged: their sizes, and the statistic of a choice of ``a`` of ``a + b`` units.

    ``statistic`` takes rows of zeros and ones, shape (choices, a + b), and returns one number for each row.
    """

    a: int
    b: int
    statistic: Callable[[Floats], Floats]


class Resampler:
    """Draws resamples from a fixed seed, the same for the same sizes, and keeps the small ones for reuse.

    Parameters
    ----------
    seed
        Two resamplers with one seed give the same figures, in any process.
    resamples
        Bootstrap resamples; above four hundred units fewer are drawn (never under 1,999), since the shape that they
        are there to find is normal by then.

    Examples
    --------
    >>> import numpy as np
    >>> bounds = Resampler().interval([np.array([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]])])
    >>> round(float(bounds.estimate[0]), 2), float(bounds.low[0]) < 0.35 < float(bounds.high[0])
    (0.35, True)
    """

    def __init__(self, seed: int = SEED, resamples: int = RESAMPLES) -> None:
        self.seed = seed
        self.resamples = resamples
        self._weights: dict[tuple[int, ...], list[Floats]] = {}
        self._signs: dict[tuple[int, int], Floats] = {}
        self._splits: dict[tuple[int, int], Floats] = {}

    # -- bootstrap ------------------------------------------------------------------------------------------------

    def resample(self, sizes: Sequence[int], statistics: Sequence[Callable[[Floats], Floats]]) -> list[Floats]:
        """Return each sample's statistic in every resample, along the last axis.

        Units are drawn with replacement, each sample by itself. With one sample, or several that fit one block, the
        draws are those of `scipy.stats.bootstrap` for the same seed.

        Parameters
        ----------
        sizes
            How many units each sample has.
        statistics
            For each sample a function of the units' shares in the resamples, shape (resamples, units).
        """
        blocks = [
            [statistic(weight) for statistic, weight in zip(statistics, weights, strict=True)]
            for weights in self._blocks(tuple(sizes))
        ]
        return blocks[0] if len(blocks) == 1 else [np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True)]

    def means(self, samples: Sequence[Floats]) -> list[Floats]:
        """Return the means of every sample's resamples: for each sample (units, columns) an array (columns, resamples).

        All columns of a unit are drawn together.
        """
        return self.resample([len(sample) for sample in samples], [partial(_shared_means, sample) for sample in samples])

    def interval(self, samples: Sequence[Floats], coefficients: Sequence[float] = (1.0,), *, level: float = LEVEL) -> Bounds:
        """Return BCa intervals of ``sum(coefficient * mean(sample))`` for every column.

        Bias-corrected and accelerated percentiles (Efron 1987, J. Am. Stat. Assoc. 82:171; for several samples Davison
        & Hinkley 1997, section 5.3.2) of the means' resamples. A percentile interval of n units is too narrow by
        ``sqrt((n-1)/n)`` and by the difference between the normal and Student's t; the normal quantile is therefore
        widened to ``t * sqrt(n/(n-1))`` (Hesterberg 2015, Am. Stat. 69:371, "expanded percentile"; for several samples
        with Welch-Satterthwaite degrees of freedom). For many units this is plain BCa.

        Parameters
        ----------
        samples
            Arrays (units, columns) of at least two units, without NaN.
        coefficients
            One for each sample, such as 1 and -1 for a difference of means.
        level
            The interval's confidence, in (0, 1).
        """
        estimate = np.zeros(samples[0].shape[1])
        resampled: Floats = np.zeros(())
        influences = []
        for sample, coefficient, means in zip(samples, coefficients, self.means(samples), strict=True):
            centre = sample.mean(axis=0)
            influences.append(coefficient * (sample - centre))
            estimate += coefficient * centre
            resampled = resampled + coefficient * means
        return bca(estimate, resampled, influences, level=level)

    def _blocks(self, sizes: tuple[int, ...]) -> Iterator[list[Floats]]:
        resamples = min(self.resamples, max(_FEWEST_RESAMPLES, _MAX_DRAWS // sum(sizes)))
        rows = max(1, _BLOCK // sum(sizes))
        if rows >= resamples:
            if sizes not in self._weights:
                self._weights[sizes] = self._draw(np.random.default_rng(self.seed), sizes, resamples)
            yield self._weights[sizes]
            return
        rng = np.random.default_rng(self.seed)
        for start in range(0, resamples, rows):
            yield self._draw(rng, sizes, min(rows, resamples - start))

    @staticmethod
    def _draw(rng: np.random.Generator, sizes: tuple[int, ...], rows: int) -> list[Floats]:
        """Return for each size the share of each unit in each resample, shape (rows, size)."""
        out = []
        for n in sizes:
            cell = rng.integers(0, n, (rows, n)) + np.arange(0, rows * n, n)[:, None]
            out.append(np.bincount(cell.ravel(), minlength=rows * n).reshape(rows, n) / n)
        return out

    # -- permutation ----------------------------------------------------------------------------------------------

    def sign_flip(self, differences: Floats, permutations: int = RESAMPLES) -> tuple[Floats, bool]:
        """Return two-sided p-values of "the mean difference is zero" for every column, and whether they are exact.

        Under the null hypothesis each unit's difference is as likely to have the opposite sign (Fisher 1935, The Design
        of Experiments, section 21). All ``2**n`` signs are tried for up to 12 units; beyond, ``permutations`` random
        ones, the observed one among them (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).

        Parameters
        ----------
        differences
            Shape (units, columns), without NaN.
        """
        units = len(differences)
        exact = units <= EXACT_CLUSTERS
        observed = np.abs(differences.sum(axis=0))
        observed = observed - 1e-9 * np.abs(differences).sum(axis=0)
        reached = np.zeros(differences.shape[1])
        tried = 0
        for signs in self._sign_blocks(units, permutations):
            reached += (np.abs(differences.T @ signs.T) >= observed[:, None]).sum(axis=1)
            tried += len(signs)
        return (reached / tried, True) if exact else ((reached + 1) / (tried + 1), False)

    def _sign_blocks(self, units: int, permutations: int) -> Iterator[Floats]:
        exact = units <= EXACT_CLUSTERS
        count = 2**units if exact else min(permutations, MAX_PERMUTATIONS)
        rows = min(count, max(1, _BLOCK // units))
        if (units, count) in self._signs:
            yield self._signs[units, count]
            return
        rng = np.random.default_rng(self.seed)
        for start in range(0, count, rows):
            if exact:
                bits = (np.arange(count)[:, None] >> np.arange(units)) & 1
            else:
                bits = rng.integers(0, 2, (min(rows, count - start), units))
            signs: Floats = bits.astype(np.float64) * 2 - 1
            if rows == count:
                self._signs[units, count] = signs
            yield signs

    def relabel(self, strata: Sequence[tuple[Floats, Floats]], permutations: int = RESAMPLES) -> tuple[float, bool]:
        """Return the two-sided p-value of "within each stratum both samples come from one source", and whether it is exact.

        The statistic is the mean over the strata of the difference of means; labels are exchanged within a stratum
        only (Fisher-Pitman). All relabellings are tried when they are at most 20,000 together, else random ones.

        Parameters
        ----------
        strata
            For each stratum (a prompt) the values of both sides.
        """
        sides = []
        for a, b in strata:
            pooled = np.concatenate([a, b])
            weights = (pooled - pooled.mean()) * (1 / len(a) + 1 / len(b))
            sides.append(Stratum(len(a), len(b), partial(_weighted_sums, weights)))
        return self.relabel_by(sides, permutations)

    def relabel_by(self, strata: Sequence[Stratum], permutations: int = RESAMPLES) -> tuple[float, bool]:
        """Return the p-value of `relabel` for any statistic, summed over the strata."""
        exact = relabellings([(s.a, s.b) for s in strata]) <= EXACT_RELABELLINGS
        rng = np.random.default_rng(self.seed)
        observed = 0.0
        spread: Floats = np.zeros(1)
        for stratum in strata:
            as_it_is = np.repeat([[1.0, 0.0]], [stratum.a, stratum.b], axis=1)
            observed += float(stratum.statistic(as_it_is)[0])
            if exact:
                spread = np.add.outer(spread, stratum.statistic(self._all_splits(stratum.a, stratum.b))).ravel()
            else:
                spread = spread + _random_splits(rng, as_it_is, stratum.statistic, permutations)
        reached = int((np.abs(spread) >= abs(observed) - 1e-9 * float(np.abs(spread).max())).sum())
        return (reached / len(spread), True) if exact else ((reached + 1) / (len(spread) + 1), False)

    def _all_splits(self, a: int, b: int) -> Floats:
        """Return every choice of ``a`` of ``a + b`` values as rows of zeros and ones."""
        if (a, b) not in self._splits:
            chosen = np.array(list(itertools.combinations(range(a + b), a)))
            rows = np.zeros((len(chosen), a + b))
            np.put_along_axis(rows, chosen, 1.0, axis=1)
            self._splits[a, b] = rows
        return self._splits[a, b]


def bca(estimate: Floats, resampled: Floats, influences: Sequence[Floats], *, level: float = LEVEL) -> Bounds:
    """Return the bounds described in `Resampler.interval` from resamples of any statistic.

    Parameters
    ----------
    estimate
        Shape (columns,).
    resampled
        Shape (columns, resamples); sorted in place.
    influences
        For each sample the empirical influence of each unit on the estimate, shape (units, columns), summing to zero.
    level
        The interval's confidence.
    """
    largest = np.max([np.abs(influence).max(axis=0) for influence in influences], axis=0)
    scale = np.abs(resampled).max(axis=1)
    varies = largest > 1e-12 * scale
    unit = np.where(varies, largest, 1.0)  # powers of very small numbers would vanish
    cubes, squares, variance, by_df = (np.zeros_like(estimate) for _ in range(4))
    for each in influences:
        influence, n = each / unit, len(each)
        second = (influence**2).sum(axis=0)
        part = second / (n * (n - 1))
        cubes += (influence**3).sum(axis=0) / n**3
        squares += second / n**2
        variance += part
        by_df += part**2 / (n - 1)
    resampled.sort(axis=1)
    variance, squares, by_df = (np.where(varies, x, 1.0) for x in (variance, squares, by_df))
    reach: Floats = np.sqrt(variance / squares) * special.stdtrit(variance**2 / by_df, 0.5 + level / 2)
    rank = _rank(resampled, estimate, scale)
    bias = special.ndtri(np.clip(rank, 0.5 / resampled.shape[1], 1 - 0.5 / resampled.shape[1]))
    skew = cubes / (6 * squares**1.5)
    low = np.where(varies, _quantile(resampled, _bca_level(bias, skew, -reach)), estimate)
    high = np.where(varies, _quantile(resampled, _bca_level(bias, skew, reach)), estimate)
    return Bounds(estimate, low, high, 1 - _rank(resampled, np.zeros_like(estimate), scale))


def smallest_sign_flip_p(units: int, permutations: int = RESAMPLES) -> float:
    """Return the smallest p-value that `Resampler.sign_flip` can give for ``units`` differences."""
    return 2 / 2**units if units <= EXACT_CLUSTERS else 1 / (min(permutations, MAX_PERMUTATIONS) + 1)


def smallest_relabel_p(sizes: Sequence[tuple[int, int]], permutations: int = RESAMPLES) -> float:
    """Return the smallest p-value that `Resampler.relabel` can give for strata of these sizes."""
    ways = relabellings(sizes)
    mirrored = 2 if all(a == b for a, b in sizes) else 1
    return mirrored / ways if ways <= EXACT_RELABELLINGS else 1 / (permutations + 1)


def relabellings(sizes: Sequence[tuple[int, int]]) -> int:
    """Return in how many ways the labels of strata of these sizes can be exchanged."""
    return math.prod(math.comb(a + b, a) for a, b in sizes)


def _shared_means(sample: Floats, shares: Floats) -> Floats:
    return np.asarray(sample.T @ shares.T)


def _weighted_sums(weights: Floats, chosen: Floats) -> Floats:
    return np.asarray(chosen @ weights)


def _random_splits(rng: np.random.Generator, row: Floats, statistic: Callable[[Floats], Floats], count: int) -> Floats:
    """Return the statistic of ``count`` random orders of a row of zeros and ones."""
    rows = max(1, _BLOCK // row.shape[1])
    sizes = [min(rows, count - start) for start in range(0, count, rows)]
    return np.concatenate([statistic(rng.permuted(np.repeat(row, size, axis=0), axis=1)) for size in sizes])


def _bca_level(bias: Floats, skew: Floats, reach: Floats) -> Floats:
    """Return which quantile of the resamples bounds the interval on the side of ``reach`` (in normal deviates)."""
    shifted = bias + reach
    denominator = 1 - skew * shifted
    level = special.ndtr(bias + shifted / np.where(denominator > 0, denominator, 1.0))
    return np.where(denominator > 0, level, (np.sign(reach) + 1) / 2)


def _rank(ordered: Floats, value: Floats, scale: Floats) -> Floats:
    """Return for each row the share of its sorted numbers below ``value``, ties counted half (within rounding)."""
    tolerance = 1e-12 * np.maximum(scale, np.finfo(np.float64).tiny)
    below = [np.searchsorted(row, v - t, "left") for row, v, t in zip(ordered, value, tolerance, strict=True)]
    upto = [np.searchsorted(row, v + t, "right") for row, v, t in zip(ordered, value, tolerance, strict=True)]
    return np.asarray(np.add(below, upto) / (2 * ordered.shape[1]), dtype=np.float64)


def _quantile(ordered: Floats, level: Floats) -> Floats:
    """Return one quantile of each sorted row, interpolated linearly (Hyndman & Fan's type 7, scipy's default)."""
    place = np.clip(level, 0, 1) * (ordered.shape[1] - 1)
    floor = np.floor(place).astype(np.intp)
    ceil = np.minimum(floor + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    low, high = ordered[rows, floor], ordered[rows, ceil]
    return np.asarray(low + (place - floor) * (high - low))
