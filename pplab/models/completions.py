"""Completions: a server's answer, whole or streamed, read into one `Reply` (status, text, tokens). No request is made here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplab.models.finish_reasons import ending
from pplab.models.reasoning import ThinkingFilter, split_at_lone_end, split_thinking, without_ends
from pplab.models.types import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# NaN and Infinity are not JSON; where a server writes them anyway, nothing is what they mean.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)

LARGEST_COUNT = 2**53
LONGEST_WORD = 200
REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")

# Where servers put token counts, in the order in which they are believed. Several names in one place are added up: what was
# read from a cache was read too.
_INPUT_NAMES: tuple[tuple[str, ...], ...] = (
    ("prompt_tokens",),
    ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    ("prompt_eval_count",),
    ("promptTokenCount",),
    ("prompt_n", "cache_n"),
)
_OUTPUT_NAMES: tuple[tuple[str, ...], ...] = (
    ("completion_tokens",),
    ("output_tokens",),
    ("eval_count",),
    ("candidatesTokenCount",),
    ("predicted_n",),
)


def parse_json(text: str) -> Any:
    """Return the JSON value that ``text`` is, or raise `ValueError`, also when it is nested too deeply to be read."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_completion(body: Mapping[str, Any], sent: Mapping[str, Any]) -> Reply:
    """Return the reply that a chat completion holds.

    Parameters
    ----------
    body
        The parsed response.
    sent
        The sampling parameters that were sent; those the body repeats are taken as confirmed.

    Examples
    --------
    >>> body = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "length"}], "usage": {"input_tokens": 3}}
    >>> reply = read_completion(body, {})
    >>> reply.status, reply.text, reply.input_tokens, reply.output_tokens
    ('truncated', 'Hello', 3, None)
    """
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    text = plain_text(message.get("content"))
    if not message and isinstance(choice.get("text"), str):
        text = plain_text(choice["text"])
    thinking, text = split_thinking(text)
    refusal = message.get("refusal")
    return _reply(
        text,
        finish=_finish(choice),
        refusal=refusal if isinstance(refusal, str) else "",
        tools=bool(message.get("tool_calls") or message.get("function_call")),
        reasoning=len(thinking) + _reasoning(message),
        response=body,
        sent=sent,
    )


