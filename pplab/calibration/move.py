"""A move: what one answer added to one end of one range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Bound = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Move:
    """The move of one end of one range by one answer.

    Parameters
    ----------
    parameter, bound
        Which end moved: ``low`` or ``high``.
    question_id, answer
        The question, and the label of the answer given.
    change
        What was added to that end, in the parameter's own unit.
    sentence
        The same in words, naming the question.
    """

    parameter: str
    bound: Bound
    question_id: str
    answer: str
    change: float
    sentence: str
