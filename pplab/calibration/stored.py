"""A calibration as a lab stores it and a user holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pplab.calibration.answer_table import AnswerTable, answer_table
from pplab.calibration.move import Move
from pplab.calibration.persona import STRENGTHS, write_persona
from pplab.plan.settings import Range, check_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


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

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Return the calibration that a stored `CalibrationRow` describes."""
        return cls(
            id=row.calibration_id,
            ranges=check_ranges(row.ranges),
            scores={"precision": row.precision_score, "personality": row.personality_score},
            persona=row.persona,
            points={name: tuple(values) for name, values in row.points.items()},
            confidence=row.confidence,
            explanation=tuple(row.explanation),
            answers=dict(row.answers),
            quiz_version=row.quiz_version,
            user=row.user,
            correlation_id=row.correlation_id,
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
