"""The scores of stored answers besides the four: where they stand, and which version of each source's metric counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pplab.plan.vocabulary import CORRECT, SCORES, score_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pplab.store.rows import ResponseRow, ScoreRow

COLUMNS: Final = (
    *("experiment_id", "response_id", "metric", "source", "value", "explanation", "version", "rater", "cost", "created_at"),
)
"""The columns of ``lab.scores()``."""

UNKNOWN_VERSION: Final = ""
"""The version of scores that pplab 0.1 stored, in the column ``metrics`` of their response."""

OTHER_VERSION: Final = "scored by another version of the metric: score the experiment again"

ALL_SCORES: Final = f"""
SELECT s.experiment_id, s.response_id, s.metric, s.source, s.value, s.explanation, s.version, s.rater, s.cost, s.created_at
FROM scores s JOIN responses r ON r.response_id = s.response_id AND r.revision = s.response_revision
UNION ALL
SELECT experiment_id, response_id, metric, 'surface',
       CASE WHEN json_type(value) IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN value::DOUBLE END,
       json_extract_string(detail, '$."' || metric || '".reason'), '{UNKNOWN_VERSION}', NULL, NULL, created_at
FROM (
    SELECT * EXCLUDE entries, unnest(map_keys(entries)) AS metric, unnest(map_values(entries)) AS value FROM (
        SELECT experiment_id, response_id, created_at, detail, from_json(metrics, '"MAP(VARCHAR, JSON)"') AS entries
        FROM responses WHERE metrics <> '{{}}'
    )
)"""
"""Every score of a stored answer but the four."""


def scores_that_count(condition: str = "true") -> str:
    """Return a query for the scores in the latest version of each source's metric in an experiment; the others do not count."""
    return f"""
WITH chosen AS (SELECT * FROM ({ALL_SCORES}) WHERE {condition}), latest AS (
    SELECT experiment_id, metric, source, max({{'at': created_at, 'version': [version, coalesce(rater, '')]}}) AS last
    FROM chosen GROUP BY experiment_id, metric, source
)
SELECT chosen.* FROM chosen JOIN latest USING (experiment_id, metric, source)
WHERE [version, coalesce(rater, '')] = last.version"""


class GivenScore(NamedTuple):
    """One score of an answer."""

    response_id: str
    metric: str
    source: str
    version: str
    rater: str
    value: float | None
    explanation: str | None
    created_at: Any

    @property
    def column(self) -> str:
        """The column in which it stands."""
        return score_column(self.metric, self.source)


@dataclass(frozen=True, slots=True)
class LatestScores:
    """The scores of an experiment in the latest version of each source's metric, by response id and column.

    ``reasons`` says why an answer has none in it, ``wrong`` why a check does not hold.
    """

    by_response: dict[str, dict[str, float | None]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def users_metrics(self) -> tuple[str, ...]:
        """The columns besides the four: ``correct``, the user's own and the judges', in the order in which they first scored."""
        return tuple(dict.fromkeys(name for of_one in self.by_response.values() for name in of_one if name not in SCORES))

    @classmethod
    def of(cls, scores: Iterable[GivenScore]) -> LatestScores:
        """Return those of an experiment's scores that count: scores of different versions are not compared."""
        scores = list(scores)
        newest: dict[str, tuple[Any, ...]] = {}
        for s in scores:
            newest[s.column] = max(newest.get(s.column, ()), (s.created_at, s.version, s.rater))
        latest = cls()
        superseded = []
        for s in scores:
            if (s.version, s.rater) != newest[s.column][1:]:
                superseded.append(s)
                continue
            latest.by_response.setdefault(s.response_id, {})[s.column] = s.value
            if s.value is None and s.explanation:
                latest.reasons.setdefault(s.response_id, {})[s.column] = s.explanation
            elif s.metric == CORRECT and s.explanation:
                latest.wrong[s.response_id] = s.explanation
        for s in superseded:
            if s.column not in latest.by_response.get(s.response_id, {}):
                latest.reasons.setdefault(s.response_id, {})[s.column] = OTHER_VERSION
        return latest


def given_scores(responses: Iterable[ResponseRow], rows: Iterable[ScoreRow]) -> list[GivenScore]:
    """Return the scores of some responses from their rows, those that stand in the responses included."""
    revisions: dict[str, int] = {}
    given = []
    for r in responses:
        revisions[r.response_id] = r.revision
        for name, value in r.metrics.items():
            part: Mapping[str, Any] = r.detail.get(name) or {}
            given.append(GivenScore(r.response_id, name, "surface", UNKNOWN_VERSION, "", value, part.get("reason"), r.created_at))
    given += [
        GivenScore(s.response_id, s.metric, s.source, s.version, s.rater or "", s.value, s.explanation, s.created_at)
        for s in rows
        if revisions.get(s.response_id) == s.response_revision
    ]
    return given
