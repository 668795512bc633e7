"""Requests as they arrive: the body of a chat completion, checked, as one record; refusals are `Refusal`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pplab.models.embedded.sampling import Sampling, draw_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL: Final = "embedded"
"""The name under which the model answers."""

PROMPT_LIMIT: Final = 1_000_000
"""Characters of all messages together that the model reads; more is refused, as a provider refuses a full window."""

IGNORED: Final = frozenset({"user", "metadata", "store"})
"""Parameters that a server takes for its own bookkeeping; they do not touch the answer."""

_SAMPLING = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
}
_OTHERS = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "seed", "stop", "n"})
_OUTPUT = frozenset({"logprobs", "top_logprobs", "stream", "stream_options"})
_ROLES = frozenset({"system", "developer", "user", "assistant"})


class Refusal(Exception):
    """A request that the server answers with status 400 in OpenAI's error format."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One checked chat completion request.

    Attributes
    ----------
    seed
        As sent; ``None`` means that the identity of the call decides.
    replicate
        Which of several equal calls this is; it only matters where no seed is given.
    """

    messages: tuple[Mapping[str, str], ...]
    sampling: Sampling
    n: int = 1
    seed: int | None = None
    logprobs: bool = False
    stream: bool = False
    include_usage: bool = False
    replicate: str = "0"

    @classmethod
    def of(cls, body: Mapping[str, Any], *, replicate: str = "0") -> ChatRequest:
        """Check a request body, or raise `Refusal` naming the parameter that is wrong."""
        given = {name: value for name, value in body.items() if value is not None}
        unknown = sorted(given.keys() - _OTHERS - _OUTPUT - _SAMPLING.keys() - IGNORED)
        if unknown:
            raise Refusal(f"Unknown parameter: '{unknown[0]}'.", param=unknown[0], code="unknown_parameter")
        if given.get("model") != MODEL:
            raise Refusal(
                f"The model {given.get('model')!r} does not exist here; this server has '{MODEL}'.",
                param="model",
                code="model_not_found",
            )
        logprobs, top = _flag(given, "logprobs"), _whole(given, "top_logprobs", 0, 20)
        if top is not None and not logprobs:
            raise Refusal("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
        stream = _flag(given, "stream")
        return cls(
            messages=_messages(given),
            sampling=Sampling(
                **{name: _number(given, name, *limits) for name, limits in _SAMPLING.items() if name in given},
                max_tokens=_max_tokens(given),
                stop=_stop(given),
                top_logprobs=top or 0,
            ),
            n=_whole(given, "n", 1, 128) or 1,
            seed=_whole(given, "seed", -(2**63), 2**63 - 1),
            logprobs=logprobs,
            stream=stream,
            include_usage=_include_usage(given, stream=stream),
            replicate=replicate,
        )

    def identity(self) -> tuple[object, ...]:
        """Return what distinguishes this call from others: messages, sampling and seed, or replicate where no seed is.

        ``max_tokens``, ``stop``, ``n`` and ``stream`` do not take part: they cut or repeat an answer, and the cut
        answer should be the beginning of the whole one.
        """
        s = self.sampling
        turns = tuple((message["role"], message["content"]) for message in self.messages)
        draw = (s.temperature, s.top_p, s.frequency_penalty, s.presence_penalty)
        return (MODEL, turns, draw, ("seed", self.seed) if self.seed is not None else ("replicate", self.replicate))

    def draw_seed(self, choice: int) -> int:
        """Return the seed of one choice: from the seed alone where it is given, else from the identity."""
        return draw_seed(*(("seed", self.seed) if self.seed is not None else self.identity()), choice)


def parse(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a request's content, or raise `Refusal`."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise Refusal("We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise Refusal("The body of the request must be a JSON object.")
    return body


def _number(given: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"Invalid type for '{name}': expected a number.", param=name, code="invalid_type")
    if not low <= value <= high or (name == "top_p" and value == 0):
        interval = f"{'(' if name == 'top_p' else '['}{low:g}, {high:g}]"
        raise Refusal(f"Invalid '{name}': {value} is not in {interval}.", param=name, code="invalid_value")
    return float(value)


def _whole(given: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(f"Invalid type for '{name}': expected an integer.", param=name, code="invalid_type")
    if not low <= value <= high:
        raise Refusal(f"Invalid '{name}': {value} is not in [{low}, {high}].", param=name, code="invalid_value")
    return value


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise Refusal(f"Invalid type for '{name}': expected a boolean.", param=name, code="invalid_type")
    return value


def _max_tokens(given: Mapping[str, Any]) -> int | None:
    if "max_tokens" in given and "max_completion_tokens" in given:
        raise Refusal(
            "'max_tokens' and 'max_completion_tokens' cannot be used together.", param="max_tokens", code="invalid_value"
        )
    name = "max_tokens" if "max_tokens" in given else "max_completion_tokens"
    return _whole(given, name, 1, 2**31)


def _stop(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("stop", [])
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(s, str) and s for s in stops):
        raise Refusal("Invalid 'stop': expected a text or up to four non-empty texts.", param="stop", code="invalid_value")
    return tuple(stops)


def _include_usage(given: Mapping[str, Any], *, stream: bool) -> bool:
    options = given.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise Refusal("'stream_options' is only allowed when 'stream' is true.", param="stream_options")
    if not isinstance(options, dict) or options.keys() - {"include_usage"}:
        raise Refusal("Invalid 'stream_options': only 'include_usage' is known.", param="stream_options")
    return _flag(options, "include_usage")


def _messages(given: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    messages = given.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal("Invalid 'messages': expected at least one message.", param="messages", code="invalid_type")
    checked = tuple(_message(message, number) for number, message in enumerate(messages))
    if sum(len(message["content"]) for message in checked) > PROMPT_LIMIT:
        raise Refusal(
            f"The messages are longer than the {PROMPT_LIMIT:,} characters that this model reads.",
            param="messages",
            code="context_length_exceeded",
        )
    return checked


def _message(message: object, number: int) -> Mapping[str, str]:
    where = f"messages[{number}]"
    if not isinstance(message, dict) or str(message.get("role")) not in _ROLES:
        raise Refusal(f"Invalid '{where}': expected a role of {', '.join(sorted(_ROLES))}.", param=where)
    content = message.get("content")
    if isinstance(content, list):
        content = _joined(content)
    if not isinstance(content, str):
        raise Refusal(f"Invalid '{where}.content': expected text.", param=f"{where}.content", code="invalid_type")
    return {"role": message["role"], "content": content}


def _joined(parts: list[Any]) -> str | None:
    """Return the text of content parts, or ``None`` where one of them is not text."""
    texts = [part["text"] for part in parts if isinstance(part, dict) and part.keys() == {"type", "text"}]
    whole = len(texts) == len(parts) and all(isinstance(text, str) for text in texts)
    return "".join(texts) if whole else None
