"""Sampling from the embedded model: each parameter does what the OpenAI API says it does."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.models.embedded import MODEL, about, complete, corpus, tokens
from pplab.models.embedded.ngram import LanguageModel
from pplab.models.embedded.sampling import ANSWER_LIMIT, END_NAME, Sampling, _StopGate, draw, draw_seed, generate
from tests.soak import only_soak

SOAK = os.environ.get("PPLAB_SOAK") == "1"
PROMPTS = (
    "Write a short story about a lighthouse keeper",
    "Explain photosynthesis to a child",
    "Suggest five names for a coffee shop",
    "Write a polite e-mail declining a meeting",
    "Give tips for sleeping better",
    "How should I choose a sampling temperature?",
)
SOME = PROMPTS if SOAK else PROMPTS[:1]


def ask(prompt: str, *, replicate: int = 0, **parameters: object) -> dict:
    return complete([{"role": "user", "content": prompt}], replicate=replicate, **parameters)


def text_of(body: dict, choice: int = 0) -> str:
    return body["choices"][choice]["message"]["content"]


def answers(prompt: str, count: int, **parameters: object) -> list[str]:
    return [text_of(ask(prompt, replicate=i, **parameters)) for i in range(count)]


def distance(a: str, b: str) -> float:
    """Jaccard distance of the sets of word pairs."""
    pairs = [set(itertools.pairwise(text.split())) for text in (a, b)]
    return 1 - len(pairs[0] & pairs[1]) / max(1, len(pairs[0] | pairs[1]))


def diversity(texts: list[str]) -> float:
    return mean(distance(a, b) for a, b in itertools.combinations(texts, 2))


# --- one draw, against the formulas --------------------------------------------------------------

likelihoods = st.lists(st.floats(0.001, 1), min_size=2, max_size=8).map(lambda p: np.array(p) / sum(p))
counts = st.lists(st.integers(0, 512), min_size=8, max_size=8)


def shares(probability: np.ndarray, sampling: Sampling, said: np.ndarray, grid: int = 2000) -> np.ndarray:
    """Return how often each token is drawn when the random number runs evenly through [0, 1)."""
    drawn = [draw(probability, said, sampling, lambda u=u: u) for u in (np.arange(grid) + 0.5) / grid]
    return np.bincount(drawn, minlength=len(probability)) / grid


@given(likelihoods, counts, st.floats(0.2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_tokens_are_drawn_with_the_probability_that_temperature_and_penalties_give(
    probability: np.ndarray, used: list[int], temperature: float, frequency: float, presence: float
) -> None:
    said = np.array(used[: len(probability)], dtype=float)
    logits = (np.log(probability) - frequency * said - presence * (said > 0)) / temperature
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    sampling = Sampling(temperature=temperature, frequency_penalty=frequency, presence_penalty=presence)
    assert shares(probability, sampling, said) == pytest.approx(expected, abs=1.5 / 2000)


@given(likelihoods, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_it_and_its_ties(probability: np.ndarray, top_p: float) -> None:
    ordered = np.sort(probability)[::-1]
    smallest = ordered[: int(np.searchsorted(ordered.cumsum(), top_p - 1e-12)) + 1]
    kept = shares(probability, Sampling(top_p=top_p), np.zeros(len(probability)), grid=1000) > 0
    visible = probability > 0.002  # rarer ones may fall between two points of the grid
    assert (kept[visible] == (probability >= smallest.min() * (1 - 1e-9))[visible]).all()


def test_top_p_also_holds_where_the_nucleus_is_larger_than_the_first_guess() -> None:
    probability = np.full(1000, 1 / 1000)
    probability[:500] *= 1.5
    probability[500:] *= 0.5
    kept = shares(probability, Sampling(top_p=0.7), np.zeros(1000)) > 0
    assert kept[:500].all()
    assert not kept[500:].any()


@given(likelihoods)
def test_temperature_zero_takes_the_likeliest_token(probability: np.ndarray) -> None:
    token = draw(probability, np.zeros(len(probability)), Sampling(temperature=0), lambda: 0.999)
    assert probability[token] == pytest.approx(probability.max(), rel=1e-8)


@given(st.lists(st.text("abc.", max_size=3)), st.lists(st.text("abc.", min_size=1, max_size=4), max_size=4))
def test_a_stop_sequence_never_shows_however_the_text_is_split(pieces: list[str], stops: list[str]) -> None:
    gate = _StopGate(tuple(stops))
    shown = ""
    for piece in pieces:
        shown += gate.pass_on(piece)
        if gate.closed:
            break
    else:
        shown += gate.rest()
    text = "".join(pieces)
    assert text.startswith(shown)
    assert gate.closed == any(stop in text for stop in stops)
    assert not any(stop in shown for stop in stops)
    if not gate.closed:
        assert shown == text


@given(st.lists(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False)), max_size=4))
def test_the_seed_of_a_draw_is_a_function_of_what_identifies_it(identity: list[object]) -> None:
    assert draw_seed(*identity) == draw_seed(*identity) < 2**256


# --- whole answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [*PROMPTS[:2], *only_soak(*PROMPTS[2:])])
@pytest.mark.parametrize("temperature", [0, 0.7])
def test_an_answer_at_moderate_temperature_ends_by_itself_after_a_readable_length(prompt: str, temperature: float) -> None:
    for replicate in range(4 if temperature else 1):  # at 0 all are the same
        body = ask(prompt, temperature=temperature, replicate=replicate)
        assert body["choices"][0]["finish_reason"] == "stop"
        assert 15 <= len(text_of(body).split()) <= 260


TOPICS = corpus.read_topics()


@pytest.mark.parametrize(
    "topic",
    [*TOPICS[::4], *only_soak(*(topic for topic in TOPICS if topic not in TOPICS[::4]))],
    ids=lambda topic: topic.name,
)
def test_a_greedy_answer_never_goes_round_in_circles(topic: corpus.Topic) -> None:
    for keyword in topic.keywords[:: 1 if SOAK else 10]:
        body = ask(keyword, temperature=0)
        words = text_of(body).split()
        eight = Counter(zip(*(words[i:] for i in range(8)), strict=False))
        assert body["choices"][0]["finish_reason"] == "stop"
        assert max(eight.values(), default=1) <= 2


ON_TOPIC = {
    "cooking": "Give me a simple recipe for a vegetable soup",
    "email": "Write a polite e-mail declining a meeting",
    "story": "Write a short story about a lighthouse keeper",
    "explain_science": "Explain photosynthesis to a child",
    "travel": "Plan a weekend trip with a suitcase and a train",
    "data_science": "How should I choose a sampling temperature?",
    "coding_advice": "How do I debug a failing unit test?",
    "money": "How do I make a monthly budget and save money?",
}


@pytest.mark.parametrize("name", [*list(ON_TOPIC)[:2], *only_soak(*list(ON_TOPIC)[2:])])
def test_the_words_of_an_answer_are_those_of_its_topic(name: str) -> None:
    said = tokens.content_stems(" ".join(answers(ON_TOPIC[name], 4, temperature=0.7)))
    known = {topic.name: set(tokens.content_stems(" ".join(topic.passages))) for topic in corpus.read_topics()}
    shared = {topic: sum(word in words for word in said) for topic, words in known.items()}
    assert max(shared, key=lambda topic: shared[topic]) == name


def test_answers_differ_more_the_higher_the_temperature() -> None:
    at = {t: mean(diversity(answers(p, 5, temperature=t)) for p in SOME) for t in (0, 0.2, 0.7, 1.6)}
    assert at[0] == 0
    assert at[0] < at[0.2] < at[0.7] < at[1.6]


def test_answers_leave_the_training_text_more_the_higher_the_temperature() -> None:
    known = {
        three
        for topic in corpus.read_topics()
        for passage in topic.passages
        for three in zip(*(tokens.tokenize(passage)[i:] for i in range(3)), strict=False)
    }

    def new_share(temperature: float) -> float:
        made = [
            three
            for prompt in SOME
            for text in answers(prompt, 4, temperature=temperature)
            for three in zip(*(tokens.tokenize(text)[i:] for i in range(3)), strict=False)
        ]
        return mean(three not in known for three in made)

    at = [new_share(temperature) for temperature in (0, 0.7, 1.0, 1.2, 1.6, 2.0)]
    assert at == sorted(at)
    assert at[1] < 0.03, "at 0.7 an answer reads like the text it was learned from"
    assert at[4] > 0.25, "at 1.6 it falls apart"


def test_the_same_calls_have_the_same_bytes_in_another_process() -> None:
    calls = [{"temperature": 0}, {"temperature": 0.9, "seed": 7}, {"temperature": 1.3}]
    code = (
        "import hashlib, json; from pplab.models.embedded import complete\n"
        f"for parameters in {calls!r}:\n"
        f"    body = complete([{{'role': 'user', 'content': {PROMPTS[0]!r}}}], **parameters)\n"
        "    print(hashlib.sha256(json.dumps(body).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    here = [hashlib.sha256(json.dumps(ask(PROMPTS[0], **parameters)).encode()).hexdigest() for parameters in calls]
    assert there.stdout.split() == here


def test_temperature_zero_gives_every_replicate_and_every_seed_the_same_answer() -> None:
    assert len(set(answers(PROMPTS[0], 5, temperature=0))) == 1
    assert len({text_of(ask(PROMPTS[0], temperature=0, seed=seed)) for seed in range(5)}) == 1


def test_a_seed_fixes_the_answer_and_another_seed_changes_it() -> None:
    by_seed = [text_of(ask(PROMPTS[0], temperature=1, seed=seed)) for seed in (1, 1, 2)]
    assert by_seed[0] == by_seed[1] != by_seed[2]
    assert text_of(ask(PROMPTS[0], temperature=1, seed=1, replicate=5)) == by_seed[0]


def test_without_a_seed_replicates_differ_and_each_is_always_the_same() -> None:
    assert len(set(answers(PROMPTS[0], 8, temperature=1.1))) == 8
    assert answers(PROMPTS[0], 3, temperature=1.1) == answers(PROMPTS[0], 3, temperature=1.1)


def test_parameters_left_out_mean_the_defaults_of_the_api() -> None:
    spelled_out = {"temperature": 1, "top_p": 1.0, "presence_penalty": 0, "frequency_penalty": None, "n": 1}
    assert ask(PROMPTS[0]) == ask(PROMPTS[0], **spelled_out)


def test_a_tiny_top_p_is_greedy() -> None:
    greedy = text_of(ask(PROMPTS[0], temperature=0))
    assert text_of(ask(PROMPTS[0], temperature=1, top_p=1e-6, seed=3)) == greedy


def test_penalties_reduce_repetition_and_negative_ones_raise_it() -> None:
    def repeated(**penalty: float) -> float:
        calls = [{"prompt": prompt, "seed": seed} for prompt in PROMPTS[:: 1 if SOAK else 2] for seed in range(6)]
        texts = [text_of(ask(**call, temperature=1, max_tokens=60, **penalty)) for call in calls]
        said = [words for words in map(tokens.tokenize, texts) if len(words) == 60]
        return mean(1 - len(set(words)) / len(words) for words in said)

    plain = repeated()
    assert repeated(frequency_penalty=1.0) < plain < repeated(frequency_penalty=-1.0)
    assert repeated(presence_penalty=2.0) < plain < repeated(presence_penalty=-2.0)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cuts_the_answer_and_says_so(name: str) -> None:
    whole = ask(PROMPTS[0], temperature=0.7, seed=1)
    for limit in (1, 7, 30):
        cut = ask(PROMPTS[0], temperature=0.7, seed=1, **{name: limit})
        assert cut["choices"][0]["finish_reason"] == "length"
        assert cut["usage"]["completion_tokens"] == limit
        assert text_of(whole).startswith(text_of(cut))


def test_no_answer_is_longer_than_the_window() -> None:
    for seed in range(8 if SOAK else 2):
        body = ask(PROMPTS[0], temperature=2, seed=seed, max_tokens=100_000)
        assert body["usage"]["completion_tokens"] <= ANSWER_LIMIT
        assert (body["choices"][0]["finish_reason"] == "length") == (body["usage"]["completion_tokens"] == ANSWER_LIMIT)


def test_a_stop_sequence_ends_the_answer_before_it() -> None:
    whole = text_of(ask(PROMPTS[0], temperature=0))
    for stop in (".", " keeper", "e", [", ", "."]):
        body = ask(PROMPTS[0], temperature=0, stop=stop)
        first = min(whole.index(s) for s in ([stop] if isinstance(stop, str) else stop) if s in whole)
        assert text_of(body) == whole[:first]
        assert body["choices"][0]["finish_reason"] == "stop"


def test_n_choices_are_different_answers_of_which_the_first_is_that_of_n_1() -> None:
    body = ask(PROMPTS[0], temperature=1, n=4, seed=11)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert len({text_of(body, i) for i in range(4)}) == 4
    assert text_of(body, 0) == text_of(ask(PROMPTS[0], temperature=1, seed=11))


def test_logprobs_are_those_of_the_models_distribution() -> None:
    body = ask(PROMPTS[0], temperature=0, logprobs=True, top_logprobs=20)
    entries = body["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == text_of(body)
    assert len(entries) == body["usage"]["completion_tokens"]
    for entry in entries:
        top = [alternative["logprob"] for alternative in entry["top_logprobs"]]
        assert len(top) == 20
        assert top == sorted(top, reverse=True)
        assert sum(np.exp(top)) <= 1 + 1e-9
        assert entry["token"] == entry["top_logprobs"][0]["token"] != END_NAME
        assert entry["logprob"] == entry["top_logprobs"][0]["logprob"]
        assert bytes(entry["bytes"]).decode() == entry["token"]


def test_logprobs_do_not_change_the_answer_and_temperature_does_not_change_logprobs() -> None:
    with_them = ask(PROMPTS[0], temperature=1.2, seed=5, logprobs=True)
    assert text_of(with_them) == text_of(ask(PROMPTS[0], temperature=1.2, seed=5))
    assert with_them["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []
    first = [
        ask(PROMPTS[0], temperature=t, seed=5, logprobs=True, top_logprobs=5, max_tokens=1)["choices"][0]["logprobs"]
        for t in (0.1, 1.9)
    ]
    assert first[0]["content"][0]["top_logprobs"] == first[1]["content"][0]["top_logprobs"]


def test_the_items_of_a_numbered_list_count_from_one_however_they_are_mixed() -> None:
    passages = [f"To make {x}:\n1. Warm the {x}.\n2. Stir the {x}.\n3. Eat the {x}." for x in ("tea", "soup", "jam")]
    model = LanguageModel([corpus.Topic("kitchen", ("make",), tuple(passages))])
    mixed = set()
    for seed in range(30):
        steps = generate(model, [{"role": "user", "content": "make"}], Sampling(temperature=1.2), seed)
        lines = "".join(step.text for step in steps).split("\n")
        numbers = [int(line[0]) for line in lines if line[:1].isdigit()]
        assert numbers == list(range(1, len(numbers) + 1))
        mixed.add(tuple(lines))
    assert len(mixed) > len(passages)


def test_it_says_what_it_is() -> None:
    body = ask(PROMPTS[0], temperature=0)
    assert MODEL in about()
    assert "not a source of facts" in about()
    assert body["model"] == MODEL
    assert body["system_fingerprint"] == f"fp_embedded_{corpus.fingerprint()}"


@pytest.mark.parametrize("wrong", [{"temperature": 2.1}, {"top_p": 0}, {"n": 0}, {"temprature": 1}])
def test_in_python_wrong_parameters_are_refused_in_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        ask("tea", **wrong)


@pytest.mark.perf
def test_speed_and_size_are_printed() -> None:
    ask(PROMPTS[0], temperature=0)
    start, made = time.process_time(), 0
    for replicate in range(20):
        made += ask(PROMPTS[replicate % len(PROMPTS)], replicate=replicate)["usage"]["completion_tokens"]
    rate = made / (time.process_time() - start)
    print(f"\nembedded model: {rate:,.0f} tokens/s of one core (budget 2,000)")
    assert made
