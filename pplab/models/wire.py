"""The parameters of a call as its server names them: which field of the request each becomes, and which parameter a field is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.plan.parameters import FREE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.plan.servers import ServerKind


@dataclass(frozen=True, slots=True)
class WireParameters:
    """The parameters of one request.

    Attributes
    ----------
    fields : mapping
        The fields of the request's body.
    sent : mapping
        The values by the names they go out under: a field, or a path of fields separated by dots.
    names : mapping
        The parameter that each of these names stands for.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    sent: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def asked(self, by_wire_name: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the parameters they belong to, from values by the names they went out under."""
        return {self.names.get(name, name): value for name, value in by_wire_name.items()}


def wire_parameters(parameters: Mapping[str, Any], kind: ServerKind | None, token_limit: str) -> WireParameters:
    """Return a call's parameters as a kind of server takes them; one it does not take goes out under its own name.

    Parameters
    ----------
    parameters
        The parameters of the call, free ones (``x.NAME``) included.
    kind
        The kind of the server, ``None`` where it is not known.
    token_limit
        What the model's server calls ``max_tokens``.

    Examples
    --------
    >>> from pplab.plan.servers import SERVERS
    >>> asked = {"repetition_penalty": 1.1, "max_tokens": 9, "x.mirostat": 2}
    >>> dict(wire_parameters(asked, SERVERS["llama.cpp"], "max_tokens").sent)
    {'repeat_penalty': 1.1, 'max_tokens': 9, 'mirostat': 2}
    >>> wire_parameters({"thinking_budget": 2000}, SERVERS["Anthropic"], "max_tokens").fields
    {'thinking': {'type': 'enabled', 'budget_tokens': 2000}}
    """
    fields: dict[str, Any] = {}
    sent: dict[str, Any] = {}
    names: dict[str, str] = {}
    given = {name: value for name, value in parameters.items() if value is not None}
    for name in sorted(given, key=lambda name: not name.startswith(FREE)):  # what is sent as it is stays as it is
        path = _path(name, kind, token_limit)
        for constant, value in (kind.constants.get(name, {}) if kind else {}).items():
            _put(fields, constant, value, replace=False)
        _put(fields, path, given[name], replace=path not in sent)
        sent.setdefault(path, given[name])
        names.setdefault(path, name)
    in_order = sorted(sent, key=lambda path: list(given).index(names[path]))
    return WireParameters(fields, {path: sent[path] for path in in_order}, names)


def _path(name: str, kind: ServerKind | None, token_limit: str) -> str:
    if name.startswith(FREE):
        return name.removeprefix(FREE)
    if name == "max_tokens":
        return token_limit
    return kind.takes.get(name, name) if kind else name


def _put(fields: dict[str, Any], path: str, value: Any, *, replace: bool) -> None:
    """Put a value where a path of fields leads; the objects on the way are copies, so that nobody else's are changed."""
    *above, last = path.split(".")
    place = fields
    for step in above:
        inner = place.get(step)
        place[step] = dict(inner) if isinstance(inner, dict) else {}
        place = place[step]
    if replace or last not in place:
        place[last] = value
