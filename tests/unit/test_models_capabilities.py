"""Capabilities: what a model and its server do with a setting's parameters, and what works instead."""

from __future__ import annotations

import re
from datetime import date

import pytest

from pplab.models.capabilities import known_effects, offered_parameters, setting_effects, token_limit_name
from pplab.models.capability_table import CAPABILITIES
from pplab.models.embedded.request import _OTHERS, _OUTPUT, _SAMPLING
from pplab.plan.parameters import PARAMETERS
from pplab.plan.servers import SERVERS, kind_of_owners, server_kind

OPENAI = "api.openai.com"


@pytest.mark.parametrize(
    "model",
    ["o1", "o1-2024-12-17", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.4", "openai/gpt-5.2", "O3-mini"],
)
def test_openai_reasoning_models_reject_temperature_and_want_max_completion_tokens(model):
    assert known_effects(model, ["temperature"])["temperature"].effect == "rejected"
    assert token_limit_name(model) == "max_completion_tokens"


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1-nano", "gpt-5-chat-latest", "gpt-50", "llama-o3", "openai/gpt-oss-20b", "o365"]
)
def test_models_that_sample_normally_are_left_alone(model):
    assert known_effects(model, ["temperature", "top_p"]) == {}
    assert token_limit_name(model) == "max_tokens"


@pytest.mark.parametrize(
    ("model", "effect"),
    [
        ("claude-opus-4-7", "rejected"),
        ("anthropic/claude-opus-4.8", "rejected"),
        ("anthropic/claude-4.7-opus", "rejected"),
        ("claude-sonnet-5-5", "rejected"),
        ("claude-fable-5", "rejected"),
        ("claude-opus-4-6", None),
        ("claude-haiku-4-5-20251001", None),
        ("claude-3-5-sonnet-20241022", None),
    ],
)
def test_claude_rejects_temperature_from_4_7_on(model, effect):
    known = known_effects(model, ["temperature"]).get("temperature")
    assert (known and known.effect) == effect


def test_knowledge_of_the_user_wins_over_the_table():
    own = {"claude-opus-4-8": {"temperature": "honoured"}}
    assert known_effects("claude-opus-4-8", ["temperature"], own)["temperature"].effect == "honoured"
    assert known_effects("claude-opus-4-8", ["top_p"], own)["top_p"].effect == "rejected"
    assert setting_effects("claude-opus-4-8", {"temperature": 0.2}, own) == ()
    assert offered_parameters("claude-opus-4-8", own)["temperature"].usable


def test_every_capability_and_every_kind_of_server_has_a_source_and_a_date():
    for row in (*CAPABILITIES, *(kind for kind in SERVERS.values() if kind.name != "embedded")):
        assert row.source.startswith("https://")
        assert date(2024, 1, 1) < date.fromisoformat(row.dated)
    assert {row.effect for row in CAPABILITIES} <= {"rejected", "ignored", "discouraged", "honoured"}


def test_the_tables_name_only_parameters_and_values_that_exist():
    for row in CAPABILITIES:
        for name in row.parameters:
            for value in row.allowed:
                PARAMETERS[name].check(value)
        if row.unless:
            assert all(PARAMETERS[row.unless.parameter].check(value) == value for value in row.unless.values)
        assert set(row.servers) <= set(SERVERS)
    for kind in SERVERS.values():
        assert {*kind.takes, *kind.effects, *kind.constants} <= set(PARAMETERS)
        assert not kind.takes.keys() & kind.effects.keys()
        assert set(kind.effects.values()) <= {"rejected", "ignored"}


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-6-sol", "gpt-5.4", "gpt-5.6-terra"])
@pytest.mark.parametrize("name", ["temperature", "top_p", "logprobs"])
def test_gpt_models_take_sampling_parameters_only_without_reasoning_and_the_combination_that_works_is_said(model, name):
    value = True if name == "logprobs" else 0.5
    for effort in ({}, {"reasoning_effort": "low"}):
        [known] = setting_effects(model, {name: value, **effort}, provider=OPENAI)
        assert (known.parameter, known.effect) == (name, "rejected")
        assert known.remedy == "works with reasoning_effort none"
    assert setting_effects(model, {name: value, "reasoning_effort": "none"}, provider=OPENAI) == ()


@pytest.mark.parametrize("model", ["gpt-6-astra", "gpt-6.1-sol", "gpt-5.4-pro", "o3", "gpt-5"])
def test_models_that_cannot_stop_reasoning_are_not_said_to_work_with_effort_none(model):
    effects = setting_effects(model, {"temperature": 0.5, "reasoning_effort": "none"}, provider=OPENAI)
    assert {known.parameter: known.effect for known in effects} == {"temperature": "rejected", "reasoning_effort": "rejected"}
    assert not any("reasoning_effort none" in known.remedy for known in effects)


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("gpt-6-luna", "none low medium high xhigh max"),
        ("gpt-6-astra", "low medium high xhigh max"),
        ("gpt-5.5-pro", "medium high xhigh"),
        ("gpt-5.4-mini", "none low medium high xhigh"),
        ("gpt-5.1", "none low medium high"),
        ("gpt-5-mini", "minimal low medium high"),
        ("o4-mini", "low medium high"),
        ("qwen3:8b", "none minimal low medium high xhigh max"),
    ],
)
def test_only_the_efforts_of_a_model_are_offered(model, efforts):
    assert offered_parameters(model)["reasoning_effort"].choices == tuple(efforts.split())


