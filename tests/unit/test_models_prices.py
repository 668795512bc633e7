"""Prices and capabilities: what is known, what is not, and that the user's own knowledge wins."""

from __future__ import annotations

from datetime import date

import pytest

from pplab.models.capabilities import CAPABILITIES, known_effects, token_limit_name
from pplab.models.prices import PRICES, cost, price


def test_an_unknown_price_is_none_and_never_zero():
    assert price("some-llama") is None
    assert cost("some-llama", 1000, 1000) is None


def test_an_unknown_token_count_makes_the_cost_unknown():
    assert cost("gpt-4o-mini", None, 10) is None
    assert cost("gpt-4o-mini", 10, None) is None


def test_the_embedded_model_is_free_even_when_tokens_were_not_counted():
    assert cost("embedded", None, None) == 0.0


def test_a_dated_snapshot_has_the_price_of_its_model():
    assert price("gpt-4.1-mini-2025-04-14") == price("gpt-4.1-mini")
    assert price("claude-haiku-4-5-20251001") == price("claude-haiku-4-5")


@pytest.mark.parametrize("model", ["openai/gpt-4o", "gpt-4o-mini-audio-preview", "gpt-4o-", ""])
def test_a_name_that_only_resembles_a_known_model_has_no_price(model):
    assert price(model) is None


def test_prices_of_the_user_win_over_the_table():
    own = {"gpt-4o": [1, 2], "mine": (0.5, 0.25)}
    assert cost("gpt-4o", 1_000_000, 1_000_000, own) == 3.0
    assert cost("mine", 2_000_000, 0, own) == 1.0


def test_every_listed_price_has_a_source_and_a_date():
    for listed in PRICES.values():
        assert listed.source
        assert date.fromisoformat(listed.dated) > date(2024, 1, 1)
        assert 0 <= listed.input <= listed.output


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


def test_every_capability_has_a_source_and_a_date():
    for row in CAPABILITIES:
        assert row.source.startswith("https://")
        assert date.fromisoformat(row.dated) > date(2024, 1, 1)
        assert row.effect in ("rejected", "ignored", "honoured")
