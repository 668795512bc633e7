"""The score rows of an answer: what code that reads its text says of it, besides the four that stand in its response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.ids import derived_id
from pplab.store.rows import ScoreRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.store.rows import ResponseRow

SOURCE = "surface"


def score_id(response_id: str, revision: int, metric: str, source: str, version: str, rater: str | None = None) -> str:
    """Return the id of one score: the same whenever and wherever the same version of the same scores the same answer."""
    return derived_id("score", response_id, revision, metric, source, version, rater or "")


def score_rows(
    row: ResponseRow,
    values: Mapping[str, float | None],
    versions: Mapping[str, str],
    detail: Mapping[str, Mapping[str, object]],
    *,
    created_at: str,
    correlation_id: str,
) -> list[ScoreRow]:
    """Return one row a metric of ``values``; the explanation of a missing value is its reason in ``detail``."""
    return [
        ScoreRow(
            score_id=score_id(row.response_id, row.revision, name, SOURCE, versions[name]),
            response_id=row.response_id,
            response_revision=row.revision,
            experiment_id=row.experiment_id,
            created_at=created_at,
            metric=name,
            source=SOURCE,
            value=value,
            explanation=str(detail[name]["reason"]) if value is None and "reason" in detail.get(name, {}) else None,
            version=versions[name],
            rater=None,
            cost=None,
            correlation_id=correlation_id,
        )
        for name, value in values.items()
    ]
