"""Which setting is best on a metric, as a probability for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.power import MIN_PROMPTS
from pplab.analysis.records import Best, Chance, Scope
from pplab.analysis.resampling import Resampler
from pplab.analysis.response_matrix import Cells, Floats, ResponseMatrix, Responses, layout
from pplab.analysis.statistics import enough_within, too_little
from pplab.analysis.unused import only_one
from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def best(
    frame: Responses,
    metrics: Sequence[str] = SCORES,
    *,
    include_truncated: bool = False,
    lower_is_better: Collection[str] = (),
    resampler: Resampler | None = None,
) -> tuple[Best, ...]:
    """Return for each metric the probability that each setting is the best one.

    It is the share of bootstrap resamples (of prompts; with fewer than six prompts, of the responses to each) in which
    the setting's mean is the best, ties shared. Only prompts with usable responses under every setting are used;
    settings without any usable response are not ranked. Below the minimum nothing is ranked.

    Parameters
    ----------
    frame, metrics, include_truncated, lower_is_better, resampler
        As in `pplab.analysis.statistics.compare_all`.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, s, "ok", s / 10 + p % 3 / 100) for p in range(20) for s in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "status", "coherence"])
    >>> best(frame, ["coherence"])[0].chances[0].probability
    1.0
    """
    plan, resampler = layout(frame, include_truncated=include_truncated), resampler or Resampler()
    return tuple(_best(plan, plan.cells(m), resampler, sign=-1 if m in lower_is_better else 1) for m in metrics)


def _best(plan: ResponseMatrix, cells: Cells, resampler: Resampler, sign: int) -> Best:
    ranked = [s for s in range(len(plan.settings)) if cells.counts[:, s].any()]
    if len(ranked) < 2:
        missing = only_one(plan, ranked[0]) if ranked else "no usable response has a value"
        return Best(cells.metric, (), "none", 0, 0, plan.unit, missing)
    means = cells.means[:, ranked]
    complete = np.asarray(np.isfinite(means).all(axis=1))
    units = plan.clustered(np.where(complete[:, None], means, np.nan))
    shared = units[np.isfinite(units).all(axis=1)]
    dropped = len(units) - len(shared)
    scope: Scope
    if len(shared) >= MIN_PROMPTS:
        scope, centre, resampled, n = "prompts", shared.mean(axis=0), resampler.means([shared])[0], len(shared)
    else:
        prompts = np.flatnonzero(complete)
        samples = [[cells.replicates(int(p), s) for p in prompts] for s in ranked]
        if plan.unit != "prompt" or not prompts.size or not enough_within([x for s in samples for x in s]):
            return Best(cells.metric, (), "none", len(shared), dropped, plan.unit, too_little(plan.unit))
        scope, n = "replicates", len(prompts)
        centre = np.array([np.mean([x.mean() for x in s]) for s in samples])
        means_of_samples = resampler.means([x[:, None] for s in samples for x in s])
        resampled = np.array([sum(m[0] for m in means_of_samples[i * n : (i + 1) * n]) / n for i in range(len(ranked))])
    if np.ptp(resampled) <= 1e-12 * np.abs(resampled).max():
        return Best(cells.metric, (), scope, n, dropped, plan.unit, "every response has the same value")
    share = winning_shares(sign * resampled)
    order = sorted(range(len(ranked)), key=lambda i: (-share[i], -sign * centre[i], i))
    chances = tuple(Chance(plan.settings[ranked[i]], plan.labels[ranked[i]], float(centre[i]), float(share[i])) for i in order)
    return Best(cells.metric, chances, scope, n, dropped, plan.unit, higher_is_better=sign > 0)


def winning_shares(resampled: Floats) -> Floats:
    """Return for each row (a setting) the share of columns (resamples) in which it is highest; ties are shared."""
    scale = float(np.abs(resampled).max())
    top = resampled >= resampled.max(axis=0) - 1e-12 * scale
    return np.asarray((top / top.sum(axis=0)).mean(axis=1))
