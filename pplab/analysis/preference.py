"""Which setting people prefer, and how sure that is: what can be said of a Bradley-Terry ranking with an error of 5 %.

A setting is the best where it stands above every other by a two-sided t test at 5 % each: all must pass, so nothing is corrected
(intersection-union). It is behind where some setting stands above it by Holm's correction over all pairs.

References
----------
R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982: the intersection-union test.
S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from pplab.analysis.phrasing import counted, joined, percent
from pplab.analysis.statistics import holm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.bradley_terry import BradleyTerry

ERROR = 0.05
"""The chance that a headline is wrong, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What comparisons say of settings. Returned by `preference`.

    Attributes
    ----------
    outcome : {"best", "leave_out", "open", "none"}
        ``best``: one setting is preferred to all others. ``leave_out``: some are behind, the rest is not settled. ``open``:
        nothing is settled. ``none``: no two settings were compared.
    leader : int or None
        The setting that stands highest.
    best, behind, unranked : tuple of int
        The best, where there is one; those below some other; those that no comparison connects with the rest.
    behind_leader : bool
        Whether all that are behind stand below the leader, and not only below some other.
    preferred, low, high : float
        The share of comparisons that the leader is expected to win against the others, and its interval (95 %).
    comparisons, of_leader : int
        Comparisons in all, and those in which the leader took part.
    prompts : int
    these_only : bool
        Whether it speaks of the answers to these prompts only, for there are too few.
    """

    outcome: Literal["best", "leave_out", "open", "none"]
    leader: int | None = None
    best: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()
    unranked: tuple[int, ...] = ()
    behind_leader: bool = True
    preferred: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    comparisons: int = 0
    of_leader: int = 0
    prompts: int = 0
    these_only: bool = False

    def headline(self, names: Mapping[int, str]) -> str:
        """Return what is preferred, in words.

        Parameters
        ----------
        names
            What each setting is called, by setting.

        Examples
        --------
        >>> found = Preference(outcome="open", leader=1, preferred=0.58, low=0.45, high=0.7, comparisons=40, prompts=8)
        >>> found.headline({0: "0", 1: "0.8"})
        'Not settled by 40 comparisons: 0.8 wins 58% (45 to 70%).'
        """
        said = self._said(names)
        if self.these_only and self.outcome != "none":
            of = "this one prompt" if self.prompts == 1 else f"these {self.prompts} prompts"
            said = f"For {of}, {said[0].lower()}{said[1:]}"
        if self.unranked and self.outcome != "none":
            said += f" Never compared with these: {joined(names[setting] for setting in self.unranked)}."
        return said

    def _said(self, names: Mapping[int, str]) -> str:
        if self.leader is None:
            return "Nothing is known of what people prefer: no two settings were compared."
        leader = names[self.leader]
        wins = f"wins {percent(self.preferred)} ({percent(self.low).rstrip('%')} to {percent(self.high)})"
        if self.outcome == "best":
            return f"People prefer {leader} (95% sure): it {wins} of {counted(self.of_leader, 'comparison')}."
        if self.outcome == "leave_out":
            each = "it" if len(self.behind) == 1 else "each"
            above = leader if self.behind_leader else "another"
            behind = joined(names[setting] for setting in self.behind)
            return f"Leave out {behind}: {each} is preferred less often than {above} (95% sure)."
        return f"Not settled by {counted(self.comparisons, 'comparison')}: {leader} {wins}."


def preference(ranking: BradleyTerry) -> Preference:
    """Return what a ranking says of its settings.

    Examples
    --------
    >>> import pandas as pd
    >>> from pplab.analysis.bradley_terry import bradley_terry
    >>> rows = [(prompt, 0, 1, float(prompt % 4 == 0)) for prompt in range(40)]
    >>> found = preference(bradley_terry(pd.DataFrame(rows, columns=["prompt", "left", "right", "value"]), [0, 1]))
    >>> found.headline({0: "temperature 0", 1: "temperature 1.4"})
    'People prefer temperature 1.4 (95% sure): it wins 75% (58 to 86%) of 40 comparisons.'
    """
    order = ranking.order
    if not order:
        return Preference(outcome="none", unranked=ranking.unranked)
    leader = order[0]
    tests = {pair: ranking.difference(*pair).p for pair in combinations(order, 2)}
    best = all(tests[leader, other] < ERROR for other in order[1:])
    lost = {pair for pair, p in zip(tests, holm(list(tests.values())), strict=True) if p < ERROR}
    behind = tuple(sorted({below for _, below in lost}))
    preferred, low, high = ranking.table.loc[leader, ["preferred", "preferred_low", "preferred_high"]].to_numpy(dtype=float)
    return Preference(
        outcome="best" if best else "leave_out" if behind else "open",
        leader=leader,
        best=(leader,) if best else (),
        behind=behind,
        unranked=ranking.unranked,
        behind_leader=all((leader, setting) in lost for setting in behind),
        preferred=float(preferred),
        low=float(low),
        high=float(high),
        comparisons=ranking.comparisons,
        of_leader=int(ranking.table["comparisons"][leader]),
        prompts=ranking.prompts,
        these_only=ranking.scope != "prompts",
    )
