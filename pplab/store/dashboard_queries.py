"""Queries of the dashboard: totals of the chosen experiments, and figures of those among them that have the same prompts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput, did_you_mean
from pplab.plan.levels import FactorLevels, factor_levels
from pplab.plan.parameters import parameter
from pplab.plan.settings import FACTOR_COLUMNS
from pplab.plan.vocabulary import FAILED, SCORES, SOURCES, STATUSES
from pplab.store.arrivals import owners
from pplab.store.dashboard_figures import (
    MOST_SCORES,
    SAME_PROMPTS,
    CalibrationChoice,
    Choices,
    Comparison,
    Figures,
    Latency,
    LevelFigures,
    PromptSet,
    Recent,
    SettingFigures,
    StatusCounts,
    Sums,
    Totals,
)
from pplab.store.dashboard_scores import KeptScores
from pplab.store.dashboard_sums import BINS, KEY, MEASURES, KeptSums, whole_numbers
from pplab.store.queries import LABELLED
from pplab.store.record_types import time_text
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pplab.store.dashboard_figures import Filters
    from pplab.store.store import Store

MOST_SETTINGS: Final = 40
MOST_NUMBERS: Final = 60
MOST_CATEGORIES: Final = 20
MOST_RECENT: Final = 50
MOST_CHOICES: Final = 100
MOST_PROMPT_SETS: Final = 20


class Rollup:
    """Answers a dashboard's questions, at any number of stored responses.

    For each experiment it keeps one row a setting with counts, and of those that are compared one a setting and prompt with sums.
    A refresh reads the responses of only those experiments that are new, changed (their revision rose) or still running;
    everything else is added up from the kept rows. Scores are averaged over experiments with the same prompts only, and each
    prompt counts once, however many experiments have it.

    Parameters
    ----------
    store
        Whose tables are asked.

    Examples
    --------
    >>> from pplab.store.dashboard_figures import Filters
    >>> from pplab.store.store import open_store
    >>> store = open_store(":temp:")
    >>> Rollup(store).read(Filters()).totals.experiments
    0
    >>> store.close()
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sums = KeptSums()
        self._scores = KeptScores()

    def read(self, filters: Filters) -> Figures:
        """Return the figures of the experiments that ``filters`` let through, as stored now."""
        factor = "model_asked" if filters.factor == "model" else filters.factor
        if factor is not None and factor not in FACTOR_COLUMNS:
            parameter(factor)  # refuses what can be none
        if filters.source not in (None, *SOURCES):
            raise BadInput(f"source={filters.source!r} scores no answers", hint=did_you_mean(str(filters.source), SOURCES))
        with self._store.reading() as cursor:
            self._sums.bring_up_to_date(cursor)
            _choose(cursor, filters)
            _compare(cursor, filters.comparison)
            self._sums.compare(cursor, dict(cursor.execute("SELECT experiment, experiment_id FROM compared").fetchall()))
            sources = {SOURCES[0]: SCORES, **self._scores.compare(cursor)}
            by_default = "check" if "check" in sources else SOURCES[0]
            source = filters.source if filters.source in sources else by_default
            scores = sources[source][:MOST_SCORES]
            rows = _rows(cursor, _SETTINGS)
            varying = {name: self._levels(name, rows) for name in self._sums.settings.varying([row["setting"] for row in rows])}
            drawn = self._levels(factor or next(iter(varying), "temperature"), rows)
            on_axis = drawn.on_axis
            levels = _most_answered(drawn, rows)
            top = _top(rows, list(varying.values()))
            of_settings = [(rows[index]["setting"], rows[index]["setting"]) for index in top]
            of_levels = [(row["setting"], _place(level)) for row, level in zip(rows, drawn.of_settings, strict=True)]
            measures = _measures(cursor, [*of_settings, *of_levels], scores)
            latencies, latency = _latencies(cursor, [setting for setting, _ in of_settings])
            numbers = drawn.numbers or (None,) * len(drawn.labels)
            return Figures(
                totals=_totals(cursor, latency),
                comparison=Comparison(
                    prompt_set=next(iter(_prompt_sets(cursor, "compared", 1)), None),
                    prompt_sets=cursor.execute("SELECT count(DISTINCT prompt_set) FROM chosen").fetchall()[0][0],
                    factors=tuple(varying),
                    factor=drawn.name,
                    categories=drawn.numbers is None,
                    levels_left_out=len(on_axis) - len(levels),
                    settings_without=sum(level not in on_axis for level in drawn.of_settings),
                    sources=tuple(sources),
                    source=source,
                    scores=scores,
                ),
                settings=tuple(
                    SettingFigures(
                        levels={name: levels.labels[levels.of_settings[index]] for name, levels in varying.items()},
                        asked=self._sums.settings.values(setting),
                        responses=_counts(rows[index]),
                        measures=measures[setting],
                        latency=latencies[setting],
                        output_tokens=rows[index]["tokens"] / rows[index]["with_tokens"] if rows[index]["with_tokens"] else None,
                        cost=rows[index]["cost"],
                    )
                    for index, (setting, _) in zip(top, of_settings, strict=True)
                ),
                settings_left_out=len(rows) - len(top),
                levels=tuple(LevelFigures(drawn.labels[level], numbers[level], measures[_place(level)]) for level in levels),
                recent=_recent(cursor, self._store.folder),
                choices=_choices(cursor),
            )

    def _levels(self, name: str, rows: Sequence[Mapping[str, Any]]) -> FactorLevels:
        """Return the levels of a factor under the settings of some rows."""
        return factor_levels(name, self._sums.settings.column(name, [row["setting"] for row in rows]))


