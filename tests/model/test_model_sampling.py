"""What a real model's answers do when sampling parameters change, as an experiment shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplab.metrics import diversity

if TYPE_CHECKING:
    from pplab import Lab
    from pplab.experiments.experiment import Experiment

PROMPTS = ["How do I boil an egg? Answer in one sentence.", "What is water?"]
"""Questions with a likely answer, so that there is room between always the same and never the same."""


def diversities(experiment: Experiment) -> list[float]:
    """Return the diversity of each setting: the mean over prompts."""
    by_prompt = experiment.responses.groupby(["setting_index", "prompt_index"])["text"].agg(lambda texts: diversity(list(texts)))
    return list(by_prompt.groupby("setting_index").mean())


def test_answers_of_a_real_model_are_the_more_diverse_the_higher_the_temperature(lab: Lab) -> None:
    experiment = lab.run(PROMPTS, n=4, sweep={"temperature": [0, 0.3, 1.6]}, parameters={"max_tokens": 12}, seed=1)
    assert experiment.status == "completed"
    coldest, cool, warm = diversities(experiment)
    assert coldest < 0.1
    assert coldest + 0.2 < cool
    assert cool + 0.1 < warm


@pytest.mark.soak
@pytest.mark.parametrize(("name", "values"), [("min_p", [0.8, 0]), ("top_k", [1, 100])])
def test_answers_of_a_real_model_are_the_more_diverse_the_more_tokens_it_may_choose_from(
    lab: Lab, name: str, values: list[float]
) -> None:
    experiment = lab.run(PROMPTS, n=4, sweep={name: values}, parameters={"temperature": 1.5, "max_tokens": 12}, seed=1)
    assert list(experiment.responses[name].unique()) == values
    likely, all_tokens = diversities(experiment)
    assert likely < 0.2
    assert all_tokens > 0.5


def test_an_answer_of_a_real_model_that_is_cut_is_truncated_and_counted_apart(lab: Lab) -> None:
    experiment = lab.run("Name three animals.", n=1, sweep={"max_tokens": [8, 60]}, parameters={"temperature": 0})
    cut, whole = experiment.responses.itertuples()
    assert (cut.status, cut.finish_reason, cut.output_tokens) == ("truncated", "length", 8)
    assert (whole.status, whole.finish_reason) == ("ok", "stop")
    assert whole.text.startswith(cut.text)
    assert list(experiment.summary()["ok"]) == [0, 1]
