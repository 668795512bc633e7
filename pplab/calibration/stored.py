"""A calibration as a lab stores it and a user holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pplab.calibration.answer_table import AnswerTable, answer_table
from pplab.calibration.model_settings import ModelSettings, model_settings
from pplab.calibration.move import Move
from pplab.calibration.persona import STRENGTHS, write_persona
from pplab.errors import BadInput
from pplab.inputs.values import mapping
from pplab.plan.parameters import in_order
from pplab.plan.settings import Range, Setting, check_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from pplab.calibration.model_settings import Offered

    Lookup = Callable[[str, Mapping[str, Any]], Mapping[str, Offered]]


def _nothing(_model: str, _parameters: Mapping[str, Any]) -> Mapping[str, Offered]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Calibration:
    """The ranges, scores and persona derived from a set of answers, as stored in a lab.

    Attributes
    ----------
    id : str
    ranges : dict of Range
        ``[low, high]`` of each sampling parameter.
    scores : dict of float
        ``precision`` and ``personality``, 0 to 100.
    persona : str
        The system message that expresses the answers.
    personas : dict of str
        The same in three strengths: ``light``, ``medium`` (which is ``persona``) and ``strong``.
    points : dict of tuple
        Values worth sweeping, inside the ranges.
    confidence : float
        0 to 1: how complete and consistent the answers were.
    explanation : tuple of dict
        Which answer moved which end of a range, with a sentence each.
    offered : callable
        Gives what is known of each parameter of a model, from its name and the parameters that every setting has.
    """

    id: str
    ranges: dict[str, Range]
    scores: dict[str, float]
    persona: str
    points: dict[str, tuple[float, ...]]
    confidence: float
    explanation: tuple[dict[str, Any], ...]
    answers: dict[str, Any]
    quiz_version: str
    user: str
    correlation_id: str
    offered: Lookup = field(default=_nothing, compare=False)

    @classmethod
    def from_row(cls, row: Any, offered: Lookup = _nothing) -> Self:
        """Return the calibration that a stored `CalibrationRow` describes; ``offered`` looks up what is known of a model."""
        return cls(
            id=row.calibration_id,
            ranges=check_ranges({name: row.ranges[name] for name in in_order(row.ranges)}),  # a package has them by name
            scores={"precision": row.precision_score, "personality": row.personality_score},
            persona=row.persona,
            points={name: tuple(values) for name, values in row.points.items()},
            confidence=row.confidence,
            explanation=tuple(row.explanation),
            answers=dict(row.answers),
            quiz_version=row.quiz_version,
            user=row.user,
            correlation_id=row.correlation_id,
            offered=offered,
        )

    @property
    def personas(self) -> dict[str, str]:
        """The persona in three strengths, ``light``, ``medium`` and ``strong``, as `Lab.run` takes them with ``systems=``.

        Medium is `persona`. Light takes every wish a step back and lets the request go first, strong takes it a step further and
        insists; the length and the format asked for are the same in all three.
        """
        return {
            strength: self.persona if strength == "medium" else write_persona(self.answers, strength) for strength in STRENGTHS
        }

    def settings_for(self, model: str, parameters: Mapping[str, Any] | None = None) -> ModelSettings:
        """Return what the model can be told of this calibration, and why.

        Sampling parameters keep their ranges where the model honours them. Where it does not, the effort follows from the wish
        for precision, verbosity from the length wished for, and the persona is tried in three strengths.

        Parameters
        ----------
        model
            The model's name, as `Lab.run` takes it: ``MODEL`` or ``MODEL@ENDPOINT``.
        parameters
            Parameters that every setting has anyway. Some models take others with them alone: with
            ``{"reasoning_effort": "none"}`` newer ones of OpenAI take temperature.

        Returns
        -------
        ModelSettings
            Its ``sweep``, ``parameters`` and ``systems`` are what `Lab.run` takes by these names.

        Examples
        --------
        >>> calibration.settings_for("gpt-6-luna").sweep  # doctest: +SKIP
        {'reasoning_effort': ['low', 'medium']}
        """
        if not isinstance(model, str) or not model.strip():
            raise BadInput("settings_for needs the name of a model", hint='write it like settings_for("gpt-4o-mini")')
        given = Setting.of(mapping(parameters or {}, "parameters", '{"reasoning_effort": "none"}')).given()
        settings = model_settings(self, model, self.offered(model, given), given)
        if temperature := settings.ranges.get("temperature"):  # whether a model takes others may depend on it
            together = {**given, "temperature": temperature.high}
            settings = model_settings(self, model, self.offered(model, together), given)
        return settings

    @property
    def table(self) -> AnswerTable:
        """Answers by parameters: how far each answer moved which end of which range, and each score."""
        return answer_table(
            self.answers,
            (Move(**move) for move in self.explanation),
            ranges=self.ranges,
            scores=self.scores,
            quiz_version=self.quiz_version,
        )

    @property
    def df(self) -> pd.DataFrame:
        """One row a parameter: ``parameter, low, high, points``."""
        import pandas as pd

        rows = [{"parameter": n, "low": r.low, "high": r.high, "points": self.points[n]} for n, r in self.ranges.items()]
        return pd.DataFrame(rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as plain JSON values."""
        ranges: Mapping[str, Range] = self.ranges
        return {
            "id": self.id,
            "scores": self.scores,
            "confidence": self.confidence,
            "ranges": {name: [r.low, r.high] for name, r in ranges.items()},
            "points": {name: list(values) for name, values in self.points.items()},
            "persona": self.persona,
            "answers": self.answers,
            "explanation": list(self.explanation),
            "quiz_version": self.quiz_version,
            "correlation_id": self.correlation_id,
        }

    def __repr__(self) -> str:
        ranges = ", ".join(f"{name} {r.low:g}-{r.high:g}" for name, r in self.ranges.items())
        return f"Calibration(precision {self.scores['precision']:g}, personality {self.scores['personality']:g}; {ranges})"
