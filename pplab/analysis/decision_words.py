"""A decision in three lines: what to use and how sure that is, what it rests on, what to run next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pplab.analysis.next_step import MOST_PROMPTS
from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.phrasing import MOST_NAMED, at_most, counted, first_named, joined, number, repetitions, span
from pplab.analysis.power import FIRM_PROMPTS
from pplab.analysis.unused import common_name
from pplab.plan.vocabulary import CORRECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplab.analysis.decision_facts import Facts
    from pplab.analysis.next_step import NextStep
    from pplab.analysis.response_matrix import ResponseMatrix
    from pplab.analysis.unusable import Unusable
    from pplab.plan.race import Raced

Outcome = Literal["best", "equal", "within", "leave_out", "open", "none"]
EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Lines:
    """The three lines."""

    headline: str
    evidence: str
    next_step: str


def lines(facts: Facts, step: NextStep) -> tuple[Outcome, Lines]:
    """Return the outcome of a decision and its three lines."""
    outcome, headline = _headline(facts)
    if facts.raced and outcome in ("best", "equal", "within") and facts.raced.calls < facts.raced.planned:
        headline = f"Stopped early: {headline[:1].lower()}{headline[1:].replace(': ', ', ', 1)}"
    return outcome, Lines(headline, _evidence(facts, outcome), f"Next: {_next(facts, step, outcome)}.")


def lines_of_nothing(plan: ResponseMatrix, lost: Sequence[Unusable], metric: str | None, *, unscored: bool) -> Lines:
    """Return the three lines where no setting can be used, or where nothing was scored."""
    if not plan.settings or not any(one.answers for one in lost):
        return Lines("Nothing can be said yet: there are no answers.", "No answer has come.", "Next: let the run go on.")
    if unscored:
        what = f"no answer has a value of {metric}" if metric else "no answer has the scores that the decision rests on"
        if metric == CORRECT:
            what = "no answer could be checked"
        return Lines(
            f"Nothing can be said of the settings: {what}.",
            rests_on(plan.prompts, plan.unit, "0 answers", plan.repeated),
            "Next: score the answers, or choose another metric.",
        )
    names = _Names(plan)
    settings = "The setting" if len(lost) == 1 else f"None of the {len(lost)} settings"
    verb = "cannot be used" if len(lost) == 1 else "can be used"
    each = "; ".join(f"at {names.full(k)}, {one.words}" for k, one in list(enumerate(lost))[:MOST_NAMED])
    return Lines(
        f"{settings} {verb}: {_of_most_answers(lost)}.",
        f"{_capital(each)}{_and_more(len(lost))}.",
        f"Next: {_what_lets_them_end(lost)}, then run again.",
    )


def _what_lets_them_end(lost: Sequence[Unusable]) -> str:
    kinds = {kind for one in lost for kind in one.kinds}
    if kinds <= {"truncated", "cut"}:
        return "give a larger max_tokens, which lets the answers end"
    return "change what makes the answers unusable"


def _of_most_answers(lost: Sequence[Unusable]) -> str:
    answers, bad = sum(one.answers for one in lost), sum(one.unusable for one in lost)
    return f"{bad} of {counted(answers, 'answer')} {'is' if bad == 1 else 'are'} not usable"


def _and_more(count: int) -> str:
    return f"; {count - MOST_NAMED} more alike" if count > MOST_NAMED else ""


class _Names:
    """The settings in words: in full, and by their values alone where all differ in the same factors."""

    def __init__(self, plan: ResponseMatrix) -> None:
        self.labels = plan.labels
        self.common = common_name(plan.labels)
        self._values = _values_alone(plan.labels)

    def full(self, column: int) -> str:
        return self.labels[column]

    def short(self, column: int) -> str:
        return self._values[column] if self._values else self.labels[column].removeprefix(self.common)

    def several(self, columns: Iterable[int], last: str) -> str:
        """Return an enumeration that begins with the parameter's name."""
        return f"{self.common}{joined(first_named([self.short(column) for column in columns]), last)}"