class StreamReader:
    r"""A reader of server-sent events as they arrive, cut anywhere, even within a character.

    Attributes
    ----------
    done
        Whether the end of the stream (``[DONE]``) has arrived.
    error
        An event that is an error (a JSON object) or cannot be read (a string); nothing after it is read.

    References
    ----------
    https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

    Examples
    --------
    >>> stream = StreamReader()
    >>> stream.feed(b'data: {"choices": [{"delta": {"content": "Hel')
    ''
    >>> stream.feed(b'lo"}}]}\n\ndata: [DONE]\n\n'), stream.done
    ('Hello', True)
    """

    def __init__(self) -> None:
        self.done = False
        self.error: dict[str, Any] | str | None = None
        self._rest = bytearray()
        self._data: list[str] = []
        self._event = ""
        self._text: list[str] = []
        self._thinking = ThinkingFilter()
        self._refusal: list[str] = []
        self._reasoning = 0
        self._tools = False
        self._finish: str | None = None
        self._response: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """The text so far, without the thinking before it."""
        return "".join([*self._text, self._thinking.pending])

    def feed(self, data: bytes) -> str:
        """Read the next bytes and return the text they add."""
        pieces, searched = len(self._text), len(self._rest)
        self._rest += data
        if (end := self._rest.rfind(b"\n", searched)) < 0:
            return ""
        lines = bytes(self._rest[:end]).split(b"\n")
        del self._rest[: end + 1]
        for line in lines:
            if self.done or self.error is not None:
                break
            self._line(line.rstrip(b"\r").decode("utf-8", "replace"))
        if self.done and (rest := self._thinking.close()):
            self._text.append(rest)
        return "".join(self._text[pieces:])

    def close(self) -> str:
        """Read what is left when no more bytes come (a last event may lack its empty line) and return the text it adds."""
        return self.feed(b"\n\n")

    def reply(self, sent: Mapping[str, Any]) -> Reply:
        """Return the reply as far as it has arrived; see `read_completion`."""
        thinking, text = self._thinking.text, self.text
        if self._thinking.has_thinking:
            text = without_ends(text)
        else:
            thinking, text = split_at_lone_end(text)
        return _reply(
            text,
            finish=self._finish,
            refusal="".join(self._refusal),
            tools=self._tools,
            reasoning=self._reasoning + len(thinking),
            response=self._response,
            sent=sent,
        )

    def _line(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif not line and self._data:
            data, event = "\n".join(self._data), self._event
            self._data, self._event = [], ""
            self._dispatch(event, data)

    def _dispatch(self, event: str, data: str) -> None:
        if data.strip() == "[DONE]":
            self.done = True
            return
        try:
            chunk = parse_json(data)
        except ValueError:
            self.error = data
            return
        if not isinstance(chunk, dict):
            self.error = data
        elif event == "error" or chunk.get("error"):
            self.error = chunk if "error" in chunk else {"error": chunk}
        else:
            self._chunk(chunk)

    def _chunk(self, chunk: dict[str, Any]) -> None:
        choices = chunk.pop("choices", None)
        self._response.update((name, value) for name, value in chunk.items() if value is not None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        self._finish = _finish(choice) or self._finish
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        if text := self._thinking.feed(plain_text(delta.get("content"))):
            self._text.append(text)
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        self._tools = self._tools or bool(delta.get("tool_calls") or delta.get("function_call"))
        self._reasoning += _reasoning(delta)


def _reasoning(message: Mapping[str, Any]) -> int:
    """Return how many characters of reasoning a message or a piece of one holds beside its text.

    A server that changes the field's name sends both for a while: the first counts.
    """
    reasoning = next((value for name in REASONING_FIELDS if isinstance(value := message.get(name), str) and value), "")
    parts = message.get("content")
    blocks = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return len(reasoning) + sum(
        len(inner) if isinstance(inner := block.get(name), str) else len(plain_text(inner))
        for block in blocks
        for name in REASONING_FIELDS
    )


def plain_text(content: object) -> str:
    """Return the text of a message's content: a string, or the text parts of a list, without reasoning.

    Examples
    --------
    >>> plain_text([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"}])
    'Hello'
    """
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type", "text") == "text")
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        return ""
    try:
        content.encode()
    except UnicodeEncodeError:  # lone surrogates: legal in JSON escapes, in no file
        return content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return content


def count_tokens(response: Mapping[str, Any], text: str) -> tuple[int | None, int | None, dict[str, Any] | None]:
    """Return input tokens, output tokens and all numbers about the use of a response, whatever names the server gives them.

    A count that is missing, not a whole number, negative, or 0 where there was something to count, is ``None``: unknown.

    Examples
    --------
    >>> count_tokens({"prompt_eval_count": 26, "eval_count": 298}, "Hello")[:2]
    (26, 298)
    >>> count_tokens({"usage": {"prompt_tokens": 0, "completion_tokens": 0}}, "Hello")[:2]
    (None, None)
    """
    raw = next((v for n in ("usage", "usageMetadata", "timings") if isinstance(v := response.get(n), dict) and v), None)
    if raw is None:
        names = ("prompt_eval_count", "eval_count")
        raw = {name: response[name] for name in names if name in response} or None
    if raw is None:
        return None, None, None
    output = _first_count(raw, _OUTPUT_NAMES)
    if output == 0 and text:
        output = None
    return _first_count(raw, _INPUT_NAMES) or None, output, _numbers(raw)


def _first_count(raw: Mapping[str, Any], names: Sequence[tuple[str, ...]]) -> int | None:
    for main, *further in names:
        if (count := _count(raw.get(main))) is not None:
            return count + sum(_count(raw.get(name)) or 0 for name in further)
    return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_COUNT else None


def _numbers(raw: Mapping[str, Any], depth: int = 3) -> dict[str, Any]:
    """Return the numbers of a nested object: a server's counts may hold anything, and are stored."""
    kept: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, dict) and depth > 1:
            kept[plain_text(name)] = _numbers(value, depth - 1)
        elif isinstance(value, (int, float)) and abs(value) < LARGEST_COUNT:
            kept[plain_text(name)] = value
    return kept


def _finish(choice: Mapping[str, Any]) -> str | None:
    """Return why an answer ended, in the server's word; SGLang puts it in an object."""
    reason = choice.get("finish_reason")
    return _word(reason.get("type") if isinstance(reason, dict) else reason)


def _word(value: object) -> str | None:
    return plain_text(value)[:LONGEST_WORD] or None if isinstance(value, str) else None


def _confirmed(response: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters that the server repeats in its answer, with the values it gives."""
    settings = response.get("generation_settings")  # llama.cpp
    values = {**settings, **response} if isinstance(settings, dict) else response
    confirmed = {name: values[name] for name in sent if isinstance(values.get(name), (int, float))}
    return confirmed or None


def _reply(
    text: str,
    *,
    finish: str | None,
    refusal: str,
    tools: bool,
    reasoning: int,
    response: Mapping[str, Any],
    sent: Mapping[str, Any],
) -> Reply:
    input_tokens, output_tokens, usage = count_tokens(response, text)
    if reasoning:
        usage = {**(usage or {}), "reasoning_characters": reasoning}
    status, error = _status(text, finish, refusal, tools=tools, reasoning=reasoning)
    return Reply(
        status=status,
        text=text or refusal,
        error=error,
        error_code=None if status == "ok" else status,
        finish_reason=finish,
        model=_word(response.get("model")),
        system_fingerprint=_word(response.get("system_fingerprint")),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        usage=usage,
        sent=sent,
        applied=_confirmed(response, sent),
    )


def _status(text: str, finish: str | None, refusal: str, *, tools: bool, reasoning: int) -> tuple[str, str | None]:
    """Return the status of an answer and, when it is not ok, why in words."""
    end = ending(finish)
    if refusal or end == "refused":
        return "refused", "the model refused to answer"
    if end == "filtered":
        return "filtered", "the provider's content filter stopped the answer"
    if not text.strip():
        if tools:
            return "tool_call", "the model called a tool instead of answering"
        if reasoning and end == "cut":
            return "empty", "the token limit was used up by reasoning before any text; raise max_tokens"
        if reasoning:
            return "empty", "the answer holds reasoning and no text"
        return "empty", "the answer holds no text"
    if end == "cut":
        return "truncated", "the answer reached the token limit"
    if end == "broken":
        return "truncated", f"the provider broke off the answer (finish_reason {finish})"
    return "ok", None
