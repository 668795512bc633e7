"""A decision as it is shown: three lines, one table, one chart, each in both static forms. No statistics are made here."""

from __future__ import annotations

import math
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import at_most, joined, number
from pplab.analysis.utility import PERSONALITY, PRECISION
from pplab.plan.vocabulary import CORRECT, UTILITY
from pplab.views.charts import svg
from pplab.views.escape import escape_text
from pplab.views.records import Estimate
from pplab.views.summary_charts import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pplab.analysis.decision import Decision
    from pplab.plan.vocabulary import MetricInfo

DROPPED = "Settings that the race asked no further"
_HEADLINE = "margin:8px 0 2px;font-size:115%;font-weight:600"
_LINE = "margin:2px 0"


def lines(decision: Decision) -> tuple[str, str]:
    """Return the three lines as HTML and as plain text."""
    clean = [escape_text(line) for line in (decision.headline, decision.evidence, decision.next_step)]
    styles = (_HEADLINE, _LINE, _LINE)
    markup = "".join(f'<p style="{style}">{escape(line)}</p>' for style, line in zip(styles, clean, strict=True))
    return f'<div class="pplab-decision">{markup}</div>', "\n".join(fill(line, 96) for line in clean)


def rows(decision: Decision, summary: pd.DataFrame, metrics: Sequence[MetricInfo]) -> list[dict[str, Any]]:
    """Return the table: one row a setting, the highest first, with what the decision makes of it.

    Parameters
    ----------
    decision
        What is shown.
    summary
        One row a setting, as `pplab.analysis.summaries.by_setting` returns it.
    metrics
        The metrics to show besides.
    """
    of_setting = {int(record["setting_index"]): record for record in summary.to_dict("records")}
    marks = {(int(row["setting"]), row["metric"]): row for row in decision.by_metric.to_dict("records") if row["mark"]}
    out = []
    for values in decision.utility.reset_index(names="index").to_dict("records"):
        setting = int(values["index"])
        record = of_setting[setting]
        row: dict[str, Any] = {"setting": record["setting"], "decision": _standing(decision, setting)}
        of_decision = Estimate(*(_known(values[name]) for name in ("mean", "low", "high")))
        row[decision.metric or "utility"] = estimate(record, CORRECT) if decision.metric == CORRECT else of_decision
        row["behind at most"] = _at_most(values["behind_at_most"])
        shown = [m for m in metrics if m.name != decision.metric]
        row |= {m.label: _metric(estimate(record, m.name), marks.get((setting, m.name))) for m in shown}
        out.append(row)
    return out


def caption(decision: Decision, checks: Sequence[str] = ()) -> str:
    """Return what the table shows, in words; ``checks`` are those that it is decided by, where it is."""
    if decision.metric == CORRECT:
        what = f"Decided by the checks: {joined(checks)}."
    elif decision.metric:
        what = f"Decided on {decision.metric}."
    else:
        weights = f"{decision.precision:.0%}", f"{1 - decision.precision:.0%}"
        parts = f"{joined(PRECISION)}", f"{joined(PERSONALITY)}"
        what = f"Utility: precision {weights[0]} ({parts[0]}), personality {weights[1]} ({parts[1]})."
    gains = " Gains and losses are against the setting that leads." if (decision.by_metric["mark"] != "").any() else ""
    return f"{what}{gains}"


def pass_rows(rates: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the table of pass rates: one row a setting, with the chance that one of k answers is right, and that all are."""
    rows = []
    for record in rates.to_dict("records"):
        row: dict[str, Any] = {"setting": record["setting"], "answers": record["answers"], "prompts": record["prompts"]}
        row["pass rate"] = Estimate(*(_known(record[name]) for name in ("pass_rate", "low", "high")))
        most = sum(str(name).startswith("pass@") for name in record)
        for k in range(2, most + 1):
            row[f"pass@{k}"] = Estimate(_known(record[f"pass@{k}"]))
            row[f"pass^{k}"] = Estimate(*(_known(record[f"pass^{k}{end}"]) for end in ("", "_low", "_high")))
        rows.append(row)
    return rows


def chart(decision: Decision, summary: pd.DataFrame) -> str:
    """Return the chart that shows the decision: how far behind the best each setting may be; empty for a single setting."""
    if len(decision.utility) < 2 or decision.leader is None:
        return ""
    labels = dict(zip(summary["setting_index"], summary["setting"], strict=True))
    top = decision.utility.loc[decision.leader, "mean"]
    settings = [
        svg.Behind(
            str(labels[setting]),
            None if math.isnan(values["mean"]) else top - values["mean"],
            _known(values["behind_at_most"]),
            "equal" if setting in decision.equally_good else "behind" if setting in decision.behind else "open",
            number(values["mean"]) if not math.isnan(values["mean"]) else "out",
            f"{values['unusable']:.0%} not usable" if values["unusable"] > 0 else "",
        )
        for setting, values in decision.utility.to_dict("index").items()
    ]
    measure = "pass rate" if decision.metric == CORRECT else decision.metric or UTILITY
    return svg.regret_chart(
        settings, measure=measure, margin=decision.margin, title="How far behind the best a setting may be (95% sure)"
    )


def _standing(decision: Decision, setting: int) -> str:
    if setting in decision.ruled_out:
        return f"out: {float(decision.utility['unusable'].loc[setting]):.0%} not usable"
    if len(decision.utility) == 1:
        return "the only one"
    if setting in decision.best or (setting == decision.leader and decision.outcome == "within"):
        return "use"
    if setting in decision.equally_good:
        return "equally good"
    if setting in decision.behind:
        return "behind"
    if setting == decision.leader:
        return "leads"
    return "not settled" if setting in decision.undecided else "not better"


def _at_most(bound: float) -> str:
    if math.isnan(bound):
        return "-"
    return "unknown" if math.isinf(bound) else at_most(bound)


def _metric(value: Estimate, against: Mapping[Any, Any] | None) -> str:
    if value.value is None or against is None:
        return Estimate(value.value).words()
    change = "gives up" if against["lead"] > 0 else "gains"
    return f"{Estimate(value.value).words()} ({change} {number(abs(against['lead']))})"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
