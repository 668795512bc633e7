"""Same, drifted or cannot tell: against figures worked out elsewhere, by simulation, and at the edges."""

import math

import numpy as np
import pytest
from analysis_frames import BETWEEN, METRICS, SOAK, WITHIN, experiment, frame_of
from scipy import stats

from pplab.analysis.equivalence import drift, equivalence, equivalences
from pplab.analysis.paired import INTERACTION_OF_RUNS
from pplab.errors import BadInput
from tests.soak import only_soak, only_soak_cases

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


@pytest.mark.parametrize("prompts", [8, *only_soak(25)])
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
    found = equivalence([0.5, None, 0.6, 0.7, math.nan, 0.4, 0.5, 0.6], [0.5, 0.5, 0.6, 0.7, 0.4, 0.4, 0.5, 0.6], 0.1)
    assert (found.n, found.dropped) == (6, 2)
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


def test_a_setting_that_never_answered_in_one_run_leaves_the_others_to_compare():
    before, now = experiment(5, 2, 3, seed=1), experiment(5, 2, 3, seed=1)
    now.loc[now["setting_index"] == 1, "status"] = "failed"
    found = drift(before, now, {"coherence": 0.05}, utility=0.05)
    assert [(e.outcome, e.n, e.dropped) for e in found] == [("same", 5, 0), ("same", 5, 0)]


def test_a_prompt_is_compared_under_the_settings_that_it_has_in_both_runs():
    before = experiment(8, 2, 3, seed=1)
    now = before.assign(coherence=before["coherence"] + 0.2)
    now.loc[(now["prompt_index"] == 0) & (now["setting_index"] == 0), "coherence"] = math.nan
    now.loc[now["prompt_index"] == 1, "coherence"] = math.nan
    found = drift(before, now, {"coherence": 0.05})[0]
    assert (found.outcome, found.n, found.dropped) == ("drifted", 7, 1)
    assert found.difference == pytest.approx(0.2)


