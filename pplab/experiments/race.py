"""The looks of a race: what a decision on the answers so far means for the calls that follow. Nothing is sent here."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplab.analysis.decision_words import MOST_NAMED
from pplab.analysis.phrasing import counted, joined
from pplab.plan.race import Look

if TYPE_CHECKING:
    from pplab.analysis.decision import Decision
    from pplab.plan.plan import Plan, PlannedCall


def is_decided(plan: Plan, answers: int) -> bool:
    """Return whether the last look at a race was taken on just these answers, which are not decided on again."""
    return plan.race is not None and bool(plan.race.looks) and plan.race.looks[-1].answers == answers


def after_look(plan: Plan, decision: Decision, answers: int) -> Plan:
    """Return the plan of a race after a look: with what was decided, and with the calls up to the next look.

    Parameters
    ----------
    plan
        As it was carried out.
    decision
        On all its answers.
    answers
        How many these are.
    """
    race = plan.race
    assert race is not None
    going = decision.undecided
    out = {setting: f"{decision.labels[setting]}: {why}" for setting, why in _out(plan, decision).items()}
    look = Look(
        prompts=race.prompts,
        answers=answers,
        headline=decision.headline,
        evidence=decision.evidence,
        next_step=decision.next_step,
        settled=decision.leader is not None and not going,
        going=going,
        out=out,
    )
    then = dataclasses.replace(plan, race=race.after(look, plan.replicates))
    if calls := len(then) - len(plan):
        labels = _beginning([decision.labels[setting] for setting in going])
        go_on = f"Next: {joined(labels)} {'go on' if len(going) > 1 else 'goes on'} ({counted(calls, 'call')})."
        then = dataclasses.replace(plan, race=race.after(dataclasses.replace(look, next_step=go_on), plan.replicates))
    return then


def _beginning(labels: list[str]) -> list[str]:
    return labels if len(labels) <= MOST_NAMED else [*labels[:MOST_NAMED], f"{len(labels) - MOST_NAMED} more"]


def further(plan: Plan) -> Plan:
    """Return the plan of a race whose last look stands, with the calls that its limit has room for now."""
    race = plan.race
    assert race is not None
    return dataclasses.replace(plan, race=race.further(plan.replicates))


def new_calls(before: Plan, now: Plan) -> list[PlannedCall]:
    """Return the calls of a race that came with a look, in the order in which they are sent."""
    assert before.race is not None
    assert now.race is not None
    place = {prompt: k for k, prompt in enumerate(now.race.order)}
    return [call for call in now.calls() if place[call.prompt_index] >= before.race.reach[call.setting_index]]


def _out(plan: Plan, decision: Decision) -> dict[int, str]:
    """Return why settings are asked no further: those that cannot be used, and those that cannot win."""
    out = dict(decision.why_out)
    if decision.leader is not None:
        beaten = f"not better than {decision.labels[decision.leader]} by more than {decision.margin:g} (95% sure)"
        left = {*(decision.undecided or decision.equally_good), decision.leader}
        out |= {setting: beaten for setting in range(len(plan.settings)) if setting not in {*left, *out}}
    return dict(sorted(out.items()))
