"""What one model can be told of a calibration: ranges where it honours sampling parameters, else effort, verbosity and persona.

Nothing is known of models here: what a model takes comes in as a mapping. Which effort follows from which precision, and which
verbosity from which length, is our own judgement; it sets what an experiment tries first, and the experiment decides.

Sources
-------
reasoning_effort
    OpenAI, "Reasoning models" (developers.openai.com/api/docs/guides/reasoning, as quoted on 2026-11-28): low favours speed and
    few tokens, high favours more complete reasoning, medium lies between the two.
max_tokens
    The same page: what a model thinks counts as output, and at least 25,000 tokens are to be reserved for it at first. A limit
    that was meant for the answer alone would end it before it begins.
verbosity
    OpenAI, API reference, "Create chat completion" (as quoted on 2026-11-28): low, medium (the default) or high; lower values
    result in more concise answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pplab.plan.parameters import PARAMETERS, as_text, in_order
from pplab.plan.settings import Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_EFFORTS = ((65, ("medium", "high")), (35, ("low", "medium")), (0, ("low",)))
"""The least precision score, and the efforts to try from it on."""
_VERBOSITY = {"sentence": "low", "paragraph": "low", "paragraphs": "medium", "page": "medium", "document": "high"}
_ORDER = PARAMETERS["reasoning_effort"].choices  # those of verbosity are some of them


class Offered(Protocol):
    """What is known of one parameter of one model; see `pplab.models.capabilities.OfferedParameter`."""

    @property
    def effect(self) -> str:
        """``honoured``, ``discouraged``, ``ignored``, ``rejected`` or ``unknown``."""

    @property
    def reason(self) -> str:
        """What exactly happens."""

    @property
    def remedy(self) -> str:
        """What works instead."""

    @property
    def source(self) -> str:
        """Where that is stated."""

    @property
    def dated(self) -> str:
        """The day on which it was."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a choice that the model takes."""

    @property
    def highest(self) -> float | None:
        """The highest number that it takes, where that is less than the parameter allows."""


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A parameter of which nothing is known."""

    effect: str = "unknown"
    reason: str = ""
    remedy: str = ""
    source: str = ""
    dated: str = ""
    choices: tuple[str, ...] = ()
    highest: float | None = None


class Calibrated(Protocol):
    """The part of a calibration that a model's settings follow from."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The range of each parameter."""

    @property
    def points(self) -> Mapping[str, tuple[float, ...]]:
        """The values of each parameter to try first."""

    @property
    def scores(self) -> Mapping[str, float]:
        """``precision`` and ``personality``."""

    @property
    def answers(self) -> Mapping[str, Any]:
        """Question id to value."""

    @property
    def personas(self) -> Mapping[str, str]:
        """The persona in three strengths."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a parameter, or the persona, is used as it is.

    Parameters
    ----------
    parameter
        Its name, or ``persona``.
    used
        What the model is told, in words; empty where that is nothing.
    words
        Why, as a clause.
    source, dated
        Where what is known of the model is stated, and the day (ISO 8601) on which it was; empty where nothing is.
    """

    parameter: str
    used: str
    words: str
    source: str = ""
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelSettings:
    """What a calibration comes to for one model. Returned by `Calibration.settings_for`.

    Attributes
    ----------
    model : str
    given : dict
        The parameters that every setting has anyway, as they were passed.
    ranges : dict of Range
        The calibrated ranges of the sampling parameters that the model honours.
    points : dict of tuple
        Values to try first inside these ranges.
    choices : dict of tuple
        Values to try of ``reasoning_effort`` and ``verbosity``, from least to most.
    systems : dict of str
        The persona in each strength to try, by its name.
    reasons : tuple of Reason
        For each parameter and the persona, what the model is told and why.

    Examples
    --------
    >>> settings = calibration.settings_for("gpt-6-luna")  # doctest: +SKIP
    >>> lab.run(prompt, sweep=settings.sweep, parameters=settings.parameters, systems=settings.systems)  # doctest: +SKIP
    """

    model: str
    given: Mapping[str, Any]
    ranges: Mapping[str, Range]
    points: Mapping[str, tuple[float, ...]]
    choices: Mapping[str, tuple[str, ...]]
    systems: Mapping[str, str]
    reasons: tuple[Reason, ...]

    @property
    def samples(self) -> bool:
        """Whether the model takes temperature: whether that or the effort is what varies."""
        return "temperature" in {*self.ranges, *self.given}

    @property
    def sweep(self) -> dict[str, list[Any]]:
        """The parameters worth varying, as `Lab.run` takes them: temperature where it is honoured, else the effort."""
        varied = {"temperature": self.points["temperature"]} if "temperature" in self.points else self.choices
        return {name: list(values) for name, values in varied.items() if len(values) > 1}

    @property
    def parameters(self) -> dict[str, Any]:
        """What every setting gets, as `Lab.run` takes it: what was given, the longest answer, and choices with one value."""
        fixed: dict[str, Any] = {name: values[0] for name, values in self.choices.items() if len(values) == 1}
        if "max_tokens" in self.ranges:
            fixed["max_tokens"] = self.ranges["max_tokens"].high
        if "temperature" in self.points and len(self.points["temperature"]) == 1:
            fixed["temperature"] = self.points["temperature"][0]
        return {**fixed, **self.given}

    @property
    def persona(self) -> str:
        """The persona in its own, medium strength."""
        return self.systems["medium"]

    @property
    def df(self) -> pd.DataFrame:
        """One row a parameter and one for the persona: ``parameter, used, why, source, dated``."""
        import pandas as pd

        return pd.DataFrame(self.as_dict()["reasons"])

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "model": self.model,
            "sweep": self.sweep,
            "parameters": self.parameters,
            "systems": dict(self.systems),
            "ranges": {name: [r.low, r.high] for name, r in self.ranges.items()},
            "choices": {name: list(values) for name, values in self.choices.items()},
            "reasons": [
                {"parameter": r.parameter, "used": r.used, "why": r.words, "source": r.source, "dated": r.dated}
                for r in self.reasons
            ],
        }

    def __repr__(self) -> str:
        used = "; ".join(f"{reason.parameter} {reason.used}" for reason in self.reasons if reason.used)
        return f"ModelSettings({self.model}: {used})"


