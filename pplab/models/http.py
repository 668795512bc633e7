"""One HTTP request to a model's server and its outcome, as a value. Retries are decided in `pplab.models.client`."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from pplab.ids import now
from pplab.log import log_error
from pplab.models.completions import StreamReader, parse_json, read_completion
from pplab.models.failures import CONNECT_S, MAY_BE_BILLED, Failure, failure_of
from pplab.models.provider_errors import error_in_success, excerpt, one_line, provider_error
from pplab.models.refusals import address_words, classify_error, classify_error_in_success
from pplab.models.types import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import httpx2
    import openai

    from pplab.models.refusals import Refusal
    from pplab.models.route import Proxy, Route

LARGEST_BODY = 16 * 2**20  # bytes; a longer answer is given up
LARGEST_REFUSAL = 2**20
KEPT_BYTES = 256 * 1024  # bytes of a body that are kept
CONNECTIONS = 1024
# Seconds an idle connection is kept. Uvicorn, which serves vLLM and others, closes its side after 5; a request sent at that
# moment is may_be_billed, so ours is closed first.
KEEP_ALIVE_S = 4.0
DRAIN_S = 0.2  # seconds to wait for the end of a stream that has said it is done, so that its connection can serve again

OPENAI_HOST = "api.openai.com"
SAFE_HEADERS = frozenset(
    {
        "content-type", "date", "openai-model", "openai-processing-ms", "openai-version", "request-id", "retry-after",
        "retry-after-ms", "server", "x-request-id",
    }
)  # fmt: skip
SAFE_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request for one attempt.

    ``sent`` are the sampling parameters in ``body``; ``ends`` is on the event loop's clock, in seconds.

    ``authorized``: with the client's key; otherwise with no ``Authorization`` but that in ``headers``, whatever the environment
    holds.
    """

    url: str
    body: Mapping[str, Any]
    sent: Mapping[str, Any]
    stream: bool
    headers: Mapping[str, str]
    authorized: bool
    ends: float
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The outcome of a request. ``reply`` is the outcome if this was the last attempt; ``headers`` are all, in lower case.

    ``retry``: the same request may succeed later. ``may_be_billed``: it was sent, and whether it was answered is unknown.
    """

    reply: Reply
    refusal: Refusal | None = None
    retry: bool = False
    may_be_billed: bool = False
    started_at: str
    latency_ms: float
    http_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe_headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    raw_size: int | None = None
    raw_sha256: str | None = None


class RefusedError(Exception):
    """An answer with an error status, carried past the client package, which would read its body without a limit."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class _TooLargeError(Exception):
    """The answer passed `LARGEST_BODY`."""


def connect(
    url: str, key: str | None, transport: httpx2.AsyncBaseTransport | None, route: Route, *, organization: bool = True
) -> openai.AsyncOpenAI:
    """Return a client for the server at ``url``; nothing is opened yet.

    ``organization``: OpenAI's server is sent the organization and the project that the environment names.

    The package's own retries and its following of redirects are off: the first are not recorded, the second would carry the key
    to another host.
    """
    import httpx2
    import openai

    timeout = httpx2.Timeout(None, connect=CONNECT_S)
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [_raise_refusal]}
    if transport is None:
        limits = httpx2.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S)
        # Loading the certificate authorities takes 20 ms; a plain http server is never shown any, an https one by default.
        default: ssl.SSLContext | bool = True if url.lower().startswith("https") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        http = openai.DefaultAioHttpClient(
            verify=route.ssl_context or default,
            proxy=httpx2.Proxy(route.proxy.url, headers=route.proxy.headers) if route.proxy else None,
            trust_env=False,  # the route has read the environment
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            event_hooks=hooks,
        )
    else:  # trust_env off: a proxy from the environment would take the place of the transport
        http = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, event_hooks=hooks)
    headers: dict[str, Any] = {}
    if (
        not organization or urlsplit(url).hostname != OPENAI_HOST
    ):  # the package adds these from the environment, whichever server is asked
        headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
    if route.proxy is not None and not url.lower().startswith("https"):  # the proxy reads such a request itself
        headers |= route.proxy.headers
    # Compressed answers could be a thousand times what they weigh; asking for none costs little on the kilobytes of a chat.
    headers["Accept-Encoding"] = "identity"
    return openai.AsyncOpenAI(
        api_key=key or "none", base_url=url, http_client=http, max_retries=0, timeout=timeout, default_headers=headers
    )


