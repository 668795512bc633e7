"""The embedded model's tokens, counts and distributions, before any sampling."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.models.embedded import corpus, ngram, tokens
from pplab.models.embedded.occurrences import END, Occurrences
from pplab.models.embedded.relevance import Relevance


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@given(st.text())
def test_any_text_is_the_concatenation_of_its_tokens(text: str) -> None:
    assert "".join(tokens.tokenize(text)) == text


def test_every_shipped_passage_survives_the_way_through_the_vocabulary() -> None:
    for topic in corpus.read_topics():
        for passage in topic.passages:
            writer = tokens.Detokenizer()
            again = "".join(writer.text(tokens.vocabulary_form(token)) for token in tokens.tokenize(passage))
            assert again == passage, topic.name


def test_every_shipped_topic_has_keywords_and_at_least_ten_passages() -> None:
    for topic in corpus.read_topics():
        assert len(topic.keywords) >= 10, topic.name
        assert len(topic.passages) >= 10, topic.name


def test_a_list_stays_with_the_line_that_announces_it() -> None:
    topic = corpus.parse_topic("tea", "# keywords: tea\n\n## Tea\n\nYou need:\n\n- a cup\n- a pot\n\nThat is all.\n")
    assert topic.passages == ("## Tea\n\nYou need:\n\n- a cup\n- a pot", "That is all.")


def test_a_topic_without_keywords_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'tea'"):
        corpus.parse_topic("tea", "Warm the pot.")


passages = st.lists(
    st.lists(st.sampled_from(["a", " b", " A", ".", "\n", " c"]), min_size=1, max_size=12).map("".join),
    min_size=1,
    max_size=6,
)


@given(passages, st.data())
def test_the_index_finds_exactly_the_continuations_that_a_search_finds(texts: list[str], data: st.DataObject) -> None:
    found = Occurrences(texts)
    history = data.draw(st.lists(st.integers(1, len(found.vocabulary) - 1), max_size=8))
    contexts = found.beginning()
    for token in history:
        contexts = found.extend(contexts, token)
    form = [None, *(tokens.context_form(token) for token in found.vocabulary[1:])]
    said = ["<start>", *(form[token] for token in history)]
    for length, positions in enumerate(found.following(contexts), start=1):
        expected: Counter[int] = Counter()
        for text in texts:
            row = [found.vocabulary.index(token) for token in tokens.tokenize(text)]
            forms = ["<start>", *(form[token] for token in row)]
            for at, token in enumerate([*row, END]):
                if length <= len(said) and at + 1 >= length and forms[at + 1 - length : at + 1] == said[-length:]:
                    expected[token] += 1
        assert Counter(found.row[positions].tolist()) == expected


@given(st.text(max_size=80), st.lists(st.integers(1), max_size=12))
def test_every_distribution_is_positive_and_sums_to_one_whatever_was_asked_and_said(prompt: str, said: list[int]) -> None:
    model = ngram.load()
    answer = model.answer(asked(prompt))
    for token in said:
        answer.say(1 + token % (len(model.vocabulary) - 1))
    probability = answer.distribution()
    assert (probability > 0).all()
    assert probability.sum() == pytest.approx(1)


def test_a_context_seen_only_elsewhere_leaves_the_word_to_the_prompts_own_passages() -> None:
    tea = corpus.Topic("tea", ("tea",), ("Warm the pot and pour.",) * 3)
    iron = corpus.Topic("iron", ("iron",), ("Warm the bar and strike.",) * 3)
    model = ngram.LanguageModel([tea, iron])

    def after_warm_the(prompt: str) -> str:
        answer = model.answer(asked(prompt))
        for token in "Warm", " the":
            answer.say(model.vocabulary.index(token))
        return model.vocabulary[int(answer.distribution().argmax())]

    assert after_warm_the("tea") == " pot"
    assert after_warm_the("iron") == " bar"


def test_only_words_of_the_prompt_and_not_its_function_words_decide_the_fit() -> None:
    topics = corpus.read_topics()
    relevance = Relevance(topics)
    assert np.ptp(relevance.fit(asked("How would you do that, and why?"))) == 0


def test_the_system_message_counts_less_than_the_question() -> None:
    tea = corpus.Topic("tea", ("tea",), ("Warm the pot.",))
    iron = corpus.Topic("iron", ("iron",), ("Strike the bar.",))
    relevance = Relevance([tea, iron])
    alone = relevance.fit(asked("tea"))
    with_system = relevance.fit([{"role": "system", "content": "iron"}, *asked("tea")])
    assert alone[0] == with_system[0] == 1
    assert alone[1] < with_system[1] < 1


def test_the_fingerprint_names_the_text_and_the_code() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", corpus.fingerprint())
    assert corpus.fingerprint() == corpus.fingerprint()
