"""The setting that suits a balance, how sure that is, and what to run next."""

import json

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK, experiment, sampled_texts, word_distance

from pplab.analysis.recommend import recommend
from pplab.errors import BadInput
from pplab.plan.settings import Range


def trade_off(prompts: int, replicates: int, *, noise: float = 0.05, seed: int = 1) -> pd.DataFrame:
    """Return five temperatures over which coherence falls late and creativity rises early, then falls again."""
    frame = sampled_texts(prompts, {0: 4, 1: 12, 2: 40, 3: 200, 4: 400}, replicates, seed=seed)
    rng = np.random.default_rng(seed)
    setting = frame["setting_index"].to_numpy()
    creativity = np.array([0.2, 0.4, 0.6, 0.7, 0.3])[setting]
    coherence = np.array([0.9, 0.88, 0.85, 0.5, 0.2])[setting]
    return frame.assign(
        creativity=creativity + rng.normal(0, noise, len(frame)),
        coherence=coherence + rng.normal(0, noise, len(frame)),
        completeness=coherence - 0.1 + rng.normal(0, noise, len(frame)),
        structure=0.5,
    )


def for_balance(frame: pd.DataFrame, precision: float, personality: float, **options: object):
    return recommend(frame, word_distance, precision_score=precision, personality_score=personality, **options)


def test_the_balance_decides_between_the_ends_and_the_middle():
    frame = trade_off(12, 4)
    chosen = [for_balance(frame, p, 100 - p).setting for p in (95, 50, 5)]
    assert chosen[0] == 0
    assert chosen[1] == 2
    assert chosen[2] == 3


def test_more_weight_on_precision_never_chooses_a_less_precise_setting():
    frame = trade_off(8, 4)
    precision = []
    for weight in range(0, 101, 10):
        found = for_balance(frame, weight, 100 - weight)
        precision.append(next(p.precision for p in found.points if p.setting == found.setting))
    assert precision == sorted(precision)


@pytest.mark.parametrize(("precision", "personality"), [(100, 0), (70, 30), (50, 50), (20, 60), (0, 100), (0, 0)])
def test_the_recommended_setting_is_on_the_pareto_front(precision, personality):
    found = for_balance(trade_off(7, 4, noise=0.2), precision, personality)
    assert next(p for p in found.points if p.setting == found.setting).on_front


def test_the_front_holds_exactly_the_settings_no_other_dominates():
    points = for_balance(trade_off(8, 4), 50, 50).points
    for point in points:
        dominated = any(q.precision >= point.precision and q.personality >= point.personality and q != point for q in points)
        assert point.on_front != dominated
    assert not next(p for p in points if p.setting == 4).on_front


@pytest.mark.parametrize("prompts", [1, 3, 12])
def test_probabilities_add_up_to_one(prompts):
    assert sum(p.probability for p in for_balance(trade_off(prompts, 5, noise=0.2), 50, 50).points) == pytest.approx(1)


def test_a_clear_case_is_settled_and_needs_nothing_more():
    found = for_balance(trade_off(15, 4), 50, 50)
    assert (found.settled, found.next.kind) == (True, "nothing")
    assert "For your balance (precision 50%, personality 50%), temperature 1 fits best in" in found.words


def test_with_few_prompts_it_covers_these_only_and_asks_for_more():
    found = for_balance(trade_off(3, 6), 50, 50)
    assert (found.scope, found.next.kind, found.next.count) == ("replicates", "prompts", 7)
    assert "This covers these 3 prompts only." in found.words


def test_noise_that_outweighs_the_difference_is_not_called_settled():
    runs = 40 if SOAK else 8
    settled = sum(
        recommend(experiment(8, 3, 2, seed=s, interaction=0.1), precision_score=50, personality_score=50).settled
        for s in range(runs)
    )
    assert settled <= runs / 2


def test_an_open_case_names_the_rivals_and_how_much_more_would_settle_it():
    found = for_balance(trade_off(8, 3, noise=0.25), 70, 30)
    assert (found.settled, found.next.kind, found.next.settings) == (False, "more", (1, 0))
    assert found.next.words == (
        f"run {found.next.count} more prompts under temperature 0.5 and temperature 0 to decide (enough 4 times in 5)"
    )
    assert "which is not enough to be sure" in found.words


