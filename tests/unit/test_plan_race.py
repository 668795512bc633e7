"""The plan of a race: the order of its prompts, how far each setting is asked, and its limit of calls."""

from __future__ import annotations

import json

import pytest

from pplab.errors import BadInput
from pplab.experiments.race import new_calls
from pplab.plan.plan import Plan, make_plan, with_max_calls, with_race
from pplab.plan.race import LOOKS, Look, Race, new_race

PROMPTS = [f"Tell me about topic {k}." for k in range(25)]
SWEEP = {"temperature": [0, 0.5, 1]}


def raced(prompts=PROMPTS, n=2, **options) -> Plan:
    return with_race(make_plan(prompts, model="m", n=n, sweep=SWEEP), **options)


def look(race: Race, going: tuple[int, ...]) -> Look:
    out = {s: f"setting {s}: why" for s in range(len(race.reach)) if s not in going}
    return Look(
        prompts=race.prompts, answers=1, headline="h", evidence="e", next_step="n", settled=not going, going=going, out=out
    )


def after(plan: Plan, going: tuple[int, ...]) -> Plan:
    import dataclasses

    assert plan.race is not None
    return dataclasses.replace(plan, race=plan.race.after(look(plan.race, going), plan.replicates))


def test_all_settings_answer_the_first_six_prompts_of_a_fixed_random_order() -> None:
    plan = raced()
    assert plan.race is not None
    assert sorted(plan.race.order) == list(range(25))
    assert plan.race.order == raced().race.order != tuple(range(25))
    assert plan.race.boundaries == (6, 9, 13, 20, 25)
    assert len(plan) == len(list(plan)) == 6 * 3 * 2
    assert {c.prompt_index for c in plan} == set(plan.race.order[:6])
    assert (plan.longest, plan.looks) == (25 * 3 * 2, 5)
    assert new_race([str(k) for k in range(500)], 2, 1).boundaries == LOOKS


def test_only_those_still_in_it_are_asked_further_and_one_that_returns_answers_what_it_missed() -> None:
    plan = after(raced(), (2, 0))
    assert plan.race.reach == (9, 6, 9)
    assert plan.race.dropped == {1: 6}
    assert {(c.setting_index, c.replicate) for c in new_calls(raced(), plan)} == {(0, 0), (0, 1), (2, 0), (2, 1)}
    back = after(plan, (0, 1))
    assert back.race.reach == (13, 13, 9)
    missed = [c for c in new_calls(plan, back) if c.setting_index == 1]
    assert [c.prompt_index for c in missed if c.replicate == 0] == list(plan.race.order[6:13])
    assert after(back, ()).race.reach == back.race.reach


def test_equal_prompts_and_those_of_a_cluster_stay_together_and_count_once() -> None:
    plan = raced([*PROMPTS[:8], PROMPTS[0] + " ", PROMPTS[1]])
    order = plan.race.order
    assert abs(order.index(0) - order.index(8)) == abs(order.index(1) - order.index(9)) == 1
    assert plan.race.boundaries == (6, 8)
    clustered = with_race(make_plan(PROMPTS, model="m", sweep=SWEEP, clusters=tuple(f"c{k // 3}" for k in range(25))))
    assert clustered.race.boundaries == (6, 9)
    assert len({f"c{p // 3}" for p in clustered.race.order[: clustered.race.reach[0]]}) == 6


def test_the_limit_of_calls_holds_at_every_look_and_can_be_raised() -> None:
    plan = raced(max_calls=50)
    assert plan.longest == 50
    second = after(plan, (0, 1, 2))
    assert second.race.reach == (8, 8, 8)  # two further prompts are all that it has room for
    assert len(second) == 48
    third = after(second, (0, 1))
    assert len(third) == 48
    assert len(after(with_max_calls(second, 60), (0, 1))) == 52
    with pytest.raises(BadInput, match="max_calls=10 is out of range"):
        with_max_calls(second, 10)
    with pytest.raises(BadInput, match="is a race's"):
        with_max_calls(make_plan(PROMPTS, model="m"), 10)


@pytest.mark.parametrize(
    ("prompts", "options", "words"),
    [
        (PROMPTS[:6], {}, "needs 7 different prompts or more, to be looked at after 6 of them, and there are 6"),
        (PROMPTS[:1] * 20, {}, "and there is 1. give more prompts"),
        (PROMPTS, {"max_calls": 35}, "makes 36 calls to its first look, and max_calls is 35. give 36 or more"),
        (PROMPTS, {"margin": 0}, "margin=0 is not a positive number"),
        (PROMPTS, {"max_calls": "many"}, "max_calls='many' is not a whole number"),
    ],
)
def test_what_cannot_be_raced_is_refused_in_one_line(prompts: list[str], options: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        raced(prompts, **options)


def test_one_setting_cannot_race() -> None:
    with pytest.raises(BadInput, match="there is one setting, and a race needs several"):
        with_race(make_plan(PROMPTS, model="m"))


def test_a_race_is_stored_with_its_plan_and_begins_anew_on_request() -> None:
    plan = after(raced(margin=0.05, max_calls=90), (2, 0))
    stored = json.loads(json.dumps(plan.as_dict()))
    assert Plan.from_dict(stored) == plan
    assert plan.anew() == raced(margin=0.05, max_calls=90)
    assert "race" not in make_plan(PROMPTS, model="m").as_dict()
