"""Statistics of settings: means with intervals, and differences paired by prompt, corrected for their number.

The prompt is the unit: settings see the same prompts, so differences are taken within a prompt and prompts are
resampled whole. With fewer than six prompts nothing is said about other prompts; the responses are resampled within
each prompt instead, and the result says that it covers these prompts only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.power import ALPHA, MIN_FREEDOM, MIN_PROMPTS, MIN_REPLICATES, noncentrality
from pplab.analysis.records import Comparisons, Difference, Interval, Scope
from pplab.analysis.resampling import LEVEL, RESAMPLES, Resampler, smallest_relabel_p, smallest_sign_flip_p
from pplab.analysis.response_matrix import Cells, Floats, Integers, ResponseMatrix, Responses, layout
from pplab.analysis.unused import only_one, why_unusable
from pplab.errors import BadInput
from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def too_little(unit: str) -> str:
    """Return what an interval or a test needs at least, for a result that has neither."""
    if unit == "cluster":
        return f"at least {MIN_PROMPTS} clusters of prompts are needed"
    return f"at least {MIN_PROMPTS} prompts, or {MIN_FREEDOM + 1} usable responses to each prompt, are needed"


# -- corrections and effect sizes -------------------------------------------------------------------------------------


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that the chance of any false finding stays at the level (Holm 1979, Scand. J. Stat. 6:65).

    Examples
    --------
    >>> [round(x, 4) for x in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return _unsorted(stepped, order)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that of all findings at most the level is false (Benjamini & Hochberg 1995, JRSS B 57:289).

    Examples
    --------
    >>> [round(x, 4) for x in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    return _unsorted(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _unsorted(adjusted: Floats, order: Integers) -> list[float]:
    out = np.empty_like(adjusted)
    out[order] = np.minimum(adjusted, 1.0)
    return [float(x) for x in out]


# -- means ------------------------------------------------------------------------------------------------------------


def mean_intervals(
    frame: Responses,
    metrics: Sequence[str] = SCORES,
    *,
    include_truncated: bool = False,
) -> tuple[Interval, ...]:
    """Return the mean of each metric under each setting with its interval, metric by metric in setting order.

    Parameters
    ----------
    frame
        Responses, see `pplab.analysis.response_matrix.layout`.
    metrics
        Names of columns.
    include_truncated
        Also count responses that were cut at ``max_tokens``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, 0, "ok", 0.5 + p / 100) for p in range(21)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "status", "coherence"])
    >>> print(mean_intervals(frame, ["coherence"])[0].words)
    coherence at setting 0: 0.60 (95% interval 0.57 to 0.63, 21 prompts).
    """
    plan, resampler = layout(frame, include_truncated=include_truncated), Resampler()
    return tuple(interval for metric in metrics for interval in intervals(plan, plan.cells(metric), resampler))


def intervals(plan: ResponseMatrix, cells: Cells, resampler: Resampler) -> list[Interval]:
    """Return the interval of each column of ``plan`` on one metric."""
    units = plan.clustered(cells.means)
    low, high, _ = _bounds_of_columns(units, resampler)
    out = []
    for column in range(len(plan.settings)):
        bounds = None if np.isnan(low[column]) else (float(low[column]), float(high[column]))
        out.append(_interval(plan, cells, column, units[:, column], bounds, resampler=resampler))
    return out


def _interval(
    plan: ResponseMatrix,
    cells: Cells,
    column: int,
    units: Floats,
    over_prompts: tuple[float, float] | None,
    *,
    resampler: Resampler,
) -> Interval:
    present = int(np.isfinite(units).sum())
    responses = int(cells.counts[:, column].sum())
    mean = float(units[np.isfinite(units)].mean()) if present else None
    scope: Scope = "none"
    low: float | None = None
    high: float | None = None
    if over_prompts:
        scope, (low, high) = "prompts", over_prompts
    elif mean is not None:
        prompts = np.flatnonzero(cells.counts[:, column])
        samples = [cells.replicates(int(p), column) for p in prompts]
        if enough_within(samples) and plan.unit == "prompt":
            bounds = resampler.interval([s[:, None] for s in samples], [1 / len(samples)] * len(samples))
            scope, low, high = "replicates", float(bounds.low[0]), float(bounds.high[0])
    note = "" if scope != "none" else (too_little(plan.unit) if responses else "no usable response")
    return Interval(cells.metric, plan.labels[column], mean, low, high, LEVEL, scope, present, responses, plan.unit, note)


def enough_within(samples: Sequence[Floats]) -> bool:
    """Whether the responses to a few prompts say how much these responses vary."""
    sizes = [len(s) for s in samples]
    return min(sizes, default=0) >= MIN_REPLICATES and sum(n - 1 for n in sizes) >= MIN_FREEDOM


def _columns_by_size(columns: Floats) -> dict[int, list[int]]:
    """Group columns by how many of their entries are present; the groups share their resamples."""
    groups: dict[int, list[int]] = {}
    for column, size in enumerate(np.isfinite(columns).sum(axis=0)):
        if size >= MIN_PROMPTS:
            groups.setdefault(int(size), []).append(column)
    return groups


def _compact(columns: Floats, members: list[int], size: int) -> Floats:
    """Return the present entries of some columns, each having ``size`` of them."""
    chosen = columns[:, members]
    return chosen.T[np.isfinite(chosen.T)].reshape(len(members), size).T


def _bounds_of_columns(columns: Floats, resampler: Resampler) -> tuple[Floats, Floats, Floats]:
    """Return the interval and the share above zero of each column's mean; NaN where it has too few entries."""
    low, high, above = (np.full(columns.shape[1], np.nan) for _ in range(3))
    for size, members in _columns_by_size(columns).items():
        for start in range(0, len(members), 256):
            part = members[start : start + 256]
            bounds = resampler.interval([_compact(columns, part, size)])
            low[part], high[part], above[part] = bounds.low, bounds.high, bounds.above_zero
    return low, high, above


