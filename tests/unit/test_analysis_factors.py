"""Factors of every kind in the analysis: models, personas, wordings, ordered choices and JSON beside numbers."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from pplab.analysis.decision import decide
from pplab.analysis.experiment_comparison import compare_experiments
from pplab.analysis.response_matrix import layout
from pplab.analysis.summaries import by_setting
from pplab.analysis.trend import trend
from pplab.experiments.factors import for_analysis, with_factors
from pplab.plan.plan import Wording, make_plan
from pplab.plan.settings import ModelAsked, Setting, scale_position, value_label

SCHEMAS = [{"type": "json_schema", "json_schema": {"name": "answer", "schema": {"maxLength": length}}} for length in (10, 20)]


def responses(values, *, prompts=12, rise=0.1, **columns):
    """Return answers whose coherence rises from setting to setting; ``values``: of each setting, by column."""
    rows = [
        {"prompt_index": p, "setting_index": s, "status": "ok", "coherence": 0.2 + rise * s + (p * 7 + s * 3) % 5 / 50, **setting}
        for p in range(prompts)
        for s, setting in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(**columns)


def one(name, *values):
    return responses([{name: value} for value in values])


def labels(frame):
    return list(layout(frame).labels)


# -- labels --------------------------------------------------------------------------------------------------------------------


def test_a_model_is_called_as_users_write_it():
    asked = [{"model_asked": "qwen3:8b", "endpoint": "local"}, {"model_asked": "gpt-6-luna", "endpoint": None}]
    assert labels(responses(asked)) == ["model qwen3:8b@local", "model gpt-6-luna"]
    assert labels(one("model_asked", "a", "b")) == ["model a", "model b"]
    assert labels(one("endpoint", "a", None)) == ["endpoint a", "endpoint default"]


def test_personas_and_wordings_go_before_parameters():
    frame = responses(
        [{"temperature": 0.5, "wording": "short", "system": "warm"}, {"temperature": 1, "wording": "w", "system": "s"}]
    )
    assert labels(frame)[0] == "system warm, wording short, temperature 0.5"


def test_labels_of_long_values_are_short_and_differ():
    long = [json.dumps(schema) for schema in SCHEMAS]
    first, second = labels(one("response_format", *long))
    assert first != second
    assert max(len(first), len(second)) <= len("response_format ") + 40
    settings = [Setting.of(response_format=schema).label() for schema in SCHEMAS]
    assert len(set(settings)) == 2
    assert value_label("two\nlines") == "two lines"


# -- order ---------------------------------------------------------------------------------------------------------------------


def test_numbers_and_ordered_choices_have_a_place_and_nothing_else_has():
    assert scale_position("temperature", 0.5) == scale_position("temperature", "0.5") == 0.5
    places = [scale_position("reasoning_effort", value) for value in ("none", "low", "high")]
    assert places == sorted(places)
    for name, value in [
        *(("system", "1"), ("model_asked", 4), ("x.mode", "2"), ("logprobs", True), ("stop", '["a"]'), ("temperature", None)),
        *(("temperature", pd.NA), ("top_k", 0), ("thinking_budget", -1), ("verbosity", "loud"), ("temperature", "warm")),
    ]:
        assert scale_position(name, value) is None, name


def test_a_trend_over_an_ordered_choice_follows_its_order():
    frame = responses([{"reasoning_effort": value} for value in ("low", "medium", "high")])
    found = trend(frame, "coherence", "reasoning_effort")
    assert (found.direction, found.levels) == ("rising", ("low", "medium", "high"))
    shuffled = responses([{"reasoning_effort": value} for value in ("high", "low", "medium")])
    assert trend(shuffled, "coherence", "reasoning_effort").direction != "rising"
    assert found.words.startswith("coherence rises with reasoning_effort")


@pytest.mark.parametrize("name", ["model_asked", "system", "wording", "x.mode"])
def test_names_have_no_trend_even_when_they_look_like_numbers(name):
    frame = one(name, "1", "2", "3")
    assert trend(frame, "coherence", name).p is None
    assert decide(frame, metric="coherence").parameters == {name: "3"}


def test_a_number_without_limit_has_no_place_in_a_trend():
    frame = one("top_k", 0, 5, 20, 80)
    assert trend(frame, "coherence", "top_k").levels == (5.0, 20.0, 80.0)


# -- what to run next ----------------------------------------------------------------------------------------------------------


def advice(frame):
    return decide(frame, metric="coherence")


def test_only_numbers_have_a_value_beyond_the_edge():
    assert advice(one("min_p", 0, 0.1, 0.2)).more.value == 0.3
    for frame in (one("system", "a", "b", "c"), one("reasoning_effort", "low", "medium", "high"), one("top_k", 0, 10, 20)):
        assert advice(frame).more.value is None
    assert advice(one("system", "a", "b", "c")).parameters == {"system": "c"}


# -- summaries and pairing -----------------------------------------------------------------------------------------------------


def plan_of(**options):
    return make_plan(["one {x}", "two {x}"], model="m", n=2, **options)


def stored(plan):
    """Return answers to a plan as they stand in the table."""
    rows = [
        {
            "prompt_index": call.prompt_index,
            "prompt": plan.prompt(call),
            "setting_index": call.setting_index,
            "temperature": plan.settings[call.setting_index].value("temperature"),
            "status": "ok",
            "coherence": 0.5,
            **dict.fromkeys(("endpoint", "model_asked", "system", "wording", "min_p", "parameters", "fault")),
        }
        for call in plan.calls()
    ]
    return pd.DataFrame(rows)


def test_responses_and_summaries_have_one_column_for_each_factor_that_varies():
    plan = plan_of(
        models=[ModelAsked("a"), ModelAsked("b", "local", "127.0.0.1:1")],
        systems={"plain": "Be plain.", "warm": "Be warm."},
        sweep={"min_p": [0, 0.1], "response_format": SCHEMAS},
    )
    assert plan.factors == ("model_asked", "endpoint", "system", "min_p", "response_format")
    frame = with_factors(plan, stored(plan))
    assert [name for name in ("wording", "model_asked", "system", "min_p") if name in frame.columns] == [
        "model_asked",
        "system",
        "min_p",
    ]
    assert json.loads(frame["response_format"].iloc[0]) == SCHEMAS[0]
    assert json.loads(frame["parameters"].iloc[0]) == {"min_p": 0, "response_format": SCHEMAS[0]}
    assert frame["cluster"].isna().all()
    summary = by_setting(for_analysis(plan, frame), ["coherence"])
    assert len(summary) == 16
    assert list(summary["model_asked"].unique()) == ["a", "b"]
    assert summary["setting"].is_unique


def test_what_does_not_vary_is_no_column_but_endpoint_and_parameters_are_there():
    plan = plan_of(sweep={"temperature": [0, 1]})
    frame = with_factors(plan, stored(plan))
    assert {"endpoint", "parameters", "cluster", "fault"} <= set(frame.columns)
    assert not {"model_asked", "system", "wording", "min_p"} & set(frame.columns)
    assert labels(for_analysis(plan, frame)) == ["temperature 0", "temperature 1"]


def test_values_of_several_kinds_are_one_column_of_json():
    plan = plan_of(sweep={"x.mode": [True, 2, "three", [4]]})
    assert list(with_factors(plan, stored(plan))["x.mode"].unique()) == ["true", "2", '"three"', "[4]"]
    numbers = plan_of(sweep={"x.mode": [1, 2.5]})
    assert list(with_factors(numbers, stored(numbers))["x.mode"].unique()) == [1, 2.5]


def test_wordings_are_paired_by_the_row_of_their_table():
    wordings = [Wording("short", "{x}", ("one", "two")), Wording("long", "Please: {x}", ("Please: one", "Please: two"))]
    plan = make_plan(["one", "two"], model="m", n=1, wordings=wordings)
    matrix = layout(for_analysis(plan, with_factors(plan, stored(plan))))
    assert (matrix.prompts, matrix.labels) == (2, ("wording short", "wording long"))


def test_rows_that_differ_in_one_wording_only_are_not_one_prompt():
    wordings = [Wording("fixed", "Say hello", ("Say hello", "Say hello")), Wording("row", "{x}", ("one", "two"))]
    plan = make_plan(["Say hello", "Say hello"], model="m", n=1, wordings=wordings)
    assert layout(with_factors(plan, stored(plan))).prompts == 2
    alone = make_plan(["Say hello", "Say hello"], model="m", n=1)
    assert layout(with_factors(alone, stored(alone))).prompts == 1


def test_two_experiments_with_wordings_are_compared_on_the_texts_that_both_have():
    def answers(names, shift):
        rows = [
            {"prompt_index": p, "prompt": f"{w} {p}", "wording": w, "setting_index": s, "status": "ok", "cluster": f"row {p}"}
            | {"coherence": 0.5 + shift + p % 3 / 100}
            for p in range(8)
            for s, w in enumerate(names)
        ]
        return pd.DataFrame(rows)

    found = compare_experiments(answers(["short", "long"], 0.1), answers(["long", "other"], 0.0), ["coherence"]).differences[0]
    assert (found.prompts, round(found.difference, 6)) == (8, 0.1)
