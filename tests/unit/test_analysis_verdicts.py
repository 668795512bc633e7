"""A verdict says what was found, what it covers, and what was left out."""

import json

import numpy as np
import pandas as pd
import pytest
from analysis_frames import METRICS, experiment, heavy
from hypothesis import given
from hypothesis import strategies as st

from pplab.analysis.verdicts import verdict


def test_two_settings_are_compared_metric_by_metric():
    found = verdict(experiment(20, 2, 3, effects=(0.1,)))
    assert found.sentences[0] == "2 settings, 20 prompts, 120 responses."
    assert sum("temperature 0 scores higher than temperature 0.5 on" in s for s in found.sentences) == 4
    assert found.ranking == ()


def test_a_sweep_names_the_best_its_probability_and_from_what_it_differs():
    words = verdict(experiment(30, 4, 3, effects=(0, 0, 0.2)), ["coherence"]).sentences[1]
    assert words.startswith("coherence: temperature 1 is best with probability 100% (mean ")
    assert "Significantly different from every other setting." in words


def test_settings_without_a_significant_difference_are_named_with_what_could_be_detected():
    words = verdict(experiment(30, 3, 3, effects=(0, 0.2, 0.2)), ["coherence"]).words
    assert "Significantly different from temperature 0. No significant difference from" in words
    assert "; this run could detect 0.0" in words


def test_too_few_prompts_for_a_sweep_are_named_with_how_many_it_takes():
    words = verdict(experiment(7, 3, 2), ["coherence"]).words
    assert "this run could detect" in words
    words = verdict(experiment(7, 3, 2)).words
    assert "; 7 prompts are too few to show any difference after correcting for 12 tests; use at least 9." in words


def test_an_ordered_sweep_is_tested_for_a_trend():
    found = verdict(experiment(20, 4, 3, effects=(0, 0.1, 0.2, 0.3)), ["creativity"])
    assert found.trends[0].direction == "rising"
    assert "Creativity rises with temperature" in found.words


def test_settings_that_differ_in_two_parameters_have_no_trend():
    frame = experiment(12, 4, 2).assign(top_p=lambda f: 1 - f["setting_index"] / 10)
    assert verdict(frame).trends == ()


def test_one_setting_has_means_and_nothing_to_compare():
    words = verdict(experiment(12, 1, 3)).words
    assert "One setting only: there is nothing to compare it with." in words
    assert "95% interval" in words


@pytest.mark.parametrize("settings", [2, 3])
def test_below_the_minimum_the_refusal_is_said_once(settings):
    found = verdict(experiment(1, settings, 2))
    assert len(found.sentences) == 2
    assert found.sentences[1].endswith("at least 6 prompts, or 5 usable responses to each prompt, are needed.")


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (1, "This covers this one prompt only."),
        (5, "This covers these 5 prompts only."),
        (8, "Exploratory: 8 prompts, fewer than 10."),
    ],
)
def test_what_the_verdict_covers_is_said_once(prompts, said):
    words = verdict(experiment(prompts, 3, 5)).words
    assert words.count(said) == 1


def test_ten_prompts_need_no_caveat():
    assert not any(s.startswith(("Exploratory", "This covers")) for s in verdict(experiment(10, 2, 3)).sentences)


def test_responses_left_out_are_counted_by_reason():
    frame = experiment(12, 2, 3)
    frame.loc[frame.index[:5], "status"] = ["truncated", "truncated", "refused", "failed", "timeout"]
    assert verdict(frame).sentences[-1] == (
        "Not included in the averages: 2 truncated, 1 refused, 1 failed, 1 timed out (of 72 responses)."
    )


def test_truncated_responses_that_were_asked_for_are_not_left_out():
    frame = experiment(12, 2, 3)
    frame.loc[frame.index[:5], "status"] = "truncated"
    assert "truncated" not in verdict(frame, include_truncated=True).words


def test_prompts_left_out_of_a_comparison_are_counted():
    frame = experiment(12, 2, 2)
    frame.loc[(frame["prompt_index"] == 0) & (frame["setting_index"] == 0), "status"] = "failed"
    assert "1 prompt without enough usable responses under both settings was left out of a comparison." in verdict(frame).words


def test_an_experiment_in_which_everything_failed_concludes_nothing():
    assert verdict(experiment(6, 2, 2).assign(status="failed")).sentences == (
        "2 settings, 6 prompts, 24 responses.",
        "Nothing can be concluded: no response is usable.",
        "Not included in the averages: 24 failed (of 24 responses).",
    )


def test_an_experiment_in_which_everything_was_truncated_says_what_lets_the_answers_end():
    assert verdict(experiment(6, 2, 2).assign(status="truncated")).sentences == (
        "2 settings, 6 prompts, 24 responses.",
        "Nothing can be concluded: every answer was truncated; a larger max_tokens lets them end.",
        "Not included in the averages: 24 truncated (of 24 responses).",
    )


