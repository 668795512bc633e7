"""Whether a metric stayed the same, drifted, or cannot be told: an equivalence test together with a difference test.

A drift is a contrast: each setting now less the same setting before, averaged over the settings. Its error and degrees of freedom
are those of the decision (see `pplab.analysis.contrasts` and `pplab.analysis.paired`), so that the regression gate and the
decision cannot contradict each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pplab.analysis.contrasts import over_prompts
from pplab.analysis.paired import FEW_PROMPTS, INTERACTION_OF_RUNS, CellValues, prior_variances
from pplab.analysis.phrasing import counted, decimals, number, probability, span
from pplab.analysis.power import ALPHA, MIN_PROMPTS, MIN_REPLICATES, POWER, noncentrality, smallest, upper_spread
from pplab.analysis.records import Report, Scope, caveat
from pplab.analysis.resampling import smallest_relabel_p
from pplab.analysis.response_matrix import layout
from pplab.analysis.statistics import holm
from pplab.analysis.unusable import usable_rows
from pplab.analysis.utility import clustered, metric_cells, utility_cells
from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pplab.analysis.response_matrix import Flags, ResponseMatrix

UTILITY = "utility"
"""The name of the row that compares the utility."""

_NOTHING = 1e-12

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
        Of two one-sided t tests against the margin, and of the two-sided t test against zero, with the same error; both
        corrected over ``family`` metrics (Holm).
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
    """What both tests need: the difference, its standard error with degrees of freedom, and the p-value of a difference."""

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

    Equivalence by two one-sided t tests (D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15:657, 1987), difference by the
    two-sided t test, each at 5%. The error of paired samples is that of their differences, and six pairs are needed; where
    they are not paired it is Welch's, and each side needs three values.

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
    results = []
    for metric, sides in samples.items():
        margin = _margin(margins, metric)
        before, now = (np.array([np.nan if v is None else v for v in side], dtype=np.float64) for side in sides)
        if paired and len(before) != len(now):
            raise BadInput(f"{len(before)} values are paired with {len(now)}", hint="pair them, or pass paired=False")
        values = np.full((2, max(len(before), len(now))), np.nan)
        values[0, : len(before)], values[1, : len(now)] = before, now
        cells = CellValues.of(values.T[:, :, None] if paired else values[None])
        results.append(_compared(metric, margin, _with_both(cells)))
    return _decide_all(results)


def drift(
    before: pd.DataFrame,
    now: pd.DataFrame,
    margins: Mapping[str, float],
    *,
    utility: float | None = None,
    precision: float = 0.5,
) -> tuple[Equivalence, ...]:
    """Decide for each metric in ``margins`` whether a second run of a plan gives what the first gave.

    A prompt's mean under each setting is compared with its own in the other run; the differences are averaged over the settings
    for which the prompt has both, and the prompts (or clusters) are tested. With fewer than three prompts (six, where nothing
    was asked twice, or all values are 0 or 1) the responses to each prompt under each setting are compared instead, and the
    result covers these prompts only.

    Parameters
    ----------
    before, now
        Responses of both runs, with the same ``prompt_index`` and ``setting_index`` for the same prompt and setting.
    margins
        For each metric the largest difference that does not matter.
    utility
        The largest difference of the utility that does not matter; it is then compared too, as the last row, over the answers
        that the decision counts.
    precision
        The share of precision in the utility, from 0 to 1.
    """
    from pplab.scoring.surface.distances import distance_matrix

    plan = _side_by_side(before, now)
    alone = replace(plan, unit="prompt")
    cells = [(metric, _margin(margins, metric), metric_cells(alone, metric)) for metric in margins]
    if utility is not None:
        counted = replace(alone, usable=usable_rows(plan), _cells={})
        of_utility = utility_cells(counted, precision, distance_matrix if "text" in plan.frame.columns else None)
        cells.append((UTILITY, _margin({UTILITY: utility}, UTILITY), of_utility or _no_cells(plan)))
    return _decide_all([_compared(metric, margin, clustered(plan, _with_both(one)), plan.unit) for metric, margin, one in cells])


def _margin(margins: Mapping[str, float], metric: str) -> float:
    if metric not in margins:
        raise BadInput(f"no margin is given for {metric}", hint="state the largest difference that does not matter")
    margin = float(margins[metric])
    if not (math.isfinite(margin) and margin > 0):
        raise BadInput(f"the margin {margin:g} of {metric} is not above 0", hint="give it in the metric's own units")
    return margin


def _side_by_side(before: pd.DataFrame, now: pd.DataFrame) -> ResponseMatrix:
    """Arrange both runs: two columns for each setting that has answers in both, before and now."""
    import pandas as pd

    both = pd.concat([before.assign(_now=0), now.assign(_now=1)], ignore_index=True)
    answered = both[both["status"] == "ok"]
    shared = answered.groupby("setting_index")["_now"].nunique() == 2
    both = both[both["setting_index"].isin(shared.index[shared])]
    codes = pd.factorize(both["setting_index"], sort=True)[0]
    return layout(both.assign(setting_index=2 * codes + both["_now"], setting_label=""))


def _no_cells(plan: ResponseMatrix) -> CellValues:
    return CellValues.of(np.full((plan.prompts, len(plan.settings), 1), np.nan))


def _with_both(cells: CellValues) -> CellValues:
    """Return the cells that have a counterpart in the other run; the columns are before and now, in turn.

    This comes before prompts are taken together in clusters: a cluster is compared on the prompts that both runs have.
    """
    there = np.isfinite(cells.means)
    both = np.repeat(there[:, 0::2] & there[:, 1::2], 2, axis=1)
    means, noise = (np.where(both, part, np.nan) for part in (cells.means, cells.noise))
    return CellValues(means, np.where(both, cells.counts, 0), noise, cells.pass_rates)


def _compared(metric: str, margin: float, cells: CellValues, unit: str = "prompt") -> _Test:
    """Return the figures of one metric: of prompts like these where they can be told, else of these prompts."""
    there = np.isfinite(cells.means)
    some = np.asarray(there.any(axis=1))
    kept, dropped = int(some.sum()), int((~some).sum())
    evidence = _of_prompts(cells, some) if kept >= FEW_PROMPTS else None
    if evidence is not None:
        return _figures(_nothing(metric, margin, kept, kept, dropped, unit), "prompts", evidence)
    repeated = (cells.counts >= MIN_REPLICATES) & np.isfinite(cells.noise)
    enough = repeated[:, 0::2] & repeated[:, 1::2]
    if not enough.any():
        return _Test(_nothing(metric, margin, kept, kept, dropped, unit), None)
    asked = int(cells.counts[np.repeat(enough, 2, axis=1)].min())
    prompts = int(enough.any(axis=1).sum())
    nothing = _nothing(metric, margin, asked, prompts, len(there) - prompts, unit)
    return _figures(nothing, "replicates", _of_these_prompts(cells, enough))


def _nothing(metric: str, margin: float, n: int, prompts: int, dropped: int, unit: str) -> Equivalence:
    return Equivalence(metric, "cannot tell", margin, None, None, None, None, None, "none", n, prompts, dropped, unit=unit)


def _of_prompts(cells: CellValues, some: Flags) -> _Evidence | None:
    """Return the drift for prompts like these: the contrast of now with before, each prompt over the settings that it has.

    The error is that of `pplab.analysis.contrasts.contrasts`, with the mean over the prompts of what the replicates let expect.
    """
    columns = np.isfinite(cells.means).any(axis=0)
    cells = cells.among(list(np.flatnonzero(columns)))
    means = cells.means[some]
    there = np.isfinite(means)
    weights = 2 * there / there.sum(axis=1, keepdims=True) * np.tile([-1.0, 1.0], there.shape[1] // 2)
    prior = prior_variances(cells, INTERACTION_OF_RUNS)
    if _unchanged(cells):
        known = len(means) >= MIN_PROMPTS or bool(np.isfinite(cells.noise).any())
        return _Evidence(0.0, 0.0, len(means) - 1, 1.0) if known else None
    by_prompt = (weights * np.where(there, means, 0.0)).sum(axis=1, keepdims=True)
    expected = None if prior is None else (weights**2 @ prior).mean(keepdims=True)
    effect, error, freedom = (float(part[0]) for part in over_prompts(by_prompt, expected, cells.pass_rates))
    return _Evidence(effect, error, freedom, _two_sided(effect, error, freedom)) if math.isfinite(error) else None


def _of_these_prompts(cells: CellValues, enough: Flags) -> _Evidence:
    """Return the drift for these very prompts: of the replicates alone, each prompt and setting counting the same.

    Welch's error; that of pass rates has one success and one failure more on each side (A. Agresti and B. Caffo, Am. Stat.
    54:280, 2000), stretched as much as that shrinks the difference. Where no answer varied there is no error, and a difference
    is as likely as the labels are to fall just so (R. A. Fisher, "The Design of Experiments", 1935).
    """
    shape = (len(cells.means), -1, 2)
    means, counts, noise = (part.reshape(shape)[enough] for part in (cells.means, cells.counts, cells.noise))
    if _unchanged(cells):
        return _Evidence(0.0, 0.0, 1.0, 1.0)
    if cells.pass_rates:
        rate = (means * counts + 1) / (counts + 2)
        noise = rate * (1 - rate) * (counts + 2) / counts**2
    differences = means[:, 1] - means[:, 0]
    difference, parts = float(differences.mean()), noise / len(means) ** 2
    total = float(parts.sum())
    if math.sqrt(total) <= _NOTHING:
        apart = counts[np.abs(differences) > _NOTHING]
        return _Evidence(difference, 0.0, 1.0, math.prod(smallest_relabel_p([(int(a), int(b))]) for a, b in apart))
    error, freedom = math.sqrt(total), total**2 / float((parts**2 / (counts - 1)).sum())
    return _Evidence(difference, error, freedom, _two_sided(difference, error, freedom))


def _unchanged(cells: CellValues) -> bool:
    """Return whether every value is just what it was, so that there is nothing to test.

    Pass rates may agree by chance; of them only those count that never varied.
    """
    means, noise = (part[:, 1::2] - part[:, 0::2] for part in (cells.means, np.nan_to_num(cells.noise)))
    there = np.isfinite(means)
    if not there.any() or max(np.abs(means[there]).max(), np.abs(noise[there]).max()) > _NOTHING:
        return False
    seen = np.isfinite(cells.means)
    return not cells.pass_rates or np.ptp(cells.means[seen]) == 0 or bool((cells.noise[seen] == 0).all())


def _two_sided(difference: float, error: float, freedom: float) -> float:
    """Return the p-value of Student's t for a difference of zero."""
    from scipy import special

    if error <= _NOTHING:
        return 0.0 if abs(difference) > _NOTHING else 1.0
    return float(2 * special.stdtr(freedom, -abs(difference) / error))


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
    n, of_prompts = figures.n, figures.scope == "prompts"
    prior = evidence.freedom - (n - 1) if of_prompts else 0.0
    spread = upper_spread(evidence.error * math.sqrt(n), evidence.freedom)

    def needed(units: int) -> float:
        freedom = units - 1 + prior if of_prompts else evidence.freedom * (units - 1) / (n - 1)
        for_drift = noncentrality(freedom, alpha, POWER)
        # a true difference of zero must pass both one-sided tests: each with half of the permitted failures
        for_sameness = noncentrality(freedom, 2 * alpha, (1 + POWER) / 2)
        return (max(for_drift, for_sameness) * spread / figures.margin) ** 2

    fewest = MIN_REPLICATES if not of_prompts else FEW_PROMPTS if prior else MIN_PROMPTS
    units = smallest(needed, fewest)
    return None if units is None else units if units > n else 2 * n
