"""Whether a metric stayed the same, drifted, or cannot be told: an equivalence test together with a difference test."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pplab.analysis.phrasing import counted, decimals, number, probability, span
from pplab.analysis.power import (
    ALPHA,
    MIN_PROMPTS,
    MIN_REPLICATES,
    POWER,
    fewest_prompts,
    noncentrality,
    smallest,
    upper_spread,
)
from pplab.analysis.records import Report, Scope, caveat
from pplab.analysis.resampling import Resampler
from pplab.analysis.response_matrix import Cells, Floats, ResponseMatrix, layout
from pplab.analysis.statistics import holm
from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

Outcome = Literal["same", "drifted", "cannot tell"]


@dataclass(frozen=True, slots=True, repr=False)
class Equivalence(Report):
    """The outcome for one metric; ``difference`` is now (``b``) minus before (``a``).

    Attributes
    ----------
    outcome : {"same", "drifted", "cannot tell"}
        ``same``: the difference lies inside the margin beyond doubt, even where it is not zero. ``drifted``: it is not
        zero beyond chance, and not shown to lie inside the margin. Else ``cannot tell``.
    low, high : float or None
        The 90% interval of Student's t; it lies inside the margin just when ``p_same``, uncorrected, is below 0.05.
    p_same, p_drift : float or None
        Of two one-sided t tests against the margin, and of the permutation test against zero; both corrected over
        ``family`` metrics (Holm).
    scope : {"prompts", "replicates", "none"}
        Whether prompts were compared, or only the responses to these prompts.
    n : int
        Prompts (or clusters) compared; for ``replicates`` the fewest responses on one side of a cell.
    dropped : int
        Prompts, or cells, without enough on both sides.
    n_suggested : int or None
        What ``n`` should be to settle it: a drift as large as the margin would be found, and none at all recognised as
        the same, each with a power of at least 80%. ``None`` when it is settled or more than 100,000 would be needed.
    """

    metric: str
    outcome: Outcome
    margin: float
    difference: float | None
    low: float | None
    high: float | None
    p_same: float | None
    p_drift: float | None
    scope: Scope
    n: int
    prompts: int
    dropped: int = 0
    n_suggested: int | None = None
    family: int = 1
    unit: str = "prompt"

    @property
    def words(self) -> str:
        """The outcome and what it rests on."""
        if self.difference is None or self.low is None or self.high is None or self.p_drift is None:
            return f"{self.metric}: cannot tell: there is too little to compare."
        places = max(decimals(self.high - self.low), decimals(self.margin))
        unit = self.unit if self.scope == "prompts" else "response"
        base = counted(self.n, unit) + (" on each side" if self.scope == "replicates" else "")
        change = f"{number(self.difference, places)} (90% interval {span(self.low, self.high, places)}, {base})"
        margin = f"±{self.margin:g}"
        if self.outcome == "same":
            text = f"same: the change of {change} is within {margin}"
        elif self.outcome == "drifted":
            text = f"drifted: changed by {change}, {probability(self.p_drift)}; the margin is {margin}"
        else:
            text = f"cannot tell: the change of {change} may be chance, and may be larger than {margin}"
            if self.n_suggested:
                each = " to each prompt" if self.scope == "replicates" else ""
                text += f"; {counted(self.n_suggested, unit)}{each} would decide it 4 times in 5"
        left = f"{counted(self.dropped, self.unit)} without a counterpart left out." if self.dropped else ""
        return " ".join(filter(None, (f"{self.metric}: {text}.", caveat(self.scope, self.prompts, self.unit), left)))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What both tests need: the difference, its standard error with degrees of freedom, and the permutation p-value."""

    difference: float
    error: float
    freedom: float
    p_drift: float


@dataclass(frozen=True, slots=True)
class _Test:
    """The figures of one metric before the correction over all, and what they rest on (``None``: too little)."""

    figures: Equivalence
    evidence: _Evidence | None


def equivalence(
    a: Sequence[float | None],
    b: Sequence[float | None],
    margin: float,
    *,
    paired: bool = True,
    metric: str = "the metric",
) -> Equivalence:
    """Decide whether ``b`` is the same as ``a`` within ``margin``, has drifted, or cannot be told.

    Equivalence by two one-sided t tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657; Welch's where not
    paired), difference by a permutation test of the signs of the differences or of the labels, each at 5%.

    Parameters
    ----------
    a, b
        Before and now: with ``paired`` one number for each prompt in the same order (``None`` or NaN drops the pair),
        else the responses to one prompt.
    margin
        The largest difference that does not matter, in metric units, above 0.

    Raises
    ------
    BadInput
        The margin is not a positive number, or paired samples differ in length.

    Examples
    --------
    >>> equivalence([0.5, 0.6, 0.7, 0.5, 0.6, 0.7], [0.51, 0.6, 0.69, 0.5, 0.61, 0.7], 0.05).outcome
    'same'
    """
    return equivalences({metric: (a, b)}, {metric: margin}, paired=paired)[0]


