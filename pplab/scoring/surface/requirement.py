"""The record of one thing a prompt asks for, and of whether a response does it."""

from __future__ import annotations

from dataclasses import dataclass

from pplab.scoring.surface.quantities import CEILING

STRAIGHT = str.maketrans("\u2019\u2018\u201c\u201d\u00a0", "''\"\" ")
"""Makes quotation marks straight and spaces plain, so that prompts and answers can be compared."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing a prompt asks for.

    Attributes
    ----------
    kind : str
        The instruction's id in IFEval (Zhou et al. 2023) where there is one, such as ``punctuation:no_comma``.
    wording : str
        The requirement in plain words, for explanations.
    low, high : int
        Inclusive bounds of what is counted, for requirements that count.
    values : tuple of str
        The words, letters, phrases or names the requirement is about.
    """

    kind: str
    wording: str
    low: int = 0
    high: int = CEILING
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a response meets a requirement.

    Attributes
    ----------
    requirement : Requirement
    met : bool
    found : str
        What the response has instead, in words; may be empty.
    """

    requirement: Requirement
    met: bool
    found: str = ""


def counted(kind: str, unit: str, low: int, high: int, values: tuple[str, ...] = (), *, one: str | None = None) -> Requirement:
    """Return a requirement on a number of things, worded "at least 3 sentences"; ``one`` is the unit's singular."""
    singular = one if one is not None else unit.removesuffix("s")
    named = singular if (low if high >= CEILING else high) == 1 else unit
    return Requirement(kind, f"{in_words(low, high)} {named}", low, high, values)


def in_words(low: int, high: int) -> str:
    """Return bounds in words.

    Examples
    --------
    >>> in_words(3, 3), in_words(0, 5), in_words(2, CEILING), in_words(2, 4)
    ('exactly 3', 'at most 5', 'at least 2', '2 to 4')
    """
    if low == high:
        return f"exactly {low}" if low else "no"
    if high >= CEILING:
        return f"at least {low}"
    return f"at most {high}" if low <= 0 else f"{low} to {high}"
