"""Whether a metric moves with a parameter."""

import numpy as np
import pandas as pd
import pytest
from analysis_frames import SOAK, experiment
from scipy import stats

from pplab.analysis.trend import trend
from pplab.errors import BadInput


def only(found):
    assert len(found) == 1
    return found[0]


def test_the_trend_is_scipys_page_test_of_the_per_prompt_means():
    frame = experiment(15, 4, 3, effects=(0, 0.02, 0.05, 0.06))
    means = frame.pivot_table(index="prompt_index", columns="setting_index", values="structure").to_numpy()
    up = stats.page_trend_test(means, method="asymptotic").pvalue
    down = stats.page_trend_test(means[:, ::-1], method="asymptotic").pvalue
    found = trend(frame, "structure")
    assert found.p == pytest.approx(min(1, 2 * min(up, down)), abs=1e-9)
    assert (found.direction, found.blocks, found.levels) == ("rising", 15, (0.0, 0.5, 1.0, 1.5))


def test_a_fall_is_named_as_one():
    words = trend(experiment(12, 4, 3, effects=(0.3, 0.2, 0.1)), "coherence").words
    assert words.startswith("coherence falls with temperature (")


def test_a_rise_and_fall_is_no_trend_and_its_peak_is_named():
    found = trend(experiment(12, 5, 3, effects=(0, 0.15, 0.3, 0.15, 0)), "creativity")
    assert found.direction == "none"
    assert "is at temperature 1." in found.words


def test_without_a_trend_one_test_in_twenty_says_otherwise():
    names = [f"m{i}" for i in range(400 if SOAK else 100)]
    frame = experiment(10, 3, 2, metrics=names)
    assert np.mean([trend(frame, name).direction != "none" for name in names]) <= (0.08 if SOAK else 0.1)


def test_with_one_prompt_replicates_are_the_blocks_and_the_words_say_so():
    found = trend(experiment(1, 4, 6, effects=(0, 0.2, 0.4, 0.6)), "coherence")
    assert (found.direction, found.scope, found.blocks) == ("rising", "replicates", 6)
    assert found.words.endswith("This covers this one prompt only.")


def test_two_values_make_no_trend():
    assert "at least 3 values are needed, there are 2" in trend(experiment(9, 2, 2), "coherence").words


def test_in_a_grid_the_other_parameter_is_averaged_over():
    frame = experiment(9, 6, 2, effects=(0, 0, 0.2, 0.2, 0.4, 0.4))
    frame = frame.assign(temperature=frame["setting_index"] // 2, top_p=0.5 + frame["setting_index"] % 2 / 2)
    found = trend(frame, "coherence")
    assert (found.direction, found.levels) == ("rising", (0.0, 1.0, 2.0))


def test_a_trend_is_refused_where_other_parameters_change_along():
    frame = experiment(9, 3, 2).assign(top_p=lambda f: 0.5 + f["setting_index"] / 10)
    assert "other parameters differ between the values of temperature" in trend(frame, "coherence").words


def test_an_unknown_parameter_is_named():
    with pytest.raises(BadInput, match=r"no column 'temprature'\. did you mean 'temperature'"):
        trend(experiment(9, 3, 2), "coherence", "temprature")


def test_empty_and_failed_experiments_have_no_trend():
    frame = experiment(9, 3, 2)
    for empty in (frame.iloc[:0], frame.assign(status="failed"), frame.assign(coherence=pd.NA)):
        assert trend(empty, "coherence").direction == "unknown"
