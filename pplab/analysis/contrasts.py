"""Contrasts of settings in closed form: the effect of each factor, and whether two factors depend on each other.

A contrast is a weighted sum of the settings' values for a prompt, its weights summing to 0. Its standard error has the same form
as that of a difference (see `pplab.analysis.paired`), so that the effect of a factor, which averages over all others, is known
better than any single difference.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pplab.analysis.paired import FEW_PROMPTS, PRIOR_FREEDOM, CellValues, prior_variances, with_two_more
from pplab.analysis.power import MIN_PROMPTS
from pplab.analysis.statements import ERROR
from pplab.analysis.statistics import holm
from pplab.plan.settings import value_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.analysis.response_matrix import Floats

COLUMNS = ["factor", "level", "against", "effect", "low", "high", "holds"]


def factor_effects(cells: CellValues, factors: Sequence[Mapping[str, Any]], error: float = ERROR) -> pd.DataFrame:
    """Return what each level of each factor adds, and where two factors depend on each other.

    Parameters
    ----------
    cells
        The values.
    factors
        For each setting its factors. Effects are reckoned where all combinations of two factors or more were tried.
    error
        How often any of the effects said to hold may be none: Holm's procedure over all of them.

    Returns
    -------
    DataFrame
        ``factor, level, against, effect, low, high, holds``. An effect is the difference between two levels, the other factors
        averaged over; beside a factor's name joined by ``x`` it is the difference of that difference between two levels of the
        other. ``low`` and ``high`` are its own 95 % interval. Empty where there is nothing to separate.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> both = [{"temperature": t, "system": s} for t in (0, 1) for s in ("plain", "warm")]
    >>> values = rng.normal(0.5, 0.02, (10, 4, 2)) + np.array([0, 0, 0.1, 0.1])[:, None]
    >>> factor_effects(CellValues.of(values), both)[["factor", "level", "against", "holds"]].to_dict("records")[0]
    {'factor': 'temperature', 'level': '1', 'against': '0', 'holds': True}
    """
    from scipy.special import stdtr, stdtrit

    levels = _levels(factors)
    complete = np.isfinite(cells.means).all(axis=1)
    if len(levels) < 2 or not _is_grid(factors, levels) or complete.sum() < FEW_PROMPTS:
        return pd.DataFrame(columns=COLUMNS)
    named = [*_main(factors, levels), *_interactions(factors, levels)]
    weights = np.array([weight for *_, weight in named])
    effect, se, freedom = contrasts(cells, weights)
    if not np.isfinite(se).all():
        return pd.DataFrame(columns=COLUMNS)
    half = stdtrit(freedom, 1 - error / 2) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(se > 0, 2 * stdtr(freedom, -np.abs(effect) / se), 1.0)
    held = [adjusted <= error for adjusted in holm(list(p))]
    rows = [
        (name, level, against, float(e), float(e - h), float(e + h), bool(ok))
        for (name, level, against, _), e, h, ok in zip(named, effect, half, held, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def contrasts(cells: CellValues, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return contrasts of the settings over the prompts that have all of them: each with its error and degrees of freedom.

    Parameters
    ----------
    cells
        The values.
    weights : array, shape (contrasts, settings)
        Each row sums to 0.

    Notes
    -----
    With V the variance of the contrast over P prompts and ``s0 = sum c_s^2 w_s^2 (1/r_s + k^2)``:
    ``se^2 = (4 s0 + (P-1) V) / (3+P) / P`` with 3+P degrees of freedom.
    """
    complete = np.isfinite(cells.means).all(axis=1)
    by_prompt = cells.means[complete] @ weights.T
    prior = prior_variances(cells)
    expected = None if prior is None else weights**2 @ prior
    return over_prompts(by_prompt, expected, cells.pass_rates, np.abs(weights).sum(axis=1) / 2)


