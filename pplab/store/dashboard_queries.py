"""Queries of the dashboard: totals of the chosen experiments, and figures of those among them that have the same prompts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.plan.levels import FactorLevels, factor_levels
from pplab.plan.parameters import parameter
from pplab.plan.settings import FACTOR_COLUMNS
from pplab.plan.vocabulary import FAILED, STATUSES
from pplab.store.dashboard_sums import BINS, KEY, MEASURES, KeptSums
from pplab.store.queries import LABELLED
from pplab.store.record_types import time_text
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from pplab.store.store import Store

MOST_SETTINGS: Final = 40
MOST_NUMBERS: Final = 60
MOST_CATEGORIES: Final = 20
MOST_RECENT: Final = 50
MOST_CHOICES: Final = 100
MOST_PROMPT_SETS: Final = 20
SAME_PROMPTS: Final = "prompts:"
"""What the name of a comparison begins with that takes in all experiments over the prompts of one: its id follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on experiments, which of them are compared, and the factor along which the scores are drawn.

    Attributes
    ----------
    model : str or None
        Experiments that ask this model, as ``MODEL`` or ``MODEL@ENDPOINT``, be it among others.
    search : str
        A part of an experiment's name, tags, note, model or notebook, in any case, or the beginning of its id.
    comparison : str or None
        The id of one experiment; ``prompts:`` and an id: all experiments over the prompts of that one; ``None``: all over those
        of the latest one.
    factor : str or None
        Its column or ``model``; ``None``: the first that varies between what is compared.
    """

    user: str | None = None
    calibration_id: str | None = None
    model: str | None = None
    search: str = ""
    comparison: str | None = None
    factor: str | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over answers that any number of experiments can be added up from.

    Attributes
    ----------
    answers, prompts, strata : int
        Usable answers that have the measure, the prompts and the combinations of prompt and setting they belong to.
    total, squares : float
        Sums over those prompts of the prompt's mean and of its square.
    repeated : int
        Prompts with at least two answers under each setting.
    within : float
        Sum over those of the variance of the prompt's mean.
    """

    answers: int
    prompts: int
    strata: int
    total: float
    squares: float
    repeated: int
    within: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of how long answers took, in milliseconds, to within the 4.4 % of a bin; ``None`` when none is known."""

    median: float | None = None
    p90: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCounts:
    """Responses by status: how many there are of each one that occurs. ``scored`` are the usable ones that have a score."""

    counts: Mapping[str, int] = field(default_factory=dict)
    scored: int = 0

    @property
    def responses(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def ok(self) -> int:
        """The usable ones."""
        return self.counts.get("ok", 0)

    @property
    def failed(self) -> int:
        """Those without an answer, though one was asked for."""
        return sum(self.counts.get(status, 0) for status in FAILED)

    @property
    def cancelled(self) -> int:
        """Those that were never sent."""
        return self.counts.get("cancelled", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFigures:
    """One setting over all experiments that are compared.

    ``levels`` has its level of each factor that varies, by column; ``asked`` is all that it asks for.
    """

    levels: Mapping[str, str]
    asked: Mapping[str, Any]
    responses: StatusCounts
    measures: dict[str, Sums]
    latency: Latency
    output_tokens: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """All settings with one level of the chosen factor. ``number`` is its place on an axis, ``None`` for a category."""

    label: str
    number: float | None
    measures: dict[str, Sums]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """Experiments over the same prompts: the comparison they make, how many there are, and their prompts."""

    comparison: str
    experiments: int
    prompt: str
    prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared: experiments over one set of prompts.

    Attributes
    ----------
    prompt_set : PromptSet or None
        ``None`` when nothing is.
    prompt_sets : int
        Different sets of prompts among the chosen experiments.
    factors : tuple of str
        Columns of what varies between the settings.
    factor : str
        The one along which the scores are drawn.
    categories : bool
        Whether its levels are no numbers.
    levels_left_out : int
        Levels that are not drawn: those with the fewest answers where there are many.
    settings_without : int
        Settings without a value, where the levels are numbers.
    """

    prompt_set: PromptSet | None
    prompt_sets: int
    factors: tuple[str, ...]
    factor: str
    categories: bool
    levels_left_out: int
    settings_without: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One experiment of the list of recent ones. ``name`` is what its user calls it."""

    experiment_id: str
    revision: int
    created_at: str
    user: str
    calibration_id: str | None
    model: str
    status: str
    planned: int
    responses: int
    ok: int
    failed: int
    prompt: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChoice:
    """A calibration that can be chosen, with its scores."""

    calibration_id: str
    precision: float
    personality: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the filters can be set to, the most recently used first."""

    users: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    calibrations: tuple[CalibrationChoice, ...] = ()
    prompt_sets: tuple[PromptSet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything that is chosen, in one line."""

    experiments: int = 0
    responses: StatusCounts = field(default_factory=StatusCounts)
    cost: float | None = None
    latency: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of a dashboard. The settings are those with most answers, in the order of their factors."""

    totals: Totals
    comparison: Comparison
    settings: tuple[SettingFigures, ...]
    settings_left_out: int
    levels: tuple[LevelFigures, ...]
    recent: tuple[Recent, ...]
    choices: Choices


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
    >>> from pplab.store.store import open_store
    >>> store = open_store(":temp:")
    >>> Rollup(store).read(Filters()).totals.experiments
    0
    >>> store.close()
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sums = KeptSums()

    def read(self, filters: Filters) -> Figures:
        """Return the figures of the experiments that ``filters`` let through, as stored now."""
        factor = "model_asked" if filters.factor == "model" else filters.factor
        if factor is not None and factor not in FACTOR_COLUMNS:
            parameter(factor)  # refuses what can be none
        with self._store.reading() as cursor:
            self._sums.bring_up_to_date(cursor)
            _choose(cursor, filters)
            _compare(cursor, filters.comparison)
            self._sums.need(cursor, "compared")
            rows = _rows(cursor, _SETTINGS)
            varying = {name: self._levels(name, rows) for name in self._sums.settings.varying([row["setting"] for row in rows])}
            drawn = self._levels(factor or next(iter(varying), "temperature"), rows)
            on_axis = drawn.on_axis
            levels = _most_answered(drawn, rows)
            settings = self._settings(cursor, rows, list(varying.values()))
            return Figures(
                totals=_totals(cursor),
                comparison=Comparison(
                    prompt_set=next(iter(_prompt_sets(cursor, "compared", 1)), None),
                    prompt_sets=cursor.execute("SELECT count(DISTINCT prompt_set) FROM chosen").fetchall()[0][0],
                    factors=tuple(varying),
                    factor=drawn.name,
                    categories=drawn.numbers is None,
                    levels_left_out=len(on_axis) - len(levels),
                    settings_without=sum(level not in on_axis for level in drawn.of_settings),
                ),
                settings=settings,
                settings_left_out=len(rows) - len(settings),
                levels=_levels(cursor, drawn, levels, rows),
                recent=_recent(cursor, self._store.folder),
                choices=_choices(cursor),
            )

    def _levels(self, name: str, rows: Sequence[Mapping[str, Any]]) -> FactorLevels:
        """Return the levels of a factor under the settings of some rows."""
        return factor_levels(name, self._sums.settings.column(name, [row["setting"] for row in rows]))

    def _settings(
        self, cursor: DuckDBPyConnection, rows: Sequence[Mapping[str, Any]], varying: Sequence[FactorLevels]
    ) -> tuple[SettingFigures, ...]:
        """Return the settings with most answers in the order of their factors."""
        places = list(zip(*(levels.of_settings for levels in varying), strict=True)) or [()] * len(rows)
        ordered = sorted(range(len(rows)), key=places.__getitem__)
        order = {index: position for position, index in enumerate(ordered)}
        top = sorted(sorted(ordered, key=lambda index: -rows[index]["responses"])[:MOST_SETTINGS], key=order.__getitem__)
        numbers = [rows[index]["setting"] for index in top]
        measures = _measures(cursor, [(number, number) for number in numbers])
        latency = _latencies(cursor, numbers)
        return tuple(
            SettingFigures(
                levels={levels.name: levels.labels[levels.of_settings[index]] for levels in varying},
                asked=self._sums.settings.values(number),
                responses=_counts(rows[index]),
                measures=measures[number],
                latency=latency[number],
                output_tokens=rows[index]["tokens"] / rows[index]["with_tokens"] if rows[index]["with_tokens"] else None,
                cost=rows[index]["cost"],
            )
            for index, number in zip(top, numbers, strict=True)
        )


# -- which experiments count --------------------------------------------------------------------------------------------------

_ALL = f"""
SELECT e.*, l.name, array_to_string(l.tags ->> '$[*]', ', ') AS tags, l.note, p.prompt_set,
       coalesce(e.models ->> '$[*]', [e.model]) AS asked
FROM (SELECT *, {KEY} AS experiment FROM experiments) e
JOIN prompt_sets p USING (experiment) LEFT JOIN experiment_labels l USING (experiment_id)"""
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
    columns = "experiment, experiment_id, created_at, prompt_set, name"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT {columns} FROM ({_ALL}) WHERE {condition}", given)
    cursor.execute("CREATE OR REPLACE TEMP TABLE mine AS SELECT * FROM cells SEMI JOIN chosen USING (experiment)")


def _compare(cursor: DuckDBPyConnection, comparison: str | None) -> None:
    """Put those of the chosen experiments that are compared in ``compared``."""
    condition, values = "experiment_id = ?", [comparison]
    if comparison is None:
        latest = "SELECT prompt_set FROM chosen ORDER BY created_at DESC, experiment_id DESC LIMIT 1"
        condition, values = f"prompt_set = ({latest})", []
    elif comparison.startswith(SAME_PROMPTS):
        condition = f"prompt_set = (SELECT prompt_set FROM ({_ALL}) WHERE experiment_id = ?)"
        values = [comparison.removeprefix(SAME_PROMPTS)]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE compared AS SELECT * FROM chosen WHERE {condition}", values)


def _prompt_sets(cursor: DuckDBPyConnection, table: str, least: int) -> tuple[PromptSet, ...]:
    """Return the sets of prompts in a table of experiments that at least so many have, the latest first."""
    rows = _rows(
        cursor,
        f"""WITH sets AS (SELECT prompt_set, count(*) AS experiments, max(created_at) AS latest FROM {table} GROUP BY prompt_set
                          HAVING count(*) >= {least} ORDER BY latest DESC, prompt_set LIMIT {MOST_PROMPT_SETS}),
                 firsts AS (SELECT prompt_set, arg_min(experiment_id, created_at) AS experiment_id
                            FROM ({_ALL}) SEMI JOIN sets USING (prompt_set) GROUP BY prompt_set)
            SELECT experiment_id, sets.experiments, coalesce((plan ->> '$.prompts[0]')[:200], '') AS prompt,
                   len(list_distinct(plan ->> '$.prompts[*]')) AS prompts
            FROM sets JOIN firsts USING (prompt_set) JOIN experiments USING (experiment_id) ORDER BY latest DESC, prompt_set""",
    )
    return tuple(PromptSet(comparison=f"{SAME_PROMPTS}{row.pop('experiment_id')}", **row) for row in rows)


# -- what they add up to ------------------------------------------------------------------------------------------------------

_SUMMED = ", ".join(f"sum({name})::BIGINT AS {name}" for name in ("responses", *STATUSES, "scored", "with_tokens", "tokens"))
_SETTINGS = f"""
SELECT setting, min(setting_index) AS first, {_SUMMED}, sum(cost) AS cost
FROM cells JOIN compared USING (experiment) GROUP BY setting ORDER BY first, min(created_at), min(experiment_id)"""
"""The settings that are compared, as their plans list them."""

_OF_UNIT = ", ".join(
    f"sum({name}_n) AS {name}_n, sum({name}_total) / nullif(sum({name}_n), 0) AS {name}_mean, "
    f"count(*) FILTER ({name}_n > 0) AS {name}_strata, bool_and({name}_n > 1) FILTER ({name}_n > 0) AS {name}_repeated, "
    f"sum({name}_n * greatest({name}_squares - {name}_total * {name}_total / {name}_n, 0) / ({name}_n - 1)) "
    f"FILTER ({name}_n > 1) / (sum({name}_n) * sum({name}_n)) AS {name}_within"
    for name in MEASURES
)
_OF_PLACE = ", ".join(
    f"coalesce(sum({name}_n), 0)::BIGINT AS {name}_answers, count({name}_mean) AS {name}_prompts, "
    f"coalesce(sum({name}_strata), 0)::BIGINT AS {name}_strata, coalesce(sum({name}_mean), 0) AS {name}_total, "
    f"coalesce(sum({name}_mean * {name}_mean), 0) AS {name}_squares, count(*) FILTER ({name}_repeated) AS {name}_repeated, "
    f"coalesce(sum({name}_within) FILTER ({name}_repeated), 0) AS {name}_within"
    for name in MEASURES
)
_OF_STRATUM = ", ".join(f"sum({name}_{part}) AS {name}_{part}" for name in MEASURES for part in ("n", "total", "squares"))
_MEASURES = f"""
SELECT place, {_OF_PLACE} FROM (
    SELECT place, unit, {_OF_UNIT} FROM (
        SELECT setting, unit, {_OF_STRATUM} FROM strata SEMI JOIN compared USING (experiment) GROUP BY setting, unit
    ) JOIN groups USING (setting) GROUP BY place, unit
) GROUP BY place"""
"""Sums over prompts: first over the experiments that have one in a setting, then over the settings of a place."""

_NOTHING = Sums(0, 0, 0, 0.0, 0.0, 0, 0.0)


def _measures(cursor: DuckDBPyConnection, groups: Sequence[tuple[int, int]]) -> defaultdict[int, dict[str, Sums]]:
    """Return the sums of each measure over the settings of each place, given pairs of setting and place."""
    import pyarrow as pa

    settings, places = ([pair[k] for pair in groups] for k in (0, 1))
    cursor.register("groups", pa.table({"setting": pa.array(settings, pa.int64()), "place": pa.array(places, pa.int64())}))
    out: defaultdict[int, dict[str, Sums]] = defaultdict(lambda: dict.fromkeys(MEASURES, _NOTHING))
    for row in _rows(cursor, _MEASURES):
        out[row["place"]] = {name: Sums(*(row[f"{name}_{part}"] for part in Sums.__slots__)) for name in MEASURES}
    return out


def _most_answered(drawn: FactorLevels, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the levels of a factor that are drawn: of many those with most responses."""
    responses: Counter[int] = Counter()
    for level, row in zip(drawn.of_settings, rows, strict=True):
        responses[level] += row["responses"]
    most = MOST_CATEGORIES if drawn.numbers is None else MOST_NUMBERS
    return sorted(sorted(drawn.on_axis, key=lambda level: -responses[level])[:most])


def _levels(
    cursor: DuckDBPyConnection, drawn: FactorLevels, levels: Sequence[int], rows: Sequence[Mapping[str, Any]]
) -> tuple[LevelFigures, ...]:
    """Return the sums of the drawn levels of a factor."""
    measures = _measures(cursor, [(row["setting"], level) for row, level in zip(rows, drawn.of_settings, strict=True)])
    numbers = drawn.numbers or (None,) * len(drawn.labels)
    return tuple(LevelFigures(drawn.labels[level], numbers[level], measures[level]) for level in levels)


def _rows(cursor: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _counts(row: Mapping[str, Any]) -> StatusCounts:
    return StatusCounts(counts={status: row[status] for status in STATUSES if row[status]}, scored=row["scored"] or 0)


def _totals(cursor: DuckDBPyConnection) -> Totals:
    row = _rows(cursor, f"SELECT (SELECT count(*) FROM chosen) AS experiments, {_SUMMED}, sum(cost) AS cost FROM mine")[0]
    histogram = cursor.execute(
        "SELECT bin, sum(answers)::BIGINT FROM bins SEMI JOIN chosen USING (experiment) GROUP BY bin"
    ).fetchall()
    return Totals(experiments=row["experiments"], responses=_counts(row), cost=row["cost"], latency=_latency(dict(histogram)))


def _latencies(cursor: DuckDBPyConnection, settings: Sequence[int]) -> dict[int, Latency]:
    """Return the latency under each of some settings, in the experiments that are compared."""
    import pyarrow as pa

    cursor.register("groups", pa.table({"setting": pa.array(settings, pa.int64())}))
    histograms: dict[int, dict[int, int]] = {setting: {} for setting in settings}
    for setting, bin_, answers in cursor.execute(
        """SELECT setting, bin, sum(answers)::BIGINT FROM bins JOIN cells USING (experiment, setting_index)
           SEMI JOIN compared USING (experiment) SEMI JOIN groups USING (setting) GROUP BY setting, bin"""
    ).fetchall():
        histograms[setting][bin_] = answers
    return {setting: _latency(histogram) for setting, histogram in histograms.items()}


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
    for row in rows:
        row["created_at"] = time_text(row["created_at"])
        if row["status"] == "running" and not is_running(folder, row["experiment_id"]):
            row["status"] = "interrupted"  # its process ended without a word
    return tuple(Recent(**row) for row in rows)


def _choices(cursor: DuckDBPyConnection) -> Choices:
    def used(value: str) -> tuple[str, ...]:
        values = f"SELECT {value} AS used, max(created_at) AS latest FROM ({_ALL}) GROUP BY used"
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
