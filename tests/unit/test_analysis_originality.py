"""Originality is an answer's share in the diversity of its setting: which answers have it, and what is compared for it."""

import numpy as np
import pytest
from analysis_frames import experiment, frame_of, sampled_texts

from pplab.analysis.originality import Distant, Originality
from pplab.analysis.response_matrix import layout
from pplab.analysis.summaries import by_setting
from pplab.scoring.surface.distances import ComparedOnce, distance_matrix
from pplab.scoring.surface.diversity import distance as far
from pplab.scoring.surface.diversity import diversity, phrases

COLUMNS = "response_id prompt_index setting_index status text"
TEXTS = ("the lamp went out", "the lamp went dark", "ships waited for a light", "nobody came")
WORDS = " ".join(TEXTS).split()


def answers(*rows):
    """Return responses, given the prompt, the setting, the status and the text of each; their ids are their places."""
    return frame_of([(str(place), *row) for place, row in enumerate(rows)], COLUMNS)


def of_one_prompt(*texts, status="ok"):
    return answers(*((0, 0, status, text) for text in texts))


def originality(frame, distance=distance_matrix):
    return Originality(layout(frame), distance)


def values(frame):
    found = originality(frame)
    return [one and one.value for one in map(found.of, frame["response_id"])]


def identified(frame):
    return frame.assign(response_id=[f"r{row}" for row in range(len(frame))])


class Counting:
    """The distances, and how often which texts were compared."""

    def __init__(self):
        self.compared = []

    def __call__(self, texts):
        self.compared.append(tuple(texts))
        return distance_matrix(texts)


def test_it_is_the_mean_distance_to_the_other_answers():
    sets = list(map(phrases, TEXTS))
    by_hand = [np.mean([far(one, other) for other in sets if other is not one]) for one in sets]
    assert values(of_one_prompt(*TEXTS)) == pytest.approx(by_hand)


@pytest.mark.parametrize("seed", range(5))
def test_its_mean_is_the_diversity_of_the_setting(seed):
    frame = identified(sampled_texts(1, {0: 9}, 7, seed=seed))
    assert np.mean(values(frame)) == pytest.approx(diversity(frame["text"].tolist()))


def test_answers_that_say_the_same_have_none_and_answers_that_share_nothing_have_all():
    assert values(of_one_prompt("Yes, it is.", "yes it is", "YES: it is")) == [0, 0, 0]
    assert values(of_one_prompt("nobody came", "ships waited")) == [1, 1]


def test_other_prompts_and_other_settings_are_not_compared():
    rows = [(prompt, setting, "ok", TEXTS[0]) for prompt in (0, 1) for setting in (0, 1)]
    frame = answers(*rows, (0, 0, "ok", TEXTS[1]), (0, 1, "ok", TEXTS[0]), (1, 0, "ok", TEXTS[3]))
    apart = far(phrases(TEXTS[0]), phrases(TEXTS[1]))
    assert values(frame) == pytest.approx([apart, 0, 1, None, apart, 0, 1])


def test_prompts_that_read_the_same_are_one():
    frame = answers((0, 0, "ok", TEXTS[0]), (1, 0, "ok", TEXTS[3])).assign(prompt="Why?")
    assert values(frame) == [1, 1]


@pytest.mark.parametrize("status", ["failed", "timeout", "rejected", "empty", "refused", "filtered", "tool_call"])
def test_what_is_no_answer_is_not_compared_and_leaves_the_setting_complete(status):
    frame = answers((0, 0, "ok", TEXTS[0]), (0, 0, status, TEXTS[0]), (0, 0, "ok", TEXTS[3]))
    assert values(frame) == [1, None, 1]


def test_an_answer_that_was_cut_is_compared():
    assert values(answers((0, 0, "ok", TEXTS[0]), (0, 0, "truncated", TEXTS[3]))) == [1, 1]


def test_a_setting_with_a_replicate_still_to_come_has_none():
    rows = [(prompt, setting, "ok", text) for prompt in (0, 1) for setting in (0, 1) for text in TEXTS[:2]]
    frame = answers(*rows, (1, 0, "cancelled", ""))
    found = dict(zip(zip(frame["setting_index"], frame["status"], strict=True), values(frame), strict=True))
    assert found == {(0, "ok"): None, (1, "ok"): pytest.approx(far(*map(phrases, TEXTS[:2]))), (0, "cancelled"): None}