# -- differences ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Finding:
    """What is known of one comparison before the correction over all of them."""

    metric: str
    a: int
    b: int
    mean_a: float | None = None
    mean_b: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    scope: Scope = "none"
    prompts: int = 0
    dropped: int = 0
    responses_a: int = 0
    responses_b: int = 0
    p: float | None = None
    smallest_p: float = 1.0
    exact: bool = False
    delta: float | None = None
    higher: float | None = None
    error: float = 0.0
    freedom: int = 1
    note: str = ""


def compare(
    frame: Responses,
    a: int,
    b: int,
    metrics: Sequence[str] = SCORES,
    *,
    include_truncated: bool = False,
    lower_is_better: Collection[str] = (),
) -> Comparisons:
    """Compare two settings, a planned contrast. See `compare_pairs`."""
    return compare_pairs(frame, [(a, b)], metrics, include_truncated=include_truncated, lower_is_better=lower_is_better)


def compare_pairs(
    frame: Responses,
    pairs: Sequence[tuple[int, int]],
    metrics: Sequence[str] = SCORES,
    *,
    include_truncated: bool = False,
    lower_is_better: Collection[str] = (),
) -> Comparisons:
    """Compare pairs of settings that were planned beforehand, paired by prompt: Holm's correction over all pairs and metrics.

    Parameters
    ----------
    frame
        Responses, see `pplab.analysis.response_matrix.layout`.
    pairs
        Pairs of ``setting_index``.
    metrics
        Names of columns.
    include_truncated
        Also count responses that were cut at ``max_tokens``.
    lower_is_better
        Metrics of which less is better.

    Raises
    ------
    BadInput
        A column or a setting does not exist, or a setting is compared with itself.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, s, "ok", s / 10 + p % 3 / 100 + p % 7 * s / 200) for p in range(20) for s in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "status", "coherence"])
    >>> print(compare(frame, 0, 1, ["coherence"]).words)
    setting 1 scores higher than setting 0 on coherence: by 0.114, interval 0.110 to 0.119 (20 prompts, p < 0.001).
    """
    plan, resampler = layout(frame, include_truncated=include_truncated), Resampler()
    for a, b in pairs:
        if a == b:
            raise BadInput(f"setting {a} is compared with itself", hint="name two different settings")
    columns = [(plan.column(a), plan.column(b)) for a, b in pairs]
    permutations = max(RESAMPLES, math.ceil(2 * len(columns) * len(metrics) / ALPHA) - 1)
    findings = [f for m in metrics for f in differences(plan, plan.cells(m), columns, resampler, permutations)]
    return Comparisons(correct(plan, findings, lower_is_better))


