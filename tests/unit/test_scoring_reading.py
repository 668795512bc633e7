"""How a text is taken apart: words, sentences, code, JSON, languages, known words; and the examples in the docstrings."""

from __future__ import annotations

import ifeval_checker
import pytest
import scoring_texts as texts
from hypothesis import given
from hypothesis import strategies as st

from pplab.scoring.surface.languages import is_in, main_script
from pplab.scoring.surface.text import json_strings, read, split_code
from pplab.scoring.surface.words import FUNCTION, FUNCTION_WORDS, RAREST, forms, is_known, lexicon


@given(st.text(max_size=300))
def test_words_are_the_words_of_the_sentences_in_order(text):
    reading = read(text)
    assert [word for sentence in reading.sentences for word in sentence] == reading.words
    assert list(reading.types) == list(dict.fromkeys(reading.words))
    assert 0 <= reading.function_share <= 1


@given(st.lists(st.sampled_from(["```", "```python", "~~~", "text", "", "    x"]), max_size=12))
def test_no_line_is_lost_when_code_is_taken_out(lines):
    text = "\n".join(lines)
    prose, blocks, _ = split_code(text)
    kept = [line for line in [*prose.split("\n"), *"\n".join(blocks).split("\n")] if line.strip() not in ("```", "")]
    assert sum(line == "text" for line in lines) == sum(line == "text" for line in kept)


def test_hard_wrapped_prose_is_read_like_the_same_prose_on_one_line():
    wrapped = texts.PLAIN.replace(" and ", "\nand ")
    assert read(wrapped).sentences == read(texts.PLAIN).sentences


def test_an_unclosed_fence_is_noticed():
    assert split_code("Look:\n```\nx = 1") == ("Look:", ("x = 1",), True)


def test_deeply_nested_json_is_no_json():
    assert json_strings("[" * 100_000 + "]" * 100_000) is None


@pytest.mark.parametrize("code", ifeval_checker.SAMPLES)
def test_a_sentence_in_another_language_is_recognised_as_not_english(code):
    assert read(ifeval_checker.SAMPLES[code]).not_judged


@pytest.mark.parametrize(
    "text", [texts.PROSE, texts.PLAIN, texts.SALAD, "Café, naïve, São Paulo: the words we took from abroad."]
)
def test_english_and_gibberish_are_judged(text):
    assert read(text).not_judged == ""


def test_languages_are_told_by_script_and_by_function_words():
    assert is_in(ifeval_checker.SAMPLES["ko"], "Korean")
    assert is_in(ifeval_checker.SAMPLES["de"], "german")
    assert is_in(texts.PLAIN, "English")
    assert not is_in(texts.PLAIN, "Hindi")
    assert not is_in(texts.PLAIN, "French")
    assert is_in(texts.PLAIN, "Klingon") is None
    assert main_script(ifeval_checker.SAMPLES["ru"]) == "Cyrillic"


def test_the_word_table_holds_common_words_and_no_gibberish():
    table = lexicon()
    assert 50_000 < len(table) < 60_000
    assert table["lighthouse"] < table["house"] < 7
    assert min(value for value in table.values() if value != FUNCTION) >= RAREST
    assert all(table[word] == FUNCTION for word in FUNCTION_WORDS)
    assert not is_known("florensceizzlingn")


def test_regular_endings_of_known_words_are_known():
    assert all(is_known(word) for word in ("lighthouses", "keeper's", "grimacing", "blackness", "unlikely"))


@given(st.from_regex(r"[a-z]{1,12}", fullmatch=True))
def test_a_word_is_one_of_its_own_forms(word):
    assert word in forms(word)
    assert all(len(form) > 1 or form == word for form in forms(word))
