"""Agreement with people: shares counted by hand, intervals that cover, and the textbook's alpha.

`make soak` runs every cell of the simulations with 2,000 experiments; `make test` a tenth, with limits widened by three standard
errors.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK
from scipy.special import ndtri

from pplab.analysis.rating_agreement import (
    FEWEST_SHARED,
    choice_agreement,
    rater_agreement,
    score_agreement,
    self_agreement,
)
from pplab.errors import BadInput
from tests.soak import only_soak_cases

RUNS = 2_000 if SOAK else 200
CUTS = ndtri([0.1, 0.25, 0.5, 0.75])


def slack(limit):
    """Three standard errors of a share near the limit, over this number of runs."""
    return 0.0 if SOAK else 3 * (limit * (1 - limit) / RUNS) ** 0.5


# -- scores and grades ----------------------------------------------------------------------------------------------------------


def graded(rng, prompts, each, alike=0.3, correlation=0.6, varied=0.3):
    """Answers with grades and a score that agree in part, more in some prompts than in others."""
    worth = np.sqrt(alike) * rng.normal(size=(prompts, 1)) + np.sqrt(1 - alike) * rng.normal(size=(prompts, each))
    weight = np.clip(correlation + rng.normal(0, varied, (prompts, 1)), -1, 1)
    score = weight * worth + np.sqrt(1 - weight**2) * rng.normal(size=(prompts, each))
    frame = pd.DataFrame(list(itertools.product(range(prompts), range(each))), columns=["prompt_index", "replicate"])
    frame["rating"], frame["score"] = np.searchsorted(CUTS, worth).ravel() / 4, score.ravel()
    frame["text"] = ["word " * int(count) for count in rng.integers(1, 20, len(frame))]
    return frame


def by_hand(frame, score):
    """Return the pairs and the share that `score_agreement` should find, pair by pair."""
    found = []
    for _, one in frame.dropna(subset=["rating", score]).groupby("prompt_index"):
        for a, b in itertools.combinations(one.to_dict("records"), 2):
            if a["rating"] != b["rating"]:
                people, score_says = np.sign(a["rating"] - b["rating"]), np.sign(a[score] - b[score])
                found.append(0.5 if score_says == 0 else float(people == score_says))
    return len(found), np.mean(found)


def test_agreement_is_the_share_of_pairs_in_the_order_of_their_grades():
    rng = np.random.default_rng(2)
    frame = graded(rng, 7, 5)
    frame["rough"] = frame["score"].round()
    frame["words"] = frame["text"].str.split().str.len()
    frame.loc[frame.index[::6], "rating"] = np.nan
    frame.loc[frame.index[::9], "score"] = np.nan
    table = score_agreement(frame, ["score", "rough"])
    for score in ("score", "rough"):
        pairs, share = by_hand(frame, score)
        assert table.loc[score, "n"] == pairs
        assert table.loc[score, "agreement"] == pytest.approx(share)
        assert table.loc[score, "length"] == pytest.approx(by_hand(frame[frame[score].notna()], "words")[1])
        assert table.loc[score, "low"] < share < table.loc[score, "high"]


def test_a_score_that_copies_the_grades_agrees_wholly_and_its_opposite_never():
    frame = graded(np.random.default_rng(3), 8, 4)
    frame["same"], frame["opposite"], frame["constant"] = frame["rating"], -frame["rating"], 1.0
    table = score_agreement(frame, ["same", "opposite", "constant"])
    assert table["agreement"].tolist() == [1.0, 0.0, 0.5]
    assert table.loc["same", "high"] == 1
    assert 0.5 < table.loc["same", "low"] < 0.6  # as of a few prompts, however many pairs
    assert table.loc["opposite", "low"] == 0


def test_answers_to_different_prompts_are_not_compared():
    frame = pd.DataFrame({"prompt_index": range(9), "rating": np.arange(9) / 8, "score": range(9), "text": "a"})
    row = score_agreement(frame, ["score"]).loc["score"]
    assert row["n"] == 0
    assert row.drop("n").isna().all()


def test_neither_order_nor_the_scale_of_a_score_changes_a_figure():
    frame = graded(np.random.default_rng(4), 6, 5)
    other = frame.sample(frac=1, random_state=1).assign(score=lambda f: np.exp(f["score"]))
    pd.testing.assert_frame_equal(score_agreement(other, ["score"]), score_agreement(frame, ["score"]))


def test_agreement_needs_its_columns():
    frame = graded(np.random.default_rng(4), 3, 3)
    with pytest.raises(BadInput, match="no column 'scoer'"):
        score_agreement(frame, ["scoer"])
    with pytest.raises(BadInput, match="no column 'text'"):
        score_agreement(frame.drop(columns="text"), ["score"])


@cache
def true_agreement(varied):
    frame = graded(np.random.default_rng(1), 3_000, 6, varied=varied)
    return float(score_agreement(frame, ["score"]).loc["score", "agreement"])


@pytest.mark.parametrize(("prompts", "each"), [(4, 8), *only_soak_cases((1, 15), (10, 4), (20, 4))])
def test_the_interval_of_an_agreement_covers_as_often_as_it_claims(prompts, each):
    varied = 0.0 if prompts == 1 else 0.3
    rng, inside = np.random.default_rng(6), []
    for _ in range(RUNS):
        row = score_agreement(graded(rng, prompts, each, varied=varied), ["score"]).loc["score"]
        inside.append(row["low"] <= true_agreement(varied) <= row["high"])
    assert 0.92 - slack(0.92) <= np.mean(inside) <= 0.98 + slack(0.98), np.mean(inside)


# -- scores and choices ---------------------------------------------------------------------------------------------------------


def chosen(*rows):
    return pd.DataFrame(rows, columns=["left_id", "right_id", "prompt", "value"])


VALUES = pd.DataFrame(
    {"score": [0.1, 0.5, 0.5, 0.9], "other": [1.0, np.nan, 2.0, 3.0], "words": [9, 3, 5, 1]}, index=["a", "b", "c", "d"]
)


def test_agreement_with_choices_leaves_ties_out_and_counts_equal_scores_half():
    table = choice_agreement(chosen(("a", "d", 0, 0.0), ("d", "a", 1, 0.0), ("b", "c", 2, 1.0), ("a", "b", 3, 0.5)), VALUES)
    assert table["n"].to_dict() == {"score": 3, "other": 2}
    assert table["agreement"].to_dict() == {"score": 0.5, "other": 0.5}
    assert table["length"].to_dict() == {"score": pytest.approx(1 / 3), "other": 0.5}


def test_a_score_that_decides_as_the_person_agrees_wholly_in_either_order():
    rows = [("a", "d", k % 5, 0.0) if k % 2 else ("d", "a", k % 5, 1.0) for k in range(20)]
    row = choice_agreement(chosen(*rows), VALUES).loc["score"]
    assert (row["n"], row["agreement"], row["high"], row["length"]) == (20, 1, 1, 0)
    assert 0.3 < row["low"] < 0.6  # five prompts, however often


def test_choices_of_one_prompt_have_the_interval_of_single_comparisons():
    rows = [("a", "d", 0, float(k < 5)) for k in range(20)]
    row = choice_agreement(chosen(*rows), VALUES).loc["score"]
    assert row["agreement"] == 0.75
    assert (row["low"], row["high"]) == pytest.approx((0.53, 0.89), abs=0.03)


@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_without_a_winner_there_is_nothing_to_agree_with(value):
    row = choice_agreement(chosen(("a", "d", 0, value)), VALUES).loc["score"]
    assert row["n"] == 0
    assert row.drop("n").isna().all()


def test_choices_need_the_scores_of_their_answers():
    with pytest.raises(BadInput, match="answer z was compared but has no scores"):
        choice_agreement(chosen(("a", "z", 0, 1.0)), VALUES)
    with pytest.raises(BadInput, match="no column 'words'"):
        choice_agreement(chosen(("a", "d", 0, 1.0)), VALUES.drop(columns="words"))


# -- raters ---------------------------------------------------------------------------------------------------------------------


def test_a_rater_who_says_the_same_again_agrees_with_himself():
    found = self_agreement(["1", "3", "5", "2"], ["1", "4", "3", "2"])
    assert (found.items, found.same, found.share, found.apart, found.by_side) == (4, 2, 0.5, 0.75, None)


def test_a_rater_who_always_takes_the_left_is_found():
    found = self_agreement(["left"] * 6, ["left"] * 6)
    assert (found.items, found.same, found.by_side, found.apart) == (6, 0, 6, None)


def test_a_rater_who_takes_the_same_answer_on_either_side_agrees():
    found = self_agreement(["left", "right", "equal", "both_bad"], ["right", "left", "equal", "equal"])
    assert (found.same, found.by_side) == (3, 0)


def test_without_items_that_came_twice_there_is_no_share():
    found = self_agreement([], [])
    assert (found.items, found.apart) == (0, None)
    assert np.isnan(found.share)


@pytest.mark.parametrize(("first", "again"), [(["1"], ["1", "2"]), (["1"], ["left"]), (["undone"], ["1"])])
def test_choices_that_do_not_belong_together_are_refused(first, again):
    with pytest.raises(BadInput) as caught:
        self_agreement(first, again)
    assert caught.value.hint


TEXTBOOK = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}
"""Four observers of twelve units: K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, example C."""


def rated(grades):
    rows = [(item, rater, choice) for rater, line in grades.items() for item, choice in enumerate(line.split()) if choice != "."]
    return pd.DataFrame(rows, columns=["item", "rater", "choice"])


def test_alpha_of_grades_is_the_ordinal_one_of_the_textbook():
    assert rater_agreement(rated(TEXTBOOK)) == pytest.approx(0.815, abs=0.0005)


def test_alpha_of_choices_is_the_nominal_one_of_the_textbook():
    """There are four choices, so ours is of the example without its fifth; by hand all of it gives the textbook's figure."""
    names = {"1": "left", "2": "right", "3": "equal", "4": "both_bad"}
    four = rated(TEXTBOOK).query("choice != '5'")
    assert rater_agreement(four.assign(choice=four["choice"].map(names))) == pytest.approx(nominal_by_hand(four))
    assert nominal_by_hand(rated(TEXTBOOK)) == pytest.approx(0.743, abs=0.0005)