def model_settings(
    calibration: Calibrated, model: str, offered: Mapping[str, Offered], given: Mapping[str, Any] | None = None
) -> ModelSettings:
    """Return what a calibration comes to for a model.

    Parameters
    ----------
    calibration
        Its ranges, scores, answers and personas.
    model
        The model's name.
    offered
        What is known of each parameter of the model; of one that is missing nothing is.
    given
        Parameters that every setting has anyway; they are taken over and never varied.
    """
    given = dict(given or {})
    reasons = {name: Reason(name, as_text(value), "given by you") for name, value in given.items()}
    ranges: dict[str, Range] = {}
    for name in calibration.ranges.keys() - given.keys():
        known = offered.get(name, _Unknown())
        if usable := _usable_range(calibration.ranges[name], known):
            ranges[name] = usable
        reasons[name] = _about_range(name, calibration.ranges[name], usable, known)
    sampled = "temperature" in {*ranges, *given}
    if not sampled and (limit := ranges.pop("max_tokens", None)):
        words = f"a model that thinks counts that too, and {_span(limit)} tokens are meant for the answer alone"
        reasons["max_tokens"] = Reason("max_tokens", "", words)
    choices: dict[str, tuple[str, ...]] = {}
    for name, choose in (("reasoning_effort", _efforts), ("verbosity", _verbosity)):
        if name not in given:
            reasons[name], values = _choice(name, offered.get(name, _Unknown()), *choose(calibration, sampled=sampled))
            choices |= {name: values} if values else {}
    personas = calibration.personas
    systems = {"medium": personas["medium"]} if sampled else dict(personas)
    words = "as it is: temperature is what varies"
    if not sampled:
        words = "in place of temperature: what varies is how strongly it is put"
    reasons["persona"] = Reason("persona", ", ".join(systems), words)
    return ModelSettings(
        model=model,
        given=given,
        ranges={name: ranges[name] for name in calibration.ranges if name in ranges},
        points={
            name: tuple(dict.fromkeys(min(point, ranges[name].high) for point in points))
            for name, points in calibration.points.items()
            if name in ranges
        },
        choices=choices,
        systems=systems,
        reasons=tuple(reasons[name] for name in (*in_order(reasons.keys() - {"persona"}), "persona")),
    )


def _usable_range(range_: Range, known: Offered) -> Range | None:
    """Return the part of a range that the model honours, as far as is known."""
    if known.effect not in ("honoured", "unknown"):
        return None
    high = range_.high if known.highest is None else min(range_.high, known.highest)
    return Range(range_.low, high) if high >= range_.low else None


def _about_range(name: str, range_: Range, usable: Range | None, known: Offered) -> Reason:
    where = (known.source, known.dated)
    if usable is None:
        return Reason(name, "", _against(known), *where)
    if usable != range_:
        return Reason(name, _span(usable), f"of {_span(range_)}, as far as the model goes: {known.reason}", *where)
    if known.effect == "unknown":
        return Reason(name, _span(usable), f"nothing is known against it; pplab probe {name} measures what it does")
    return Reason(name, _span(usable), "the model takes it", *where)


def _choice(name: str, known: Offered, wished: tuple[str, ...], words: str) -> tuple[Reason, tuple[str, ...]]:
    """Return the values of a choice to try and the reason, from the values wished for, if any, and why."""
    where = (known.source, known.dated)
    if known.effect == "unknown":
        return Reason(name, "", "nothing is known of it here"), ()
    if known.effect != "honoured":
        return Reason(name, "", _against(known), *where), ()
    values = tuple(dict.fromkeys(_nearest(value, known.choices or _ORDER) for value in wished))
    return Reason(name, ", ".join(values), words, *where), values


def _efforts(calibration: Calibrated, *, sampled: bool) -> tuple[tuple[str, ...], str]:
    """Return the efforts wished for, and why."""
    if sampled:
        return (), "left to the model: temperature is what varies"
    precision = calibration.scores["precision"]
    wished = next(efforts for least, efforts in _EFFORTS if precision >= least)
    return wished, f"in place of temperature: the more precise, the more thinking, and yours is {precision:g} of 100"


def _verbosity(calibration: Calibrated, *, sampled: bool) -> tuple[tuple[str, ...], str]:  # noqa: ARG001 - as `_efforts`
    """Return the verbosity wished for, and why."""
    wished = _VERBOSITY.get(str(calibration.answers.get("length")))
    if wished is None or calibration.answers.get("task") == "translate":
        return (), "left to the model: the length of a translation follows from its source"
    return (wished,), "from the length that your answers wish for"


def _against(known: Offered) -> str:
    words = known.reason if known.effect in ("honoured", "unknown") else f"{known.effect}: {known.reason}"
    return "; ".join(part for part in (words, known.remedy) if part)


def _nearest(wished: str, choices: tuple[str, ...]) -> str:
    """Return a level itself, or the one next to it that the model takes, the higher of two."""
    return min(choices, key=lambda choice: (abs(_ORDER.index(choice) - _ORDER.index(wished)), -_ORDER.index(choice)))


def _span(range_: Range) -> str:
    return f"{range_.low:g} to {range_.high:g}" if range_.high > range_.low else f"{range_.low:g}"
