"""What is said about a run before it is: calls, tokens, cost, time, and what it can show."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.experiments.preflight import ModelFacts, Preflight
from pplab.experiments.preflight import preflight as preflight_of
from pplab.experiments.tokens import counter
from pplab.models.prices import Price
from pplab.plan.plan import Plan, make_plan
from pplab.plan.settings import ModelAsked
from pplab.store.history import ModelStats
from tests.servers import FaultServer
from tests.servers.faults import TEXT, completion
from tests.servers.plain import Answer, PlainServer
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from pathlib import Path

PLAN = make_plan(["Write about the sea." * 10] * 3, model="m", n=4, sweep={"temperature": [0, 1]}, base={"max_tokens": 100})
DOLLAR = Price(1.0, 2.0, "somewhere", "2026-11-01")
KNOWN = ModelStats(answers=50, latency_ms=(100.0, 200.0, 400.0), output_tokens=(10.0, 50.0, 90.0), tokens_per_char=0.2)


def preflight(plan: Plan, provider: str, price: Price | None, stats: ModelStats) -> Preflight:
    """Return the preflight of a plan that asks one model."""
    return preflight_of(plan, [ModelFacts(ModelAsked(plan.model, None, provider), price, stats)])


def test_without_history_everything_assumed_is_said_to_be_assumed() -> None:
    found = preflight(PLAN, "host", DOLLAR, ModelStats())
    assert (found.calls, found.prompts, found.settings, found.replicates) == (24, 3, 2, 4)
    assert found.input_tokens == 24 * (50 + 4)
    assert found.output_tokens == (24, 2400)
    assert "about 1,296 tokens (estimated at 4 characters a token)" in found.words
    assert "assuming 1 to 10 s a call, 24 at once" in found.words
    low, high = found.cost
    assert low == pytest.approx((0.75 * 1296 + 24 * 2) / 1e6)
    assert high == pytest.approx((1.5 * 1296 + 2400 * 2) / 1e6)
    assert "somewhere, 2026-11-01" in found.words


def test_earlier_answers_replace_what_is_assumed() -> None:
    found = preflight(PLAN, "host", DOLLAR, KNOWN)
    assert found.input_tokens == 24 * (40 + 4)
    assert found.output_tokens == (240, 2400)
    assert found.seconds == (0.1, 0.4)
    assert "as fast as earlier calls" in found.words


def test_an_unknown_price_is_unknown_and_never_nothing() -> None:
    found = preflight(PLAN, "host", None, ModelStats())
    assert found.cost is None
    assert "Cost: unknown" in found.words
    assert found.as_dict()["cost"] is None


def test_the_rate_that_the_server_allows_is_part_of_the_time() -> None:
    limited = ModelStats(50, (100.0, 100.0, 100.0), (10.0, 50.0, 90.0), 0.2, {"x-ratelimit-limit-requests": "4"})
    found = preflight(PLAN, "host", DOLLAR, limited)
    assert found.seconds == (300.0, 300.0)  # 4 at once, the other 20 at 4 a minute
    assert "limited by the rate that the server states" in found.words


def test_it_says_in_one_line_how_many_prompts_settle_it() -> None:
    found = preflight(PLAN, "host", None, ModelStats())
    assert found.settling.prompts == 1  # the same prompt three times
    assert found.settling.words in found.words.splitlines()
    assert found.as_dict()["settling"]["needed"] == found.settling.needed > 10


def test_the_labs_own_spread_is_used_once_it_has_twenty_prompts(tmp_path: Path) -> None:
    prompts = [f"Describe a walk of {hours} hours." for hours in range(20)]

    def told(_: dict[str, Any]) -> Answer:
        draw = random.Random(len(server.bodies))
        return 200, json.dumps(completion(" ".join(draw.sample(TEXT.split(" ", 40), 30)) + ".")).encode(), {}

    options = {"model": "m", "api_key": "k"}
    with PlainServer(reply=told) as server, pplab.Lab(tmp_path / "lab", base_url=server.base_url, **options) as lab:
        assert "assuming a spread" in lab.preflight(prompts, n=2, sweep={"temperature": [0.2, 1]}).words
        lab.run(prompts, n=2, sweep={"temperature": [0.5, 1]}, parameters={"max_tokens": 300})
        found = lab.preflight(prompts[:3], sweep={"temperature": [0.2, 1]})
        assert f"from the spread of {found.settling.spread.prompts} prompts of this lab" in found.words
        assert found.settling.spread.prompts > 15


def test_rows_of_one_cluster_count_as_one_prompt_for_what_can_be_seen() -> None:
    plan = make_plan(["a", "b", "c", "d"], model="m", n=3, clusters=("x", "x", "y", "y"))
    assert preflight(plan, "host", None, ModelStats()).settling.prompts == 2


def test_a_tokenizer_is_used_only_if_its_data_is_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake, models = types.ModuleType("tiktoken"), types.ModuleType("tiktoken.model")
    fake.__spec__ = types.SimpleNamespace(name="tiktoken")
    fake.get_encoding = lambda name: types.SimpleNamespace(encode_ordinary=str.split)
    models.encoding_name_for_model = {"gpt-4o": "o200k_base"}.__getitem__
    monkeypatch.setitem(sys.modules, "tiktoken", fake)
    monkeypatch.setitem(sys.modules, "tiktoken.model", models)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert not counter("api.openai.com", "gpt-4o", ModelStats()).exact
    address = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (tmp_path / hashlib.sha1(address.encode()).hexdigest()).write_text("")
    found = counter("api.openai.com", "gpt-4o", ModelStats())
    assert found.exact
    assert found.total(["one two three"]) == 3
    assert not counter("api.openai.com", "unheard-of", ModelStats()).exact


def test_very_many_prompts_are_counted_from_a_sample() -> None:
    counted = []
    found = counter("host", "m", ModelStats())
    sampled = type(found)(lambda text: counted.append(text) or 2.0, exact=True, basis="")
    assert sampled.total(["ab"] * 100_000) == 200_000
    assert len(counted) <= 1000


def test_the_embedded_model_is_counted_by_its_own_tokenizer_and_costs_nothing(tmp_path: Path) -> None:
    with pplab.Lab(store=tmp_path / "lab", model="embedded") as lab:
        found = lab.preflight("Write about the sea.", n=2)
        answers = lab.run("Write about the sea.", n=2).responses
        assert found.input_tokens == answers["input_tokens"].sum()
        assert found.cost == (0.0, 0.0)
        assert "Cost: nothing" in found.words
        again = lab.preflight("Write about the sea.", n=2, parameters={"max_tokens": 5})
        assert again.output_tokens == (2, 10)


def test_a_preflight_sends_nothing_and_takes_the_same_options_as_a_run(tmp_path: Path) -> None:
    with FaultServer() as server, lab_at(tmp_path, server, "fast") as lab:
        lab.run("learn", n=25)
        before = server.counts()["requests"]
        found = lab.preflight("Tell me.", n=10, sweep={"temperature": [0, 1]}, max_cost=None, on_response=print)
        assert server.counts()["requests"] == before
        assert len(lab.experiments()) == 1
        assert "as fast as earlier calls" in found.time_basis
        assert repr(found) == found.words


def test_equal_prompts_are_said_to_be_one_before_anything_is_sent() -> None:
    plan = make_plan(["a", "b", "a ", "c"], model="m", n=3)
    found = preflight(plan, "host", None, ModelStats())
    assert found.settling.prompts == 3
    assert "there are 3 different prompts (plus 1 duplicate, counted with its original)" in found.words
    assert "repeat" not in preflight(make_plan(["a", "b"], model="m", n=3), "host", None, ModelStats()).words


A, B = ModelAsked("a", None, "api.a"), ModelAsked("b", "local", "127.0.0.1:1")
COMPARED = make_plan(["Write about the sea."] * 3, model="a", n=4, base={"max_tokens": 100}, models=[A, B], max_concurrency=6)


def test_tokens_and_costs_add_up_over_models() -> None:
    cheap = Price(0.5, 1.0, "elsewhere", "2026-10-01")
    found = preflight_of(COMPARED, [ModelFacts(A, DOLLAR, ModelStats()), ModelFacts(B, cheap, ModelStats())])
    alone = preflight(make_plan(COMPARED.prompts, model="a", n=4, base={"max_tokens": 100}), "api.a", DOLLAR, ModelStats())
    assert (found.calls, found.model, found.provider) == (24, "a, b@local", "api.a, 127.0.0.1:1")
    assert found.input_tokens == 2 * alone.input_tokens
    assert found.output_tokens == (24, 2400)
    assert found.cost == pytest.approx([1.5 * dollars for dollars in alone.cost])
    assert found.cost_basis == "a: somewhere, 2026-11-01; b@local: elsewhere, 2026-10-01"


def test_a_model_whose_price_is_unknown_is_named_and_the_total_is_unknown() -> None:
    found = preflight_of(COMPARED, [ModelFacts(A, DOLLAR, ModelStats()), ModelFacts(B, None, ModelStats())])
    assert found.cost is None
    assert "Cost: unknown (no list price is known for b@local, the rest costs $0.0" in found.words


def test_endpoints_are_asked_side_by_side_each_at_its_own_pace() -> None:
    quick = ModelStats(answers=50, latency_ms=(100.0, 100.0, 100.0), output_tokens=(10.0, 50.0, 90.0))
    slow = ModelStats(answers=50, latency_ms=(1000.0, 1000.0, 1000.0), output_tokens=(10.0, 50.0, 90.0))
    found = preflight_of(COMPARED, [ModelFacts(A, None, quick), ModelFacts(B, None, slow, limit=2)])
    assert found.seconds == (6.0, 6.0)
    assert found.time_basis == "side by side; b@local takes longest, as fast as earlier calls, 2 at once"
