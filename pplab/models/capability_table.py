"""The table of capabilities: what models are known to do with parameters, each row with its source and day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on another parameter of the same setting: it has one of ``values``, or is left out where there are none."""

    parameter: str
    values: tuple[Any, ...] = ()

    def met(self, setting: Mapping[str, Any]) -> bool:
        """Return whether a setting fulfils it."""
        if not self.values:
            return self.parameter not in setting
        return self.parameter in setting and setting[self.parameter] in self.values

    @property
    def words(self) -> str:
        """The condition as it follows "works": ``with reasoning_effort none``, ``without temperature``."""
        if not self.values:
            return f"without {self.parameter}"
        return f"with {self.parameter} {either(self.values)}"


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability: what is known about some parameters of some models.

    Parameters
    ----------
    models
        The models concerned, in words.
    pattern
        Regular expression for the model's name, matched at its start or after a ``/`` (a vendor's prefix), ignoring case.
    parameters
        Names of the parameters concerned.
    effect
        ``rejected`` (the call fails with 400), ``ignored`` (accepted without any effect), ``discouraged`` (it works, and the
        model's maker advises against it) or ``honoured``.
    note
        What exactly happens.
    source
        Where this is stated.
    dated
        Day (ISO 8601) on which it was.
    unless
        A condition under which the row does not hold.
    allowed, highest
        Values that work all the same, or the highest number that does; where the effect is ``honoured``, those alone work.
    beyond
        What happens to other values where the effect is ``honoured``.
    remedy
        What works instead, where that is more than the condition and the values say.
    servers
        The kinds of servers of which this is known, by name; empty means all.
    """

    models: str
    pattern: str
    parameters: tuple[str, ...]
    effect: str
    note: str
    source: str
    dated: str
    unless: Condition | None = None
    allowed: tuple[Any, ...] = ()
    highest: float | None = None
    beyond: str = "rejected"
    remedy: str = ""
    servers: tuple[str, ...] = ()

    def concerns(self, model: str) -> bool:
        """Return whether ``model`` is one of those meant."""
        return re.search(rf"(?:^|/)(?:{self.pattern})", model, re.IGNORECASE) is not None

    def effect_on(self, value: Any) -> str:
        """Return the effect on one value of the parameter."""
        if value in self.allowed or (self.highest is not None and value <= self.highest):
            return "honoured"
        limited = self.allowed or self.highest is not None
        return self.beyond if limited and self.effect == "honoured" else self.effect

    @property
    def way_out(self) -> str:
        """What works instead, in words; empty where nothing is known to."""
        words = [
            f"works {self.unless.words}" if self.unless else "",
            f"{either(self.allowed)} {'works' if len(self.allowed) == 1 else 'work'}" if self.allowed else "",
            "" if self.highest is None else f"up to {self.highest:g} works",
            self.remedy,
        ]
        return "; ".join(filter(None, words))


def either(values: tuple[Any, ...]) -> str:
    """Return values in words, as alternatives.

    Examples
    --------
    >>> either(("low", "medium", "high")), either((True,))
    ('low, medium or high', 'true')
    """
    words = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    return f"{', '.join(words[:-1])} or {words[-1]}" if words[1:] else words[0]


SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_FIXED_BY_REASONING = (*SAMPLING, "logprobs", "top_logprobs", "logit_bias")
LEVELS = ("low", "medium", "high")
OPENAI_REASONING = r"(?:o[134](?:-|$)|gpt-5(?!(?:\.\d+)?-chat)(?:[.-]|$)|gpt-6(?:[.-]|$))"
_ALWAYS_REASONING = (
    r"(?:o[134](?:-|$)|gpt-5(?:-(?:mini|nano)|(?=-20)|$)|gpt-[56](?:\.\d+)?-(?:pro|codex)|gpt-6-astra|gpt-6\.1-sol)"
)
_OPENAI_ANSWERING = r"(?:gpt-3\.5|gpt-4|chatgpt-4o|gpt-5(?:\.\d+)?-chat)"
# Claude from 4.7 on: opus-4-7, opus-4-8, every 5.x, fable. Gateways write 4.7 as well as 4-7, and the name behind the number.
CLAUDE_FIXED = r"claude-(?:fable|4\.[7-9](?!\d)|[5-9](?:\.\d+)?-|opus-4[.-][7-9](?!\d)|(?:opus|sonnet|haiku)-[5-9](?!\d))"
_CLAUDE_EITHER = r"claude-(?:opus-4[.-]1|(?:opus|sonnet|haiku)-4[.-][56])(?!\d)"

_REASONING = "https://developers.openai.com/api/docs/guides/reasoning"
_GPT_6 = "https://developers.openai.com/api/docs/guides/deployment-checklist"
_OPENAI_API = "https://platform.openai.com/docs/api-reference/chat/create"
_CLAUDE = "https://platform.claude.com/docs/en/about-claude/models/migration-guide"
_CLAUDE_COMPATIBLE = "https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk"
_OPENROUTER_CLAUDE = "https://openrouter.ai/docs/guides/evaluate-and-optimize/model-migrations/claude-4-7"
_KIMI = "https://platform.kimi.ai/docs/api/models-overview"
_CATALOGUE = "https://github.com/mnfst/modelparams.dev"  # its release 0.0.53, where nothing speaks against it
_GEMINI_3 = "https://ai.google.dev/gemini-api/docs/gemini-3"


def _efforts(models: str, pattern: str, efforts: tuple[str, ...], source: str, dated: str) -> Capability:
    return Capability(
        models, pattern, ("reasoning_effort",), "honoured", "it does not take every effort", source, dated, allowed=efforts
    )


CAPABILITIES: tuple[Capability, ...] = (
    # -- OpenAI -----------------------------------------------------------------------------------------------------------------
    _efforts("GPT-6 Astra, GPT-6.1 Sol", r"gpt-6-astra|gpt-6\.1-sol", (*LEVELS, "xhigh", "max"), _GPT_6, "2026-11-28"),
    _efforts("GPT-6 Sol, Luna, Terra", r"gpt-6(?:[.-]|$)", ("none", *LEVELS, "xhigh", "max"), _GPT_6, "2026-11-28"),
    _efforts("GPT-5.x Pro", r"gpt-5\.\d+-pro", ("medium", "high", "xhigh"), _CATALOGUE, "2026-10-10"),
    _efforts("GPT-5.1", r"gpt-5\.1(?:-20|$)", ("none", *LEVELS), _CATALOGUE, "2026-10-10"),
    _efforts(
        "GPT-5.2 to GPT-5.5",
        r"gpt-5\.[2-5](?:-(?:mini|nano))?(?:-20|$)",
        ("none", *LEVELS, "xhigh"),
        _CATALOGUE,
        "2026-10-10",
    ),
    _efforts(
        "GPT-5.6",
        r"gpt-5\.6(?:-(?:luna|sol|terra))?(?:-20|$)",
        ("none", *LEVELS, "xhigh", "max"),
        _CATALOGUE,
        "2026-10-10",
    ),
    _efforts("GPT-5, its mini and nano", r"gpt-5(?:-(?:mini|nano))?(?:-20|$)", ("minimal", *LEVELS), _REASONING, "2026-08-15"),
    _efforts("o1, o3, o4-mini", r"o[134](?:-mini)?(?:-20|$)", LEVELS, _REASONING, "2026-08-15"),
    Capability(
        "GPT-5 and later",
        r"gpt-[56](?!(?:\.\d+)?-chat)(?:[.-]|$)",
        ("verbosity",),
        "honoured",
        "GPT-5 and later take it",
        _OPENAI_API,
        "2026-11-28",
        allowed=LEVELS,
    ),
    Capability(
        "OpenAI's models that do not reason",
        _OPENAI_ANSWERING,
        ("reasoning_effort",),
        "rejected",
        "only reasoning models take it",
        _OPENAI_API,
        "2026-11-28",
    ),
    Capability(
        "OpenAI's models that do not reason",
        _OPENAI_ANSWERING,
        ("verbosity",),
        "rejected",
        "only GPT-5 and later take it",
        _OPENAI_API,
        "2026-11-28",
        allowed=("medium",),
    ),
    Capability(
        "OpenAI's models that always reason",
        _ALWAYS_REASONING,
        _FIXED_BY_REASONING,
        "rejected",
        "a model that always reasons: any value but the default is answered with 400",
        _REASONING,
        "2026-08-15",
        remedy="vary reasoning_effort instead",
    ),
    Capability(
        "GPT-6 Sol, Luna, Terra",
        r"gpt-6(?:[.-]|$)",
        _FIXED_BY_REASONING,
        "rejected",
        "while it reasons, which it does unless told otherwise, any value but the default is answered with 400",
        _GPT_6,
        "2026-11-28",
        unless=Condition("reasoning_effort", ("none",)),
    ),
    Capability(
        "GPT-5.1 to GPT-5.6",
        OPENAI_REASONING,
        _FIXED_BY_REASONING,
        "rejected",
        "while it reasons, any value but the default is answered with 400",
        _REASONING,
        "2026-08-15",
        unless=Condition("reasoning_effort", ("none",)),
    ),
    Capability(
        "o3, o4-mini",
        r"(?:o3|o4-mini)(?:-20|$)",
        ("stop",),
        "rejected",
        "not supported with o3 and o4-mini",
        _OPENAI_API,
        "2026-11-28",
    ),
    # -- Anthropic --------------------------------------------------------------------------------------------------------------
    Capability(
        "Claude from 4.7 on",
        CLAUDE_FIXED,
        ("temperature", "top_p", "top_k"),
        "ignored",
        "OpenRouter leaves it out for Claude from 4.7 on",
        _OPENROUTER_CLAUDE,
        "2026-06-22",
        remedy="vary reasoning_effort or verbosity instead",
        servers=("OpenRouter",),
    ),
    Capability(
        "Claude from 4.7 on",
        CLAUDE_FIXED,
        ("temperature",),
        "rejected",
        "Claude from 4.7 on answers 400: 'temperature is deprecated for this model'",
        _CLAUDE,
        "2026-11-25",
        allowed=(1,),
        remedy="vary the persona, or the effort through a gateway that translates it",
    ),
    Capability(
        "Claude from 4.7 on",
        CLAUDE_FIXED,
        ("top_p", "top_k", "thinking_budget"),
        "rejected",
        "Claude from 4.7 on answers 400, whatever the value",
        _CLAUDE,
        "2026-11-25",
        remedy="vary the persona, or the effort through a gateway that translates it",
    ),
    _efforts("Claude from 4.7 on", CLAUDE_FIXED, (*LEVELS, "xhigh", "max"), _CLAUDE, "2026-11-25"),
    Capability(
        "Claude before 4.7",
        r"claude-",
        ("temperature", "top_p", "top_k"),
        "rejected",
        "Claude takes no sampling parameters while it thinks",
        _CATALOGUE,
        "2026-10-10",
        unless=Condition("thinking_budget"),
        allowed=(1,),
    ),
    Capability(
        "Claude Opus 4.1 to 4.6, Sonnet and Haiku 4.5 and 4.6",
        _CLAUDE_EITHER,
        ("top_p",),
        "rejected",
        "temperature and top_p cannot both be given",
        _CATALOGUE,
        "2026-10-10",
        unless=Condition("temperature"),
    ),
    Capability(
        "Claude",
        r"claude-",
        ("temperature",),
        "honoured",
        "Anthropic takes any value above 1 as 1",
        _CLAUDE_COMPATIBLE,
        "2026-05-01",
        highest=1,
        beyond="ignored",
        servers=("Anthropic",),
    ),
    Capability(
        "Claude",
        r"claude-",
        ("frequency_penalty", "presence_penalty", "seed"),
        "ignored",
        "Anthropic's OpenAI-compatible endpoint ignores it",
        _CLAUDE_COMPATIBLE,
        "2026-05-01",
    ),
    # -- others -----------------------------------------------------------------------------------------------------------------
    Capability(
        "Gemini 3",
        r"gemini-3",
        ("temperature",),
        "discouraged",
        "Google advises to leave it at 1: below, answers may loop or get worse",
        _GEMINI_3,
        "2026-11-28",
        allowed=(1,),
        remedy="vary reasoning_effort instead",
    ),
    Capability(
        "Kimi K2.5 and later",
        r"kimi-k(?:2\.[5-9]|[3-9])",
        ("temperature",),
        "rejected",
        "Moonshot's API answers 400: 'only 1 is allowed for this model'",
        _KIMI,
        "2026-10-24",
        allowed=(1,),
        servers=("Moonshot",),
    ),
    Capability(
        "Kimi K2.5 and later",
        r"kimi-k(?:2\.[5-9]|[3-9])",
        ("top_p", "frequency_penalty", "presence_penalty"),
        "rejected",
        "Moonshot's API fixes it, as it does temperature",
        _KIMI,
        "2026-10-24",
        servers=("Moonshot",),
    ),
    Capability(
        "DeepSeek R1, deepseek-reasoner",
        r"deepseek-(?:reasoner|r1)",
        SAMPLING,
        "ignored",
        "accepted for compatibility, without effect while the hosted model thinks; open weights on your own server honour it",
        "https://api-docs.deepseek.com/guides/reasoning_model",
        "2026-08-01",
    ),
    Capability(
        "Grok 3 mini, Grok 4",
        r"grok-(?:3-mini|4)",
        ("frequency_penalty", "presence_penalty"),
        "rejected",
        "xAI's reasoning models do not take penalties",
        "https://docs.x.ai/docs/models",
        "2025-11-01",
    ),
    # -- every model ------------------------------------------------------------------------------------------------------------
    Capability(
        "any model",
        r"",
        ("top_logprobs",),
        "rejected",
        "there are no alternatives without log probabilities",
        _OPENAI_API,
        "2026-11-28",
        unless=Condition("logprobs", (True,)),
    ),
)
