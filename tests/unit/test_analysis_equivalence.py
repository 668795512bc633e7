"""Same, drifted or cannot tell: against figures worked out elsewhere, by simulation, and at the edges."""

import math

import numpy as np
import pytest
from analysis_frames import METRICS, SOAK, experiment

from pplab.analysis.equivalence import drift, equivalence, equivalences
from pplab.errors import BadInput

MARGINS = dict.fromkeys(METRICS, 0.05)


def runs(prompts: int, shift: float, seed: int, *, metrics: int = 4, spread: float = 0.1) -> dict[str, tuple]:
    """Return per-prompt means of two runs; the first metric of the second run is shifted."""
    rng = np.random.default_rng(seed)
    out = {}
    for k in range(metrics):
        level = rng.normal(0.5, 0.145, prompts)
        before, now = (level + rng.normal(0, spread, prompts) for _ in range(2))
        out[f"m{k}"] = (before, now + (shift if k == 0 else 0))
    return out


def margins(margin: float, metrics: int = 4) -> dict[str, float]:
    return {f"m{k}": margin for k in range(metrics)}


def test_the_equivalence_test_has_the_p_value_of_statsmodels():
    before, now = [0.52, 0.61, 0.47, 0.55, 0.58, 0.49], [0.50, 0.63, 0.49, 0.53, 0.60, 0.50]
    # statsmodels 0.14.5: ttost_paired(now, before, -0.05, 0.05), and ttost_ind of the first five with usevar="unequal"
    assert equivalence(before, now, 0.05).p_same == pytest.approx(0.0012724595647798016, abs=1e-12)
    assert equivalence(before[:5], now, 0.05, paired=False).p_same == pytest.approx(0.10741658689560737, abs=1e-12)


def test_the_interval_lies_inside_the_margin_just_when_it_is_the_same():
    for seed in range(40):
        before, now = runs(12, 0.02, seed=seed, spread=0.03)["m0"]
        found = equivalence(before, now, 0.05)
        assert (found.outcome == "same") == (found.low > -0.05 and found.high < 0.05)


def test_a_large_shift_has_drifted_and_a_tiny_one_is_the_same():
    drifted = equivalence(*runs(30, 0.3, seed=2)["m0"], 0.05)
    same = equivalence(*runs(30, 0.0, seed=2, spread=0.02)["m0"], 0.05)
    assert (drifted.outcome, same.outcome) == ("drifted", "same")
    assert drifted.words.startswith("the metric: drifted: changed by 0.")
    assert same.words.startswith("the metric: same: the change of ")


def test_a_sure_but_small_change_is_still_the_same():
    before = np.linspace(0.3, 0.7, 30)
    found = equivalence(before, before + 0.01 + np.tile([0.001, -0.001], 15), 0.05)
    assert (found.outcome, found.p_drift < 0.001) == ("same", True)


def test_what_cannot_be_told_comes_with_the_number_that_would_settle_it():
    found = equivalence(*runs(7, 0.0, seed=3)["m0"], 0.05)
    assert found.outcome == "cannot tell"
    assert found.n_suggested > 7
    assert f"{found.n_suggested} prompts would decide it 4 times in 5" in found.words


@pytest.mark.parametrize("prompts", [8, 25])
def test_false_alarms_over_all_metrics_together_stay_at_five_percent(prompts):
    count = 1_000 if SOAK else 100
    alarms = sum(any(e.outcome == "drifted" for e in equivalences(runs(prompts, 0.0, s), margins(0.05))) for s in range(count))
    assert alarms / count <= (0.065 if SOAK else 0.09)


def test_a_drift_is_found_with_the_suggested_number_of_prompts():
    count = 200 if SOAK else 20
    found = settled = 0
    for seed in range(count):
        pilot = equivalences(runs(8, 0.0, seed), margins(0.1))[0]
        if pilot.n_suggested:
            settled += 1
            found += equivalences(runs(pilot.n_suggested, 0.1, 10_000 + seed), margins(0.1))[0].outcome == "drifted"
    assert settled >= count / 2
    assert found / settled >= 0.8


