"""From answers to scores, ranges, points to sweep, persona and explanation; the numbers themselves are in `effects`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from pplab.calibration.answer_table import AnswerTable, answer_table
from pplab.calibration.answers import check_answers, check_partial_answers
from pplab.calibration.effects import BOUNDS, EFFECTS, PERSONALITY, PRECISION, Bounds, Weight
from pplab.calibration.move import Bound, Move
from pplab.calibration.persona import STRENGTHS, write_persona
from pplab.calibration.questions import BY_ID, QUIZ_VERSION, Value
from pplab.plan.parameters import in_order
from pplab.plan.settings import Range, check_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Derivation:
    """The ranges, scores and persona that a set of answers leads to, before they are stored as a calibration.

    Parameters
    ----------
    quiz_version
        The version of the questions and effects.
    answers
        The checked answers in the order of the quiz.
    precision_score, personality_score
        0 to 100 each. They are independent: both may be high.
    confidence
        0 to 1: how complete and consistent the answers are. The share of questions answered, less 0.15 for each step by which
        the two answers about variation disagree. It says nothing about the model.
    ranges
        A closed range for each of the five parameters.
    points
        Values to try first inside each range, ascending; a single value stays fixed while other parameters are swept.
    persona
        A system prompt of a few sentences.
    explanation
        Which answers moved which end, in the order of the parameters. The changes of an end add up to its distance from
        its start in `effects.BOUNDS`. An answer that moves nothing is left out.
    """

    quiz_version: str
    answers: dict[str, Value]
    precision_score: float
    personality_score: float
    confidence: float
    ranges: dict[str, Range]
    points: dict[str, tuple[float, ...]]
    persona: str
    explanation: tuple[Move, ...]

    @property
    def scores(self) -> dict[str, float]:
        """Both scores by name."""
        return {"precision": self.precision_score, "personality": self.personality_score}

    @property
    def personas(self) -> dict[str, str]:
        """The persona in three strengths; medium is `persona`."""
        return {
            strength: self.persona if strength == "medium" else write_persona(self.answers, strength) for strength in STRENGTHS
        }

    @property
    def table(self) -> AnswerTable:
        """Answers by parameters: how far each answer moved which end of which range, and each score."""
        return answer_table(
            self.answers, self.explanation, ranges=self.ranges, scores=self.scores, quiz_version=self.quiz_version
        )

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Return the derivation that a stored `CalibrationRow` holds."""
        return cls(
            quiz_version=row.quiz_version,
            answers=dict(row.answers),
            precision_score=row.precision_score,
            personality_score=row.personality_score,
            confidence=row.confidence,
            ranges=check_ranges({name: row.ranges[name] for name in in_order(row.ranges)}),
            points={name: tuple(values) for name, values in row.points.items()},
            persona=row.persona,
            explanation=tuple(Move(**move) for move in row.explanation),
        )

    def row_fields(self) -> dict[str, Any]:
        """Return the fields of a stored calibration, as plain values that JSON knows.

        Examples
        --------
        >>> from pplab.calibration.presets import preset
        >>> derive(preset("balanced")).row_fields()["ranges"]["temperature"]
        [0.0, 1.0]
        """
        return {
            "quiz_version": self.quiz_version,
            "answers": dict(self.answers),
            "precision_score": self.precision_score,
            "personality_score": self.personality_score,
            "confidence": self.confidence,
            "ranges": {name: [range_.low, range_.high] for name, range_ in self.ranges.items()},
            "points": {name: list(points) for name, points in self.points.items()},
            "persona": self.persona,
            "explanation": [asdict(move) for move in self.explanation],
        }


def derive(answers: Mapping[str, Any]) -> Derivation:
    """Derive the calibration from a full set of answers.

    Parameters
    ----------
    answers
        An answer for each question, as `check_answers` takes them.

    Returns
    -------
    Derivation
        Equal for equal answers, in whatever order they are given. Sources of the numbers: see `effects`.

    Raises
    ------
    BadInput
        When an answer is unknown, not allowed or missing.

    Examples
    --------
    >>> from pplab.calibration.presets import preset
    >>> precise = derive(preset("precise"))
    >>> precise.ranges["temperature"], precise.points["temperature"]
    (Range(low=0.0, high=0.2), (0.0, 0.1, 0.2))
    """
    return _derive(check_answers(answers))


