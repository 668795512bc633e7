"""From a request to a plan: what is sent in which order, what is refused, and plans that survive being stored."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.experiments.response_writer import response_id
from pplab.plan.calibrated import sample_ranges
from pplab.plan.parameters import PARAMETERS
from pplab.plan.plan import Plan, grid, make_plan
from pplab.plan.settings import Range, Setting
from pplab.plan.written import parse_values

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20).filter(str.strip)
VALUES = {
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0.01, 1),
    "max_tokens": st.integers(1, 100_000),
    "frequency_penalty": st.floats(-2, 2),
    "presence_penalty": st.floats(-2, 2),
}
SETTINGS = st.fixed_dictionaries({}, optional=VALUES)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    prompts = draw(st.lists(TEXT, min_size=1, max_size=4))
    return make_plan(
        prompts,
        model=draw(TEXT),
        n=draw(st.integers(1, 4)),
        settings=draw(st.lists(SETTINGS, min_size=1, max_size=4)),
        seed=draw(st.none() | st.integers(0, 2**53)),
        system=draw(st.none() | TEXT),
        clusters=draw(st.none() | st.just(tuple("c" for _ in prompts))),
        stream=draw(st.booleans()),
        max_cost=draw(st.none() | st.floats(0, 1e6)),
    )


@given(plans())
def test_a_plan_is_the_same_after_being_stored_as_json(plan: Plan) -> None:
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan


@given(plans())
def test_every_combination_is_planned_once_and_no_replicate_before_an_earlier_one(plan: Plan) -> None:
    calls = list(plan.calls())
    assert len(calls) == len(set(calls)) == len(plan)
    assert [call.replicate for call in calls] == sorted(call.replicate for call in calls)
    assert set(Counter(call.setting_index for call in calls).values()) == {len(plan) // len(plan.settings)}


@given(plans(), st.integers(1, 5))
def test_topping_up_keeps_the_id_of_every_replicate_there_is(plan: Plan, more: int) -> None:
    larger = replace(plan, replicates=plan.replicates + more)
    ids = [response_id("e", call) for call in larger.calls()]
    assert len(set(ids)) == len(ids)
    assert {response_id("e", call) for call in plan.calls()} < set(ids)


@given(st.dictionaries(st.sampled_from(sorted(VALUES)), st.just([0.5, 1]), min_size=1))
def test_a_grid_holds_every_combination_the_last_parameter_fastest(sweep: dict[str, list[float]]) -> None:
    sweep = {name: [1, 2] if name == "max_tokens" else values for name, values in sweep.items()}
    settings = grid(sweep)
    assert len(settings) == len(set(settings)) == 2 ** len(sweep)
    last = list(sweep)[-1]
    assert settings[0].given()[last] != settings[1].given()[last]


def test_values_are_lists_or_evenly_spaced() -> None:
    assert parse_values("temperature", "0, 0.7,1.2") == (0, 0.7, 1.2)
    assert parse_values("temperature", "0:2:5") == (0, 0.5, 1, 1.5, 2)
    assert parse_values("max_tokens", "10:100:4") == (10, 40, 70, 100)


@pytest.mark.parametrize("text", ["", "a", "0,,1", "0:1", "1:0:3", "0:1:1", "0:1:x", "0:1:2:3", "nan", "inf", "3", "0:9:3"])
def test_a_sweep_that_cannot_be_read_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_values("temperature", text)
    assert "\n" not in str(refused.value)


REFUSED = [
    ({"prompts": []}, "no prompt"),
    ({"prompts": [""]}, "the prompt is empty"),
    ({"prompts": ["ok", "nul\0"]}, "prompt 2 of 2 contains a NUL"),
    ({"prompts": ["\ud800"]}, "surrogate"),
    ({"prompts": [3]}, "must be text, not int"),
    ({"prompts": ["x" * 1_000_001]}, "1,000,001 characters"),
    ({"n": 0}, "n=0 is out of range"),
    ({"n": -1}, "out of range"),
    ({"n": 1.5}, "not a whole number"),
    ({"n": True}, "not a whole number"),
    ({"n": "many"}, "not a whole number"),
    ({"n": 100_001}, "out of range"),
    ({"n": 50_000, "sweep": {"temperature": [0, 0.5, 1]}}, "150,000 calls"),
    ({"sweep": {"temperature": [i / 1e6 for i in range(100_001)]}}, "more than 100,000 settings"),
    ({"sweep": {"temperature": []}}, "no values"),
    ({"sweep": {"warmth": [1]}}, "unknown parameter 'warmth'"),
    ({"sweep": {"temprature": [1]}}, "did you mean 'temperature'"),
    ({"settings": [], "sweep": None}, "no setting"),
    ({"settings": [{"temperature": 1}], "sweep": {"temperature": [1]}}, "both given"),
    ({"settings": [{"temperature": 2.1}]}, "temperature=2.1 is out of range"),
    ({"settings": [{"temperature": math.nan}]}, "out of range"),
    ({"settings": [{"top_p": 0}]}, "top_p=0 is out of range"),
    ({"settings": [{"presence_penalty": -3}]}, "out of range"),
    ({"settings": [{"max_tokens": 1.5}]}, "not a whole number"),
    ({"seed": -1}, "seed=-1"),
    ({"seed": 2**53 + 1}, "out of range"),
    ({"deadline": 0}, "deadline=0"),
    ({"deadline": math.inf}, "not a positive number"),
    ({"max_cost": -1}, "max_cost=-1"),
    ({"max_cost": math.nan}, "not a positive number"),
    ({"max_concurrency": 0}, "max_concurrency=0"),
    ({"model": " "}, "model's name is empty"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[f"{next(iter(w))}-{i}" for i, (w, _) in enumerate(REFUSED)])
def test_a_request_that_cannot_be_met_is_refused_in_one_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        make_plan(**{"prompts": ["ok"], "model": "m", **options})
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


RANGES = st.fixed_dictionaries(
    {},
    optional={name: st.tuples(values, values).map(lambda pair: Range(min(pair), max(pair))) for name, values in VALUES.items()},
)


@given(RANGES, st.integers(1, 33), st.integers(0, 5))
def test_settings_drawn_from_ranges_lie_inside_them_and_are_the_same_for_the_same_seed(
    ranges: dict[str, Range], count: int, seed: int
) -> None:
    drawn = sample_ranges(ranges, count, seed)
    assert drawn == sample_ranges(ranges, count, seed)
    for setting in drawn:
        assert setting.given().keys() == ranges.keys()
        for name, value in setting.given().items():
            assert value in ranges[name]
            PARAMETERS[name].check(value)
        if "max_tokens" in ranges:
            assert setting.value("max_tokens") == ranges["max_tokens"].high


def test_a_sobol_sample_fills_every_quarter_of_a_range_once() -> None:
    drawn = sample_ranges({"temperature": Range(0, 2), "top_p": Range(0.2, 1)}, 4, 1)
    assert sorted(int(s.value("temperature") / 0.5) for s in drawn) == [0, 1, 2, 3]


def test_equal_settings_are_asked_once() -> None:
    plan = make_plan(["x"], model="m", settings=[{"temperature": 1}, Setting.of(temperature=1.0), {"temperature": 0}])
    assert [s.value("temperature") for s in plan.settings] == [1, 0]
    assert plan.swept == ("temperature",)
