"""Provider errors: what a server's error message says and which parameters it names, wherever in the body it stands."""

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

EXCERPT_CHARS = 200
MOST_ERRORS = 20
LARGEST_LITERAL = 20_000
CONTAINER_NAMES = frozenset(
    {"", "$", "#", "body", "query", "parameters", "generationConfig", "generation_config"}
)  # places, not parameters
# Codes of the content filter (Azure, also in its ``innererror``; OpenAI; Alibaba; Moonshot).
FILTER_CODES = re.compile(
    r"content_?filter|invalid_prompt|content_?policy|responsible_?ai|moderation|data_?inspection|safety", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ProviderError:
    """An error as its provider words it, wherever in the body that stands.

    ``parameters``: those it names as the cause, each with its message.
    """

    message: str
    code: str = ""
    kind: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def provider_error(body: object) -> ProviderError | None:
    """Return the error that a parsed body describes, in any of the common shapes, or ``None``.

    Examples
    --------
    >>> error = provider_error({"detail": [{"loc": ["body", "top_p"], "msg": "Input should be less than 1"}]})
    >>> error.message, dict(error.parameters)
    ('top_p: Input should be less than 1', {'top_p': 'Input should be less than 1'})
    """
    if isinstance(body, list):
        errors = [error for item in body[:MOST_ERRORS] if (error := provider_error(item)) is not None]
        return _combined(errors) if errors else None
    if not isinstance(body, dict):
        return None
    for name in ("error", "detail", "errors"):
        value = body.get(name)
        if isinstance(value, str) and value:
            return _from_message(value)
        if isinstance(value, dict) and value and name != "errors":
            return provider_error(value) if "error" in value else _from_object(value)
        if isinstance(value, list) and (listed := provider_error(value)) is not None:
            return listed
    if any(isinstance(body.get(name), str) for name in ("message", "msg", "description")):
        return _from_object(body)
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
    text = text[: 200 * EXCERPT_CHARS]
    if re.search(r"<(?:!doctype|html|body|head)\b", text, re.IGNORECASE):
        text = re.sub(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", " ", text, flags=re.IGNORECASE | re.DOTALL)
        text = unescape(re.sub(r"<[^>]*>", " ", text))
    return one_line(text)


def one_line(text: str) -> str:
    """Return ``text`` on one line, without control characters, at most 200 characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 20 * EXCERPT_CHARS]).split())
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "…"


def _from_object(error: Mapping[str, Any]) -> ProviderError:
    """Return the error that an object with a message describes, with what stands inside it (details, a nested answer)."""
    message = next((v for n in ("message", "msg", "description", "type") if (v := error.get(n))), "no explanation given")
    outer = _from_message(str(message))
    if outer.parameters == {} and (inner := provider_error(_nested(error))) is not None:
        outer = replace(inner, message=outer.message) if inner.message in outer.message else _with_inner(outer, inner)
    code, kind = str(error.get("code") or outer.code), str(error.get("type") or outer.kind)
    if isinstance(deeper := error.get("innererror"), dict):  # Azure
        code = code if FILTER_CODES.search(code) else str(deeper.get("code") or code)
    names = dict(outer.parameters) or dict.fromkeys(filter(None, [_parameter(error)]), outer.message)
    return ProviderError(outer.message, code, kind, names)


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
            if isinstance(detail, dict) and isinstance(violations := detail.get("fieldViolations"), list):
                return violations
    return details


def _from_message(message: str) -> ProviderError:
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
    named = [step for step in steps if step and step not in CONTAINER_NAMES]
    return named[0] if named else ""


def _combined(errors: Sequence[ProviderError]) -> ProviderError:
    """Return several errors as one that names the parameters of all."""
    if len(errors) == 1 and not errors[0].parameters:
        return errors[0]
    parameters: dict[str, str] = {}
    for error in errors:
        for name, message in error.parameters.items():
            parameters.setdefault(name, message)
    words = [
        next((f"{name}: {text}" for name, text in error.parameters.items() if text == error.message), error.message)
        for error in errors
    ]
    first = errors[0]
    return ProviderError(one_line("; ".join(dict.fromkeys(words))), first.code, first.kind, parameters)


def _with_inner(outer: ProviderError, inner: ProviderError) -> ProviderError:
    return ProviderError(one_line(f"{outer.message}: {inner.message}"), inner.code, inner.kind, inner.parameters)
