"""The table of a calibration: answers by parameters and scores, a sum from where everybody starts to the resulting ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.calibration.effects import PERSONALITY, PRECISION
from pplab.calibration.questions import BY_ID, QUIZ_VERSION
from pplab.plan.settings import Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pplab.calibration.move import Move

_WEIGHTS = {"precision": PRECISION, "personality": PERSONALITY}
EVEN_SCORE = 50.0
"""Where both scores start: a question without an answer earns half of its weight."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer and what it added.

    Parameters
    ----------
    question_id, question
        The question: its key, and its text (empty if today's quiz does not ask it).
    answer
        The label of the answer given.
    ends
        By parameter, what was added to the low and to the high end of its range. Parameters left alone are missing.
    scores
        What was added to ``precision`` and ``personality``. Scores left alone are missing.
    """

    question_id: str
    question: str
    answer: str
    ends: Mapping[str, tuple[float, float]]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table whose columns add up: the starting ranges and scores, a row an answer, the resulting ranges and scores.

    Parameters
    ----------
    starts, ranges
        By parameter, the range with no answer given and the one that the answers lead to.
    rows
        The answers in the order of the quiz.
    scores
        The resulting scores. What single answers added to them is known for answers to today's quiz alone.
    """

    starts: Mapping[str, Range]
    rows: tuple[AnswerRow, ...]
    ranges: Mapping[str, Range]
    scores: Mapping[str, float]


def answer_table(
    answers: Mapping[str, Any],
    moves: Iterable[Move],
    *,
    ranges: Mapping[str, Range],
    scores: Mapping[str, float],
    quiz_version: str,
) -> AnswerTable:
    """Return the table of a calibration from what is stored of it.

    Parameters
    ----------
    answers
        Question id to value.
    moves
        The explanation: which answer moved which end of which range.
    ranges, scores
        What the answers lead to.
    quiz_version
        The version of the questions that were answered.

    Examples
    --------
    >>> from pplab.calibration import derive, preset
    >>> table = derive(preset("balanced")).table
    >>> table.starts["temperature"], dict(table.rows[0].ends), table.ranges["temperature"]
    (Range(low=0.3, high=1.0), {'temperature': (-0.3, 0)}, Range(low=0.0, high=1.0))
    """
    ends: dict[str, dict[str, tuple[float, float]]] = {question: {} for question in answers}
    labels: dict[str, str] = {}
    starts = dict(ranges)
    for move in moves:
        labels[move.question_id] = move.answer
        low, high = (move.change, 0) if move.bound == "low" else (0, move.change)
        of_answer = ends.setdefault(move.question_id, {})
        before = of_answer.get(move.parameter, (0, 0))
        of_answer[move.parameter] = (before[0] + low, before[1] + high)
        start = starts[move.parameter]
        starts[move.parameter] = Range(round(start.low - low, 2), round(start.high - high, 2))
    in_order = [*(question for question in BY_ID if question in ends), *(question for question in ends if question not in BY_ID)]
    rows = (
        AnswerRow(
            question_id=question,
            question=BY_ID[question].text if question in BY_ID else "",
            answer=labels.get(question) or _label(question, answers[question]),
            ends=ends[question],
            scores=_added(question, answers.get(question)) if quiz_version == QUIZ_VERSION else {},
        )
        for question in in_order
    )
    return AnswerTable(starts, tuple(rows), ranges, scores)


def _label(question: str, answer: Any) -> str:
    """Return the label of an answer, or the answer itself where today's quiz does not know it."""
    known = question in BY_ID and answer in BY_ID[question].values
    return BY_ID[question].label(answer) if known else str(answer)


def _added(question: str, answer: Any) -> dict[str, float]:
    """Return what an answer added to each score, over the half of its weight that no answer earns."""
    added = {}
    for score, weights in _WEIGHTS.items():
        for weight in weights:
            if weight.question == question and (points := round(weight.weight * (weight.shares.get(answer, 0.5) - 0.5), 2)):
                added[score] = points
    return added
