"""Diversity is a U-statistic: responses are resampled, pairs never."""

import itertools

import numpy as np
import pytest
from analysis_frames import SOAK, sampled_texts, word_distance

from pplab.analysis.diversity import compare_diversity
from pplab.analysis.statistics import holm
from pplab.errors import BadInput
from tests.soak import only_soak

VOCABULARY = {0: 6, 1: 20, 2: 60}


def test_diversity_is_the_mean_distance_over_pairs_of_responses_to_one_prompt():
    frame = sampled_texts(2, {0: 20, 1: 20}, 5)
    by_hand = {
        setting: np.mean(
            [
                np.mean([word_distance(list(pair))[0, 1] for pair in itertools.combinations(group["text"], 2)])
                for _, group in side.groupby("prompt_index")
            ]
        )
        for setting, side in frame.groupby("setting_index")
    }
    found = compare_diversity(frame, word_distance, [(0, 1)]).differences[0]
    assert (found.mean_a, found.mean_b) == pytest.approx((by_hand[0], by_hand[1]))


def test_distances_computed_beforehand_give_the_same():
    frame = sampled_texts(3, VOCABULARY, 5)
    assert compare_diversity(frame, word_distance(frame["text"]), [(0, 1)]) == compare_diversity(frame, word_distance, [(0, 1)])


def test_distances_of_another_size_are_refused():
    with pytest.raises(BadInput, match="do not match"):
        compare_diversity(sampled_texts(2, {0: 5, 1: 5}, 3), np.zeros((2, 2)), [(0, 1)])


def test_a_response_drawn_twice_is_no_pair_with_itself():
    found = compare_diversity(sampled_texts(1, {0: 10_000, 1: 10_000}, 8), word_distance, [(0, 1)]).differences[0]
    # no two responses share a word, so no resample may show less than complete diversity of either
    assert (found.mean_a, found.mean_b, found.low, found.high) == (1.0, 1.0, 0.0, 0.0)


def test_failed_responses_are_not_compared():
    frame = sampled_texts(7, {0: 6, 1: 9}, 3)
    frame.loc[frame["replicate"] == 2, ["status", "text"]] = ["failed", None]
    without = frame[frame["replicate"] < 2]
    assert compare_diversity(frame, word_distance, [(0, 1)]) == compare_diversity(without, word_distance, [(0, 1)])


@pytest.mark.parametrize(("prompts", "scope"), [(1, "replicates"), (10, "prompts")])
def test_a_larger_vocabulary_is_found_to_be_more_diverse(prompts, scope):
    found = compare_diversity(sampled_texts(prompts, {0: 6, 1: 200}, 6), word_distance, [(0, 1)]).differences[0]
    assert found.significant
    assert (found.scope, found.difference < 0, found.high < 0) == (scope, True, True)
    assert found.responses_a == 6 * prompts
    assert (found.cliffs_delta is None) == (scope == "replicates")


@pytest.mark.parametrize("prompts", [8, *only_soak(1)])
def test_without_a_difference_one_diversity_test_in_twenty_says_otherwise(prompts):
    runs = 400 if SOAK else 40
    frames = (sampled_texts(prompts, {0: 20, 1: 20}, 5, seed=s) for s in range(runs))
    found = [compare_diversity(frame, word_distance, [(0, 1)]).differences[0] for frame in frames]
    assert np.mean([d.p <= 0.05 for d in found]) <= (0.07 if SOAK else 0.1)
    assert np.mean([d.low <= 0 <= d.high for d in found]) >= 0.9


def test_pairs_are_corrected_together():
    found = compare_diversity(sampled_texts(7, VOCABULARY, 4), word_distance, [(0, 1), (0, 2), (1, 2)])
    assert {d.family for d in found.differences} == {3}
    assert [d.p_adjusted for d in found.differences] == pytest.approx(holm([d.p for d in found.differences]))


def test_a_prompt_with_one_response_under_one_setting_is_dropped_and_said():
    frame = sampled_texts(8, {0: 6, 1: 60}, 3)
    frame.loc[(frame["prompt_index"] == 0) & (frame["setting_index"] == 1) & (frame["replicate"] > 0), "status"] = "failed"
    found = compare_diversity(frame, word_distance, [(0, 1)]).differences[0]
    assert (found.prompts, found.dropped) == (7, 1)


def test_empty_and_failed_experiments_have_no_diversity():
    frame = sampled_texts(2, VOCABULARY, 3)
    assert compare_diversity(frame.iloc[:0], word_distance, []).differences == ()
    assert {d.difference for d in compare_diversity(frame.assign(status="failed"), word_distance, [(0, 1)]).differences} == {None}
