"""The sums that the dashboard keeps of each experiment, so that a refresh reads the responses of only those that changed."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from pplab.plan.vocabulary import PRECISION_SCORES, SCORES, STATUSES
from pplab.store.distinct_settings import FIRST_PARAMETERS, DistinctSettings, PlanTexts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

PRECISION: Final = "precision"
"""The mean of coherence and completeness of each answer: what a single answer can say of precision."""
MEASURES: Final = (*SCORES, PRECISION)
FEW: Final = 50
"""Experiments that are looked for by name."""
BINS: Final = 16
"""Bins of a latency's histogram for each doubling: the edges of one are 4.4 % apart."""

KEY: Final = "(hash(experiment_id) >> 1)::BIGINT"
"""What stands for an experiment in the kept sums: millions of numbers are joined sooner than as many ids.

Without its last bit, so that it is a signed number: DuckDB 1.5 cannot filter an Arrow table by larger ones.
"""

_ASKED: Final = ("model_asked", "endpoint", "system", "wording", "parameters", *FIRST_PARAMETERS)
_MEAN = f"({' + '.join(PRECISION_SCORES)}) / {len(PRECISION_SCORES)}"
_VALUES = {name: name for name in SCORES} | {PRECISION: f"coalesce({_MEAN}, {', '.join(PRECISION_SCORES)})"}
_OF_EXPERIMENTS: Final = ("experiment_id", "model", "provider", "plan")
_OF_RESPONSES: Final = (
    *("experiment_id", "setting_index", "prompt_index", "status", "output_tokens", "cost", "latency_ms"),
    *_ASKED,
    *SCORES,
)

_PLANS = f"""
SELECT {KEY} AS experiment, model, provider, plan ->> '$.system', plan -> '$.systems', plan ->> '$.wordings[*].name',
       plan ->> '$.wordings[*].template'
FROM {{source}}"""

_CELLS = f"""
SELECT {KEY} AS experiment, setting_index, {", ".join(f"any_value({name}) AS {name}" for name in _ASKED)},
       count(*) AS responses, {", ".join(f"count(*) FILTER (status = '{name}') AS {name}" for name in STATUSES)},
       count(*) FILTER (status = 'ok' AND coalesce({", ".join(SCORES)}) IS NOT NULL) AS scored,
       count(output_tokens) AS with_tokens, sum(output_tokens)::BIGINT AS tokens, sum(cost) AS cost
FROM {{source}} GROUP BY experiment_id, setting_index"""
"""One row an experiment and setting: counts."""

_BINS = f"""
SELECT {KEY} AS experiment, setting_index, floor(log2(latency_ms) * {BINS})::INTEGER AS bin, count(*) AS answers
FROM {{source}} WHERE status = 'ok' AND latency_ms > 0 GROUP BY experiment_id, setting_index, bin"""

_PROMPT_SETS = f"""
SELECT {KEY} AS experiment,
       (hash(list_sort(list_distinct(plan ->> '$.prompts[*]')), plan -> '$.conversations') >> 1)::BIGINT AS prompt_set,
       coalesce((plan ->> '$.prompts[0]')[:200], '') AS prompt, len(list_distinct(plan ->> '$.prompts[*]')) AS prompts,
       json_exists(plan, '$.judging') AS judging
FROM {{source}}"""
"""Which prompts each experiment has: equal ones count once, in any order; and whether a judge answered them."""

UNITS: Final = f"""
SELECT {KEY} AS experiment, unnest(range(len(texts))) AS prompt_index, unnest(texts) AS text
FROM (SELECT experiment_id, coalesce(plan ->> '$.clusters[*]', []) AS clusters, plan ->> '$.prompts[*]' AS prompts,
             CASE WHEN len(clusters) = len(prompts) THEN clusters ELSE prompts END AS texts FROM {{source}})"""
"""What each prompt of an experiment counts as: prompts with one text, or of one cluster, are one."""
UNIT: Final = "coalesce(text, prompt_index::VARCHAR)"

