"""Requests: exactly what was asked for is sent, under the names of the server's kind, and nothing else."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.models.client import ModelClient
from pplab.plan.parameters import PARAMETERS
from pplab.plan.settings import Setting
from tests.servers import ask
from tests.servers.faults import completion
from tests.servers.plain import PlainServer

if TYPE_CHECKING:
    from pathlib import Path

    from pplab.models.types import Reply
    from pplab.plan.parameters import Parameter

SETTINGS = 200 if os.environ.get("PPLAB_SOAK") == "1" else 20
KEY = "sk-canary-0123456789abcdef"
OWNERS = {"llama.cpp": "llamacpp", "vLLM": "vllm", "LM Studio": "organization_owner", "unknown": "me"}
WORDS = ("END", "###", "ä ö", '"quoted"', "\n\n")
JSON_VALUES = (
    {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}},
    {"50256": -100, "11": 2.5},
    [0, 1.5, None, {"deep": [[]]}],
    True,
    "text",
    7,
)
NAMES = {
    "llama.cpp": {"repetition_penalty": "repeat_penalty", "thinking_budget": "thinking_budget_tokens"},
    "vLLM": {"thinking_budget": "thinking_token_budget"},
    "LM Studio": {"repetition_penalty": "repeat_penalty"},
    "unknown": {},
}


def play(kind: str):
    """Return the answers of a server of this kind: its list of models, and completions."""

    def answer(path: str):
        body = {"object": "list", "data": [{"id": "m", "owned_by": OWNERS[kind]}]}
        return 200, json.dumps(body if path.endswith("/models") else completion("Hello there, friend.")).encode(), {}

    return answer


def drawn(draw: random.Random, parameter: Parameter) -> Any:
    """Return a legal value of a parameter."""
    if parameter.numeric:
        low, high = max(parameter.low, -1000), min(parameter.high, 1000)
        if parameter.kind == "whole":
            return draw.randint(math.ceil(low), math.floor(high))
        return draw.uniform(low + 1e-6, high)
    if parameter.choices:
        return draw.choice(parameter.choices)
    if parameter.kind == "texts":
        return draw.sample(WORDS, draw.randint(1, 4))
    return draw.random() < 0.5 if parameter.kind == "flag" else draw.choice(JSON_VALUES)


def random_setting(draw: random.Random) -> dict[str, Any]:
    names = draw.sample(list(PARAMETERS), draw.randint(0, len(PARAMETERS)))
    free = {
        f"x.{name}": draw.choice(JSON_VALUES) for name in draw.sample(("mirostat", "dry_multiplier", "user", "cache_prompt"), 2)
    }
    return {name: drawn(draw, PARAMETERS[name]) for name in names} | (free if draw.random() < 0.5 else {})


def in_order(bodies: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(body, sort_keys=True) for body in bodies)


@pytest.mark.parametrize("kind", OWNERS)
def test_exactly_what_was_asked_is_sent_and_nothing_else(kind: str, tmp_path: Path) -> None:
    draw = random.Random(f"requests {kind}")
    settings = list({Setting.of(given): given for given in (random_setting(draw) for _ in range(SETTINGS))}.values())
    assert {PARAMETERS[name].kind for given in settings for name in given if name in PARAMETERS} >= {
        "number", "whole", "ordered", "texts", "flag", "json"
    }  # fmt: skip
    with (
        PlainServer(play(kind)) as server,
        pplab.Lab(store=tmp_path / "lab", model="m", base_url=server.base_url, api_key=KEY) as lab,
    ):
        lab.run("Say hello.", n=1, settings=settings, system="Be brief.")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
    expected = [
        {"model": "m", "messages": messages, **{NAMES[kind].get(name, name).removeprefix("x."): v for name, v in given.items()}}
        for given in settings
    ]
    assert in_order(server.bodies) == in_order(expected)
    assert [path for path, _ in server.asked].count("/v1/models") == 1
    known = {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host", "user-agent"}
    for path, headers in server.asked:
        assert path in ("/v1/models", "/v1/chat/completions")
        assert headers["authorization"] == f"Bearer {KEY}"
        assert not {name for name in headers if not name.startswith("x-stainless-")} - known


def complete(server: PlainServer, *, provider: str | None = None, times: int = 1, **parameters: Any) -> list[Reply]:
    """Return the replies to equal calls made at once."""

    async def main() -> list[Reply]:
        client = ModelClient(provider or f"127.0.0.1:{server.port}", server.base_url, KEY, backoff=0.01)
        try:
            return await asyncio.gather(
                *(client.complete(ask("m", "hello", replicate=i, **parameters), deadline=5) for i in range(times))
            )
        finally:
            await client.aclose()

    return asyncio.run(main())


def test_what_was_sent_is_kept_under_the_names_it_went_out_with() -> None:
    with PlainServer(play("llama.cpp")) as server:
        [reply] = complete(server, repetition_penalty=1.1, **{"x.mirostat": 2})
    assert reply.requested == {"repetition_penalty": 1.1, "x.mirostat": 2}
    assert reply.sent == {"repeat_penalty": 1.1, "mirostat": 2}


def test_a_server_is_asked_what_it_is_only_where_a_name_depends_on_it_and_once_for_all_calls() -> None:
    with PlainServer(play("llama.cpp")) as server:
        complete(server, temperature=0.5, min_p=0.1)
        assert [path for path, _ in server.asked] == ["/v1/chat/completions"]
        complete(server, times=20, repetition_penalty=1.1)
        assert [path for path, _ in server.asked].count("/v1/models") == 1
        assert all(body["repeat_penalty"] == 1.1 for body in server.bodies[1:])


@pytest.mark.parametrize(
    "answer", [(404, b"not here", {}), (200, b"<html>", {}), (200, b'{"data": 7}', {}), (200, b"[null]", {})]
)
def test_where_the_server_does_not_say_what_it_is_the_own_name_is_sent(answer) -> None:
    with PlainServer(lambda path: answer if path.endswith("/models") else play("unknown")(path)) as server:
        [reply] = complete(server, repetition_penalty=1.1)
    assert (reply.status, reply.sent) == ("ok", {"repetition_penalty": 1.1})


def test_a_hosted_service_is_known_by_its_name_and_never_asked() -> None:
    with PlainServer() as server:
        complete(server, provider="api.anthropic.com", thinking_budget=2000, max_tokens=4000)
        complete(server, provider="openrouter.ai", thinking_budget=2000, reasoning_effort="low")
    assert [path for path, _ in server.asked] == ["/v1/chat/completions"] * 2
    anthropic, openrouter = server.bodies
    assert anthropic["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert openrouter["reasoning"] == {"max_tokens": 2000, "effort": "low"}


@pytest.mark.parametrize(
    "error",
    [
        {"message": "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
        {"message": "budget too small", "param": "thinking.budget_tokens"},
        {"message": "`thinking` is not supported with this model"},
    ],
)
def test_a_refusal_names_the_parameter_as_it_was_asked_for(error) -> None:
    with PlainServer(lambda _: (400, json.dumps({"error": error}).encode(), {})) as server:
        [reply] = complete(server, provider="api.anthropic.com", thinking_budget=100, temperature=1)
    assert (reply.status, list(reply.rejected)) == ("rejected", ["thinking_budget"])
    assert reply.sent == {"thinking.budget_tokens": 100, "temperature": 1}


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Argument not supported on this model: presencePenalty", "presence_penalty"),
        ("maxOutputTokens must be less than 8192", "max_tokens"),
        ("stop_sequences: each stop sequence must contain non-whitespace", "stop"),
        ("Unsupported parameter: 'reasoning.effort' is not supported with this model.", "reasoning_effort"),
    ],
)
def test_a_refusal_by_the_service_behind_a_gateway_is_understood(message: str, name: str) -> None:
    asked = {"presence_penalty": 1, "max_tokens": 9000, "stop": [" "], "reasoning_effort": "low", "temperature": 0.5}
    with PlainServer(lambda _: (400, json.dumps({"error": {"message": message}}).encode(), {})) as server:
        [reply] = complete(server, **asked)
    assert list(reply.rejected) == [name]


def test_a_refused_free_parameter_keeps_its_name() -> None:
    error = {"error": {"message": "Unrecognized request argument supplied: mirostat"}}
    with PlainServer(lambda _: (400, json.dumps(error).encode(), {})) as server:
        [reply] = complete(server, **{"x.mirostat": 2})
    assert list(reply.rejected) == ["x.mirostat"]


def test_a_refusal_says_what_works() -> None:
    error = {"error": {"message": "Unsupported value: 'temperature' does not support 0.7", "param": "temperature"}}

    async def main(url: str) -> Reply:
        client = ModelClient("api.openai.com", url, KEY)
        try:
            return await client.complete(ask("gpt-6-luna", "hello", temperature=0.7), deadline=5)
        finally:
            await client.aclose()

    with PlainServer(lambda _: (400, json.dumps(error).encode(), {})) as server:
        reply = asyncio.run(main(server.base_url))
    assert reply.error.endswith("; works with reasoning_effort none")


def test_what_the_user_gave_beside_a_parameter_of_the_same_object_stays() -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    with PlainServer() as server:
        complete(server, provider="api.anthropic.com", thinking_budget=2000, **{"x.thinking": thinking})
    assert server.bodies[0]["thinking"] == {"type": "adaptive", "display": "omitted", "budget_tokens": 2000}
    assert thinking == {"type": "adaptive", "display": "omitted"}
