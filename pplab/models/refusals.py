"""Refusals: what a request that brought no answer means, in plain words, and whether asking again can help."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.models.completions import parse_json
from pplab.models.provider_errors import FILTER_CODES, ProviderError, excerpt, provider_error

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRYABLE_STATUSES = frozenset(
    {408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
)  # may be gone at the next attempt
FILTER_STATUSES = frozenset({400, 403, 422, 451})
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance", "insufficient_credits"}
)
STATUS_OF_CODE = {
    **dict.fromkeys(QUOTA_CODES, 402),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error"), 429),
    **dict.fromkeys(("overloaded_error", "engine_overloaded"), 529),
}
# Providers that say so only in words, with status 400, 402 or 403 (Anthropic, DeepSeek, OpenRouter). Never applied to 429:
# Gemini calls a limit per minute "your current quota".
QUOTA_WORDS = re.compile(r"credit balance is too low|insufficient (?:balance|credits|funds|quota)", re.IGNORECASE)
# Providers that have only words for the content filter (DeepSeek, OpenRouter).
FILTER_WORDS = re.compile(
    r"content management policy|content exists risk|inappropriate content|considered high risk|content[ _]polic(?:y|ies)"
    r"|(?:prompt|input|content|text|request|messages?) (?:was|were|has been|is|are) (?:\w+ )?flagged",
    re.IGNORECASE,
)
# What servers say when nothing answers at the address, also with status 200 (LM Studio).
NO_SUCH_ADDRESS = re.compile(
    r"unexpected endpoint|unsupported (?:endpoint|path|route)|(?:endpoint|route|path|url|page)\b.{0,80}\bnot found|no route"
    r"|not found.{0,20}(?:endpoint|route|path|url|page)|cannot post|method not allowed",
    re.IGNORECASE,
)
OBJECTION = re.compile(
    r"unsupported|not (?:be )?(?:supported|allowed|permitted|available|valid|accepted|specified|set|recogni[sz]ed)|n't support"
    r"|does not|doesn't|cannot|can't|unknown|unrecogni[sz]ed|unexpected|invalid|deprecated|only|must|should|range|between"
    r"|less than|greater than|at (?:most|least)|extra|too (?:large|small|high|low|big|long)",
    re.IGNORECASE,
)


# What gateways call a parameter towards the service behind them, whose refusal they pass on.
TRANSLATIONS = {
    "max_tokens": ("maxOutputTokens", "max_output_tokens"),
    "max_completion_tokens": ("maxOutputTokens", "max_output_tokens"),
    "stop": ("stop_sequences", "stopSequences"),
    "reasoning_effort": ("reasoning.effort", "output_config.effort", "thinking_level", "thinkingLevel"),
    "verbosity": ("text.verbosity",),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: why a request brought no answer, and whether asking again can help.

    Parameters
    ----------
    code
        Stable code: ``rate_limited``, ``quota``, ``auth``, ``unknown_model``, ``rejected``, ``filtered``, ``bad_request``,
        ``too_large``, ``redirected``, ``wrong_address``, ``server_error`` or ``provider_error``.
    error
        The reason in plain words, one line.
    retry
        Whether the same request may succeed later.
    stop_run
        Whether no further call of the run can succeed.
    rejected
        Parameters (names as sent) that the server refused, each with its words.
    rename
        Whether the server asks for ``max_completion_tokens`` in place of ``max_tokens``, or the other way round.
    no_stream_options
        Whether the server does not know ``stream_options``.
    wrong_address
        Whether nothing may stand at the address that was asked.
    """

    code: str
    error: str
    retry: bool = False
    stop_run: bool = False
    rejected: Mapping[str, str] = field(default_factory=dict)
    rename: bool = False
    no_stream_options: bool = False
    wrong_address: bool = False


def classify_error(http_status: int, text: str, location: str, sent: Mapping[str, Any]) -> Refusal:
    """Return the refusal that an answer with an error status is.

    Parameters
    ----------
    http_status
        The HTTP status, 300 or above.
    text
        The body.
    location
        The ``Location`` header, for redirections.
    sent
        The parameters that were sent, by the names they were sent under.

    Examples
    --------
    >>> classify_error(400, '{"error": {"message": "Unsupported parameter", "param": "top_p"}}', "", {"top_p": 1}).rejected
    {'top_p': 'Unsupported parameter'}
    >>> classify_error(502, "<html><title>Bad gateway</title></html>", "", {}).error
    'the server failed (HTTP 502): Bad gateway'
    """
    try:
        error = provider_error(parse_json(text))
    except ValueError:
        error = None
    return classify_provider_error(http_status, error or ProviderError(excerpt(text) or "no explanation given"), location, sent)


