"""The embedded model as an HTTP server without a socket: a transport for httpx2, and so for the openai client."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import httpx2

from pplab.models.embedded import ngram
from pplab.models.embedded.request import MODEL, ChatRequest, Refusal, parse
from pplab.models.embedded.response import Completion, models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

REPLICATE_HEADER: Final = "X-PPLab-Replicate"
"""Header with the replicate index; it makes equal calls without a seed differ."""

_SLICE: Final = 24
"""Tokens made in one turn: about two milliseconds, after which other tasks of the loop run."""


class EmbeddedTransport(httpx2.AsyncBaseTransport):
    """Answers ``POST .../chat/completions`` and ``GET .../models`` with the embedded model.

    Concurrent calls take turns of a few tokens in the order in which they came, so that all of them advance, the event
    loop stays responsive, and a call can be cancelled between any two turns. One transport serves one event loop.

    Examples
    --------
    >>> import openai
    >>> client = openai.AsyncOpenAI(
    ...     api_key="none", base_url="http://embedded/v1", http_client=httpx2.AsyncClient(transport=EmbeddedTransport())
    ... )
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._trained = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request; never raises for what the request says, but answers 400 or 404."""
        try:
            return await self._route(request)
        except Refusal as refusal:
            return _json(400, refusal.body)

    async def _route(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if request.method == "POST" and path.endswith("/chat/completions"):
            content = await request.aread()
            return await self._complete(parse(content), request.headers.get(REPLICATE_HEADER, "0"))
        if request.method == "GET" and path.endswith("/models"):
            return _json(200, models())
        if request.method == "GET" and path.endswith(f"/models/{MODEL}"):
            return _json(200, models()["data"][0])
        refusal = Refusal(f"Invalid URL ({request.method} {path})", code="unknown_url")
        return _json(404, refusal.body)

    async def _complete(self, body: dict[str, Any], replicate: str) -> httpx2.Response:
        asked = ChatRequest.of(body, replicate=replicate)
        await self._train()
        completion = Completion(asked)
        if asked.stream:
            headers = {"content-type": "text/event-stream; charset=utf-8"}
            return httpx2.Response(200, headers=headers, stream=_Events(self._in_turns(completion)))
        async for _ in self._in_turns(completion):
            pass
        return _json(200, completion.body())

    async def _train(self) -> None:
        """Train the model on the first call, outside the event loop's thread, while further calls wait."""
        async with self._turn:
            if not self._trained:
                await asyncio.to_thread(ngram.load)
                self._trained = True

    async def _in_turns(self, completion: Completion) -> AsyncGenerator[list[dict[str, Any]]]:
        """Yield the chunks of a completion, a turn's worth at a time."""
        chunks = iter(completion)
        while True:
            async with self._turn:
                made = _take(chunks)
                await asyncio.sleep(0)
            if not made:
                return
            yield made


def _take(chunks: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk for _, chunk in zip(range(_SLICE), chunks, strict=False)]


class _Events(httpx2.AsyncByteStream):
    """Chunks as server-sent events, closed by ``[DONE]``."""

    def __init__(self, turns: AsyncGenerator[list[dict[str, Any]]]) -> None:
        self._turns = turns

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunks in self._turns:
            for chunk in chunks:
                yield b"data: " + _encode(chunk) + b"\n\n"
        yield b"data: [DONE]\n\n"

    async def aclose(self) -> None:
        """Stop making tokens that nobody reads."""
        await self._turns.aclose()


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _json(status: int, body: dict[str, Any]) -> httpx2.Response:
    return httpx2.Response(status, headers={"content-type": "application/json"}, content=_encode(body))
