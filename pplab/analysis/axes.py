"""Precision and personality of each setting, as found and in every bootstrap resample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.diversity import Texts, mean_distance, weighted_distance
from pplab.analysis.power import MIN_PROMPTS, MIN_REPLICATES
from pplab.analysis.resampling import Resampler
from pplab.analysis.response_matrix import Flags, Floats, ResponseMatrix
from pplab.analysis.utility import PERSONALITY, PRECISION

if TYPE_CHECKING:
    from pplab.analysis.diversity import Distance
    from pplab.analysis.records import Scope


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Axes:
    """Where the settings stand.

    Attributes
    ----------
    columns : tuple of int
        The columns of the layout that are considered: settings with usable responses to at least half as many prompts
        as the setting that has most.
    precision, personality : arrays, shape (settings,)
    precision_resampled, personality_resampled : arrays, shape (settings, resamples)
    scope : {"prompts", "replicates", "none"}
        ``none``: too little to compare; the arrays are empty then.
    prompts, replicates : int
        Prompts (or clusters) used, and the fewest usable responses of one of their cells.
    measures : tuple of (tuple of str, tuple of str)
        What each axis is the mean of.
    """

    columns: tuple[int, ...]
    precision: Floats
    personality: Floats
    precision_resampled: Floats
    personality_resampled: Floats
    scope: Scope
    prompts: int
    replicates: int
    measures: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Measures:
    """Every measure by prompt and considered setting, and what is needed to resample the responses of a cell.

    ``values`` holds an array (prompts, considered settings) for each measure, ``numbers`` a value for each row of the
    frame for those that a single response has, ``rows`` the usable rows of each cell.
    """

    columns: list[int]
    values: dict[str, Floats]
    numbers: dict[str, Floats]
    rows: dict[tuple[int, int], list[int]]
    texts: Texts | None

    def complete(self, name: str) -> Flags:
        """Return which prompts have the measure under every setting: settings are compared on the same prompts."""
        return np.asarray(np.isfinite(self.values[name]).all(axis=1))

    def used(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the measures that some prompt has under every setting."""
        return tuple(name for name in names if name in self.values and self.complete(name).any())

    def axis(self, names: tuple[str, ...]) -> Floats:
        """Return for each prompt and setting the mean of the measures that the prompt has; NaN where it has none."""
        shape = next(iter(self.values.values())).shape
        total, count = np.zeros(shape), np.zeros(shape)
        for name in names:
            there = self.complete(name)[:, None]
            total += np.where(there, self.values[name], 0.0)
            count += there
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def axes(plan: ResponseMatrix, distance: Distance | Floats | None) -> Axes:
    """Place every setting on the plane of precision and personality.

    Parameters
    ----------
    plan
        The arranged responses.
    distance
        As in `pplab.analysis.diversity.compare_diversity`; ``None`` leaves agreement and diversity out.
    """
    measured = _measure(plan, distance)
    columns = tuple(measured.columns)
    measures = measured.used(PRECISION), measured.used(PERSONALITY)
    if len(columns) < 2 or not all(measures):
        return _too_little(columns, plan.prompts, measures)
    both = np.hstack([measured.axis(names) for names in measures])
    complete = np.asarray(np.isfinite(both).all(axis=1))
    units = plan.clustered(np.where(complete[:, None], both, np.nan))
    units = units[np.isfinite(units).all(axis=1)]
    prompts = [int(p) for p in np.flatnonzero(complete)]
    fewest = min((len(measured.rows[p, s]) for p in prompts for s in columns), default=0)
    scope: Scope
    if len(units) >= MIN_PROMPTS:
        scope, resampled = "prompts", Resampler().means([units])[0]
    elif plan.unit == "prompt" and prompts and fewest >= MIN_REPLICATES:
        scope, resampled = "replicates", _within(measured, prompts, measures)
    else:
        return _too_little(columns, len(units), measures)
    centre, k = units.mean(axis=0), len(columns)
    return Axes(columns, centre[:k], centre[k:], resampled[:k], resampled[k:], scope, len(units), fewest, measures)


