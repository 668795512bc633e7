"""What an answer is worth to a user: precision and personality, defined here once, and their balance as one number.

*Precision* is the mean of agreement (one less the diversity of the answers to a prompt), coherence and completeness;
*personality* that of creativity and diversity. The utility of a setting for a prompt is ``w precision + (1 - w) personality``, on
the raw scales from 0 to 1, never stretched, so that no third setting changes the order of two.

Diversity stands on both axes: above a precision of 60 % its weight ``(1-w)/2 - w/3`` is negative, and greedy settings are
favoured by construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.diversity import Texts, mean_distance
from pplab.analysis.paired import CellValues, are_pass_rates
from pplab.plan.vocabulary import PRECISION_SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.diversity import Distance
    from pplab.analysis.response_matrix import Flags, Floats, Integers, ResponseMatrix

PRECISION = ("agreement", *PRECISION_SCORES)
PERSONALITY = ("creativity", "diversity")


def metric_cells(plan: ResponseMatrix, metric: str, sign: float = 1.0) -> CellValues:
    """Return the cells of one metric; ``sign`` -1 where less is better."""
    return clustered(plan, _cells(plan, sign * plan.numbers(metric)))


def utility_cells(plan: ResponseMatrix, weight: float, distance: Distance | Floats | None) -> CellValues | None:
    """Return the cells of the utility; ``None`` where an axis has no measure at all.

    Parameters
    ----------
    plan
        The arranged responses.
    weight
        The share of precision, from 0 to 1.
    distance
        As in `pplab.analysis.diversity.compare_diversity`; ``None`` leaves agreement and diversity out.
    """
    own = [name for name in (*PRECISION_SCORES, "creativity") if name in plan.frame.columns]
    numbers = {name: plan.numbers(name) for name in own}
    means = {name: plan.cells(name).means for name in own}
    answers = _cells(plan, np.where(plan.usable, 0.0, np.nan)).counts
    complete = {name: _complete(means[name], answers) for name in own}
    compared, repeated = (np.asarray((answers > few).any(axis=0)) for few in (0, 1))
    texts = Texts(plan, distance) if distance is not None and repeated[compared].all() else None
    distances = {cell: texts.between(rows) for cell, rows in texts.rows.items() if len(rows) > 1} if texts is not None else {}
    precise = sum((complete[name].astype(int) for name in PRECISION_SCORES if name in own), np.zeros(plan.prompts, dtype=int))
    personal = complete["creativity"].astype(int) if "creativity" in own else np.zeros(plan.prompts, dtype=int)
    precise, personal = precise + (texts is not None), personal + (texts is not None)
    with np.errstate(divide="ignore"):
        of_precision, of_personality = weight / precise, (1 - weight) / personal
    judged = (precise > 0) & (personal > 0)
    if not judged.any():
        return None
    prompt, setting = plan.prompt_of_row, plan.setting_of_row
    worth = np.where(plan.usable & judged[prompt], 0.0, np.nan)
    for name in own:
        share = np.where(complete[name], of_personality if name == "creativity" else of_precision, 0.0)[prompt]
        value = np.where(np.isfinite(numbers[name]), numbers[name], means[name][prompt, setting])
        worth += np.where(share > 0, share * value, 0.0)
    cells = _cells(plan, worth)
    if texts is None:
        return clustered(plan, cells)
    of_diversity = np.where(judged, of_personality - of_precision, 0.0)[:, None]
    whole = cells.means + of_diversity * _diversities(distances, answers.shape) + np.where(judged, of_precision, 0.0)[:, None]
    noise = cells.noise.copy()
    for (p, s), between in distances.items():
        if len(between) > 2 and judged[p]:
            noise[p, s] = _jackknife(worth[texts.rows[p, s]], between, float(of_diversity[p, 0]))
    return clustered(plan, CellValues(whole, cells.counts, noise))


def _cells(plan: ResponseMatrix, values: Floats) -> CellValues:
    """Return the cells of a value of each row; NaN where it has none."""
    keep = np.isfinite(values)
    shape = plan.prompts, len(plan.settings)
    size = shape[0] * shape[1]
    cell = plan.prompt_of_row[keep] * shape[1] + plan.setting_of_row[keep]
    counts = np.bincount(cell, minlength=size)
    safe = np.maximum(counts, 1)
    means = np.bincount(cell, weights=values[keep], minlength=size) / safe
    squares = np.bincount(cell, weights=(values[keep] - means[cell]) ** 2, minlength=size)
    whole = np.where(counts > 0, means, np.nan)
    noise = np.asarray(np.where(counts > 1, squares / np.maximum(counts - 1, 1) / safe, np.nan))
    return CellValues(whole.reshape(shape), counts.reshape(shape), noise.reshape(shape), are_pass_rates(values[keep]))


def _complete(means: Floats, answers: Integers) -> Flags:
    """Return which prompts have a measure under every setting that answered them: settings are compared on the same measures."""
    return np.asarray((np.isfinite(means) | (answers == 0)).all(axis=1) & (answers > 0).any(axis=1))


def _diversities(distances: Mapping[tuple[int, int], Floats], shape: tuple[int, int]) -> Floats:
    """Return the diversity of each cell; where there is one answer only, the setting's own over the other prompts."""
    apart = np.full(shape, np.nan)
    for cell, between in distances.items():
        apart[cell] = mean_distance(between)
    known = np.isfinite(apart)
    usual = np.where(known, apart, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, apart, np.where(known.any(axis=0), usual, np.nan)[None, :])


def _jackknife(worth: Floats, distances: Floats, of_diversity: float) -> float:
    """Return the variance of a cell's utility over its answers, each of them left out once."""
    n = len(worth)
    total, own = distances.sum(), distances.sum(axis=1)
    without = (worth.sum() - worth) / (n - 1) + of_diversity * (total - 2 * own) / ((n - 1) * (n - 2))
    return float((n - 1) / n * ((without - without.mean()) ** 2).sum())


def clustered(plan: ResponseMatrix, cells: CellValues) -> CellValues:
    """Return the cells' means over the prompts of each cluster, in which every prompt counts the same."""
    if plan.unit == "prompt":
        return cells
    clusters = int(plan.cluster.max()) + 1
    shape = clusters, cells.means.shape[1]
    there, repeated = np.isfinite(cells.means), np.isfinite(cells.noise)
    prompts, answers, noisy, noise = (np.zeros(shape) for _ in range(4))
    np.add.at(prompts, plan.cluster, there)
    np.add.at(answers, plan.cluster, cells.counts)
    np.add.at(noisy, plan.cluster, repeated)
    np.add.at(noise, plan.cluster, np.where(repeated, cells.noise, 0.0))
    known = noisy > 0
    return CellValues(
        plan.clustered(cells.means),
        answers.astype(np.intp),
        np.where(known, noise / np.maximum(noisy, 1) / np.maximum(prompts, 1), np.nan),
        cells.pass_rates,
    )
