"""Settings against each other on the same prompts: every paired difference with its standard error, in closed form.

The error of a difference borrows from what is known besides it: the spread of replicates, and the other pairs. So it works from
three prompts on, without a cliff. The prior is worth four degrees of freedom, and its scale is measured (see `INTERACTION`).

References
----------
J. C. Hsu, "Multiple Comparisons: Theory and Methods", 1996. E. Miller, "Adding Error Bars to Evals", arXiv 2411.00640, 2024:
paired differences by question. B. L. Welch, Biometrika 34, 1947: the degrees of freedom of a sum of variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.power import MIN_PROMPTS, MIN_REPLICATES

if TYPE_CHECKING:
    from pplab.analysis.response_matrix import Flags, Floats, Integers

INTERACTION = 0.5
"""What a setting does to single prompts, as a share of the spread of its replicates (both as standard deviations).

0.42 to 0.65 on 99 exam problems answered four times each by gpt-3.5 at temperature 0, 0.7 and 1.2.
"""
INTERACTION_OF_TWO = 0.7
"""The same where there are only two settings, and no other pair to learn from."""
INTERACTION_OF_RUNS = 0.35
"""The same of two runs of one setting, of which a change does something to single prompts once: `INTERACTION` over root two."""
PRIOR_FREEDOM = 4
"""The degrees of freedom that the prior is worth."""
FEW_PROMPTS = 3
"""From here on something is said of prompts like these; below it of these prompts only."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CellValues:
    """One value for each prompt and setting, and how much it would vary if the same were asked again.

    Attributes
    ----------
    means : array, shape (prompts, settings)
        NaN where there is none.
    counts : array, shape (prompts, settings)
        How many answers each is of.
    noise : array, shape (prompts, settings)
        The variance of each mean over its answers; NaN where there is one answer or none.
    pass_rates : bool
        Whether every answer's value is 0 or 1, as that of a check is.
    """

    means: Floats
    counts: Integers
    noise: Floats
    pass_rates: bool = False

    @classmethod
    def of(cls, values: Floats) -> CellValues:
        """Return the cells of answers' values, shape (prompts, settings, replicates); NaN where there is none.

        Examples
        --------
        >>> cells = CellValues.of(np.array([[[0.5, 0.7], [0.4, 0.4]]]))
        >>> cells.means.tolist(), cells.noise.round(3).tolist()
        ([[0.6, 0.4]], [[0.01, 0.0]])
        """
        there = np.isfinite(values)
        counts = there.sum(axis=2)
        safe = np.maximum(counts, 1)
        means = np.where(there, values, 0.0).sum(axis=2) / safe
        squares = (np.where(there, values - means[:, :, None], 0.0) ** 2).sum(axis=2)
        noise = np.where(counts > 1, squares / np.maximum(counts - 1, 1) / safe, np.nan)
        return cls(np.where(counts > 0, means, np.nan), counts, noise, are_pass_rates(values[there]))

    def among(self, columns: list[int]) -> CellValues:
        """Return the cells of some settings."""
        return CellValues(self.means[:, columns], self.counts[:, columns], self.noise[:, columns], self.pass_rates)

    def constant(self) -> Flags:
        """Return which settings gave one and the same answer to each prompt, however often it was asked.

        Of pass rates that cannot be told: different answers may all pass.
        """
        if self.pass_rates:
            return np.zeros(self.counts.shape[1], dtype=bool)
        repeated = self.counts > 1
        varied = repeated & (self.noise > _NOTHING)
        return np.asarray(repeated.any(axis=0) & ~varied.any(axis=0))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Paired:
    """Every difference between two settings.

    Attributes
    ----------
    lead : array, shape (settings, settings)
        ``lead[a, b]`` is by how much a is above b, over the prompts that both have.
    error, freedom : arrays, shape (settings, settings)
        Its standard error and degrees of freedom; NaN where too little is known.
    prompts : array, shape (settings, settings)
        How many prompts both have.
    own_error, own_freedom : arrays, shape (settings,)
        The same of each setting against the mean of all.
    """

    lead: Floats
    error: Floats
    freedom: Floats
    prompts: Floats
    own_error: Floats
    own_freedom: Floats

    def leader(self) -> int:
        """Return the setting that stands highest: the one whose worst comparison with another is best.

        Where all were asked the same prompts, that is the one of the highest mean. Where some were asked fewer, as in a race,
        leads over few prompts are not averaged with leads over many: such a mean can be highest of a setting that leads nobody.
        """
        return _leader(_indirect(self.lead))

    def standing(self) -> Floats:
        """Return how far each setting is above the mean of all, by its difference from the leader."""
        return _standing(self.lead)