def _values_alone(labels: Sequence[str]) -> list[str]:
    """Return the values of settings that differ in the same two factors or more, empty where they do not.

    Examples
    --------
    >>> _values_alone(["system plain, temperature 0.2", "system warm, temperature 1"])
    ['plain / 0.2', 'warm / 1']
    """
    parts = [[part.partition(" ")[::2] for part in label.split(", ")] for label in labels]
    names = {tuple(name for name, _ in one) for one in parts}
    if len(names) != 1 or len(next(iter(names))) < 2:
        return []
    return [" / ".join(value for _, value in one) for one in parts]


# -- the headline ---------------------------------------------------------------------------------------------------------------


def _headline(facts: Facts) -> tuple[Outcome, str]:
    said, names, used = facts.said, _Names(facts.plan), facts.used
    leader = names.full(used[said.leader])
    of_all = len(facts.plan.settings)
    if len(used) == 1:
        if of_all == 1:
            only = "there is one setting alone" if leader == "server defaults" else f"{leader} is the only setting"
            return "open", f"Nothing to choose between: {only}."
        others = "the other's are not" if of_all == 2 else f"those of the other {of_all - 1} are not"
        return "best", f"Use {leader}: its answers are usable, {others}."
    these = {1: "For this one prompt, ", 2: "For these two prompts, "}.get(facts.prompts, "")
    margin = number(said.margin, _places(said.margin))
    good = [used[k] for k in _by_mean(facts) if said.equally_good[k]]
    if said.best:
        if these:
            return "best", f"{these}{leader} gave the best answers{_for_what(facts)} (95% sure)."
        than = f"better than {names.short(_other(facts))}" if of_all == 2 else f"the best of the {of_all}"
        return "best", f"Use {leader}: {than}{_for_what(facts)} (95% sure)."
    if said.equally_good[said.leader] and len(good) > 1:
        each = "both are" if len(good) == 2 else "each is"
        return "equal", _sentence(these, f"take {names.several(good, 'or')}: {each} within {margin} of the best (95% sure)")
    if said.equally_good[said.leader]:
        other = "the other is not" if of_all == 2 else f"no other of the {of_all} is"
        return "within", _sentence(these, f"use {leader}: {other} better by more than {margin} (95% sure)")
    kept = [used[k] for k in _by_mean(facts) if not said.behind[k]]
    left = [used[k] for k in _by_mean(facts) if said.behind[k]]
    if left and len(kept) > MOST_NAMED:
        apart = f"the other {len(kept)} are not told apart (95% sure)"
        return "leave_out", _sentence(these, f"leave out {_short(names, left)}: {apart}")
    if left and kept:
        return "leave_out", _sentence(these, f"use {names.several(kept, 'or')} and leave out {_short(names, left)} (95% sure)")
    regret = said.regret[said.leader]
    if not math.isfinite(regret):
        each = f" with {counted(facts.replicates, 'answer')} each" if facts.replicates else ""
        return "open", f"Nothing can be said of the settings yet: {counted(facts.prompts, facts.plan.unit)}{each}."
    return "open", _sentence(
        these, f"not settled: {leader} leads, but another may be better by up to {at_most(regret)} (95% sure)"
    )


def _sentence(these: str, words: str) -> str:
    return f"{these}{words}." if these else f"{_capital(words)}."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _for_what(facts: Facts) -> str:
    if facts.metric is not None:
        return "" if facts.metric == CORRECT else f" on {facts.metric}"
    return " for precision and personality alike" if facts.precision == EVEN else " for your balance"


def _other(facts: Facts) -> int:
    return next(column for column in range(len(facts.plan.settings)) if column != facts.used[facts.said.leader])


def _short(names: _Names, columns: Sequence[int]) -> str:
    return joined(first_named([names.short(column) for column in columns]))


def _by_mean(facts: Facts) -> list[int]:
    return sorted(range(len(facts.used)), key=lambda k: -facts.means[k])


# -- what it rests on -----------------------------------------------------------------------------------------------------------


