"""All distances within a set of answers at once, for the statistics of diversity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.scoring.surface.diversity import distance, phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt


def distance_matrix(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the symmetric matrix of distances between answers (see `diversity.distance`), zero on its diagonal.

    Examples
    --------
    >>> distance_matrix(["The lamp went out.", "The lamp went out."]).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    import numpy as np

    sets = [phrases(text) for text in texts]
    out = np.zeros((len(sets), len(sets)))
    for i, one in enumerate(sets):
        for j in range(i):
            out[i, j] = out[j, i] = distance(one, sets[j])
    return out


class ComparedOnce:
    """`distance_matrix` for several figures of the same answers: each set of them is compared once, and its matrix kept.

    Examples
    --------
    >>> distances = ComparedOnce()
    >>> distances(["A cat.", "A dog."]) is distances(["A cat.", "A dog."])
    True
    """

    def __init__(self) -> None:
        self._matrices: dict[tuple[str, ...], npt.NDArray[np.float64]] = {}

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the distances between answers, not to be written to."""
        key = tuple(texts)
        if key not in self._matrices:
            self._matrices[key] = distance_matrix(texts)
            self._matrices[key].flags.writeable = False
        return self._matrices[key]
