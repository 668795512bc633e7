"""The variance of a score, split between prompts, factors and replicates.

A response is a draw: a prompt of those like the ones asked, one of the settings that were run (each as likely), one answer. The
law of total variance splits the variance of its score without remainder: into what the prompt alone decides, what each factor
alone decides, what factors decide in combination, what a setting does differently from prompt to prompt, and what differs
between answers to the same prompt under the same setting. These are the components of a two-way analysis of variance with
prompts as a random and settings as fixed effects; divided by their sum they are first-order Sobol' indices.

Each component is estimated without bias by the method of moments: sums of squares less what the variance between replicates
puts into them (expected mean squares). With unequal numbers of usable answers, or none in some cells, prompts and settings are
fitted together by least squares to the means of the cells that there are (Henderson's method 3), and the expectations are those
of that fit. An estimate below zero, which chance brings about where a component is small, is set to 0.

The settings' component is split between the factors by their main effects. In a grid these are the sums of squares of the
analysis of variance. Where factors overlap, each gets its mean contribution over all orders of entering them (Lindeman, Merenda
and Gold, 1980), so that the order in which they are named does not matter. Factors that always change together are one.

References
----------
S. R. Searle, G. Casella and C. E. McCulloch, Variance Components, 1992, chapters 4 and 5.
I. M. Sobol', "Global sensitivity indices for nonlinear mathematical models", Math. Comput. Simul. 55, 2001.
U. Grömping, "Estimators of relative importance in linear regression", The American Statistician 61, 2007.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pplab.analysis.phrasing import counted, joined, percent
from pplab.analysis.power import MIN_FREEDOM
from pplab.analysis.records import Report
from pplab.analysis.response_matrix import Cells, Floats, Integers, Responses, layout
from pplab.plan.settings import factor_columns
from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROMPTS = "prompts"
COMBINATIONS = "combinations"
PROMPTS_BY_SETTINGS = "prompts_by_settings"
REPLICATES = "replicates"

MOST_SETTINGS = 1_000
"""With more settings the split is not made: its time grows with the cube of their number."""
MOST_FACTORS = 8
"""With more factors their main effects are not told apart: the orders of entering them double with each."""
ROUNDING = 1e-14
"""A variance that is this small beside the mean square of the scores is that of rounding."""
SMALLEST_SHARE = 0.005
"""Smaller shares are left out of the sentence."""

_BETWEEN = {"model_asked": "models", "endpoint": "endpoints", "system": "system messages", "wording": "wordings"}


@dataclass(frozen=True, slots=True, repr=False)
class VarianceSplit(Report):
    """Where the variance of one metric lies.

    Attributes
    ----------
    metric : str
    components : mapping
        The variance of each source, in squared units of the metric: ``prompts``, each factor, ``combinations`` of factors,
        ``prompts_by_settings``, ``replicates``. A source that these responses do not tell is missing.
    prompts, settings, responses : int
        What it rests on.
    note : str
        Why a source is missing, in words.
    """

    metric: str
    components: Mapping[str, float]
    prompts: int
    settings: int
    responses: int
    note: str = ""

    @property
    def total(self) -> float:
        """The variance of a response."""
        return sum(self.components.values())

    @property
    def shares(self) -> dict[str, float]:
        """The share of each source in the variance; none where every answer has the same value."""
        return {name: value / self.total for name, value in self.components.items()} if self.total > 0 else {}

    @property
    def words(self) -> str:
        """The shares in one sentence, the largest first."""
        if not self.components:
            return f"The variance of {self.metric} is not split: {self.note}."
        if not self.shares:
            return f"Every answer has the same {self.metric}."
        order = sorted(self.shares.items(), key=lambda item: -item[1])
        order = [(name, share) for name, share in order if share >= SMALLEST_SHARE]
        parts = [f"{percent(share)} {_where(name, first=k == 0)}" for k, (name, share) in enumerate(order)]
        basis = f"{counted(self.prompts, 'prompt')} under {counted(self.settings, 'setting')}"
        sentence = f"Of the variance of {self.metric}, {joined(parts)} ({basis})."
        return f"{sentence} {self.note[0].upper()}{self.note[1:]}." if self.note else sentence


def _where(source: str, *, first: bool) -> str:
    fixed = {
        PROMPTS: "between prompts",
        COMBINATIONS: "in how factors combine",
        PROMPTS_BY_SETTINGS: "in what settings do differently from prompt to prompt",
        REPLICATES: "between answers to the same prompt under the same setting",
    }
    between = joined(_BETWEEN.get(name, "settings" if name == "settings" else f"values of {name}") for name in source.split("+"))
    return ("lies " if first else "") + (fixed.get(source) or f"between {between}")


def split_variance(
    frame: Responses, metrics: Sequence[str] = SCORES, *, include_truncated: bool = False
) -> tuple[VarianceSplit, ...]:
    """Split the variance of each metric between prompts, factors and replicates; see the module for how.

    Parameters
    ----------
    frame
        Responses, see `pplab.analysis.response_matrix.layout`. Factors are the columns of models, system messages, wordings
        and parameters in which the settings differ; without any, ``settings`` is the factor.
    metrics
        Names of columns.
    include_truncated
        Also count responses that were cut at ``max_tokens``.

    Examples
    --------
    >>> rows = [(p, s, s, "ok", p / 10 + s) for p in range(10) for s in (0, 1) for _ in range(2)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "temperature", "status", "coherence"])
    >>> print(split_variance(frame, ["coherence"])[0].words)
    Of the variance of coherence, 73% lies between values of temperature and 27% between prompts (10 prompts under 2 settings).
    """
    plan = layout(frame, include_truncated=include_truncated)
    names = factor_columns(plan.frame.columns)
    settings = plan.frame[["setting_index", *names]].drop_duplicates("setting_index").sort_values("setting_index")
    codes = {name: pd.factorize(settings[name].map(repr))[0] for name in names}
    return tuple(_split(plan.cells(metric), codes) for metric in metrics)


def variance_table(splits: Sequence[VarianceSplit]) -> pd.DataFrame:
    """Return one row a metric: its standard deviation, the share of each source in its variance, and what is to be said of it.

    Columns are ``metric``, ``sd``, ``prompts``, one a factor (those that always change together joined by ``+``),
    ``combinations``, ``prompts_by_settings``, ``replicates`` and ``note``.
    """
    ends = (PROMPTS, COMBINATIONS, PROMPTS_BY_SETTINGS, REPLICATES)
    factors = dict.fromkeys(name for split in splits for name in split.components if name not in ends)
    rows = []
    for split in splits:
        shares = split.shares
        of_sources = {name: shares.get(name, math.nan) for name in (PROMPTS, *factors, *ends[1:])}
        sd = math.sqrt(split.total) if split.components else math.nan
        rows.append({"metric": split.metric, "sd": sd, **of_sources, "note": split.note})
    return pd.DataFrame(rows)


def _split(cells: Cells, codes: Mapping[str, Integers]) -> VarianceSplit:
    """Split the variance of one metric over the prompts and settings that have usable values of it.

    ``codes`` has the level of each factor under every setting, numbered from 0.
    """
    present = cells.counts > 0
    rows, columns = np.flatnonzero(present.any(axis=1)), np.flatnonzero(present.any(axis=0))
    counts, means = cells.counts[np.ix_(rows, columns)], cells.means[np.ix_(rows, columns)]
    prompts, settings, responses = len(rows), len(columns), int(counts.sum())

    def unsplit(why: str) -> VarianceSplit:
        return VarianceSplit(cells.metric, {}, prompts, settings, responses, why)

    if responses < 2:
        return unsplit("there are no two usable answers")
    if settings > MOST_SETTINGS:
        return unsplit(f"there are {settings:,} settings, more than {MOST_SETTINGS:,}")
    fit = _Fit(means, counts)
    if not fit.connected:
        return unsplit("settings have too few prompts in common")
    within = _within(cells)
    if within is None and fit.freedom < MIN_FREEDOM:
        return unsplit("there are too few answers to each prompt under each setting")
    by_settings = fit.residual(within)
    noise = by_settings + (within or 0.0) / np.maximum(counts, 1)
    components: dict[str, float] = {}
    if prompts > 1:
        shared = (
            by_settings / settings if within is not None else 0.0
        )  # a prompt's mean over these settings holds that much of it
        components[PROMPTS] = fit.between_prompts(noise) + shared
    factors = _factors({name: levels[columns] for name, levels in codes.items()}, settings)
    components |= _of_factors(factors, fit.effects, fit.covariance(noise))
    note = ""
    if within is None:
        components[REPLICATES] = by_settings
        note = (
            "with one answer to each prompt under each setting, what settings do differently from prompt to prompt counts there"
        )
    else:
        if fit.freedom:
            components[PROMPTS_BY_SETTINGS] = by_settings * (1 - 1 / settings)
        components[REPLICATES] = within
    if prompts == 1:
        note = "one prompt alone does not say how prompts differ"
    smallest = ROUNDING * float(np.square(cells.values).mean())
    components = {name: variance if variance > smallest else 0.0 for name, variance in components.items()}
    return VarianceSplit(cells.metric, components, prompts, settings, responses, note)


def _within(cells: Cells) -> float | None:
    """Return the pooled variance of the answers of a cell; ``None`` where too few cells have several."""
    freedom = int(np.maximum(cells.counts - 1, 0).sum())
    if freedom < MIN_FREEDOM:
        return None
    deviations = cells.values - cells.means[cells.prompt, cells.setting]  # noqa: PD011 - a field of ours, no pandas
    return float(np.square(deviations).sum()) / freedom


class _Fit:
    """The additive fit of prompts and settings to the means of cells, by least squares over the cells that there are.

    Attributes
    ----------
    effects : array, shape (settings,)
        Of the settings, with mean zero.
    freedom : int
        Of the residual.
    connected : bool
        Whether every setting can be compared with every other over shared prompts.
    """

    def __init__(self, means: Floats, counts: Integers) -> None:
        self._counts = counts
        there = (counts > 0).astype(np.float64)
        self._there, self._per_prompt = there, there.sum(axis=1, keepdims=True)
        self._weights = there / self._per_prompt
        centred = np.where(counts > 0, means, 0.0)
        centred = there * (centred - centred.sum(axis=1, keepdims=True) / self._per_prompt)
        information = np.diag(there.sum(axis=0)) - self._weights.T @ there
        values, vectors = np.linalg.eigh(information)
        nonzero = values > 1e-9 * max(values[-1], 1.0)
        settings = len(information)
        self.connected = int(nonzero.sum()) == settings - 1
        self._inverse = (vectors[:, nonzero] / values[nonzero]) @ vectors[:, nonzero].T
        self.effects = self._inverse @ centred.sum(axis=0)
        fitted = there * (self.effects - self._weights @ self.effects[:, None])
        self._residual = float(np.square(centred - fitted).sum())
        self.freedom = int(there.sum()) - len(means) - settings + 1
        self._means = means

    def residual(self, within: float | None) -> float:
        """Return the variance, between prompts, of what a setting does; with no variance of replicates, of both together."""
        if self.freedom < 1:
            return 0.0
        if within is None:
            return self._residual / self.freedom
        across = self._weights @ self._inverse
        leverage = (
            1 / self._per_prompt + np.diag(self._inverse) - 2 * across + (across * self._weights).sum(axis=1, keepdims=True)
        )
        explained = within * float((self._there * (1 - leverage) / np.maximum(self._counts, 1)).sum())
        return (self._residual - explained) / self.freedom

    def between_prompts(self, noise: Floats) -> float:
        """Return the variance between prompts under one setting, given the variance of each cell's mean around it."""
        size = self._there.sum(axis=0)
        present = self._there > 0
        centre = np.where(present, self._means, 0.0).sum(axis=0) / size
        squares = float(np.square(np.where(present, self._means - centre, 0.0)).sum())
        explained = float((self._there * noise * (1 - 1 / size)).sum())
        freedom = float((size - 1).sum())
        return (squares - explained) / freedom if freedom else 0.0

    def covariance(self, noise: Floats) -> Floats:
        """Return the covariance of the effects, given the variance of each cell's mean."""
        there, weighted = self._there, self._weights * noise
        cross = there.T @ weighted
        square = there.T @ (there * (weighted * self._weights).sum(axis=1, keepdims=True))
        of_sums = np.diag((there * noise).sum(axis=0)) - cross - cross.T + square
        return np.asarray(self._inverse @ of_sums @ self._inverse)


