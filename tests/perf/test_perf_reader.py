"""Answers that the reader reads per second of one core, beside llama.cpp's plain prompt processing of their tokens.

Processor time is measured: the one thread that reads never waits.
"""

from __future__ import annotations

import itertools
import random
import time

import pytest

from pplab.scoring.surface.words import lexicon

pytest.importorskip("llama_cpp", reason="the reader needs llama-cpp-python")

from pplab.reader.model import BATCH, SEQUENCES
from pplab.reader.reader import Reader

PROMPTS, ANSWERS, WORDS = 2, 8, 60
ROUNDS = 1


def composed(choose: random.Random, words: int) -> str:
    """Compose sentences of 12 words, drawn by Zipf's law from the word table."""
    known = list(lexicon())[:5_000]
    drawn = choose.choices(known, cum_weights=list(itertools.accumulate(1 / (rank + 3) for rank in range(len(known)))), k=words)
    return " ".join(" ".join(drawn[i : i + 12]).capitalize() + "." for i in range(0, words, 12))


def plain_rate(reader: Reader, texts: list[str]) -> float:
    """Return the tokens a second of texts that fill each decode one after the other, with the logits of the last token only."""
    model = reader._model
    tokens = [token for text in texts for token in model.tokens(text)]
    sequence, start = SEQUENCES - 1, time.process_time()
    for begin in range(0, len(tokens), BATCH):
        part = tokens[begin : begin + BATCH]
        model.decode(part, list(range(len(part))), [sequence] * len(part), [place == len(part) - 1 for place in range(len(part))])
        model.remove(sequence)
    return len(tokens) / (time.process_time() - start)


@pytest.mark.perf
def test_answers_read_per_second():
    choose = random.Random(5)
    with Reader(threads=1) as reader:
        reader.read(["Warm up."], "Say something.")
        rates = []
        for _ in range(ROUNDS):
            asked = [f"Write a short text. {composed(choose, 20)}" for _ in range(PROMPTS)]
            prompts = [prompt for prompt in asked for _ in range(ANSWERS)]
            texts = [composed(choose, WORDS) for _ in prompts]
            plain, before, start = plain_rate(reader, texts), reader.decoded, time.process_time()
            reader.read(texts, prompts)
            seconds, tokens = time.process_time() - start, reader.decoded - before
            rates.append((tokens / seconds / plain, len(texts) / seconds, tokens / seconds, plain))
    share, answers, tokens, plain = max(rates)
    print(f"\n{PROMPTS} prompts, {ANSWERS} answers of {WORDS} words each, every answer under two prompts, one core")
    print(f"reader            {answers:8.2f} answers/s {tokens:8.0f} tokens/s")
    print(f"plain llama.cpp   {'':18} {plain:8.0f} tokens/s   reader / plain {share:.2f}")