# -- which experiments count --------------------------------------------------------------------------------------------------

_EVERYTHING = f"""
CREATE OR REPLACE TEMP TABLE everything AS
SELECT e.*, p.prompt_set, p.prompt, p.prompts, l.name, array_to_string(l.tags ->> '$[*]', ', ') AS tags, l.note
FROM (SELECT experiment_id, {KEY} AS experiment, created_at, user, calibration_id, model, notebook,
             coalesce(models ->> '$[*]', [model]) AS asked FROM experiments) e
JOIN prompt_sets p USING (experiment) LEFT JOIN experiment_labels l USING (experiment_id) WHERE NOT p.judging"""
"""What filters and choices go by, one row an experiment; replies of a judge are no answers to be compared."""

_CONDITIONS = {
    "user": "user = $user",
    "calibration_id": "calibration_id = $calibration_id",
    "model": "list_contains(asked, $model)",
    "search": f"(contains(lower(concat_ws(chr(10), {', '.join(LABELLED)})), lower($search))"
    " OR starts_with(experiment_id, $search))",
}


def _choose(cursor: DuckDBPyConnection, filters: Filters) -> None:
    """Put the experiments that the filters let through in ``chosen``, and their cells in ``mine``."""
    wanted = {"user": filters.user, "calibration_id": filters.calibration_id, "model": filters.model}
    given = {name: value for name, value in {**wanted, "search": filters.search.strip() or None}.items() if value is not None}
    condition = " AND ".join(_CONDITIONS[name] for name in given) or "true"
    cursor.execute(_EVERYTHING)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT * FROM everything WHERE {condition}", given)
    cursor.execute("CREATE OR REPLACE TEMP TABLE mine AS SELECT * FROM cells SEMI JOIN chosen USING (experiment)")


def _compare(cursor: DuckDBPyConnection, comparison: str | None) -> None:
    """Put those of the chosen experiments that are compared in ``compared``."""
    condition, values = "experiment_id = ?", [comparison]
    if comparison is None:
        latest = "SELECT prompt_set FROM chosen ORDER BY created_at DESC, experiment_id DESC LIMIT 1"
        condition, values = f"prompt_set = ({latest})", []
    elif comparison.startswith(SAME_PROMPTS):
        condition = "prompt_set = (SELECT prompt_set FROM everything WHERE experiment_id = ?)"
        values = [comparison.removeprefix(SAME_PROMPTS)]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE compared AS SELECT * FROM chosen WHERE {condition}", values)


def _prompt_sets(cursor: DuckDBPyConnection, table: str, least: int) -> tuple[PromptSet, ...]:
    """Return the sets of prompts in a table of experiments that at least so many have, the latest first."""
    rows = _rows(
        cursor,
        f"""SELECT arg_min(e.experiment_id, e.created_at) AS experiment_id, count(counted.experiment) AS experiments,
                   arg_min(e.prompt, e.created_at) AS prompt, any_value(e.prompts) AS prompts
            FROM everything e LEFT JOIN {table} counted USING (experiment)
            GROUP BY e.prompt_set HAVING count(counted.experiment) >= {least}
            ORDER BY max(counted.created_at) DESC, e.prompt_set LIMIT {MOST_PROMPT_SETS}""",
    )
    return tuple(PromptSet(comparison=f"{SAME_PROMPTS}{row.pop('experiment_id')}", **row) for row in rows)


