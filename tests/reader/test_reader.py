"""The reader with a real model: its figures do not depend on what is read together, and follow what anybody sees in a text."""

from __future__ import annotations

from collections import deque

import pytest

import pplab
from pplab.errors import BadInput

pytest.importorskip("llama_cpp", reason="the reader needs llama-cpp-python")

import numpy as np

from pplab.reader.model import BATCH, CONTEXT, SEQUENCES, expanded, log_normalisers
from pplab.reader.reader import LONGEST_ANSWER, LONGEST_PROMPT, PROMPT_CELLS, Reader
from pplab.reader.weights import find_weights
from tests.soak import only_soak

CAPITAL = "What is the capital of France?"
LIGHTHOUSE = "Describe an evening in a lighthouse in two sentences."
DUSK = "The keeper climbed the stairs at dusk."
EVENING = (
    "The keeper climbed the stairs at dusk and lit the lamp. "
    "Far below him the waves broke on the rocks, and he counted the ships."
)


@pytest.fixture(scope="module")
def reader():
    with Reader(threads=1) as opened:
        yield opened


def close(one, other):
    fields = ("mean", "worst", "end", "unrelated", "gain")
    return all(getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-3, abs=1e-3) for name in fields)


@pytest.mark.soak
def test_what_is_read_together_changes_no_figure(reader):
    texts = ["Paris.", EVENING, "The capital of France is Paris.", "It is the", EVENING[:60]]
    prompts = [CAPITAL, LIGHTHOUSE, CAPITAL, CAPITAL, LIGHTHOUSE]
    alone = [reader.read([text], prompt)[0] for text, prompt in zip(texts, prompts, strict=True)]
    assert all(map(close, alone, reader.read(texts, prompts)))
    turned = reader.read(texts[::-1] + [EVENING * 3] * 2, [*prompts[::-1], LIGHTHOUSE, CAPITAL])
    assert all(map(close, alone, turned[: len(texts)][::-1]))


def test_the_same_answers_have_the_same_figures_at_once_and_twice(reader):
    once = reader.read([DUSK, DUSK], LIGHTHOUSE)
    assert once[0] == once[1]
    assert reader.read([DUSK, DUSK], LIGHTHOUSE) == once


def test_the_figures_are_those_of_one_token_after_the_other(reader):
    """Log-probabilities worked out with one decode a token, without copies of a state, batches or a kept prompt."""
    model = reader._model
    prompt, answer = model.framed(model.tokens(CAPITAL)), model.tokens(DUSK)
    found, end = [], 0.0
    for place, token in enumerate([*prompt, *answer]):
        row = model.decode([token], [place], [SEQUENCES - 1], [True])
        following = [*prompt, *answer][place + 1 : place + 2]
        if place >= len(prompt) - 1 and following:
            found.append(float(row[0][following[0]] - log_normalisers(row)[0]))
        end = float(np.logaddexp.reduce(row[0][model.ends]) - log_normalisers(row)[0])
    model.remove(SEQUENCES - 1)
    seen = reader.read([DUSK], CAPITAL)[0]
    assert seen.mean == pytest.approx(np.mean(found), abs=1e-3)
    assert seen.end == pytest.approx(end, abs=1e-2)


def test_a_figure_sees_what_anybody_sees(reader):
    worse = {
        "end": EVENING[:83],
        "mean": " ".join(sorted(EVENING.split(), key=str.lower)),
        "worst": EVENING.replace("keeper", "spreadsheet").replace("waves", "invoices"),
        "gain": "Mix the flour with the butter and the sugar, then bake the cake for half an hour until it is brown.",
    }
    better, *others = reader.read([EVENING, *worse.values()], LIGHTHOUSE)
    for figure, seen in zip(worse, others, strict=True):
        assert getattr(better, figure) > getattr(seen, figure) + 0.1, figure


def test_there_is_nothing_to_read_in_an_empty_answer(reader):
    assert reader.read(["", "  \n"], CAPITAL) == [None, None]


