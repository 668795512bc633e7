"""The sums that the dashboard keeps of the scores besides the four: of checks, the reader, judges and people's ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pplab.plan.vocabulary import CORRECT, JUDGES, SOURCES, judge_of
from pplab.store.dashboard_sums import KEY, UNIT, UNITS, arrow_table, whole_numbers, without
from pplab.store.queries import in_list
from pplab.store.ratings import AS_SCORES
from pplab.store.scores import scores_that_count

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_SHOWN: Final = f"(metric = '{CORRECT}' OR source IN {in_list(JUDGES)})"
"""Scores in [0, 1] whatever the lab: users' metrics have ranges of their own."""

_COUNTED: Final = f"""
SELECT c.experiment, c.experiment_id, CASE WHEN e.status = 'running' THEN -1 ELSE e.revision END AS revision, given.scores
FROM compared c JOIN experiments e USING (experiment_id) JOIN (
    SELECT experiment_id, sum(n)::BIGINT AS scores FROM (
        SELECT experiment_id, 1 AS n FROM scores WHERE {_SHOWN} UNION ALL SELECT experiment_id, 1 + revision FROM ratings
    ) GROUP BY experiment_id
) given USING (experiment_id)"""
"""The compared experiments that have such scores, with what changes when theirs do."""

_RATED: Final = f"""
SELECT r.response_id, 'person' AS source, t.metric, t.value FROM responses r JOIN (
    SELECT experiment_id, prompt_index, text, metric, avg(value) AS value FROM (
        SELECT r.experiment_id, r.prompt_index, r.text, g.metric, g.rater, avg(g.value) AS value
        FROM ({AS_SCORES}) g(experiment_id, response_id, metric, source, value, explanation, version, rater, cost, created_at)
        JOIN responses r USING (response_id) SEMI JOIN changed ON changed.experiment_id = r.experiment_id GROUP BY ALL
    ) GROUP BY ALL
) t USING (experiment_id, prompt_index, text)"""
"""People's ratings as `pplab.analysis.person_ratings` has them: answers with one text to a prompt share theirs."""

_SCORED: Final = f"""
WITH given AS (
    SELECT response_id, source, metric, value
    FROM ({scores_that_count(f"experiment_id IN (SELECT experiment_id FROM changed) AND {_SHOWN}")})
    UNION ALL BY NAME {_RATED}
)
SELECT experiment, setting, hash({UNIT}) AS unit, measure, count(value)::DOUBLE AS n, coalesce(sum(value), 0) AS total,
       coalesce(sum(value * value), 0) AS squares
FROM (SELECT {KEY} AS experiment, setting_index, prompt_index, value,
             CASE WHEN source IN {in_list(JUDGES)} THEN source || '_' || metric ELSE metric END AS measure
      FROM given JOIN responses USING (response_id) WHERE status = 'ok')
JOIN (SELECT experiment, setting_index, setting FROM cells) USING (experiment, setting_index)
LEFT JOIN ({UNITS.format(source="changed")}) USING (experiment, prompt_index)
GROUP BY experiment, setting, unit, measure"""
"""One row an experiment, setting, prompt and score: sums over the usable answers."""


class KeptScores:
    """Sums over the scores besides the four of each experiment that was compared.

    A refresh reads the scores of only those experiments that have got further ones since, or whose answers changed.
    """

    def __init__(self) -> None:
        self._scored: pa.Table | None = None
        self._known: dict[int, tuple[int, int]] = {}

    def compare(self, cursor: DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
        """Register as ``scored`` the sums by experiment, setting, prompt and score; return the scores by their source.

        The experiments are those of the table ``compared``, and the numbers of their settings those of ``cells``.
        """
        import pyarrow as pa

        counted = cursor.execute(_COUNTED).fetchall()
        stale = {key: id_ for key, id_, *state in counted if state[0] < 0 or self._known.get(key) != tuple(state)}
        if stale or self._scored is None:
            wanted = "WHERE experiment_id IN (SELECT unnest(?::VARCHAR[]))"
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE changed AS FROM experiments {wanted}", [list(stale.values())])
            added = arrow_table(cursor, _SCORED)
            self._scored = added if self._scored is None else pa.concat_tables([without(self._scored, set(stale)), added])
            self._known |= {key: (revision, scores) for key, _, revision, scores in counted}
        cursor.register("scored", self._scored)
        cursor.register("with_scores", pa.table({"experiment": whole_numbers(key for key, *_ in counted)}))
        found = cursor.execute("SELECT measure FROM scored SEMI JOIN with_scores USING (experiment) GROUP BY ALL ORDER BY ALL")
        names = [name for (name,) in found.fetchall()]
        by_source = {source: tuple(name for name in names if (judge_of(name) or "check") == source) for source in SOURCES}
        return {source: of_source for source, of_source in by_source.items() if of_source}
