"""One HTTP request to a model's server and all that can come of it, as a value. No decision to ask again is taken here."""

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
from pplab.log import caught
from pplab.models.completions import StreamReader, parse_json, read_completion
from pplab.models.provider_errors import (
    Refusal,
    asked_at,
    error_in_success,
    excerpt,
    judge,
    judge_in_success,
    one_line,
    provider_error,
)
from pplab.models.types import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import httpx2
    import openai

    from pplab.models.route import Proxy, Route

LARGEST_BODY = 16 * 2**20  # bytes; a longer answer is given up
LARGEST_REFUSAL = 2**20
KEPT = 256 * 1024  # bytes of a body that are kept
CONNECT_S = 10.0  # seconds to wait for a connection; the deadline may be sooner
CONNECTIONS = 1024
# Seconds an idle connection is kept. Uvicorn, which serves vLLM and others, closes its side after 5; a request sent at that
# moment is lost, so ours is closed first.
KEEP_ALIVE_S = 4.0
DRAIN_S = 0.2  # seconds to wait for the end of a stream that has said it is done, so that its connection can serve again

OPENAI_HOST = "api.openai.com"
UNKNOWN_AUTHORITY = frozenset(
    {18, 19, 20, 21}
)  # OpenSSL's codes: self-signed, also in the chain; no issuer, no first certificate
MAY_BE_BILLED = "the request was sent and may have been billed"
SAFE_HEADERS = frozenset(
    {
        "content-type", "date", "openai-model", "openai-processing-ms", "openai-version", "request-id", "retry-after",
        "retry-after-ms", "server", "x-request-id",
    }
)  # fmt: skip
SAFE_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent once. ``sent`` are the sampling parameters in ``body``; ``ends`` is on the event loop's clock, in seconds.

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
    """What came of a request. ``reply`` is the outcome if this was the last attempt; ``headers`` are all, in lower case.

    ``retry``: the same request may succeed later. ``lost``: it was sent, and whether it was answered will never be known.
    """

    reply: Reply
    refusal: Refusal | None = None
    retry: bool = False
    lost: bool = False
    started_at: str
    latency_ms: float
    http_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe_headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    raw_size: int | None = None
    raw_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """Why an answer did not arrive whole."""

    code: str
    error: str
    retry: bool = False
    lost: bool = False
    wrong_address: bool = False


