"""The score rows of an answer: what code that reads its text says of it, besides the four that stand in its response."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.ids import derived_id
from pplab.plan.vocabulary import CORRECT, READER_SCORES
from pplab.store.rows import ScoreRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.reader.scores import ReaderScores
    from pplab.scoring.judge import Judgement
    from pplab.scoring.metric_value import UserScore
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
    """Return one row a metric of ``values``, explained by ``detail``: why there is no value, or why it is this, and its cost."""
    made = _Rows(row, created_at, correlation_id)
    parts = {name: detail.get(name, {}) for name in values}
    return [
        made.score(name, source_of(name), value, versions[name], _explanation(parts[name]), cost=_cost(parts[name]))
        for name, value in values.items()
    ]


def user_rows(row: ResponseRow, scores: Mapping[str, UserScore], *, created_at: str, correlation_id: str) -> list[ScoreRow]:
    """Return the scores of an answer by metrics of the user's."""
    values, versions = ({name: getattr(score, of) for name, score in scores.items()} for of in ("value", "version"))
    detail = {name: score.detail for name, score in scores.items()}
    return score_rows(row, values, versions, detail, created_at=created_at, correlation_id=correlation_id)


def reader_rows(row: ResponseRow, scores: ReaderScores, version: str, *, created_at: str, correlation_id: str) -> list[ScoreRow]:
    """Return the reader's scores of an answer, each explained by what they are made of."""
    made = _Rows(row, created_at, correlation_id)
    explained = {name: _made_of(scores.detail.get(name, {})) for name in READER_SCORES}
    return [made.score(name, "reader", getattr(scores, name), version, explained[name]) for name in READER_SCORES]


def judge_row(
    row: ResponseRow,
    metric: str,
    said: Judgement,
    version: str,
    *,
    rater: str,
    cost: float | None,
    created_at: str,
    correlation_id: str,
) -> ScoreRow:
    """Return a judge's score of an answer, explained by its reason; ``rater`` is the model and ``cost`` that of its calls."""
    made = _Rows(row, created_at, correlation_id)
    return made.score(metric, "judge", said.value, version, said.words, rater=rater, cost=cost)


def _made_of(part: Mapping[str, object]) -> str | None:
    """Return what a score is made of, in words, or why there is none."""
    words = [f"{name.replace('_', ' ')} {value:.2f}" for name, value in part.items() if isinstance(value, float)]
    if part.get("unread"):
        words.append(f"not read: {part['unread']}")
    return str(part["reason"]) if part.get("reason") else ", ".join(words) or None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Makes the score rows of one answer."""

    response: ResponseRow
    created_at: str
    correlation_id: str

    def score(
        self,
        metric: str,
        source: str,
        value: float | None,
        version: str,
        explanation: str | None,
        *,
        rater: str | None = None,
        cost: float | None = None,
    ) -> ScoreRow:
        """Return the row of one score."""
        row = self.response
        return ScoreRow(
            score_id=score_id(row.response_id, row.revision, metric, source, version, rater),
            response_id=row.response_id,
            response_revision=row.revision,
            experiment_id=row.experiment_id,
            metric=metric,
            source=source,
            value=value,
            explanation=explanation,
            version=version,
            rater=rater,
            cost=cost,
            created_at=self.created_at,
            correlation_id=self.correlation_id,
        )


def _explanation(part: Mapping[str, object]) -> str | None:
    words = part.get("reason") or part.get("wrong") or part.get("explanation")
    return str(words) if words else None


def _cost(part: Mapping[str, object]) -> float | None:
    cost = part.get("cost")
    return cost if isinstance(cost, float) else None
