"""What a small model does wrong at temperature 0, and that its experiment says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplab import Lab


def test_answers_of_a_real_model_that_loop_at_temperature_0_have_their_fault(lab: Lab) -> None:
    loops = "Name twenty fruits."
    ends = "Answer in one short plain sentence: what is water?"
    experiment = lab.run([loops, ends], n=1, parameters={"temperature": 0, "max_tokens": 64})
    frame = experiment.responses
    assert list(frame["status"]) == ["truncated", "ok"]
    assert list(frame["fault"].fillna("none")) == ["loop", "none"]
