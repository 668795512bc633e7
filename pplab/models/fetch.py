"""Requests to a model's server besides its calls: its list of models, and the files and batches it keeps."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pplab.models.completions import parse_json
from pplab.models.http import LARGEST_REFUSAL, RefusedError, request_options
from pplab.models.provider_errors import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from typing import IO

    import httpx2
    import openai


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A request that is no call.

    ``form`` and ``file`` (its name, its content and its type) are sent as ``multipart/form-data``, ``body`` as JSON; with none of
    them it is a GET. ``authorized`` is as in `pplab.models.http.Request`.
    """

    url: str
    headers: Mapping[str, str]
    authorized: bool
    body: Mapping[str, Any] | None = None
    file: tuple[str, bytes, str] | None = None
    form: Mapping[str, str] = field(default_factory=dict)


async def fetch(api: openai.AsyncOpenAI, query: Query, *, limit: int, ends: float) -> bytes:
    """Return the body of the answer to a query.

    Parameters
    ----------
    api
        A client from `pplab.models.http.connect`.
    query
        What is asked.
    limit
        The most bytes that are read.
    ends
        When it is given up, on the event loop's clock, in seconds.

    Raises
    ------
    RefusedError
        If the answer has an error status.
    TimeoutError
        If it has not come by then.
    ValueError
        If it is longer than the limit.
    """
    body = bytearray()
    async with asyncio.timeout_at(ends):
        async for piece in _pieces(api, query):
            body += piece
            if len(body) > limit:
                raise ValueError(f"the answer is longer than {limit / 1e6:g} MB")
    return bytes(body)


async def download(api: openai.AsyncOpenAI, query: Query, file: IO[bytes], *, patience: float) -> None:
    """Write the body of the answer to a query to a file; given up when nothing comes for ``patience`` seconds.

    Raises as `fetch` does.
    """
    pieces = _pieces(api, query)
    async with aclosing(pieces):
        while True:
            async with asyncio.timeout(patience):
                piece = await anext(pieces, None)
            if piece is None:
                return
            file.write(piece)


async def _pieces(api: openai.AsyncOpenAI, query: Query) -> AsyncGenerator[bytes]:
    import httpx2
    import openai

    headers = dict(query.headers)
    given: dict[str, Any] = {"cast_to": httpx2.Response, "stream": True, "stream_cls": openai.AsyncStream[Any]}
    if query.file is not None:
        headers["Content-Type"] = "multipart/form-data"
        given |= {"body": dict(query.form), "files": {"file": query.file}}
    elif query.body is not None:
        given["body"] = dict(query.body)
    ask = api.get if query.file is None and query.body is None else api.post
    unread = await ask(query.url, options=request_options(api, headers, authorized=query.authorized), **given)
    response = cast("httpx2.Response", unread)  # cast_to hands over the response unread, whatever the package's types say
    try:
        async with aclosing(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        await response.aclose()


async def fetch_json(api: openai.AsyncOpenAI, url: str, headers: Mapping[str, str], *, authorized: bool, ends: float) -> Any:
    """Return the JSON that a server answers a GET with, or ``None`` where it does not answer with JSON; only to be read once.

    Raises
    ------
    ConnectionError
        If the server cannot be reached, or has not answered by then (``ends`` is on the event loop's clock).
    """
    query = Query(url=url, headers=headers, authorized=authorized)
    try:
        body = await fetch(api, query, limit=LARGEST_REFUSAL, ends=ends)
    except (RefusedError, ValueError):
        return None
    except Exception as error:
        raise ConnectionError(one_line(str(error))) from error
    with suppress(ValueError):  # a web page is no answer either
        return parse_json(body.decode("utf-8", "replace"))
    return None
