"""Prices: what is known, what is not, and that the user's own knowledge wins."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

import pplab
from pplab.models.prices import Price, cost, price

OPENAI = "https://api.openai.com/v1"


def test_an_unknown_price_is_none_and_never_zero():
    assert price("some-llama") is None
    assert cost("some-llama", 1000, 1000) is None


def test_an_unknown_token_count_makes_the_cost_unknown():
    assert cost("gpt-4o-mini", None, 10) is None
    assert cost("gpt-4o-mini", 10, None) is None


def test_the_embedded_model_is_free_even_when_tokens_were_not_counted():
    assert cost("embedded", None, None) == 0.0
    assert price("embedded", address=OPENAI) is None  # a model of that name at a server is another one


def test_a_dated_snapshot_has_the_price_of_its_model_unless_it_has_one_of_its_own():
    assert price("gpt-4.1-mini-2025-04-14") == price("gpt-4.1-mini")
    assert price("claude-haiku-4-5-20251001") == price("claude-haiku-4-5")
    assert (price("gpt-4o-2024-05-13").input, price("gpt-4o").input) == (5.0, 2.5)


# What the table said that stood here before the package did: (input, output) in US dollars per million tokens.
BEFORE = {
    "gpt-5.6-sol": (4.0, 20.0),
    "gpt-5.6-terra": (2.0, 12.0),
    "gpt-5.6-luna": (0.2, 1.2),
    "gpt-5.5": (5.0, 30.0),
    "gpt-5.4": (2.5, 15.0),
    "gpt-5.4-mini": (0.75, 4.5),
    "gpt-5.4-nano": (0.2, 1.25),
    "gpt-5.2": (1.75, 14.0),
    "gpt-5.1": (1.25, 10.0),
    "gpt-5": (1.25, 10.0),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5-nano": (0.05, 0.4),
    "gpt-4.1": (2.0, 8.0),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-4.1-nano": (0.1, 0.4),
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "o1": (15.0, 60.0),
    "o3": (2.0, 8.0),
    "o3-mini": (1.1, 4.4),
    "o4-mini": (1.1, 4.4),
    "claude-opus-5-5": (4.0, 20.0),
    "claude-opus-5": (5.0, 25.0),
    "claude-opus-4-8": (5.0, 25.0),
    "claude-opus-4-7": (5.0, 25.0),
    "claude-opus-4-6": (5.0, 25.0),
    "claude-opus-4-5": (5.0, 25.0),
    "claude-sonnet-5-5": (2.0, 10.0),
    "claude-sonnet-4-6": (3.0, 15.0),
    "claude-sonnet-4-5": (3.0, 15.0),
    "claude-haiku-4-5": (1.0, 5.0),
}


@pytest.mark.parametrize("model", BEFORE)
def test_every_model_whose_price_was_ever_known_has_one_with_source_and_date_at_its_vendor(model):
    vendor = "https://api.anthropic.com/v1" if model.startswith("claude") else OPENAI
    listed = price(model, address=vendor)
    assert listed == price(model)
    assert 0 <= listed.input <= listed.output
    assert listed.source.startswith(f"list price of {'Anthropic' if model.startswith('claude') else 'OpenAI'} in genai-prices ")
    assert date(2026, 1, 1) < date.fromisoformat(listed.dated) <= datetime.now(UTC).date()


def test_a_long_prompt_costs_what_the_tier_of_its_length_says():
    listed = Price(1.0, 2.0, tiers=((1000, 3.0, 4.0), (2000, 5.0, 6.0)))
    assert [listed.at(n) for n in (0, 1000, 1001, 2000, 2001)] == [(1, 2), (1, 2), (3, 4), (3, 4), (5, 6)]
    start, dollars_in, dollars_out = price("gpt-5.6-luna").tiers[0]
    assert cost("gpt-5.6-luna", start, 1) == pytest.approx((start * 0.2 + 1.2) / 1e6)
    assert cost("gpt-5.6-luna", start + 1, 1) == pytest.approx(((start + 1) * dollars_in + dollars_out) / 1e6)


@pytest.mark.parametrize("model", ["openai/gpt-4o", "gpt-4o-", "gpt-4o-mini-of-mine", "ft:gpt-4o-mini:me::1", ""])
@pytest.mark.parametrize("address", [OPENAI, None])
def test_a_name_that_only_resembles_a_known_model_has_no_price(model, address):
    assert price(model, address=address) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:11434/v1",
        "http://localhost/v1",
        "http://10.0.0.7:8000/v1",
        "https://gateway.example.org/v1",
        "https://api.openai.com.example.org/v1",
        "https://example.org/api.openai.com/v1",
        "https://example.org/x.googleapis.com/v1",
        "https://api.moonshot.example.org/v1",
        "https://example/x.openai.azure.com/v1",
        "https://notopenrouter.ai/api/v1",
        "http://api.openai.com/v1",
        "https://",
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "gemini-2.5-flash", "moonshot-v1-8k", "openai/gpt-4o", "claude-opus-5"])
def test_a_server_that_belongs_to_no_provider_has_no_price_but_the_users_own(model, address):
    assert price(model, address=address) is None
    assert price(model, {model: (1, 2)}, address=address) == Price(1.0, 2.0)


@pytest.mark.parametrize(
    ("address", "model", "provider"),
    [
        ("https://api.openai.com/v1/", "gpt-4o", "OpenAI"),
        ("https://api.openai.com:443/v1", "gpt-4o", "OpenAI"),
        ("https://API.OpenAI.com/v1", "gpt-4o", "OpenAI"),
        ("https://openrouter.ai/api/v1", "openai/gpt-4o", "OpenRouter"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-flash", "Google"),
        ("https://api.moonshot.ai/v1", "moonshot-v1-8k", "MoonshotAi"),
        ("https://mine.openai.azure.com/openai/deployments/gpt-4o", "gpt-4o", "Microsoft Azure"),
    ],
)
def test_the_host_of_the_server_decides_whose_price_a_model_has(address, model, provider):
    assert price(model, address=address).source.startswith(f"list price of {provider} in")


def test_a_model_at_another_vendors_server_has_no_price():
    assert price("claude-opus-5", address=OPENAI) is None
    assert price("gpt-4o", address="https://api.anthropic.com/v1") is None


def test_a_model_that_is_billed_by_the_request_has_no_price_by_the_token():
    assert price("sonar", address="https://api.perplexity.ai") is None


def test_prices_of_the_user_win_over_list_prices_and_hold_for_snapshots():
    own = {"gpt-4o": [1, 2], "mine": (0.5, 0.25)}
    assert cost("gpt-4o", 1_000_000, 1_000_000, own, address=OPENAI) == 3.0
    assert cost("gpt-4o-2024-08-06", 1_000_000, 1_000_000, own) == 3.0
    assert cost("mine", 2_000_000, 0, own) == 1.0


@pytest.mark.parametrize(
    ("address", "model", "own"),
    [("http://127.0.0.1:1/v1", "gpt-4o", {}), (None, "embedded", {}), (OPENAI, "gpt-4o", {"gpt-4o": (1, 2)})],
)
def test_the_list_is_not_imported_where_it_decides_nothing(address, model, own):
    code = f"""
import sys
from pplab.models.prices import cost
cost({model!r}, 1, 1, {own!r}, address={address!r})
print("genai_prices" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_recording_of_another_server_is_priced_as_that_server_is(tmp_path):
    with pplab.Lab(store=tmp_path / "lab") as lab:
        access = lab._context.access
        assert access.cost("embedded", 10, 10) == 0.0
        assert access.cost("gpt-4o-mini", 1_000_000, 0, provider="api.openai.com") == 0.15
        assert access.cost("gpt-4o-mini", 1_000_000, 0, provider="127.0.0.1:8787") is None


def test_the_same_model_costs_something_at_its_vendor_and_an_unknown_sum_at_a_gateway(tmp_path):
    for url, text in ((OPENAI, "in genai-prices "), ("https://gateway.example.org/v1", "no list price is known")):
        with pplab.Lab(store=tmp_path / "lab", model="gpt-4o-mini", base_url=url, api_key="x" * 20) as lab:
            assert text in lab.preflight("hello", n=1).words