_SUM = ", ".join(
    f"count({value})::DOUBLE AS {name}_n, coalesce(sum({value}), 0) AS {name}_total, "
    f"coalesce(sum(({value}) * ({value})), 0) AS {name}_squares"
    for name, value in _VALUES.items()
)
_PARTS = ", ".join(f"{name}_{part}" for name in MEASURES for part in ("n", "total", "squares"))
_STRATA = f"""
SELECT experiment, setting, hash({UNIT}) AS unit, {_PARTS} FROM (
      SELECT {KEY} AS experiment, setting_index, prompt_index, {_SUM}
      FROM {{source}} WHERE status = 'ok' GROUP BY experiment_id, setting_index, prompt_index)
JOIN (SELECT experiment, setting_index, setting FROM cells) USING (experiment, setting_index)
LEFT JOIN ({UNITS.format(source="changed")}) USING (experiment, prompt_index)"""
"""One row an experiment, setting and prompt: sums of each measure over the usable answers."""

_POOLED = f"""
SELECT setting, unit, {", ".join(f"sum({part}) AS {part}" for part in _PARTS.split(", "))}
FROM (SELECT setting, unit, {_PARTS} FROM parts SEMI JOIN more USING (experiment) {{before}}) GROUP BY setting, unit"""

_STALE: Final = f"""
SELECT e.experiment_id, k.experiment FROM (SELECT experiment_id, {KEY} AS experiment FROM experiments) e
JOIN present p USING (experiment) LEFT JOIN known k ON k.experiment = p.experiment
WHERE k.revision IS NULL OR k.revision <> p.revision OR p.revision < 0"""


