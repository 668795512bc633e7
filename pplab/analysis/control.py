"""Settings against a control: which are as good as what is in use, which are surely worse, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pplab.analysis.statements import ERROR
from pplab.plan.vocabulary import MARGIN

if TYPE_CHECKING:
    from pplab.analysis.paired import Paired
    from pplab.analysis.response_matrix import Flags, Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AgainstControl:
    """What holds of settings beside a control.

    Attributes
    ----------
    outcome : {"go", "no-go", "cannot tell"}
        ``go``: some setting is no worse than the control by more than the margin. ``no-go``: every one is worse by more.
    chosen : int or None
        The highest of those that are as good.
    as_good, better, worse : arrays of bool
        No worse by more than the margin; above the control; worse by more than the margin. The control itself is none of them.
    low, high : arrays
        Bounds of what each gains on the control; the lower bounds hold together, and so do the upper ones.
    """

    outcome: Literal["go", "no-go", "cannot tell"]
    chosen: int | None
    as_good: Flags
    better: Flags
    worse: Flags
    low: Floats
    high: Floats


def against_control(found: Paired, control: int, margin: float = MARGIN, error: float = ERROR) -> AgainstControl:
    """Return what can be said of settings beside a control, by tests of non-inferiority.

    Parameters
    ----------
    found
        The paired differences, the control among them.
    control
        Which of the settings it is.
    margin
        How much worse does not matter.
    error
        How often a setting that is worse by more may be called as good, and the other way round.

    Notes
    -----
    Each setting's gain has a lower bound at ``error/(K-1)`` (Bonferroni), so that choosing among those that pass costs nothing.
    *no-go* needs every setting to be worse by more than the margin, each at ``error`` (an intersection-union test).

    Examples
    --------
    >>> from pplab.analysis.paired import CellValues, paired
    >>> rng = np.random.default_rng(1)
    >>> values = rng.normal(0.5, 0.02, (12, 3, 2)) + np.array([0, 0.1, -0.2])[:, None]
    >>> found = against_control(paired(CellValues.of(values)), control=0)
    >>> found.outcome, found.chosen, found.worse.tolist()
    ('go', 1, [False, False, True])
    """
    from scipy.special import stdtrit

    settings = len(found.lead)
    others = np.arange(settings) != control
    gain, se = found.lead[:, control], found.error[:, control]
    known = others & np.isfinite(se)
    freedom = np.where(known, found.freedom[:, control], 1.0)
    together = np.where(known, stdtrit(freedom, 1 - error / max(settings - 1, 1)) * se, np.inf)
    alone = np.where(known, stdtrit(freedom, 1 - error) * se, np.inf)
    as_good = others & (gain - together > -margin)
    chosen = int(np.argmax(np.where(as_good, gain, -np.inf))) if as_good.any() else None
    none = bool((gain + alone < -margin)[others].all()) and settings > 1
    return AgainstControl(
        "go" if chosen is not None else "no-go" if none else "cannot tell",
        chosen,
        as_good,
        others & (gain - together > 0),
        others & (gain + together < -margin),
        gain - together,
        gain + together,
    )
