"""The reader as `evaluate.py --impl` takes it: `score`, `score_many`, `diversity`; with structure from the surface.

``PPLAB_READER_ALONE=1`` leaves the surface out. ``PPLAB_READER_CACHE=FILE`` keeps what the model saw (not the scores) in a file
outside the repository, so that a second run, or one with other curves, need not read again. ``PPLAB_READER_FILE`` names other
weights, ``PPLAB_READER_THREADS`` more threads than one.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

from pplab.metrics import diversity
from pplab.metrics import score_many as surface_scores
from pplab.reader.reader import Reader
from pplab.reader.scores import reader_scores
from pplab.scoring.scores import Scores

__all__ = ["diversity", "score", "score_many"]

NOTHING = Scores(None, None, None, None)
CACHE = Path(os.environ["PPLAB_READER_CACHE"]) if "PPLAB_READER_CACHE" in os.environ else None


@functools.cache
def reader():
    return Reader(os.environ.get("PPLAB_READER_FILE"), threads=int(os.environ.get("PPLAB_READER_THREADS", "1")))


@functools.cache
def known():
    figures = pickle.loads(CACHE.read_bytes()) if CACHE and CACHE.exists() else {}
    if CACHE:
        atexit.register(lambda: save(figures))
    return figures


def save(figures):
    CACHE.write_bytes(pickle.dumps(figures))


def read(texts, prompts):
    """Read what was not read before; prompts of their own are read together."""
    figures, pairs = known(), list(zip(texts, prompts, strict=True))
    if new := [pair for pair in dict.fromkeys(pairs) if pair not in figures]:
        figures.update(zip(new, reader().read([text for text, _ in new], [prompt for _, prompt in new]), strict=True))
    return [figures[pair] for pair in pairs]


def score_many(texts, prompts="", *, sources=None, finish_reasons=None, peers=None, alone=None):
    count = len(texts)
    prompts = [prompts] * count if isinstance(prompts, str) else list(prompts)
    sources, finish_reasons = sources or [None] * count, finish_reasons or [None] * count
    seen = read(texts, [f"{prompt}\n\n{source}" if source else prompt for prompt, source in zip(prompts, sources, strict=True)])
    surface = surface_scores(texts, prompts, sources=sources, finish_reasons=finish_reasons, peers=peers)
    if os.environ.get("PPLAB_READER_ALONE") if alone is None else alone:
        surface = [NOTHING] * count
    rows = zip(seen, surface, texts, prompts, sources, finish_reasons, strict=True)
    return [
        SimpleNamespace(structure=of.structure, **scores(figures, of, text, prompt, source, why))
        for figures, of, text, prompt, source, why in rows
    ]


def scores(figures, surface, text, prompt, source, finish_reason):
    found = reader_scores(figures, surface, text, prompt, has_source=bool(source), finish_reason=finish_reason)
    return {"creativity": found.creativity, "coherence": found.coherence, "completeness": found.completeness}


def score(text, prompt="", *, source=None, finish_reason=None, peers=()):
    return score_many([text], prompt, sources=[source], finish_reasons=[finish_reason], peers=[peers])[0]
