"""How far apart the responses of a setting are: the mean distance over pairs of responses to one prompt.

A mean over pairs is a U-statistic (Hoeffding 1948, Ann. Math. Stat. 19:293): one response sits in many pairs, so pairs
are not independent and are never resampled. Prompts are; with fewer than six of them, the responses to each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pplab.analysis.power import ALPHA, MIN_FREEDOM
from pplab.analysis.records import Comparisons
from pplab.analysis.resampling import RESAMPLES, Bounds, Resampler, Stratum, bca, smallest_relabel_p
from pplab.analysis.response_matrix import Floats, ResponseMatrix, layout, need
from pplab.analysis.statistics import Finding, correct, differences, too_little
from pplab.errors import BadInput

Distance = Callable[[Sequence[str]], Floats]
MIN_RESPONSES = MIN_FREEDOM + 1
"""Fewest responses to a prompt from which the uncertainty of their mean distance is judged."""


def compare_diversity(
    frame: pd.DataFrame,
    distance: Distance | Floats,
    pairs: Sequence[tuple[int, int]],
    *,
    include_truncated: bool = False,
) -> Comparisons:
    """Compare the diversity of settings, paired by prompt, as `pplab.analysis.statistics.compare_pairs` does for a metric.

    With fewer than six prompts the responses to each prompt are resampled and their labels exchanged; the null
    hypothesis is then that both settings write the same kind of responses. ``cliffs_delta`` compares the diversities of
    prompts, and is ``None`` where there are fewer than six.

    Parameters
    ----------
    frame
        Responses with a column ``text``, see `pplab.analysis.response_matrix.layout`.
    distance
        A function from n texts to their distances in [0, 1], shape (n, n), symmetric; or that array for all rows of
        ``frame`` in order.
    pairs
        Pairs of ``setting_index``, planned beforehand.
    include_truncated
        Also count responses that were cut at ``max_tokens``.
    """
    plan, resampler = layout(frame, include_truncated=include_truncated), Resampler()
    texts = Texts(plan, distance)
    columns = [(plan.column(a), plan.column(b)) for a, b in pairs]
    permutations = max(RESAMPLES, math.ceil(2 * len(columns) / ALPHA) - 1)
    measured = _as_matrix(plan, _table(plan, texts))
    findings = differences(measured, measured.cells("diversity"), columns, resampler, permutations)
    for finding in findings:
        both = [p for p in texts.prompts(finding.a) if len(texts.rows[p, finding.b]) > 1]
        finding.responses_a, finding.responses_b = (sum(len(texts.rows[p, s]) for p in both) for s in (finding.a, finding.b))
        if finding.scope == "none" and finding.prompts:
            _compare_within(plan, texts, finding, resampler, permutations)
    return Comparisons(correct(plan, findings, ()))


class Texts:
    """The usable rows of each cell, and the distances between any of them."""

    def __init__(self, plan: ResponseMatrix, distance: Distance | Floats) -> None:
        self.distance = distance
        if callable(distance):
            need(plan.frame, ["text"])
            self.texts: list[str] = plan.frame["text"].fillna("").astype(str).tolist()
        elif np.shape(distance) != (len(plan.frame), len(plan.frame)):
            raise BadInput("the distances do not match the responses", hint="give an array with a row and column for each")
        self.rows = plan.rows()

    def between(self, rows: list[int]) -> Floats:
        """Return the distances between some rows, with zeros on the diagonal."""
        if callable(self.distance):
            distances = np.array(self.distance([self.texts[r] for r in rows]), dtype=np.float64)
        else:
            distances = np.array(self.distance[np.ix_(rows, rows)], dtype=np.float64)
        np.fill_diagonal(distances, 0.0)
        return distances

    def prompts(self, column: int) -> list[int]:
        """Return the prompts with at least two usable responses under a setting."""
        return [p for (p, s), rows in self.rows.items() if s == column and len(rows) > 1]


def _table(plan: ResponseMatrix, texts: Texts) -> pd.DataFrame:
    frame = plan.frame
    records: list[dict[str, Any]] = []
    for (_, column), rows in texts.rows.items():
        if len(rows) > 1:
            first = frame.iloc[rows[0]]
            records.append(
                {
                    "prompt_index": first["prompt_index"],
                    "setting_index": plan.settings[column],
                    "setting_label": plan.labels[column],
                    "responses": len(rows),
                    "diversity": mean_distance(texts.between(rows)),
                    **({"cluster": first["cluster"]} if "cluster" in frame.columns else {}),
                }
            )
    names = ["prompt_index", "setting_index", "setting_label", "responses", "diversity"]
    return pd.DataFrame(records, columns=[*names, *(["cluster"] if "cluster" in frame.columns else [])])


def _as_matrix(plan: ResponseMatrix, table: pd.DataFrame) -> ResponseMatrix:
    """Arrange the diversities as if each were one response; cells without one are there, but not usable."""
    frame = plan.frame[["prompt_index", "setting_index", *(["cluster"] if "cluster" in plan.frame.columns else [])]]
    cells = frame.drop_duplicates(["prompt_index", "setting_index"])
    diversities = cells.merge(table[["prompt_index", "setting_index", "diversity"]], how="left")
    return layout(diversities.assign(status=np.where(diversities["diversity"].notna(), "ok", "empty")))


def mean_distance(distances: Floats) -> float:
    """Return the mean over pairs of different responses."""
    n = len(distances)
    return float(distances.sum() / (n * (n - 1)))


def _resampled_interval(matrices: Sequence[Floats], coefficients: Sequence[float], resampler: Resampler) -> Bounds:
    """Return the BCa interval of a sum of mean distances, each over the responses to one prompt under one setting.

    A resample weighs each pair of different responses by the product of their shares. A response drawn twice is no
    pair with itself: counted as one, it would pull every resample towards zero.
    """
    parts = resampler.resample([len(m) for m in matrices], [partial(weighted_distance, m) for m in matrices])
    resampled = np.sum([c * part for c, part in zip(coefficients, parts, strict=True)], axis=0)
    own = [mean_distance(m) for m in matrices]
    influences = [
        c * 2 * (m.sum(axis=1) / (len(m) - 1) - mean)[:, None] for c, m, mean in zip(coefficients, matrices, own, strict=True)
    ]
    estimate = np.array([np.dot(coefficients, own)])
    return bca(estimate, resampled[None, np.isfinite(resampled)], influences)


def weighted_distance(distances: Floats, shares: Floats) -> Floats:
    """Return the mean distance in each resample; NaN where it holds one response only."""
    pairs = 1 - (shares**2).sum(axis=1)
    weighted = ((shares @ distances) * shares).sum(axis=1)
    return np.where(pairs > 1e-9, weighted / np.where(pairs > 1e-9, pairs, 1.0), np.nan)


def _compare_within(plan: ResponseMatrix, texts: Texts, finding: Finding, resampler: Resampler, permutations: int) -> None:
    """Compare the responses to a few prompts, which are taken as the only ones of interest."""
    cells = [(texts.rows[p, finding.a], texts.rows[p, finding.b]) for p in range(plan.prompts)]
    cells = [(a, b) for a, b in cells if min(len(a), len(b)) >= MIN_RESPONSES]
    if plan.unit != "prompt" or not cells:
        finding.note = too_little(plan.unit)
        return
    k = len(cells)
    matrices = [texts.between(rows) for side in zip(*cells, strict=True) for rows in side]
    bounds = _resampled_interval(matrices, [1 / k] * k + [-1 / k] * k, resampler)
    means = [mean_distance(m) for m in matrices]
    finding.mean_a, finding.mean_b = float(np.mean(means[:k])), float(np.mean(means[k:]))
    finding.scope, finding.difference, finding.delta = "replicates", float(bounds.estimate[0]), None
    finding.low, finding.high, finding.higher = float(bounds.low[0]), float(bounds.high[0]), float(bounds.above_zero[0])
    finding.dropped += finding.prompts - k
    finding.prompts = k
    finding.responses_a, finding.responses_b = (sum(len(cell[side]) for cell in cells) for side in (0, 1))
    strata = [Stratum(len(a), len(b), _split_distance(texts.between(a + b), len(a))) for a, b in cells]
    finding.p, finding.exact = resampler.relabel_by(strata, permutations)
    finding.smallest_p = smallest_relabel_p([(s.a, s.b) for s in strata], permutations)
    influence = [m.sum(axis=1) / (len(m) - 1) - mean for m, mean in zip(matrices, means, strict=True)]
    finding.error = math.sqrt(sum(4 * float(i.var(ddof=1)) / len(i) for i in influence)) / k
    finding.freedom = min(len(m) for m in matrices) - 1


def _split_distance(distances: Floats, size: int) -> Callable[[Floats], Floats]:
    """Return the statistic "mean distance of the chosen ``size`` responses minus that of the others"."""
    others = len(distances) - size

    def statistic(chosen: Floats) -> Floats:
        inside = ((chosen @ distances) * chosen).sum(axis=1) / (size * (size - 1))
        outside = (((1 - chosen) @ distances) * (1 - chosen)).sum(axis=1) / (others * (others - 1))
        return np.asarray(inside - outside)

    return statistic
