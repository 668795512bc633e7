"""The factors of an experiment as columns: frames of stored responses with what the plan says of each setting and prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.plan.parameters import CALIBRATED
from pplab.plan.settings import factor_columns
from pplab.store.record_types import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def with_plan_columns(plan: Plan, frame: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Return ``frame`` with the plan's values of some factors, the parameters of each setting and the cluster of each prompt.

    A column whose values are not all numbers, all texts or all flags holds JSON.
    """
    import pandas as pd

    of_rows = frame["setting_index"].to_numpy()
    values = [plan.factor_values(index) for index in range(len(plan.settings))] if factors else []
    columns: dict[str, list[Any]] = {"parameters": [canonical_json(setting.given()) for setting in plan.settings]}
    columns |= {name: _cells([of_setting.get(name) for of_setting in values]) for name in factors}
    filled = {name: pd.Series(cells)[of_rows].to_numpy() for name, cells in columns.items()}
    clusters = pd.Series(plan.clusters or (None,) * len(plan.prompts), dtype=object)
    return frame.assign(**filled, cluster=clusters[frame["prompt_index"].to_numpy()].to_numpy())


def all_factors(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame:
    """Return stored responses for a file: every column that there is, and one for each further factor that varies."""
    return with_plan_columns(plan, frame, [name for name in plan.factors if name not in frame.columns])


def for_analysis(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` without the columns that say nothing about this plan, for the statistics, which go by what is there."""
    unused = [*(("endpoint",) if "endpoint" not in plan.factors else ()), *(() if plan.clusters else ("cluster",))]
    return frame.drop(columns=unused)


def _cells(values: list[Any]) -> list[Any]:
    kinds = {bool if isinstance(v, bool) else float if isinstance(v, (int, float)) else type(v) for v in values if v is not None}
    if len(kinds) <= 1 and kinds <= {bool, float, str}:
        return values
    return [None if value is None else canonical_json(value) for value in values]