class _RefusedError(Exception):
    """Carries an answer with an error status past the client package, which would read its body without a limit."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class _TooLargeError(Exception):
    """The answer passed `LARGEST_BODY`."""


def connect(url: str, key: str | None, transport: httpx2.AsyncBaseTransport | None, route: Route) -> openai.AsyncOpenAI:
    """Return a client for the server at ``url``; nothing is opened yet.

    The package's own retries and its following of redirects are off: the first are not recorded, the second would carry the key
    to another host.
    """
    import httpx2
    import openai

    timeout = httpx2.Timeout(None, connect=CONNECT_S)
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [_take_refusals]}
    if transport is None:
        limits = httpx2.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S)
        # Loading the certificate authorities takes 20 ms; a plain http server is never shown any, an https one by default.
        system: ssl.SSLContext | bool = True if url.lower().startswith("https") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        http = openai.DefaultAioHttpClient(
            verify=route.trusted or system,
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
    if urlsplit(url).hostname != OPENAI_HOST:  # the package adds these from the environment, whichever server is asked
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
    """Send a request and return what came of it; only cancellation is raised.

    Parameters
    ----------
    api
        A client from `connect`.
    request
        What to send, and until when to wait.
    scrub
        Removes secrets from text; everything that leaves this function has passed it.
    where, proxy
        The server's address and the proxy on the way to it, for messages.
    on_text
        Is given each piece of a stream's text.
    """
    arrival = _Arrival(request, scrub, on_text)
    cut: _Cut | None = None
    try:
        async with asyncio.timeout_at(request.ends) as timer:
            await arrival.receive(api)
    except _RefusedError as refused:
        return arrival.refused(refused)
    except _TooLargeError:
        cut = _Cut("too_large", f"the answer is longer than {LARGEST_BODY // 2**20} MB and was given up")
    except Exception as error:  # noqa: BLE001 - whatever a transport raises becomes the outcome of this call, never of the run
        if timer.expired():
            cut = _Cut("timeout", f"no complete answer within {request.deadline:g} s; {MAY_BE_BILLED}", lost=True)
        else:
            cut = _why(error, where, proxy)
    return arrival.outcome(cut)


class _Arrival:
    """What has arrived of one answer so far."""

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

        answer = await api.post(
            self._request.url,
            cast_to=httpx2.Response,
            body=self._request.body,
            options=self._options(api, openai.Omit()),
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )
        response = cast("httpx2.Response", answer)  # cast_to hands over the response unread, whatever the package's types say
        try:
            self._opened(response.status_code, response.headers)
            async with aclosing(response.aiter_bytes()) as pieces:
                await self._read(pieces)
        finally:
            await response.aclose()

    def _options(self, api: openai.AsyncOpenAI, omit: openai.Omit) -> Any:
        """Return the package's options: said in full, because it makes a deep copy of each default (a tenth of a call's time).

        ``security`` leaves out the administrator's key, which the package would take from the environment.
        """
        headers: dict[str, str | openai.Omit] = {**self._request.headers}
        if not self._request.authorized:
            headers.setdefault("Authorization", omit)
        security = {"bearer_auth": self._request.authorized}
        return {"headers": headers, "max_retries": 0, "timeout": api.timeout, "params": {}, "security": security}

    async def _read(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            self._take(piece)
            if self._stream is None:
                continue
            self._tell(self._stream.feed(piece))
            if self._stream.fault is not None:
                return
            if self._stream.done:
                with suppress(TimeoutError):  # the answer is whole; only the connection ends later
                    async with asyncio.timeout(DRAIN_S):
                        async for rest in pieces:
                            self._take(rest)
                return
        if self._stream is not None:
            self._tell(self._stream.close())

    def _opened(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        self._headers = {name.lower(): value for name, value in headers.items()}
        kind = self._headers.get("content-type", "")
        if self._request.stream and status == 200 and "json" not in kind and "html" not in kind:
            self._stream = StreamReader()

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        self._hash.update(piece)
        if self._stream is None or len(self._body) < KEPT:
            self._body += piece
        if self._size > LARGEST_BODY:
            raise _TooLargeError

    def _tell(self, text: str) -> None:
        if not text:
            return
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms()
        if self._on_text is not None:
            self._on_text(self._scrub(text))

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._start) * 1000

    # -- outcomes -------------------------------------------------------------------------------------------------------------

    def refused(self, refused: _RefusedError) -> Exchange:
        """Return the outcome of an answer with an error status."""
        self._opened(refused.status, refused.headers)
        self._take(refused.body)
        text = self._text()
        location = self._scrub(one_line(self._headers.get("location", "")))
        return self._refusal(judge(refused.status, text, location, self._request.sent), text)

    def outcome(self, cut: _Cut | None) -> Exchange:
        """Return the outcome of an answer that was read to its end, or until it was cut short."""
        if self._stream is not None:
            return self._streamed(self._stream, cut)
        text = self._text()
        if cut is not None:
            return self._failed(cut, text)
        try:
            body = parse_json(text)
        except ValueError:
            return self._failed(self._not_json(text), text)
        if not isinstance(body, dict):
            return self._failed(_Cut("unreadable", "unreadable reply: JSON, but not a chat completion"), text)
        if (said := error_in_success(body)) is not None:
            return self._refusal(judge_in_success(said, self._request.sent), text)
        if "choices" not in body:
            return self._failed(_Cut("unreadable", f"unreadable reply: JSON without choices: {excerpt(text)}"), text)
        return self._exchange(read_completion(body, self._request.sent), text)

    def _streamed(self, stream: StreamReader, cut: _Cut | None) -> Exchange:
        """Return the outcome of a stream: what arrived before it broke is kept, and asking again would pay for it twice."""
        raw, partial = self._text(), stream.text
        if stream.done:  # whatever happened to the connection afterwards
            return self._exchange(stream.reply(self._request.sent), raw)
        if cut is None and isinstance(stream.fault, dict):
            said = provider_error(stream.fault)
            refusal = judge_in_success(said, self._request.sent) if said is not None else None
            if refusal is not None and not partial:
                return self._refusal(refusal, raw)
            code, words = (refusal.code, refusal.error) if refusal else ("provider_error", "the provider reported an error")
            cut = _Cut(code, words)
        elif cut is None and stream.fault is not None:
            cut = _Cut("unreadable", f"unreadable event in the stream: {one_line(str(stream.fault)) or 'empty'}")
        elif cut is None:
            billed = "the text may be incomplete" if partial else MAY_BE_BILLED
            cut = _Cut("broken_stream", f"the stream ended without [DONE]; {billed}", retry=True, lost=True)
        if not partial:
            return self._failed(cut, raw)
        status = cut.code if cut.code in ("timeout", "filtered") else "truncated"
        reply = replace(stream.reply(self._request.sent), status=status, error=cut.error, error_code=cut.code)
        return self._exchange(reply, raw, lost=cut.lost)

    def _not_json(self, text: str) -> _Cut:
        shown = excerpt(text)
        if not shown:
            return _Cut("unreadable", "unreadable reply: the body is empty")
        if "html" in self._headers.get("content-type", "") or text.lstrip().startswith("<"):
            return _Cut("not_json_api", f"not a JSON API: the server answered with a page: {shown}", wrong_address=True)
        return _Cut("unreadable", f"unreadable reply: not JSON: {shown}")

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

    def _failed(self, cut: _Cut, text: str) -> Exchange:
        status = "timeout" if cut.code == "timeout" else "failed"
        error = self._with_address(cut.error, wrong=cut.wrong_address)
        reply = Reply(status=status, error=error, error_code=cut.code, sent=self._request.sent)
        return self._exchange(reply, text, retry=cut.retry, lost=cut.lost)

    def _with_address(self, error: str, *, wrong: bool) -> str:
        return f"{error}; {asked_at(self._request.url)}" if wrong else error

    def _exchange(
        self, reply: Reply, text: str, *, refusal: Refusal | None = None, retry: bool = False, lost: bool = False
    ) -> Exchange:
        latency = self._elapsed_ms()
        reply = replace(
            reply,
            text=self._scrub(reply.text) if reply.text else "",
            error=self._scrub(reply.error) if reply.error else None,
            rejected={name: self._scrub(words) for name, words in reply.rejected.items()},
            latency_ms=latency,
            first_token_ms=self._first_token_ms,
        )
        answered = self._status is not None
        return Exchange(
            reply=reply,
            refusal=refusal,
            retry=retry,
            lost=lost,
            started_at=self._started_at,
            latency_ms=latency,
            http_status=self._status,
            headers=self._headers,
            safe_headers={
                name: self._scrub(value)
                for name, value in self._headers.items()
                if name in SAFE_HEADERS or name.startswith(SAFE_PREFIXES)
            },
            raw=text.encode("utf-8", "surrogateescape")[:KEPT] if answered else None,
            raw_size=self._size if answered else None,
            raw_sha256=self._hash.hexdigest() if answered else None,
        )

    def _text(self) -> str:
        """Return the body without secrets; bytes that are not UTF-8 survive as surrogates until they are stored."""
        return self._scrub(self._body.decode("utf-8", "surrogateescape"))


async def _take_refusals(response: httpx2.Response) -> None:
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
    raise _RefusedError(response.status_code, dict(response.headers), bytes(body[:LARGEST_REFUSAL]))


def _why(error: BaseException, where: str, proxy: Proxy | None) -> _Cut:
    """Return what an exception of the client, its transport or the operating system means.

    The package maps exceptions on the way up (a refused connection becomes a timeout), so the whole chain of causes is looked at.
    """
    import aiohttp
    import httpx2

    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__

    def among(*kinds: type[BaseException]) -> BaseException | None:
        return next((one for one in reversed(chain) if isinstance(one, kinds)), None)

    if found := among(ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError):
        return _Cut(
            "unreachable", f"the certificate of {where} is not trusted: {one_line(str(found))}{_missing_authority(chain)}"
        )
    if proxy is not None and (found := among(aiohttp.ClientHttpProxyError)):
        status = getattr(found, "status", 0)
        return _Cut("unreachable", f"the proxy {proxy} does not connect to {where} (HTTP {status})")
    if proxy is not None and among(aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError):
        host = urlsplit(where).hostname
        return _Cut(
            "unreachable",
            f"cannot connect to the proxy {proxy} on the way to {where}; correct it, or add {host} to NO_PROXY",
            retry=True,
        )
    if among(aiohttp.ClientConnectorDNSError):
        return _Cut("unreachable", f"the address {where} cannot be found", retry=True)
    if found := among(aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        reason = found.strerror if isinstance(found, aiohttp.ClientConnectorError) else f"no connection within {CONNECT_S:g} s"
        return _Cut("unreachable", f"cannot connect to {where} ({reason}); is the server running?", retry=True)
    if found := among(aiohttp.InvalidURL, httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        return _Cut("unreachable", f"{where} is not an address that can be asked")
    if among(httpx2.DecodingError):
        return _Cut("unreadable", "unreadable reply: its compression is broken")
    if among(aiohttp.ClientPayloadError):  # broke off within the body; caused by a parser's error, so it comes before those
        return _lost()
    if found := among(aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError):
        return _Cut("unreadable", f"unreadable reply: not HTTP: {one_line(str(getattr(found, 'message', found)))}")
    if among(httpx2.TransportError, aiohttp.ClientError, OSError, EOFError):
        return _lost()
    caught("a call met what is not known of its transport", error)
    return _Cut("transport", f"the request could not be made: {type(error).__name__}: {one_line(str(error))}")


def _missing_authority(chain: list[BaseException]) -> str:
    """Return which variable to set where a certificate's authority is unknown; other faults are the certificate's own."""
    codes = [getattr(error, "verify_code", 0) for error in chain]
    if not UNKNOWN_AUTHORITY.intersection(codes):
        return ""
    return "; if the server is yours, set SSL_CERT_FILE to a file with its authority's certificate (PEM)"


def _lost() -> _Cut:
    return _Cut("connection_lost", f"the connection was lost; {MAY_BE_BILLED}", retry=True, lost=True)
