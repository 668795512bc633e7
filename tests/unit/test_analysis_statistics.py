"""Comparisons against scipy on the same data, against simulation, and at the edges."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from analysis_frames import METRICS, SOAK, every_pair, experiment, frame_of, heavy
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pplab.analysis.statistics import benjamini_hochberg, compare, compare_pairs, holm, mean_intervals
from pplab.errors import BadInput
from tests.soak import only_soak

MANY = [f"m{i}" for i in range(2_000 if SOAK else 300)]
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_both_corrections_give_the_figures_of_statsmodels():
    p = [0.001, 0.04, 0.03, 0.005, 0.2, 0.04, 1.0, 0.0, 0.049, 0.5]  # statsmodels 0.14.5: multipletests(p, method=...)
    by_holm = [0.009, 0.24, 0.21, 0.04, 0.6, 0.24, 1.0, 0.0, 0.24, 1.0]
    by_fdr_bh = [0.005, 1 / 15, 1 / 15, 1 / 60, 0.25, 1 / 15, 1.0, 0.0, 0.07, 5 / 9]
    np.testing.assert_allclose(holm(p), by_holm, rtol=0, atol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(p), by_fdr_bh, rtol=0, atol=1e-12)


@given(p_values)
def test_benjamini_hochberg_equals_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p, method="bh"), rtol=0, atol=1e-12)


@given(p_values)
def test_a_correction_never_lowers_a_p_value_and_keeps_their_order(p):
    for corrected in (holm(p), benjamini_hochberg(p)):
        assert all(a >= b - 1e-12 for a, b in zip(corrected, p, strict=True))
        ranked = [c for _, c in sorted(zip(p, corrected, strict=True))]
        assert ranked == sorted(ranked)


def test_cliffs_delta_of_a_comparison_is_the_mean_of_those_within_prompts():
    frame = experiment(7, 2, 4, effects=(0.1,)).round(1)
    frame.loc[frame.index[:5], "status"] = "failed"
    ok = frame[frame["status"] == "ok"]
    within = [
        np.sign(np.subtract.outer(*(side["coherence"].to_numpy() for _, side in group.groupby("setting_index")))).mean()
        for _, group in ok.groupby("prompt_index")
    ]
    assert compare(frame, 0, 1, ["coherence"]).differences[0].cliffs_delta == pytest.approx(np.mean(within))


def test_a_difference_is_the_mean_of_the_differences_between_per_prompt_means():
    frame = experiment(15, 2, 3, effects=(0.05,))
    means = frame.pivot_table(index="prompt_index", columns="setting_index", values="structure")
    found = compare(frame, 0, 1, ["structure"]).differences[0]
    assert found.difference == pytest.approx((means[0] - means[1]).mean())
    assert found.p == pytest.approx(stats.ttest_rel(means[0], means[1]).pvalue, abs=0.02)


def test_the_interval_of_a_difference_is_close_to_students_for_symmetric_data():
    frame = experiment(60, 2, 3, effects=(0.05,))
    means = frame.pivot_table(index="prompt_index", columns="setting_index", values="structure")
    student = stats.ttest_rel(means[0], means[1]).confidence_interval()
    found = compare(frame, 0, 1, ["structure"]).differences[0]
    assert (found.low, found.high) == pytest.approx(tuple(student), abs=0.004)


def test_intervals_of_settings_and_differences_cover_the_truth():
    frame = experiment(12, 2, 3, metrics=MANY, interaction=0.03)
    margin = 0.02 if SOAK else 0.04
    means = mean_intervals(frame, MANY)
    assert np.mean([i.low <= 0.5 <= i.high for i in means]) == pytest.approx(0.95, abs=margin)
    differences = compare(frame, 0, 1, MANY).differences
    assert np.mean([d.low <= 0 <= d.high for d in differences]) == pytest.approx(0.95, abs=margin)


@pytest.mark.parametrize("prompts", [3, *only_soak(1)])
def test_with_few_prompts_the_interval_covers_the_truth_for_these_prompts(prompts):
    few = MANY[: len(MANY) // 2]
    differences = compare(experiment(prompts, 2, 5, metrics=few), 0, 1, few).differences
    assert {d.scope for d in differences} == {"replicates"}
    assert np.mean([d.low <= 0 <= d.high for d in differences]) == pytest.approx(0.95, abs=0.045)
    assert np.mean([d.p <= 0.05 for d in differences]) <= 0.085


@pytest.mark.parametrize("prompts", [10, *only_soak(6, 30)])
def test_without_a_difference_one_test_in_twenty_says_otherwise(prompts):
    differences = compare(experiment(prompts, 2, 3, metrics=MANY), 0, 1, MANY).differences
    assert np.mean([d.p <= 0.05 for d in differences]) <= (0.062 if SOAK else 0.08)


def test_holm_keeps_the_chance_of_any_false_finding_over_all_metrics():
    runs = 400 if SOAK else 60
    false = sum(any(d.significant for d in compare(experiment(20, 2, 2, seed=seed), 0, 1).differences) for seed in range(runs))
    assert false / runs <= (0.075 if SOAK else 0.1)


def test_the_detectable_difference_is_found_four_times_in_five():
    frame = experiment(25, 2, 3, metrics=["m0"])
    seen = compare(frame, 0, 1, ["m0"]).differences[0].detectable
    true = 0.1 * math.sqrt(2 / 3 / 25) * 2.92  # the noncentrality for 24 degrees of freedom
    assert seen == pytest.approx(true, rel=0.35)
    found = compare(experiment(25, 2, 3, metrics=MANY, effects=(true,)), 0, 1, MANY).differences
    assert np.mean([d.p <= 0.05 for d in found]) == pytest.approx(0.8, abs=0.06)


def test_the_probability_of_being_higher_follows_the_difference():
    found = compare(experiment(20, 3, 3, effects=(0.0, 0.2)), 1, 0).differences[0]
    assert found.probability_higher > 0.99
    lower = compare(experiment(20, 3, 3, effects=(0.0, 0.2)), 1, 0, lower_is_better=METRICS).differences[0]
    assert lower.probability_higher == found.probability_higher
    assert (found.better, lower.better) == (1, 0)


def test_swapping_the_settings_turns_every_sign():
    frame = experiment(9, 2, 3, effects=(0.03,))
    one, other = (compare(frame, *pair, ["structure"]).differences[0] for pair in ((0, 1), (1, 0)))
    assert one.difference == pytest.approx(-other.difference)
    assert one.p == other.p
    assert one.cliffs_delta == pytest.approx(-other.cliffs_delta)
    assert one.probability_higher == pytest.approx(1 - other.probability_higher)


def test_planned_contrasts_are_corrected_by_holm():
    planned = compare_pairs(experiment(10, 3, 2, effects=(0.0, 0.1)), [(0, 1), (0, 2)])
    assert [d.p_adjusted for d in planned.differences] == pytest.approx(holm([d.p for d in planned.differences]))
    assert {d.family for d in planned.differences} == {8}


def test_a_prompt_without_usable_response_under_one_setting_is_dropped_and_said():
    frame = experiment(8, 2, 2)
    frame.loc[(frame["prompt_index"] == 3) & (frame["setting_index"] == 1), "status"] = "refused"
    found = compare(frame, 0, 1, ["coherence"]).differences[0]
    assert (found.prompts, found.dropped) == (7, 1)
    assert "1 prompt without enough usable responses under both was left out." in found.words


def test_dropped_prompts_leave_the_other_pairs_as_they_are():
    frame = experiment(9, 3, 2)
    gap = frame.copy()
    gap.loc[(gap["prompt_index"] == 3) & (gap["setting_index"] == 2), "status"] = "failed"
    full, holed = (compare(f, 0, 1, ["coherence"]).differences[0] for f in (frame, gap))
    assert full == holed


def test_missing_and_infinite_values_are_not_averaged_in():
    frame = experiment(8, 2, 3)
    spoilt = frame.assign(coherence=frame["coherence"].astype(object))
    spoilt.loc[spoilt.index[0], "coherence"] = None
    spoilt.loc[spoilt.index[1], "coherence"] = math.inf
    found = compare(spoilt, 0, 1, ["coherence"]).differences[0]
    assert (found.responses_a, found.responses_b) == (23, 23)
    assert math.isfinite(found.difference)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_metric_shows_no_difference_and_says_so(value):
    found = compare(experiment(10, 2, 2).assign(structure=value), 0, 1, ["structure"]).differences[0]
    assert (found.difference, found.low, found.high, found.p, found.probability_higher) == (0, 0, 0, 1, 0.5)
    assert "without any variation" in found.words


@pytest.mark.parametrize("prompts", [1, 3, 9])
def test_nothing_usable_is_said_in_plain_words(prompts):
    frame = experiment(prompts, 2, 3).assign(status="failed")
    assert {d.note for d in compare(frame, 0, 1).differences} == {"no prompt has usable responses under both"}
    assert {i.words for i in mean_intervals(frame, ["coherence"])} == {
        "coherence at temperature 0: no usable value.",
        "coherence at temperature 0.5: no usable value.",
    }


def test_one_prompt_with_two_responses_has_means_but_no_interval():
    found = mean_intervals(experiment(1, 1, 2), ["coherence"])[0]
    assert (found.low, found.high, found.scope) == (None, None, "none")
    assert found.words.endswith("without interval: at least 6 prompts, or 5 usable responses to each prompt, are needed.")


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (1, "This covers this one prompt only."),
        (4, "This covers these 4 prompts only."),
        (9, "Exploratory: 9 prompts, fewer than 10."),
    ],
)
def test_what_a_result_covers_is_part_of_its_words(prompts, said):
    frame = experiment(prompts, 2, 6)
    assert said in mean_intervals(frame, ["coherence"])[0].words
    assert said in compare(frame, 0, 1, ["coherence"]).words


def test_from_ten_prompts_on_nothing_is_called_exploratory():
    assert "xploratory" not in compare(experiment(10, 2, 3), 0, 1).words


def test_no_difference_names_the_smallest_one_that_could_have_been_seen():
    words = compare(experiment(40, 2, 3, seed=2), 0, 1, ["coherence"]).words
    assert words.startswith("No significant difference between temperature 0 and temperature 0.5 on coherence: ")
    assert "; 40 prompts could detect 0.0" in words


def test_too_few_prompts_for_the_correction_are_named():
    found = compare(experiment(6, 2, 3), 0, 1).differences[0]
    assert found.detectable is None
    assert "6 prompts are too few to show any difference after correcting for 4 tests; use at least 8" in found.words


@pytest.mark.parametrize(("prompts", "settings", "replicates"), [(6, 2, 3), (7, 3, 2), (1, 3, 5), (8, 5, 2)])
def test_the_size_that_is_asked_for_is_the_smallest_that_could_show_a_difference(prompts, settings, replicates):
    found = compare_pairs(experiment(prompts, settings, replicates), every_pair(settings)).differences[0]
    assert found.detectable is None
    count, more = re.search(r"use at least (\d+)( to each prompt)?", found.words).groups()
    for size, able in ((int(count) - 1, False), (int(count), True)):
        shape = (prompts, settings, size) if more else (size, settings, replicates)
        assert (compare_pairs(experiment(*shape), every_pair(settings)).differences[0].detectable is not None) is able


def test_clusters_of_prompts_are_the_unit_when_they_are_given():
    frame = experiment(24, 2, 2)
    grouped = frame.assign(cluster=frame["prompt_index"] // 3)
    found = compare(grouped, 0, 1, ["coherence"]).differences[0]
    assert (found.unit, found.prompts) == ("cluster", 8)
    means = frame.pivot_table(index="prompt_index", columns="setting_index", values="coherence")
    by_cluster = (means[0] - means[1]).groupby(means.index // 3).mean()
    assert found.difference == pytest.approx(by_cluster.mean())


def test_clusters_of_one_prompt_each_change_nothing():
    frame = experiment(8, 2, 2)
    assert compare(frame, 0, 1) == compare(frame.assign(cluster=frame["prompt_index"] + 100), 0, 1)


def test_correlated_prompts_of_a_cluster_do_not_narrow_the_interval():
    frame = experiment(10, 1, 3, metrics=["m"])
    copies = [frame.assign(prompt_index=frame["prompt_index"] + 10 * k, cluster=frame["prompt_index"]) for k in range(4)]
    alone, copied = (mean_intervals(f, ["m"])[0] for f in (frame, pd.concat(copies)))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=1e-6)


def test_a_prompt_in_two_clusters_is_refused():
    with pytest.raises(BadInput, match="several clusters"):
        mean_intervals(experiment(3, 2, 2).assign(cluster=range(12)))


def test_an_unknown_setting_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match=r"no setting 7 among these responses\. settings: 0, 1"):
        compare(experiment(3, 2, 2), 0, 7)


def test_a_setting_is_not_compared_with_itself():
    with pytest.raises(BadInput, match="with itself"):
        compare(experiment(3, 2, 2), 1, 1)


def test_empty_frames_have_no_means_and_no_comparisons():
    empty = experiment(3, 2, 2).iloc[:0]
    assert mean_intervals(empty) == ()
    assert compare_pairs(empty, []).differences == ()
    assert compare_pairs(empty, []).words == "There is nothing to compare."


def test_settings_are_named_by_what_they_differ_in():
    frame = frame_of([(p, s, "ok", 0.5) for p in range(6) for s in range(3)]).assign(top_p=0.9)
    frame["temperature"] = frame["setting_index"].map({0: 0.0, 1: 1.5, 2: None})
    labels = [i.label for i in mean_intervals(frame, ["coherence"])]
    assert labels == ["temperature 0", "temperature 1.5", "temperature default"]


def test_settings_that_look_alike_are_told_apart_by_number():
    frame = frame_of([(0, s, "ok", 0.5) for s in range(2)]).assign(temperature=1.0)
    assert [i.label for i in mean_intervals(frame, ["coherence"])] == ["setting 0", "setting 1"]


def test_records_print_what_they_say_and_turn_into_plain_json():
    found = compare(experiment(12, 2, 2), 0, 1)
    assert repr(found) == found.words
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["differences"][0]["words"] == found.differences[0].words
    assert list(found.df["metric"]) == list(METRICS)


@given(st.integers(1, 8), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1))
@heavy
def test_no_pattern_of_failures_and_gaps_puts_a_nan_into_words(prompts, settings, replicates, seed):
    rng = np.random.default_rng(seed)
    frame = experiment(prompts, settings, replicates, seed=seed).round(1)
    frame["status"] = rng.choice(["ok", "ok", "failed", "truncated"], len(frame))
    for metric in METRICS:
        frame[metric] = frame[metric].where(rng.random(len(frame)) < 0.7)
    said = compare_pairs(frame, every_pair(settings)).words + " ".join(i.words for i in mean_intervals(frame))
    assert "nan" not in said
    assert "None" not in said
    assert "inf" not in said