async def exchange(
    api: openai.AsyncOpenAI,
    request: Request,
    *,
    scrub: Callable[[str], str],
    where: str,
    proxy: Proxy | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Exchange:
    """Send a request and return its outcome; only cancellation is raised.

    Parameters
    ----------
    api
        A client from `connect`.
    request
        The request, which says how long to wait.
    scrub
        Removes secrets from text; everything that leaves this function has passed it.
    where, proxy
        The server's address and the proxy on the way to it, for messages.
    on_text
        Is given each piece of a stream's text.
    """
    answer = _Answer(request, scrub, on_text)
    failure: Failure | None = None
    try:
        async with asyncio.timeout_at(request.ends) as timer:
            await answer.receive(api)
    except RefusedError as refused:
        return answer.refused(refused)
    except _TooLargeError:
        failure = Failure("too_large", f"the answer is longer than {LARGEST_BODY // 2**20} MB and was given up")
    except Exception as error:  # noqa: BLE001 - whatever a transport raises becomes the outcome of this call, never of the run
        if timer.expired():
            failure = Failure("timeout", f"no complete answer within {request.deadline:g} s; {MAY_BE_BILLED}", may_be_billed=True)
        else:
            failure = failure_of(error, where, proxy)
            if failure.code == "transport":
                log_error("a call failed with an unexpected exception", error)
    return answer.outcome(failure)


def read_answer(request: Request, http_status: int, body: bytes, *, scrub: Callable[[str], str]) -> Exchange:
    """Return the outcome of a request whose answer came another way: as a line of a batch's results.

    Its latency is that of reading it, which says nothing about the server.
    """
    answer = _Answer(request, scrub, None)
    if http_status >= 300:
        return answer.refused(RefusedError(http_status, {}, body[:LARGEST_REFUSAL]))
    answer.arrived(http_status, body)
    return answer.outcome(None)


class _Answer:
    """An answer as far as it has arrived."""

    def __init__(self, request: Request, scrub: Callable[[str], str], on_text: Callable[[str], None] | None) -> None:
        self._request = request
        self._scrub = scrub
        self._on_text = on_text
        self._started_at = now()
        self._start = time.perf_counter()
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()  # of a stream only what is kept
        self._size = 0
        self._hash = hashlib.sha256()
        self._stream: StreamReader | None = None
        self._first_token_ms: float | None = None

    async def receive(self, api: openai.AsyncOpenAI) -> None:
        import httpx2
        import openai

        unread = await api.post(
            self._request.url,
            cast_to=httpx2.Response,
            body=self._request.body,
            options=request_options(api, self._request.headers, authorized=self._request.authorized),
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )
        response = cast("httpx2.Response", unread)  # cast_to hands over the response unread, whatever the package's types say
        try:
            self._read_headers(response.status_code, response.headers)
            async with aclosing(response.aiter_bytes()) as pieces:
                await self._read(pieces)
        finally:
            await response.aclose()

    def arrived(self, status: int, body: bytes) -> None:
        """Take an answer that is there already, whole."""
        self._read_headers(status, {})
        self._append(body[:LARGEST_BODY])

    async def _read(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            self._append(piece)
            if self._stream is None:
                continue
            self._deliver(self._stream.feed(piece))
            if self._stream.error is not None:
                return
            if self._stream.done:
                with suppress(TimeoutError):  # the answer is whole; only the connection ends later
                    async with asyncio.timeout(DRAIN_S):
                        async for rest in pieces:
                            self._append(rest)
                return
        if self._stream is not None:
            self._deliver(self._stream.close())

    def _read_headers(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = {name.lower(): value for name, value in headers.items()}
        kind = self._headers.get("content-type", "")
        if self._request.stream and status == 200 and "json" not in kind and "html" not in kind:
            self._stream = StreamReader()

    def _append(self, piece: bytes) -> None:
        self._size += len(piece)
        self._hash.update(piece)
        if self._stream is None or len(self._body) < KEPT_BYTES:
            self._body += piece
        if self._size > LARGEST_BODY:
            raise _TooLargeError

    def _deliver(self, text: str) -> None:
        if not text:
            return
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms()
        if self._on_text is not None:
            self._on_text(self._scrub(text))

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._start) * 1000

    # -- outcomes -------------------------------------------------------------------------------------------------------------

    def refused(self, refused: RefusedError) -> Exchange:
        """Return the outcome of an answer with an error status."""
        self._read_headers(refused.status, refused.headers)
        self._append(refused.body)
        text = self._text()
        location = self._scrub(one_line(self._headers.get("location", "")))
        return self._refusal(classify_error(refused.status, text, location, self._request.sent), text)

    def outcome(self, failure: Failure | None) -> Exchange:
        """Return the outcome of an answer that was read to its end, or until it broke off."""
        if self._stream is not None:
            return self._streamed(self._stream, failure)
        text = self._text()
        if failure is not None:
            return self._failed(failure, text)
        try:
            body = parse_json(text)
        except ValueError:
            return self._failed(self._not_json(text), text)
        if not isinstance(body, dict):
            return self._failed(Failure("unreadable", "unreadable reply: JSON, but not a chat completion"), text)
        if (error := error_in_success(body)) is not None:
            return self._refusal(classify_error_in_success(error, self._request.sent), text)
        if "choices" not in body:
            return self._failed(Failure("unreadable", f"unreadable reply: JSON without choices: {excerpt(text)}"), text)
        return self._exchange(read_completion(body, self._request.sent), text)

    def _streamed(self, stream: StreamReader, failure: Failure | None) -> Exchange:
        """Return the outcome of a stream: what arrived before it broke is kept, and asking again would pay for it twice."""
        raw, partial = self._text(), stream.text
        if stream.done:  # whatever happened to the connection afterwards
            return self._exchange(stream.reply(self._request.sent), raw)
        if failure is None and isinstance(stream.error, dict):
            error = provider_error(stream.error)
            refusal = classify_error_in_success(error, self._request.sent) if error is not None else None
            if refusal is not None and not partial:
                return self._refusal(refusal, raw)
            code, message = (refusal.code, refusal.error) if refusal else ("provider_error", "the provider reported an error")
            failure = Failure(code, message)
        elif failure is None and stream.error is not None:
            failure = Failure("unreadable", f"unreadable event in the stream: {one_line(str(stream.error)) or 'empty'}")
        elif failure is None:
            billed = "the text may be incomplete" if partial else MAY_BE_BILLED
            failure = Failure("broken_stream", f"the stream ended without [DONE]; {billed}", retry=True, may_be_billed=True)
        if not partial:
            return self._failed(failure, raw)
        status = failure.code if failure.code in ("timeout", "filtered") else "truncated"
        reply = replace(stream.reply(self._request.sent), status=status, error=failure.error, error_code=failure.code)
        return self._exchange(reply, raw, may_be_billed=failure.may_be_billed)

    def _not_json(self, text: str) -> Failure:
        shown = excerpt(text)
        if not shown:
            return Failure("unreadable", "unreadable reply: the body is empty")
        if "html" in self._headers.get("content-type", "") or text.lstrip().startswith("<"):
            return Failure("not_json_api", f"not a JSON API: the server answered with a web page: {shown}", wrong_address=True)
        return Failure("unreadable", f"unreadable reply: not JSON: {shown}")

    def _refusal(self, refusal: Refusal, text: str) -> Exchange:
        status = "rejected" if refusal.rejected else "filtered" if refusal.code == "filtered" else "failed"
        reply = Reply(
            status=status,
            error=self._with_address(refusal.error, wrong=refusal.wrong_address),
            error_code=refusal.code,
            sent=self._request.sent,
            rejected=refusal.rejected,
            stop_run=refusal.stop_run,
        )
        return self._exchange(reply, text, refusal=refusal, retry=refusal.retry)

    def _failed(self, failure: Failure, text: str) -> Exchange:
        status = "timeout" if failure.code == "timeout" else "failed"
        error = self._with_address(failure.error, wrong=failure.wrong_address)
        reply = Reply(status=status, error=error, error_code=failure.code, sent=self._request.sent)
        return self._exchange(reply, text, retry=failure.retry, may_be_billed=failure.may_be_billed)

    def _with_address(self, error: str, *, wrong: bool) -> str:
        return f"{error}; {address_words(self._request.url)}" if wrong else error

    def _exchange(
        self, reply: Reply, text: str, *, refusal: Refusal | None = None, retry: bool = False, may_be_billed: bool = False
    ) -> Exchange:
        latency = self._elapsed_ms()
        reply = replace(
            reply,
            text=self._scrub(reply.text) if reply.text else "",
            error=self._scrub(reply.error) if reply.error else None,
            rejected={name: self._scrub(message) for name, message in reply.rejected.items()},
            latency_ms=latency,
            first_token_ms=self._first_token_ms,
        )
        answered = self._status is not None
        return Exchange(
            reply=reply,
            refusal=refusal,
            retry=retry,
            may_be_billed=may_be_billed,
            started_at=self._started_at,
            latency_ms=latency,
            http_status=self._status,
            headers=self._headers,
            safe_headers={
                name: self._scrub(value)
                for name, value in self._headers.items()
                if name in SAFE_HEADERS or name.startswith(SAFE_PREFIXES)
            },
            raw=text.encode("utf-8", "surrogateescape")[:KEPT_BYTES] if answered else None,
            raw_size=self._size if answered else None,
            raw_sha256=self._hash.hexdigest() if answered else None,
        )

    def _text(self) -> str:
        """Return the body without secrets; bytes that are not UTF-8 survive as surrogates until they are stored."""
        return self._scrub(self._body.decode("utf-8", "surrogateescape"))


def request_options(api: openai.AsyncOpenAI, headers: Mapping[str, str], *, authorized: bool) -> Any:
    """Return the package's options of one request in full, for it makes a deep copy of each default (a tenth of a call's time).

    ``security`` leaves out the administrator's key, which the package would take from the environment.
    """
    import openai

    sent: dict[str, str | openai.Omit] = {**headers}
    if not authorized:
        sent.setdefault("Authorization", openai.Omit())
    return {
        "headers": sent,
        "max_retries": 0,
        "timeout": api.timeout,
        "params": {},
        "security": {"bearer_auth": authorized},
    }


async def _raise_refusal(response: httpx2.Response) -> None:
    """Read an answer with an error status, up to a limit, and raise it (an event hook of the HTTP client)."""
    if response.status_code < 300:
        return
    import httpx2

    body = bytearray()
    with suppress(httpx2.HTTPError):  # an explanation that breaks off still has its status
        async with aclosing(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > LARGEST_REFUSAL:
                    break
    raise RefusedError(response.status_code, dict(response.headers), bytes(body[:LARGEST_REFUSAL]))