def test_settings_that_do_not_differ_are_called_equally_good():
    frame = experiment(12, 2, 2, metrics=["m"]).assign(creativity=0.5, coherence=0.7, completeness=0.7)
    found = recommend(frame.drop(columns="temperature"), precision_score=50, personality_score=50)
    assert found.next.kind == "either"
    assert [p.probability for p in found.points] == [0.5, 0.5]


def test_a_winner_at_the_edge_of_a_sweep_asks_to_go_beyond_it():
    frame = experiment(12, 3, 3, effects=(0, 0.1, 0.3)).assign(coherence=0.7, completeness=0.7)
    found = recommend(frame, precision_score=10, personality_score=90)
    assert (found.setting, found.next.kind, found.next.levels) == (2, "values", (1.5,))
    assert found.next.words == "temperature 1 is at the edge of the sweep; try 1.5 too"


def test_nothing_beyond_the_calibrated_range_is_suggested():
    frame = experiment(12, 3, 3, effects=(0, 0.1, 0.3)).assign(coherence=0.7, completeness=0.7)
    options = {"precision_score": 10, "personality_score": 90}
    assert recommend(frame, ranges={"temperature": Range(0, 1)}, **options).next.kind == "nothing"
    assert recommend(frame, ranges={"temperature": Range(0, 1.2)}, **options).next.levels == (1.2,)


def test_greedy_decoding_has_nothing_below_it():
    assert for_balance(trade_off(12, 4), 100, 0).next.kind == "nothing"


def test_without_distances_agreement_and_diversity_are_left_out_and_the_words_say_what_was_used():
    found = recommend(trade_off(12, 4), precision_score=50, personality_score=50)
    assert found.measures == (("coherence", "completeness"), ("creativity",))
    assert "Precision is the mean of coherence and completeness; personality of creativity." in found.words


def test_a_measure_that_a_prompt_lacks_is_not_counted_for_it_under_any_setting():
    frame = trade_off(12, 4)
    frame.loc[(frame["prompt_index"] < 3) & (frame["setting_index"] == 0), "completeness"] = None
    dropped = frame.assign(completeness=frame["completeness"].where(frame["prompt_index"] >= 3))
    assert for_balance(frame, 50, 50) == for_balance(dropped, 50, 50)


def test_a_metric_without_any_value_is_not_used():
    found = for_balance(trade_off(8, 4).assign(completeness=None), 50, 50)
    assert found.measures[0] == ("agreement", "coherence")


def test_a_setting_that_mostly_failed_is_not_considered_and_named():
    frame = trade_off(8, 4)
    frame.loc[(frame["setting_index"] == 2) & (frame["prompt_index"] > 2), "status"] = "refused"
    found = for_balance(frame, 50, 50)
    assert 2 not in {p.setting for p in found.points}
    assert "Not considered for lack of usable responses: temperature 1." in found.words


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (trade_off(1, 2), "responses"),
        (trade_off(8, 4)[lambda f: f["setting_index"] == 0], "settings"),
        (trade_off(8, 4).assign(status="failed"), "responses"),
        (trade_off(8, 4).iloc[:0], "responses"),
    ],
)
def test_below_the_minimum_nothing_is_recommended_and_the_next_step_is_named(frame, kind):
    found = for_balance(frame, 50, 50)
    assert (found.setting, found.probability, found.next.kind) == (None, None, kind)
    assert "No setting is recommended" in found.words


@pytest.mark.parametrize("score", [-1, 101, float("nan")])
def test_a_score_out_of_range_is_refused(score):
    with pytest.raises(BadInput, match="scores are 0 to 100"):
        for_balance(trade_off(1, 3), score, 50)


def test_the_parameters_of_the_setting_come_with_it():
    frame = trade_off(12, 4).assign(top_p=0.9, max_tokens=None)
    assert for_balance(frame, 50, 50).parameters == {"temperature": 1.0, "top_p": 0.9}


def test_a_recommendation_is_the_same_every_time_and_plain_json():
    frame = trade_off(3, 5)
    found = for_balance(frame, 40, 60)
    assert repr(found) == repr(for_balance(frame, 40, 60)) == found.words
    json.dumps(found.as_dict(), allow_nan=False)
    assert "nan" not in found.words
