"""The static charts of an experiment's summary: scores over the one factor that varies, or setting by setting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import joined
from pplab.plan.settings import FACTOR_COLUMNS, scale_position, value_label
from pplab.views.charts import svg
from pplab.views.records import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pplab.plan.vocabulary import MetricInfo

    Ends = tuple[float | None, float | None]


def summary_charts(summary: pd.DataFrame, factors: Sequence[str], metrics: Sequence[MetricInfo]) -> str:
    """Return a chart for the metrics of each range: one axis cannot show several.

    Parameters
    ----------
    summary
        One row a setting.
    factors
        The columns of what differs between the settings.
    metrics
        What to draw.
    """
    groups: dict[object, list[MetricInfo]] = {}
    for m in metrics:
        groups.setdefault((m.low, m.high) if m.low is not None and m.high is not None else m.name, []).append(m)
    records = summary.to_dict("records")
    return "".join(_chart(records, factors, group, (group[0].low, group[0].high)) for group in groups.values())


def estimate(record: Mapping[Any, Any], name: str) -> Estimate:
    """Return a metric of one row of a summary."""
    value, low, high = (_value(record[column]) for column in (name, f"{name}_low", f"{name}_high"))
    return Estimate(value, low, high)


def _value(number: float) -> float | None:
    return None if math.isnan(number) else number


def _chart(records: Sequence[Mapping[Any, Any]], factors: Sequence[str], metrics: Sequence[MetricInfo], within: Ends) -> str:
    what = "Scores" if any(m.built_in for m in metrics) else ", ".join(m.name for m in metrics)
    places = [scale_position(factors[0], record[factors[0]]) for record in records] if len(factors) == 1 else [None]
    # answers of different lengths are different answers: no line leads from one limit to the next
    if len(records) < 2 or None in places or factors == ("max_tokens",):
        estimates = {m.label: [estimate(record, m.name) for record in records] for m in metrics}
        by, rows = _rows(records, factors)
        return svg.dot_chart(rows, estimates, title=f"{what} by {by}", within=within)
    (name,) = factors
    ordered = [record for _, record in sorted(zip(places, records, strict=True), key=lambda pair: pair[0] or 0.0)]
    words = {} if isinstance(ordered[0][name], (int, float)) else {float(k): value_label(r[name]) for k, r in enumerate(ordered)}
    across = [float(k if words else record[name]) for k, record in enumerate(ordered)]
    lines = {m.label: [svg.Point(x, estimate(r, m.name)) for x, r in zip(across, ordered, strict=True)] for m in metrics}
    lower = [m.label for m in metrics if not m.higher_is_better]
    return svg.line_chart(lines, title=f"{what} by {name}", x_label=name, within=within, lower_is_better=lower, x_words=words)


def _rows(records: Sequence[Mapping[Any, Any]], factors: Sequence[str]) -> tuple[str, list[str]]:
    """Return what the rows of a chart are called together, and each: for many factors the values alone, which have room."""
    settings = [record["setting"] for record in records]
    names = [name for name in factors if name != "endpoint" or "model_asked" not in factors]  # a model is said with its endpoint
    if len(names) <= 2:
        return "setting", settings
    rows = [", ".join(_value_words(record, name, factors) for name in names) for record in records]
    if len(set(rows)) < len(rows):
        return "setting", settings
    return joined("model" if name == "model_asked" else name for name in names), rows


def _value_words(record: Mapping[Any, Any], factor: str, factors: Sequence[str]) -> str:
    value = record[factor]
    if value is None or value != value:  # noqa: PLR0124 - NaN stands for a gap
        return "default"
    if factor == "model_asked" and "endpoint" in factors and isinstance(record["endpoint"], str):
        return f"{value}@{record['endpoint']}"
    return str(value) if factor in FACTOR_COLUMNS else value_label(value)
