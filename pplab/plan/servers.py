"""Kinds of model servers: how one is recognised, which parameters it takes and under which names, by its own documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LOOPBACK = r"(?:localhost|127\.0\.0\.1|\[::1\]|host\.docker\.internal)"
_COMMON = ("temperature", "top_p", "max_tokens", "stop")
_PENALTIES = ("frequency_penalty", "presence_penalty")
_LOGPROBS = ("logprobs", "top_logprobs")
_LOCAL_SAMPLING = ("top_k", "min_p", "typical_p", "repetition_penalty")


@dataclass(frozen=True, slots=True)
class ServerKind:
    """A kind of server: what it is known to do with each parameter of a chat completion.

    Attributes
    ----------
    name : str
        As its makers write it.
    takes : mapping
        Where in a request each parameter that it takes stands, by the parameter's name: a field, or a path of fields separated by
        dots. That it takes one does not mean that each of its models does.
    effects : mapping
        What it does with parameters that it does not take, ``rejected`` or ``ignored``. Of others nothing is known.
    source, dated : str
        Where this is stated, and the day (ISO 8601) on which it was read there.
    hosts : str
        Regular expression for the whole of its host and port.
    ports : str
        The same for addresses on this machine that are its own by default; another server may stand there.
    owner : str
        Whom its list of models names as their owner.
    note : str
        What to do where it does not take a parameter.
    constants : mapping
        Fields that must stand beside a parameter, with their values, by the parameter's name.
    """

    name: str
    takes: Mapping[str, str]
    effects: Mapping[str, str]
    source: str
    dated: str
    hosts: str = ""
    ports: str = ""
    owner: str = ""
    note: str = ""
    constants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """What answers, in words."""
        return {"OpenAI": "OpenAI's API", "embedded": "the embedded model"}.get(self.name, f"{self.name}'s OpenAI-compatible API")


def _names(*names: str, **others: str) -> Mapping[str, str]:
    return MappingProxyType({**{name: name for name in names}, **others})


def _effects(effect: str, *names: str) -> Mapping[str, str]:
    return MappingProxyType(dict.fromkeys(names, effect))


SERVERS: dict[str, ServerKind] = {
    kind.name: kind
    for kind in (
        ServerKind(
            "OpenAI",
            _names(*_COMMON, *_PENALTIES, *_LOGPROBS, "seed", "reasoning_effort", "verbosity", "response_format", "logit_bias"),
            _effects("rejected", *_LOCAL_SAMPLING, "thinking_budget"),
            "https://platform.openai.com/docs/api-reference/chat/create",
            "2026-11-28",
            hosts=r"api\.openai\.com|.+\.openai\.azure\.com|.+\.services\.ai\.azure\.com",
        ),
        ServerKind(
            "Anthropic",
            _names(*_COMMON, thinking_budget="thinking.budget_tokens"),
            _effects(
                "ignored",
                *(*_PENALTIES, *_LOGPROBS, *_LOCAL_SAMPLING),
                *("seed", "response_format", "logit_bias", "reasoning_effort", "verbosity"),
            ),
            "https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk",
            "2026-11-28",
            hosts=r"api\.anthropic\.com",
            note="a gateway such as OpenRouter or LiteLLM translates more of them",
            constants={"thinking_budget": {"thinking.type": "enabled"}},
        ),
        ServerKind(
            "Gemini",
            _names(
                *(*_COMMON, "response_format", "reasoning_effort"),
                thinking_budget="extra_body.google.thinking_config.thinking_budget",
            ),
            {},
            "https://ai.google.dev/gemini-api/docs/openai",
            "2025-11-18",
            hosts=r"generativelanguage\.googleapis\.com",
        ),
        ServerKind(
            "OpenRouter",
            _names(
                *(*_COMMON, *_PENALTIES, *_LOGPROBS, "top_k", "min_p", "repetition_penalty"),
                *("seed", "verbosity", "response_format", "logit_bias"),
                reasoning_effort="reasoning.effort",
                thinking_budget="reasoning.max_tokens",
            ),
            {},
            "https://openrouter.ai/docs/parameters",
            "2026-11-28",
            hosts=r"openrouter\.ai",
        ),
        ServerKind(
            "Moonshot",
            _names("max_tokens", "stop", "response_format", *_LOGPROBS),
            {},
            "https://platform.kimi.ai/docs/api/models-overview",
            "2026-10-24",
            hosts=r"api\.moonshot\.(?:ai|cn)",
        ),
        ServerKind(
            "Alibaba",
            _names(*_COMMON, *_LOGPROBS, "top_k", "presence_penalty", "seed", "response_format", "thinking_budget"),
            {},
            "https://github.com/mnfst/modelparams.dev",
            "2026-10-10",
            hosts=r"dashscope(?:-\w+)?\.aliyuncs\.com",
        ),
        ServerKind(
            "llama.cpp",
            _names(
                *(*_COMMON, *_PENALTIES, *_LOGPROBS, "top_k", "min_p", "typical_p", "seed", "response_format", "logit_bias"),
                repetition_penalty="repeat_penalty",
                thinking_budget="thinking_budget_tokens",
            ),
            _effects("ignored", "verbosity"),
            "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/server-task.cpp",
            "2026-11-28",
            owner="llamacpp",
        ),
        ServerKind(
            "vLLM",
            _names(
                *(*_COMMON, *_PENALTIES, *_LOGPROBS, "top_k", "min_p", "repetition_penalty"),
                *("seed", "reasoning_effort", "response_format", "logit_bias"),
                thinking_budget="thinking_token_budget",
            ),
            _effects("ignored", "typical_p", "verbosity"),
            "https://github.com/vllm-project/vllm/blob/main/vllm/entrypoints/openai/chat_completion/protocol.py",
            "2026-11-28",
            owner="vllm",
        ),
        ServerKind(
            "Ollama",
            _names(*_COMMON, *_PENALTIES, *_LOGPROBS, "seed", "reasoning_effort", "response_format"),
            _effects("ignored", *_LOCAL_SAMPLING, "logit_bias", "verbosity", "thinking_budget"),
            "https://docs.ollama.com/api/openai-compatibility",
            "2026-11-28",
            hosts=r"ollama\.com",
            ports=rf"{_LOOPBACK}:11434",
            owner="library",
            note="put it into a Modelfile, a model for each value",
        ),
        ServerKind(
            "LM Studio",
            _names(
                *(*_COMMON, *_PENALTIES, "top_k", "seed", "response_format", "logit_bias"), repetition_penalty="repeat_penalty"
            ),
            {},
            "https://lmstudio.ai/docs/developer/openai-compat/chat-completions",
            "2026-11-28",
            ports=rf"{_LOOPBACK}:1234",
            owner="organization_owner",
        ),
        ServerKind(
            "embedded",
            _names(*_COMMON, *_PENALTIES, *_LOGPROBS, "seed"),
            _effects(
                "rejected",
                *(*_LOCAL_SAMPLING, "reasoning_effort", "verbosity", "thinking_budget", "response_format", "logit_bias"),
            ),
            "pplab/models/embedded/request.py",
            "2026-11-28",
            hosts="embedded",
        ),
    )
}
"""The kinds of servers that the lab knows, by name."""


def server_kind(provider: str) -> ServerKind | None:
    """Return the kind of the server at a host (and port), or ``None`` where the address does not say it.

    Examples
    --------
    >>> server_kind("api.openai.com").name, server_kind("127.0.0.1:11434").name, server_kind("127.0.0.1:8000")
    ('OpenAI', 'Ollama', None)
    """
    return next((kind for kind in SERVERS.values() if known_by_host(kind, provider) or known_by_port(kind, provider)), None)


def known_by_host(kind: ServerKind, provider: str) -> bool:
    """Return whether the host and port belong to this kind of server alone."""
    return bool(kind.hosts) and re.fullmatch(rf"(?:{kind.hosts})(?::\d+)?", provider, re.IGNORECASE) is not None


def known_by_port(kind: ServerKind, provider: str) -> bool:
    """Return whether the address is the usual one of this kind of server, where another may stand all the same."""
    return bool(kind.ports) and re.fullmatch(kind.ports, provider, re.IGNORECASE) is not None


def kind_of_owners(owners: Iterable[str]) -> ServerKind | None:
    """Return the kind of the server whose list of models names these owners, or ``None``.

    Examples
    --------
    >>> kind_of_owners(["llamacpp"]).name, kind_of_owners(["somebody"])
    ('llama.cpp', None)
    """
    named = set(owners)
    return next((kind for kind in SERVERS.values() if kind.owner and kind.owner in named), None)


def names_by_server(name: str) -> dict[str, str]:
    """Return the servers that take a parameter, each with the field of the request it stands in.

    Examples
    --------
    >>> names_by_server("thinking_budget")["llama.cpp"], names_by_server("typical_p")
    ('thinking_budget_tokens', {'llama.cpp': 'typical_p'})
    """
    return {kind.name: kind.takes[name] for kind in SERVERS.values() if name in kind.takes}


SELF_HOSTED_NAMES = frozenset(
    name for kind in SERVERS.values() if kind.owner for name, path in kind.takes.items() if path != name
)
"""Parameters that servers whose address does not say what they are call differently."""