# -- what they add up to ------------------------------------------------------------------------------------------------------

_SUMMED = ", ".join(f"sum({name})::BIGINT AS {name}" for name in ("responses", *STATUSES, "scored", "with_tokens", "tokens"))
_SETTINGS = f"""
SELECT setting, min(setting_index) AS first, {_SUMMED}, sum(cost) AS cost
FROM cells JOIN compared USING (experiment) GROUP BY setting ORDER BY first, min(created_at), min(experiment_id)"""
"""The settings that are compared, as their plans list them."""

_BY_MEASURE = ", ".join(f"({name}_n, {name}_total, {name}_squares) AS '{name}'" for name in MEASURES)
_STRATA = f"(UNPIVOT strata ON {_BY_MEASURE} INTO NAME measure VALUE n, total, squares)"
_WITH_SCORED = f"""(
    FROM {_STRATA} UNION ALL BY NAME
    SELECT setting, unit, measure, sum(n) AS n, sum(total) AS total, sum(squares) AS squares
    FROM scored SEMI JOIN with_scores USING (experiment) WHERE list_contains($scores, measure) GROUP BY setting, unit, measure)"""
_MEASURES = """
SELECT place, measure, sum(answers)::BIGINT AS answers, count(mean) AS prompts, sum(strata)::BIGINT AS strata,
       coalesce(sum(mean), 0) AS total, coalesce(sum(mean * mean), 0) AS squares, count(*) FILTER (repeated) AS repeated,
       coalesce(sum(within) FILTER (repeated), 0) AS within
FROM (SELECT place, measure, unit, sum(n) AS answers, sum(total) / nullif(sum(n), 0) AS mean, count(*) FILTER (n > 0) AS strata,
             bool_and(n > 1) FILTER (n > 0) AS repeated,
             sum(n * greatest(squares - total * total / n, 0) / (n - 1)) FILTER (n > 1) / (sum(n) * sum(n)) AS within
      FROM {strata} JOIN groups USING (setting)
      GROUP BY place, measure, unit)
GROUP BY place, measure"""
"""Sums over prompts: first over the settings of a place, then over its prompts.

Each measure in rows of its own: with columns for each, to plan the query takes longer than to run it.
"""

_NOTHING = Sums(0, 0, 0, 0.0, 0.0, 0, 0.0)


def _measures(
    cursor: DuckDBPyConnection, groups: Sequence[tuple[int, int]], scores: Sequence[str]
) -> defaultdict[int, dict[str, Sums]]:
    """Return the sums of each measure and of some scores over the settings of each place, given pairs of setting and place."""
    import pyarrow as pa

    settings, places = ([pair[k] for pair in groups] for k in (0, 1))
    cursor.register("groups", pa.table({"setting": whole_numbers(settings), "place": whole_numbers(places)}))
    out: defaultdict[int, dict[str, Sums]] = defaultdict(lambda: dict.fromkeys((*MEASURES, *scores), _NOTHING))
    others = [name for name in scores if name not in MEASURES]
    query = _MEASURES.format(strata=_WITH_SCORED if others else _STRATA)
    for row in _rows(cursor, query, {"scores": others} if others else None):
        out[row["place"]][row["measure"]] = Sums(*(row[part] for part in Sums.__slots__))
    return out


def _top(rows: Sequence[Mapping[str, Any]], varying: Sequence[FactorLevels]) -> list[int]:
    """Return the rows of the settings that are shown: of many those with most responses, in the order of their factors."""
    places = list(zip(*(levels.of_settings for levels in varying), strict=True)) or [()] * len(rows)
    ordered = sorted(range(len(rows)), key=places.__getitem__)
    order = {index: position for position, index in enumerate(ordered)}
    return sorted(sorted(ordered, key=lambda index: -rows[index]["responses"])[:MOST_SETTINGS], key=order.__getitem__)


