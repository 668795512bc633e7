"""Whether a real model honours a parameter, as a probe finds out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pplab import Lab

pytestmark = pytest.mark.flaky(reruns=2)  # a probe is a test with 5 % error, and a real model's answers differ from run to run
PROMPT = "Answer in one short plain sentence: what is water?"
"""A question answered alike near temperature 0 and otherwise each time at 1, so that the ends of a probe lie far apart."""


@pytest.mark.soak
def test_a_real_model_is_probed_to_honour_temperature(lab: Lab) -> None:
    probe = lab.probe("temperature", prompt=PROMPT, n=8)
    assert probe.verdict == "honoured"
    assert probe.identical_at_zero >= 0.5  # not 1: sums in another order, in batches of another size, can turn a close choice
    assert probe.identical_with_seed >= 0.5


@pytest.mark.soak
def test_a_real_model_is_probed_to_honour_min_p(lab: Lab) -> None:
    assert lab.probe("min_p", prompt=PROMPT, n=8).verdict == "honoured"


@pytest.mark.soak
@pytest.mark.parametrize("parameter", ["verbosity", "x.some_unknown=0,1"])
def test_a_probe_shows_no_effect_of_what_llama_cpp_passes_over(lab: Lab, parameter: str) -> None:
    assert lab.probe(parameter, prompt=PROMPT, n=5).verdict == "no visible effect"
