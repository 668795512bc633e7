"""OpenTelemetry's conventions for generative AI: the version that we follow, and the attributes of a call by their names.

They are in development and have had no release since they moved into a repository of their own (May 2026), so a commit is pinned:
https://github.com/open-telemetry/semantic-conventions-genai/blob/002c8a6ea1c8a42b14a4527db83b3cabcded610a/docs/gen-ai/gen-ai-spans.md
(section "Inference"). Names that begin with ``pplab.`` are ours. Whoever follows a newer version changes this file alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONVENTIONS: Final = "semantic-conventions-genai 002c8a6"

ERROR_TYPE: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_RESENT: Final = "http.request.resend_count"

EMBEDDED: Final = "embedded"
_REQUEST = {
    "temperature": float,
    "top_p": float,
    "top_k": float,
    "max_tokens": int,
    "frequency_penalty": float,
    "presence_penalty": float,
    "seed": int,
}
"""Parameters that the conventions name, with the type they ask for; a name of ours is ``gen_ai.request.`` and the same word."""


def call_attributes(response: Mapping[str, Any], provider: str, messages: Sequence[Mapping[str, str]] | None) -> dict[str, Any]:
    """Return the attributes of the span of one call.

    Parameters
    ----------
    response
        The call's row in ``responses``, as its journal line has it.
    provider
        Host and port of the model's server, or ``embedded``.
    messages
        What the model was sent; ``None`` leaves it out, and the answer as well.
    """
    found = {
        "gen_ai.operation.name": "chat",
        # Which of the conventions' dialects is spoken, by whoever serves it; `server.address` says who does.
        "gen_ai.provider.name": "pplab.embedded" if provider == EMBEDDED else "openai",
        "gen_ai.request.model": response["model_asked"] or response["model"],
        "gen_ai.response.model": response["model"],
        "gen_ai.response.finish_reasons": [response["finish_reason"]] if response["finish_reason"] else None,
        "gen_ai.usage.input_tokens": response["input_tokens"],
        "gen_ai.usage.output_tokens": response["output_tokens"],
        **dict(_server(provider)),
        **dict(_request(response)),
        "pplab.experiment.id": response["experiment_id"],
        "pplab.response.id": response["response_id"],
        "pplab.response.status": response["status"],
        "pplab.prompt.index": response["prompt_index"],
        "pplab.setting.index": response["setting_index"],
        "pplab.replicate": response["replicate"],
        "pplab.cost.usd": response["cost"],
    }
    if response["first_token_ms"] is not None:
        found |= {"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": response["first_token_ms"] / 1000}
    if messages is not None:
        found |= dict(_content(response, messages))
    return {name: value for name, value in found.items() if value is not None}


def _server(provider: str) -> Iterator[tuple[str, Any]]:
    if provider != EMBEDDED:
        host, _, port = provider.rpartition(":") if provider.rpartition(":")[2].isdecimal() else (provider, "", "")
        yield "server.address", host
        if port:
            yield "server.port", int(port)


def _request(response: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    sent = response["sent"]
    for name, of in _REQUEST.items():
        if isinstance(value := sent.get(name), int | float) and not isinstance(value, bool):
            yield f"gen_ai.request.{name}", of(value)
    stop = sent.get("stop")
    if stop:
        yield "gen_ai.request.stop_sequences", [stop] if isinstance(stop, str) else [str(one) for one in stop]


def _content(response: Mapping[str, Any], messages: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    yield "gen_ai.input.messages", _json([{"role": turn["role"], "parts": [_text(turn["content"])]} for turn in messages])
    if response["text"]:
        answer = {"role": "assistant", "parts": [_text(response["text"])], "finish_reason": response["finish_reason"] or "stop"}
        yield "gen_ai.output.messages", _json([answer])


def _text(words: str) -> dict[str, str]:
    return {"type": "text", "content": words}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