def nominal_by_hand(ratings):
    """Return nominal alpha as the textbook computes it, from all ordered pairs of ratings of one unit."""
    pairs = []
    for _, one in ratings.groupby("item")["choice"]:
        pairs += [(a, b, 1 / (len(one) - 1)) for a, b in itertools.permutations(one, 2)]
    frame = pd.DataFrame(pairs, columns=["a", "b", "weight"])
    totals = frame.groupby("a")["weight"].sum()
    n, agreeing = totals.sum(), frame.query("a == b")["weight"].sum()
    return ((n - 1) * agreeing - (totals * (totals - 1)).sum()) / (n * (n - 1) - (totals * (totals - 1)).sum())


def test_raters_who_choose_by_chance_have_an_alpha_near_zero():
    rng = np.random.default_rng(8)
    rows = [(item, rater, str(rng.integers(1, 6))) for item in range(400) for rater in "AB"]
    assert abs(rater_agreement(pd.DataFrame(rows, columns=["item", "rater", "choice"]))) < 0.15


@pytest.mark.parametrize("shared", [FEWEST_SHARED - 1, FEWEST_SHARED])
def test_few_shared_items_say_nothing_of_raters(shared):
    both = {"A": "1 2 3 4 5 1 2", "B": " ".join("12345"[k] if k < shared else "." for k in range(5))}
    assert rater_agreement(rated(both)) == (None if shared < FEWEST_SHARED else 1)


def test_ratings_that_are_all_the_same_say_nothing_of_raters():
    assert rater_agreement(rated({"A": "3 3 3 3 3 3", "B": "3 3 3 3 3 3"})) is None


def test_ratings_that_cannot_be_compared_are_refused():
    mixed = pd.DataFrame([(0, "A", "3"), (0, "B", "left")], columns=["item", "rater", "choice"])
    with pytest.raises(BadInput, match="no choices of one kind"):
        rater_agreement(mixed)
    twice = pd.DataFrame([(0, "A", "3"), (0, "A", "4")], columns=["item", "rater", "choice"])
    with pytest.raises(BadInput, match="rated an item twice"):
        rater_agreement(twice)
