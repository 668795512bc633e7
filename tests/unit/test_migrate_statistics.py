"""Migrations on simulated utilities: how often a race against a control is wrong, what more prompts settle, what is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pplab.analysis.control import against_control
from pplab.analysis.paired import CellValues, paired
from pplab.analysis.statements import error_of_look, prompts_beside_control
from pplab.experiments.candidates import MOST, candidates
from pplab.models.capabilities import offered_parameters
from pplab.plan.race import LOOKS
from pplab.plan.vocabulary import MARGIN
from tests.soak import only_soak
from tests.unit.experiment_labs import SOAK

if TYPE_CHECKING:
    from pplab.analysis.control import AgainstControl
    from pplab.analysis.paired import Paired

RUNS = 500 if SOAK else 40
PROMPTS = 30
BOUNDARIES = (*(look for look in LOOKS if look < PROMPTS), PROMPTS)
MOST_MORE = 1_000
WITHIN, INTERACTION = 0.055, 0.03


def seen(values: np.ndarray, reach: list[int]) -> Paired:
    """Return the differences of settings of which each has answered so many prompts."""
    asked = np.arange(len(values))[:, None, None] < np.array(reach)[None, :, None]
    return paired(CellValues.of(np.where(asked, values, np.nan)[: max(reach)]))


def race(values: np.ndarray) -> tuple[AgainstControl, Paired, list[int]]:
    """Race settings against the first one as a run does, and return how it ended and how far each was asked."""
    reach = [0] * values.shape[1]
    going = list(range(len(reach)))
    for look in BOUNDARIES:
        reach = [look if setting in going else asked for setting, asked in enumerate(reach)]
        found = seen(values, reach)
        held = against_control(found, 0, MARGIN, error_of_look(len(BOUNDARIES)))
        going = [0, *(setting for setting in range(1, len(reach)) if not held.worse[setting])]
        if held.outcome != "cannot tell":
            break
    return held, found, reach


def values(gains: tuple[float, ...], chance: np.random.Generator) -> np.ndarray:
    """Return utilities by prompt, setting and replicate: the control first, the others with these true gains on it."""
    settings = len(gains) + 1
    of_prompts = np.array([0.0, *gains]) + chance.normal(0, INTERACTION, (PROMPTS + MOST_MORE, settings))
    return 0.5 + of_prompts[:, :, None] + chance.normal(0, WITHIN, (PROMPTS + MOST_MORE, settings, 2))


@pytest.mark.parametrize("gains", [(-0.035,), *only_soak((-0.035,) * 4, (-0.035, -0.1, -0.1))])
def test_a_setting_that_is_worse_by_more_than_the_margin_is_seldom_taken(gains: tuple[float, ...]) -> None:
    chance = np.random.default_rng(1)
    wrong = sum(race(values(gains, chance))[0].outcome == "go" for _ in range(RUNS)) / RUNS
    assert wrong <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("gains", [(-0.02,), *only_soak((-0.02,) * 4, (-0.02, -0.1, -0.1))])
def test_no_go_is_seldom_said_where_a_setting_is_as_good(gains: tuple[float, ...]) -> None:
    chance = np.random.default_rng(2)
    wrong = sum(race(values(gains, chance))[0].outcome == "no-go" for _ in range(RUNS)) / RUNS
    assert wrong <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("gains", [(0.0,), *only_soak((0.0, 0.0, 0.0), (0.0, -0.1, -0.1), (-0.06, -0.06, -0.06))])
def test_the_prompts_that_are_asked_for_settle_it_about_4_times_in_5(gains: tuple[float, ...]) -> None:
    chance = np.random.default_rng(3)
    error = error_of_look(len(BOUNDARIES))
    settled = []
    for _ in range(RUNS):
        drawn = values(gains, chance)
        held, found, reach = race(drawn)
        if held.outcome != "cannot tell":
            continue
        asked, more = prompts_beside_control(found, 0, [k for k in range(1, len(reach)) if not held.worse[k]], MARGIN, error)
        if more > MOST_MORE:
            continue
        further = [PROMPTS + more if setting in (0, *asked) else so_far for setting, so_far in enumerate(reach)]
        settled.append(against_control(seen(drawn, further), 0, MARGIN, error).outcome != "cannot tell")
    assert len(settled) > 10
    assert np.mean(settled) >= 0.7


# -- what a new model is told -----------------------------------------------------------------------------------------------


def labels(model: str, old: dict[str, object], provider: str = "") -> list[str]:
    offered = offered_parameters(model, provider=provider, setting=old)
    return [setting.naming(model=None).label() for setting in candidates(model, offered, old)]


def test_a_model_is_told_what_it_takes_of_the_old_setting_and_then_one_thing_else() -> None:
    assert labels("new", {"temperature": 0.7}) == [f"temperature {value}" for value in ("0.7", "0.3", "1")]
    assert labels("new", {}) == ["server defaults", *(f"temperature {value}" for value in ("0.3", "0.7", "1"))]
    thinking = labels("gpt-6-luna", {"temperature": 0.7, "max_tokens": 300}, "api.openai.com")
    assert thinking[0] == "max_tokens 300"
    assert not any("temperature" in label for label in thinking)
    assert [label for label in thinking if "reasoning_effort" in label] == [
        "max_tokens 300, reasoning_effort low",
        "max_tokens 300, reasoning_effort medium",
    ]
    assert len(thinking) <= MOST
    assert thinking == labels("gpt-6-luna", {"temperature": 0.7, "max_tokens": 300}, "api.openai.com")
