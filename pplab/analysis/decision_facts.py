"""What a decision is made of: the one set of figures from which its outcome, its words and its next step are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.paired import Paired
    from pplab.analysis.response_matrix import Floats, ResponseMatrix
    from pplab.analysis.statements import Statements
    from pplab.analysis.unusable import Unusable
    from pplab.plan.race import Raced


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Facts:
    """The figures of a decision.

    Attributes
    ----------
    plan
        The arranged responses.
    lost, parameters : tuples, one a setting of the plan
        Its unusable answers, and its factors.
    used : tuple of int
        The columns of the settings that are compared; everything below goes by their order.
    means : array
        The utility of each, on one level even where prompts are missing.
    found, said
        The paired differences, and what can be said.
    prompts, answers, replicates : int
        Prompts (or clusters), usable answers, and how often a prompt was asked.
    repeated_answers : dict of int
        How often the same answer came, for settings that always gave it.
    precision, metric, error
        The share of precision in the utility, the metric in its place, and how often a headline may be wrong.
    costs : tuple of float
        US dollars an answer; NaN where unknown.
    raced : Raced or None
        How far a race came, where it is one.
    source : str
        By whose scores it is decided.
    """

    plan: ResponseMatrix
    lost: tuple[Unusable, ...]
    parameters: tuple[dict[str, Any], ...]
    used: tuple[int, ...]
    means: Floats
    found: Paired
    said: Statements
    prompts: int
    answers: int
    replicates: int
    repeated_answers: Mapping[int, int]
    precision: float
    metric: str | None
    error: float
    costs: tuple[float, ...]
    raced: Raced | None
    source: str
