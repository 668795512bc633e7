"""The gate by simulation: it seldom cries wolf, and finds a drift of 0.1 at the number of replicates it suggests."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from pplab.share.regression_gate import SCORES, compare, margins_for

SOAK = os.environ.get("PPLAB_SOAK") == "1"
RUNS = 1000 if SOAK else 15
BETWEEN, WITHIN = 0.145, 0.10  # standard deviations of scores between prompts and within one, as measured on rated stories


def answers(rng, levels, n, shift=0.0):
    """Return n responses to each prompt, whose four scores scatter around the prompt's levels."""
    prompts = len(levels)
    p, k = (axis.ravel() for axis in np.meshgrid(range(prompts), range(n), indexing="ij"))
    frame = pd.DataFrame({"prompt_index": p, "setting_index": 0, "replicate": k, "cluster": p, "status": "ok"})
    frame["text"] = [f"{rng.integers(2**62)}" for _ in range(len(frame))]
    frame["model"], frame["system_fingerprint"], frame["rejected"] = "m", None, [{}] * len(frame)
    frame["cost"], frame["output_tokens"] = 0.0, rng.normal(100, 20, len(frame))
    frame["latency_ms"] = rng.gamma(4, 100, len(frame))
    for i, name in enumerate(SCORES):
        frame[name] = levels[p, i] + rng.normal(0, WITHIN, len(frame)) + (shift if name == "coherence" else 0.0)
    return frame


def check(rng, prompts, n, shift, margin=0.05):
    levels = rng.normal(0.5, BETWEEN, (prompts, len(SCORES)))
    margins = margins_for(SCORES, dict.fromkeys(SCORES, margin))
    about = {"baseline": "a", "experiment": "b", "source": "a simulation", "timed": True, "replicates": n}
    return compare(answers(rng, levels, n), answers(rng, levels, n, shift), margins, **about)


def test_false_alarms_are_at_most_one_in_twenty():
    for seed, prompts, n in ((1, 12, 5), (2, 2, 8), (5, 4, 4)):
        rng = np.random.default_rng(seed)
        alarms = sum(check(rng, prompts, n, 0.0).outcome == "drifted" for _ in range(RUNS))
        # 95% of samples of this size from a gate of exactly 5% stay below this
        assert alarms <= 0.05 * RUNS + 1.65 * (0.0475 * RUNS) ** 0.5, (prompts, n, alarms)


def test_a_drift_of_a_tenth_is_found_at_the_number_it_suggests():
    rng = np.random.default_rng(3)
    found = asked = 0
    for _ in range(RUNS):
        pilot = check(rng, 2, 5, 0.0, margin=0.1)
        if pilot.n_suggested is None:
            continue
        asked += 1
        found += "coherence" in check(rng, 2, pilot.n_suggested, 0.1, margin=0.1).drifted
    assert asked >= RUNS // 2
    assert found / asked >= 0.8 - 1.65 * (0.16 / asked) ** 0.5, (found, asked)


def test_what_did_not_change_is_recognised_as_the_same_at_the_number_it_suggests():
    rng = np.random.default_rng(4)
    same = asked = 0
    for _ in range(RUNS):
        pilot = check(rng, 2, 5, 0.0, margin=0.1)
        if pilot.n_suggested is None:
            continue
        asked += 1
        outcomes = {m.metric: m.outcome for m in check(rng, 2, pilot.n_suggested, 0.0, margin=0.1).metrics}
        same += outcomes["coherence"] == "same"
    assert same / asked >= 0.8 - 1.65 * (0.16 / asked) ** 0.5, (same, asked)
