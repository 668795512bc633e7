"""What a plan will be able to decide: how many prompts settle it, whatever the truth is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.phrasing import counted
from pplab.analysis.power import MIN_PROMPTS, MIN_REPLICATES
from pplab.analysis.records import Report
from pplab.analysis.statements import prompts_whatever_the_truth
from pplab.plan.vocabulary import MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplab.analysis.paired import CellValues

ENOUGH_PROMPTS = 20
"""From so many prompts on, a lab's own spread takes the place of the assumed one."""
ASSUMED_SPREAD = 0.055
"""The standard deviation of the utility between answers to one prompt: measured on 99 exam problems answered four times each."""
CHECKED_SPREAD = 0.3
"""The same of answers that are right or wrong: that of a prompt which is answered right nine times in ten."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How much the utility varies between answers to one prompt, a standard deviation, and on how many prompts that is known.

    Without any it is assumed.
    """

    within: float = ASSUMED_SPREAD
    prompts: int = 0

    @classmethod
    def of(cls, experiments: Iterable[CellValues]) -> Spread:
        """Return the spread of experiments' answers, the assumed one where they have too few prompts.

        Answers that never vary (a greedy setting's) say nothing of the spread.
        """
        variances: list[float] = []
        prompts = 0
        for cells in experiments:
            varied = np.where((cells.counts > 1) & ~cells.constant()[None, :], cells.counts * cells.noise, np.nan)
            prompts += int(np.isfinite(varied).any(axis=1).sum())
            variances.extend(varied[np.isfinite(varied)].tolist())
        return cls(float(np.sqrt(np.mean(variances))), prompts) if prompts >= ENOUGH_PROMPTS else cls()


@dataclass(frozen=True, slots=True, repr=False)
class Settling(Report):
    """What a plan will be able to decide.

    Attributes
    ----------
    prompts, settings, replicates : int
        The plan; equal prompts count once, and so do those of one cluster.
    needed : int
        How many prompts settle it whatever the truth is, to within the margin.
    spread : Spread
        What that rests on.
    margin : float
        A difference of utility that does not matter.

    Examples
    --------
    >>> settling(8, 3, 2).needed, settling(8, 3, 5).needed
    (24, 15)
    """

    prompts: int
    settings: int
    replicates: int
    needed: int
    spread: Spread
    margin: float

    @property
    def limits(self) -> str:
        """What the plan cannot show, because it has too few prompts or answers; empty where it can name a clear winner."""
        few = self.prompts < FEW_PROMPTS
        if self.settings < 2 or not (few or (self.replicates < 2 and self.prompts < MIN_PROMPTS)):
            return ""
        here, show = counted(self.prompts, "prompt"), "shows" if self.prompts == 1 else "show"
        limits = [f"nothing of others like {'it' if self.prompts == 1 else 'them'}"] if few else []
        if self.replicates < MIN_REPLICATES:
            here = f"{here} with {counted(self.replicates, 'answer')} each"
            limits = ["means without interval", *limits]
        return f"{here} {show} {', and '.join(limits)}"

    @property
    def words(self) -> str:
        """What the plan will be able to decide, in a sentence."""
        if self.settings < 2:
            return "There is one setting, and nothing to compare it with."
        here = counted(self.prompts, "prompt")
        if self.prompts >= self.needed and self.replicates > 1:
            return f"{here} settle {self._what} ({self.needed} would; {self._basis})."
        twice = "" if self.replicates > 1 else " asked twice"
        settle = f"{counted(self.needed, 'prompt')}{twice} settle {self._what} ({self._basis})."
        return f"{self.limits or f'{here} can show a clear winner'}; {settle}"

    @property
    def _what(self) -> str:
        return f"which setting to use, whatever the truth is, to within {self.margin:g}"

    @property
    def _basis(self) -> str:
        if self.spread.prompts:
            return f"from the spread of {counted(self.spread.prompts, 'prompt')} of this lab, {self.spread.within:.2g}"
        return f"assuming a spread of {self.spread.within:g}"


def settling(prompts: int, settings: int, replicates: int, spread: Spread | None = None, margin: float = MARGIN) -> Settling:
    """Return what a plan of so many prompts, settings and replicates will be able to decide."""
    spread = spread or Spread()
    needed = prompts_whatever_the_truth(spread.within, max(replicates, 2), settings, margin)
    return Settling(prompts, settings, replicates, max(needed, FEW_PROMPTS), spread, margin)
