"""A migration in three lines: go, no-go or cannot tell and how sure that is, what it rests on, what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.decision_words import Lines, of_planned, rests_on
from pplab.analysis.next_step import MOST_PROMPTS
from pplab.analysis.phrasing import MOST_NAMED, at_most, counted, dollars, first_named, joined, number, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.plan.race import Raced


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The figures of a migration.

    Attributes
    ----------
    outcome : str
        ``go``, ``no-go`` or ``cannot tell``.
    old, new, name : str
        The control, the new models, and the setting that is chosen or comes nearest, in words.
    tried : int
        How many settings are compared with the control.
    better : bool
        Whether the chosen setting is above the control.
    row, control : mapping
        The rows of the table of that setting and of the control.
    margin : float
    mostly : str
        The score on which it loses most.
    out : mapping
        Settings that cannot be used, and why, in words.
    unit : str
        ``prompt`` or ``cluster``.
    prompts, more, replicates : int
        Those asked; those to ask besides, so that it is settled about 4 times in 5; and how often each is asked.
    asked : tuple of mapping
        The rows of the table of the settings to ask those besides.
    raced : Raced
        How far the race came.
    """

    outcome: str
    old: str
    new: str
    name: str
    tried: int
    better: bool
    row: Mapping[str, Any]
    control: Mapping[str, Any]
    margin: float
    mostly: str
    out: Mapping[str, str]
    unit: str
    prompts: int
    more: int
    replicates: int
    raced: Raced
    asked: tuple[Mapping[str, Any], ...] = ()


def lines(found: Comparison) -> Lines:
    r"""Return the three lines of a migration.

    Examples
    --------
    >>> from pplab.plan.race import Raced
    >>> row = {"utility": 0.62, "gain": 0.02, "low": -0.01, "high": 0.05, "cost": 0.0012}
    >>> figures = {"row": row, "control": {"cost": 0.0045}, "margin": 0.03, "mostly": "", "out": {}, "unit": "prompt"}
    >>> sizes = {"tried": 4, "prompts": 13, "more": 0, "replicates": 2, "raced": Raced(72, 180, {})}
    >>> names = {"old": "gpt-old", "new": "gpt-new", "name": "gpt-new with reasoning_effort low"}
    >>> said = lines(Comparison(outcome="go", better=False, **names, **figures, **sizes))
    >>> print(said.headline, said.evidence, sep="\n")
    Go: gpt-new with reasoning_effort low is no worse than gpt-old by more than 0.03 (95% sure).
    It scores 0.62, 0.02 above (-0.01 to 0.05); an answer costs $0.0012 instead of $0.0045; 13 prompts, 72 of 180 planned calls.
    """
    rest = rests_on(found.prompts, found.unit, of_planned(found.raced))
    evidence = "; ".join(filter(None, (_scores(found), _cost(found), rest, _out(found))))
    return Lines(_headline(found), f"{evidence[:1].upper()}{evidence[1:]}.", f"Next: {_next(found)}.")


def lines_without_control(old: str, why: str) -> Lines:
    """Return the three lines where the control has no answers to compare with."""
    return Lines(
        f"Cannot tell: there is nothing to compare with, for {why}.",
        f"That is the old one, {old}.",
        "Next: give an old model, or an earlier experiment, whose answers can be used.",
    )


def _headline(found: Comparison) -> str:
    margin = f"{found.margin:g}"
    if found.outcome == "go":
        if found.better:
            return f"Go: {found.name} is better than {found.old} (95% sure)."
        return f"Go: {found.name} is no worse than {found.old} by more than {margin} (95% sure)."
    if found.outcome == "no-go":
        if not found.name:
            what = f"none of the {found.tried} settings of {found.new}" if found.tried > 1 else f"{found.new} cannot"
            return f"No-go: {what} {'can be used' if found.tried > 1 else 'be used'}."
        if found.tried == 1:
            return f"No-go: {found.name} is worse than {found.old} by more than {margin} (95% sure)."
        return f"No-go: none of the {found.tried} settings of {found.new} comes within {margin} of {found.old} (95% sure)."
    low = found.row.get("low", -math.inf)
    if not found.name or not math.isfinite(low):
        return f"Cannot tell: too little is known to compare {found.new} with {found.old}."
    return f"Cannot tell: {found.name} may be worse than {found.old} by up to {at_most(-low)} (95% sure)."


def _scores(found: Comparison) -> str:
    if not found.name or not math.isfinite(found.row.get("gain", math.nan)):
        return ""
    gain, low, high = (float(found.row[name]) for name in ("gain", "low", "high"))
    if found.outcome == "no-go":
        which = "it" if found.tried == 1 else f"the nearest, {found.name},"
        mostly = f", mostly {found.mostly}" if found.mostly else ""
        return f"{which} is worse by {span(max(-high, found.margin), -low)}{mostly}"  # that it is beyond the margin holds alone
    where = f"{number(abs(gain))} {'above' if gain >= 0 else 'below'}"
    interval = f" ({span(low, high)})" if math.isfinite(low) else ""
    return f"it scores {number(float(found.row['utility']))}, {where}{interval}"


def _cost(found: Comparison) -> str:
    now, before = (side.get("cost", math.nan) for side in (found.row, found.control))
    if not found.name or not (math.isfinite(now) and math.isfinite(before)):
        return ""
    return f"an answer costs {dollars(now)} instead of {dollars(before)}"


def _out(found: Comparison) -> str:
    """Return which settings cannot be used, those with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, why in found.out.items():
        by_reason.setdefault(why, []).append(name)
    told = []
    for why, names in by_reason.items():
        each = "is" if len(names) == 1 else "are"
        told.append(f"{joined(first_named(names))} {each} out: {why}{'' if len(names) == 1 else ', of each'}")
    return "; ".join(told)


def _next(found: Comparison) -> str:
    if found.outcome == "go":
        return "use it; pplab results --as python prints the call"
    if found.outcome == "no-go":
        shown = "; the answers below show what is lost" if found.name else ""
        return f"stay with {found.old}{shown}"
    if not found.more:
        return "give more prompts that both can answer"
    if found.more > MOST_PROMPTS:
        return f"more than {counted(MOST_PROMPTS, found.unit)} would be needed to tell; choose a wider margin, or stay"
    sides = [*found.asked, found.control]
    calls = found.more * found.replicates * len(sides)
    each = [side.get("cost", math.nan) for side in sides]
    cost = f", about {dollars(sum(each) * found.more * found.replicates)}" if all(map(math.isfinite, each)) and sum(each) else ""
    more = counted(found.more, found.unit).replace(" ", " more ")
    names = [str(side["setting"]) for side in found.asked]
    under = joined([*(names if len(names) <= MOST_NAMED else [f"the {len(names)} that are still open"]), found.old])
    effort = f"{counted(calls, 'call')}{cost}"
    return f"{more} under {under} ({effort}) settle{'s' if found.more == 1 else ''} it about 4 times in 5"
