"""Moments merge without loss, and the table of settings says what came back."""

import math

import numpy as np
import pytest
from analysis_frames import METRICS, experiment, frame_of
from hypothesis import given
from hypothesis import strategies as st

from pplab.analysis.summaries import Moments, by_setting
from pplab.errors import BadInput

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
samples = st.lists(numbers | st.none() | st.just(math.nan), max_size=30)


def same(a: Moments, b: Moments) -> bool:
    scale = 1 + max(abs(a.mean), abs(b.mean)) ** 2 * max(a.n, 1)
    return a.n == b.n and math.isclose(a.mean, b.mean, rel_tol=1e-9, abs_tol=1e-9) and abs(a.m2 - b.m2) <= 1e-9 * scale


@given(st.lists(samples, max_size=6))
def test_merged_moments_equal_those_of_all_values_in_any_split(parts):
    merged = Moments()
    for part in parts:
        merged = merged.merge(Moments.of(part))
    assert same(merged, Moments.of([value for part in parts for value in part]))


@given(samples, samples)
def test_merging_does_not_depend_on_the_order(a, b):
    assert same(Moments.of(a).merge(Moments.of(b)), Moments.of(b).merge(Moments.of(a)))


@given(st.lists(numbers, min_size=2, max_size=40))
def test_moments_equal_numpy(values):
    found = Moments.of(values)
    assert math.isclose(found.mean, np.mean(values), rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(found.variance, np.var(values, ddof=1), rel_tol=1e-9, abs_tol=1e-5)


@given(samples, numbers)
def test_adding_one_value_equals_starting_over_with_it(values, further):
    assert same(Moments.of(values).add(further, None), Moments.of([*values, further]))


def test_a_large_offset_does_not_cost_the_variance():
    values = [1e9 + x for x in (4.0, 7.0, 13.0, 16.0)]
    assert Moments.of(values[:1]).add(*values[1:]).variance == pytest.approx(30.0)


def test_no_values_have_no_spread():
    assert Moments.of([None, math.nan, math.inf]) == Moments()
    assert Moments().variance is None
    assert Moments.of([3]).sd is None


def test_only_ok_responses_enter_a_mean_and_the_others_are_counted():
    frame = frame_of(
        [(p, 0, "ok", 0.8) for p in range(6)]
        + [(0, 0, "truncated", 0.1), (1, 0, "refused", None), (2, 0, "failed", None), (2, 0, "failed", None)]
    )
    row = by_setting(frame, ["coherence"]).iloc[0]
    assert row["coherence"] == pytest.approx(0.8)
    assert row[["responses", "prompts", "ok", "truncated", "refused", "failed"]].tolist() == [10, 6, 6, 1, 1, 2]


def test_truncated_responses_are_averaged_in_only_when_asked():
    frame = frame_of([(0, 0, "ok", 0.8), (1, 0, "truncated", 0.2)])
    assert by_setting(frame, ["coherence"]).loc[0, "coherence"] == pytest.approx(0.8)
    assert by_setting(frame, ["coherence"], include_truncated=True).loc[0, "coherence"] == pytest.approx(0.5)


def test_every_prompt_counts_the_same_however_many_responses_it_has():
    frame = frame_of([(0, 0, "ok", 0.0)] * 9 + [(1, 0, "ok", 1.0)])
    assert by_setting(frame, ["coherence"]).loc[0, "coherence"] == pytest.approx(0.5)


def test_unknown_tokens_are_unknown_and_not_zero():
    frame = frame_of([(0, 0, "ok", 1.0), (0, 1, "ok", 1.0)]).assign(input_tokens=[None, 7], cost=[None, None])
    table = by_setting(frame, ["coherence"])
    assert math.isnan(table.loc[0, "input_tokens"])
    assert table.loc[1, "input_tokens"] == 7
    assert table["cost"].isna().all()


def test_latency_appears_only_when_asked():
    frame = experiment(6, 2, 2).assign(latency_ms=range(24))
    assert "latency_ms" not in by_setting(frame)
    assert by_setting(frame, latency=True)["latency_ms_p95"].notna().all()


def test_an_empty_frame_gives_an_empty_table():
    assert by_setting(experiment(3, 2, 2).iloc[:0]).empty


def test_a_setting_without_any_usable_response_keeps_its_row():
    frame = frame_of([(p, s, "ok" if s else "failed", 0.5 if s else None) for p in range(6) for s in (0, 1)])
    table = by_setting(frame, ["coherence"])
    assert table["failed"].tolist() == [6, 0]
    assert math.isnan(table.loc[0, "coherence"])
    assert table["covers"].tolist() == ["no interval", "prompts like these 6"]


def test_the_table_says_what_its_bounds_speak_for():
    covers = [by_setting(experiment(prompts, 1, 6))["covers"][0] for prompts in (1, 3, 12)]
    assert covers == ["this prompt only", "these 3 prompts only", "prompts like these 12"]


def test_a_metric_that_does_not_exist_is_named_with_the_nearest_one():
    with pytest.raises(BadInput, match=r"no column 'coherance'. did you mean 'coherence'\?"):
        by_setting(experiment(2, 1, 2), ["coherance"])


def test_the_order_of_the_rows_does_not_matter():
    frame = experiment(8, 3, 2)
    assert by_setting(frame.sample(frac=1, random_state=3)).round(12).equals(by_setting(frame).round(12))


def test_all_four_metrics_have_a_mean_between_their_bounds():
    table = by_setting(experiment(20, 3, 3))
    for metric in METRICS:
        assert (table[f"{metric}_low"] < table[metric]).all()
        assert (table[metric] < table[f"{metric}_high"]).all()
