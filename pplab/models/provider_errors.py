"""What a request that brought no answer means: in plain words, whether asking again can help, which parameter was at fault."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import unescape
from typing import TYPE_CHECKING, Any

from pplab.models.completions import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXCERPT = 200
MOST_ERRORS = 20
LARGEST_LITERAL = 20_000
AROUND = frozenset(
    {"", "$", "#", "body", "query", "parameters", "generationConfig", "generation_config"}
)  # places, not parameters
PASSING = frozenset({408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})  # may be gone at the next attempt
FILTER_STATUSES = frozenset({400, 403, 422, 451})
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
# Providers that name the filter in a code (Azure, also in its ``innererror``; OpenAI; Alibaba; Moonshot), and those that have
# only words for it (DeepSeek, OpenRouter).
FILTER_CODES = re.compile(
    r"content_?filter|invalid_prompt|content_?policy|responsible_?ai|moderation|data_?inspection|safety", re.IGNORECASE
)
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
        A stable word: ``rate_limited``, ``quota``, ``auth``, ``unknown_model``, ``rejected``, ``filtered``, ``bad_request``,
        ``too_large``, ``redirected``, ``wrong_address``, ``server_error`` or ``provider_error``.
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


@dataclass(frozen=True, slots=True)
class ProviderError:
    """The provider's own words about an error, wherever in the body it put them.

    ``parameters`` are those it names as being at fault, with what it says about each.
    """

    message: str
    code: str = ""
    kind: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


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
    if http_status in FILTER_STATUSES and (http_status == 451 or _filtered(said)):
        return Refusal("filtered", f"the provider's content filter stopped the prompt: {words}")
    if http_status in (401, 403):
        return Refusal("auth", f"access denied (HTTP {http_status}): {words}", stop_run=True)
    if http_status == 404:
        return Refusal("unknown_model", f"no such model or address (HTTP 404): {words}", stop_run=True, wrong_address=True)
    if http_status == 407:
        return Refusal("unreachable", f"the proxy asks for a user and a password (HTTP 407): {words}", stop_run=True)
    if http_status == 413:
        return Refusal("too_large", f"the request is too large (HTTP 413): {words}")
    if http_status in (400, 422):
        return _bad_request(http_status, said, sent)
    if http_status >= 500 or http_status in PASSING:
        return Refusal("server_error", f"the server failed (HTTP {http_status}): {words}", retry=http_status in PASSING)
    code = "wrong_address" if http_status == 405 else "bad_request"
    return Refusal(code, f"the server refused (HTTP {http_status}): {words}", wrong_address=http_status == 405)


def judge_in_success(said: ProviderError, sent: Mapping[str, Any]) -> Refusal:
    """Return what an error that came with HTTP 200 means: its code may be the true status (OpenRouter), or a word for it."""
    if re.fullmatch(r"[45]\d\d", said.code):
        return judge_said(int(said.code), said, "", sent)
    for word in (said.code, said.kind):
        if word in MEANT_STATUS:
            return judge_said(MEANT_STATUS[word], said, "", sent)
    if _filtered(said):
        return judge_said(400, said, "", sent)
    words = f"the provider answered with an error: {said.message}"
    wrong_address = NO_SUCH_ADDRESS.search(said.message) is not None
    return Refusal("wrong_address" if wrong_address else "provider_error", words, wrong_address=wrong_address)


def provider_error(body: object) -> ProviderError | None:
    """Return the error that a parsed body describes, in any of the common shapes, or ``None``.

    Examples
    --------
    >>> said = provider_error({"detail": [{"loc": ["body", "top_p"], "msg": "Input should be less than 1"}]})
    >>> said.message, dict(said.parameters)
    ('top_p: Input should be less than 1', {'top_p': 'Input should be less than 1'})
    """
    if isinstance(body, list):
        found = [one for item in body[:MOST_ERRORS] if (one := provider_error(item)) is not None]
        return _together(found) if found else None
    if not isinstance(body, dict):
        return None
    for name in ("error", "detail", "errors"):
        value = body.get(name)
        if isinstance(value, str) and value:
            return _in_words(value)
        if isinstance(value, dict) and value and name != "errors":
            return provider_error(value) if "error" in value else _described(value)
        if isinstance(value, list) and (listed := provider_error(value)) is not None:
            return listed
    if any(isinstance(body.get(name), str) for name in ("message", "msg", "description")):
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


def asked_at(url: str) -> str:
    """Return the address that was asked, and what may be missing from it, in words.

    Examples
    --------
    >>> asked_at("http://127.0.0.1:1234/chat/completions")
    'asked http://127.0.0.1:1234/chat/completions; the base URL has no /v1: try http://127.0.0.1:1234/v1'
    """
    path, has_query, _ = url.partition("?")
    base = path.removesuffix("/chat/completions").rstrip("/")
    words = f"asked {url}"
    if has_query or re.search(r"/v\d|/deployments/|/openai$", base):
        return words
    return f"{words}; the base URL has no /v1: try {base}/v1"


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
    """Return the error that an object with a message describes, with what stands inside it (details, a nested answer)."""
    said = next((v for n in ("message", "msg", "description", "type") if (v := error.get(n))), "no explanation given")
    whole = _in_words(str(said))
    if whole.parameters == {} and (inner := provider_error(_nested(error))) is not None:
        whole = replace(inner, message=whole.message) if inner.message in whole.message else _joined(whole, inner)
    code, kind = str(error.get("code") or whole.code), str(error.get("type") or whole.kind)
    if isinstance(deeper := error.get("innererror"), dict):  # Azure
        code = code if FILTER_CODES.search(code) else str(deeper.get("code") or code)
    names = dict(whole.parameters) or dict.fromkeys(filter(None, [_parameter(error)]), whole.message)
    return ProviderError(whole.message, code, kind, names)


def _nested(error: Mapping[str, Any]) -> object:
    """Return where an error object keeps a list of its parts, or the answer of whoever it passes on (OpenRouter)."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    inner = next((v for n in ("details", "errors", "detail") if isinstance(v := error.get(n), list)), raw)
    return _parsed(inner) if isinstance(inner, str) else _violations(inner)