def test_without_drift_the_suggested_number_of_prompts_shows_it():
    count = 200 if SOAK else 20
    outcomes = []
    for seed in range(count):
        pilot = equivalences(runs(8, 0.0, seed), margins(0.1))[0]
        if pilot.n_suggested:
            outcomes.append(equivalences(runs(pilot.n_suggested, 0.0, 20_000 + seed), margins(0.1))[0].outcome)
    assert outcomes.count("same") / len(outcomes) >= 0.8


def test_corrections_grow_with_the_number_of_metrics():
    one = equivalences(runs(20, 0.05, 4, metrics=1), margins(0.05, 1))[0]
    four = equivalences(runs(20, 0.05, 4), margins(0.05))[0]
    assert (one.family, four.family) == (1, 4)
    assert four.p_drift >= one.p_drift


def test_identical_runs_are_the_same():
    scores = np.linspace(0.2, 0.8, 9)
    found = equivalence(scores, scores, 0.01)
    assert (found.outcome, found.difference, found.p_drift) == ("same", 0, 1)


def test_missing_values_drop_their_pair():
    found = equivalence([0.5, None, 0.6, 0.7, math.nan], [0.5, 0.5, 0.6, 0.7, 0.4], 0.1)
    assert (found.n, found.dropped) == (3, 2)
    assert "2 prompts without a counterpart left out." in found.words


@pytest.mark.parametrize("values", [[], [0.5], [None, None]])
def test_too_little_cannot_be_told(values):
    found = equivalence(values, values, 0.1)
    assert (found.outcome, found.n_suggested) == ("cannot tell", None)
    assert found.words == "the metric: cannot tell: there is too little to compare."


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, math.inf])
def test_a_margin_that_is_no_positive_number_is_refused(margin):
    with pytest.raises(BadInput, match="margin"):
        equivalence([0.1, 0.2], [0.1, 0.2], margin)


def test_a_metric_without_margin_is_named():
    with pytest.raises(BadInput, match="no margin is given for m1"):
        equivalences(runs(8, 0, 1), {"m0": 0.1})


def test_paired_samples_of_different_length_are_refused():
    with pytest.raises(BadInput, match="2 values are paired with 3"):
        equivalence([0.1, 0.2], [0.1, 0.2, 0.3], 0.1)


def test_a_second_run_of_the_same_model_is_not_called_drifted():
    before, now = (experiment(30, 2, 4, seed=1) for _ in range(2))
    rng = np.random.default_rng(5)
    for metric in METRICS:
        now[metric] += rng.normal(0, 0.03, len(now))
    assert {e.outcome for e in drift(before, now, MARGINS)} == {"same"}


def test_a_shifted_metric_drifts_and_the_others_do_not():
    before = experiment(30, 2, 4, seed=1)
    now = before.assign(coherence=before["coherence"] - 0.2)
    outcomes = {e.metric: e.outcome for e in drift(before, now, MARGINS)}
    assert outcomes.pop("coherence") == "drifted"
    assert set(outcomes.values()) == {"same"}


def test_with_one_prompt_responses_are_compared_under_each_setting():
    before = experiment(1, 2, 8, seed=1)
    now = experiment(1, 2, 8, seed=1).assign(coherence=lambda f: f["coherence"] + 0.4)
    found = next(e for e in drift(before, now, MARGINS) if e.metric == "coherence")
    assert (found.outcome, found.scope, found.n, found.prompts) == ("drifted", "replicates", 8, 1)
    assert found.words.endswith("This covers this one prompt only.")


def test_settings_that_only_one_run_has_are_left_out():
    before, now = experiment(12, 3, 3, seed=1), experiment(12, 3, 3, seed=1)
    now = now[now["setting_index"] < 2]
    found = drift(before, now, {"coherence": 0.05})[0]
    assert (found.difference, found.n) == (0, 12)


def test_runs_that_share_nothing_cannot_be_told():
    before, now = experiment(8, 1, 2), experiment(8, 1, 2).assign(setting_index=5)
    assert drift(before, now, {"coherence": 0.05})[0].outcome == "cannot tell"
    assert drift(before.iloc[:0], now.iloc[:0], {"coherence": 0.05})[0].outcome == "cannot tell"
