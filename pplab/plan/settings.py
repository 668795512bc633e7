"""Sampling parameters: their legal values, one combination of them (a setting), and ranges of them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a sampling parameter means and which values are legal.

    ``low`` and ``high`` are inclusive, except that ``low`` is excluded when ``low_open`` is true.
    """

    name: str
    low: float
    high: float
    meaning: str
    low_open: bool = False
    integer: bool = False

    def check(self, value: object) -> float | int:
        """Return ``value`` as a number of the right type, or raise `BadInput` naming the legal interval."""
        try:
            if isinstance(value, bool):
                raise TypeError  # noqa: TRY301 - True is an int in Python, never a temperature
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise BadInput(f"{self.name}={value!r} is not a number", hint=f"give a value in {self.interval}") from None
        below = number <= self.low if self.low_open else number < self.low
        if math.isnan(number) or below or number > self.high:
            raise BadInput(f"{self.name}={value} is out of range", hint=f"give a value in {self.interval}")
        if self.integer:
            if number != int(number):
                raise BadInput(f"{self.name}={value} is not a whole number", hint=f"give a value in {self.interval}")
            return int(number)
        return number

    @property
    def interval(self) -> str:
        """The legal values in mathematical notation, such as ``(0, 1]``."""
        return f"{'(' if self.low_open else '['}{self.low:g}, {self.high:g}]"


PARAMETERS: dict[str, Parameter] = {
    p.name: p
    for p in (
        Parameter("temperature", 0, 2, "divides the logits before sampling: 0 is greedy, higher is more varied"),
        Parameter("top_p", 0, 1, "samples only from the smallest set of tokens with this total probability", low_open=True),
        Parameter("max_tokens", 1, 1_000_000, "the longest answer, in tokens", integer=True),
        Parameter("frequency_penalty", -2, 2, "lowers a token's logit by this much for each time it was used"),
        Parameter("presence_penalty", -2, 2, "lowers a token's logit by this much once it was used at all"),
    )
}


def parameter(name: str) -> Parameter:
    """Return the parameter called ``name``, or raise `BadInput` with the nearest name."""
    if name not in PARAMETERS:
        hint = did_you_mean(name, PARAMETERS) or f"known parameters: {', '.join(PARAMETERS)}"
        raise BadInput(f"unknown parameter '{name}'", hint=hint)
    return PARAMETERS[name]


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of sampling parameters. ``None`` means: not sent, the server's default applies.

    Examples
    --------
    >>> Setting.of(temperature=0.7, top_p=0.9).label()
    'temperature 0.7, top_p 0.9'
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None

    @classmethod
    def of(cls, **values: object) -> Setting:
        """Check every value and return the setting; unknown names and values out of range raise `BadInput`."""
        checked = {name: parameter(name).check(value) for name, value in values.items() if value is not None}
        return cls(**checked)  # type: ignore[arg-type]

    def given(self) -> dict[str, float | int]:
        """Return only the parameters that were set, in their fixed order."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def label(self) -> str:
        """Return the setting in words, the same for equal settings."""
        return ", ".join(f"{name} {value:g}" for name, value in self.given().items()) or "server defaults"


SETTING_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Setting))


@dataclass(frozen=True, slots=True)
class Range:
    """A closed interval ``[low, high]`` of one parameter."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def check_ranges(ranges: Mapping[str, Any]) -> dict[str, Range]:
    """Return checked, non-empty ranges for known parameters, or raise `BadInput`."""
    out: dict[str, Range] = {}
    for name, value in ranges.items():
        low, high = (value.low, value.high) if isinstance(value, Range) else value
        legal = parameter(name)
        low, high = legal.check(low), legal.check(high)
        if low > high:
            raise BadInput(f"the range of {name} is empty: {low:g} > {high:g}", hint="give [low, high] with low <= high")
        out[name] = Range(low, high)
    return out