def _evidence(facts: Facts, outcome: Outcome) -> str:
    parts = [_differences(facts, outcome)] if len(facts.used) > 1 else []
    size = counted(facts.answers, "answer") if facts.raced is None else of_planned(facts.raced)
    rests = rests_on(facts.prompts or facts.plan.prompts, facts.plan.unit, size, facts.plan.repeated)
    by = decided_by(facts.metric, facts.source)
    parts.append(f"{rests}, decided by {by}" if by else rests)
    if facts.raced and (dropped := _dropped(facts, facts.raced)):
        parts.append(dropped)
    parts += [part for part in (_out(facts), _not_counted(facts), _same_answer(facts)) if part]
    text = _capital("; ".join(part for part in parts if part))
    return f"{text}. Other prompts may differ." if facts.prompts < FEW_PROMPTS else f"{text}."


def decided_by(metric: str | None, source: str) -> str:
    """Return in words by what it is decided; empty where it is the surface.

    Examples
    --------
    >>> decided_by("judge_helpful", "judge"), decided_by(None, "reader"), decided_by("coherence", "surface")
    ('the judge (helpful)', 'the reader', '')
    """
    if source == "judge":
        return f"the judge ({(metric or '').removeprefix('judge_').replace('_', ' ')})"
    if source == "person":
        return "people's ratings"
    return "the checks" if metric == CORRECT else "the reader" if source == "reader" else ""


def of_planned(raced: Raced) -> str:
    """Return how many of its planned calls a race made."""
    return f"{raced.calls:,} of {counted(raced.planned, 'planned call')}"


def rests_on(prompts: int, unit: str, size: str, repeated: int = 0) -> str:
    """Return on how many prompts (or clusters) a decision rests, whether they are few or some are equal, and of what size."""
    few = " (few)" if FEW_PROMPTS <= prompts < FIRM_PROMPTS else ""
    return f"{counted(prompts, unit)}{few}{repetitions(repeated)}, {size}"


def _dropped(facts: Facts, raced: Raced) -> str:
    """Return after how many prompts settings were asked no further, those that are out for another reason left aside."""
    names, settings = _Names(facts.plan), facts.plan.settings
    early: dict[int, list[int]] = {}
    for column in facts.used:
        if settings[column] in raced.dropped:
            early.setdefault(raced.dropped[settings[column]], []).append(column)
    told = [
        f"{_short(names, columns)} {'was' if len(columns) == 1 else 'were'} settled after {prompts} prompts"
        for prompts, columns in sorted(early.items())
    ]
    return joined(told)


def _differences(facts: Facts, outcome: Outcome) -> str:
    """Return the leads of the leader, or what else the headline says, in figures."""
    said, names, used = facts.said, _Names(facts.plan), facts.used
    order = _by_mean(facts)
    shown = order[:MOST_NAMED]
    if outcome == "equal" or not math.isfinite(said.regret[said.leader]):
        means = joined(f"{number(facts.means[k])} ({names.short(used[k])})" for k in shown)
        return f"means {means}{'' if outcome == 'equal' else ', without interval'}"
    if outcome == "leave_out":
        behind = [k for k in order if said.behind[k]]
        low, high = max(0.0, float(min(said.low[k] for k in behind))), float(max(said.high[k] for k in behind))
        kept = [k for k in order if not said.behind[k]]
        apart = max((abs(float(v)) for k in kept for v in (said.low[k], said.high[k]) if k != said.leader), default=0.0)
        whom = "the others" if len(kept) > MOST_NAMED else _short(names, [used[k] for k in kept])
        rest = f"; {whom} differ by less than {at_most(apart)}" if len(kept) > 1 else ""
        verb = "is" if len(behind) == 1 else "are"
        return f"{_short(names, [used[k] for k in behind])} {verb} behind by {span(low, high)}{rest}"
    rivals = [k for k in order if k != said.leader]
    leads = {k: float(facts.found.lead[said.leader, k]) for k in rivals}
    intervals = {k: span(float(said.low[k]), float(said.high[k])) for k in rivals}
    told = [f"{names.short(used[k])} by {_lead(leads[k])} ({intervals[k]})" for k in rivals[: MOST_NAMED - 1]]
    more = rivals[MOST_NAMED - 1 :]
    if more:
        told.append(f"{len(more)} more by at least {_lead(min(leads[k] for k in more))}")
    return f"it leads {joined(told)}"


