"""Means with intervals from sums that a database keeps, where the answers themselves are too many to read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pplab.analysis.power import MIN_FREEDOM, MIN_PROMPTS

if TYPE_CHECKING:
    from pplab.analysis.records import Scope

LEVEL = 0.95


class Sums(Protocol):
    """Sums over answers, added up over any number of experiments; see `pplab.store.dashboard_figures.Sums`."""

    @property
    def answers(self) -> int:
        """Usable answers."""

    @property
    def prompts(self) -> int:
        """Prompts they belong to."""

    @property
    def total(self) -> float:
        """Sum of the prompts' means."""

    @property
    def squares(self) -> float:
        """Sum of the squares of the prompts' means."""

    @property
    def strata(self) -> int:
        """Combinations of prompt and setting they belong to."""

    @property
    def repeated(self) -> int:
        """Prompts with at least two answers under each setting."""

    @property
    def within(self) -> float:
        """Sum of the variances of those prompts' means."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A mean of prompts, each of which counts the same, and its 95 % interval in [0, 1].

    ``scope`` says what the interval speaks for: prompts like these, only these prompts answered again (``replicates``), or
    nothing (``none``: too few answers, and no bounds).
    """

    mean: float | None
    low: float | None
    high: float | None
    scope: Scope


def pooled(sums: Sums) -> Pooled:
    """Return the mean and its interval by Student's t.

    From six prompts on, their means are the sample, as in `pplab.analysis.statistics`. With fewer, the prompts are taken as
    given and only their answers as sampled: a stratified mean, whose variance is the mean of the strata's (Cochran, *Sampling
    Techniques*, 1977, section 5.3). `pplab.Lab.experiment(...).summary()` bootstraps instead, which needs every answer.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> squares = sum(mean**2 for mean in (0.2, 0.4, 0.5, 0.5, 0.6, 0.8))
    >>> scores = pooled(SimpleNamespace(answers=6, prompts=6, strata=6, total=3.0, squares=squares, repeated=0, within=0))
    >>> round(scores.mean, 2), round(scores.low, 2), round(scores.high, 2), scores.scope
    (0.5, 0.29, 0.71, 'prompts')
    """
    k = sums.prompts
    if not k:
        return Pooled(None, None, None, "none")
    mean = sums.total / k
    scope: Scope
    if k >= MIN_PROMPTS:
        scope, variance, freedom = "prompts", (sums.squares - k * mean * mean) / (k - 1) / k, k - 1
    elif sums.repeated == k and sums.answers - sums.strata >= MIN_FREEDOM:
        scope, variance, freedom = "replicates", sums.within / (k * k), sums.answers - sums.strata
    else:
        return Pooled(mean, None, None, "none")
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(max(variance, 0.0))
    return Pooled(mean, max(mean - reach, 0.0), min(mean + reach, 1.0), scope)
