"""The score rows of an answer: what code that reads its text says of it, besides the four that stand in its response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.ids import derived_id
from pplab.plan.vocabulary import CORRECT
from pplab.store.rows import ScoreRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.store.rows import ResponseRow


def source_of(metric: str) -> str:
    """Return what gives a score of this name."""
    return "check" if metric == CORRECT else "surface"


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
    """Return one row a metric of ``values``, explained by ``detail``: why there is no value, or what is wrong."""
    return [
        ScoreRow(
            score_id=score_id(row.response_id, row.revision, name, source_of(name), versions[name]),
            response_id=row.response_id,
            response_revision=row.revision,
            experiment_id=row.experiment_id,
            created_at=created_at,
            metric=name,
            source=source_of(name),
            value=value,
            explanation=_explanation(detail.get(name, {})),
            version=versions[name],
            rater=None,
            cost=None,
            correlation_id=correlation_id,
        )
        for name, value in values.items()
    ]


def _explanation(part: Mapping[str, object]) -> str | None:
    words = part.get("reason") or part.get("wrong")
    return str(words) if words else None
