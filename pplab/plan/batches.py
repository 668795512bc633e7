"""The calls of a batch file as few numbers: runs of places under one setting. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.plan.plan import PlannedCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pplab.plan.plan import Plan


def call_runs(plan: Plan, calls: Iterable[PlannedCall]) -> list[list[int]]:
    """Return calls as runs ``[setting, first place, how many]``; a place counts the prompts, replicate after replicate.

    They mean the same calls after a top-up, which adds places behind all others.

    Examples
    --------
    >>> from pplab.plan.plan import make_plan
    >>> plan = make_plan(["a", "b"], model="m", n=3, sweep={"temperature": [0, 1]})
    >>> call_runs(plan, plan)
    [[0, 0, 6], [1, 0, 6]]
    >>> [call.replicate for call in calls_of_runs(plan, [[1, 1, 2]])]
    [0, 1]
    """
    places: dict[int, list[int]] = {}
    for call in calls:
        places.setdefault(call.setting_index, []).append(call.replicate * len(plan.prompts) + call.prompt_index)
    runs: list[list[int]] = []
    for setting, of_setting in sorted(places.items()):
        for place in sorted(of_setting):
            if runs and runs[-1][0] == setting and sum(runs[-1][1:]) == place:
                runs[-1][2] += 1
            else:
                runs.append([setting, place, 1])
    return runs


def calls_of_runs(plan: Plan, runs: Iterable[Sequence[int]]) -> Iterator[PlannedCall]:
    """Yield the calls that `call_runs` wrote down."""
    for setting, first, count in runs:
        for place in range(first, first + count):
            replicate, prompt = divmod(place, len(plan.prompts))
            yield PlannedCall(prompt, setting, replicate)