def differences(
    plan: ResponseMatrix, cells: Cells, pairs: Sequence[tuple[int, int]], resampler: Resampler, permutations: int
) -> list[Finding]:
    """Compare pairs of columns of ``plan`` on one metric, before any correction."""
    if not pairs:
        return []
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    both = np.isfinite(cells.means[:, first]) & np.isfinite(cells.means[:, second])
    units_a = plan.clustered(np.where(both, cells.means[:, first], np.nan))
    units_b = plan.clustered(np.where(both, cells.means[:, second], np.nan))
    units = units_a - units_b
    low, high, above = _bounds_of_columns(units, resampler)
    p: Floats = np.full(len(pairs), np.nan)
    for size, members in _columns_by_size(units).items():
        p[members], _ = resampler.sign_flip(_compact(units, members, size), permutations)
    deltas = _deltas(plan, cells, pairs)
    findings = []
    for k, (a, b) in enumerate(pairs):
        present = np.isfinite(units[:, k])
        n = int(present.sum())
        finding = Finding(cells.metric, a, b, prompts=n, dropped=len(units) - n, delta=deltas[k])
        finding.responses_a = int(cells.counts[both[:, k], a].sum())
        finding.responses_b = int(cells.counts[both[:, k], b].sum())
        if n:
            finding.mean_a, finding.mean_b = float(units_a[present, k].mean()), float(units_b[present, k].mean())
            finding.difference = float(units[present, k].mean())
        if n >= MIN_PROMPTS:
            finding.scope, finding.low, finding.high = "prompts", float(low[k]), float(high[k])
            finding.p, finding.exact, finding.higher = float(p[k]), n <= 12, float(above[k])
            finding.smallest_p = smallest_sign_flip_p(n, permutations)
            finding.error, finding.freedom = float(units[present, k].std(ddof=1)) / math.sqrt(n), n - 1
        elif n:
            _within_prompts(plan, cells, finding, resampler, permutations)
        else:
            finding.note = _nothing_shared(plan, cells, a, b)
        findings.append(finding)
    return findings


def _nothing_shared(plan: ResponseMatrix, cells: Cells, a: int, b: int) -> str:
    """Return why two settings have no unit in common."""
    scored = [column for column in (a, b) if cells.counts[:, column].any()]
    empty = [column for column in (a, b) if not plan.usable[plan.setting_of_row == column].any()]
    if len(plan.settings) == 2 and len(scored) == 1:
        return only_one(plan, scored[0])
    why = f": {why_unusable(plan, empty)}" if len(empty) == 1 else ""
    return f"no {plan.unit} has usable responses under both{why}"


def _within_prompts(plan: ResponseMatrix, cells: Cells, finding: Finding, resampler: Resampler, permutations: int) -> None:
    """Compare the responses to a few prompts, which are taken as the only ones of interest."""
    a, b = finding.a, finding.b
    shared = np.flatnonzero((cells.counts[:, a] >= MIN_REPLICATES) & (cells.counts[:, b] >= MIN_REPLICATES))
    strata = [(cells.replicates(int(p), a), cells.replicates(int(p), b)) for p in shared]
    samples = [s for s, _ in strata] + [s for _, s in strata]
    if plan.unit != "prompt" or not enough_within(samples):
        finding.note = too_little(plan.unit)
        return
    k = len(strata)
    bounds = resampler.interval([s[:, None] for s in samples], [1 / k] * k + [-1 / k] * k)
    finding.scope, finding.low, finding.high = "replicates", float(bounds.low[0]), float(bounds.high[0])
    finding.higher = float(bounds.above_zero[0])
    finding.mean_a = float(np.mean([s.mean() for s, _ in strata]))
    finding.mean_b = float(np.mean([s.mean() for _, s in strata]))
    finding.difference = finding.mean_a - finding.mean_b
    finding.dropped += finding.prompts - k
    finding.prompts = k
    finding.responses_a, finding.responses_b = (sum(len(s[i]) for s in strata) for i in (0, 1))
    finding.p, finding.exact = resampler.relabel(strata, permutations)
    finding.smallest_p = smallest_relabel_p([(len(x), len(y)) for x, y in strata], permutations)
    parts = [float(s.var(ddof=1)) / len(s) / k**2 for s in samples]
    total = sum(parts)
    finding.error = math.sqrt(total)
    if total > 0:
        finding.freedom = int(total**2 / sum(v**2 / (len(s) - 1) for v, s in zip(parts, samples, strict=True)))


