"""The looks of a race: what a decision on the answers so far means for the calls that follow. Nothing is sent here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import counted, first_named, joined
from pplab.experiments.repository import setting_name
from pplab.plan.race import Look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.experiments.repository import StoredExperiment
    from pplab.plan.plan import Plan, PlannedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a race stands after some of its answers, in three lines and for the calls that follow.

    Attributes
    ----------
    headline, evidence, next_step : str
        The decision.
    settled : bool
        Whether that ends the race.
    going : tuple of int
        The setting indices that are asked further; none where nothing is left to find out.
    labels, out : mapping
        Each setting in words, by index, and of those that are asked no further, why.
    """

    headline: str
    evidence: str
    next_step: str
    settled: bool
    going: tuple[int, ...]
    labels: Mapping[int, str]
    out: Mapping[int, str]


def standing(stored: StoredExperiment) -> Standing:
    """Return how the race of an experiment stands on all that is stored of it."""
    migrated = stored.migration
    if migrated is not None:
        return Standing(
            headline=migrated.headline,
            evidence=migrated.evidence,
            next_step=migrated.next_step,
            settled=migrated.outcome != "cannot tell",
            going=migrated.going,
            labels={index: setting_name(stored.plan, index) for index in range(len(stored.plan.settings))},
            out=migrated.out,
        )
    decision = stored.decision()
    out = dict(decision.why_out)
    if decision.leader is not None:
        beaten = f"not better than {decision.labels[decision.leader]} by more than {decision.margin:g} (95% sure)"
        left = {*(decision.undecided or decision.equally_good), decision.leader}
        out |= {setting: beaten for setting in range(len(stored.plan.settings)) if setting not in {*left, *out}}
    return Standing(
        headline=decision.headline,
        evidence=decision.evidence,
        next_step=decision.next_step,
        settled=decision.leader is not None and not decision.undecided,
        going=decision.undecided,
        labels=decision.labels,
        out=out,
    )


def is_decided(plan: Plan, answers: int) -> bool:
    """Return whether the last look at a race was taken on just these answers, which are not decided on again."""
    look = plan.race.last_look if plan.race else None
    return look is not None and look.answers == answers


def after_look(plan: Plan, found: Standing, answers: int) -> Plan:
    """Return the plan of a race after a look: with what was decided, and with the calls up to the next look.

    Parameters
    ----------
    plan
        As it was carried out.
    found
        How it stands on all its answers.
    answers
        How many these are.
    """
    race = plan.race
    assert race is not None
    look = Look(
        prompts=race.prompts,
        answers=answers,
        headline=found.headline,
        evidence=found.evidence,
        next_step=found.next_step,
        settled=found.settled,
        going=found.going,
        out={setting: f"{found.labels[setting]}: {why}" for setting, why in sorted(found.out.items())},
    )
    then = dataclasses.replace(plan, race=race.after(look, plan.replicates))
    if calls := len(then) - len(plan):
        labels = first_named([found.labels[setting] for setting in found.going])
        go_on = f"Next: {joined(labels)} {'go on' if len(found.going) > 1 else 'goes on'} ({counted(calls, 'call')})."
        then = dataclasses.replace(plan, race=race.after(dataclasses.replace(look, next_step=go_on), plan.replicates))
    return then


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
