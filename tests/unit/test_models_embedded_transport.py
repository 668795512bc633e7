"""The embedded model behind OpenAI's wire format, used through the openai client."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.models import embedded
from pplab.models.embedded.request import ChatRequest, Refusal
from pplab.models.embedded.transport import REPLICATE_HEADER, EmbeddedTransport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

QUESTION = [{"role": "user", "content": "Write a short story about a lighthouse keeper"}]
URL = "http://embedded/v1"
CALLS = 200 if os.environ.get("PPLAB_SOAK") else 40


def with_client(use: Callable[[openai.AsyncOpenAI], Awaitable[Any]]) -> Any:
    """Run ``use`` with an openai client whose server is the embedded model."""

    async def run() -> Any:
        http = httpx2.AsyncClient(transport=EmbeddedTransport())
        async with openai.AsyncOpenAI(api_key="none", base_url=URL, max_retries=0, http_client=http) as client:
            return await use(client)

    return asyncio.run(run())


async def create(client: openai.AsyncOpenAI, **parameters: Any) -> Any:
    return await client.chat.completions.create(**({"model": "embedded", "messages": QUESTION} | parameters))


def send(method: str, path: str, **request: Any) -> httpx2.Response:
    async def run() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=EmbeddedTransport()) as client:
            return await client.request(method, URL + path, **request)

    return asyncio.run(run())


@pytest.mark.parametrize("parameters", [{"temperature": 0}, {"seed": 3, "n": 2, "logprobs": True}, {"stop": ["."]}])
def test_the_wire_carries_what_complete_returns(parameters: dict[str, Any]) -> None:
    received = with_client(lambda client: create(client, **parameters))
    body = embedded.complete(QUESTION, **parameters)
    assert received.to_dict(mode="json") == body


@pytest.mark.parametrize(
    "parameters", [{"temperature": 0}, {"seed": 3, "n": 2}, {"seed": 1, "max_tokens": 9}, {"stop": [". ", " lamp"]}]
)
def test_a_stream_says_the_same_as_the_whole_response(parameters: dict[str, Any]) -> None:
    async def stream(client: openai.AsyncOpenAI) -> list[Any]:
        options = {"stream": True, "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": 2}
        return [chunk async for chunk in await create(client, **parameters, **options)]

    chunks = with_client(stream)
    whole = with_client(lambda client: create(client, **parameters, logprobs=True, top_logprobs=2))
    assert {(c.id, c.model, c.created, c.system_fingerprint) for c in chunks} == {
        (whole.id, whole.model, whole.created, whole.system_fingerprint)
    }
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    for choice in whole.choices:
        parts = [c.choices[0] for c in chunks[:-1] if c.choices[0].index == choice.index]
        assert parts[0].delta.role == "assistant"
        assert "".join(part.delta.content or "" for part in parts) == choice.message.content
        assert [part.finish_reason for part in parts][-1] == choice.finish_reason
        assert all(part.finish_reason is None for part in parts[:-1])
        assert [entry for part in parts if part.logprobs for entry in part.logprobs.content] == choice.logprobs.content


def test_a_stream_is_server_sent_events_that_end_with_done() -> None:
    response = send("POST", "/chat/completions", json={"model": "embedded", "messages": QUESTION, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = response.text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert all(chunk["object"] == "chat.completion.chunk" and "usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("temperature", 2.5),
        ("temperature", -0.1),
        ("temperature", "hot"),
        ("temperature", True),
        ("temperature", 10**400),
        ("top_p", 0),
        ("top_p", 1.1),
        ("frequency_penalty", 2.1),
        ("presence_penalty", -2.1),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("max_completion_tokens", -1),
        ("n", 0),
        ("n", 129),
        ("seed", "x"),
        ("seed", 2**63),
        ("stop", ["a"] * 5),
        ("stop", [""]),
        ("stop", 7),
        ("logprobs", 1),
        ("top_logprobs", 21),
        ("top_logprobs", 2),
        ("stream", "yes"),
        ("stream_options", {"include_usage": True}),
        ("messages", []),
        ("messages", [{"role": "wizard", "content": "hi"}]),
        ("messages", [{"role": "user", "content": None}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
        ("messages", [{"role": "user", "content": "x" * 1_000_001}]),
        ("model", "gpt-4o"),
        ("logit_bias", {"50256": -100}),
        ("temprature", 1),
    ],
)
def test_a_wrong_parameter_is_answered_with_400_that_names_it(parameter: str, value: object) -> None:
    response = send("POST", "/chat/completions", json={"model": "embedded", "messages": QUESTION, parameter: value})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith(parameter)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_answered_with_400(content: bytes) -> None:
    response = send("POST", "/chat/completions", content=content)
    assert response.status_code == 400
    assert "JSON" in response.json()["error"]["message"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner),
    max_leaves=6,
)
_names = st.sampled_from(["temperature", "top_p", "n", "stop", "seed", "messages", "stream_options", "user", "\ud800", ""])


@given(st.dictionaries(_names, _json, max_size=4))
def test_every_json_object_is_understood_or_refused_in_openais_format(extra: dict[str, Any]) -> None:
    try:
        request = ChatRequest.of({"model": "embedded", "messages": QUESTION} | extra)
    except Refusal as refusal:
        json.dumps(refusal.body).encode()
    else:
        assert request.messages


def test_the_openai_client_sees_a_bad_request_with_the_parameter() -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        with_client(lambda client: create(client, temperature=3))
    assert caught.value.param == "temperature"


def test_both_names_of_the_token_limit_at_once_are_refused() -> None:
    with pytest.raises(openai.BadRequestError):
        with_client(lambda client: create(client, max_tokens=5, max_completion_tokens=5))


def test_bookkeeping_parameters_and_text_parts_do_not_change_the_answer() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": QUESTION[0]["content"]}]}]
    plain = with_client(create)
    marked = with_client(lambda client: create(client, messages=parts, user="ada", metadata={"a": "b"}, store=False))
    assert plain == marked


def test_the_replicate_header_makes_equal_calls_differ() -> None:
    async def replicates(client: openai.AsyncOpenAI) -> list[Any]:
        return [await create(client, extra_headers={REPLICATE_HEADER: str(i)}) for i in (0, 1, 1)]

    first, second, again = with_client(replicates)
    assert first.choices != second.choices
    assert first.id != second.id
    assert second == again


def test_it_lists_itself_as_the_only_model() -> None:
    async def listed(client: openai.AsyncOpenAI) -> tuple[list[str], str]:
        return [model.id async for model in client.models.list()], (await client.models.retrieve("embedded")).owned_by

    assert with_client(listed) == (["embedded"], "pplab")


@pytest.mark.parametrize(("method", "path"), [("GET", "/chat/completions"), ("POST", "/embeddings"), ("GET", "/models/x")])
def test_other_addresses_are_not_found(method: str, path: str) -> None:
    assert send(method, path).status_code == 404


def test_many_concurrent_calls_get_the_answers_they_get_alone() -> None:
    async def at_once(client: openai.AsyncOpenAI) -> list[str]:
        done = await asyncio.gather(*(create(client, seed=i, max_tokens=12) for i in range(CALLS)))
        return [completion.choices[0].message.content for completion in done]

    texts = with_client(at_once)
    for i in range(0, CALLS, CALLS // 5):
        assert texts[i] == embedded.complete(QUESTION, seed=i, max_tokens=12)["choices"][0]["message"]["content"]


def test_a_short_call_overtakes_a_long_one_that_came_first() -> None:
    async def race(client: openai.AsyncOpenAI) -> list[str]:
        order: list[str] = []

        async def run(name: str, **parameters: Any) -> None:
            await create(client, **parameters)
            order.append(name)

        await asyncio.gather(run("long", n=10), run("short", max_tokens=5))
        return order

    assert with_client(race) == ["short", "long"]


def test_the_event_loop_runs_other_tasks_while_an_answer_is_made() -> None:
    async def count_turns(client: openai.AsyncOpenAI) -> int:
        await create(client, max_tokens=1)
        call = asyncio.ensure_future(create(client, n=10, temperature=0.5))
        turns = 0
        while not call.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert with_client(count_turns) > 20


def test_a_cancelled_call_stops_and_leaves_the_others_alone() -> None:
    async def cancel_one(client: openai.AsyncOpenAI) -> tuple[bool, str]:
        calls = [asyncio.ensure_future(create(client, n=n)) for n in (100, 1)]
        while not calls[1].done():
            await asyncio.sleep(0)
            calls[0].cancel()
        cancelled = await asyncio.gather(calls[0], return_exceptions=True)
        return isinstance(cancelled[0], asyncio.CancelledError), (await create(client)).choices[0].finish_reason

    assert with_client(cancel_one) == (True, "stop")


def test_a_stream_left_early_frees_the_model_for_the_next_call() -> None:
    async def leave(client: openai.AsyncOpenAI) -> str:
        stream = await create(client, n=50, stream=True)
        async for _ in stream:
            break
        await stream.close()
        return (await create(client)).choices[0].finish_reason

    assert with_client(leave) == "stop"


def test_the_description_and_the_name_need_no_http_client() -> None:
    assert embedded.MODEL == "embedded"
    assert embedded.EmbeddedTransport is EmbeddedTransport
    with pytest.raises(AttributeError, match="Transport2"):
        _ = embedded.Transport2