def test_an_experiment_without_responses_says_so():
    assert verdict(experiment(2, 2, 2).iloc[:0]).words == "There are no responses yet."


def test_a_setting_in_which_everything_failed_does_not_hide_the_others():
    frame = experiment(12, 3, 2)
    frame.loc[frame["setting_index"] == 1, "status"] = "failed"
    words = verdict(frame).words
    assert "is best with probability" in words
    assert "24 failed" in words


def test_a_metric_of_ones_own_is_judged_like_the_others_and_in_its_own_direction():
    frame = experiment(12, 2, 3).assign(typos=lambda f: 10 - 5 * f["setting_index"] + f["coherence"])
    found = verdict(frame, ["typos"], lower_is_better=["typos"])
    assert "temperature 0 scores higher than temperature 0.5 on typos" in found.words
    assert "for typos, lower is better" in found.words
    assert found.comparisons.differences[0].better == 1


def test_a_verdict_is_the_same_every_time_and_plain_json():
    frame = experiment(8, 3, 3)
    assert verdict(frame).words == verdict(frame.sample(frac=1, random_state=1)).words
    json.dumps(verdict(frame).as_dict(), allow_nan=False)


@given(st.integers(1, 13), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32 - 1))
@heavy
def test_a_verdict_never_says_nan_whatever_is_missing(prompts, settings, replicates, seed):
    rng = np.random.default_rng(seed)
    frame = experiment(prompts, settings, replicates, seed=seed).round(1)
    frame["status"] = rng.choice(["ok", "ok", "ok", "failed", "refused"], len(frame))
    frame["structure"] = pd.Series([None] * len(frame), dtype=object)
    frame["completeness"] = 1.0
    frame["creativity"] = frame["creativity"].where(rng.random(len(frame)) < 0.6)
    words = verdict(frame, METRICS).words
    for bad in ("nan", "None", "inf "):
        assert bad not in words


def asked(frame, texts):
    return frame.assign(prompt=[texts[i] for i in frame["prompt_index"]])


def test_prompts_that_read_the_same_are_one_prompt_in_every_statistic():
    once, texts = experiment(4, 2, 6, effects=(0.1,)), ["a", "b", "c", "d"]
    half = once["replicate"] % 2  # the same answers, given to two copies of each prompt
    twice = asked(once.assign(prompt_index=once["prompt_index"] + 4 * half), [*texts, "a\u200b", "b ", "\ufeffc", "d\r\n"])
    one, two = verdict(asked(once, texts)), verdict(twice)
    assert two.sentences[0] == "2 settings, 4 prompts (plus 4 duplicates, counted with their originals), 48 responses."
    assert two.sentences[1:] == one.sentences[1:]
    assert two.means == one.means
    assert "This covers these 4 prompts only." in two.words


def test_a_prompt_asked_six_times_says_nothing_of_other_prompts():
    words = verdict(asked(experiment(6, 2, 3), ["Say hello."] * 6)).words
    assert words.startswith("2 settings, 1 prompt (plus 5 duplicates, counted with their originals), 36 responses.")
    assert "This covers this one prompt only." in words


def test_a_repeated_prompt_takes_the_cluster_of_the_first_and_does_not_break_the_others():
    frame = asked(experiment(8, 2, 3), [*"abcdefg", "a"]).assign(cluster=lambda f: f["prompt_index"] // 2)
    found = verdict(frame)
    assert found.comparisons.differences[0].unit == "cluster"
    assert found.words == verdict(frame.sample(frac=1, random_state=1)).words


def test_the_one_setting_with_usable_responses_is_named_with_what_became_of_the_others():
    frame = experiment(6, 3, 3).assign(temperature=lambda f: f["setting_index"].map({0: 0.0, 1: 0.7, 2: 1.0}))
    frame.loc[frame["setting_index"] < 2, "status"] = "rejected"
    words = verdict(frame).words
    assert "only temperature 1 has usable responses: the server rejected 0 and 0.7" in words
    assert "one setting only" not in words.lower()


def test_of_two_settings_the_one_without_usable_responses_is_named_with_its_reason():
    frame = experiment(6, 2, 3)
    frame.loc[frame["setting_index"] == 1, "status"] = "truncated"
    assert "only temperature 0 has usable responses: every answer of 0.5 was truncated" in verdict(frame).words


def test_calls_that_were_not_sent_after_a_rejection_do_not_hide_it():
    frame = experiment(6, 2, 3)
    frame.loc[frame["setting_index"] == 1, "status"] = ["rejected"] * 2 + ["cancelled"] * 16
    assert "the server rejected 0.5" in verdict(frame).words


def test_a_setting_that_drops_out_beside_others_is_named_with_its_reason():
    frame = experiment(12, 4, 2)
    frame.loc[frame["setting_index"] == 1, "status"] = "rejected"
    frame.loc[frame["setting_index"] == 2, "status"] = ["filtered", "refused"] * 12
    words = verdict(frame).words
    assert "Left out: the server rejected temperature 0.5; temperature 1 has only 12 refused and 12 filtered." in words
