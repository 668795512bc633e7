"""Ratings: what a person can say of an answer, or of two side by side, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GRADES: Final = ("1", "2", "3", "4", "5")
"""The choices on the scale, from worst to best; each is also the key that gives it."""
PREFERENCES: Final = {"left": 1.0, "right": 0.0, "equal": 0.5, "both_bad": 0.5}
"""The choices between two answers, each with what it is worth for the one on the left."""
UNDONE: Final = "undone"
"""The choice of a rating that was taken back."""
ITEMS: Final = 40
"""Items that a person is asked about where nobody says how many."""


@dataclass(frozen=True, slots=True)
class RateRequest:
    """What a person is to rate.

    Attributes
    ----------
    pairs : bool
        Whether answers of two settings are shown side by side, else one at a time on a scale.
    n : int or None
        How many items in all, those included that the person has rated before and those that come twice; ``None``: `ITEMS`, or
        as many as there are.
    """

    pairs: bool = False
    n: int | None = None


def grade_value(choice: str) -> float:
    """Return a grade as a score, from 0 (worst) to 1 (best).

    Examples
    --------
    >>> grade_value("1"), grade_value("4")
    (0.0, 0.75)
    """
    return GRADES.index(choice) / (len(GRADES) - 1)
