"""The settings of a new model that may take the place of an old one: what it can be told, at most six, the plainest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.plan.plan import grid
from pplab.plan.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.models.capabilities import OfferedParameter
    from pplab.plan.calibrated import ModelTold

MOST = 6
"""Settings that are tried of a model."""
TEMPERATURES = (0.3, 0.7, 1.0)
EFFORTS = ("low", "medium")
VERBOSITIES = ("low", "high")


def candidates(model: str, offered: Mapping[str, OfferedParameter], old: Mapping[str, Any]) -> list[Setting]:
    """Return the settings of a model to try in place of an old one, without a calibration.

    The first is the old setting as it is, as far as the model takes its parameters. The others change one thing of it: the
    effort and the verbosity where the model honours them, else the temperature where nothing is known against it.

    Parameters
    ----------
    model
        The model, as users write it.
    offered
        What is known of each parameter of the model.
    old
        The parameters of the old setting.

    Examples
    --------
    >>> [setting.label() for setting in candidates("new", {}, {"max_tokens": 200})]  # doctest: +NORMALIZE_WHITESPACE
    ['model new, max_tokens 200', 'model new, temperature 0.3, max_tokens 200', 'model new, temperature 0.7, max_tokens 200',
     'model new, temperature 1, max_tokens 200']
    """
    kept = {name: value for name, value in old.items() if _takes(offered, name, value)}
    tried: list[Mapping[str, Any]] = [{}]
    for name, wished in (("reasoning_effort", EFFORTS), ("verbosity", VERBOSITIES)):
        known = offered.get(name)
        if known is not None and known.effect == "honoured":
            tried += [{name: value} for value in _of_choices(known.choices, wished)]
    if len(tried) == 1 and _takes(offered, "temperature", TEMPERATURES[-1]):
        tried += [{"temperature": value} for value in TEMPERATURES]
    return _first([Setting.of({**kept, **change, "model": model}) for change in tried])


def calibrated_candidates(model: str, told: ModelTold) -> list[Setting]:
    """Return the settings of a model to try under a calibration: what varies in it, under each strength of the persona."""
    settings = grid(told.sweep, told.parameters)
    strengths = list(told.systems)
    return _first([setting.naming(model=model, system=name) for setting in settings for name in strengths])


def calibrated_setting(model: str, told: ModelTold) -> Setting:
    """Return the setting in the middle of what a calibration comes to for a model: its own persona, the middle of each range."""
    middle = {name: values[len(values) // 2] for name, values in told.sweep.items()}
    return Setting.of({**told.parameters, **middle, "model": model, "system": "medium"})


def _first(settings: Sequence[Setting]) -> list[Setting]:
    return list(dict.fromkeys(settings))[:MOST]


def _takes(offered: Mapping[str, OfferedParameter], name: str, value: Any) -> bool:
    """Return whether nothing is known against giving a model this value of a parameter."""
    known = offered.get(name)
    if known is None:
        return True
    fits = not known.choices or value in known.choices
    return known.effect in ("honoured", "unknown") and fits and (known.highest is None or value <= known.highest)


def _of_choices(choices: Sequence[str], wished: Sequence[str]) -> list[str]:
    """Return the wished values that a model offers, or else the first two that it does."""
    return [value for value in wished if value in choices] or list(choices[:2])