def _out(facts: Facts) -> str:
    names = _Names(facts.plan)
    gone = [(k, one) for k, one in enumerate(facts.lost) if one.out]
    told = [f"{names.full(k)} is out: {one.words}" for k, one in gone[:MOST_NAMED]]
    return "; ".join(told) + (f"; {len(gone) - MOST_NAMED} more are out" if len(gone) > MOST_NAMED else "")


def _not_counted(facts: Facts) -> str:
    names = _Names(facts.plan)
    bad = sorted((column for column in facts.used if facts.lost[column].unusable), key=lambda k: -facts.lost[k].share)
    if not bad:
        return ""
    if len(facts.used) == 1:
        one = facts.lost[bad[0]]
        return f"{one.unusable} of its {counted(one.answers, 'answer')} not usable and not counted{one.named_fault}"
    told = [
        f"{facts.lost[k].unusable} of {facts.lost[k].answers} at {names.short(k)}{facts.lost[k].named_fault}"
        for k in bad[:MOST_NAMED]
    ]
    rest = sum(facts.lost[k].unusable for k in bad[MOST_NAMED:])
    return f"not usable and not counted: {joined([*told, f'{rest} at others'] if rest else told)}"


def _same_answer(facts: Facts) -> str:
    names = _Names(facts.plan)
    told = [
        f"at {names.short(facts.used[k])} the same answer came {'twice' if count == 2 else f'{count} times'} and counts as one"
        for k, count in list(facts.repeated_answers.items())[:1]
    ]
    return "".join(told)


# -- what to run next -----------------------------------------------------------------------------------------------------------


def _next(facts: Facts, step: NextStep, outcome: Outcome) -> str:
    names, plan = _Names(facts.plan), facts.plan
    if step.kind == "settings":
        return "run several settings, such as a sweep of temperature, to have a choice"
    calls = _calls(step)
    if step.kind == "values":
        edge = "highest" if step.value is not None and step.value > _value(facts, step.parameter) else "lowest"
        here = names.short(facts.used[facts.said.leader])
        return f"{here} is the {edge} value tried; try {step.value:g} on the same {plan.unit}s ({calls})"
    if step.kind == "nothing":
        if step.value is not None:
            where = "above the highest" if step.value > _value(facts, step.parameter) else "below the lowest"
            return f"nothing needs to be run; {step.value:g}, {where} value tried, costs {calls}"
        return f"nothing needs to be run{'; the cheapest will do' if outcome == 'equal' else ''}"
    columns = [plan.settings.index(setting) for setting in step.settings]
    under = names.several(sorted(columns), "and") if len(columns) < len(plan.settings) else "every setting"
    if step.kind == "margin":
        return (
            f"more than {counted(MOST_PROMPTS, plan.unit)} would be needed to tell {under} apart; "
            "choose a wider margin, or take the one you prefer"
        )
    more = f"{step.prompts} more {plan.unit}{'s' if step.prompts > 1 else ''}"
    if facts.prompts < FEW_PROMPTS:
        times = "twice" if step.replicates == 2 else f"{step.replicates} times"
        return f"ask {more} {times} each under {under} ({calls})"
    return f"{more} under {under} ({calls}) settle it about 4 times in 5"


def _value(facts: Facts, name: str | None) -> float:
    return float(facts.parameters[facts.used[facts.said.leader]].get(name or "", 0.0))


def _calls(step: NextStep) -> str:
    cost = f", about ${step.cost:.2g}" if step.cost else ""
    return f"{counted(step.calls, 'call')}{cost}"


# -- figures --------------------------------------------------------------------------------------------------------------------


def _places(value: float) -> int:
    """Return how many decimals show a small number whole: two, or as many as it has."""
    return max(2, len(f"{value:g}".partition(".")[2])) if value < 1 else 2


def _lead(value: float) -> str:
    return number(value) if abs(value) >= 0.005 else number(value, 3)
