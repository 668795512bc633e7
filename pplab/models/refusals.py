"""What a request that brought no answer means: in plain words, whether asking again can help, which parameter was at fault."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any

from pplab.models.replies import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

EXCERPT = 200
PASSING = frozenset({408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})  # may be gone at the next attempt
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance", "insufficient_credits"}
)
MEANT_STATUS = {
    **dict.fromkeys(QUOTA_CODES, 402),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error"), 429),
    **dict.fromkeys(("overloaded_error", "engine_overloaded"), 529),
}
# Providers that say so only in words, with status 400, 402 or 403 (Anthropic, DeepSeek, OpenRouter). Never applied to 429:
# Gemini calls a limit per minute "your current quota".
QUOTA_WORDS = re.compile(r"credit balance is too low|insufficient (?:balance|credits|funds|quota)", re.IGNORECASE)
BLAME = re.compile(
    r"unsupported|not (?:be )?(?:supported|allowed|permitted|available|valid|accepted|specified|set|recogni[sz]ed)|n't support"
    r"|does not|doesn't|cannot|can't|unknown|unrecogni[sz]ed|unexpected|invalid|deprecated|only|must|should|range|between"
    r"|less than|greater than|at (?:most|least)|extra|too (?:large|small|high|low|big|long)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request brought no answer.

    Parameters
    ----------
    code
        A stable word: ``rate_limited``, ``quota``, ``auth``, ``unknown_model``, ``rejected``, ``bad_request``, ``too_large``,
        ``redirected``, ``server_error`` or ``provider_error``.
    error
        The same in plain words, one line.
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
    """

    code: str
    error: str
    retry: bool = False
    stop_run: bool = False
    rejected: Mapping[str, str] = field(default_factory=dict)
    rename: bool = False
    no_stream_options: bool = False


@dataclass(frozen=True, slots=True)
class ProviderError:
    """The provider's own words about an error, wherever in the body it put them."""

    message: str
    code: str = ""
    kind: str = ""
    parameter: str = ""


def judge(http_status: int, text: str, location: str, sent: Mapping[str, Any]) -> Refusal:
    """Return what an answer with an error status means.

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
    >>> judge(400, '{"error": {"message": "Unsupported parameter", "param": "top_p"}}', "", {"top_p": 1}).rejected
    {'top_p': 'Unsupported parameter'}
    >>> judge(502, "<html><title>Bad gateway</title></html>", "", {}).error
    'the server failed (HTTP 502): Bad gateway'
    """
    try:
        said = provider_error(parse_json(text))
    except ValueError:
        said = None
    return judge_said(http_status, said or ProviderError(excerpt(text) or "no explanation given"), location, sent)


def judge_said(http_status: int, said: ProviderError, location: str, sent: Mapping[str, Any]) -> Refusal:
    """Return what a provider's error with this status means; see `judge`."""
    words = said.message
    if 300 <= http_status < 400:
        return Refusal("redirected", f"the server redirects to {location or 'nowhere'}; use the right base URL", stop_run=True)
    if said.code in QUOTA_CODES or said.kind in QUOTA_CODES or http_status == 402:
        return Refusal("quota", f"quota used up: {words}", stop_run=True)
    if http_status == 429:
        return Refusal("rate_limited", f"rate limited (HTTP 429): {words}", retry=True)
    if http_status in (400, 403) and QUOTA_WORDS.search(words):
        return Refusal("quota", f"quota used up: {words}", stop_run=True)
    if http_status in (401, 403):
        return Refusal("auth", f"access denied (HTTP {http_status}): {words}", stop_run=True)
    if http_status == 404:
        return Refusal("unknown_model", f"no such model or address (HTTP 404): {words}", stop_run=True)
    if http_status == 413:
        return Refusal("too_large", f"the request is too large (HTTP 413): {words}")
    if http_status in (400, 422):
        return _bad_request(http_status, said, sent)
    if http_status >= 500 or http_status in PASSING:
        return Refusal("server_error", f"the server failed (HTTP {http_status}): {words}", retry=http_status in PASSING)
    return Refusal("bad_request", f"the server refused (HTTP {http_status}): {words}")