def _indirect(lead: Floats) -> Floats:
    """Return the leads, those of settings that share no prompt by way of the others."""
    rough = np.nanmean(lead, axis=1)
    return np.where(np.isfinite(lead), lead, rough[:, None] - rough)


def _leader(lead: Floats) -> int:
    return int(np.argmin(np.where(np.eye(len(lead), dtype=bool), -np.inf, lead).max(axis=0)))


def _standing(lead: Floats) -> Floats:
    lead = _indirect(lead)
    ahead = lead[:, _leader(lead)]
    return np.asarray(ahead - ahead.mean())


_NOTHING = 1e-18


def are_pass_rates(values: Floats) -> bool:
    """Return whether values are all 0 or 1."""
    return bool(len(values) and ((values == 0) | (values == 1)).all())


def paired(cells: CellValues) -> Paired:
    """Return every paired difference of the settings, with its standard error.

    Parameters
    ----------
    cells
        The values; of settings that were asked the same prompts, as far as they were.

    Notes
    -----
    With P common prompts, w the spread of a setting's replicates, r their number, and V the variance of the difference over
    prompts: ``se^2 = (4 s0 + (P-1) V) / (3+P) / P`` with 3+P degrees of freedom, where
    ``s0 = w_a^2 (1/r_a + k^2) + w_b^2 (1/r_b + k^2)``, stretched by how far the other pairs exceed theirs. A setting whose
    answers never vary counts as asked once, with the smallest spread of the others. Of one or two prompts nothing but the
    replicates says anything, and only of these prompts.

    Examples
    --------
    >>> found = paired(CellValues.of(np.array([[[0.5, 0.7], [0.4, 0.4]], [[0.6, 0.6], [0.5, 0.3]], [[0.7, 0.6], [0.5, 0.5]]])))
    >>> found.lead.round(3).tolist(), found.error.round(3).tolist()
    ([[0.0, 0.183], [-0.183, 0.0]], [[0.0, 0.058], [0.058, 0.0]])
    """
    there = np.isfinite(cells.means)
    present = there.astype(float)
    centred = np.where(there, cells.means - _level(cells.means, there), 0.0)
    prompts = present.T @ present
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = centred.T @ present
        lead = (sums - sums.T) / prompts
        squares = (centred**2).T @ present
        np.fill_diagonal(lead, 0.0)
        spread = squares + squares.T - 2 * centred.T @ centred - prompts * lead**2
        variance = np.maximum(spread, 0.0) / (prompts - 1)
        if prompts.max(initial=0) < FEW_PROMPTS:
            error, freedom, own_error, own_freedom = _these_prompts(cells, prompts)
        else:
            error, freedom = _like_these(cells, prompts, lead, variance)
            same_level = centred - _level(centred - _standing(lead), there)
            own_error, own_freedom = _own(cells, np.where(there, same_level, 0.0), there)
    np.fill_diagonal(error, 0.0)
    return Paired(lead, error, freedom, prompts, own_error, own_freedom)


def _level(values: Floats, there: Flags) -> Floats:
    """Return the mean of each prompt over the settings that were asked it."""
    asked = there.sum(axis=1, keepdims=True)
    return np.asarray(np.where(there, values, 0.0).sum(axis=1, keepdims=True) / np.maximum(asked, 1))