def equivalences(
    samples: Mapping[str, tuple[Sequence[float | None], Sequence[float | None]]],
    margins: Mapping[str, float],
    *,
    paired: bool = True,
) -> tuple[Equivalence, ...]:
    """Decide as `equivalence` does for several metrics, both tests corrected over them (Holm).

    All false alarms together stay at 5%.

    Parameters
    ----------
    samples
        For each metric, before and now.
    margins
        For each metric; others are ignored.
    """
    results, resampler = [], Resampler()
    for metric, sides in samples.items():
        margin = _margin(margins, metric)
        before, now = (np.array([np.nan if v is None else v for v in side], dtype=np.float64) for side in sides)
        if paired:
            results.append(_paired(metric, margin, before, now, resampler=resampler))
        else:
            strata = [(now[np.isfinite(now)], before[np.isfinite(before)])]
            results.append(_stratified(metric, margin, strata, prompts=1, resampler=resampler))
    return _decide_all(results)


def drift(
    before: pd.DataFrame, now: pd.DataFrame, margins: Mapping[str, float], *, include_truncated: bool = False
) -> tuple[Equivalence, ...]:
    """Decide for each metric in ``margins`` whether a second run of a plan gives what the first gave.

    A prompt's mean under each setting is compared with its own in the other run; the differences are averaged over the
    settings, and the prompts (or clusters) are tested. With fewer than six prompts the responses to each prompt under
    each setting are compared instead, and the result covers these prompts only.

    Parameters
    ----------
    before, now
        Responses of both runs, with the same ``prompt_index`` and ``setting_index`` for the same prompt and setting.
    margins
        For each metric the largest difference that does not matter.
    include_truncated
        Also count responses that were cut at ``max_tokens``.
    """
    import pandas as pd

    both = pd.concat([before.assign(_now=0), now.assign(_now=1)], ignore_index=True)
    codes = pd.factorize(both["setting_index"], sort=True)[0]
    both["setting_index"], both["setting_label"] = 2 * codes + both["_now"], ""
    plan = layout(both, include_truncated=include_truncated)
    pairs = [(plan.column(s), plan.column(s + 1)) for s in plan.settings if s % 2 == 0 and s + 1 in plan.settings]
    results, resampler = [], Resampler()
    for metric in margins:
        cells, margin = plan.cells(metric), _margin(margins, metric)
        sides = _shared_means(plan, cells, pairs)
        present = int(np.isfinite(sides).all(axis=1).sum())
        if present >= MIN_PROMPTS or plan.unit != "prompt":
            results.append(_paired(metric, margin, sides[:, 0], sides[:, 1], unit=plan.unit, resampler=resampler))
            continue
        strata = [
            (prompt, cells.replicates(prompt, after), cells.replicates(prompt, first))
            for prompt in range(plan.prompts)
            for first, after in pairs
        ]
        enough = [(prompt, x, y) for prompt, x, y in strata if min(len(x), len(y)) >= MIN_REPLICATES]
        prompts = len({prompt for prompt, _, _ in enough})
        sides_of = [(x, y) for _, x, y in enough]
        dropped = plan.prompts - prompts
        results.append(_stratified(metric, margin, sides_of, prompts=prompts, dropped=dropped, resampler=resampler))
    return _decide_all(results)


def _margin(margins: Mapping[str, float], metric: str) -> float:
    if metric not in margins:
        raise BadInput(f"no margin is given for {metric}", hint="state the largest difference that does not matter")
    margin = float(margins[metric])
    if not (math.isfinite(margin) and margin > 0):
        raise BadInput(f"the margin {margin:g} of {metric} is not above 0", hint="give it in the metric's own units")
    return margin


def _shared_means(plan: ResponseMatrix, cells: Cells, pairs: Sequence[tuple[int, int]]) -> Floats:
    """Return each cluster's mean before and now, over the settings in which a prompt has both; NaN where it has none."""
    if not pairs:
        return np.full((plan.prompts, 2), np.nan)
    before, now = (cells.means[:, [pair[side] for pair in pairs]] for side in (0, 1))
    both = np.isfinite(before) & np.isfinite(now)
    count = both.sum(axis=1)
    sums = np.column_stack([np.where(both, side, 0.0).sum(axis=1) for side in (before, now)])
    means = np.full((plan.prompts, 2), np.nan)
    means[count > 0] = sums[count > 0] / count[count > 0, None]
    return plan.clustered(means)


