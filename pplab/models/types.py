"""The records of a model call: the call, its attempts, its reply; and the source that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


Place = tuple[str | None, str | None]
"""Where a call goes: the name of its endpoint (``None``: the lab's own server) and its provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One replicate to be sent to a model.

    ``parameters`` holds only what the user set (names of `pplab.plan.parameters`, and the replicate's ``seed``); nothing else is
    sent. ``request_key`` is the identity of the call, see `pplab.models.request_key`. ``provider`` is the server that is asked
    (host and port, or ``embedded``), ``endpoint`` its name in the configuration; ``None`` is the lab's own server.
    """

    model: str
    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, Any]
    replicate: int
    request_key: str
    stream: bool = False
    provider: str = ""
    endpoint: str | None = None

    @property
    def place(self) -> Place:
        """The endpoint and the provider that the call goes to."""
        return self.endpoint, self.provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One HTTP request of a call and the decision taken on its outcome.

    ``decision`` is ``accept`` (an answer, good or bad, or a rejected parameter), ``retry``, ``pause`` (the server asks to wait
    longer than the deadline) or ``stop`` (no answer, and asking again would not help). ``raw`` is the body as received, without
    secrets, capped at 256 KB (``raw_size`` and ``raw_sha256`` describe the whole body). ``headers`` holds only headers known to
    carry no secret. Times: ``started_at`` ISO 8601 UTC, ``latency_ms`` milliseconds, ``wait_s`` seconds waited before the next
    attempt. ``replayed``: it comes from a recording and says nothing about how the server fares now.
    """

    attempt: int
    started_at: str
    latency_ms: float
    http_status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    decision: str = "accept"
    wait_s: float | None = None
    error_code: str | None = None
    error: str | None = None
    raw: bytes | None = None
    raw_size: int | None = None
    raw_sha256: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The outcome of a call, good or bad.

    ``status`` is one of `pplab.plan.vocabulary.STATUSES`; ``error`` says in plain words why it is not ok.
    ``None`` for a token count means unknown, never zero. ``requested`` is what the user asked for, ``sent`` what went out,
    ``rejected`` what the server refused, ``applied`` what it confirmed (``None``: it did not say).
    ``latency_ms`` and ``first_token_ms`` are those of the last attempt, without waits.
    ``resume_at`` is set (UNIX seconds) when the server asked for a wait longer than the deadline: the run should pause.
    ``stop_run`` is set when no further call of the run can succeed (quota, authentication).
    """

    status: str
    text: str = ""
    error: str | None = None
    error_code: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    usage: Mapping[str, Any] | None = None
    requested: Mapping[str, Any] = field(default_factory=dict)
    sent: Mapping[str, Any] = field(default_factory=dict)
    rejected: Mapping[str, Any] = field(default_factory=dict)
    applied: Mapping[str, Any] | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None
    attempts: tuple[Attempt, ...] = ()
    resume_at: float | None = None
    stop_run: bool = False


class Source(Protocol):
    """A source of replies: a model's client, or a recording in front of it."""

    async def complete(
        self,
        call: Call,
        *,
        deadline: float,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call, without secrets in any of it; only cancellation is raised."""
