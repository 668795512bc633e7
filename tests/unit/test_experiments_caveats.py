"""Caveats of a plan: what will be rejected or ignored is said before the first call, of the settings that have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

import pplab
from pplab.experiments.caveats import caveats
from pplab.plan.plan import make_plan
from pplab.plan.settings import ModelAsked
from pplab.store.history import ServerBehaviour

if TYPE_CHECKING:
    from pathlib import Path

NO_PROBES = pd.DataFrame({"payload": []})
OPENAI, LOCAL = "api.openai.com", "127.0.0.1:11434"
LUNA, QWEN = ModelAsked("gpt-6-luna", None, OPENAI), ModelAsked("qwen3:8b", "local", LOCAL)


def probe(provider: str, model: str, parameter: str, verdict: str) -> dict[str, str]:
    evidence = "p = 0.4"
    return {
        "payload": json.dumps(
            {"provider": provider, "model": model, "parameter": parameter, "verdict": verdict, "evidence": evidence}
        )
    }


def test_the_combination_that_works_is_said_before_the_first_call():
    plan = make_plan(["x"], model="gpt-6-luna", base={"temperature": 0.7})
    [warning] = caveats(plan, OPENAI, {}, NO_PROBES)
    assert warning.startswith("temperature: gpt-6-luna is known to reject it: ")
    assert "works with reasoning_effort none (https://" in warning
    assert caveats(make_plan(["x"], model="gpt-6-luna", base={"temperature": 0.7, "reasoning_effort": "none"}), OPENAI, {},
                   NO_PROBES) == ()  # fmt: skip


def test_only_the_settings_that_have_the_trouble_are_named():
    plan = make_plan(["x"], model="gpt-6-luna", sweep={"reasoning_effort": ["none", "low", "high"]}, base={"top_p": 0.9})
    [warning] = caveats(plan, OPENAI, {}, NO_PROBES)
    assert "is known to reject it at reasoning_effort low; reasoning_effort high: " in warning
    many = make_plan(["x"], model="claude-opus-4-8", sweep={"temperature": [0, 0.25, 0.5, 0.75, 1]})
    [warning] = caveats(many, "gateway.example.org", {}, NO_PROBES)
    assert " at temperature 0; temperature 0.25; temperature 0.5 and 1 more setting: " in warning


def test_of_several_models_each_is_judged_at_its_own_server():
    plan = make_plan(["x"], model="embedded", models=[LUNA, QWEN], sweep={"min_p": [0, 0.1]}, resolve=lambda _: LUNA)
    openai, local = caveats(plan, "embedded", {}, NO_PROBES)
    assert openai.startswith("the sweep over min_p: gpt-6-luna is known to reject it: OpenAI's API does not take it")
    assert local.startswith("the sweep over min_p: qwen3:8b@local is known to ignore it: Ollama's OpenAI-compatible API")


def test_a_measurement_counts_for_the_model_and_server_where_it_was_made():
    plan = make_plan(["x"], model="embedded", models=[LUNA, QWEN], base={"min_p": 0.1}, resolve=lambda _: LUNA)
    probes = pd.DataFrame([probe(LOCAL, "qwen3:8b", "min_p", "honoured"), probe(OPENAI, "gpt-6-luna", "min_p", "rejected")])
    assert caveats(plan, "embedded", {}, probes) == ("min_p: a probe of gpt-6-luna found rejected (p = 0.4)",)


def test_advice_is_said_as_advice():
    [warning] = caveats(make_plan(["x"], model="gemini-3.1-pro-preview", base={"temperature": 0.2}), "gateway", {}, NO_PROBES)
    assert warning.startswith("temperature: the maker of gemini-3.1-pro-preview advises against it: ")


def test_two_models_that_answer_with_two_versions_are_no_change_of_the_server():
    plan = make_plan(["x"], model="embedded", models=[LUNA, QWEN], resolve=lambda _: LUNA)
    one_each = [ServerBehaviour(0, {}, {}, ("fp_1",)), ServerBehaviour(1, {}, {}, ("fp_2",))]
    assert caveats(plan, "embedded", {}, NO_PROBES, one_each) == ()
    [warning] = caveats(plan, "embedded", {}, NO_PROBES, [one_each[0], ServerBehaviour(1, {}, {}, ("fp_2", "fp_3"))])
    assert warning.startswith("the server of qwen3:8b@local changed during the run (system_fingerprint fp_2, fp_3)")


def test_a_refusal_of_the_server_is_told_with_what_works():
    plan = make_plan(["x"], model="gpt-6-luna", base={"temperature": 0.7})
    refused = ServerBehaviour(0, {("temperature", "Unsupported value"): 3}, {}, ())
    warning = caveats(plan, OPENAI, {}, NO_PROBES, [refused])[-1]
    assert (
        warning == "temperature 0.7: the server rejected temperature 3 times: Unsupported value; works with reasoning_effort none"
    )


def test_the_preflight_says_it(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="gpt-6-luna", base_url=f"https://{OPENAI}/v1", api_key="x" * 20) as lab:
        words = lab.preflight("x", parameters={"temperature": 0.7}).words
    assert "Warning: temperature: gpt-6-luna is known to reject it" in words
    assert "works with reasoning_effort none" in words
