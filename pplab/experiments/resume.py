"""A stored experiment against its plan: the calls still to be made, and a row for every replicate without one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pplab.errors import BadInput, NotFound
from pplab.experiments.response_writer import response_id
from pplab.plan.plan import MAX_CALLS, Plan
from pplab.plan.vocabulary import ANSWERED, RESENDABLE, SCORES
from pplab.store.forgotten import is_marker

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from pplab.plan.plan import PlannedCall
    from pplab.store.rows import ExperimentRow

ORDER = ["prompt_index", "setting_index", "replicate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequest:
    """Everything a user asks of another pass over an experiment.

    Attributes
    ----------
    kind : {"resume", "retry", "top_up"}
        Which stored responses are sent again besides the calls never sent, see `RESENDABLE`.
    n : int or None
        The new number of replicates, at least the present one; ``None`` keeps it.
    only : tuple of str
        Response ids to restrict the pass to; none restricts nothing.
    max_cost : float or None
        US dollars that the pass may spend; ``None`` keeps the plan's limit.
    max_calls : int or None
        Calls that a race may make in all; ``None`` keeps the plan's limit.
    results : path or None
        The file that the results of a plan in batches are read from, in place of sending anything.
    detach : bool
        Whether a process of its own makes the pass.
    processes : int, str, Client or None
        How many processes of this machine make the calls, or which Dask cluster.
    """

    kind: Literal["resume", "retry", "top_up"]
    n: int | None = None
    only: tuple[str, ...] = ()
    max_cost: float | None = None
    max_calls: int | None = None
    results: str | os.PathLike[str] | None = None
    detach: bool = False
    processes: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCalls:
    """The calls of one pass over an experiment, and what is stored of the experiment already.

    Attributes
    ----------
    calls : iterable of PlannedCall
        In the order in which they are sent; gone through once for each endpoint.
    count : int
        How many there are.
    kept : mapping
        Replicates that have a row and are not asked again, by status.
    replaced : mapping
        The revision of each stored row that gives way, by response id.
    """

    calls: Iterable[PlannedCall]
    count: int
    kept: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)


def refuse_forgotten(row: ExperimentRow) -> None:
    """Raise `BadInput` where prompts of an experiment were forgotten: markers are nothing to ask a model."""
    if any(map(is_marker, row.plan["prompts"])):
        raise BadInput(
            "the texts of this experiment were forgotten, so it cannot go on", hint="run its prompts as a new experiment"
        )


def pending_calls(row: ExperimentRow, stored: pd.DataFrame, request: ResumeRequest) -> tuple[Plan, PendingCalls]:
    """Return the plan and the calls still to be made.

    Parameters
    ----------
    row, stored
        The experiment, and ``response_id``, ``status`` and ``revision`` of its responses.
    request
        What is sent again, and how many replicates there shall be.
    """
    plan = Plan.from_dict(row.plan)
    if request.n is not None:
        plan = _with_replicates(plan, request.n)
    unknown = set(request.only) - {response_id(row.experiment_id, c) for c in plan.calls()} if request.only else set()
    if unknown:
        raise NotFound(f"this experiment has no response {min(unknown)}", hint="use ids from exp.responses")
    outcomes = dict(zip(stored["response_id"], zip(stored["status"], stored["revision"], strict=True), strict=True))
    calls, replaced = [], {}
    for call in plan.calls():
        rid = response_id(row.experiment_id, call)
        if request.only and rid not in request.only:
            continue
        status, revision = outcomes.get(rid, (None, None))
        if status is None or status in RESENDABLE[request.kind]:
            calls.append(call)
            if revision is not None:
                replaced[rid] = int(revision)
    if calls and any(status in ANSWERED for status, _ in outcomes.values()):
        plan = dataclasses.replace(plan, looks=plan.looks + 1)
    kept = Counter(status for rid, (status, _) in outcomes.items() if rid not in replaced)
    return plan, PendingCalls(calls=calls, count=len(calls), kept=kept, replaced=replaced)


def _with_replicates(plan: Plan, n: int) -> Plan:
    if isinstance(n, bool) or not isinstance(n, int) or n < plan.replicates:
        few = f"n={n!r} is less than the {plan.replicates} replicates this experiment has"
        raise BadInput(few, hint="give a larger whole number")
    plan = dataclasses.replace(plan, replicates=n)
    if len(plan) > MAX_CALLS:
        raise BadInput(f"this plan would have {len(plan):,} calls, more than {MAX_CALLS:,}", hint="use a smaller n")
    return plan


def with_planned(row: ExperimentRow, stored: pd.DataFrame) -> pd.DataFrame:
    """Return ``stored`` in plan order, with a ``cancelled`` row for every planned replicate that has none yet."""
    import pandas as pd

    plan = Plan.from_dict(row.plan)
    if len(stored) < len(plan):
        have = set(stored["response_id"])
        values = [plan.factor_values(index) for index in range(len(plan.settings))]
        why = "not answered yet" if row.status == "running" else (row.reason or "never sent")
        rest = [
            {
                "response_id": rid,
                "experiment_id": row.experiment_id,
                "prompt_index": call.prompt_index,
                "prompt": plan.prompt(call),
                "setting_index": call.setting_index,
                **values[call.setting_index],
                "replicate": call.replicate,
                "status": "cancelled",
                "text": "",
                "error": why,
                "model": plan.asked(call.setting_index).name,
                "correlation_id": row.correlation_id,
            }
            for call in plan.calls()
            if (rid := response_id(row.experiment_id, call)) not in have
        ]
        missing = pd.DataFrame(rest).reindex(columns=stored.columns)
        stored = pd.concat([stored, missing.astype(stored.dtypes.to_dict(), errors="ignore")]) if len(stored) else missing
    return stored.sort_values(ORDER, kind="stable", ignore_index=True)


def with_users_metrics(frame: pd.DataFrame, values: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """Return ``frame`` with one column for each metric besides the four, given its values by response id and name.

    A later score of one of the four takes the place of the one that was stored with the answer.
    """
    import pandas as pd

    names = dict.fromkeys(name for of_one in values.values() for name in of_one)
    stored = {name: frame[name] if name in SCORES else [None] * len(frame) for name in names}
    columns = {
        name: [values.get(rid, {}).get(name, before) for rid, before in zip(frame["response_id"], stored[name], strict=True)]
        for name in names
    }
    return frame.assign(**{name: pd.array(column, dtype="float64") for name, column in columns.items()})