def _of_factors(factors: Mapping[str, Floats], effects: Floats, covariance: Floats) -> dict[str, float]:
    """Split the variance of the settings' effects between the factors, and what is left for their combinations."""

    def main_effects(names: Sequence[str]) -> float:
        """Return the variance of the effects that the main effects of some factors explain, without bias."""
        if not names:
            return 0.0
        basis, values, _ = np.linalg.svd(np.column_stack([factors[name] for name in names]), full_matrices=False)
        basis = basis[:, values > 1e-9 * values[0]]
        return float(np.square(basis.T @ effects).sum() - np.einsum("ij,ij->", basis, covariance @ basis)) / len(effects)

    subsets = {names: main_effects(names) for k in range(len(factors) + 1) for names in itertools.combinations(factors, k)}
    count = len(factors)
    out = dict.fromkeys(factors, 0.0)
    for names, value in subsets.items():  # the mean over all orders of entering the factors
        for name in factors:
            if name not in names:
                more = subsets[tuple(f for f in factors if f == name or f in names)]
                orders = math.factorial(len(names)) * math.factorial(count - len(names) - 1) / math.factorial(count)
                out[name] += orders * (more - value)
    if count > 1:
        whole = float(np.square(effects).sum() - np.trace(covariance)) / len(effects)
        out[COMBINATIONS] = whole - subsets[tuple(factors)]
    return out


