"""What can be said of settings with an error of 5 %: which is best, how far behind each may be, which are behind or as good.

All of it follows from one table of paired differences, so no two statements contradict each other.

References
----------
D. G. Edwards and J. C. Hsu, "Multiple comparisons with the best treatment", JASA 78, 1983. J. C. Hsu, "Multiple Comparisons",
1996.
S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6, 1979.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.paired import INTERACTION
from pplab.analysis.statistics import holm
from pplab.plan.vocabulary import MARGIN

if TYPE_CHECKING:
    from pplab.analysis.paired import Paired
    from pplab.analysis.response_matrix import Flags, Floats

ERROR = 0.05
"""The chance that a headline is wrong, at most, where one look is taken."""
LATER_LOOKS = 4
"""Every look after the first, and every look of a race, may err a quarter as often: together they stay near `ERROR`."""
_POWER_Z = 0.84  # a chance of 4 in 5
_SMALL_SAMPLE = 1.05  # what Student's t asks beyond the normal
_ONE_RIVAL_IN_MANY = 1.1
_EXPECTED_LEAD = 0.75  # what is left of a lead when more data come


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Statements:
    """What holds of the settings.

    Attributes
    ----------
    leader : int
        The setting that stands highest.
    best : bool
        It is above every other.
    regret : array, shape (settings,)
        By how much, at most, some other setting is better. All hold together. Infinite where too little is known.
    behind : array of bool
        It is below some other setting.
    low, high : arrays, shape (settings,)
        The interval of the leader's lead over each setting.
    open : array of bool
        What has to be asked more to settle it: the leader, and each rival that may still be better than it by more than the
        margin, or of which too little is known. None once it is settled.
    margin : float
    """

    leader: int
    best: bool
    regret: Floats
    behind: Flags
    low: Floats
    high: Floats
    open: Flags
    margin: float

    @property
    def equally_good(self) -> Flags:
        """Whether no other setting is better by more than the margin."""
        return np.asarray(self.regret <= self.margin)

    @property
    def settled(self) -> bool:
        """Whether the leader can be used: it is best, or nothing is better by more than the margin."""
        return self.best or bool(self.equally_good[self.leader])


def error_of_look(looks: int) -> float:
    """Return how often a look may err: the first may in 5 %, every later one in a quarter of that."""
    return ERROR if looks <= 1 else ERROR / LATER_LOOKS


def statements(found: Paired, margin: float = MARGIN, error: float = ERROR) -> Statements:
    """Return what can be said of the settings.

    Parameters
    ----------
    found
        Their paired differences; of two settings at least.
    margin
        A difference that does not matter.
    error
        How often a headline may be wrong.

    Notes
    -----
    The regret bound of setting i is ``max(0, max_j D_ji + t(1 - error/(K-1)) se_ji)``; *best* is ``D_Lj > t(1 - error/2) se_Lj``
    for every j, without a correction, since all must pass (an intersection-union test); *behind* is a pair that Holm's procedure
    rejects among all K(K-1)/2.
    """
    from scipy.special import stdtr, stdtrit

    settings = len(found.lead)
    leader = found.leader()
    off = ~np.eye(settings, dtype=bool)
    known = off & np.isfinite(found.error)
    freedom = np.where(known, found.freedom, 1.0)
    better = np.where(known, found.lead.T + stdtrit(freedom, 1 - error / (settings - 1)) * found.error, np.inf)
    regret = np.maximum(0.0, np.where(off, better, -np.inf).max(axis=1))
    half = np.where(known[leader], stdtrit(freedom[leader], 1 - error / 2) * found.error[leader], np.inf)
    above = found.lead[leader] > half
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(known, 2 * stdtr(freedom, -np.abs(found.lead) / found.error), 1.0)
    rejected = _holm(p, error)
    behind = (rejected & (found.lead > 0)).any(axis=0)
    best = bool(above[off[leader]].all())
    rivals = off[leader] & (better[leader] > margin)
    undecided = rivals | (~off[leader] & rivals.any())
    return Statements(
        leader,
        best,
        regret,
        np.asarray(behind),
        found.lead[leader] - half,
        found.lead[leader] + half,
        undecided & (not best),
        margin,
    )


def _holm(p: Floats, error: float) -> Flags:
    """Return which pairs Holm's procedure rejects, both halves of the table alike."""
    upper = np.triu_indices(len(p), 1)
    out = np.zeros(p.shape, dtype=bool)
    out[upper] = np.array(holm(list(p[upper]))) <= error
    out |= out.T
    return out


