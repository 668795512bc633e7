"""The variance of a score split between prompts, factors and replicates: known shares are found again, whatever is missing."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK

from pplab.analysis.variance import MOST_SETTINGS, split_variance, variance_table
from tests.soak import only_soak_cases

MODELS = (0.0, 0.2, 0.1)
TEMPERATURES = (0.0, 0.1, 0.3, 0.2)
COLUMNS = ["prompt_index", "setting_index", "model_asked", "endpoint", "temperature", "status", "coherence"]
TRUE = {
    "prompts": 0.04 + 0.01 / 12,
    "model_asked": float(np.var(MODELS)),
    "temperature": float(np.var(TEMPERATURES)),
    "combinations": 0.0,
    "prompts_by_settings": 0.01 * (1 - 1 / 12),
    "replicates": 0.01,
}


def grid(seed, *, prompts=20, n=3, missing=0.0, between=0.2, interaction=0.1, within=0.1, combination=0.0):
    """Return answers of three models at four temperatures, whose components are known."""
    rng = np.random.default_rng(seed)
    level, own = rng.normal(0.5, between, prompts), rng.normal(0, interaction, (prompts, 12))
    rows = []
    for prompt, (setting, (model, temperature)), _ in itertools.product(
        range(prompts), enumerate(itertools.product(range(3), range(4))), range(n)
    ):
        both = combination * (1 if (model == 0) == (temperature < 2) else -1)
        value = level[prompt] + MODELS[model] + TEMPERATURES[temperature] + both + own[prompt, setting] + rng.normal(0, within)
        status = "failed" if rng.random() < missing else "ok"
        rows.append((prompt, setting, f"m{model}", "there" if model else None, temperature / 2, status, value))
    return pd.DataFrame(rows, columns=COLUMNS)


def split(frame):
    return split_variance(frame, ["coherence"])[0]


@pytest.mark.parametrize(("missing", "n"), [(0.35, 3), *only_soak_cases((0.0, 3), (0.6, 4))])
def test_known_components_are_found_without_bias_also_where_answers_are_missing(missing, n):
    runs = [split(grid(seed, missing=missing, n=n)).components for seed in range(400 if SOAK else 40)]
    for name, true in TRUE.items():
        estimates = np.array([run[name] for run in runs])
        error = estimates.std(ddof=1) / np.sqrt(len(runs))
        assert estimates.mean() == pytest.approx(true, abs=4 * error + 2e-4), name  # 2e-4: estimates below zero are set to 0


def test_factors_that_act_in_combination_only_are_found_there():
    means = [split(grid(seed, combination=0.15, interaction=0.05)).components["combinations"] for seed in range(20)]
    models, temperatures = np.arange(12) // 4, np.arange(12) % 4
    effect = np.where((models == 0) == (temperatures < 2), 0.15, -0.15).reshape(3, 4)
    alone = effect - effect.mean(axis=0) - effect.mean(axis=1, keepdims=True) + effect.mean()
    assert np.mean(means) == pytest.approx(np.square(alone).mean(), rel=0.1)


def test_in_a_full_table_the_components_are_those_of_the_analysis_of_variance():
    frame = grid(1, prompts=8, n=2)
    cube = frame["coherence"].to_numpy().reshape(8, 12, 2)
    means = cube.mean(axis=2)
    rest = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    ms_rest, ms_within = np.square(rest).sum() / (7 * 11), cube.var(axis=2, ddof=1).mean()
    ms_prompts = 12 * means.mean(axis=1).var(ddof=1)
    both = ms_rest - ms_within / 2
    by_model = means.mean(axis=0).reshape(3, 4).mean(axis=1)
    expected = {
        "prompts": (ms_prompts - ms_rest) / 12 + both / 12,
        "model_asked": by_model.var() - ms_rest / 8 * 2 / 12,
        "prompts_by_settings": both * 11 / 12,
        "replicates": ms_within,
    }
    components = split(frame).components
    assert {name: components[name] for name in expected} == pytest.approx(expected)


def test_with_one_answer_each_what_prompts_do_differently_counts_among_replicates():
    runs = [split(grid(seed, n=1)) for seed in range(20)]
    assert "prompts_by_settings" not in runs[0].components
    assert np.mean([run.components["replicates"] for run in runs]) == pytest.approx(0.02, rel=0.1)
    assert "With one answer to each prompt" in runs[0].words


def test_answers_at_temperature_0_that_are_identical_have_no_variance_between_replicates():
    frame = grid(1, within=0.0)
    assert split(frame).components["replicates"] == 0.0
    assert "between answers" not in split(frame).words


def test_one_prompt_alone_is_split_between_factors_and_replicates():
    result = split(grid(3, prompts=1, n=20, interaction=0.0))
    assert set(result.components) == {"model_asked", "temperature", "combinations", "replicates"}
    assert result.components["temperature"] == pytest.approx(TRUE["temperature"], rel=0.5)
    assert result.words.endswith("One prompt alone does not say how prompts differ.")


def test_one_setting_is_split_between_prompts_and_replicates():
    frame = grid(1, n=4)
    result = split(frame[frame["setting_index"] == 5])
    assert set(result.components) == {"prompts", "replicates"}
    assert result.components["prompts"] == pytest.approx(0.05, rel=0.6)


def test_each_model_s_own_endpoint_is_no_factor_of_its_own():
    assert "endpoint" not in split(grid(1)).components
    two = grid(1).assign(endpoint=lambda frame: (frame["setting_index"] % 2).map({0: "a", 1: "b"}))
    assert "endpoint" in split(two.drop(columns="temperature")).components


def test_parameters_that_always_change_together_are_one_factor():
    frame = grid(1).assign(top_p=lambda frame: 1 - frame["temperature"] / 4)
    result = split(frame)
    assert result.components["temperature+top_p"] == pytest.approx(split(grid(1)).components["temperature"])
    assert "between values of temperature and values of top_p" in result.words


def test_factors_that_overlap_share_what_they_explain_whatever_their_order():
    frame = grid(2, interaction=0.0)
    part = frame[frame["setting_index"].isin([0, 1, 2, 5, 6, 7, 8, 10])]
    renamed = part.rename(columns={"model_asked": "wording", "temperature": "system"}).drop(columns="endpoint")
    one, other = split(part).components, split(renamed).components
    assert [one["model_asked"], one["temperature"]] == pytest.approx([other["wording"], other["system"]])


def test_settings_without_columns_of_factors_are_the_factor():
    frame = grid(1).drop(columns=["model_asked", "endpoint", "temperature"])
    assert split(frame).components["settings"] == pytest.approx(TRUE["model_asked"] + TRUE["temperature"], rel=0.3)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (grid(1).assign(status="failed"), "is not split: there are no two usable answers."),
        (grid(1, prompts=1, n=1), "is not split: there are too few answers to each prompt under each setting."),
        (grid(1).assign(coherence=0.5), "Every answer has the same coherence."),
        (
            grid(1, n=5)[lambda f: (f["prompt_index"] < 10) == (f["setting_index"] < 6)],
            "is not split: settings have too few prompts in common.",
        ),
        (
            pd.DataFrame(
                {
                    "prompt_index": 0,
                    "setting_index": range(MOST_SETTINGS + 1),
                    "status": "ok",
                    "coherence": range(MOST_SETTINGS + 1),
                }
            ),
            f"is not split: there are {MOST_SETTINGS + 1:,} settings, more than {MOST_SETTINGS:,}.",
        ),
    ],
)
def test_what_cannot_be_split_says_why(frame, words):
    assert split(frame).words.endswith(words)


def test_the_sentence_names_the_largest_share_first():
    words = split(grid(3)).words
    assert words.startswith("Of the variance of coherence, ")
    assert "lies between prompts, " in words
    assert words.endswith("(20 prompts under 12 settings).")


def test_the_table_has_a_row_a_metric_whose_shares_add_up_to_one():
    frame = grid(1).assign(creativity=lambda frame: 0.5, structure=None)
    table = variance_table(split_variance(frame, ["coherence", "creativity", "structure"]))
    assert list(table.columns) == [
        *("metric", "sd", "prompts", "model_asked", "temperature", "combinations", "prompts_by_settings", "replicates", "note")
    ]
    shares = table.drop(columns=["metric", "sd", "note"])
    assert shares.loc[0].sum() == pytest.approx(1)
    assert shares.loc[1:].isna().all(axis=None)
    assert table["sd"].iloc[1] == 0
