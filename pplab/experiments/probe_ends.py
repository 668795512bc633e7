"""What a probe asks at the two ends of a parameter. Nothing is sent here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.inputs.values import as_list
from pplab.models.capabilities import offered_parameters
from pplab.plan.parameters import CALIBRATED, FREE, PARAMETERS, parameter
from pplab.plan.written import parse_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ends = tuple[dict[str, Any], dict[str, Any]]

SEED = 20_011
_SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}

ENDS: dict[str, Ends] = {
    "temperature": ({"temperature": 0}, {"temperature": 1}),
    "top_p": ({"temperature": 1, "top_p": 0.05}, {"temperature": 1, "top_p": 1}),
    "max_tokens": ({"max_tokens": 16}, {"max_tokens": 100}),
    "frequency_penalty": ({"frequency_penalty": -2}, {"frequency_penalty": 2}),
    "presence_penalty": ({"presence_penalty": -2}, {"presence_penalty": 2}),
    "top_k": ({"temperature": 1, "top_k": 1}, {"temperature": 1, "top_k": 1000}),
    "min_p": ({"temperature": 1, "min_p": 0}, {"temperature": 1, "min_p": 0.9}),
    "typical_p": ({"temperature": 1, "typical_p": 0.05}, {"temperature": 1, "typical_p": 1}),
    "repetition_penalty": ({"repetition_penalty": 1}, {"repetition_penalty": 2}),
    "seed": ({"temperature": 1, "seed": SEED}, {"temperature": 1}),
    "stop": ({}, {"stop": [" "]}),
    "thinking_budget": ({"thinking_budget": 0}, {"thinking_budget": 2048}),
    "response_format": (
        {},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "shop", "strict": True, "schema": _SCHEMA}}},
    ),
    "logprobs": ({"logprobs": False}, {"logprobs": True}),
    "top_logprobs": ({"logprobs": True, "top_logprobs": 1}, {"logprobs": True, "top_logprobs": 5}),
}
"""The ends of numbers, texts and JSON; of a choice they are its first and its last value that the model takes.

Temperature ends at 1, the most that some servers take; what cuts the distribution acts on a temperature. A parameter that is
left out at one end is sent at the other only.
"""

LONGEST = 100  # max_tokens of a probe's calls, so that it stays cheap
LONGEST_THINKING = 2000  # the same where thinking counts as well


def name_and_values(wanted: str) -> tuple[str, tuple[Any, ...] | None]:
    """Return the parameter that a user names, and the values at its ends where they are given, as ``NAME=a,b``.

    Examples
    --------
    >>> name_and_values("min_p"), name_and_values("x.mirostat=0,2")
    (('min_p', None), ('x.mirostat', (0, 2)))
    """
    name, given, text = wanted.partition("=")
    parameter(name)
    return name, tuple(parse_values(name, text)) if given else None


def probe_ends(
    name: str,
    values: Sequence[Any] | None,
    model: str,
    overrides: Mapping[str, Mapping[str, str]],
    provider: str,
) -> Ends:
    """Return the parameters to ask with at the two ends.

    Parameters
    ----------
    name
        The parameter.
    values
        The two values to compare; ``None``: those that show most.
    model, overrides, provider
        Whom to ask, and what the user knows of it, see `pplab.models.capabilities.offered_parameters`.

    Raises
    ------
    BadInput
        When there are not two values, or none are known for this parameter.
    """
    legal = parameter(name)
    offered = offered_parameters(model, overrides, provider=provider)
    if values is None and name in ENDS:
        low, high = ENDS[name]
    elif values is not None:
        listed = [legal.check(value) for value in as_list(values)]
        if len(listed) != 2 or listed[0] == listed[1]:
            raise BadInput(f"a probe compares two values of {name}", hint=f"write {name}=a,b")
        low, high = ({name: value} for value in listed)
    elif legal.choices:
        choices = offered[name].choices or legal.choices
        low, high = {name: choices[0]}, {name: choices[-1]}
    else:
        raise BadInput(f"which two values of {name} to compare is not known", hint=f"write them as {name}=a,b")
    longest = {"max_tokens": LONGEST_THINKING if thinks(name) else LONGEST}
    unwanted = () if name == "temperature" or offered["temperature"].usable else ("temperature",)
    low, high = ({k: v for k, v in {**longest, **end}.items() if k not in unwanted} for end in (low, high))
    return low, high


def thinks(name: str) -> bool:
    """Return whether a parameter acts on what a model thinks or how much it says, so that its tokens are counted."""
    return name in ("reasoning_effort", "verbosity", "thinking_budget") or name.startswith(FREE)


def worth_probing(model: str, overrides: Mapping[str, Mapping[str, str]], provider: str) -> tuple[str, ...]:
    """Return the parameters that a sweep would use: those of a calibration, and others that the model or its server takes.

    What is known to be rejected or ignored is left out.
    """
    offered = offered_parameters(model, overrides, provider=provider)
    return tuple(
        name
        for name, of_model in offered.items()
        if (name in CALIBRATED and of_model.usable)
        or (of_model.effect == "honoured" and (PARAMETERS[name].choices or PARAMETERS[name].numeric) and name != "top_logprobs")
    )
