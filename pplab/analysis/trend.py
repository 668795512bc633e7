"""Whether a metric rises or falls steadily with a parameter whose values have an order, such as temperature."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from pplab.analysis.power import ALPHA, MIN_FREEDOM, MIN_PROMPTS
from pplab.analysis.records import Scope, Trend
from pplab.analysis.response_matrix import Cells, Floats, ResponseMatrix, Responses, layout, need
from pplab.analysis.statistics import too_little
from pplab.plan.settings import factor_columns, scale_position

if TYPE_CHECKING:
    from typing import Literal

FEWEST_VALUES = 3


def trend(
    frame: Responses,
    metric: str,
    parameter: str = "temperature",
    *,
    include_truncated: bool = False,
    lower_is_better: bool = False,
) -> Trend:
    """Test whether ``metric`` rises or falls with ``parameter`` (Page's L, `scipy.stats.page_trend_test`).

    Each prompt ranks the parameter's values by its mean of the metric; the test asks whether the ranks follow the
    order of the values. Both directions are tested and the p-value is doubled. With fewer than six prompts each
    replicate of a prompt is a block, and the result covers these prompts only. In a grid, a prompt's mean at a value
    is taken over the other parameters, provided that every value was combined with the same ones.

    Parameters
    ----------
    frame
        Responses, see `pplab.analysis.response_matrix.layout`, with a column ``parameter``.
    parameter
        Needs at least three values: numbers, or an ordered choice such as ``reasoning_effort``, by its order.
    lower_is_better
        Whether the value of interest is the one with the lowest mean.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, s, s / 2, "ok", (p * 7 + s * 3) % 5 / 50 + s / 5) for p in range(12) for s in range(4)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "temperature", "status", "creativity"])
    >>> print(trend(frame, "creativity").words)
    creativity rises with temperature (0.04 to 0.64, p < 0.001).
    """
    plan = layout(frame, include_truncated=include_truncated)
    need(plan.frame, [parameter])
    cells = plan.cells(metric)
    values, members, problem = _values(plan, parameter)
    if problem:
        return _untested(metric, parameter, problem, plan.unit)
    means = np.column_stack([cells.means[:, columns].mean(axis=1) for columns in members])
    units = plan.clustered(np.where(np.isfinite(means).all(axis=1, keepdims=True), means, np.nan))
    units = units[np.isfinite(units).all(axis=1)]
    scope: Scope = "prompts"
    blocks, prompts = units, len(units)
    if prompts < MIN_PROMPTS:
        scope, blocks = "replicates", _replicate_blocks(cells, members)
        if plan.unit != "prompt" or len(blocks) < MIN_FREEDOM + 1:
            return _untested(metric, parameter, too_little(plan.unit), plan.unit)
    rising, falling = _page(blocks), _page(blocks[:, ::-1])
    p = min(1.0, 2 * min(rising, falling))
    direction: Literal["rising", "falling", "none"] = "none"
    if p <= ALPHA:
        direction = "rising" if rising < falling else "falling"
    centre = tuple(float(x) for x in units.mean(axis=0))
    return Trend(
        metric,
        parameter,
        values,
        centre,
        direction,
        p,
        len(blocks),
        scope,
        prompts,
        plan.unit,
        higher_is_better=not lower_is_better,
    )


def _untested(metric: str, parameter: str, why: str, unit: str) -> Trend:
    return Trend(metric, parameter, (), (), "unknown", None, 0, "none", 0, unit, why)


def _values(plan: ResponseMatrix, parameter: str) -> tuple[tuple[float | str, ...], list[list[int]], str]:
    """Return the parameter's values in order, the columns of the settings at each, and why they do not serve."""
    names = list(dict.fromkeys(["setting_index", parameter, *factor_columns(plan.frame.columns)]))
    first = plan.frame[names].drop_duplicates("setting_index").sort_values("setting_index")
    places = [scale_position(parameter, value) for value in first[parameter].tolist()]
    value_at = {place: value for place, value in zip(places, first[parameter].tolist(), strict=True) if place is not None}
    order = sorted(value_at)
    if len(order) < FEWEST_VALUES:
        return (), [], f"at least {FEWEST_VALUES} values are needed, there are {len(order)}"
    values = tuple(value_at[place] if isinstance(value_at[place], str) else place for place in order)
    members = [[c for c in range(len(plan.settings)) if places[c] == place] for place in order]
    others = [name for name in factor_columns(first.columns) if name != parameter]
    combined = [sorted(map(repr, first.iloc[columns][others].to_numpy(dtype=object).tolist())) for columns in members]
    if any(c != combined[0] for c in combined):
        return (), [], f"other parameters differ between the values of {parameter}"
    return values, members, ""


def _replicate_blocks(cells: Cells, members: list[list[int]]) -> Floats:
    """Return blocks of one replicate at each value, as many as every value of a prompt has; responses are exchangeable."""
    rows: list[Floats] = []
    for prompt in range(len(cells.counts)):
        pools = [[cells.replicates(prompt, c) for c in columns] for columns in members]
        fewest = min(len(values) for pool in pools for values in pool)
        rows.extend(np.array([np.mean([values[k] for values in pool]) for pool in pools]) for k in range(fewest))
    return np.array(rows)


def _page(blocks: Floats) -> float:
    """Return the one-sided p-value that the columns rise: exact (scipy's) for few blocks, else Page's normal approximation.

    The approximation, L less m n (n + 1)^2 / 4 over the root of m n^2 (n + 1) (n^2 - 1) / 144, is that of
    `scipy.stats.page_trend_test`, whose half a second of import a large experiment need not wait for.
    """
    blocks = np.round(blocks, 12)  # ranks must not depend on the last bit of a mean
    rows, columns = blocks.shape
    if columns <= 8 and rows <= 12:
        from scipy.stats import page_trend_test

        return float(page_trend_test(blocks, method="exact").pvalue)
    ranks = pd.DataFrame(blocks).rank(axis=1).to_numpy()
    statistic = float(ranks.sum(axis=0) @ np.arange(1, columns + 1))
    expected, variance = rows * columns * (columns + 1) ** 2 / 4, rows * columns**2 * (columns + 1) * (columns**2 - 1) / 144
    return float(special.ndtr((expected - statistic) / math.sqrt(variance)))
