"""Where answers lead, as views are drawn from it: the quiz while it is answered, and a stored calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from pplab.plan.parameters import CALIBRATED, PARAMETERS

if TYPE_CHECKING:
    from pplab.calibration import Derivation


class Axis(TypedDict):
    """The legal values of a parameter, along which its range is drawn."""

    name: str
    meaning: str
    low: float
    high: float
    logarithmic: bool


class Reason(TypedDict):
    """An answer that moved one end of a range."""

    parameter: str
    question: str
    answer: str
    sentence: str


class AnswerAdded(TypedDict):
    """An answer, and what it added to the low and the high end of ranges and to the scores."""

    question: str
    text: str
    answer: str
    ends: dict[str, tuple[float, float]]
    scores: dict[str, float]


class Preview(TypedDict):
    """Where the answers given so far lead."""

    answered: int
    starts: dict[str, tuple[float, float]]
    rows: tuple[AnswerAdded, ...]
    ranges: dict[str, tuple[float, float]]
    points: dict[str, tuple[float, ...]]
    precision: float
    personality: float
    confidence: float
    personas: dict[str, str]
    reasons: tuple[Reason, ...]


def calibrated_axes() -> tuple[Axis, ...]:
    """Return the legal values of every parameter that a calibration has a range of."""
    return tuple(
        Axis(name=p.name, meaning=p.meaning, low=p.low, high=p.high, logarithmic=p.low > 0 and p.high / p.low > 1000)
        for p in map(PARAMETERS.__getitem__, CALIBRATED)
    )


def preview_of(derived: Derivation) -> Preview:
    """Return a derivation, of all answers or of those so far, as it is drawn."""
    table = derived.table
    return Preview(
        answered=len(derived.answers),
        starts={name: (range_.low, range_.high) for name, range_ in table.starts.items()},
        rows=tuple(
            AnswerAdded(
                question=row.question_id, text=row.question, answer=row.answer, ends=dict(row.ends), scores=dict(row.scores)
            )
            for row in table.rows
        ),
        ranges={name: (range_.low, range_.high) for name, range_ in table.ranges.items()},
        points=derived.points,
        precision=derived.precision_score,
        personality=derived.personality_score,
        confidence=derived.confidence,
        personas=derived.personas,
        reasons=tuple(
            Reason(parameter=move.parameter, question=move.question_id, answer=move.answer, sentence=move.sentence)
            for move in derived.explanation
        ),
    )