def test_claude_from_4_7_on_takes_temperature_at_its_default_only():
    assert setting_effects("claude-opus-4-8", {"temperature": 1}) == ()
    [temperature, top_p] = setting_effects("claude-opus-4-8", {"temperature": 0.7, "top_p": 1})
    assert temperature.remedy.startswith("1 works; ")
    assert "whatever the value" in top_p.reason


def test_older_claude_takes_temperature_or_top_p():
    [known] = setting_effects("claude-sonnet-4-5", {"temperature": 0.7, "top_p": 0.9})
    assert (known.parameter, known.remedy) == ("top_p", "works without temperature")
    assert setting_effects("claude-sonnet-4-5", {"top_p": 0.9}) == ()
    [known] = setting_effects("claude-sonnet-4-5", {"temperature": 0.7, "thinking_budget": 2000})
    assert known.remedy == "works without thinking_budget; 1 works"


def test_what_a_server_does_not_take_is_said_of_each_model_there():
    anthropic = {known.parameter: known for known in setting_effects("claude-haiku-4-5", {"temperature": 1.2, "min_p": 0.1},
                                                                     provider="api.anthropic.com")}  # fmt: skip
    assert anthropic["temperature"].effect == "ignored"
    assert anthropic["temperature"].remedy == "up to 1 works"
    assert anthropic["min_p"].effect == "ignored"
    assert "a gateway such as OpenRouter" in anthropic["min_p"].remedy
    [openai] = setting_effects("gpt-4o", {"min_p": 0.1}, provider=OPENAI)
    assert openai.effect == "rejected"
    assert setting_effects("some-model", {"min_p": 0.1}, provider="127.0.0.1:8000") == ()


def test_the_usual_port_of_ollama_is_a_guess_that_is_named():
    [known] = setting_effects("qwen3:8b", {"min_p": 0.1}, provider="127.0.0.1:11434")
    assert known.effect == "ignored"
    assert "which usually stands at 127.0.0.1:11434" in known.reason
    assert "llama.cpp, vLLM" in known.remedy


def test_the_same_model_is_treated_otherwise_at_another_server():
    for provider, effect in (("openrouter.ai", "ignored"), ("api.anthropic.com", "rejected"), ("", "rejected")):
        known = known_effects("anthropic/claude-opus-4.8", ["temperature"], provider=provider)
        assert known["temperature"].effect == effect
    assert known_effects("kimi-k3", ["temperature"], provider="api.moonshot.ai")["temperature"].effect == "rejected"
    assert known_effects("kimi-k3", ["temperature"], provider="127.0.0.1:8000") == {}


def test_what_a_maker_advises_against_is_no_refusal():
    [known] = setting_effects("gemini-3.1-pro-preview", {"temperature": 0.2})
    assert known.effect == "discouraged"
    assert offered_parameters("gemini-3.1-pro-preview")["temperature"].usable
    assert setting_effects("gemini-3.1-pro-preview", {"temperature": 1.0}) == ()


def test_all_parameters_are_offered_and_those_of_an_unknown_model_without_a_word():
    offered = offered_parameters("some-model", provider="gateway.example.org")
    assert list(offered) == list(PARAMETERS)
    alternatives = offered.pop("top_logprobs")
    assert alternatives.remedy == "works with logprobs true"
    assert all(o.effect == "unknown" and o.usable and not o.words for o in offered.values())


def test_what_is_offered_follows_the_rest_of_the_setting():
    assert offered_parameters("gpt-6-luna")["temperature"].effect == "rejected"
    assert offered_parameters("gpt-6-luna", setting={"reasoning_effort": "none"})["temperature"].usable
    assert offered_parameters("gpt-6-luna", provider=OPENAI, setting={"reasoning_effort": "none"})["top_p"].effect == "honoured"


def test_the_embedded_model_is_described_as_it_is():
    taken = {*_SAMPLING, *_OTHERS, *_OUTPUT} & set(PARAMETERS)
    kind = server_kind("embedded")
    assert set(kind.takes) == taken
    assert set(kind.effects) == set(PARAMETERS) - taken
    assert set(kind.effects.values()) == {"rejected"}


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("api.openai.com", "OpenAI"),
        ("my-company.openai.azure.com", "OpenAI"),
        ("api.openai.com.evil.example", None),
        ("notopenrouter.ai", None),
        ("openrouter.ai:443", "OpenRouter"),
        ("localhost:1234", "LM Studio"),
        ("example.org:11434", None),
        ("embedded", "embedded"),
        ("", None),
    ],
)
def test_a_server_is_known_by_the_whole_of_its_host(provider, name):
    kind = server_kind(provider)
    assert (kind and kind.name) == name


def test_a_server_is_known_by_whom_its_models_belong_to():
    assert [kind_of_owners(owners) and kind_of_owners(owners).name for owners in (["vllm"], ["x", "library"], ["me"], [])] == [
        "vLLM",
        "Ollama",
        None,
        None,
    ]


def test_reasons_and_remedies_are_words_that_can_stand_in_a_sentence():
    for model, provider in (("gpt-6-luna", OPENAI), ("claude-opus-4-8", "api.anthropic.com"), ("qwen3", "localhost:11434")):
        for offered in offered_parameters(model, provider=provider).values():
            assert not re.search(r"\.$|;;|  |; \)", offered.words)