def test_a_cluster_is_compared_on_the_prompts_that_both_runs_answered():
    before = experiment(8, 1, 3, seed=1).assign(cluster=lambda f: f["prompt_index"] // 2)
    now = before.copy()
    now.loc[now["prompt_index"] == 1, "coherence"] = math.nan
    before.loc[before["prompt_index"] == 4, "coherence"] += 0.001  # so that not all is as it was
    found = drift(before, now, {"coherence": 0.05})[0]
    assert (found.unit, found.n, found.difference) == ("cluster", 4, pytest.approx(-0.001 / 2 / 4))


def answers(prompts: int, shift: float, rng: np.random.Generator, replicates: int, interaction: float = 0.0):
    """Return the responses of two runs of one setting; the change of the second does something else to each prompt."""
    level = rng.normal(0.5, BETWEEN, (4, prompts))
    sides = []
    for own in (np.zeros((4, prompts)), rng.normal(0, interaction, (4, prompts))):
        frame = experiment(prompts, 1, replicates)
        for k, metric in enumerate(METRICS):
            frame[metric] = (level + own)[k][frame["prompt_index"]] + rng.normal(0, WITHIN, len(frame))
        sides.append(frame)
    sides[1]["coherence"] += shift
    return sides


def test_the_error_borrows_from_the_replicates():
    before, now = answers(4, 0.0, np.random.default_rng(3), 5, 0.05)
    found = drift(before, now, {"coherence": 0.1})[0]
    sides = [side.groupby("prompt_index")["coherence"] for side in (before, now)]
    expected = sum(side.var().mean() * (1 / 5 + INTERACTION_OF_RUNS**2) for side in sides)
    variance = (sides[1].mean() - sides[0].mean()).var()
    error = math.sqrt((4 * expected + 3 * variance) / 7 / 4)
    assert found.scope == "prompts"
    assert found.p_drift == pytest.approx(2 * stats.t.sf(abs(found.difference) / error, 7))
    assert found.high - found.difference == pytest.approx(error * stats.t.ppf(0.95, 7))


@pytest.mark.parametrize(("prompts", "replicates"), [(3, 2), *only_soak_cases((3, 5), (5, 3))])
def test_a_few_prompts_seldom_cry_wolf_and_seldom_miss_a_change_as_large_as_the_margin(prompts, replicates):
    rng, count = np.random.default_rng(prompts * replicates), 1_000 if SOAK else 40
    alarms = missed = 0
    for _ in range(count):
        unchanged, changed = (
            drift(*answers(prompts, shift, rng, replicates, 0.05), dict.fromkeys(METRICS, 0.1)) for shift in (0.0, 0.1)
        )
        alarms += any(e.outcome == "drifted" for e in unchanged)
        missed += next(e.outcome for e in changed if e.metric == "coherence") == "same"
    most = 0.05 * count + 1.65 * math.sqrt(0.0475 * count)  # 95% of samples of exactly 5% stay below this
    assert max(alarms, missed) <= most


def test_five_prompts_find_a_change_that_is_twice_the_margin():
    rng, count = np.random.default_rng(5), 200 if SOAK else 20
    found = sum(drift(*answers(5, 0.2, rng, 5, 0.05), dict.fromkeys(METRICS, 0.1))[1].outcome == "drifted" for _ in range(count))
    assert found / count >= 0.8


@pytest.mark.parametrize("prompts", [1, 2, 4, 8])
def test_answers_that_are_what_they_were_are_the_same(prompts):
    before = experiment(prompts, 2, 3)
    found = drift(before, before, MARGINS, utility=0.001)
    assert {(e.metric, e.outcome, e.difference, e.p_drift) for e in found} == {(m, "same", 0, 1) for m in (*METRICS, "utility")}


@pytest.mark.parametrize(("prompts", "outcome"), [(1, "cannot tell"), (2, "drifted"), (4, "drifted"), (8, "drifted")])
def test_settings_whose_answers_never_vary_are_compared(prompts, outcome):
    before = frame_of([(p, 0, "ok", 0.5 + p / 10) for p in range(prompts) for _ in range(3)])
    changed = before.assign(coherence=before["coherence"] + 0.1)
    assert drift(before, before, {"coherence": 0.05})[0].outcome == "same"
    assert drift(before, changed, {"coherence": 0.2})[0].outcome == "same"
    found = drift(before, changed, {"coherence": 0.05})[0]
    assert found.outcome == outcome  # three answers and three others: the labels fall so in one of ten cases, at each prompt


def passes(rates: tuple[float, ...], replicates: int, rng: np.random.Generator):
    """Return the responses to prompts that pass a check at these rates."""
    rows = [(p, 0, "ok", float(rng.random() < rate)) for p, rate in enumerate(rates) for _ in range(replicates)]
    return frame_of(rows, "prompt_index setting_index status check")


@pytest.mark.parametrize(
    ("rates", "replicates"),
    [((0.5, 0.7, 0.9, 0.9), 5), *only_soak_cases(((0.6,), 6), ((0.9, 0.9), 12))],
)
def test_pass_rates_of_few_prompts_seldom_cry_wolf(rates, replicates):
    rng, count = np.random.default_rng(8), 2_000 if SOAK else 100
    pairs = ((passes(rates, replicates, rng), passes(rates, replicates, rng)) for _ in range(count))
    alarms = sum(drift(*pair, {"check": 0.1})[0].outcome == "drifted" for pair in pairs)
    assert alarms <= 0.05 * count + 1.65 * math.sqrt(0.0475 * count)


def test_a_check_that_failed_once_in_a_few_prompts_may_fail_more_often():
    before = passes((1.0,) * 12, 5, np.random.default_rng(1))
    now = before.assign(check=[0.0, *[1.0] * 59])
    assert drift(before, before, {"check": 0.05})[0].outcome == "same"
    assert drift(before, now, {"check": 0.05})[0].outcome == "cannot tell"


def test_the_utility_is_one_more_row_of_the_family():
    before = experiment(8, 2, 3, seed=1).assign(text=lambda f: [f"answer {i}" for i in range(len(f))])
    now = before.assign(coherence=before["coherence"] - 0.3, creativity=before["creativity"] - 0.3)
    alone, with_utility = drift(before, now, MARGINS), drift(before, now, MARGINS, utility=0.03, precision=0.7)
    assert [e.metric for e in with_utility] == [*(e.metric for e in alone), "utility"]
    assert {e.family for e in with_utility} == {len(alone) + 1}
    found = with_utility[-1]
    # coherence is a third of precision, creativity half of personality
    assert (found.outcome, found.difference) == ("drifted", pytest.approx(-0.3 * (0.7 / 3 + 0.3 / 2)))


def test_runs_that_share_nothing_cannot_be_told():
    before, now = experiment(8, 1, 2), experiment(8, 1, 2).assign(setting_index=5)
    assert drift(before, now, {"coherence": 0.05})[0].outcome == "cannot tell"
    assert drift(before.iloc[:0], now.iloc[:0], {"coherence": 0.05})[0].outcome == "cannot tell"