def _too_little(columns: tuple[int, ...], prompts: int, measures: tuple[tuple[str, ...], tuple[str, ...]]) -> Axes:
    nothing = np.empty((0, 0))
    return Axes(columns, nothing, nothing, nothing, nothing, "none", prompts, 0, measures)


def _measure(plan: ResponseMatrix, distance: Distance | Floats | None) -> _Measures:
    rows = plan.rows()
    covered = [sum(bool(rows[p, s]) for p in range(plan.prompts)) for s in range(len(plan.settings))]
    columns = [s for s, count in enumerate(covered) if count and 2 * count >= max(covered)]
    own = [n for n in (*PRECISION, *PERSONALITY) if n in plan.frame.columns and n not in {"agreement", "diversity"}]
    numbers = {name: plan.numbers(name) for name in own}
    values = {name: plan.cells(name).means[:, columns] for name in own}
    if distance is None:
        return _Measures(columns, values, numbers, rows, None)
    texts = Texts(plan, distance)
    apart = np.full((plan.prompts, len(columns)), np.nan)
    for k, column in enumerate(columns):
        for prompt in texts.prompts(column):
            apart[prompt, k] = mean_distance(texts.between(rows[prompt, column]))
    return _Measures(columns, {**values, "agreement": 1 - apart, "diversity": apart}, numbers, rows, texts)


def _within(measured: _Measures, prompts: list[int], measures: tuple[tuple[str, ...], tuple[str, ...]]) -> Floats:
    """Return both axes of every setting, shape (2 * settings, resamples), the responses of each cell resampled."""
    cells = [(prompt, k) for prompt in prompts for k in range(len(measured.columns))]
    sizes = [len(measured.rows[p, measured.columns[k]]) for p, k in cells]
    resamples = Resampler().resample(sizes, [partial(_cell, _parts(measured, p, k, measures)) for p, k in cells])
    settings = len(measured.columns)
    out = np.zeros((2 * settings, resamples[0].shape[1]))
    for (_, k), cell_axes in zip(cells, resamples, strict=True):
        out[[k, settings + k]] += cell_axes / len(prompts)
    return out


_Part = Callable[[Floats], Floats]


def _parts(measured: _Measures, prompt: int, k: int, measures: tuple[tuple[str, ...], tuple[str, ...]]) -> list[list[_Part]]:
    """Return for both axes the statistic of each measure that the prompt has, for one of its cells."""
    rows = measured.rows[prompt, measured.columns[k]]
    distances = measured.texts.between(rows) if measured.texts else np.empty((0, 0))
    out: list[list[_Part]] = []
    for names in measures:
        parts: list[_Part] = []
        for name in names:
            if measured.complete(name)[prompt]:
                own = float(measured.values[name][prompt, k])
                if name in measured.numbers:
                    parts.append(partial(_mean_of_resample, measured.numbers[name][rows], own))
                else:
                    parts.append(partial(_distance_of_resample, distances, own, agreement=name == "agreement"))
        out.append(parts)
    return out


def _cell(parts: list[list[_Part]], shares: Floats) -> Floats:
    """Return both axes of one cell in every resample, shape (2, resamples)."""
    return np.array([np.mean([part(shares) for part in axis], axis=0) for axis in parts])


def _mean_of_resample(values: Floats, own: float, shares: Floats) -> Floats:
    """Return the mean of the responses drawn that have the measure; the cell's own mean where none of them has."""
    present = np.isfinite(values)
    weight = shares @ present
    return np.where(weight > 0, shares @ np.where(present, values, 0.0) / np.where(weight > 0, weight, 1.0), own)


def _distance_of_resample(distances: Floats, own: float, shares: Floats, *, agreement: bool) -> Floats:
    """Return the diversity, or the agreement, of the responses drawn; the cell's own where one response was drawn only."""
    distance = weighted_distance(distances, shares)
    return np.where(np.isfinite(distance), 1 - distance if agreement else distance, own)