def prompts_to_settle(found: Paired, said: Statements, error: float = ERROR) -> dict[int, int]:
    """Return how many prompts in all each rival of the leader needs, for those that may still be better by more than the margin.

    Enough to settle about 4 times in 5; empty where everything is settled.
    """
    from scipy.special import ndtri

    c = float(ndtri(1 - error / (len(found.lead) - 1)))
    leader, margin = said.leader, said.margin
    out = {}
    for rival in np.flatnonzero(said.open).tolist():
        se, n = found.error[rival, leader], found.prompts[rival, leader]
        if rival == leader or not math.isfinite(se):
            continue
        lead = max(float(found.lead[leader, rival]), 0.0)
        likely = ((_SMALL_SAMPLE * c + _POWER_Z) / (margin + _EXPECTED_LEAD * lead)) ** 2
        surely = _ONE_RIVAL_IN_MANY * (_SMALL_SAMPLE * c / margin) ** 2
        out[rival] = math.ceil(n * se**2 * min(likely, surely))
    return out


def prompts_beside_control(
    found: Paired, control: int, settings: list[int], margin: float, error: float = ERROR
) -> tuple[list[int], int]:
    """Return which of some settings to ask further, and how many more prompts settle then whether one is as good as a control.

    It is the setting that needs the fewest to be called as good; where all stand below the margin, all of them, so that each is
    called worse. Enough about 4 times in 5, unless the truth lies close to the margin; none where too little is known.
    """
    from scipy.special import ndtri

    together = _SMALL_SAMPLE * float(ndtri(1 - error / max(len(found.lead) - 1, 1))) + _POWER_Z
    alone = _SMALL_SAMPLE * float(ndtri(1 - error)) + _POWER_Z
    as_good: dict[int, float] = {}
    worse: dict[int, float] = {}
    for setting in settings:
        gain, se, prompts = (float(of[setting, control]) for of in (found.lead, found.error, found.prompts))
        if not math.isfinite(se):
            continue
        variance, distance = prompts * se**2, margin + (_EXPECTED_LEAD * gain if gain > 0 else gain)
        needed, kind = (together, as_good) if distance > 0 else (alone, worse)
        kind[setting] = variance * (needed / max(abs(distance), 1e-6)) ** 2 - prompts
    chosen = [min(as_good, key=lambda setting: as_good[setting])] if as_good else list(worse)
    more = max(({**as_good, **worse}[setting] for setting in chosen), default=0.0)
    return chosen, max(1, math.ceil(min(more, 1e9))) if chosen else 0


def prompts_whatever_the_truth(
    within: float, replicates: int, settings: int, margin: float = MARGIN, error: float = ERROR
) -> int:
    """Return how many prompts settle a plan whatever the truth is, from the spread of replicates (a standard deviation).

    Examples
    --------
    >>> prompts_whatever_the_truth(0.055, 2, 3), prompts_whatever_the_truth(0.055, 5, 3)
    (24, 15)
    """
    from scipy.special import ndtri

    c = float(ndtri(1 - error / max(settings - 1, 1)))
    of_a_difference = 2 * within**2 * (1 / replicates + INTERACTION**2)
    return math.ceil(_ONE_RIVAL_IN_MANY * of_a_difference * (_SMALL_SAMPLE * c / margin) ** 2)