def test_one_answer_alone_and_an_unknown_one_have_none():
    assert values(of_one_prompt(TEXTS[0])) == [None]
    assert originality(of_one_prompt(*TEXTS)).of("of another experiment") is None


def test_it_is_said_with_how_many_others_there_are():
    found = originality(of_one_prompt(*TEXTS[:3]))
    assert found.of("2") == Distant(1, 2)
    assert found.of("2").words == "Originality 1.00: how far it is from the 2 other answers of its setting to this prompt."


def test_only_what_is_asked_for_is_compared_and_once():
    frame = identified(sampled_texts(4, {0: 9, 1: 9}, 3))
    counting = Counting()
    found = originality(frame, counting)
    assert counting.compared == []
    asked = frame[(frame["prompt_index"] == 2) & (frame["setting_index"] == 1)]
    for _ in range(2):
        assert all(map(found.of, asked["response_id"]))
    assert counting.compared == [tuple(asked["text"])]


def test_distances_are_worked_out_once_for_all_that_ask(monkeypatch):
    counting = Counting()
    monkeypatch.setattr("pplab.scoring.surface.distances.distance_matrix", counting)
    once = ComparedOnce()
    first = once(list(TEXTS))
    assert (once(TEXTS) == first).all()
    assert (first == distance_matrix(TEXTS)).all()
    assert counting.compared == [TEXTS]
    with pytest.raises(ValueError, match="read-only"):
        first[0, 1] = 0


def scored(prompts, settings=2, replicates=4):
    """Return responses with scores and texts."""
    frame = identified(experiment(prompts, settings, replicates))
    rng = np.random.default_rng(7)
    return frame.assign(text=[" ".join(rng.choice(WORDS, 6)) for _ in range(len(frame))])


def test_a_summary_has_the_mean_of_each_setting_after_creativity():
    frame = scored(12)
    plan = layout(frame)
    summary = originality(frame).beside_creativity(by_setting(plan))
    columns = list(summary.columns)
    at = columns.index("creativity_high")
    assert columns[at + 1 : at + 4] == ["originality", "originality_low", "originality_high"]
    assert summary.drop(columns=columns[at + 1 : at + 4]).equals(by_setting(plan))
    by_hand = frame.groupby(["setting_index", "prompt_index"])["text"].agg(lambda texts: diversity(texts.tolist()))
    assert summary["originality"].tolist() == pytest.approx(by_hand.groupby("setting_index").mean().tolist())
    assert (summary["originality_low"] < summary["originality"]).all()
    assert (summary["originality"] < summary["originality_high"]).all()


def test_a_few_prompts_give_a_mean_without_bounds():
    summary = originality(scored(2)).beside_creativity(by_setting(layout(scored(2))))
    assert summary["originality"].notna().all()
    assert summary["creativity_low"].notna().all()
    assert summary[["originality_low", "originality_high"]].isna().all(axis=None)


def test_a_mean_is_over_the_answers_that_are_ok_though_the_others_are_compared():
    rows = [("ok", TEXTS[0]), ("ok", TEXTS[0]), ("truncated", TEXTS[3])]
    frame = answers(*((0, 0, *row) for row in rows)).assign(creativity=0.5)
    summary = originality(frame).beside_creativity(by_setting(layout(frame), ["creativity"]))
    assert values(frame) == [0.5, 0.5, 1]
    assert summary["originality"].tolist() == [0.5]


def test_of_what_no_mean_is_made_nothing_is_compared():
    frame = of_one_prompt(*TEXTS, status="truncated").assign(creativity=0.5)
    counting = Counting()
    summary = by_setting(layout(frame), ["creativity"])
    assert originality(frame, counting).beside_creativity(summary) is summary
    assert counting.compared == []


def test_a_setting_that_is_not_complete_has_a_gap_in_the_summary():
    frame = scored(6)
    frame.loc[(frame["setting_index"] == 0) & (frame["prompt_index"] == 5), "status"] = "cancelled"
    summary = originality(frame).beside_creativity(by_setting(layout(frame)))
    assert summary["originality"].notna().tolist() == [False, True]


def test_a_metric_of_the_users_with_the_name_stays():
    frame = scored(2).assign(originality=7.0)
    summary = by_setting(layout(frame), ["creativity", "originality"])
    assert originality(frame).beside_creativity(summary) is summary
