"""Looking at a stored experiment against its plan: which replicates are missing, and the row that each of them has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplab.errors import BadInput, NotFound
from pplab.experiments.response_writer import response_id
from pplab.plan.plan import MAX_CALLS, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pplab.plan.plan import PlannedCall
    from pplab.store.rows import ExperimentRow

ORDER = ["prompt_index", "setting_index", "replicate"]


def missing_calls(
    row: ExperimentRow, stored: pd.DataFrame, resent: frozenset[str], n: int | None = None, only: tuple[str, ...] = ()
) -> tuple[Plan, list[PlannedCall], dict[str, int]]:
    """Return the plan, the calls still to be made, and the revision of each stored row that they replace.

    Parameters
    ----------
    row, stored
        The experiment, and ``response_id``, ``status`` and ``revision`` of its responses.
    resent
        The statuses of stored responses that are sent again.
    n
        The new number of replicates, at least the present one; ``None`` keeps it.
    only
        Response ids to restrict this to.
    """
    plan = Plan.from_dict(row.plan)
    if n is not None:
        if isinstance(n, bool) or not isinstance(n, int) or n < plan.replicates:
            raise BadInput(f"n={n!r} is less than the {plan.replicates} replicates there are", hint="give a larger whole number")
        plan = dataclasses.replace(plan, replicates=n)
        if len(plan) > MAX_CALLS:
            raise BadInput(f"this plan would have {len(plan):,} calls, more than {MAX_CALLS:,}", hint="use a smaller n")
    unknown = set(only) - {response_id(row.experiment_id, c) for c in plan.calls()} if only else set()
    if unknown:
        raise NotFound(f"this experiment has no response {min(unknown)}", hint="use ids from exp.responses")
    known = dict(zip(stored["response_id"], zip(stored["status"], stored["revision"], strict=True), strict=True))
    calls, previous = [], {}
    for call in plan.calls():
        rid = response_id(row.experiment_id, call)
        if only and rid not in only:
            continue
        status, revision = known.get(rid, (None, None))
        if status is None or status in resent:
            calls.append(call)
            if revision is not None:
                previous[rid] = int(revision)
    return plan, calls, previous


def with_planned(row: ExperimentRow, stored: pd.DataFrame) -> pd.DataFrame:
    """Return ``stored`` in plan order, with a ``cancelled`` row for every planned replicate that has none yet."""
    import pandas as pd

    plan = Plan.from_dict(row.plan)
    if len(stored) < len(plan):
        have = set(stored["response_id"])
        why = "not answered yet" if row.status == "running" else (row.reason or "never sent")
        rest = [
            {
                "response_id": rid,
                "experiment_id": row.experiment_id,
                "prompt_index": call.prompt_index,
                "prompt": plan.prompts[call.prompt_index],
                "setting_index": call.setting_index,
                **dataclasses.asdict(plan.settings[call.setting_index]),
                "replicate": call.replicate,
                "status": "cancelled",
                "text": "",
                "error": why,
                "model": row.model,
                "correlation_id": row.correlation_id,
            }
            for call in plan.calls()
            if (rid := response_id(row.experiment_id, call)) not in have
        ]
        missing = pd.DataFrame(rest).reindex(columns=stored.columns)
        stored = pd.concat([stored, missing.astype(stored.dtypes.to_dict(), errors="ignore")]) if len(stored) else missing
    return stored.sort_values(ORDER, kind="stable", ignore_index=True)


def with_users_metrics(frame: pd.DataFrame, values: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """Return ``frame`` with one column more for each metric of the user, given its values by response id and name."""
    import pandas as pd

    names = dict.fromkeys(name for of_one in values.values() for name in of_one)
    columns = {name: [values.get(rid, {}).get(name) for rid in frame["response_id"]] for name in names}
    return frame.assign(**{name: pd.array(column, dtype="float64") for name, column in columns.items()})


def with_clusters(row: ExperimentRow, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with the column ``cluster`` that the statistics resample by, where the plan has clusters."""
    plan = Plan.from_dict(row.plan)
    if plan.clusters is None:
        return frame
    return frame.assign(cluster=[plan.clusters[i] for i in frame["prompt_index"]])
