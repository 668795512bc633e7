"""What a planned experiment will be able to see, before a single call is paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pplab.analysis.phrasing import counted, joined, number
from pplab.analysis.power import (
    ALPHA,
    MIN_FREEDOM,
    MIN_PROMPTS,
    MIN_REPLICATES,
    POWER,
    fewest_prompts,
    fewest_replicates,
    noncentrality,
)
from pplab.analysis.records import Report, Scope, caveat
from pplab.analysis.resampling import RESAMPLES, smallest_relabel_p, smallest_sign_flip_p
from pplab.analysis.response_matrix import Cells, Floats, layout
from pplab.analysis.statistics import too_little
from pplab.errors import BadInput
from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

BETWEEN = 0.145
"""Standard deviation of a metric between prompts, where no pilot says otherwise (measured on public human ratings)."""
WITHIN = 0.10
"""Standard deviation between the responses to one prompt under one setting, where no pilot says otherwise."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a metric varies: between prompts, between responses to one prompt, and between prompts in what a setting does.

    Attributes
    ----------
    between, within : float
        Standard deviations, in metric units.
    interaction : float
        The standard deviation, over prompts, of a setting's effect on the prompt beyond its mean effect: the part of
        a paired difference that more replicates do not reduce. The default supposes none.
    source : {"default", "pilot"}
    width : float
        The width of the metric's range, of which the default is a share.
    """

    between: float = BETWEEN
    within: float = WITHIN
    interaction: float = 0.0
    source: Literal["default", "pilot"] = "default"
    width: float = 1.0

    @classmethod
    def assumed(cls, width: float) -> Spread:
        """Return what is assumed of a metric whose range is so wide."""
        return cls(BETWEEN * width, WITHIN * width, width=width)


@dataclass(frozen=True, slots=True)
class Detectable:
    """What a plan can see of one metric.

    Attributes
    ----------
    alone : float or None
        The true difference between two settings that one planned comparison finds with a power of 80%, in metric units.
        ``None``: no difference, however large, could be shown.
    among_all : float or None
        The same for a comparison that must pass the correction for every pair and metric.
    mean_within : float or None
        Half the expected width of the 95% interval of a setting's mean; ``None`` where it will have none.
    """

    metric: str
    alone: float | None
    among_all: float | None
    mean_within: float | None
    spread: Spread


@dataclass(frozen=True, slots=True, repr=False)
class Sensitivity(Report):
    """What a plan of so many prompts, settings and replicates can see of each metric.

    Of those in ``unbounded`` nothing is known: they have no range from which a spread could be assumed.
    """

    prompts: int
    settings: int
    replicates: int
    comparisons: int
    scope: Scope
    metrics: tuple[Detectable, ...]
    unbounded: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The smallest differences, on what they rest, and what the result will cover."""
        plan = (
            f"{counted(self.prompts, 'prompt')}, {counted(self.settings, 'setting')}, {counted(self.replicates, 'response')} each"
        )
        parts = [f"{plan}: {self._reach()}", self._means(), self._basis(), caveat(self.scope, self.prompts)]
        return " ".join(filter(None, parts))

    def _reach(self) -> str:
        if self.scope == "none":
            return f"no interval and no test: {too_little('prompt')}."
        if self.settings < 2:
            return "one setting, nothing to compare."
        if all(m.alone is None for m in self.metrics):
            return f"too few to show any difference; {self._enough(ALPHA)}."
        alone = self._figures([m.alone for m in self.metrics])
        text = f"comparing two settings detects a true difference of {alone} 4 times in 5"
        if self.comparisons > 1 and all(m.among_all is None for m in self.metrics):
            enough = self._enough(ALPHA / self.comparisons)
            text += f"; too few to show any difference after correcting for all {self.comparisons} comparisons; {enough}"
        elif self.comparisons > 1:
            among = self._figures([m.among_all for m in self.metrics])
            text += f"; after correcting for all {self.comparisons} comparisons, one of {among}"
        return f"{text}."

    def _enough(self, alpha: float) -> str:
        if self.scope == "prompts":
            return f"use at least {fewest_prompts(alpha)} prompts"
        return f"use at least {max(MIN_REPLICATES, fewest_replicates(self.prompts, alpha))} responses each"

    def _means(self) -> str:
        if any(m.mean_within is None for m in self.metrics):
            return ""
        return f"A setting's mean will be known to about ±{self._figures([m.mean_within for m in self.metrics])}."

    def _basis(self) -> str:
        if all(m.spread.source == "pilot" for m in self.metrics):
            return "The standard deviations are those of the earlier responses."
        of_range = " of a metric's range" if any(m.spread.width != 1 for m in self.metrics) else ""
        unbounded = f" Of {joined(self.unbounded)}, without a range, nothing is known before." if self.unbounded else ""
        return (
            f"This assumes standard deviations of {BETWEEN:g} between prompts and {WITHIN:.2f} between responses{of_range}, and "
            f"settings that act on all prompts alike; a pilot run measures them.{unbounded}"
        )

    def _figures(self, values: Sequence[float | None]) -> str:
        """Return one figure when the metrics share it, else one for each."""
        names: dict[str, list[str]] = {}
        for value, m in zip(values, self.metrics, strict=True):
            if value is not None:
                names.setdefault(number(value, 3 if value < 0.1 else 2), []).append(m.metric)
        return next(iter(names)) if len(names) == 1 else joined(f"{word} ({', '.join(of)})" for word, of in names.items())