def over_prompts(
    by_prompt: Floats, expected: Floats | None, pass_rates: bool, most: Floats | float = 1.0
) -> tuple[Floats, Floats, Floats]:
    """Return the mean of each contrast over the prompts, with its error and degrees of freedom; NaN where too little is known.

    Parameters
    ----------
    by_prompt : array, shape (prompts, contrasts)
        What each prompt gives.
    expected : array, shape (contrasts,), or None
        The variance of one prompt's contrast that the replicates let expect, ``s0``; ``None`` where nothing was repeated.
    pass_rates
        Whether contrasts of pass rates are meant: then only the prompts speak.
    most
        The largest that a contrast of pass rates can be.
    """
    prompts = len(by_prompt)
    effect = by_prompt.mean(axis=0)
    variance = by_prompt.var(axis=0, ddof=1) if prompts > 1 else np.full_like(effect, np.nan)
    if pass_rates:
        variance = with_two_more(variance, effect, float(prompts), most)
    if pass_rates or expected is None:
        error = np.sqrt(variance / prompts) if prompts >= MIN_PROMPTS else np.full_like(effect, np.nan)
        return effect, error, np.full_like(effect, prompts - 1)
    freedom = float(prompts - 1 + PRIOR_FREEDOM)
    error = np.sqrt((PRIOR_FREEDOM * expected + (prompts - 1) * variance) / freedom / prompts)
    return effect, error if prompts >= FEW_PROMPTS else np.full_like(effect, np.nan), np.full_like(effect, freedom)


def _levels(factors: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the levels of each factor that has several, in the order they come."""
    names = dict.fromkeys(name for one in factors for name in one)
    found = {name: list(dict.fromkeys(_level(one, name) for one in factors)) for name in names}
    if "model_asked" in found and "endpoint" in found and _follows(factors, "endpoint", "model_asked"):
        del found["endpoint"]  # a model and where it is asked are one factor
    return {name: values for name, values in found.items() if len(values) > 1}


def _follows(factors: Sequence[Mapping[str, Any]], name: str, other: str) -> bool:
    """Return whether the level of a factor follows from that of another."""
    pairs = {(_level(one, other), _level(one, name)) for one in factors}
    return len({level for level, _ in pairs}) == len(pairs)


def _level(one: Mapping[str, Any], name: str) -> str:
    return value_label(one[name]) if name in one else "default"


def _is_grid(factors: Sequence[Mapping[str, Any]], levels: Mapping[str, list[str]]) -> bool:
    """Return whether every combination of levels was tried, once."""
    tried = {tuple(_level(one, name) for name in levels) for one in factors}
    return len(tried) == len(factors) == int(np.prod([len(values) for values in levels.values()]))


def _share(factors: Sequence[Mapping[str, Any]], **wanted: str) -> Floats:
    """Return equal weights for the settings with these levels."""
    there = np.array([all(_level(one, name) == level for name, level in wanted.items()) for one in factors], dtype=float)
    return np.asarray(there / there.sum())


def _main(factors: Sequence[Mapping[str, Any]], levels: Mapping[str, list[str]]) -> list[tuple[str, str, str, Floats]]:
    return [
        (name, b, a, _share(factors, **{name: b}) - _share(factors, **{name: a}))
        for name, values in levels.items()
        for a, b in itertools.combinations(values, 2)
    ]


def _interactions(factors: Sequence[Mapping[str, Any]], levels: Mapping[str, list[str]]) -> list[tuple[str, str, str, Floats]]:
    """Return the differences of differences, between the levels of two factors."""
    out = []
    for one, other in itertools.combinations(levels, 2):
        for (a, b), (c, d) in itertools.product(itertools.combinations(levels[one], 2), itertools.combinations(levels[other], 2)):
            weight = (_share(factors, **{one: b, other: d}) - _share(factors, **{one: a, other: d})) - (
                _share(factors, **{one: b, other: c}) - _share(factors, **{one: a, other: c})
            )
            out.append((f"{one} x {other}", f"{b} - {a}", f"{d} - {c}", weight))
    return out