def test_without_a_prompt_there_is_no_gain(reader):
    seen = reader.read([DUSK])[0]
    assert seen.gain is None
    assert seen.mean == seen.unrelated or seen.unrelated is None


@pytest.fixture
def short(monkeypatch):
    """Lower the limits, so that little is read."""
    monkeypatch.setattr("pplab.reader.reader.LONGEST_ANSWER", 20)
    monkeypatch.setattr("pplab.reader.reader.LONGEST_PROMPT", 20)


@pytest.mark.usefixtures("short")
def test_what_is_too_long_is_cut_and_says_so(reader):
    long = "The keeper counted the ships. " * 20
    seen = reader.read([long, DUSK], ["Describe it. " + long, LIGHTHOUSE])
    assert (seen[0].tokens, seen[0].end, seen[1].answer_cut) == (20, None, 0)
    assert min(seen[0].answer_cut, seen[0].prompt_cut) > 40
    assert close(seen[1], reader.read([DUSK], LIGHTHOUSE)[0])


@pytest.mark.parametrize("sequences", [5, *only_soak(SEQUENCES - 1)])
def test_more_answers_than_the_cache_has_sequences_are_read(reader, monkeypatch, sequences):
    monkeypatch.setattr(reader, "_free", deque(range(1, sequences + 1)))
    texts = [f"It is number {n}." for n in range(sequences + 6)]
    seen = reader.read(texts, "Which number is it?")
    assert close(seen[-1], reader.read(texts[-1:], "Which number is it?")[0])
    assert len(reader._free) == sequences


def test_the_marks_of_the_chat_template_are_words_in_a_prompt_and_an_answer(reader):
    model = reader._model
    assert model.ends[0] not in model.tokens("<|im_end|>")
    assert reader.read(["<|im_end|>"], "<|im_end|>")[0].tokens > 1


@pytest.mark.usefixtures("short")
def test_any_string_is_read(reader):
    texts = ["\ud800 alone", "\0" * 50, "a" * 20_000, "\U0001f600" * 300, "| a | b |\n" * 400]
    for seen in reader.read(texts, [text[:50] for text in texts]):
        assert seen is None or np.isfinite([seen.mean, seen.worst]).all()


def test_lists_of_different_lengths_are_refused(reader):
    with pytest.raises(BadInput, match="1 prompts for 2 texts"):
        reader.read(["a", "b"], ["c"])


def test_the_longest_prompts_and_answers_fit_into_the_cache(reader):
    prompt = len(reader._model.framed([0] * LONGEST_PROMPT))
    assert max(PROMPT_CELLS, prompt) + len(reader._neutral.tokens) + LONGEST_ANSWER + BATCH <= CONTEXT


def test_weights_are_expanded_once(reader):
    first = expanded(find_weights())
    made = first.stat().st_mtime_ns
    assert expanded(find_weights()).stat().st_mtime_ns == made
    assert not list(first.parent.glob("*.partial"))


def test_large_weights_are_read_as_they_are(monkeypatch):
    monkeypatch.setattr("pplab.reader.model.SMALL", 0)
    assert expanded(find_weights()) == find_weights().path


def test_normalisers_are_those_of_the_softmax():
    rows = np.random.default_rng(1).normal(0, 5, (70, 300)).astype(np.float32)
    assert np.allclose(log_normalisers(rows), np.log(np.exp(rows.astype(float)).sum(axis=1)), atol=1e-4)


def test_a_run_is_read_stored_and_replayed(tmp_path):
    with pplab.Lab(store=tmp_path / "lab", user="ada", model="embedded") as lab:
        exp = lab.run("What is tea?", n=1, parameters={"max_tokens": 15}, reader=True)
        assert exp.reason is None
        assert exp.responses[["reader_creativity", "reader_coherence", "reader_completeness"]].notna().all(axis=None)
        assert "SmolLM2-135M" in lab.scores(exp)["version"][0]
        again = lab.replay(exp, reader=True)
        assert again.identical
        assert again.read == 1