def sensitivity(
    prompts: int,
    settings: int,
    replicates: int,
    metrics: Sequence[str] = SCORES,
    *,
    spreads: Mapping[str, Spread] | None = None,
    unbounded: Sequence[str] = (),
) -> Sensitivity:
    """Return the smallest differences a plan can detect.

    A paired difference of per-prompt means has the variance ``2 * (within**2 / replicates + interaction**2)``: what sets
    prompts apart cancels. The tests are those of `pplab.analysis.statistics.compare_all`, their power that of the t test.

    Parameters
    ----------
    prompts, settings, replicates
        Each at least 1; replicates are per prompt and setting.
    metrics
        Names; every one without an entry in ``spreads`` gets the documented defaults of a score in [0, 1].
    spreads
        From `pilot_spreads`, or `Spread.assumed` for another range.
    unbounded
        Names of further metrics that are compared and of which nothing is known.

    Examples
    --------
    >>> plan = sensitivity(prompts=40, settings=2, replicates=5, metrics=["coherence"])
    >>> round(plan.metrics[0].alone, 3)
    0.029
    """
    for name, value in (("prompts", prompts), ("settings", settings), ("replicates", replicates)):
        if value < 1:
            raise BadInput(f"{name}={value} is less than 1", hint=f"plan at least one of the {name}")
    comparisons = settings * (settings - 1) // 2 * (len(metrics) + len(unbounded))
    scope: Scope = "none"
    if prompts >= MIN_PROMPTS:
        scope = "prompts"
    elif replicates >= MIN_REPLICATES and min(settings, 2) * prompts * (replicates - 1) >= MIN_FREEDOM:
        scope = "replicates"
    spread_of = spreads or {}
    detectable = tuple(_detectable(m, spread_of.get(m, Spread()), scope, prompts, replicates, comparisons) for m in metrics)
    return Sensitivity(prompts, settings, replicates, comparisons, scope, detectable, tuple(unbounded))


def _detectable(metric: str, spread: Spread, scope: Scope, prompts: int, replicates: int, comparisons: int) -> Detectable:
    from scipy import special

    if scope == "none":
        return Detectable(metric, None, None, None, spread)
    noise = spread.within**2 / replicates
    permutations = max(RESAMPLES, math.ceil(2 * comparisons / ALPHA) - 1)
    if scope == "prompts":
        error, freedom = math.sqrt(2 * (noise + spread.interaction**2) / prompts), prompts - 1
        own, own_freedom = math.sqrt((spread.between**2 + spread.interaction**2 + noise) / prompts), prompts - 1
        smallest_p = smallest_sign_flip_p(prompts, permutations)
    else:
        error, freedom = math.sqrt(2 * noise / prompts), 2 * prompts * (replicates - 1)
        own, own_freedom = math.sqrt(noise / prompts), prompts * (replicates - 1)
        smallest_p = smallest_relabel_p([(replicates, replicates)] * prompts, permutations)
    alphas = (ALPHA, ALPHA / max(1, comparisons))
    alone, among_all = (error * noncentrality(freedom, a, POWER) if smallest_p <= a else None for a in alphas)
    half = own * float(special.stdtrit(own_freedom, 0.975)) if own_freedom >= MIN_FREEDOM else None
    return Detectable(metric, alone, among_all, half, spread)


def pilot_spreads(frame: pd.DataFrame, metrics: Sequence[str] = SCORES, *, include_truncated: bool = False) -> dict[str, Spread]:
    """Return how each metric varies in earlier responses; metrics for which they do not tell are left out.

    Estimated by moments (analysis of variance with the prompt as a random factor): the spread within from cells with
    two responses or more, the others from the variances between per-prompt means less what the spread within explains.

    Parameters
    ----------
    frame, metrics, include_truncated
        As in `pplab.analysis.statistics.compare_all`; it takes six prompts and two responses to some of them.
    """
    plan = layout(frame, include_truncated=include_truncated)
    spreads = {metric: _spread(plan.cells(metric)) for metric in metrics}
    return {metric: spread for metric, spread in spreads.items() if spread is not None}


def _spread(cells: Cells) -> Spread | None:
    freedom = int(np.maximum(cells.counts - 1, 0).sum())
    if freedom < MIN_FREEDOM or not (np.isfinite(cells.means).sum(axis=0) >= MIN_PROMPTS).any():
        return None
    deviations = cells.values - cells.means[cells.prompt, cells.setting]  # noqa: PD011 - a field of ours, no pandas
    within = float(np.square(deviations).sum()) / freedom
    noise = np.where(cells.counts > 0, within / np.maximum(cells.counts, 1), np.nan)
    between = [
        float(means[there].var(ddof=1) - noise[there, s].mean())
        for s, means in enumerate(cells.means.T)
        if (there := np.isfinite(means)).sum() >= MIN_PROMPTS
    ]
    interaction = _interaction(cells, noise)
    return Spread(
        between=math.sqrt(max(0.0, float(np.mean(between)) - interaction)),
        within=math.sqrt(within),
        interaction=math.sqrt(interaction),
        source="pilot",
    )


def _interaction(cells: Cells, noise: Floats) -> float:
    """Return the variance over prompts of a setting's own effect, pooled over the prompts that saw every setting."""
    complete = np.asarray(np.isfinite(cells.means).all(axis=1))
    means, settings = cells.means[complete], cells.means.shape[1]
    if settings < 2 or len(means) < MIN_PROMPTS:
        return 0.0
    residual = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
    pooled: float = float(np.square(residual).sum()) / ((len(means) - 1) * (settings - 1))
    explained: float = float(noise[complete].mean())
    return max(0.0, pooled - explained)