def _violations(details: object) -> object:
    """Return Google's list of field violations out of a list of details; another list as it is."""
    if isinstance(details, list):
        for detail in details:
            if isinstance(detail, dict) and isinstance(found := detail.get("fieldViolations"), list):
                return found
    return details


def _in_words(message: str) -> ProviderError:
    """Return the error that a message describes: itself, or the JSON (vLLM: the Python) within it."""
    start = min((at for mark in "[{" if (at := message.find(mark)) >= 0), default=-1)
    if start >= 0 and (inner := provider_error(_parsed(message[start:].strip()))) is not None:
        return inner
    return ProviderError(one_line(message))


def _parsed(text: str) -> object:
    with suppress(ValueError):  # it is no JSON
        return parse_json(text)
    if len(text) <= LARGEST_LITERAL:
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError):  # nor Python
            return ast.literal_eval(text)
    return None


def _parameter(error: Mapping[str, Any]) -> str:
    """Return the parameter that an object names as being at fault, without the places around it, or an empty string."""
    where = next((v for n in ("loc", "param", "field", "parameter", "path") if (v := error.get(n))), "")
    steps = [str(step) for step in where] if isinstance(where, (list, tuple)) else re.split(r"[.\[/]", str(where))
    named = [step for step in steps if step and step not in AROUND]
    return named[0] if named else ""


def _together(found: Sequence[ProviderError]) -> ProviderError:
    """Return several errors as one that names the parameters of all."""
    if len(found) == 1 and not found[0].parameters:
        return found[0]
    parameters: dict[str, str] = {}
    for one in found:
        for name, said in one.parameters.items():
            parameters.setdefault(name, said)
    words = [
        next((f"{name}: {text}" for name, text in one.parameters.items() if text == one.message), one.message) for one in found
    ]
    first = found[0]
    return ProviderError(one_line("; ".join(dict.fromkeys(words))), first.code, first.kind, parameters)


def _joined(outer: ProviderError, inner: ProviderError) -> ProviderError:
    return ProviderError(one_line(f"{outer.message}: {inner.message}"), inner.code, inner.kind, inner.parameters)


def _filtered(said: ProviderError) -> bool:
    """Return whether a provider's error says that its content filter stopped the prompt."""
    return any(FILTER_CODES.search(word) for word in (said.code, said.kind)) or FILTER_WORDS.search(said.message) is not None


def _bad_request(http_status: int, said: ProviderError, sent: Mapping[str, Any]) -> Refusal:
    words = said.message
    if "stream_options" in (*said.parameters, *re.findall(r"\w+", words)):
        return Refusal("bad_request", f"the server does not know stream_options: {words}", no_stream_options=True)
    rename = _asks_for_other_name(words, sent)
    blamed = _blamed(said, sent)
    if blamed:
        return Refusal(
            "rejected",
            f"the server rejects {', '.join(blamed[:-1])}{' and ' if blamed[1:] else ''}{blamed[-1]}: {words}",
            rejected={name: said.parameters.get(name, words) for name in blamed},
            rename=rename,
        )
    return Refusal("bad_request", f"the server refused the request (HTTP {http_status}): {words}", rename=rename)


def _asks_for_other_name(words: str, sent: Mapping[str, Any]) -> bool:
    """Return whether the message asks for the other name of the token limit than the one sent."""
    both = {"max_tokens", "max_completion_tokens"}
    asked = re.search(r"\buse\W+(max_tokens|max_completion_tokens)\b", words, re.IGNORECASE)
    return asked is not None and {asked[1].lower()} == both - set(sent)


def _blamed(said: ProviderError, sent: Mapping[str, Any]) -> list[str]:
    """Return the parameters, among those sent, that the provider objects to: those it names, and those in its words."""
    named = [name for name in sent if name in said.parameters]
    if (said.parameters and not named) or not BLAME.search(said.message):
        return named
    return [name for name in sent if name in named or re.search(rf"\b{re.escape(name)}\b", said.message)]
