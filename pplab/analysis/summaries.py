"""Summaries: one row a setting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.analysis.unusable import fault_is_named
from pplab.plan.vocabulary import CORRECT, FAULTS, SCORES, STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pplab.analysis.records import Interval
    from pplab.analysis.response_matrix import Responses


def by_setting(
    frame: Responses,
    metrics: Sequence[str] = SCORES,
    *,
    include_truncated: bool = False,
    latency: bool = False,
) -> pd.DataFrame:
    """Return one row a setting: what came back, each metric with its interval, tokens and cost.

    Parameters
    ----------
    frame
        Responses, see `pplab.analysis.response_matrix.layout`.
    metrics
        Names of columns.
    include_truncated
        Also average over responses that were cut at ``max_tokens``.
    latency
        Add ``latency_ms`` (median of the ok responses) and ``latency_ms_p95``; they differ from run to run.

    Returns
    -------
    pandas.DataFrame
        ``setting_index``, ``setting`` (in words), the parameters; ``responses`` and ``prompts``; ``ok`` and a column for
        each other status that occurs, and for each fault that occurs (``loop``, ``cut``, ``refusal``, ``echo``), which an answer
        has beside its status; for each metric its mean (every prompt counts the same) and the bounds
        ``<metric>_low`` and ``<metric>_high``; ``scope``, which prompts those bounds speak for; ``input_tokens``,
        ``output_tokens`` and ``cost`` of all responses, those not ok included, NaN when none is known; ``not_judged``, in
        words what a metric could not judge, where there is any such answer.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, 0, "ok", 0.5 + p / 100) for p in range(20)] + [(20, 0, "refused", None)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "status", "coherence"])
    >>> by_setting(frame, ["coherence"])[["responses", "ok", "refused", "scope"]].values.tolist()
    [[21, 20, 1, 'generalises (20 prompts)']]
    """
    import pandas as pd

    from pplab.analysis import unjudged
    from pplab.analysis.pass_rates import pass_rates
    from pplab.analysis.response_matrix import layout
    from pplab.analysis.statistics import mean_intervals
    from pplab.plan.settings import factor_columns

    plan = layout(frame, include_truncated=include_truncated)
    frame = plan.frame
    intervals = mean_intervals(plan, metrics)
    count = len(plan.settings)
    total = plan.total()
    statuses = ["ok", *(s for s in STATUSES if s in total and s != "ok"), *sorted(set(total) - set(STATUSES))]
    first = frame.drop_duplicates("setting_index").sort_values("setting_index")
    table: dict[str, Any] = {"setting_index": list(plan.settings), "setting": list(plan.labels)}
    table |= {name: first[name].tolist() for name in factor_columns(first.columns)}
    table["responses"] = [sum(counts.values()) for counts in plan.counts]
    table["prompts"] = [len(set(plan.prompt_of_row[plan.setting_of_row == column].tolist())) for column in range(count)]
    table |= {status: [counts.get(status, 0) for counts in plan.counts] for status in statuses}
    table |= _faults(frame)
    for k, metric in enumerate(metrics):
        if metric == CORRECT:
            rates = pass_rates(plan)
            columns = {CORRECT: "pass_rate", f"{CORRECT}_low": "low", f"{CORRECT}_high": "high"}
            table |= {name: rates[of_rates].tolist() for name, of_rates in columns.items()}
            continue
        rows = intervals[k * count : (k + 1) * count]
        table[metric] = [_number(i.mean) for i in rows]
        table[f"{metric}_low"] = [_number(i.low) for i in rows]
        table[f"{metric}_high"] = [_number(i.high) for i in rows]
    table["scope"] = [_scope(intervals[column::count]) for column in range(count)]
    for name in ("input_tokens", "output_tokens", "cost"):
        if name in frame.columns:
            numbers = pd.to_numeric(frame[name], errors="coerce").astype("float64")
            table[name] = numbers.groupby(frame["setting_index"], sort=True).sum(min_count=1).tolist()
    if unjudged.COLUMN in frame.columns:
        of_setting = [frame.loc[plan.usable & (plan.setting_of_row == column), unjudged.COLUMN] for column in range(count)]
        not_judged = [" ".join(unjudged.sentences(reasons)) for reasons in of_setting]
        table |= {"not_judged": not_judged} if any(not_judged) else {}
    if latency:
        ok = pd.to_numeric(frame["latency_ms"], errors="coerce").where(frame["status"] == "ok")
        times = ok.astype("float64").groupby(frame["setting_index"], sort=True)
        table["latency_ms"] = times.median().tolist()
        table["latency_ms_p95"] = times.quantile(0.95).tolist()
    return pd.DataFrame(table)


def _faults(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Return how many answers of each setting have which fault; one that the server broke off is counted by its status."""
    if "fault" not in frame.columns:
        return {}
    named = frame["fault"].where(fault_is_named(frame["status"], frame["fault"]))
    counts = {name: [int(n) for n in (named == name).groupby(frame["setting_index"], sort=True).sum()] for name in FAULTS}
    return {name: of_settings for name, of_settings in counts.items() if any(of_settings)}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _scope(intervals: Sequence[Interval]) -> str:
    """Return which prompts the bounds of one setting speak for, by the most cautious of its metrics."""
    bounded = [i for i in intervals if i.scope != "none"]
    if not bounded:
        return "no interval"
    narrowest = min(bounded, key=lambda i: (i.scope == "prompts", i.prompts))
    if narrowest.scope == "prompts":
        return f"generalises ({counted(narrowest.prompts, narrowest.unit)})"
    return "this prompt only" if narrowest.prompts == 1 else f"these {narrowest.prompts} prompts only"