def partial(answers: Mapping[str, Any]) -> Derivation:
    """Derive the calibration from the answers so far.

    A question without an answer counts as neutral and lowers the confidence.

    Parameters
    ----------
    answers
        Any part of the answers, also none.

    Returns
    -------
    Derivation
        With all answers there it is what `derive` returns.

    Raises
    ------
    BadInput
        When an answer is unknown or not allowed.

    Examples
    --------
    >>> so_far = partial({"task": "chat"})
    >>> so_far.ranges["temperature"], so_far.confidence
    (Range(low=0.6, high=1.3), 0.09)
    """
    return _derive(check_partial_answers(answers))


def _derive(answers: dict[str, Value]) -> Derivation:
    ranges, explanation = {}, []
    for parameter, (low, high) in BOUNDS.items():
        bottom, moves_of_bottom = _move(parameter, "low", low, answers)
        top, moves_of_top = _move(parameter, "high", high, answers)
        ranges[parameter] = Range(bottom, top)
        explanation += moves_of_bottom + moves_of_top
    checked = check_ranges(ranges)
    disagreement = _disagreement(answers)
    return Derivation(
        quiz_version=QUIZ_VERSION,
        answers=answers,
        precision_score=_score(PRECISION, answers),
        personality_score=_score(PERSONALITY, answers),
        confidence=round(len(answers) / len(BY_ID) * (1 - 0.15 * disagreement), 2),
        ranges=checked,
        points={name: _points(name, range_, contradictory=disagreement >= 2) for name, range_ in checked.items()},
        persona=write_persona(answers),
        explanation=tuple(explanation),
    )


def _move(parameter: str, bound: Bound, limits: Bounds, answers: Mapping[str, Value]) -> tuple[float, list[Move]]:
    """Return one end of a range after every effect in turn, held within its limits after each, and the moves.

    Each step is a clamped sum, which rises with what is added: an answer that adds less can never end higher.
    """
    end, moves = limits.start, []
    for effect in EFFECTS:
        answer = answers.get(effect.question)
        amounts = effect.low if bound == "low" else effect.high
        if effect.parameter != parameter or answer is None or answer not in amounts:
            continue
        before, end = end, round(min(max(end + amounts[answer], limits.least), limits.most), 2)
        if change := round(end - before, 2):
            label = BY_ID[effect.question].label(answer)
            sentence = _sentence(
                parameter=parameter, bound=bound, question=effect.question, label=label, change=change, end=end, why=effect.why
            )
            moves.append(Move(parameter, bound, effect.question, label, change, sentence))
    return end, moves


def _sentence(*, parameter: str, bound: Bound, question: str, label: str, change: float, end: float, why: str) -> str:
    side = "lower" if bound == "low" else "upper"
    verb = "raises" if change > 0 else "lowers"
    return (
        f"\u201c{BY_ID[question].text}\u201d \u2013 \u201c{label}\u201d: {verb} the {side} end of {parameter} "
        f"by {abs(change):g}, to {end:g} ({why})."
    )


def _score(weights: tuple[Weight, ...], answers: Mapping[str, Value]) -> float:
    """Return the weighted share of a score in 0 to 100; a question without an answer earns half of its weight."""
    return round(sum(w.weight * (w.shares[answers[w.question]] if w.question in answers else 0.5) for w in weights), 1)


def _disagreement(answers: Mapping[str, Value]) -> int:
    """Return by how many steps (0 to 4) the answers about sameness and about its opposite, variation, disagree."""
    sameness, variation = answers.get("sameness"), answers.get("variation")
    if sameness is None or variation is None:
        return 0
    return abs(int(sameness) - (6 - int(variation)))


def _points(parameter: str, range_: Range, *, contradictory: bool) -> tuple[float, ...]:
    """Return the values to sweep first.

    Temperature gets both ends and the middle, or five points when the answers about variation contradict each other and
    the model has to settle it; the penalties get both ends. ``top_p`` stays at its upper end, since OpenAI advises
    against altering it together with temperature, and so does ``max_tokens``, since a lower one only cuts answers off.
    """
    if parameter == "temperature":
        last = 4 if contradictory else 2
        step = (range_.high - range_.low) / last
        inner = (round(range_.low + step * i, 2) for i in range(1, last))
        return (range_.low, *inner, range_.high)
    if parameter in ("top_p", "max_tokens"):
        return (range_.high,)
    return (range_.low, range_.high)
