"""Which settings drop out of an analysis, and why, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.analysis.phrasing import joined, status_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplab.analysis.response_matrix import ResponseMatrix

_EVERY = {
    "failed": "every call of {} failed",
    "timeout": "every call of {} timed out",
    "rejected": "the server rejected {}",
    "cancelled": "no call of {} was sent",
    "truncated": "every answer of {} was truncated",
    "empty": "every answer of {} was empty",
    "refused": "the model refused every answer of {}",
    "filtered": "the content filter stopped every answer of {}",
    "tool_call": "every answer of {} was a tool call without text",
}


def why_unusable(plan: ResponseMatrix, columns: Iterable[int], *, short: bool = False) -> str:
    """Return why settings have no usable response, those with the same reason together.

    ``short`` leaves out the parameter's name where all settings differ in that one alone.
    """
    by_reason: dict[str, list[str]] = {}
    for column in columns:
        counts = {s: n for s, n in plan.counts[column].items() if n}
        sent = {s: n for s, n in counts.items() if s != "cancelled"} or counts
        reason = _EVERY.get(next(iter(sent)), "{} has none") if len(sent) == 1 else "{} has only " + status_counts(sent)
        by_reason.setdefault(reason, []).append(plan.labels[column])
    name = common_name(plan.labels)
    clauses = []
    for reason, labels in by_reason.items():
        values = joined(label.removeprefix(name) for label in labels)
        clauses.append(reason.format(values if short else f"{name}{values}"))
    return "; ".join(clauses)


def only_one(plan: ResponseMatrix, column: int) -> str:
    """Return that one setting alone has usable responses, and what became of the others."""
    others = [c for c in range(len(plan.settings)) if c != column]
    if not others:
        return "there is only one setting"
    left = [c for c in others if not plan.usable[plan.setting_of_row == c].any()]
    if len(left) < len(others):  # they have usable responses, but none with this score
        return f"only {plan.labels[column]} has a score"
    return f"only {plan.labels[column]} has usable responses: {why_unusable(plan, left, short=True)}"


def common_name(labels: Sequence[str]) -> str:
    """Return the parameter's name, with a blank, where the settings differ in one alone."""
    names = {label.split(" ", 1)[0] for label in labels}
    alone = len(names) == 1 and all(label.count(" ") == 1 and "," not in label for label in labels)
    return f"{names.pop()} " if alone else ""
