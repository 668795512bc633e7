"""The client of a model's server (any OpenAI-compatible one): attempts, retries, one deadline, one outcome a call."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pplab.config.addresses import chat_url, models_url, secret_parameters
from pplab.errors import BadInput, Offline
from pplab.log import log_error
from pplab.models.capabilities import setting_effects, token_limit_name
from pplab.models.fetch import fetch_json
from pplab.models.http import Exchange, Request, connect, exchange, read_answer
from pplab.models.queries import Queries
from pplab.models.retry import backoff, requested_wait
from pplab.models.route import Route, basic
from pplab.models.types import Attempt, Call, Reply
from pplab.models.wire import WireParameters, wire_parameters
from pplab.plan.servers import SELF_HOSTED_NAMES, kind_of_owners, known_by_host, server_kind
from pplab.plan.vocabulary import FINAL
from pplab.secrets import MASK, split_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx2
    import openai

    from pplab.models.refusals import Refusal

OPENAI_URL = "https://api.openai.com/v1"
EMBEDDED_URL = "http://embedded.invalid/v1"  # never resolved: a transport answers
MOST_ADAPTATIONS = 2  # changes of dialect in one call; a server that contradicts itself is not followed further
KIND_S = 5.0  # seconds to wait for a server's list of models
PROXY_CODES = frozenset(
    {"connection_lost", "not_json_api", "server_error", "timeout", "unreachable", "unreadable"}
)  # failures that a proxy on the way may have caused


@dataclass(frozen=True, slots=True)
class Dialect:
    """The dialect of a model's server: names and options in which compatible servers differ, known from their refusals."""

    token_limit: str
    stream_options: bool = True


