"""Made-up experiments for the tests of the analysis room: known means, known spreads, fixed seeds."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from hypothesis import settings

from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOAK = os.environ.get("PPLAB_SOAK") == "1"
METRICS = SCORES
BETWEEN, WITHIN = 0.145, 0.10
heavy = settings(max_examples=200 if SOAK else 30)


def frame_of(rows: Sequence[tuple[object, ...]], columns: str = "prompt_index setting_index status coherence") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def experiment(
    prompts: int,
    settings: int,
    replicates: int,
    *,
    effects: Sequence[float] = (),
    metrics: Sequence[str] = METRICS,
    interaction: float = 0.0,
    seed: int = 1,
) -> pd.DataFrame:
    """Return responses whose metrics have mean 0.5 plus the setting's effect, spreads between and within prompts."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [range(replicates), range(prompts), range(settings)], names=["replicate", "prompt_index", "setting_index"]
    )
    frame = index.to_frame(index=False)
    effect = np.array([*effects, *[0.0] * (settings - len(effects))])
    prompt, setting = frame["prompt_index"].to_numpy(), frame["setting_index"].to_numpy()
    columns: dict[str, object] = {}
    for metric in metrics:
        level = rng.normal(0.5, BETWEEN, prompts)
        own = rng.normal(0, interaction, (prompts, settings))
        noise = rng.normal(0, WITHIN, len(frame))
        columns[metric] = level[prompt] + effect[setting] + own[prompt, setting] + noise
    return pd.concat([frame.assign(temperature=setting / 2, status="ok"), pd.DataFrame(columns)], axis=1)


def sampled_texts(
    prompts: int, vocabulary: Mapping[int, int], replicates: int, *, words: int = 12, seed: int = 1
) -> pd.DataFrame:
    """Return responses of random words; a setting with a larger vocabulary writes more different ones."""
    rng = np.random.default_rng(seed)
    rows = [
        (p, s, s / 2, r, "ok", " ".join(f"w{w}" for w in rng.integers(0, size, words)))
        for p in range(prompts)
        for s, size in vocabulary.items()
        for r in range(replicates)
    ]
    return pd.DataFrame(rows, columns=["prompt_index", "setting_index", "temperature", "replicate", "status", "text"])


def word_distance(texts: Sequence[str]) -> np.ndarray:
    """Return one minus the Dice overlap of the texts' words."""
    vocabulary = sorted({word for text in texts for word in text.split()})
    has = np.array([[word in set(text.split()) for word in vocabulary] for text in texts], dtype=float)
    shared, size = has @ has.T, has.sum(axis=1)
    return 1 - 2 * shared / np.maximum(size[:, None] + size[None, :], 1)


def every_pair(settings: int) -> list[tuple[int, int]]:
    """Return every pair of so many settings."""
    return list(itertools.combinations(range(settings), 2))
