"""The decision: its outcome, its three lines and its next step, on made-up answers, and what they never say."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK, experiment, sampled_texts, word_distance
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.analysis import decide
from pplab.analysis.response_matrix import layout
from pplab.analysis.unusable import unusable, usable_rows
from pplab.analysis.utility import utility_cells
from pplab.errors import BadInput

FRAMES = 1_000 if SOAK else 24


def answers(prompts, effects, replicates=2, *, within=0.02, seed=1, metric="coherence"):
    """Responses whose one metric has a known mean for each setting."""
    rng = np.random.default_rng(seed)
    rows = [
        (p, s, s / 2, r, "ok", 0.5 + effect + level + rng.normal(0, within))
        for p, level in enumerate(rng.normal(0, 0.1, prompts))
        for s, effect in enumerate(effects)
        for r in range(replicates)
    ]
    columns = ["prompt_index", "setting_index", "temperature", "replicate", "status", metric]
    return pd.DataFrame(rows, columns=columns).assign(cost=0.01)


def on_coherence(prompts, effects, replicates=2, **options):
    return decide(answers(prompts, effects, replicates, **options), metric="coherence")


# -- the outcomes and their words -----------------------------------------------------------------------------------------------


def test_one_that_is_above_all_others_is_the_best():
    found = on_coherence(12, [0.0, 0.2, 0.05])
    assert (found.outcome, found.setting, found.leader, found.best) == ("best", 1, 1, (1,))
    assert found.headline == "Use temperature 0.5: the best of the 3 on coherence (95% sure)."
    assert found.evidence.startswith("It leads 1 by 0.15 (")
    assert found.evidence.endswith("; 12 prompts, 72 answers.")
    assert found.next_step == "Next: nothing needs to be run."
    assert found.parameters == {"temperature": 0.5}


def test_the_best_at_the_edge_of_a_sweep_is_a_reason_to_go_on():
    found = on_coherence(6, [0.0, 0.2])
    assert found.headline == "Use temperature 0.5: better than 0 on coherence (95% sure)."
    assert "6 prompts (few)" in found.evidence
    assert found.next_step == "Next: 0.5 is the highest value tried; try 1 on the same prompts (12 calls, about $0.12)."
    assert (found.more.kind, found.more.parameter, found.more.value) == ("values", "temperature", 1.0)


def test_several_that_are_as_good_as_each_other_may_all_be_taken():
    found = on_coherence(20, [0.0, 0.001, 0.002, -0.2])
    assert found.outcome == "equal"
    assert found.equally_good == (0, 1, 2)
    assert found.headline.startswith("Take temperature ")
    assert found.headline.endswith(": each is within 0.03 of the best (95% sure).")
    assert found.next_step.startswith("Next: nothing needs to be run")


def test_a_leader_that_nothing_beats_by_more_than_the_margin_can_be_used():
    found = on_coherence(12, [0.0, 0.02, -0.05], within=0.03, seed=5)
    assert found.outcome == "within"
    assert found.headline == "Use temperature 0.5: no other of the 3 is better by more than 0.03 (95% sure)."
    assert found.setting == 1


def test_what_is_behind_is_left_out_where_the_rest_is_open():
    found = on_coherence(6, [0.0, 0.01, -0.4], within=0.08, seed=2)
    assert found.outcome == "leave_out"
    assert found.headline.endswith("and leave out 1 (95% sure).")
    assert found.behind == (2,)
    assert "settle it about 4 times in 5" in found.next_step
    assert found.more.calls == found.more.prompts * len(found.more.settings) * 2
    assert found.more.cost == pytest.approx(0.01 * found.more.calls)


def test_what_has_to_be_asked_more_is_what_the_next_step_asks():
    found = on_coherence(6, [0.0, 0.01, -0.4], within=0.08, seed=2)
    assert found.undecided == found.more.settings == (found.leader, 1 - found.leader)
    assert found.as_dict()["undecided"] == list(found.undecided)


def test_settings_that_answered_fewer_prompts_are_compared_on_those():
    frame = answers(20, [0.0, 0.01, -0.4], within=0.08, seed=2)
    found = decide(frame[(frame["setting_index"] < 2) | (frame["prompt_index"] < 6)], metric="coherence", looks=2)
    assert (found.prompts, found.behind, set(found.undecided)) == (20, (2,), {0, 1})
    assert found.utility.index[-1] == 2
    assert found.utility["mean"].iloc[0] - found.utility["mean"].iloc[-1] == pytest.approx(0.4, abs=0.1)


def test_what_is_not_settled_says_so_and_what_would_settle_it():
    found = on_coherence(6, [0.0, 0.02, 0.01], within=0.1)
    assert (found.outcome, found.setting, found.parameters) == ("open", None, {})
    assert found.headline.startswith("Not settled: temperature ")
    assert "another may be better by up to 0." in found.headline
    assert found.leader is not None


def test_of_one_prompt_only_this_is_spoken_of():
    found = on_coherence(1, [0.0, 0.3], 5)
    assert found.headline == "For this one prompt, temperature 0.5 gave the best answers on coherence (95% sure)."
    assert found.evidence.endswith("Other prompts may differ.")
    assert found.next_step == "Next: ask 9 more prompts twice each under every setting (36 calls, about $0.36)."


def test_of_too_little_nothing_is_said():
    found = on_coherence(1, [0.0, 0.3], 2)
    assert found.headline == "Nothing can be said of the settings yet: 1 prompt with 2 answers each."
    assert "without interval" in found.evidence
    assert found.regret == math.inf
    assert json.loads(json.dumps(found.as_dict()))["regret"] is None


def test_one_setting_alone_is_nothing_to_choose_between():
    found = on_coherence(5, [0.0])
    assert found.outcome == "open"
    assert found.headline == "Nothing to choose between: temperature 0 is the only setting."


# -- unusable answers -----------------------------------------------------------------------------------------------------------


def test_a_setting_whose_answers_cannot_be_used_is_out():
    frame = answers(5, [0.4, 0.0, 0.2], 1)
    frame["fault"] = np.where(frame["setting_index"] == 0, "loop", None)
    found = decide(frame, metric="coherence")
    assert found.ruled_out == (0,)
    assert found.leader == 2
    assert "temperature 0 is out: 5 of 5 answers loop" in found.evidence
    assert found.utility.loc[0, "unusable"] == 1
    assert math.isnan(found.utility.loc[0, "mean"])


def test_a_loop_that_met_the_token_limit_is_named_as_a_loop_and_a_sentence_that_stops_as_that():
    frame = answers(5, [0.4, 0.0, 0.2], 1)
    frame["fault"] = np.where(frame["setting_index"] == 0, "loop", np.where(frame["setting_index"] == 1, "cut", None))
    frame.loc[frame["setting_index"] == 0, "status"] = "truncated"
    found = decide(frame, metric="coherence")
    assert "temperature 0 is out: 5 of 5 answers loop" in found.evidence
    assert "5 of 5 answers stop in the middle of a sentence" in found.evidence


def test_a_few_loops_are_named_where_they_are_not_counted():
    frame = answers(20, [0.0, 0.1], 1)
    frame["fault"] = np.where((frame["setting_index"] == 0) & (frame["prompt_index"] < 2), "loop", None)
    assert "not usable and not counted: 2 of 20 at 0 (loop)" in decide(frame, metric="coherence").evidence


def test_the_only_usable_setting_is_used():
    frame = answers(4, [0.0, 0.0], 2)
    frame.loc[frame["setting_index"] == 0, "status"] = "rejected"
    found = decide(frame, metric="coherence")
    assert found.headline == "Use temperature 0.5: its answers are usable, the other's are not."
    assert (found.outcome, found.setting) == ("best", 1)


def test_where_nothing_can_be_used_none_is_the_outcome():
    frame = answers(3, [0.0, 0.0], 2).assign(status="refused")
    found = decide(frame, metric="coherence")
    assert (found.outcome, found.leader, found.ruled_out) == ("none", None, (0, 1))
    assert found.headline == "None of the 2 settings can be used: 12 of 12 answers are not usable."
    assert "at temperature 0.5, 6 of 6 answers are refused" in found.evidence


@pytest.mark.parametrize("kept", [0, 1])
def test_a_setting_that_is_out_takes_no_measure_from_the_others(kept):
    """Diversity needs two answers of each setting that is compared, and of no other."""
    texts = sampled_texts(6, {0: 30, 1: 300, 2: 300}, 2)
    frame = texts.assign(**experiment(6, 3, 2)[["coherence", "creativity"]])
    frame["fault"] = np.where(
        (frame["setting_index"] == 0) & ((frame["prompt_index"] > 0) | (frame["replicate"] >= kept)), "loop", None
    )
    alone = frame[frame["setting_index"] > 0].reset_index(drop=True)
    found, of_two = (decide(one, distance=word_distance) for one in (frame, alone))
    assert found.ruled_out == (0,)
    assert found.utility.loc[[1, 2], "mean"].tolist() == pytest.approx(of_two.utility.loc[[1, 2], "mean"].tolist())
    assert found.regret == pytest.approx(of_two.regret)


def test_few_unusable_answers_are_counted_and_rule_nothing_out():
    frame = answers(10, [0.0, 0.3], 2)
    frame.loc[[0, 5], "status"] = "truncated"
    found = decide(frame, metric="coherence")
    assert found.ruled_out == ()
    assert "not usable and not counted: 2 of 20 at 0" in found.evidence


def lost(bad_of_first, bad_of_second, prompts=10, replicates=2):
    frame = answers(prompts, [0.0, 0.0], replicates)
    for setting, count in enumerate((bad_of_first, bad_of_second)):
        rows = frame.index[frame["setting_index"] == setting][:count]
        frame.loc[rows, "status"] = "failed"
    plan = layout(frame)
    return [one.out for one in unusable(plan, usable_rows(plan))]


def test_a_share_of_unusable_answers_rules_out_when_it_surely_exceeds_the_least():
    assert lost(0, 0) == [False, False]
    assert lost(4, 0) == [False, False]
    assert lost(14, 0) == [True, False]
    assert lost(19, 17) == [False, False]


def test_answers_that_were_never_sent_are_no_outcome():
    frame = answers(4, [0.0, 0.2], 2)
    frame.loc[frame["replicate"] == 1, "status"] = "cancelled"
    plan = layout(frame)
    assert [(one.answers, one.unusable) for one in unusable(plan, usable_rows(plan))] == [(4, 0), (4, 0)]


# -- the utility ----------------------------------------------------------------------------------------------------------------


def test_the_utility_is_the_balance_of_the_two_axes_on_their_raw_scales():
    frame = pd.DataFrame(
        {
            "prompt_index": 0,
            "setting_index": [0, 0, 1, 1],
            "status": "ok",
            "coherence": [0.8, 0.6, 0.5, 0.5],
            "completeness": [1.0, 1.0, 0.4, 0.6],
            "creativity": [0.2, 0.4, 0.9, 0.7],
            "text": ["a b", "a c", "d e", "f g"],
        }
    )
    cells = utility_cells(layout(frame), 0.8, word_distance)
    precision = [(0.5 + 0.7 + 1.0) / 3, (0.0 + 0.5 + 0.5) / 3]
    personality = [(0.3 + 0.5) / 2, (0.8 + 1.0) / 2]
    expected = [0.8 * a + 0.2 * b for a, b in zip(precision, personality, strict=True)]
    assert cells.means[0] == pytest.approx(expected)
    without = utility_cells(layout(frame), 0.8, None)
    assert without.means[0] == pytest.approx([0.8 * 0.85 + 0.2 * 0.3, 0.8 * 0.5 + 0.2 * 0.8])


def test_the_noise_of_a_cell_holds_what_diversity_adds():
    rng = np.random.default_rng(1)
    words = np.array(list("abcdefghijkl"))
    values = {name: rng.random(4) for name in ("coherence", "completeness", "creativity")}
    frame = pd.DataFrame(
        {
            "prompt_index": 0,
            "setting_index": 0,
            "status": "ok",
            **values,
            "text": [" ".join(rng.choice(words, 5)) for _ in range(4)],
        }
    )

    def whole(rows):
        return utility_cells(layout(frame.iloc[rows]), 0.3, word_distance).means[0, 0]

    without = np.array([whole([i for i in range(4) if i != left]) for left in range(4)])
    expected = 3 / 4 * ((without - without.mean()) ** 2).sum()
    assert utility_cells(layout(frame), 0.3, word_distance).noise[0, 0] == pytest.approx(expected)


def test_a_measure_that_a_prompt_lacks_under_one_setting_counts_under_none():
    frame = answers(4, [0.0, 0.1], 1).assign(creativity=0.5, completeness=1.0)
    frame.loc[(frame["prompt_index"] == 0) & (frame["setting_index"] == 1), "completeness"] = np.nan
    cells = utility_cells(layout(frame), 0.5, None)
    by_cell = frame.set_index(["prompt_index", "setting_index"])["coherence"]
    assert cells.means[0, 0] == pytest.approx((by_cell[0, 0] + 0.5) / 2)
    assert cells.means[1, 0] == pytest.approx(((by_cell[1, 0] + 1.0) / 2 + 0.5) / 2)


# -- what is never so -----------------------------------------------------------------------------------------------------------


@settings(max_examples=FRAMES, deadline=None)
@given(
    st.integers(1, 14),
    st.integers(1, 6),
    st.integers(1, 4),
    st.floats(0, 0.3),
    st.sampled_from([None, "loop", "truncated"]),
    st.integers(0, 10_000),
)
def test_the_words_never_contradict_each_other(prompts, count, replicates, effect, trouble, seed):
    rng = np.random.default_rng(seed)
    frame = experiment(prompts, count, replicates, effects=list(effect * rng.random(count)), seed=seed)
    bad = rng.random(len(frame)) < rng.choice([0.0, 0.1, 0.6]) if trouble else np.zeros(len(frame), dtype=bool)
    frame["fault"] = np.where(bad & (trouble == "loop"), "loop", None)
    frame["status"] = np.where(bad & (trouble == "truncated"), "truncated", "ok")
    found = decide(frame)
    lines = found.words.split("\n")
    assert len(lines) == 3
    assert all(line.strip().endswith(".") for line in lines)
    assert "%" not in found.headline.replace("95% sure", "")
    assert not ("best" in found.headline and "settled" in found.headline)
    assert found.leader not in found.behind
    assert found.leader not in found.ruled_out
    assert not set(found.best) & set(found.behind)
    assert set(found.ruled_out).isdisjoint({*found.equally_good, *found.behind, *found.best})
    alone = len(found.utility) == 1 and found.leader is not None
    assert (found.setting is not None) == (alone or found.outcome in ("best", "equal", "within", "leave_out"))
    if found.outcome in ("equal", "within"):
        assert found.regret <= found.margin
        assert found.more.kind == ("nothing" if found.prompts >= 3 else "prompts")
    if alone or found.leader is None or found.outcome in ("best", "equal", "within"):
        assert found.undecided == ()
    else:
        assert found.undecided[0] == found.leader
        assert len(found.undecided) > 1
        assert set(found.undecided).isdisjoint(found.ruled_out)
    json.dumps(found.as_dict())


@settings(max_examples=FRAMES // 4, deadline=None)
@given(st.integers(2, 9), st.integers(2, 4), st.integers(1, 3), st.integers(0, 10_000))
def test_the_order_of_rows_prompts_and_settings_changes_no_figure(prompts, count, replicates, seed):
    frame = experiment(prompts, count, replicates, effects=[0.1 * s for s in range(count)], seed=seed)
    found = decide(frame)
    rng = np.random.default_rng(seed)
    of_setting, of_prompt = rng.permutation(count), rng.permutation(prompts)
    moved = frame.assign(setting_index=of_setting[frame["setting_index"]], prompt_index=of_prompt[frame["prompt_index"]]).sample(
        frac=1, random_state=seed
    )
    again = decide(moved)
    assert (again.outcome, again.headline) == (found.outcome, found.headline)
    assert again.leader == of_setting[found.leader]
    assert again.regret == pytest.approx(found.regret)
    back = again.utility.rename(index=dict(zip(of_setting, range(count), strict=True)))
    pd.testing.assert_frame_equal(back.sort_index(), found.utility.sort_index(), check_index_type=False)


def test_equal_prompts_count_once():
    once = answers(6, [0.0, 0.1], 2)
    once["prompt"] = "text " + once["prompt_index"].astype(str)
    twice = pd.concat([once, once.assign(prompt_index=once["prompt_index"] + 6)])
    assert decide(twice, metric="coherence").prompts == 6
    assert "plus 6 duplicates" in decide(twice, metric="coherence").evidence


def test_less_is_better_where_that_is_said():
    frame = answers(10, [0.0, 0.3], 2)
    assert decide(frame, metric="coherence", lower_is_better=["coherence"]).leader == 0


def test_gains_and_losses_by_metric_stand_beside_the_decision():
    frame = experiment(20, 2, 2, effects=[0.0, 0.0], seed=3)
    frame.loc[frame["setting_index"] == 1, "coherence"] += 0.3
    frame.loc[frame["setting_index"] == 1, "creativity"] -= 0.2
    found = decide(frame)
    marks = dict(zip(found.by_metric["metric"], found.by_metric["mark"], strict=True))
    sign = {1: ("gains", "gives up"), 0: ("gives up", "gains")}[found.leader]
    assert (marks["coherence"], marks["creativity"]) == sign


def test_the_effect_of_each_factor_stands_beside_the_decision():
    frame = answers(10, [0.0, 0.02, 0.1, 0.12], 2, within=0.01)
    frame["temperature"] = np.where(frame["setting_index"] < 2, 0.0, 1.0)
    frame["system"] = np.where(frame["setting_index"] % 2, "warm", "plain")
    effects = decide(frame, metric="coherence").by_factor.set_index("factor")
    assert effects.loc["temperature", "effect"] == pytest.approx(0.1, abs=0.02)
    assert effects.loc["system", "effect"] == pytest.approx(0.02, abs=0.02)
    assert effects["holds"].to_dict() == {"system": True, "temperature": True, "system x temperature": False}


def test_checks_that_pass_or_fail_are_compared_as_pass_rates():
    rng = np.random.default_rng(1)
    frame = answers(40, [0.0, 0.0], 2)
    frame["correct"] = (rng.random(len(frame)) < np.where(frame["setting_index"] == 0, 0.3, 0.9)).astype(float)
    found = decide(frame, metric="correct")
    assert found.outcome == "best"
    assert found.headline == "Use temperature 0.5: better than 0 (95% sure)."
    few = decide(frame[frame["prompt_index"] < 5].assign(correct=1.0), metric="correct")
    assert few.outcome == "open"  # that all passed so far does not mean that all will


def test_a_later_look_asks_for_more():
    frame = answers(8, [0.0, 0.06], 2, within=0.03, seed=11)
    assert decide(frame, metric="coherence", looks=2).regret >= decide(frame, metric="coherence").regret


@pytest.mark.parametrize("wrong", [{"precision": 1.5}, {"margin": 0}, {"looks": 0}, {"metric": "wit"}])
def test_bad_input_is_refused_in_one_line(wrong):
    with pytest.raises(BadInput) as refused:
        decide(answers(3, [0.0, 0.1]), **{"metric": "coherence", **wrong})
    assert "\n" not in str(refused.value)


def test_an_experiment_without_answers_says_so():
    frame = answers(3, [0.0, 0.1]).assign(status="cancelled")
    assert decide(frame, metric="coherence").headline == "Nothing can be said yet: there are no answers."