class ModelClient:
    """Client of a model's server, through the ``openai`` package (imported on first use).

    Retries are made here, not in the package: at most ``max_retries`` a call, with exponential backoff and full jitter or as long
    as the server asks (in a header or in words), for rate limits, passing server errors and lost connections; never for quota,
    access or a bad request. Each attempt is recorded with the decision taken.
    Where a parameter's name depends on the kind of server and the address does not say it, the server is asked once for its list
    of models, which names who made it.
    A client belongs to one event loop.

    Parameters
    ----------
    provider
        Who serves the model, part of a call's identity.
    base_url
        The address up to and including ``/v1``; ``None`` means OpenAI, or the transport.
    api_key
        Sent as bearer token. ``None`` sends no ``Authorization`` header, unless user and password stand in the base URL. Removed
        from everything that is returned.
    headers
        Sent with every request; their values are secrets, like the key.
    transport
        Answers in place of the network (the embedded model). No socket is opened.
    offline
        Refuse to open a socket: without a transport every call raises `Offline`.
    max_retries
        The most retries of one call.
    deadline
        Seconds one call may take in total, retries and waits included, unless `complete` is told otherwise.
    backoff
        Seconds: the most that is waited before the first retry; doubles with each.
    access_hint
        Added to the error when the server denies access: which key it was not sent, and why.
    organization
        Send OpenAI's server the organization and the project that the environment names.
    scrub
        Removes secrets from text; applied to everything received before it is returned.

    Raises
    ------
    BadInput
        If the base URL is not http or https.

    Examples
    --------
    >>> client = ModelClient("localhost:11434", "http://localhost:11434/v1", None)
    >>> reply = await client.complete(call, deadline=30)  # doctest: +SKIP
    """

    def __init__(
        self,
        provider: str,
        base_url: str | None,
        api_key: str | None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
        offline: bool = False,
        max_retries: int = 4,
        deadline: float = 120.0,
        backoff: float = 0.5,
        access_hint: str = "",
        organization: bool = True,
        scrub: Callable[[str], str] = lambda text: text,
    ) -> None:
        self.provider = provider
        self._url, credentials = split_credentials(base_url or (OPENAI_URL if transport is None else EMBEDDED_URL))
        if urlsplit(self._url).scheme not in ("http", "https") or not urlsplit(self._url).hostname:
            raise BadInput(f"the base URL {self._url!r} is not http(s)", hint="give one such as http://localhost:11434/v1")
        self._key = api_key.strip() if api_key and api_key.strip() else None
        self._headers: dict[str, str] = dict(headers or {})
        if credentials and self._key is None:  # user and password in an address mean Basic authentication (RFC 7617)
            self._headers["Authorization"] = basic(credentials[0])
        self._transport = transport
        self._route = Route() if offline or transport is not None else Route.to(self._url)
        self._offline = offline and transport is None
        self._max_retries = max_retries
        self._deadline = deadline
        self._backoff = backoff
        proxy = self._route.proxy
        sent = [*self._headers.values(), *(proxy.headers.values() if proxy else ())]
        credentials += [*(value.removeprefix("Basic ") for value in sent), *(proxy.credentials if proxy else ())]
        credentials += secret_parameters(self._url)
        self._secrets = tuple(secret for secret in (self._key, *credentials) if secret and len(secret) >= 6)
        self._access_hint = access_hint
        self._organization = organization
        self._scrub_more = scrub
        self._draw = random.Random()  # noqa: S311 - spreads retries in time, guards nothing
        self._dialects: dict[str, Dialect] = {}
        self._kind = server_kind(provider)
        self._kind_is_known = self._kind is not None and known_by_host(self._kind, provider)
        self._kind_query: asyncio.Task[None] | None = None
        self._api: openai.AsyncOpenAI | None = None

    async def complete(
        self,
        call: Call,
        *,
        deadline: float | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call, good or bad.

        Parameters
        ----------
        call
            The call.
        deadline
            Seconds for everything, retries and waits included; held within half a second.
        on_attempt
            Is given each attempt when it has ended and the decision is taken, before any wait (``wait_s`` seconds).
        on_text
            Is given each further piece of text of a streamed call as it arrives.

        Raises
        ------
        Offline
            If this client may open no socket.
        asyncio.CancelledError
            If the task is cancelled; the connection is closed first.
        """
        api = self._connected()
        limit = self._deadline if deadline is None else deadline
        ends = asyncio.get_running_loop().time() + limit
        where, proxy = self._scrub(self._url), self._route.proxy
        attempts: list[Attempt] = []
        retries, adaptations, billed_before = 0, 0, False
        while True:
            await self._learn_kind(api, call, ends)
            wire = self._wire(call)
            request = self._request(call, wire, ends, limit)
            outcome = await exchange(api, request, scrub=self._scrub, where=where, proxy=proxy, on_text=on_text)
            adapted = adaptations < MOST_ADAPTATIONS and self._adapt(call, request, outcome.refusal)
            decision, wait, note = ("retry", 0.0, "") if adapted else self._decide(outcome, retries, ends)
            attempts.append(_attempt(len(attempts) + 1, outcome, decision, wait))
            if on_attempt is not None:
                on_attempt(attempts[-1])
            if decision != "retry" or wait is None:
                break
            adaptations += adapted
            retries += not adapted
            billed_before = billed_before or outcome.may_be_billed
            await asyncio.sleep(wait)
        notes = [note]
        if billed_before and not outcome.may_be_billed and outcome.reply.status not in FINAL:
            notes.append("an earlier attempt was sent and may have been billed")
        if outcome.reply.error_code == "timeout" and len(attempts) > 1:  # what failed before is why there was so little time
            notes.append(f"the attempt before: {attempts[-2].error}")
        reply = replace(self._reply(call, wire, outcome, notes), attempts=tuple(attempts))
        paused = replace(reply, status="cancelled") if decision == "pause" else reply
        return replace(paused, resume_at=None if wait is None else time.time() + wait)

    def _reply(self, call: Call, wire: WireParameters, outcome: Exchange, notes: Sequence[str] = ()) -> Reply:
        """Return the reply to a call that the outcome of its last request is, in the user's names for its parameters."""
        reply, proxy = outcome.reply, self._route.proxy
        words = [reply.error, *notes]
        if reply.error_code == "auth":
            words.append(self._access_hint)
        rejected = wire.asked(reply.rejected)
        words += [known.remedy for known in setting_effects(call.model, call.parameters, provider=self.provider)
                  if known.parameter in rejected]  # fmt: skip
        if proxy is not None and reply.error_code in PROXY_CODES and proxy.url not in (reply.error or ""):
            words.append(f"asked through the proxy {proxy}")
        return replace(
            reply,
            error="; ".join(filter(None, words)) or None,
            requested=dict(call.parameters),
            rejected=rejected,
            applied=None if reply.applied is None else wire.asked(reply.applied),
        )

    # -- batches: the same requests and answers, carried in files -------------------------------------------------------------

    async def learn(self, call: Call) -> None:
        """Ask the server what it is, where the names of a call's parameters depend on that; see `body`."""
        await self._learn_kind(self._connected(), call, asyncio.get_running_loop().time() + KIND_S)

    def body(self, call: Call) -> Mapping[str, Any]:
        """Return the body of the request that `complete` sends for a call."""
        return self._request(call, self._wire(call), 0.0, 0.0).body

    def read(self, call: Call, http_status: int, body: bytes, *, started_at: str, latency_ms: float) -> Reply:
        """Return the reply to a call whose answer came in a file.

        Parameters
        ----------
        call
            The call, as it was asked.
        http_status, body
            The answer.
        started_at, latency_ms
            When it was asked, and how long its answer took to come (milliseconds): what is known of its one attempt.
        """
        wire = self._wire(call)
        outcome = read_answer(self._request(call, wire, 0.0, 0.0), http_status, body, scrub=self._scrub)
        decision = "accept" if outcome.reply.status in FINAL else "stop"
        attempt = replace(_attempt(1, outcome, decision, None), started_at=started_at, latency_ms=latency_ms)
        return replace(self._reply(call, wire, outcome), latency_ms=None, attempts=(attempt,))

    @property
    def queries(self) -> Queries:
        """What else the server can be asked, with the same key, headers and route."""
        return Queries(
            api=self._connected,
            url=self._url,
            headers=self._headers,
            authorized=self._key is not None,
            scrub=self._scrub,
            proxy=self._route.proxy,
            access_hint=self._access_hint,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._kind_query is not None:
            self._kind_query.cancel()
        if self._api is not None:
            api, self._api = self._api, None
            await api.close()

    def _connected(self) -> openai.AsyncOpenAI:
        if self._offline:
            raise Offline(
                f"PPLAB_OFFLINE=1 is set, so nothing was sent to {self._scrub(self._url)}",
                hint="unset it, use a recording, or use the embedded model",
            )
        if self._api is None:
            self._api = connect(self._url, self._key, self._transport, self._route, organization=self._organization)
        return self._api

    def _scrub(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return self._scrub_more(text)

    async def _learn_kind(self, api: openai.AsyncOpenAI, call: Call, ends: float) -> None:
        """Ask a server what it is, where the call has a parameter whose name depends on that; all calls share one question."""
        if self._kind_is_known or SELF_HOSTED_NAMES.isdisjoint(call.parameters):
            return
        if self._kind_query is None:
            self._kind_query = asyncio.get_running_loop().create_task(self._ask_kind(api))
        with suppress(TimeoutError):  # then the call has no time left either, and says so
            async with asyncio.timeout_at(ends):
                await asyncio.shield(self._kind_query)

    async def _ask_kind(self, api: openai.AsyncOpenAI) -> None:
        ends = asyncio.get_running_loop().time() + KIND_S
        url = models_url(self._url)
        try:
            listed = await fetch_json(api, url, self._headers, authorized=self._key is not None, ends=ends)
        except ConnectionError as error:  # the call itself will tell; the next one asks again
            log_error(f"{self._scrub(url)} could not be asked which kind of server it is", error)
            return
        finally:
            self._kind_query = None
        models = listed.get("data") if isinstance(listed, dict) else None
        owners = [str(model.get("owned_by")) for model in (models if isinstance(models, list) else []) if isinstance(model, dict)]
        self._kind = kind_of_owners(owners) or self._kind
        self._kind_is_known = True

    def _wire(self, call: Call) -> WireParameters:
        return wire_parameters(call.parameters, self._kind, self._dialect(call.model).token_limit)

    def _request(self, call: Call, wire: WireParameters, ends: float, deadline: float) -> Request:
        dialect = self._dialect(call.model)
        body: dict[str, Any] = {"model": call.model, "messages": [dict(message) for message in call.messages]}
        body |= wire.fields
        if call.stream:
            body["stream"] = True
            if dialect.stream_options:
                body["stream_options"] = {"include_usage": True}
        headers = self._headers if self._transport is None else {"X-PPLab-Replicate": str(call.replicate)}
        return Request(
            url=chat_url(self._url),
            body=body,
            sent=wire.sent,
            stream=call.stream,
            headers=headers,
            authorized=self._key is not None,
            ends=ends,
            deadline=deadline,
        )

    def _dialect(self, model: str) -> Dialect:
        return self._dialects.get(model) or Dialect(token_limit_name(model))

    def _adapt(self, call: Call, request: Request, refusal: Refusal | None) -> bool:
        """Adopt the dialect that the server's refusal calls for; return whether the request would now differ."""
        if refusal is None or not (refusal.rename or refusal.no_stream_options):
            return False
        dialect = self._dialect(call.model)
        if refusal.rename:
            other = "max_tokens" if "max_completion_tokens" in request.sent else "max_completion_tokens"
            dialect = replace(dialect, token_limit=other)
        if refusal.no_stream_options:
            dialect = replace(dialect, stream_options=False)
        self._dialects[call.model] = dialect
        changed = self._request(call, self._wire(call), request.ends, request.deadline)
        return changed.body != request.body

    def _decide(self, outcome: Exchange, retries: int, ends: float) -> tuple[str, float | None, str]:
        """Return the decision on an attempt, the seconds to wait, and what to add to its error."""
        if not outcome.retry:
            return ("accept" if outcome.reply.status in FINAL else "stop"), None, ""
        text = "" if outcome.refusal is None or outcome.raw is None else outcome.raw.decode("utf-8", "replace")
        requested = requested_wait(outcome.headers, time.time(), text)
        left = ends - asyncio.get_running_loop().time()
        if requested is not None and requested >= left:
            at = time.strftime("%H:%M" if requested >= 120 else "%H:%M:%S", time.localtime(time.time() + requested))
            return "pause", requested, f"the server asks to wait {_duration(requested)}: retry at {at}"
        if retries >= self._max_retries:
            return "stop", None, f"given up after {_attempts(retries + 1)}"
        spread = backoff(retries, self._backoff, self._draw)
        wait = requested + min(spread, requested / 10) if requested else spread
        if wait >= left:
            return "stop", None, f"no time left for another attempt after {_attempts(retries + 1)}"
        return "retry", wait, ""


def _attempt(number: int, outcome: Exchange, decision: str, wait: float | None) -> Attempt:
    return Attempt(
        attempt=number,
        started_at=outcome.started_at,
        latency_ms=outcome.latency_ms,
        http_status=outcome.http_status,
        headers=outcome.safe_headers,
        decision=decision,
        wait_s=wait,
        error_code=outcome.reply.error_code,
        error=outcome.reply.error,
        raw=outcome.raw,
        raw_size=outcome.raw_size,
        raw_sha256=outcome.raw_sha256,
    )


def _attempts(count: int) -> str:
    return "one attempt" if count == 1 else f"{count} attempts"


def _duration(seconds: float) -> str:
    """Return a wait in words.

    Examples
    --------
    >>> _duration(600), _duration(90), _duration(7200)
    ('10 min', '90 s', '2 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
