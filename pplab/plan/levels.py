"""Levels: the values that a factor takes between settings, in the order in which charts and lists show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.plan.parameters import as_text, parameter
from pplab.plan.settings import FACTOR_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSET = {"endpoint": "the lab's own server", "system": "none", "wording": "none"}
"""What stands for a level that has no value; of a parameter the server's default applies."""


@dataclass(frozen=True, slots=True)
class FactorLevels:
    """The levels of one factor.

    Attributes
    ----------
    name : str
        The factor's column, such as ``model_asked``, ``temperature`` or ``x.mirostat``.
    labels : tuple of str
        Each level in words: numbers ascending, ordered choices from least to most, models, personas and wordings as they first
        occur, other values by name; a level without a value comes last.
    numbers : tuple of (float or None) or None
        Where each level stands on an axis, ``None`` for the one without a value; ``None`` altogether for categories.
    of_settings : tuple of int
        The level of each setting.
    """

    name: str
    labels: tuple[str, ...]
    numbers: tuple[float | None, ...] | None
    of_settings: tuple[int, ...]

    @property
    def title(self) -> str:
        """What users call the factor."""
        return factor_title(self.name)

    @property
    def on_axis(self) -> tuple[int, ...]:
        """The levels that a chart draws: of numbers those that are one, of categories all unless none has a value."""
        if self.numbers is None:
            return () if self.labels == (_unset(self.name),) else tuple(range(len(self.labels)))
        return tuple(level for level, number in enumerate(self.numbers) if number is not None)


def factor_title(name: str) -> str:
    """Return what users call a factor, given its column.

    Examples
    --------
    >>> factor_title("model_asked"), factor_title("min_p")
    ('model', 'min_p')
    """
    return "model" if name == "model_asked" else name


def _unset(name: str) -> str:
    return UNSET.get(name, "not set")


def factor_levels(name: str, values: Sequence[Any]) -> FactorLevels:
    """Return the levels of a factor.

    Parameters
    ----------
    name
        Its column.
    values
        Its value under each setting, in the order of the plan; ``None`` where it is not set.

    Examples
    --------
    >>> factor_levels("reasoning_effort", ["high", "low", None]).labels
    ('low', 'high', 'not set')
    >>> factor_levels("x.mirostat", [2, 0, 2])
    FactorLevels(name='x.mirostat', labels=('0', '2'), numbers=(0.0, 2.0), of_settings=(1, 0, 1))
    """
    keys = [None if value is None else (type(value) is str, as_text(value)) for value in values]
    first = dict(zip(reversed(keys), reversed(values), strict=True))
    distinct = [key for key in dict.fromkeys(keys) if key is not None]
    numeric = bool(distinct) and all(type(first[key]) in (int, float) for key in distinct)
    if numeric:
        distinct.sort(key=lambda key: float(first[key]))
    elif name not in FACTOR_COLUMNS:
        choices = parameter(name).choices
        distinct.sort(key=lambda key: (choices.index(key[1]) if key[1] in choices else len(choices), key))
    labels, numbers = [text for _, text in distinct], [float(first[key]) for key in distinct] if numeric else None
    ordered = [*distinct, *([None] if None in first else [])]
    if None in first:
        labels.append(_unset(name))
    place = {key: index for index, key in enumerate(ordered)}
    on_axis = None if numbers is None else (*numbers, *([None] if None in first else []))
    return FactorLevels(name, tuple(labels), on_axis, tuple(place[key] for key in keys))
