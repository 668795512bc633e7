"""The running figures of each (user, calibration): partial sums of new rows, their merge into the table, and a recomputation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.plan.vocabulary import SCORES
from pplab.store.scores import scores_that_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from duckdb import DuckDBPyConnection

UNCALIBRATED = "uncalibrated"

MEASURES = (*SCORES, "cost", "input_tokens", "output_tokens", "latency_ms")
"""The columns of an ok response that are summarised; a user's own metric of the same name is left out."""

Owner = tuple[str, str]
"""A user and a calibration id, or `UNCALIBRATED`."""


class Partials:
    """What new rows add to the summaries, gathered before one merge."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = {}
        self._counts: dict[tuple[str, str, str], int] = {}
        self._latest: dict[tuple[str, str, str], datetime] = {}

    def experiment(self, owner: Owner, at: datetime) -> None:
        """Count a new experiment."""
        self._count(owner, "experiments", 1, at)

    def response(self, owner: Owner, row: Mapping[str, Any], replaced_status: str | None = None) -> None:
        """Count a response under its status, no longer under the status it replaces, and take its values when it is ok."""
        at = row["created_at"]
        if replaced_status is not None:
            self._count(owner, f"responses.{replaced_status}", -1, at)
        self._count(owner, f"responses.{row['status']}", 1, at)
        if row["status"] != "ok":
            return
        for name in MEASURES:
            self._value(owner, name, row[name], at)

    def _count(self, owner: Owner, measure: str, change: int, at: datetime) -> None:
        key = (*owner, measure)
        self._counts[key] = self._counts.get(key, 0) + change
        self._latest[key] = max(at, self._latest.get(key, at))

    def _value(self, owner: Owner, measure: str, value: object, at: datetime) -> None:
        if type(value) is float or type(value) is int:
            key = (*owner, measure)
            self._values.setdefault(key, []).append(float(value))
            self._latest[key] = max(at, self._latest.get(key, at))

    def merge_into(self, cursor: DuckDBPyConnection) -> None:
        """Merge into ``analytics_summaries`` with Chan, Golub & LeVeque (1979): exact for any split of the data."""
        if not self._latest:
            return
        import pyarrow as pa

        moments = {key: _moments(values) for key, values in self._values.items()}
        keys = list(self._latest)
        incoming = pa.table(
            {
                "user": pa.array([key[0] for key in keys], pa.string()),
                "calibration_id": pa.array([key[1] for key in keys], pa.string()),
                "measure": pa.array([key[2] for key in keys], pa.string()),
                "n": pa.array([moments[k][0] if k in moments else self._counts[k] for k in keys], pa.int64()),
                "mean": pa.array([moments[k][1] if k in moments else None for k in keys], pa.float64()),
                "m2": pa.array([moments[k][2] if k in moments else None for k in keys], pa.float64()),
                "updated_at": pa.array([self._latest[key] for key in keys], pa.timestamp("us")),
            }
        )
        cursor.register("incoming", incoming)
        cursor.execute(_MERGE)
        cursor.unregister("incoming")
        cursor.execute("DELETE FROM analytics_summaries WHERE n = 0")


def _moments(values: list[float]) -> tuple[int, float, float]:
    mean = math.fsum(values) / len(values)
    return len(values), mean, math.fsum((value - mean) ** 2 for value in values)


_MERGE = """
INSERT INTO analytics_summaries AS s BY NAME SELECT * FROM incoming
ON CONFLICT (user, calibration_id, measure) DO UPDATE SET
    n = s.n + excluded.n,
    mean = s.mean + (excluded.mean - s.mean) * (excluded.n / (s.n + excluded.n)),
    m2 = s.m2 + excluded.m2 + (excluded.mean - s.mean) ** 2 * (s.n * (excluded.n / (s.n + excluded.n))),
    updated_at = greatest(s.updated_at, excluded.updated_at)
"""

_NAMES = ", ".join(f"'{name}'" for name in MEASURES)


def _users_metrics(condition: str = "true") -> str:
    """Return a query for the values of users' metrics that count, of ok responses, with their owner."""
    return f"""
SELECT e.user, coalesce(e.calibration_id, '{UNCALIBRATED}') AS calibration_id, s.metric AS measure, s.value, s.created_at
FROM ({scores_that_count(condition)}) s
JOIN responses r USING (response_id) JOIN experiments e ON e.experiment_id = s.experiment_id
WHERE r.status = 'ok' AND s.value IS NOT NULL AND s.metric NOT IN ({_NAMES})"""


def renew_users_metrics(cursor: DuckDBPyConnection, owners: Iterable[Owner]) -> None:
    """Compute some owners' figures of users' metrics again: a later version of a metric takes the place of an earlier one."""
    import pyarrow as pa

    pairs = list(owners)
    columns = {name: pa.array([pair[i] for pair in pairs], pa.string()) for i, name in enumerate(("user", "calibration_id"))}
    cursor.register("owners", pa.table(columns))
    cursor.execute(
        f"""DELETE FROM analytics_summaries s USING owners o WHERE s.user = o.user AND s.calibration_id = o.calibration_id
            AND measure NOT IN ({_NAMES}, 'experiments') AND NOT starts_with(measure, 'responses.')"""
    )
    theirs = f"""experiment_id IN (SELECT experiment_id FROM experiments e JOIN owners o
                 ON e.user = o.user AND coalesce(e.calibration_id, '{UNCALIBRATED}') = o.calibration_id)"""
    cursor.execute(
        f"""INSERT INTO analytics_summaries BY NAME
            SELECT user, calibration_id, measure, count(*) AS n, avg(value) AS mean, var_pop(value) * count(*) AS m2,
                   max(created_at) AS updated_at
            FROM ({_users_metrics(theirs)}) GROUP BY user, calibration_id, measure"""
    )
    cursor.unregister("owners")


RECOMPUTED = f"""
WITH owned AS (
    SELECT e.user, coalesce(e.calibration_id, '{UNCALIBRATED}') AS calibration_id, r.*
    FROM responses r JOIN experiments e USING (experiment_id)
), valued AS (
    SELECT user, calibration_id, unnest([{_NAMES}]) AS measure, unnest([{", ".join(MEASURES)}]::DOUBLE[]) AS value
    FROM owned WHERE status = 'ok'
    UNION ALL
    SELECT user, calibration_id, measure, value FROM ({_users_metrics()})
)
SELECT user, calibration_id, measure, count(value) AS n, avg(value) AS mean, var_pop(value) * count(value) AS m2
FROM valued WHERE value IS NOT NULL GROUP BY ALL
UNION ALL
SELECT user, calibration_id, 'responses.' || status, count(*), NULL, NULL FROM owned GROUP BY ALL
UNION ALL
SELECT user, coalesce(calibration_id, '{UNCALIBRATED}'), 'experiments', count(*), NULL, NULL FROM experiments GROUP BY ALL
"""
"""One query that computes every summary again from the rows."""
