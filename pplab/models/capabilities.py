"""Capabilities of models: what a model and its server will do with the parameters of a setting, before the first call.

Nothing is dropped from a call because of this knowledge: it warns before a run, and says how a model wants its parameters named.
What the server answers, and what `pplab probe` measures, is the evidence. What the user knows goes before the tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.models.capability_table import CAPABILITIES, OPENAI_REASONING, Capability
from pplab.plan.parameters import PARAMETERS
from pplab.plan.servers import SERVERS, known_by_port, server_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplab.plan.servers import ServerKind

    Overrides = Mapping[str, Mapping[str, str]]

_NEEDS_COMPLETION_TOKENS = re.compile(rf"(?:^|/){OPENAI_REASONING}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownEffect:
    """What a model is known to do with one parameter of a setting, and what works instead.

    Attributes
    ----------
    parameter : str
    effect : str
        ``rejected``, ``ignored`` or ``discouraged``, see `pplab.models.capability_table.Capability`.
    reason, source, dated : str
        What happens, where that is stated, and the day on which it was.
    remedy : str
        The combination or the values that work; empty where none is known.
    """

    parameter: str
    effect: str
    reason: str
    source: str
    dated: str
    remedy: str

    @property
    def words(self) -> str:
        """The reason, what works instead, and the source."""
        return _words(self.reason, self.remedy, self.source, self.dated)


@dataclass(frozen=True, slots=True)
class OfferedParameter:
    """A parameter as a model may be offered it.

    Attributes
    ----------
    parameter : str
    effect : str
        ``honoured``, ``discouraged``, ``ignored`` or ``rejected`` where that is known, else ``unknown``.
    reason, source, dated, remedy : str
        As in `KnownEffect`; empty where nothing is known.
    choices : tuple of str
        The values of a choice that the model takes, all of them where nothing else is known.
    highest : float or None
        The highest number that it takes, where that is less than the parameter allows.
    """

    parameter: str
    effect: str
    reason: str = ""
    source: str = ""
    dated: str = ""
    remedy: str = ""
    choices: tuple[str, ...] = ()
    highest: float | None = None

    @property
    def usable(self) -> bool:
        """Whether nothing is known that speaks against varying it."""
        return self.effect in ("honoured", "unknown", "discouraged")

    @property
    def words(self) -> str:
        """The reason, what works instead, and the source."""
        return _words(self.reason, self.remedy, self.source, self.dated)


def known_effects(
    model: str,
    parameters: Iterable[str],
    overrides: Overrides | None = None,
    *,
    provider: str = "",
    setting: Mapping[str, Any] | None = None,
) -> dict[str, Capability]:
    """Return the known effect of varying each of these parameters of ``model``; one of which nothing is known is left out.

    Parameters
    ----------
    model
        The model as its server knows it.
    parameters
        Names of parameters, for example those a sweep varies.
    overrides
        The user's own knowledge, ``{model: {parameter: 'rejected' | 'ignored' | 'honoured'}}``; it wins.
    provider
        Host and port of its server, where that is to count too.
    setting
        The other parameters of the setting, on which the effect may depend.

    Examples
    --------
    >>> {name: known.effect for name, known in known_effects("o3-mini", ["temperature", "seed"]).items()}
    {'temperature': 'rejected'}
    >>> known_effects("gpt-6-luna", ["temperature"], setting={"reasoning_effort": "none"})
    {}
    >>> known_effects("o3-mini", ["temperature"], {"o3-mini": {"temperature": "honoured"}})["temperature"].effect
    'honoured'
    """
    own = (overrides or {}).get(model, {})
    kind = server_kind(provider)
    effects: dict[str, Capability] = {}
    for name in parameters:
        if name in own:
            effects[name] = Capability(model, re.escape(model), (name,), own[name], "set by you", "your configuration", "")
        elif (row := _row(model, name, kind, provider, setting or {})) is not None:
            effects[name] = row
    return effects


def setting_effects(
    model: str, parameters: Mapping[str, Any], overrides: Overrides | None = None, *, provider: str = ""
) -> tuple[KnownEffect, ...]:
    """Return what is known against each parameter of a setting, given the others and their values; empty where all is well.

    Parameters
    ----------
    model, overrides, provider
        As in `known_effects`.
    parameters
        The parameters of the setting, with their values.

    Examples
    --------
    >>> [(known.effect, known.remedy) for known in setting_effects("gpt-6-luna", {"temperature": 0.7})]
    [('rejected', 'works with reasoning_effort none')]
    >>> setting_effects("gpt-6-luna", {"temperature": 0.7, "reasoning_effort": "none"})
    ()
    """
    effects = []
    for name, row in known_effects(model, parameters, overrides, provider=provider, setting=parameters).items():
        if (effect := row.effect_on(parameters[name])) != "honoured":
            effects.append(KnownEffect(name, effect, row.note, row.source, row.dated, row.way_out))
    return tuple(effects)


def offered_parameters(
    model: str,
    overrides: Overrides | None = None,
    *,
    provider: str = "",
    setting: Mapping[str, Any] | None = None,
) -> dict[str, OfferedParameter]:
    """Return every parameter as ``model`` may be offered it, in the order of the table.

    Parameters
    ----------
    model, overrides, provider, setting
        As in `known_effects`.

    Examples
    --------
    >>> offered = offered_parameters("gpt-6-luna", provider="api.openai.com")
    >>> offered["temperature"].effect, offered["temperature"].remedy, offered["min_p"].effect
    ('rejected', 'works with reasoning_effort none', 'rejected')
    >>> offered["reasoning_effort"].choices
    ('none', 'low', 'medium', 'high', 'xhigh', 'max')
    """
    known = known_effects(model, PARAMETERS, overrides, provider=provider, setting=setting)
    kind = server_kind(provider)
    offered = {}
    for name, parameter in PARAMETERS.items():
        row = known.get(name)
        if row is None:
            takes = kind is not None and name in kind.takes
            source = (kind.source, kind.dated) if kind is not None and takes else ("", "")
            offered[name] = OfferedParameter(name, "honoured" if takes else "unknown", "", *source, choices=parameter.choices)
            continue
        choices = tuple(
            choice for choice in parameter.choices if row.effect != "honoured" or choice in (row.allowed or (choice,))
        )
        offered[name] = OfferedParameter(name, row.effect, row.note, row.source, row.dated, row.way_out, choices, row.highest)
    return offered


def token_limit_name(model: str) -> str:
    """Return how ``model`` wants ``max_tokens`` to be called: OpenAI's reasoning models know only ``max_completion_tokens``.

    Examples
    --------
    >>> token_limit_name("o3-mini"), token_limit_name("gpt-4o-mini")
    ('max_completion_tokens', 'max_tokens')
    """
    return "max_completion_tokens" if _NEEDS_COMPLETION_TOKENS.search(model) else "max_tokens"


def _row(model: str, name: str, kind: ServerKind | None, provider: str, setting: Mapping[str, Any]) -> Capability | None:
    """Return what is known of a parameter of the model at this kind of server, else of the server, else of the model."""
    here = "" if kind is None else kind.name
    row = next(
        (
            row
            for row in CAPABILITIES
            if name in row.parameters
            and row.concerns(model)
            and (not row.servers or here in row.servers)
            and not (row.unless and row.unless.met(setting))
        ),
        None,
    )
    if kind is not None and name in kind.effects and (row is None or not row.servers):
        return _server_row(name, kind.effects[name], kind, provider)
    return row


def _server_row(name: str, effect: str, kind: ServerKind, provider: str) -> Capability:
    guess = f", which usually stands at {provider}," if known_by_port(kind, provider) else ""
    elsewhere = [other.name for other in SERVERS.values() if name in other.takes and other.owner]
    others = f"{', '.join(elsewhere)} take{'' if elsewhere[1:] else 's'} it" if elsewhere and kind.owner else ""
    remedy = "; ".join(filter(None, (kind.note, others)))
    note = f"{kind.api}{guess} does not take it"
    return Capability("any model", "", (name,), effect, note, kind.source, kind.dated, remedy=remedy)


def _words(reason: str, remedy: str, source: str, dated: str) -> str:
    where = f" ({source}, {dated})" if dated else ""
    return f"{'; '.join(filter(None, (reason, remedy)))}{where}".strip()
