"""The charts of a summary: a line only over values that have an order and where nothing else differs, rows otherwise."""

from __future__ import annotations

import base64
import itertools
import re

import pandas as pd
import pytest

from pplab.plan.vocabulary import MetricInfo
from pplab.views.summary_charts import summary_charts

COHERENCE = MetricInfo("coherence", 0, 1, built_in=True)


def chart(factors, *settings):
    """Return the words of the chart over some settings, given their values."""
    rows = [
        {
            "setting": " and ".join(f"{n} {v}" for n, v in zip(factors, values, strict=True)),
            **dict(zip(factors, values, strict=True)),
        }
        | {"coherence": 0.5 + k / 100, "coherence_low": 0.4, "coherence_high": 0.9}
        for k, values in enumerate(settings)
    ]
    (image,) = re.findall(r"base64,([^\"]+)", summary_charts(pd.DataFrame(rows), factors, [COHERENCE]))
    return re.findall(r"<text[^>]*>([^<]+)</text>", base64.b64decode(image).decode())


def test_numbers_are_an_axis():
    words = chart(("temperature",), (0,), (1,), (0.5,))
    assert words[0] == "Scores by temperature"
    assert "temperature 0.5" not in words


def test_an_ordered_choice_is_an_axis_of_its_choices_in_their_order():
    words = chart(("reasoning_effort",), ("high",), ("low",), ("medium",))
    assert words[0] == "Scores by reasoning_effort"
    places = [words.index(value) for value in ("low", "medium", "high")]
    assert places == sorted(places)


@pytest.mark.parametrize("factor", ["model_asked", "system", "wording", "x.mode", "response_format", "max_tokens"])
def test_anything_else_is_a_row_a_setting(factor):
    words = chart((factor,), ("1",), ("2",), ("3",))
    assert words[0] == "Scores by setting"
    assert f"{factor} 2" in words


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_setting_that_leaves_the_number_to_the_server_has_no_place_on_an_axis(gap):
    assert chart(("temperature",), (gap,), (1.0,))[0] == "Scores by setting"


def test_rows_over_many_factors_are_told_apart_by_their_values():
    combinations = itertools.product(["a", "b"], [None, "local"], ["plain", "warm"], [0, 0.7])
    words = chart(("model_asked", "endpoint", "system", "temperature"), *combinations)
    assert words[0] == "Scores by model, system and temperature"
    assert {"a, plain, 0", "b@local, warm, 0.7"} <= set(words)
