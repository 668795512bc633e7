"""What could not be judged, and why: the reasons of single responses, gathered into sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import counted, joined
from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

COLUMN = "unjudged"
"""The column of a frame that holds, for each response, the reasons by metric (``None``: all could judge it)."""

MOST = 5
"""Reasons that are told one by one."""

_LANGUAGE = re.compile(r"in (.+), and only English is judged")
_OUTSIDE = re.compile(r"returned (\S+), outside (\[.*\])")
_RAISED = re.compile(r"raised (\w+)")


def with_reasons(frame: pd.DataFrame, reasons: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return ``frame`` with the reasons, given by response id, in a column `COLUMN`, where there are any."""
    import pandas as pd

    if not reasons:
        return frame
    column = pd.Series([reasons.get(rid) for rid in frame["response_id"]], index=frame.index, dtype=object)
    return frame.assign(**{COLUMN: column})


def sentences(reasons: Iterable[Mapping[str, str] | None]) -> list[str]:
    """Return a sentence for each reason: which metrics do not judge how many answers, the most frequent first.

    Examples
    --------
    >>> german = dict.fromkeys(("creativity", "coherence"), "in German, and only English is judged")
    >>> for sentence in sentences([german, None, german, {"words": "returned 700, outside [0, 500]"}]):
    ...     print(sentence)
    creativity and coherence are not judged in German: 2 answers.
    words is not judged outside its range [0, 500] (such as 700): 1 answer.
    """
    names: dict[str, dict[str, None]] = {}
    counts: dict[str, int] = {}
    examples: dict[str, str] = {}
    for of_one in filter(None, reasons):
        for kind in dict.fromkeys(map(_kind, of_one.values())):
            counts[kind] = counts.get(kind, 0) + 1
        for name, reason in of_one.items():
            names.setdefault(_kind(reason), {})[name] = None
            examples.setdefault(_kind(reason), reason)
    order = sorted(counts, key=lambda kind: -counts[kind])
    lines = [f"{words(list(names[kind]), examples[kind])}: {counted(counts[kind], 'answer')}." for kind in order[:MOST]]
    rest = len(order) - len(lines)
    return (
        [*lines, f"There are {counted(rest, 'further reason')} for which a metric does not judge an answer."] if rest else lines
    )


def words(names: list[str], reason: str) -> str:
    """Return a reason as a clause, without a full stop.

    Examples
    --------
    >>> words(["creativity", "coherence"], "fewer than 4 words")
    'creativity and coherence are not judged (fewer than 4 words)'
    """
    ordered = [*(name for name in SCORES if name in names), *(name for name in names if name not in SCORES)]
    head = f"{joined(ordered)} {'is' if len(names) == 1 else 'are'} not judged"
    if match := _LANGUAGE.fullmatch(reason):
        return f"{head} in {match[1]}"
    if match := _OUTSIDE.fullmatch(reason):
        return f"{head} outside {'its' if len(names) == 1 else 'their'} range {match[2]} (such as {match[1]})"
    return f"{head} ({reason})"


def of_response(reasons: Mapping[str, str], wrong: str = "") -> str:
    """Return in words why one response is not right, if it is not, and why metrics do not judge it; empty without any."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    told = [f"not right by {wrong}"] if wrong else []
    return "; ".join([*told, *(words(names, reason) for reason, names in by_reason.items())])


def _kind(reason: str) -> str:
    """Return what reasons have in common that differ in a value or a message only."""
    if match := _OUTSIDE.fullmatch(reason):
        return match[2]
    match = _RAISED.match(reason)
    return match[0] if match else reason
