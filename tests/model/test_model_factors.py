"""A real model under other system messages, wordings and endpoints: its answers change, or do not, as they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplab.metrics import diversity
from tests.servers.small_model import NAME

if TYPE_CHECKING:
    from pplab import Lab
    from tests.servers.small_model import SmallModel

GREEDY = {"temperature": 0, "max_tokens": 16}


@pytest.mark.soak
def test_a_real_model_answers_otherwise_to_another_system_message(lab: Lab) -> None:
    systems = {"plain": "Answer in one short plain sentence.", "poet": "You are a poet. Answer in verse."}
    experiment = lab.run("What is water?", n=1, systems=systems, parameters=GREEDY)
    frame = experiment.responses.set_index("system")
    assert list(frame.index) == ["plain", "poet"]
    assert list(frame["status"]) == ["ok", "truncated"]
    assert diversity(list(frame["text"])) > 0.5


def test_a_real_model_answers_each_wording_of_the_same_rows(lab: Lab) -> None:
    wordings = {"question": "What is {thing}?", "list": "List three facts about {thing}."}
    experiment = lab.run(wordings, data={"thing": ["water", "a cat"]}, n=1, parameters=GREEDY)
    frame = experiment.responses
    assert list(frame.groupby("prompt_index")["wording"].agg(tuple)) == [("question", "list")] * 2
    for row in frame.itertuples():
        assert row.text.startswith("1. ") == (row.wording == "list")
        assert ("water", "cat")[row.prompt_index] in row.text.lower()


@pytest.mark.soak
def test_two_endpoints_at_one_server_of_a_real_model_give_the_same_greedy_answers(lab: Lab, model: SmallModel) -> None:
    lab.configuration.endpoints = {name: {"base_url": model.base_url} for name in ("left", "right")}
    experiment = lab.run("What is water?", n=1, models=[f"{NAME}@left", f"{NAME}@right"], parameters=GREEDY)
    left, right = experiment.responses.itertuples()
    assert (left.endpoint, right.endpoint) == ("left", "right")
    assert left.model == right.model == NAME
    assert left.text == right.text
    assert left.request_key == right.request_key
