"""Settings: one combination of model, system message, wording and request parameters; and ranges of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.plan.parameters import CALIBRATED, FREE, PARAMETERS, UNLIMITED, as_text, in_order, parameter, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMED = ("model", "system", "wording")
"""What a setting may name besides its parameters."""
FACTOR_COLUMNS = ("model_asked", "endpoint", "system", "wording")
"""The columns of the factors that are no parameters."""


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A model of a plan: its name as the server knows it, the name of its endpoint, and who serves it.

    ``endpoint`` is ``None`` for the lab's own server; ``provider`` is host and port, or ``embedded``.
    """

    name: str
    endpoint: str | None = None
    provider: str | None = None

    @property
    def label(self) -> str:
        """The model as users write it.

        Examples
        --------
        >>> ModelAsked("qwen3:8b", "local").label
        'qwen3:8b@local'
        """
        return f"{self.name}@{self.endpoint}" if self.endpoint else self.name

    @property
    def place(self) -> tuple[str | None, str | None]:
        """The endpoint and the provider: where its calls go."""
        return self.endpoint, self.provider


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One combination of request parameters, and where they differ between settings, of model, system message and wording.

    A parameter that is not there is not sent: the server's default applies. ``model`` (as in `ModelAsked.label`), ``system`` and
    ``wording`` are names; ``None`` means the only one that the plan has.

    Examples
    --------
    >>> Setting.of(top_p=0.9, temperature=0.7, model="qwen3:8b@local").label()
    'model qwen3:8b@local, temperature 0.7, top_p 0.9'
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    system: str | None = None
    wording: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any] | None = None, /, **more: Any) -> Setting:
        """Check every value and return the setting; unknown names and values out of range raise `BadInput`."""
        given = {name: value for name, value in {**(values or {}), **more}.items() if value is not None}
        names = {name: given.pop(name) for name in NAMED if name in given}
        for name, value in names.items():
            if not isinstance(value, str) or not value.strip():
                raise BadInput(f"{name}={value!r} of a setting is no name", hint=f"give the name of one of the run's {name}s")
        checked = {name: parameter(name).check(given[name]) for name in in_order(given)}
        for name in checked:
            if name.startswith(FREE) and name.removeprefix(FREE) in checked:
                raise BadInput(f"{name} and {name.removeprefix(FREE)} are one field", hint="give one of them")
        return cls(checked, **names)

    def given(self) -> dict[str, Any]:
        """Return the parameters that were set, in their fixed order."""
        return dict(self.parameters)

    def as_dict(self) -> dict[str, Any]:
        """Return the parameters and the names, as `of` takes them."""
        return {**self._names(), **self.parameters}

    def naming(self, **names: str | None) -> Setting:
        """Return the setting with other names of its model, system message or wording."""
        return Setting(self.parameters, **{**self._names(), **names})

    def value(self, name: str) -> Any:
        """Return the value of a parameter, ``None`` where it is not set."""
        return self.parameters.get(name)

    def label(self) -> str:
        """Return the setting in words, the same for equal settings."""
        words = [f"{name} {value}" for name, value in self._names().items()]
        words += [f"{name} {value_label(value)}" for name, value in self.parameters.items()]
        return ", ".join(words) or "server defaults"

    def _names(self) -> dict[str, str]:
        return {name: value for name in NAMED if (value := getattr(self, name)) is not None}

    def _key(self) -> tuple[tuple[str, str], ...]:
        values = self.as_dict().items()
        return tuple((name, repr(value) if isinstance(value, str) else as_text(value)) for name, value in values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def value_label(value: Any) -> str:
    """Return a parameter's value for a label.

    Examples
    --------
    >>> value_label(0.5), value_label({"type": "json_object"}), value_label(["word"] * 20)
    ('0.5', '{"type":"json_object"}', '["word","word","word","word","w... #7f19')
    """
    return shortened(as_text(value))


def scale_position(name: str, value: Any) -> float | None:
    """Return where a factor's value stands on its scale: a number as itself, an ordered choice by its place among the choices.

    ``None`` for whatever has no order: names, other choices, texts, JSON, and a number that stands for "no limit".

    Examples
    --------
    >>> scale_position("temperature", 0.7), scale_position("verbosity", "medium"), scale_position("system", "1")
    (0.7, 1.0, None)
    """
    known = PARAMETERS.get(name)
    if known is not None and known.kind == "ordered":
        return float(known.choices.index(value)) if value in known.choices else None
    text = isinstance(value, str) and not (known is not None and known.numeric)
    if name in FACTOR_COLUMNS or isinstance(value, bool) or text:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number not in UNLIMITED.get(name, ()) else None


def factor_columns(columns: Iterable[str]) -> list[str]:
    """Return which columns of a frame of responses hold what a setting consists of, in the order in which they are shown.

    The seed is none of them: each replicate has its own.

    Examples
    --------
    >>> factor_columns(["text", "x.mirostat", "seed", "temperature", "model_asked"])
    ['model_asked', 'temperature', 'x.mirostat']
    """
    present = list(columns)
    named = [name for name in FACTOR_COLUMNS if name in present]
    parameters = [name for name in present if name in PARAMETERS or name.startswith(FREE)]
    return [*named, *(name for name in in_order(parameters) if name != "seed")]


@dataclass(frozen=True, slots=True)
class Range:
    """A closed interval ``[low, high]`` of one parameter."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def check_ranges(ranges: Mapping[str, Any]) -> dict[str, Range]:
    """Return checked, non-empty ranges for known numeric parameters, or raise `BadInput`."""
    out: dict[str, Range] = {}
    for name, value in ranges.items():
        legal = parameter(name)
        if not legal.numeric:
            raise BadInput(f"{name} has no range", hint=f"a range is of a number, such as {', '.join(CALIBRATED)}")
        low, high = (value.low, value.high) if isinstance(value, Range) else value
        low, high = legal.check(low), legal.check(high)
        if low > high:
            raise BadInput(f"the range of {name} is empty: {low:g} > {high:g}", hint="give [low, high] with low <= high")
        out[name] = Range(low, high)
    return out
