"""A real model's answers, rated by a person with a known taste and judged by a model that cannot judge: both are found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers.small_model import NAME

if TYPE_CHECKING:
    from pplab import Lab
    from pplab.experiments.experiment import Experiment

PROMPTS = ["What is water?", "Name three animals.", "Describe a cat in one sentence.", "What is a bridge for?"]


@pytest.fixture
def experiment(lab: Lab) -> Experiment:
    return lab.run(PROMPTS, n=3, sweep={"temperature": [0, 1.5]}, parameters={"max_tokens": 24}, seed=3)


@pytest.mark.soak
def test_a_rater_who_likes_long_answers_is_found_to(lab: Lab, experiment: Experiment) -> None:
    by_length = sorted({len(text.split()) for text in experiment.responses["text"]})
    session = lab.rate()
    while (item := session.item) is not None:
        session.rate(str(1 + 4 * by_length.index(len(item.answers[0].split())) // len(by_length)))
    said = experiment.ratings
    assert said.graded == session.total
    assert said.repeated == said.same > 0
    known = said.agreement[said.agreement["n"] > 0]
    assert (known["length"] == 1).all()  # it orders every two answers as their lengths do


@pytest.mark.soak
def test_a_rater_who_always_takes_the_left_one_is_found_to(lab: Lab, experiment: Experiment) -> None:
    session = lab.rate(pairs=True, n=20)
    while session.item is not None:
        session.rate("left")
    said = experiment.ratings
    assert said.side == said.repeated > 0
    assert said.preference.startswith("Not settled")


@pytest.mark.soak
def test_a_model_that_cannot_judge_is_not_relied_on(lab: Lab, experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pplab.experiments.judge.LONGEST_REPLY", 24)
    report = lab.judge(experiment, model=NAME)
    assert report.judged > 0
    assert report.unreadable > 0.1 * report.replies
    assert report.words.splitlines()[1].startswith("Do not rely on it: too many of its replies cannot be read")
