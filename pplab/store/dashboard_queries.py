"""Queries of the dashboard: sums over responses, kept for each experiment so that a refresh reads only what changed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput, did_you_mean
from pplab.plan.vocabulary import FAILED, PRECISION_SCORES, SCORES
from pplab.store.queries import in_list
from pplab.store.record_types import time_text
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from pplab.store.store import Store

PRECISION: Final = "precision"
"""The mean of coherence and completeness of each answer: what a single answer can say of precision."""
MEASURES: Final = (*SCORES, PRECISION)
PARAMETERS: Final = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty")
FEW: Final = 50
"""Experiments that are looked for by name."""
MOST_SETTINGS: Final = 40
MOST_POINTS: Final = 60
MOST_RECENT: Final = 50
MOST_CHOICES: Final = 100
BINS: Final = 16
"""Bins of a latency's histogram for each doubling: the edges of one are 4.4 % apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions on experiments, and the parameter along which the scores are drawn."""

    user: str | None = None
    calibration_id: str | None = None
    model: str | None = None
    parameter: str = "temperature"


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over answers that any number of experiments can be added up from.

    Attributes
    ----------
    answers, prompts : int
        Usable answers that have the measure, and the prompts of experiments they belong to.
    total, squares : float
        Sums over those prompts of the prompt's mean and of its square.
    repeated : int
        Prompts with at least two answers.
    within : float
        Sum over those of the variance of the prompt's mean.
    """

    answers: int
    prompts: int
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
class SettingFigures:
    """One combination of parameters over all experiments that count."""

    parameters: dict[str, float | None]
    responses: int
    ok: int
    failed: int
    measures: dict[str, Sums]
    latency: Latency
    output_tokens: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class PointFigures:
    """All settings with one value of the chosen parameter."""

    value: float
    measures: dict[str, Sums]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One experiment of the list of recent ones."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything that counts, in one line. ``cancelled`` replicates were never sent."""

    experiments: int = 0
    responses: int = 0
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    cost: float | None = None
    latency: Latency = field(default_factory=Latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of a dashboard. The settings are those with most answers, in the order of their parameters."""

    totals: Totals
    settings: tuple[SettingFigures, ...]
    settings_left_out: int
    points: tuple[PointFigures, ...]
    recent: tuple[Recent, ...]
    choices: Choices


class Rollup:
    """Answers a dashboard's questions, at any number of stored responses.

    For each experiment it keeps one row a setting with counts and sums. A refresh reads the responses of only those experiments
    that are new, changed (their revision rose) or still running; everything else is added up from the kept rows.

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
        self._revisions: pa.Table | None = None
        self._cells: pa.Table | None = None
        self._bins: pa.Table | None = None

    def read(self, filters: Filters) -> Figures:
        """Return the figures of the experiments that ``filters`` let through, as stored now."""
        if filters.parameter not in PARAMETERS:
            hint = did_you_mean(filters.parameter, PARAMETERS) or f"use one of: {', '.join(PARAMETERS)}"
            raise BadInput(f"unknown parameter '{filters.parameter}'", hint=hint)
        with self._store.reading() as cursor:
            self._bring_up_to_date(cursor)
            cursor.register("cells", self._cells)
            cursor.register("bins", self._bins)
            wanted = {"user": filters.user, "calibration_id": filters.calibration_id, "model": filters.model}
            given = {name: value for name, value in wanted.items() if value is not None}
            condition = " AND ".join(f"{name} = ${name}" for name in given) or "true"
            query = f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT {_KEY} AS experiment FROM experiments WHERE {condition}"
            cursor.execute(query, given)
            cursor.execute("CREATE OR REPLACE TEMP TABLE mine AS SELECT * FROM cells SEMI JOIN chosen USING (experiment)")
            settings, count, latency = _settings(cursor)
            return Figures(
                totals=_totals(cursor, latency),
                settings=settings,
                settings_left_out=count - len(settings),
                points=_points(cursor, filters.parameter),
                recent=_recent(cursor, self._store.folder),
                choices=_choices(cursor),
            )

    def _bring_up_to_date(self, cursor: DuckDBPyConnection) -> None:
        """Add up the responses of the experiments whose sums are missing or out of date."""
        import pyarrow as pa

        present = _arrow(
            cursor,
            f"SELECT {_KEY} AS experiment, CASE WHEN status = 'running' THEN -1 ELSE revision END AS revision FROM experiments",
        )
        if self._revisions is None or self._cells is None or self._bins is None:
            self._cells, self._bins = _sums(cursor, "responses")
        else:
            cursor.register("known", self._revisions)
            cursor.register("present", present)
            stale = cursor.execute(_STALE).fetchall()
            if stale:
                _select_responses(cursor, [experiment_id for experiment_id, _ in stale])
                old = pa.array([key for _, key in stale if key is not None], pa.int64())
                fresh = _sums(cursor, "fresh")
                self._cells, self._bins = (
                    pa.concat_tables([_without(table, old), added])
                    for table, added in zip((self._cells, self._bins), fresh, strict=True)
                )
        self._revisions = present


_KEY: Final = "(hash(experiment_id) >> 1)::BIGINT"
"""What stands for an experiment in the kept sums: millions of numbers are joined sooner than as many ids.

Without its last bit, so that it is a signed number: DuckDB 1.5 cannot filter an Arrow table by larger ones.
"""

_STALE: Final = f"""
SELECT e.experiment_id, k.experiment FROM (SELECT experiment_id, {_KEY} AS experiment FROM experiments) e
JOIN present p USING (experiment) LEFT JOIN known k ON k.experiment = p.experiment
WHERE k.revision IS NULL OR k.revision <> p.revision OR p.revision < 0"""


def _without(table: pa.Table, experiments: pa.Array) -> pa.Table:
    """Return the sums of all other experiments."""
    import pyarrow.compute as pc

    return table.filter(pc.invert(pc.is_in(table["experiment"], experiments))) if len(experiments) else table


def _select_responses(cursor: DuckDBPyConnection, experiments: list[str]) -> None:
    """Copy what is summed of some experiments into ``fresh``: one reading of a column of ids that may be millions long."""
    query = f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT {', '.join(_NEEDED)} FROM responses WHERE experiment_id IN "
    if len(experiments) <= FEW:  # DuckDB skips blocks of rows for constants, not for a join
        cursor.execute(f"{query} ({', '.join('?' * len(experiments))})", experiments)
    else:
        cursor.execute(f"{query} (SELECT unnest(?))", [experiments])


def _sums(cursor: DuckDBPyConnection, source: str) -> tuple[pa.Table, pa.Table]:
    return _arrow(cursor, _CELLS.format(source=source)), _arrow(cursor, _BINS.format(source=source))


def _arrow(cursor: DuckDBPyConnection, query: str) -> pa.Table:
    return cursor.sql(query).to_arrow_table()


_MEAN = f"({' + '.join(PRECISION_SCORES)}) / {len(PRECISION_SCORES)}"
_VALUES = {name: name for name in SCORES} | {PRECISION: f"coalesce({_MEAN}, {', '.join(PRECISION_SCORES)})"}
_NEEDED = (
    *("experiment_id", "setting_index", "prompt_index", "status", "output_tokens", "cost", "latency_ms"),
    *PARAMETERS,
    *SCORES,
)
_OF_PROMPT = ", ".join(
    f"avg({value}) FILTER (status = 'ok') AS {name}, var_samp({value}) FILTER (status = 'ok') AS {name}_var, "
    f"count({value}) FILTER (status = 'ok') AS {name}_n"
    for name, value in _VALUES.items()
)
_OF_SETTING = ", ".join(
    f"sum({name}_n)::BIGINT AS {name}_answers, count({name}) AS {name}_prompts, coalesce(sum({name}), 0) AS {name}_total, "
    f"coalesce(sum({name} * {name}), 0) AS {name}_squares, count({name}_var) AS {name}_repeated, "
    f"coalesce(sum({name}_var / {name}_n), 0) AS {name}_within"
    for name in MEASURES
)
_COUNTED = ("responses", "ok", "failed", "cancelled", "with_tokens")
_COUNTS = ", ".join(f"sum({name})::BIGINT AS {name}" for name in _COUNTED)
_PARTS = tuple(Sums.__slots__)

_CELLS = f"""
SELECT {_KEY} AS experiment, setting_index, {", ".join(f"any_value({name})::DOUBLE AS {name}" for name in PARAMETERS)},
       {_COUNTS}, sum(tokens)::BIGINT AS tokens, sum(cost) AS cost,
       {_OF_SETTING}
FROM (
    SELECT experiment_id, setting_index, {", ".join(f"any_value({name}) AS {name}" for name in PARAMETERS)},
           count(*) AS responses, count(*) FILTER (status = 'ok') AS ok, count(*) FILTER (status = 'cancelled') AS cancelled,
           count(*) FILTER (status IN {in_list(FAILED)}) AS failed,
           count(output_tokens) AS with_tokens, sum(output_tokens) AS tokens, sum(cost) AS cost, {_OF_PROMPT}
    FROM {{source}} GROUP BY experiment_id, setting_index, prompt_index
) GROUP BY experiment_id, setting_index"""
"""One row an experiment and setting: first over the replicates of each prompt, then over its prompts."""

_BINS = f"""
SELECT {_KEY} AS experiment, setting_index, floor(log2(latency_ms) * {BINS})::INTEGER AS bin, count(*) AS answers
FROM {{source}} WHERE status = 'ok' AND latency_ms > 0 GROUP BY experiment_id, setting_index, bin"""

_SUMMED = ", ".join(f"sum({name}_{part}) AS {name}_{part}" for name in MEASURES for part in _PARTS)


def _rows(cursor: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _totals(cursor: DuckDBPyConnection, latency: Latency) -> Totals:
    row = _rows(
        cursor,
        f"""SELECT (SELECT count(*) FROM chosen) AS experiments, sum(cost) AS cost,
                   {", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in _COUNTED if name != "with_tokens")}
            FROM mine""",
    )[0]
    return Totals(**row, latency=latency)


def _settings(cursor: DuckDBPyConnection) -> tuple[tuple[SettingFigures, ...], int, Latency]:
    """Return the settings with most answers in the order of their parameters, how many there are, and the latency of all."""
    names = ", ".join(PARAMETERS)
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE top_settings AS
            SELECT row_number() OVER (ORDER BY {names}) AS place, *
            FROM (SELECT {names}, {_COUNTS}, sum(tokens)::BIGINT AS tokens,
                         sum(cost) AS cost, {_SUMMED}, count(*) OVER () AS settings
                  FROM mine GROUP BY {names} ORDER BY responses DESC, {names} LIMIT {MOST_SETTINGS})"""
    )
    same = " AND ".join(f"top_settings.{name} IS NOT DISTINCT FROM mine.{name}" for name in PARAMETERS)
    histograms: dict[int, dict[int, int]] = {}
    for place, bin_, answers in cursor.execute(
        f"""WITH placed AS (
                SELECT experiment, setting_index, coalesce(place, 0) AS place FROM mine LEFT JOIN top_settings ON {same}
            )
            SELECT place, bin, sum(answers)::BIGINT FROM bins JOIN placed USING (experiment, setting_index) GROUP BY place, bin"""
    ).fetchall():
        histograms.setdefault(place, {})[bin_] = answers
    rows = _rows(cursor, "SELECT * FROM top_settings ORDER BY place")
    settings = tuple(
        SettingFigures(
            parameters={name: row[name] for name in PARAMETERS},
            responses=row["responses"],
            ok=row["ok"],
            failed=row["failed"],
            measures=_measures(row),
            latency=_latency(histograms.get(row["place"], {})),
            output_tokens=row["tokens"] / row["with_tokens"] if row["with_tokens"] else None,
            cost=row["cost"],
        )
        for row in rows
    )
    everything: Counter[int] = Counter()
    for histogram in histograms.values():
        everything.update(histogram)
    return settings, rows[0]["settings"] if rows else 0, _latency(everything)


def _points(cursor: DuckDBPyConnection, parameter: str) -> tuple[PointFigures, ...]:
    """Return the sums for each value of a parameter; of more than sixty values those with most answers."""
    rows = _rows(
        cursor,
        f"""SELECT * FROM (SELECT {parameter} AS value, sum(responses) AS responses, {_SUMMED}
                           FROM mine WHERE {parameter} IS NOT NULL
                           GROUP BY {parameter} ORDER BY responses DESC, value LIMIT {MOST_POINTS}) ORDER BY value""",
    )
    return tuple(PointFigures(row["value"], _measures(row)) for row in rows)


def _measures(row: Mapping[str, Any]) -> dict[str, Sums]:
    whole = {"answers", "prompts", "repeated"}
    return {
        name: Sums(*(int(row[f"{name}_{part}"]) if part in whole else row[f"{name}_{part}"] for part in _PARTS))
        for name in MEASURES
    }


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
                   coalesce(sum(c.failed), 0)::BIGINT AS failed, coalesce(any_value(plan ->> '$.prompts[0]')[:200], '') AS prompt
            FROM (SELECT * FROM (SELECT *, {_KEY} AS experiment FROM experiments) SEMI JOIN chosen USING (experiment)
                  ORDER BY created_at DESC, experiment_id DESC LIMIT {MOST_RECENT})
            LEFT JOIN mine c USING (experiment) GROUP BY ALL ORDER BY created_at DESC, experiment_id DESC""",
    )
    for row in rows:
        row["created_at"] = time_text(row["created_at"])
        if row["status"] == "running" and not is_running(folder, row["experiment_id"]):
            row["status"] = "interrupted"  # its process ended without a word
    return tuple(Recent(**row) for row in rows)


def _choices(cursor: DuckDBPyConnection) -> Choices:
    def used(name: str) -> tuple[str, ...]:
        query = f"SELECT {name} FROM experiments GROUP BY {name} ORDER BY max(created_at) DESC, {name} LIMIT {MOST_CHOICES}"
        return tuple(value for (value,) in cursor.execute(query).fetchall())

    calibrations = cursor.execute(
        f"""SELECT calibration_id, precision_score, personality_score FROM calibrations
            ORDER BY created_at DESC, calibration_id LIMIT {MOST_CHOICES}"""
    ).fetchall()
    return Choices(
        users=used("user"),
        models=used("model"),
        calibrations=tuple(CalibrationChoice(calibration_id=i, precision=a, personality=b) for i, a, b in calibrations),
    )