def _factors(codes: Mapping[str, Integers], settings: int) -> dict[str, Floats]:
    """Return the levels of each factor as indicator columns with mean zero; factors that are not told apart are one."""
    if settings < 2:
        return {}
    codes = {name: pd.factorize(levels)[0] for name, levels in codes.items() if len(np.unique(levels)) > 1}
    groups: list[list[str]] = []
    for name in codes:
        bound = [group for group in groups if any(_change_together(codes[name], codes[other]) for other in group)]
        groups = [group for group in groups if group not in bound]
        groups.append([*itertools.chain.from_iterable(bound), name])
    if not groups:
        return {"settings": _indicators(np.arange(settings))}
    indicators = {_name(group): _indicators(_levels([codes[name] for name in group])) for group in groups}
    columns = np.column_stack(list(indicators.values()))
    full_rank = sum(matrix.shape[1] - 1 for matrix in indicators.values())
    if len(indicators) > MOST_FACTORS or np.linalg.matrix_rank(columns) < full_rank:
        return {"settings": _indicators(np.arange(settings))}
    return indicators


def _name(group: list[str]) -> str:
    """Return the name of factors that are one; each model has its endpoint, so that the model's name says both."""
    return "+".join(name for name in group if name != "endpoint" or "model_asked" not in group)


def _change_together(a: Integers, b: Integers) -> bool:
    """Whether the main effects of two factors cannot be told apart: their levels, joined where they meet, fall into parts."""
    part = np.arange(int(a.max()) + 1)
    for level in range(int(b.max()) + 1):
        parts = np.unique(part[a[b == level]])
        part[np.isin(part, parts)] = parts[0]
    return len(np.unique(part)) > 1


def _levels(codes: Sequence[Integers]) -> Integers:
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()


def _indicators(levels: Integers) -> Floats:
    matrix = np.eye(int(levels.max()) + 1)[levels]
    return np.asarray(matrix - matrix.mean(axis=0))
