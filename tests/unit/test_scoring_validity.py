"""Agreement with people, and what temperature does to the scores: on the texts kept here, and on all where they are."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

import pytest
from scipy.stats import mannwhitneyu, spearmanr

from pplab import metrics
from tests import texts

ROOT = Path(__file__).parents[2]
SCRIPT = texts.WHOLE / "metrics" / "evaluate.py"

# What these 176 stories gave on 2026-11-25 (0.52, 0.54, 0.36, 0.56), less two standard errors over their 16 prompts.
AGREEMENT = {
    ("creativity", "surprise"): 0.41,
    ("creativity", "complexity"): 0.4,
    ("coherence", "coherence"): 0.21,
    ("completeness", "relevance"): 0.44,
}


@pytest.fixture(scope="module")
def stories():
    rows = texts.records(texts.PART / "hanna.jsonl.gz")
    return [(row, metrics.score(row["story"], prompt=row["prompt"])) for row in rows]


@pytest.mark.parametrize(("metric", "rating"), AGREEMENT, ids=" and ".join)
def test_scores_of_stories_on_one_prompt_rise_with_what_people_say_of_them(stories, metric, rating):
    pairs = defaultdict(list)
    for row, scores in stories:
        pairs[row["prompt_id"]].append((getattr(scores, metric) or 0.0, row[rating]))
    agreement = [spearmanr(*zip(*rated, strict=True)).statistic for rated in pairs.values()]
    assert len(agreement) == 16
    assert mean(agreement) >= AGREEMENT[metric, rating]


@pytest.fixture(scope="module")
def by_temperature():
    found = defaultdict(lambda: defaultdict(list))
    for row in texts.records(texts.PART / "temperatures.jsonl.gz"):
        found[row["temperature"]][row["problem"]].append(row["text"])
    return {temperature: found[temperature] for temperature in sorted(found)}


def test_coherence_stays_while_a_model_makes_sense_and_falls_when_it_no_longer_does(by_temperature):
    coherence = {
        temperature: [scores.coherence or 0.0 for answers in problems.values() for scores in metrics.score_many(answers)]
        for temperature, problems in by_temperature.items()
    }
    sensible = [mean(coherence[temperature]) for temperature in (0.0, 0.5, 1.0)]
    assert max(sensible) - min(sensible) <= 0.07
    higher = mannwhitneyu(coherence[1.0], coherence[1.5]).statistic / (len(coherence[1.0]) * len(coherence[1.5]))
    assert higher >= 0.85  # 0.91 on 2026-11-25, with a standard error of 0.03
    assert sensible[-1] - mean(coherence[1.5]) >= 0.3


def test_diversity_rises_with_temperature_from_none(by_temperature):
    diversity = [mean(metrics.diversity(answers) or 0.0 for answers in p.values()) for p in by_temperature.values()]
    assert diversity[0] <= 0.01
    assert diversity == sorted(diversity)
    assert diversity[-1] - diversity[0] >= 0.8


if SCRIPT.exists():  # the whole of the ratings brings a script of its own

    def test_every_required_figure_of_agreement_with_people_is_met():
        command = [sys.executable, str(SCRIPT), "--only", "validity"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