def _most_answered(drawn: FactorLevels, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the levels of a factor that are drawn: of many those with most responses."""
    responses: Counter[int] = Counter()
    for level, row in zip(drawn.of_settings, rows, strict=True):
        responses[level] += row["responses"]
    most = MOST_CATEGORIES if drawn.numbers is None else MOST_NUMBERS
    return sorted(sorted(drawn.on_axis, key=lambda level: -responses[level])[:most])


def _place(level: int) -> int:
    """Return the place of a level among those of the settings, which are not negative."""
    return -1 - level


def _rows(cursor: DuckDBPyConnection, query: str, values: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
    cursor.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _counts(row: Mapping[str, Any]) -> StatusCounts:
    return StatusCounts(counts={status: row[status] for status in STATUSES if row[status]}, scored=row["scored"] or 0)


def _totals(cursor: DuckDBPyConnection, latency: Latency) -> Totals:
    row = _rows(cursor, f"SELECT (SELECT count(*) FROM chosen) AS experiments, {_SUMMED}, sum(cost) AS cost FROM mine")[0]
    return Totals(experiments=row["experiments"], responses=_counts(row), cost=row["cost"], latency=latency)


def _latencies(cursor: DuckDBPyConnection, settings: Sequence[int]) -> tuple[dict[int, Latency], Latency]:
    """Return the latency under each of some settings in the experiments that are compared, and that of all that are chosen."""
    import pyarrow as pa

    cursor.register("drawn", pa.table({"setting": whole_numbers(settings)}))
    histograms: defaultdict[int | None, Counter[int]] = defaultdict(Counter)
    for setting, bin_, answers in cursor.execute(
        """WITH places AS (SELECT mine.experiment, setting_index, CASE WHEN c.experiment IS NOT NULL THEN d.setting END AS setting
                           FROM mine LEFT JOIN compared c USING (experiment) LEFT JOIN drawn d ON d.setting = mine.setting)
           SELECT setting, bin, sum(answers)::BIGINT FROM bins JOIN places USING (experiment, setting_index)
           GROUP BY setting, bin"""
    ).fetchall():
        histograms[setting][bin_] += answers
    everything: Counter[int] = Counter()
    for histogram in histograms.values():
        everything.update(histogram)
    return {setting: _latency(histograms[setting]) for setting in settings}, _latency(everything)


def _latency(bins: Mapping[int, int]) -> Latency:
    histogram = sorted(bins.items())
    return Latency(_quantile(histogram, 0.5), _quantile(histogram, 0.9))


def _quantile(histogram: list[tuple[int, int]], share: float) -> float | None:
    """Return a quantile of a logarithmic histogram, as if the answers of a bin were spread evenly over it."""
    left = share * sum(answers for _, answers in histogram)
    for bin_, answers in histogram:
        if left <= answers:
            return math.exp2((bin_ + left / answers) / BINS)
        left -= answers
    return None


def _recent(cursor: DuckDBPyConnection, folder: Path) -> tuple[Recent, ...]:
    rows = _rows(
        cursor,
        f"""SELECT experiment_id, revision, created_at, user, calibration_id, model, status, planned,
                   coalesce(sum(c.responses), 0)::BIGINT AS responses, coalesce(sum(c.ok), 0)::BIGINT AS ok,
                   coalesce(sum({" + ".join(f"c.{status}" for status in FAILED)}), 0)::BIGINT AS failed,
                   coalesce(any_value(plan ->> '$.prompts[0]')[:200], '') AS prompt, coalesce(name, '') AS name
            FROM (SELECT * FROM experiments JOIN (SELECT experiment_id, experiment, name FROM chosen) USING (experiment_id)
                  ORDER BY created_at DESC, experiment_id DESC LIMIT {MOST_RECENT})
            LEFT JOIN mine c USING (experiment) GROUP BY ALL ORDER BY created_at DESC, experiment_id DESC""",
    )
    elsewhere = owners(cursor, {row["experiment_id"] for row in rows if row["status"] == "running"})
    for row in rows:
        row["created_at"] = time_text(row["created_at"])
        if row["status"] == "running" and row["experiment_id"] not in elsewhere and not is_running(folder, row["experiment_id"]):
            row["status"] = "interrupted"  # its process ended without a word
    return tuple(Recent(**row) for row in rows)


def _choices(cursor: DuckDBPyConnection) -> Choices:
    def used(value: str) -> tuple[str, ...]:
        values = f"SELECT {value} AS used, max(created_at) AS latest FROM everything GROUP BY used"
        query = f"SELECT used FROM ({values}) ORDER BY latest DESC, used LIMIT {MOST_CHOICES}"
        return tuple(value for (value,) in cursor.execute(query).fetchall())

    calibrations = cursor.execute(
        f"""SELECT calibration_id, precision_score, personality_score FROM calibrations
            ORDER BY created_at DESC, calibration_id LIMIT {MOST_CHOICES}"""
    ).fetchall()
    return Choices(
        users=used("user"),
        models=used("unnest(asked)"),
        calibrations=tuple(CalibrationChoice(calibration_id=i, precision=a, personality=b) for i, a, b in calibrations),
        prompt_sets=_prompt_sets(cursor, "chosen", 2),
    )
