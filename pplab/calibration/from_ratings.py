"""Ratings -> ranges: a calibration narrowed to the settings that people chose, and the values to try next inside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pplab.calibration.move import Move
from pplab.errors import BadInput
from pplab.plan.parameters import parameter
from pplab.plan.settings import Range

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pplab.calibration.derive import Derivation
    from pplab.calibration.move import Bound

RATINGS: Final = "ratings"
"""What stands in a calibration's explanation in place of a question."""


def narrow(
    base: Derivation, tried: Sequence[Mapping[str, Any]], chosen: Collection[int], *, words: str, persona: str | None = None
) -> Derivation:
    """Return a calibration whose ranges hold what people chose and nothing that they did not.

    A range ends half way between the last chosen value and the next one that was tried; where none was tried beyond, it ends
    where it did, or at the chosen value where that lies outside. The values to try next are the chosen ones and both ends.

    Parameters
    ----------
    base
        What is narrowed: answers, scores and the ranges of parameters that were not varied stay.
    tried
        The parameters of each setting that was rated.
    chosen
        Which of them were chosen, by their place in ``tried``.
    words
        What was chosen, for the explanation.
    persona
        The persona that was chosen, where personas were tried.

    Raises
    ------
    BadInput
        When that narrows nothing.

    Examples
    --------
    >>> from pplab.calibration.derive import derive
    >>> from pplab.calibration.presets import preset
    >>> settings = [{"temperature": 0.0}, {"temperature": 0.5}, {"temperature": 1.0}]
    >>> narrowed = narrow(derive(preset("balanced")), settings, {1}, words="temperature 0.5")
    >>> narrowed.ranges["temperature"], narrowed.points["temperature"]
    (Range(low=0.25, high=0.75), (0.25, 0.5, 0.75))
    """
    ranges, points, moves = dict(base.ranges), dict(base.points), []
    for name, before in base.ranges.items():
        values = sorted({one[name] for one in tried if name in one})
        kept = sorted({tried[index][name] for index in chosen if name in tried[index]})
        if not kept or len(kept) == len(values):
            continue
        after = _between(name, before, values, kept)
        ranges[name] = after
        points[name] = tuple(sorted({after.low, *kept, after.high}))
        moves += [
            _move(name, "low", before.low, after.low, words),
            _move(name, "high", before.high, after.high, words),
        ]
    if not moves and persona in (None, base.persona):
        raise BadInput(
            "the ratings narrow no range: they leave out no value of a calibrated parameter",
            hint="run a sweep over temperature or another of them, and rate its answers",
        )
    return replace(
        base,
        ranges=ranges,
        points=points,
        persona=base.persona if persona is None else persona,
        explanation=(*base.explanation, *(move for move in moves if move.change)),
    )


def _between(name: str, before: Range, values: Sequence[float], kept: Sequence[float]) -> Range:
    """Return the range around the kept values of a parameter, up to half way to the next value that was tried."""
    lower = [value for value in values if value < kept[0]]
    higher = [value for value in values if value > kept[-1]]
    low = (lower[-1] + kept[0]) / 2 if lower else min(before.low, kept[0])
    high = (kept[-1] + higher[0]) / 2 if higher else max(before.high, kept[-1])
    digits = None if parameter(name).integer else 2
    return Range(min(round(low, digits), kept[0]), max(round(high, digits), kept[-1]))


def _move(name: str, bound: Bound, before: float, after: float, words: str) -> Move:
    side, change = "lower" if bound == "low" else "upper", round(after - before, 2)
    verb = "raise" if change > 0 else "lower"
    sentence = f"The ratings prefer {words}: they {verb} the {side} end of {name} by {abs(change):g}, to {after:g}."
    return Move(name, bound, RATINGS, words, change, sentence)
