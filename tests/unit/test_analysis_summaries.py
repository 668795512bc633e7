"""The table of settings says what came back."""

import math

import pytest
from analysis_frames import METRICS, experiment, frame_of

from pplab.analysis.summaries import by_setting
from pplab.errors import BadInput


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
    assert table["scope"].tolist() == ["no interval", "generalises (6 prompts)"]


def test_the_table_says_what_its_bounds_speak_for():
    scopes = [by_setting(experiment(prompts, 1, 6))["scope"][0] for prompts in (1, 3, 12)]
    assert scopes == ["this prompt only", "these 3 prompts only", "generalises (12 prompts)"]


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
