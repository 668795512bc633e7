"""What to run next, so that a decision settles, widens or covers more prompts: as data, with its calls and cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.power import FIRM_PROMPTS
from pplab.analysis.statements import prompts_to_settle
from pplab.plan.parameters import parameter
from pplab.plan.settings import FACTOR_COLUMNS, Range, scale_position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.analysis.decision_facts import Facts

MOST_PROMPTS = 1_000
"""More prompts than anybody would run to settle a question."""
Kind = Literal["nothing", "prompts", "values", "settings", "margin"]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to run next.

    Attributes
    ----------
    kind
        ``nothing``; ``prompts``: more of them under ``settings``; ``values``: a further value ``value`` of ``parameter``;
        ``settings``: others; ``margin``: no number of prompts anybody would run settles it at this margin.
    settings
        The setting indices to run.
    prompts, replicates, calls
        How many more prompts, answers to each under each setting, and calls in all.
    cost
        US dollars, from what these settings cost so far; ``None`` where that is unknown.
    parameter, value
        What to try beyond the edge of a sweep. Beside ``nothing`` it is a wish, not a need.
    """

    kind: Kind
    settings: tuple[int, ...] = ()
    prompts: int = 0
    replicates: int = 0
    calls: int = 0
    cost: float | None = None
    parameter: str | None = None
    value: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in self.__slots__}


def next_step(facts: Facts, ranges: Mapping[str, Range]) -> NextStep:
    """Return what to run next."""
    said, found = facts.said, facts.found
    if len(facts.used) < 2:
        return NextStep("settings") if len(facts.plan.settings) < 2 else NextStep("nothing")
    if facts.prompts < FEW_PROMPTS:
        known = math.isfinite(said.regret[said.leader])
        chosen = _leader_and_rivals(facts, 1) if known else list(range(len(facts.used)))
        return _more_prompts(facts, chosen, FIRM_PROMPTS - facts.prompts, 2)
    beyond = beyond_the_edge(facts.parameters, facts.parameters[facts.used[said.leader]], ranges)
    if said.settled:
        if beyond is None:
            return NextStep("nothing")
        of_value = _values(facts, beyond)
        return of_value if said.best else NextStep("nothing", (), 0, 0, of_value.calls, of_value.cost, *beyond)
    needed = prompts_to_settle(found, said, facts.error)
    if not needed:  # too little is known even of that
        return _more_prompts(facts, list(range(len(facts.used))), max(FIRM_PROMPTS - facts.prompts, 3), 2)
    more = max(1, max(needed.values()) - int(min(found.prompts[said.leader, rival] for rival in needed)))
    if more > MOST_PROMPTS:
        return NextStep("margin", tuple(facts.plan.settings[facts.used[k]] for k in (said.leader, *needed)), more)
    return _more_prompts(facts, [said.leader, *sorted(needed, key=lambda k: -facts.means[k])], more, max(facts.replicates, 1))


def _leader_and_rivals(facts: Facts, count: int) -> list[int]:
    order = sorted(range(len(facts.used)), key=lambda k: (k != facts.said.leader, -facts.means[k]))
    return order[: count + 1]


def _more_prompts(facts: Facts, columns: list[int], prompts: int, replicates: int) -> NextStep:
    calls = prompts * replicates * len(columns)
    each = [facts.costs[k] for k in columns]
    cost = sum(each) * prompts * replicates if all(map(math.isfinite, each)) else None
    settings = tuple(facts.plan.settings[facts.used[k]] for k in columns)
    return NextStep("prompts", settings, prompts, replicates, calls, cost)


def _values(facts: Facts, beyond: tuple[str, float]) -> NextStep:
    replicates = max(facts.replicates, 1)
    calls = facts.prompts * replicates
    each = facts.costs[facts.said.leader]
    setting = facts.plan.settings[facts.used[facts.said.leader]]
    return NextStep("values", (setting,), 0, replicates, calls, each * calls if math.isfinite(each) else None, *beyond)


def beyond_the_edge(
    parameters: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any], ranges: Mapping[str, Range]
) -> tuple[str, float] | None:
    """Return the parameter and the value to try when the chosen setting stands at the edge of a sweep over it and there is room.

    ``parameters`` has the factors of each setting, ``chosen`` those of the one; ``ranges`` says how far a value may go.
    """
    names = dict.fromkeys(name for one in parameters for name in one)
    varied = [name for name in names if len({repr(one.get(name)) for one in parameters}) > 1]
    if len(varied) != 1 or varied[0] in FACTOR_COLUMNS or not (known := parameter(varied[0])).numeric:
        return None
    name = varied[0]
    values = sorted({one[name] for one in parameters if name in one})
    at = chosen.get(name)
    if len(values) < 2 or any(scale_position(name, value) is None for value in values) or at not in (values[0], values[-1]):
        return None
    legal = ranges.get(name, Range(known.low, known.high))
    low, high = values[0], values[-1]
    further = max(legal.low, 2 * low - values[1]) if at == low else min(legal.high, 2 * high - values[-2])
    further = float(round(further)) if known.integer else round(further, 4)
    if low <= further <= high or (known.low_open and further <= known.low):
        return None
    return name, further