def correct(plan: ResponseMatrix, findings: list[Finding], lower_is_better: Collection[str]) -> tuple[Difference, ...]:
    """Correct over all comparisons that were tested (Holm) and put them into words."""
    tested = [f for f in findings if f.p is not None]
    adjusted = dict(zip(map(id, tested), holm([f.p for f in tested if f.p is not None]), strict=True))
    alpha = ALPHA / max(1, len(tested))
    reach: dict[int, float] = {}  # the search is slow, and most comparisons share their degrees of freedom
    out = []
    for f in findings:
        detectable = None
        if f.p is not None and f.error > 0 and f.smallest_p <= alpha:
            if f.freedom not in reach:
                reach[f.freedom] = noncentrality(f.freedom, alpha)
            detectable = f.error * reach[f.freedom]
        out.append(
            Difference(
                metric=f.metric,
                a=plan.settings[f.a],
                b=plan.settings[f.b],
                label_a=plan.labels[f.a],
                label_b=plan.labels[f.b],
                mean_a=f.mean_a,
                mean_b=f.mean_b,
                difference=f.difference,
                low=f.low,
                high=f.high,
                level=LEVEL,
                scope=f.scope,
                prompts=f.prompts,
                dropped=f.dropped,
                responses_a=f.responses_a,
                responses_b=f.responses_b,
                p=f.p,
                exact=f.exact,
                p_adjusted=adjusted.get(id(f)),
                family=len(tested),
                cliffs_delta=f.delta,
                probability_higher=f.higher,
                detectable=detectable,
                higher_is_better=f.metric not in lower_is_better,
                unit=plan.unit,
                note=f.note,
            )
        )
    return tuple(out)


def _deltas(plan: ResponseMatrix, cells: Cells, pairs: Sequence[tuple[int, int]]) -> list[float | None]:
    """Return Cliff's delta of each pair, taken within prompts and averaged over them."""
    _, rank = np.unique(cells.values, return_inverse=True)
    key = cells.prompt * (int(rank.max(initial=0)) + 1) + rank
    ordered = [np.sort(key[cells.setting == s]) for s in range(len(plan.settings))]
    prompt = [cells.prompt[cells.setting == s] for s in range(len(plan.settings))]
    unsorted = [key[cells.setting == s] for s in range(len(plan.settings))]
    start = [np.cumsum(cells.counts[:, s]) - cells.counts[:, s] for s in range(len(plan.settings))]
    out: list[float | None] = []
    for a, b in pairs:
        below = np.searchsorted(ordered[b], unsorted[a], "left") - start[b][prompt[a]]
        above = cells.counts[prompt[a], b] - (np.searchsorted(ordered[b], unsorted[a], "right") - start[b][prompt[a]])
        wins = np.bincount(prompt[a], weights=below - above, minlength=plan.prompts)
        comparisons = cells.counts[:, a] * cells.counts[:, b]
        delta = np.divide(wins, comparisons, out=np.full(plan.prompts, np.nan), where=comparisons > 0)
        units = plan.clustered(delta[:, None])[:, 0]
        present = units[np.isfinite(units)]
        out.append(float(present.mean()) if present.size else None)
    return out
