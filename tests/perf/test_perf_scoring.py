"""Responses scored per second on one core, beside textstat and textdescriptives where these are installed."""

from __future__ import annotations

import importlib.util
import itertools
import random
import time
from typing import TYPE_CHECKING

import pytest

from pplab.metrics import diversity, score, score_many
from pplab.scoring.surface.words import lexicon

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = 253
RESPONSES = 400


def responses(seed: int) -> list[str]:
    """Compose texts of 253 words, drawn by Zipf's law from the word table, in sentences of 14 words."""
    choose = random.Random(seed)
    words = list(lexicon())[:20_000]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    texts = []
    for _ in range(RESPONSES):
        drawn = choose.choices(words, cum_weights=weights, k=WORDS)
        texts.append(" ".join(" ".join(drawn[i : i + 14]).capitalize() + "." for i in range(0, WORDS, 14)))
    return texts


def rate(work: Callable[[list[str]], object]) -> float:
    """Return responses per second of processor time, the best of five passes over different texts."""
    best = 0.0
    for seed in range(5):
        texts = responses(seed)
        start = time.process_time()
        work(texts)
        best = max(best, RESPONSES / (time.process_time() - start))
    return best


@pytest.mark.perf
def test_responses_scored_per_second():
    prompt = "Write a story about a lighthouse keeper who counts ships."
    score("Warm up the table of words.", prompt)
    rates = {
        "pplab score(), all four": rate(lambda texts: [score(text, prompt) for text in texts]),
        "pplab score_many(), all four": rate(lambda texts: score_many(texts, prompt)),
        "pplab diversity() of sets of 5": rate(lambda texts: [diversity(texts[i : i + 5]) for i in range(0, RESPONSES, 5)]),
    }
    if importlib.util.find_spec("textstat"):
        import textstat

        rates["textstat, one readability index"] = rate(
            lambda texts: [textstat.automated_readability_index(text) for text in texts]
        )
    if importlib.util.find_spec("textdescriptives"):
        import spacy
        import textdescriptives  # noqa: F401 - registers its pipes

        nlp = spacy.blank("en")
        for pipe in ("sentencizer", "textdescriptives/descriptive_stats", "textdescriptives/readability"):
            nlp.add_pipe(pipe)
        rates["textdescriptives, statistics and readability"] = rate(lambda texts: [doc._.readability for doc in nlp.pipe(texts)])
    first = rates["pplab score(), all four"]
    print(f"\n{'responses of 253 words':50} {'a second':>10} {'ratio':>7}")
    for name, value in rates.items():
        print(f"{name:50} {value:10.0f} {first / value:6.2f}x")
    for name in ("textstat", "textdescriptives"):
        if not importlib.util.find_spec(name):
            print(f"{name}: not installed, not measured")
