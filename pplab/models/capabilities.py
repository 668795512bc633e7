"""Capabilities of models: a dated table of the sampling parameters they reject or ignore, which the user's own overrides.

Nothing is dropped from a call because of this table: it warns before a run, and says how a model wants its parameters named.
What the server answers, and what `pplab probe` measures, is the evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
OPENAI_REASONING = r"(?:o[134](?:-|$)|gpt-5(?!(?:\.\d+)?-chat)(?:[.-]|$)|gpt-6(?:[.-]|$))"
# Claude from 4.7 on: opus-4-7, opus-4-8, every 5.x, fable. Gateways write 4.7 as well as 4-7.
CLAUDE_FIXED = r"claude-(?:fable|opus-4[.-][7-9](?!\d)|(?:opus|sonnet|haiku)-[5-9](?!\d))"


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability: what is known about some parameters of some models.

    Parameters
    ----------
    pattern
        Regular expression for the model's name, matched at its start or after a ``/`` (a vendor's prefix), ignoring case.
    parameters
        Names of the parameters concerned.
    effect
        ``rejected`` (the call fails with 400), ``ignored`` (accepted without any effect) or ``honoured``.
    note
        What exactly happens.
    source
        Where this is stated.
    dated
        Day (ISO 8601) on which it was.
    """

    pattern: str
    parameters: tuple[str, ...]
    effect: str
    note: str
    source: str
    dated: str

    def concerns(self, model: str) -> bool:
        """Return whether ``model`` is one of those meant."""
        return re.search(rf"(?:^|/)(?:{self.pattern})", model, re.IGNORECASE) is not None


CAPABILITIES: tuple[Capability, ...] = (
    Capability(
        OPENAI_REASONING,
        SAMPLING,
        "rejected",
        "a reasoning model: any value but the default is answered with 400 (from gpt-5.1 on, unless reasoning_effort is none)",
        "https://developers.openai.com/api/docs/guides/reasoning",
        "2026-08-15",
    ),
    Capability(
        CLAUDE_FIXED,
        ("temperature", "top_p"),
        "rejected",
        "Claude from 4.7 on answers 400: 'temperature is deprecated for this model'",
        "https://platform.claude.com/docs/about-claude/models/overview",
        "2026-11-07",
    ),
    Capability(
        r"claude-",
        ("frequency_penalty", "presence_penalty", "seed"),
        "ignored",
        "Anthropic's OpenAI-compatible endpoint ignores it, and caps temperature at 1",
        "https://docs.anthropic.com/en/api/openai-sdk",
        "2026-05-01",
    ),
    Capability(
        r"deepseek-(?:reasoner|r1)",
        SAMPLING,
        "ignored",
        "accepted for compatibility, without effect while the hosted model thinks; open weights on your own server honour it",
        "https://api-docs.deepseek.com/guides/reasoning_model",
        "2026-08-01",
    ),
    Capability(
        r"grok-(?:3-mini|4)",
        ("frequency_penalty", "presence_penalty"),
        "rejected",
        "xAI's reasoning models do not take penalties",
        "https://docs.x.ai/docs/models",
        "2025-11-01",
    ),
)

_NEEDS_COMPLETION_TOKENS = re.compile(rf"(?:^|/){OPENAI_REASONING}", re.IGNORECASE)


def known_effects(
    model: str,
    parameters: Iterable[str],
    overrides: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Capability]:
    """Return the known effect of each of these parameters of ``model``; a parameter of which nothing is known is left out.

    Parameters
    ----------
    model
        The model as its server knows it.
    parameters
        Names of parameters, for example those a sweep varies.
    overrides
        The user's own knowledge, ``{model: {parameter: 'rejected' | 'ignored' | 'honoured'}}``; it wins.

    Examples
    --------
    >>> {name: known.effect for name, known in known_effects("o3-mini", ["temperature", "seed"]).items()}
    {'temperature': 'rejected'}
    >>> known_effects("o3-mini", ["temperature"], {"o3-mini": {"temperature": "honoured"}})["temperature"].effect
    'honoured'
    """
    own = (overrides or {}).get(model, {})
    effects: dict[str, Capability] = {}
    for name in parameters:
        if name in own:
            effects[name] = Capability(re.escape(model), (name,), own[name], "set by you", "your configuration", "")
            continue
        row = next((c for c in CAPABILITIES if name in c.parameters and c.concerns(model)), None)
        if row is not None:
            effects[name] = row
    return effects


def token_limit_name(model: str) -> str:
    """Return how ``model`` wants ``max_tokens`` to be called: OpenAI's reasoning models know only ``max_completion_tokens``.

    Examples
    --------
    >>> token_limit_name("o3-mini"), token_limit_name("gpt-4o-mini")
    ('max_completion_tokens', 'max_tokens')
    """
    return "max_completion_tokens" if _NEEDS_COMPLETION_TOKENS.search(model) else "max_tokens"