def _spreads(cells: CellValues) -> tuple[Floats, Floats] | None:
    """Return of each setting the variance of its replicates and one over their number, ``None`` where nothing was repeated."""
    there, repeated = cells.counts > 0, np.isfinite(cells.noise)
    within = np.where(repeated, cells.counts * cells.noise, 0.0).sum(axis=0) / np.maximum(repeated.sum(axis=0), 1)
    share = np.where(there, 1.0 / np.maximum(cells.counts, 1), 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    unknown = cells.constant() | ~repeated.any(axis=0)
    if unknown.all():
        return None
    return np.where(unknown, within[~unknown].min(), within), np.where(unknown, 1.0, share)


def prior_variances(cells: CellValues, interaction: float | None = None) -> Floats | None:
    """Return of each setting the variance of one prompt's value that its replicates let expect, ``None`` where none were.

    ``interaction`` is what it does to single prompts; by default that of different settings.
    """
    spreads = _spreads(cells)
    if spreads is None:
        return None
    within, share = spreads
    ratio = interaction or (INTERACTION if len(within) > 2 else INTERACTION_OF_TWO)
    return np.asarray(within * (share + ratio**2))


def _like_these(cells: CellValues, prompts: Floats, lead: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the errors of differences for prompts like these, and their degrees of freedom."""
    settings = len(prompts)
    enough = prompts >= MIN_PROMPTS
    if cells.pass_rates:
        variance = with_two_more(variance, lead, prompts)
        return np.where(enough, np.sqrt(variance / prompts), np.nan), np.where(enough, prompts + 1, np.nan)
    own = prior_variances(cells)
    if own is None:  # nothing was asked twice: only the differences themselves speak
        return np.where(enough, np.sqrt(variance / prompts), np.nan), np.where(enough, prompts - 1, np.nan)
    prior = own[:, None] + own[None, :]
    if settings > 2:
        prior = prior * _stretch(prompts, variance, prior)
    freedom = np.where(prompts >= FEW_PROMPTS, prompts - 1 + PRIOR_FREEDOM, np.nan)
    return np.sqrt((PRIOR_FREEDOM * prior + (prompts - 1) * variance) / freedom / prompts), freedom


def with_two_more(variance: Floats, lead: Floats, prompts: Floats | float, most: Floats | float = 1.0) -> Floats:
    """Return variances of differences of pass rates as if two further prompts spoke, as clearly as they can, one for each side.

    That no difference was seen so far does not mean that there is none: it may lie in one prompt of ten, and replicates of
    the others say nothing of it. ``most`` is the largest that a difference can be.

    D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", J. Educ. Behav. Stat. 37, 2012.
    """
    squares = (prompts - 1) * variance + prompts * lead**2 + 2 * np.asarray(most) ** 2
    return np.asarray((squares - (prompts * lead) ** 2 / (prompts + 2)) / (prompts + 1) * prompts / (prompts + 2))


def _stretch(prompts: Floats, variance: Floats, prior: Floats) -> Floats:
    """Return by how much the other pairs exceed what their replicates let expect; ratios, so that no wild pair blurs the rest."""
    settings = len(prompts)
    excess = variance / prior
    known = np.isfinite(excess) & ~np.eye(settings, dtype=bool)
    total, pairs = np.where(known, excess, 0.0).sum() / 2, known.sum() / 2
    others = pairs - known
    mean = np.where(others > 0, (total - np.where(known, excess, 0.0)) / np.maximum(others, 1), 1.0)
    weight = np.maximum(prompts - 1, 0) * (settings - 2)
    return np.asarray((PRIOR_FREEDOM + weight * mean) / (PRIOR_FREEDOM + weight))


def _own(cells: CellValues, centred: Floats, there: Flags) -> tuple[Floats, Floats]:
    """Return the error of each setting against the mean of all, from the same parts."""
    counts = there.sum(axis=0)
    mean = centred.sum(axis=0) / np.maximum(counts, 1)
    over_prompts = (np.where(there, centred - mean, 0.0) ** 2).sum(axis=0)
    prior = prior_variances(cells)
    if prior is None or cells.pass_rates:
        own = np.where(counts >= MIN_PROMPTS, np.sqrt(over_prompts / (counts - 1) / counts), np.nan)
        return own, np.where(counts >= MIN_PROMPTS, counts - 1.0, np.nan)
    degrees = np.where(counts >= FEW_PROMPTS, counts - 1.0 + PRIOR_FREEDOM, np.nan)
    return np.sqrt((PRIOR_FREEDOM * prior + over_prompts) / degrees / counts), degrees


def _these_prompts(cells: CellValues, prompts: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the errors of differences for these very prompts: of the replicates alone."""
    usable = (cells.counts >= MIN_REPLICATES) & (not cells.pass_rates)
    constant = cells.constant()
    complete = (usable | (cells.counts == 0)).all(axis=0) & usable.any(axis=0)
    noise = np.where(usable, cells.noise, 0.0)
    asked = np.maximum((cells.counts > 0).sum(axis=0), 1)
    own = np.where(complete, noise.sum(axis=0) / asked**2, np.nan)
    freedom = np.where(usable, cells.counts - 1, 0).sum(axis=0).astype(float)
    total = own[:, None] + own[None, :]
    parts = own**2 / np.maximum(freedom, 1)
    degrees = total**2 / (parts[:, None] + parts[None, :])
    told = (prompts > 0) & ~(constant[:, None] & constant[None, :])
    return (
        np.where(told, np.sqrt(total), np.nan),
        np.where(told, degrees, np.nan),
        np.where(constant, np.nan, np.sqrt(own)),
        np.where(constant, np.nan, freedom),
    )
