"""Answers whose texts were forgotten, where texts are needed: they are alike and unlike nothing that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.phrasing import counted
from pplab.scoring.surface.distances import ComparedOnce
from pplab.store.forgotten import is_marker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

UNKNOWN = 1.0
"""The distance between two answers of which one was forgotten, the same for every setting, so that none gains by it."""


class KnownDistances(ComparedOnce):
    """Distances between answers, `UNKNOWN` wherever one was forgotten.

    Examples
    --------
    >>> KnownDistances()(["A cat.", "[forgotten 0123456789ab]"]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the distances between answers, not to be written to."""
        gone = np.array([is_marker(text) for text in texts], dtype=bool)
        distances = super().__call__(texts)
        if not gone.any():
            return distances
        known = np.where(gone[:, None] | gone[None, :], UNKNOWN, distances)
        np.fill_diagonal(known, 0.0)
        return known


def forgotten_caveat(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the warning that answers were forgotten, where any were."""
    gone = sum(map(is_marker, texts))
    if not gone:
        return ()
    was = "the text of 1 answer was" if gone == 1 else f"the texts of {counted(gone, 'answer')} were"
    return (
        f"{was} forgotten: how much answers differ among themselves is not known any more, and counts alike for all settings",
    )