def classify_provider_error(http_status: int, error: ProviderError, location: str, sent: Mapping[str, Any]) -> Refusal:
    """Return the refusal that a provider's error with this status is; see `classify_error`."""
    message = error.message
    if 300 <= http_status < 400:
        return Refusal(
            "redirected",
            f"the server redirects to {location or 'an address that it does not name'}; correct the base URL",
            stop_run=True,
        )
    if error.code in QUOTA_CODES or error.kind in QUOTA_CODES or http_status == 402:
        return Refusal("quota", f"quota used up: {message}", stop_run=True)
    if http_status == 429:
        return Refusal("rate_limited", f"rate limited (HTTP 429): {message}", retry=True)
    if http_status in (400, 403) and QUOTA_WORDS.search(message):
        return Refusal("quota", f"quota used up: {message}", stop_run=True)
    if http_status in FILTER_STATUSES and (http_status == 451 or _filtered(error)):
        return Refusal("filtered", f"the provider's content filter stopped the prompt: {message}")
    if http_status in (401, 403):
        return Refusal("auth", f"access denied (HTTP {http_status}): {message}", stop_run=True)
    if http_status == 404:
        return Refusal("unknown_model", f"no such model or address (HTTP 404): {message}", stop_run=True, wrong_address=True)
    if http_status == 407:
        return Refusal("unreachable", f"the proxy asks for a user name and a password (HTTP 407): {message}", stop_run=True)
    if http_status == 413:
        return Refusal("too_large", f"the request is too large (HTTP 413): {message}")
    if http_status in (400, 422):
        return _bad_request(http_status, error, sent)
    if http_status >= 500 or http_status in RETRYABLE_STATUSES:
        return Refusal(
            "server_error", f"the server failed (HTTP {http_status}): {message}", retry=http_status in RETRYABLE_STATUSES
        )
    code = "wrong_address" if http_status == 405 else "bad_request"
    return Refusal(code, f"the server refused the request (HTTP {http_status}): {message}", wrong_address=http_status == 405)


def classify_error_in_success(error: ProviderError, sent: Mapping[str, Any]) -> Refusal:
    """Return the refusal that an error sent with HTTP 200 is: its code may be the true status (OpenRouter), or a word for it."""
    if re.fullmatch(r"[45]\d\d", error.code):
        return classify_provider_error(int(error.code), error, "", sent)
    for word in (error.code, error.kind):
        if word in STATUS_OF_CODE:
            return classify_provider_error(STATUS_OF_CODE[word], error, "", sent)
    if _filtered(error):
        return classify_provider_error(400, error, "", sent)
    message = f"the provider answered with an error: {error.message}"
    wrong_address = NO_SUCH_ADDRESS.search(error.message) is not None
    return Refusal("wrong_address" if wrong_address else "provider_error", message, wrong_address=wrong_address)


def address_words(url: str) -> str:
    """Return words that name the address of a request, and what may be missing from it.

    Examples
    --------
    >>> address_words("http://127.0.0.1:1234/chat/completions")
    'asked http://127.0.0.1:1234/chat/completions; the base URL has no /v1: try http://127.0.0.1:1234/v1'
    """
    path, has_query, _ = url.partition("?")
    base = path.removesuffix("/chat/completions").rstrip("/")
    words = f"asked {url}"
    if has_query or re.search(r"/v\d|/deployments/|/openai$", base):
        return words
    return f"{words}; the base URL has no /v1: try {base}/v1"


def _filtered(error: ProviderError) -> bool:
    """Return whether a provider's error says that its content filter stopped the prompt."""
    return any(FILTER_CODES.search(word) for word in (error.code, error.kind)) or FILTER_WORDS.search(error.message) is not None


def _bad_request(http_status: int, error: ProviderError, sent: Mapping[str, Any]) -> Refusal:
    message = error.message
    if "stream_options" in (*error.parameters, *re.findall(r"\w+", message)):
        return Refusal("bad_request", f"the server does not know stream_options: {message}", no_stream_options=True)
    rename = _wants_other_name(message, sent)
    names = _rejected_parameters(error, sent)
    if names:
        return Refusal(
            "rejected",
            f"the server rejects {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]}: {message}",
            rejected={name: next(filter(None, map(error.parameters.get, _names(name))), message) for name in names},
            rename=rename,
        )
    return Refusal("bad_request", f"the server refused the request (HTTP {http_status}): {message}", rename=rename)


def _wants_other_name(message: str, sent: Mapping[str, Any]) -> bool:
    """Return whether the message asks for the other name of the token limit than the one sent."""
    both = {"max_tokens", "max_completion_tokens"}
    wanted = re.search(r"\buse\W+(max_tokens|max_completion_tokens)\b", message, re.IGNORECASE)
    return wanted is not None and {wanted[1].lower()} == both - set(sent)


def _rejected_parameters(error: ProviderError, sent: Mapping[str, Any]) -> list[str]:
    """Return the parameters, among those sent, that the provider objects to: those it names, and those in its words.

    One that stands within an object is also named by that object's field, and servers translate names for others behind them.
    """
    named = [name for name in sent if not error.parameters.keys().isdisjoint(_names(name))]
    if (error.parameters and not named) or not OBJECTION.search(error.message):
        return named
    return [name for name in sent if name in named or re.search(_mention(name), error.message)]


def _names(name: str) -> tuple[str, ...]:
    """Return the names by which a server may speak of a parameter that was sent: its own, its object's, and translated ones."""
    outer, *inner = name.split(".")
    camel = re.sub(r"_(\w)", lambda letter: letter[1].upper(), outer)
    return (name, outer) if inner else (name, camel, *TRANSLATIONS.get(name, ()))


def _mention(name: str) -> str:
    """Return the pattern of a parameter's name in a message; the object around one is only meant where it is marked as a name."""
    outer, *inner = name.split(".")
    if inner:
        return rf"\b{re.escape(name)}\b|[`'\"]{re.escape(outer)}[`'\".]|\b{re.escape(outer)}\.\w"
    return "|".join(rf"\b{re.escape(known)}\b" for known in _names(name))
