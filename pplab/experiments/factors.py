"""The factors of an experiment as columns: frames of stored responses with what the plan says of each setting and prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.plan.parameters import CALIBRATED
from pplab.plan.settings import factor_columns
from pplab.store.record_types import canonical_json

if TYPE_CHECKING:
    import pandas as pd

    from pplab.plan.plan import Plan

ALWAYS = ("endpoint", *CALIBRATED)
"""Columns of factors that are there whether or not they vary."""


def with_factors(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with one column for each factor that varies, and the cluster of each prompt (``None``: the prompt itself).

    Besides the factors, ``endpoint``, ``parameters`` (JSON) and the calibrated parameters are always there.
    """
    factors = plan.factors
    frame = frame.drop(columns=[name for name in factor_columns(frame.columns) if name not in (*ALWAYS, *factors)])
    return with_plan_columns(plan, frame, [name for name in factors if name not in CALIBRATED])


def with_plan_columns(plan: Plan, frame: pd.DataFrame, factors: list[str]) -> pd.DataFrame:
    """Return ``frame`` with the plan's values of some factors, the parameters of each setting and the cluster of each prompt.

    Values that are neither number nor text are JSON.
    """
    import pandas as pd

    of_rows = frame["setting_index"].to_numpy()
    values = [plan.factor_values(index) for index in range(len(plan.settings))] if factors else []
    columns: dict[str, list[Any]] = {"parameters": [canonical_json(setting.given()) for setting in plan.settings]}
    for name in factors:
        columns[name] = [_cell(of_setting.get(name)) for of_setting in values]
    filled = {name: pd.Series(cells)[of_rows].to_numpy() for name, cells in columns.items()}
    clusters = pd.Series(plan.clusters or (None,) * len(plan.prompts), dtype=object)
    return frame.assign(**filled, cluster=clusters[frame["prompt_index"].to_numpy()].to_numpy())


def for_analysis(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` without the columns that say nothing about this plan, for the statistics, which go by what is there."""
    unused = [*(("endpoint",) if "endpoint" not in plan.factors else ()), *(() if plan.clusters else ("cluster",))]
    return frame.drop(columns=unused)


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float)) else canonical_json(value)
