"""Diversity of a set of answers, and the other measures of a set."""

from __future__ import annotations

import itertools

import pytest
import scoring_texts as texts
from hypothesis import given
from hypothesis import strategies as st

from pplab.metrics import diversity, set_measures

ANSWERS = st.lists(st.text(alphabet="abc ,.\n", max_size=30), max_size=8)
NEAR = [texts.PROSE + f" It was night {i}." for i in range(4)]


@given(ANSWERS)
def test_diversity_is_in_range_and_does_not_depend_on_the_order(answers):
    found = diversity(answers)
    assert 0 <= found <= 1
    assert found == pytest.approx(diversity(sorted(answers)))


@given(st.text(max_size=50), st.integers(0, 6))
def test_equal_answers_have_no_diversity(text, count):
    assert diversity([text] * count) == 0


def test_diversity_rises_from_copies_over_variants_to_different_texts():
    copies = diversity([texts.PROSE] * 4)
    variants = diversity(NEAR)
    different = diversity([texts.PROSE, texts.PLAIN, texts.SALAD, texts.FRENCH])
    assert copies == 0 < variants < 0.1
    assert different > 0.8


def test_punctuation_and_case_make_no_difference_but_numbers_do():
    assert diversity(["Yes, it is!", "yes it IS"]) == 0
    assert diversity(["The answer is 5.", "The answer is 7."]) > 0.3


def test_scripts_without_spaces_are_compared_by_character():
    assert 0 < diversity([texts.CHINESE, texts.CHINESE.replace("山", "水")]) < 1


def test_code_is_compared_too():
    assert diversity([texts.CODE, texts.CODE.replace("remove", "unlink")]) > 0


def test_many_answers_are_compared_in_part_and_give_nearly_the_mean_over_all_pairs():
    words = ("lamp", "gull", "ship", "rope", "sail", "mast", "tide", "rock")
    answers = [" ".join(p) for p in itertools.islice(itertools.permutations(words, 5), 0, None, 17)][:260]
    sample = answers[::2]
    assert len(sample) <= 200 < len(answers)
    assert diversity(answers) == pytest.approx(diversity(sample), abs=0.03)


def test_failed_answers_are_counted_and_not_compared():
    measures = set_measures([texts.PROSE, texts.PLAIN, "", "No."], ["ok", "truncated", "failed", "refused"])
    assert measures.n == 2
    assert measures.diversity == pytest.approx(diversity([texts.PROSE, texts.PLAIN]))
    assert (measures.truncated, measures.refused) == (0.25, 0.25)


@pytest.mark.parametrize("answers", [[], ["one answer"]])
def test_fewer_than_two_answers_have_no_measures_of_a_set(answers):
    measures = set_measures(answers)
    assert (measures.diversity, measures.agreement, measures.self_repetition, measures.warning) == (None,) * 4


def test_agreement_is_the_chance_that_two_answers_are_the_same():
    assert set_measures(["It is four.", "It is four!", "Seven, perhaps, or eight."]).agreement == pytest.approx(1 / 3)


def test_phrases_used_in_several_answers_are_self_repetition():
    shared = ["Once upon a time in a land far away " + tail for tail in ("a fox slept.", "the mill burned.", "we met.")]
    assert set_measures(shared).self_repetition > 0.5
    assert set_measures([texts.PROSE, texts.PLAIN]).self_repetition == 0


def test_a_collapse_to_one_answer_is_said_in_words():
    warning = set_measures([*NEAR, texts.PLAIN]).warning
    assert warning == "4 of 5 answers are the same answer: sampling more of them at this setting shows nothing new"


def test_a_collapse_to_one_opening_is_said_in_words():
    opening = "Once upon a time, in a world beyond our own,"
    answers = [f"{opening} {body}" for body in (texts.PROSE, texts.PLAIN, texts.SALAD)]
    expected = "3 of 3 answers begin with the same words: 'once upon a time in a world beyond'"
    assert set_measures(answers).warning == expected


def test_different_answers_raise_no_warning():
    assert set_measures([texts.PROSE, texts.PLAIN, texts.SALAD]).warning is None