def _paired(metric: str, margin: float, before: Floats, now: Floats, *, resampler: Resampler, unit: str = "prompt") -> _Test:
    if len(before) != len(now):
        raise BadInput(f"{len(before)} values are paired with {len(now)}", hint="pair them, or pass paired=False")
    differences = (now - before)[np.isfinite(now) & np.isfinite(before)]
    n = len(differences)
    nothing = Equivalence(metric, "cannot tell", margin, None, None, None, None, None, "none", n, n, len(now) - n, unit=unit)
    if n < 2:
        return _Test(nothing, None)
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    p_drift = float(resampler.sign_flip(differences[:, None])[0][0])
    return _figures(nothing, "prompts", _Evidence(float(differences.mean()), error, n - 1, p_drift))


def _stratified(
    metric: str,
    margin: float,
    strata: list[tuple[Floats, Floats]],
    *,
    prompts: int,
    resampler: Resampler,
    dropped: int = 0,
) -> _Test:
    """Compare the responses (now, before) within each stratum."""
    n = min((min(len(x), len(y)) for x, y in strata), default=0)
    nothing = Equivalence(metric, "cannot tell", margin, None, None, None, None, None, "none", n, prompts, dropped)
    if n < 2:
        return _Test(nothing, None)
    k = len(strata)
    difference = float(np.mean([x.mean() - y.mean() for x, y in strata]))
    parts = [(float(s.var(ddof=1)) / len(s) / k**2, len(s) - 1) for pair in strata for s in pair]
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(v**2 / f for v, f in parts) if total > 0 else 1.0
    p_drift = resampler.relabel(strata)[0]
    return _figures(nothing, "replicates", _Evidence(difference, math.sqrt(total), freedom, p_drift))


def _figures(nothing: Equivalence, scope: Scope, evidence: _Evidence) -> _Test:
    """Return the figures of both tests, neither corrected nor decided."""
    from scipy import special

    difference, error, margin = evidence.difference, evidence.error, nothing.margin
    if error > 1e-12 * margin:
        above = float(special.stdtr(evidence.freedom, -(difference + margin) / error))
        below = float(special.stdtr(evidence.freedom, (difference - margin) / error))
        p_same = max(above, below)
    else:
        p_same = 0.0 if abs(difference) < margin else 1.0
    reach = error * float(special.stdtrit(evidence.freedom, 1 - ALPHA))
    low, high = difference - reach, difference + reach
    figures = replace(nothing, scope=scope, difference=difference, low=low, high=high, p_same=p_same, p_drift=evidence.p_drift)
    return _Test(figures, evidence)


def _decide_all(tested: list[_Test]) -> tuple[Equivalence, ...]:
    """Correct both tests over the metrics and decide."""
    same = iter(holm([t.figures.p_same for t in tested if t.figures.p_same is not None]))
    drifted = iter(holm([t.evidence.p_drift for t in tested if t.evidence]))
    family = sum(t.evidence is not None for t in tested)
    return tuple(_decide(t.figures, t.evidence, next(same), next(drifted), family) if t.evidence else t.figures for t in tested)


def _decide(figures: Equivalence, evidence: _Evidence, p_same: float, p_drift: float, family: int) -> Equivalence:
    outcome: Outcome = "cannot tell"
    if p_same <= ALPHA:
        outcome = "same"
    elif p_drift <= ALPHA:
        outcome = "drifted"
    suggested = _suggest_n(figures, evidence, ALPHA / family) if outcome == "cannot tell" else None
    return replace(figures, outcome=outcome, p_same=p_same, p_drift=p_drift, n_suggested=suggested, family=family)


def _suggest_n(figures: Equivalence, evidence: _Evidence, alpha: float) -> int | None:
    """Return the ``n`` that settles it, planned with an upper limit of the spread; more than the present one."""
    n, per_unit = figures.n, evidence.freedom / (figures.n - 1)
    spread = upper_spread(evidence.error * math.sqrt(n), evidence.freedom)

    def needed(units: int) -> float:
        freedom = per_unit * (units - 1)
        for_drift = noncentrality(freedom, alpha, POWER)
        # a true difference of zero must pass both one-sided tests: each with half of the permitted failures
        for_sameness = noncentrality(freedom, 2 * alpha, (1 + POWER) / 2)
        return (max(for_drift, for_sameness) * spread / figures.margin) ** 2

    fewest = fewest_prompts(alpha) if figures.scope == "prompts" else MIN_REPLICATES
    units = smallest(needed, fewest)
    return None if units is None else units if units > n else 2 * n