class KeptSums:
    """Sums over the responses of each experiment of a store.

    Attributes
    ----------
    cells : pyarrow.Table
        One row an experiment and setting: counts, tokens, cost, and the number of the ``setting`` in `settings`.
    bins : pyarrow.Table
        One row an experiment, setting and bin of latency.
    prompt_sets : pyarrow.Table
        One row an experiment: the key of its set of prompts, the first of them and how many there are.
    settings : DistinctSettings
        What was asked for under each setting.
    """

    cells: pa.Table
    bins: pa.Table
    prompt_sets: pa.Table

    def __init__(self) -> None:
        self.settings = DistinctSettings()
        self._strata: pa.Table | None = None
        self._pooled: pa.Table | None = None
        self._pooled_of: set[int] = set()
        self._revisions: pa.Table | None = None
        self._summed: set[int] = set()

    def bring_up_to_date(self, cursor: DuckDBPyConnection) -> None:
        """Add up the responses of the experiments whose sums are missing or out of date, and register the sums."""
        present = arrow_table(
            cursor,
            f"SELECT {KEY} AS experiment, CASE WHEN status = 'running' THEN -1 ELSE revision END AS revision FROM experiments",
        )
        if self._revisions is None:
            self.cells, self.bins, self.prompt_sets = self._counted(cursor, "responses", "experiments")
        else:
            cursor.register("known", self._revisions)
            cursor.register("present", present)
            stale = cursor.execute(_STALE).fetchall()
            if stale:
                responses = _select(cursor, [experiment_id for experiment_id, _ in stale])
                self._replace({key for _, key in stale if key is not None}, self._counted(cursor, responses, "changed"))
        self._revisions = present
        for name in ("cells", "bins", "prompt_sets"):
            cursor.register(name, getattr(self, name))

    def compare(self, cursor: DuckDBPyConnection, experiments: Mapping[int, str]) -> None:
        """Register as ``strata`` the sums by setting and prompt over some experiments, given as keys and ids.

        Sums over experiments to which others are only added are kept, since a prompt may be shared by thousands of them.
        """
        import pyarrow as pa

        missing = {key: experiment_id for key, experiment_id in experiments.items() if key not in self._summed}
        if missing or self._strata is None:
            added = arrow_table(cursor, _STRATA.format(source=_select(cursor, list(missing.values()))))
            self._strata = added if self._strata is None else pa.concat_tables([self._strata, added])
            self._summed |= set(missing)
        if self._pooled is None or not self._pooled_of <= experiments.keys():
            self._pooled, self._pooled_of = None, set()
        more = experiments.keys() - self._pooled_of
        if more or self._pooled is None:
            cursor.register("parts", self._strata)
            cursor.register("more", pa.table({"experiment": whole_numbers(more)}))
            before = ""
            if self._pooled is not None:
                cursor.register("pooled", self._pooled)
                before = "UNION ALL BY NAME SELECT * FROM pooled"
            self._pooled, self._pooled_of = arrow_table(cursor, _POOLED.format(before=before)), set(experiments)
        cursor.register("strata", self._pooled)

    def _counted(self, cursor: DuckDBPyConnection, responses: str, experiments: str) -> tuple[pa.Table, ...]:
        """Return the cells, bins and sets of prompts of some experiments, whose settings get their numbers."""
        cells = arrow_table(cursor, _CELLS.format(source=responses))
        rows = cursor.execute(_PLANS.format(source=experiments)).fetchall()
        plans = {
            key: PlanTexts(model, provider, system, systems, dict(zip(names, templates, strict=True)))
            for key, model, provider, system, systems, names, templates in rows
        }
        asked = (column.to_pylist() for column in cells.select(["experiment", *_ASKED]).columns)
        numbers: dict[tuple[Any, ...], int] = {}
        settings = []
        for key, *values in zip(*asked, strict=True):
            row = (plans[key].identity, *values)
            if row not in numbers:
                numbers[row] = self.settings.number(plans[key], dict(zip(_ASKED, values, strict=True)))
            settings.append(numbers[row])
        counts = cells.drop_columns(list(_ASKED)).append_column("setting", whole_numbers(settings))
        return (
            counts,
            arrow_table(cursor, _BINS.format(source=responses)),
            arrow_table(cursor, _PROMPT_SETS.format(source=experiments)),
        )

    def _replace(self, experiments: set[int], added: tuple[pa.Table, ...]) -> None:
        """Put new sums in the place of those of some experiments."""
        import pyarrow as pa

        kept = (without(table, experiments) for table in (self.cells, self.bins, self.prompt_sets))
        self.cells, self.bins, self.prompt_sets = (pa.concat_tables(pair) for pair in zip(kept, added, strict=True))
        if self._strata is not None and self._summed & experiments:
            self._strata = without(self._strata, experiments)
            self._summed -= experiments
        if self._pooled_of & experiments:
            self._pooled, self._pooled_of = None, set()


def without(table: pa.Table, experiments: set[int]) -> pa.Table:
    """Return the sums of all other experiments."""
    import pyarrow.compute as pc

    return table.filter(pc.invert(pc.is_in(table["experiment"], whole_numbers(experiments)))) if experiments else table


def _select(cursor: DuckDBPyConnection, experiments: list[str]) -> str:
    """Copy some experiments to ``changed``, and return what their responses are read from.

    A copy of those of a few, which DuckDB finds by skipping blocks of rows; those of many, which may be millions, where they are.
    """
    query = "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} WHERE experiment_id IN ({})"
    every = "SELECT unnest(?::VARCHAR[])"
    cursor.execute(query.format("changed", ", ".join(_OF_EXPERIMENTS), "experiments", every), [experiments])
    if not 0 < len(experiments) <= FEW:
        return "(FROM responses SEMI JOIN changed USING (experiment_id))"
    few = ", ".join("?" * len(experiments))
    cursor.execute(query.format("fresh", ", ".join(_OF_RESPONSES), "responses", few), experiments)
    return "fresh"


def whole_numbers(values: Iterable[int]) -> pa.Array:
    """Return numbers as Arrow has them, without ``pa.array``: given a list, it imports pandas, which takes half a second."""
    import pyarrow as pa

    numbers = array("q", values)
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def arrow_table(cursor: DuckDBPyConnection, query: str) -> pa.Table:
    """Return what a query finds as a table of Arrow's."""
    return cursor.sql(query).to_arrow_table()
