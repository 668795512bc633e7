"""Prints side by side what three programs make of the same answers: the version before, this one, and evalstats.

``python tests/perf/compare_verdicts.py`` (`make compare`) draws experiments whose truth is known: 3 settings, prompts asked
twice, a best setting that leads by 0, 0.05 or 0.1, with and without a greedy setting that always gives the same answer. Of each
program it prints how often its headline names a setting to use, how often that is wrong, and the fewest calls with which it names
one in 8 of 10 experiments. A headline is wrong when another setting is better than the named one by more than the margin, or,
where a setting is called the best, when it is not.

The version before is the commit `BEFORE`. A headline of it is a setting told apart from every other one, and so it is
of evalstats, whose p-values are corrected over all pairs.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

BEFORE = "e886ac5c5f959f6532679c673e3993b05012c0ef"  # tagged verdict-by-metric: the last commit before the decision
RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
MARGIN, WITHIN, BETWEEN, INTERACTION = 0.03, 0.055, 0.145, 0.03
PROMPTS = (3, 6, 13, 30)
SCENES = [(3, lead, greedy) for lead in (0.0, 0.05, 0.1) for greedy in (False, True)]


def draw(settings: int, lead: float, prompts: int, seed: int, *, greedy: bool) -> np.ndarray:
    """Return values, shape (prompts, settings, 2); the last setting leads, the first may be greedy."""
    rng = np.random.default_rng((settings, int(100 * lead), prompts, greedy, seed))
    cells = 0.5 + rng.normal(0, BETWEEN, (prompts, 1)) + rng.normal(0, INTERACTION, (prompts, settings))
    cells[:, -1] += lead
    values = cells[:, :, None] + rng.normal(0, WITHIN, (prompts, settings, 2))
    if greedy:
        values[:, 0, 1] = values[:, 0, 0]
    return values


def frame_of(values: np.ndarray) -> pd.DataFrame:
    """Return the values as responses."""
    prompts, settings, replicates = values.shape
    index = pd.MultiIndex.from_product([range(prompts), range(settings), range(replicates)])
    frame = index.to_frame(index=False, name=["prompt_index", "setting_index", "replicate"])
    return frame.assign(status="ok", coherence=values.ravel())


def ours(values: np.ndarray) -> tuple[int | None, bool]:
    """Return the setting that this version names, and whether it calls it the best."""
    from pplab.analysis import decide

    found = decide(frame_of(values), metric="coherence", margin=MARGIN)
    return (found.setting, found.outcome == "best") if found.outcome in ("best", "within", "equal") else (None, False)


def before(values: np.ndarray) -> tuple[int | None, bool]:
    """Return the setting that the version before tells apart from every other one."""
    from pplab.analysis.verdicts import verdict  # that version's, see `main`

    comparisons = verdict(frame_of(values), ["coherence"]).comparisons
    wins: dict[int, int] = {}
    for one in comparisons.differences if comparisons else ():
        if one.better is not None:
            wins[one.better] = wins.get(one.better, 0) + 1
    return next(((setting, True) for setting, count in wins.items() if count == values.shape[1] - 1), (None, False))


def evalstats(values: np.ndarray) -> tuple[int | None, bool]:
    """Return the setting that evalstats tells apart from every other one."""
    import evalstats as es

    settings = values.shape[1]
    labels = [str(k) for k in range(settings)]
    scores = np.clip(values.transpose(1, 0, 2)[:, :, :, None], 0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = es.BenchmarkResult(scores=scores, template_labels=labels, input_labels=[str(k) for k in range(len(values))])
        pairs = es.analyze(result).pairwise
    leader = int(values.mean(axis=(0, 2)).argmax())
    p = [pairs.get(str(leader), str(other)).p_value for other in range(settings) if other != leader]
    return (leader, True) if all(value is not None and value <= 0.05 for value in p) else (None, False)


PROGRAMS = {"before": before, "now": ours, "evalstats": evalstats}


def judge(program: str, runs: int) -> dict[str, list[tuple[float, float]]]:
    """Return for each scene, by number of prompts, the shares of runs with a headline and with a wrong one."""
    out = {}
    for settings, lead, greedy in SCENES:
        shares = []
        for prompts in PROMPTS:
            named = wrong = 0
            for seed in range(runs):
                setting, is_best = PROGRAMS[program](draw(settings, lead, prompts, seed, greedy=greedy))
                named += setting is not None
                behind = lead if setting is not None and setting != settings - 1 else 0.0
                wrong += setting is not None and (behind > MARGIN or (is_best and (behind > 0 or lead == 0)))
            shares.append((named / runs, wrong / runs))
        out[json.dumps([settings, lead, greedy])] = shares
    return out


def main() -> None:
    """Judge each program in a process of its own and print the table."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", BEFORE, "pplab"], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        found = {}
        for program in PROGRAMS:
            path = folder if program == "before" else str(root)
            command = [sys.executable, __file__, str(RUNS), program]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH"))))}
            found[program] = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    print(f"{RUNS} runs a cell; each prompt asked twice; margin {MARGIN}")
    print("settings  lead  greedy  program     named at 6, 13, 30 prompts  wrong (worst)  calls to name one in 8 of 10")
    for scene in map(list, SCENES):
        for program, scenes in found.items():
            shares = scenes[json.dumps(scene)]
            named = "  ".join(f"{shares[PROMPTS.index(n)][0]:.2f}" for n in (6, 13, 30))
            worst = max(wrong for _, wrong in shares)
            enough = next((n for n, (share, _) in zip(PROMPTS, shares, strict=True) if share >= 0.8), math.inf)
            calls = f"{enough * scene[0] * 2:,.0f}" if math.isfinite(enough) else f"more than {PROMPTS[-1] * scene[0] * 2}"
            greedy = "yes" if scene[2] else "no"
            print(f"{scene[0]:8}  {scene[1]:4}  {greedy:6}  {program:10}  {named:26}  {worst:13.3f}  {calls}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(judge(sys.argv[2], RUNS)))
    else:
        main()