def judge_in_success(said: ProviderError, sent: Mapping[str, Any]) -> Refusal:
    """Return what an error that came with HTTP 200 means: its code may be the true status (OpenRouter), or a word for it."""
    if re.fullmatch(r"[45]\d\d", said.code):
        return judge_said(int(said.code), said, "", sent)
    for word in (said.code, said.kind):
        if word in MEANT_STATUS:
            return judge_said(MEANT_STATUS[word], said, "", sent)
    return Refusal("provider_error", f"the provider answered with an error: {said.message}")


def provider_error(body: object) -> ProviderError | None:
    """Return the error that a parsed body describes, in any of the common shapes, or ``None``.

    Examples
    --------
    >>> provider_error({"detail": [{"loc": ["body", "top_p"], "msg": "Input should be less than 1"}]}).parameter
    'top_p'
    """
    if isinstance(body, list) and body:
        return provider_error(body[0])
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, str) and error:
        return ProviderError(one_line(error))
    if isinstance(error, dict) and error:
        return _described(error)
    if isinstance(detail := body.get("detail"), str):
        return ProviderError(one_line(detail))
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        first = detail[0]
        where = first.get("loc")
        name = str(where[-1]) if isinstance(where, list) and where else ""
        return ProviderError(one_line(f"{name}: {first.get('msg', '')}"), parameter=name)
    if isinstance(body.get("message"), str):
        return _described(body)
    return None


def error_in_success(body: Mapping[str, Any]) -> ProviderError | None:
    """Return the error that a body sent with HTTP 200 holds instead of an answer, or ``None``."""
    choices = body.get("choices")
    if choices:
        first = choices[0] if isinstance(choices, list) and isinstance(choices[0], dict) else {}
        return provider_error(first) if first.get("error") and not first.get("message") else None
    if body.get("error") or body.get("object") == "error" or body.get("type") == "error":
        return provider_error(body)
    return None


def excerpt(text: str) -> str:
    """Return the first 200 characters of a body as one line of text: an HTML page without its tags.

    Examples
    --------
    >>> excerpt("<html><head><style>p {}</style></head><body><p>Try&nbsp;later</p></body></html>")
    'Try later'
    """
    text = text[: 200 * EXCERPT]
    if re.search(r"<(?:!doctype|html|body|head)\b", text, re.IGNORECASE):
        text = re.sub(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", " ", text, flags=re.IGNORECASE | re.DOTALL)
        text = unescape(re.sub(r"<[^>]*>", " ", text))
    return one_line(text)


def one_line(text: str) -> str:
    """Return ``text`` on one line, without control characters, at most 200 characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 20 * EXCERPT]).split())
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def _described(error: Mapping[str, Any]) -> ProviderError:
    message = error.get("message") or error.get("msg") or error.get("type") or "no explanation given"
    return ProviderError(
        one_line(str(message)),
        code=str(error.get("code") or ""),
        kind=str(error.get("type") or ""),
        parameter=str(error.get("param") or ""),
    )


def _bad_request(http_status: int, said: ProviderError, sent: Mapping[str, Any]) -> Refusal:
    words = said.message
    if "stream_options" in (said.parameter, *re.findall(r"\w+", words)):
        return Refusal("bad_request", f"the server does not know stream_options: {words}", no_stream_options=True)
    rename = _asks_for_other_name(words, sent)
    blamed = _blamed(said, sent)
    if blamed:
        return Refusal(
            "rejected",
            f"the server rejects {' and '.join(blamed)}: {words}",
            rejected=dict.fromkeys(blamed, words),
            rename=rename,
        )
    return Refusal("bad_request", f"the server refused the request (HTTP {http_status}): {words}", rename=rename)


def _asks_for_other_name(words: str, sent: Mapping[str, Any]) -> bool:
    """Return whether the message asks for the other name of the token limit than the one sent."""
    both = {"max_tokens", "max_completion_tokens"}
    asked = re.search(r"\buse\W+(max_tokens|max_completion_tokens)\b", words, re.IGNORECASE)
    return asked is not None and {asked[1].lower()} == both - set(sent)


def _blamed(said: ProviderError, sent: Mapping[str, Any]) -> list[str]:
    """Return the parameters, among those sent, that the provider objects to."""
    if said.parameter:
        name = re.split(r"[.\[]", said.parameter)[0]
        return [name] if name in sent else []
    if not BLAME.search(said.message):
        return []
    return [name for name in sent if re.search(rf"\b{re.escape(name)}\b", said.message)]
