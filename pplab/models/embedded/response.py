"""Responses as they leave: the bodies and stream chunks of the OpenAI chat completions format."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.models.embedded import corpus, ngram, tokens
from pplab.models.embedded.request import MODEL, ChatRequest
from pplab.models.embedded.sampling import Finish, Step, generate

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATED: Final = 1_735_689_600
"""The ``created`` of every body, 2025-01-01 UTC: fixed, so that equal calls have equal bytes."""


@functools.cache
def system_fingerprint() -> str:
    """Return the name of exactly this model: it changes with the training text and with the code."""
    return f"fp_{MODEL}_{corpus.fingerprint()}"


@dataclass(slots=True)
class _Choice:
    """One choice in the making."""

    text: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = ""
    tokens: int = 0


class Completion:
    """The making of one response, a token at a time.

    Iterating gives the stream chunks; after the last one, `body` is the response that is not streamed. Whoever iterates
    may stop at any chunk.

    Parameters
    ----------
    request
        What is asked.
    """

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._choices = [_Choice() for _ in range(request.n)]
        digest = hashlib.sha256(repr((*request.identity(), request.replicate)).encode()).hexdigest()
        self._id = f"chatcmpl-{MODEL}-{digest[:24]}"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        request = self._request
        for index, choice in enumerate(self._choices):
            yield self._chunk(index, {"role": "assistant", "content": "", "refusal": None})
            for event in generate(ngram.load(), request.messages, request.sampling, request.draw_seed(index)):
                choice.text.append(event.text)
                if isinstance(event, Finish):
                    choice.finish_reason = event.reason
                    if event.text:
                        yield self._chunk(index, {"content": event.text})
                    yield self._chunk(index, {}, finish_reason=event.reason)
                    break
                choice.tokens += 1
                entry = _logprob_entry(event) if request.logprobs else None
                if entry:
                    choice.logprobs.append(entry)
                yield self._chunk(index, {"content": event.text}, entry)
        if request.include_usage:
            yield self._head("chat.completion.chunk") | {"choices": [], "usage": self.usage()}

    def body(self) -> dict[str, Any]:
        """Return the whole response."""
        choices: list[dict[str, Any]] = [
            {
                "index": index,
                "message": {"role": "assistant", "content": "".join(choice.text), "refusal": None, "annotations": []},
                "logprobs": {"content": choice.logprobs, "refusal": None} if self._request.logprobs else None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(self._choices)
        ]
        return self._head("chat.completion") | {"choices": choices, "usage": self.usage()}

    def usage(self) -> dict[str, int]:
        """Return the tokens of the messages and of all choices, counted by the model's own tokenizer."""
        prompt = sum(len(tokens.tokenize(message["content"])) for message in self._request.messages)
        said = sum(choice.tokens for choice in self._choices)
        return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": CREATED,
            "model": MODEL,
            "system_fingerprint": system_fingerprint(),
        }

    def _chunk(
        self, index: int, delta: dict[str, Any], entry: dict[str, Any] | None = None, *, finish_reason: str | None = None
    ) -> dict[str, Any]:
        logprobs = {"content": [entry], "refusal": None} if entry else None
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage = {"usage": None} if self._request.include_usage else {}
        return self._head("chat.completion.chunk") | {"choices": [choice]} | usage


def _logprob_entry(step: Step) -> dict[str, Any]:
    return _alternative(step.token, step.logprob) | {"top_logprobs": [_alternative(*pair) for pair in step.top]}


def _alternative(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def models() -> dict[str, Any]:
    """Return the list of models, which is one."""
    one = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "pplab"}
    return {"object": "list", "data": [one]}
