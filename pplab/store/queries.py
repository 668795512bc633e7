"""Every question a lab asks its tables, as methods that the store inherits. Nothing is written here."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pplab.errors import BadInput, NotFound
from pplab.inputs.values import as_list, moment_text
from pplab.plan.vocabulary import SCORES
from pplab.store.ratings import AS_SCORES, STANDING
from pplab.store.ratings import COLUMNS as RATING_COLUMNS
from pplab.store.record_types import RECORD_TYPE_OF, RECORD_TYPES, RecordType, parse_time, time_text
from pplab.store.rows import BatchRow, CalibrationRow, ExperimentRow, ExportRow, LabelRow, RatingRow, ResponseRow, ScoreRow
from pplab.store.scores import ALL_SCORES, COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    import pandas as pd
    from duckdb import DuckDBPyConnection

_Record = TypeVar("_Record")
AnyOf: TypeAlias = "str | Iterable[str] | None"
"""A filter: a value, or several of which any may stand; ``None`` filters nothing."""

LATEST = "latest"
PREFIX = 6
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,199}")

RESPONSE_COLUMNS = (
    *("response_id", "experiment_id", "prompt_index", "prompt", "setting_index"),
    *("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "seed", "replicate", "status", "text"),
    *("error", "finish_reason", "model", "input_tokens", "output_tokens", "cost", "latency_ms"),
    *SCORES,
    *("request_key", "correlation_id"),
    *("model_asked", "endpoint", "system", "wording", "parameters", "top_k", "min_p", "typical_p", "repetition_penalty"),
    *("reasoning_effort", "verbosity", "thinking_budget", "fault"),
)
"""The columns of ``lab.responses()``, which notebooks depend on."""

FOR_OLDER_ROWS = {
    "model_asked": "coalesce(r.model_asked, e.model) AS model_asked",
    "parameters": "coalesce(r.parameters, r.requested) AS parameters",
}
"""Columns that rows of older versions lack, with what says the same there."""

LABELLED = ("name", "tags", "note", "model", "notebook")
"""What a search for an experiment looks through."""

_LISTED = "coalesce(models->>'$[*]', [model])"
"""The models that an experiment asked, as users write them."""
_NAMED = "plan->>'$.models[*].name'"
"""The same as their servers know them, where the plan says it."""

AUDIT_COLUMNS = ("seq", *(column.name for column in RECORD_TYPES["event"].columns), "prev_hash", "hash")
"""The columns of ``lab.audit()``."""


def in_list(words: Iterable[str]) -> str:
    """Return words of the vocabulary as the list of an SQL ``IN``; what a user gave is bound instead.

    Examples
    --------
    >>> in_list(["call", "cell"])
    "('call', 'cell')"
    """
    return f"({', '.join(map(repr, words))})"


_IN_PLAN_ORDER = "prompt_index, setting_index, replicate, response_id"


def check_id(text: str) -> str:
    """Return an id or the beginning of one, or raise `BadInput` when it cannot be one."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise BadInput(f"{str(text)[:60]!r} is not an id", hint="ids are letters, digits and dashes, or 'latest'")
    if len(text) < PREFIX:
        raise BadInput(f"'{text}' is too short for an id", hint=f"give at least {PREFIX} characters")
    return text


class Queries(ABC):
    """The read side of a store. Each method sees everything this process wrote before."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[DuckDBPyConnection]:
        """Hold the tables for several reads, which then see the same state and cost one opening."""

    def find(self, kind: str, prefix: str) -> str:
        """Return the whole id of a row, given its beginning (at least six characters) or ``latest``.

        Parameters
        ----------
        kind
            A name in `RECORD_TYPES`, such as ``experiment``.
        prefix
            The id, the beginning of one, or ``latest`` for the youngest row.

        Raises
        ------
        NotFound
            When there is none.
        BadInput
            When the text cannot be an id, or several begin with it.
        """
        with self.reading() as cursor:
            return _find(cursor, RECORD_TYPES[kind], prefix)

    def experiments(
        self,
        *,
        user: AnyOf = None,
        calibration_id: AnyOf = None,
        status: AnyOf = None,
        model: AnyOf = None,
        search: str | None = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return one row an experiment, oldest first, with how many of its replicates have a row, are ok, and their cost.

        ``model`` finds what was asked of it alone or beside others, all of which ``models`` lists.
        ``search`` is a part of its name, tags, note, model or notebook, in any case; ``since`` is an ISO 8601 time; ``limit``
        keeps the youngest. ``tags`` are separated by commas.
        """
        where = _Where().equal(user=user, calibration_id=calibration_id, status=status).since("created_at", since)
        where.model(model).containing(LABELLED, search)
        query = f"""
            WITH labelled AS (
                SELECT experiments.*, experiment_labels.name, array_to_string(tags->>'$[*]', ', ') AS tags, note
                FROM experiments LEFT JOIN experiment_labels USING (experiment_id)),
            chosen AS (SELECT * FROM labelled {where} ORDER BY created_at DESC, experiment_id DESC {_limit(limit)})
            SELECT experiment_id, created_at, updated_at, name, tags, note, user, calibration_id, model, {_LISTED} AS models,
                   provider, planned, status, reason, coalesce(stored, 0) AS responses, coalesce(ok, 0) AS ok, cost, notebook,
                   correlation_id
            FROM chosen LEFT JOIN (
                SELECT experiment_id, count(*) AS stored, count(*) FILTER (status = 'ok') AS ok, sum(cost) AS cost
                FROM responses WHERE experiment_id IN (SELECT experiment_id FROM chosen) GROUP BY experiment_id
            ) USING (experiment_id) ORDER BY created_at, experiment_id"""
        with self.reading() as cursor:
            frame = _data_frame(cursor, query, where.values)
        frame["models"] = frame["models"].map(list)
        return frame

    def experiment(self, experiment_id: str) -> ExperimentRow:
        """Return one experiment by its id, the beginning of its id, its name, or ``latest``."""
        with self.reading() as cursor:
            return _one(cursor, ExperimentRow, experiment_id)

    def label(self, experiment_id: str) -> LabelRow | None:
        """Return the name, tags and note of an experiment, ``None`` where it never had any."""
        with self.reading() as cursor:
            rows = _records(cursor, LabelRow, "WHERE experiment_id = ?", [experiment_id])
            return rows[0] if rows else None

    def responses(
        self,
        experiment_id: str | None = None,
        *,
        status: AnyOf = None,
        user: AnyOf = None,
        calibration_id: AnyOf = None,
        model: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
        full: bool = False,
    ) -> pd.DataFrame:
        """Return one row a replicate, in plan order within each experiment, oldest experiment first.

        The columns are `RESPONSE_COLUMNS`, or every column of the table with ``full``. ``model`` is the one that answered.
        """
        with self.reading() as cursor:
            if experiment_id is not None:
                experiment_id = _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            where = _Where("r.").equal(experiment_id=experiment_id, status=status, model=model).since("created_at", since)
            where.prefix = "e."
            where.equal(user=user, calibration_id=calibration_id)
            names = [column.name for column in RECORD_TYPES["response"].columns] if full else RESPONSE_COLUMNS
            query = f"""
                SELECT {", ".join(FOR_OLDER_ROWS.get(name, f"r.{name}") for name in names)}
                FROM responses r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id {where}
                ORDER BY e.created_at, r.experiment_id, r.{_IN_PLAN_ORDER.replace(", ", ", r.")} {_limit(limit)}"""
            return _data_frame(cursor, query, where.values)

    def response_rows(self, experiment_id: str) -> list[ResponseRow]:
        """Return the responses of one experiment as records, in plan order."""
        with self.reading() as cursor:
            id_ = _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            return _records(cursor, ResponseRow, f"WHERE experiment_id = ? ORDER BY {_IN_PLAN_ORDER}", [id_])

    def response(self, response_id: str) -> ResponseRow:
        """Return one response by its id or the beginning of it."""
        with self.reading() as cursor:
            return _one(cursor, ResponseRow, response_id)

    def scores(self, experiment_id: str | None = None) -> pd.DataFrame:
        """Return one row a score besides the four, of one experiment or of all, in plan order within each, oldest first.

        Every version of every metric is there, and every rating on the scale; ``version`` is empty where there is none.
        """
        with self.reading() as cursor:
            id_ = experiment_id and _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            where = _Where("s.").equal(experiment_id=id_)
            query = f"""
                SELECT {", ".join(f"s.{name}" for name in COLUMNS)}
                FROM ({ALL_SCORES} UNION ALL {AS_SCORES}) s JOIN responses r USING (response_id)
                LEFT JOIN experiments e ON e.experiment_id = s.experiment_id {where}
                ORDER BY e.created_at, s.experiment_id, r.prompt_index, r.setting_index, r.replicate, s.metric, s.created_at"""
            return _data_frame(cursor, query, where.values)

    def score_rows(
        self, experiment_id: str, response_id: str | None = None, revision: int | None = None, *, source: str | None = None
    ) -> list[ScoreRow]:
        """Return the scores of one experiment as records; of one response, revision or source alone where it is given."""
        with self.reading() as cursor:
            id_ = _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            where = _Where().equal(experiment_id=id_, response_id=response_id, response_revision=revision, source=source)
            return _records(cursor, ScoreRow, f"{where} ORDER BY created_at, score_id", where.values)

    def ratings(self, experiment_id: str | None = None) -> pd.DataFrame:
        """Return one row a rating that stands, of one experiment or of all, by rater in the order in which they were given.

        Ratings that were taken back are left out, and those of an answer that was replaced since.
        """
        with self.reading() as cursor:
            id_ = experiment_id and _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            where = _Where("t.").equal(experiment_id=id_)
            query = f"""
                SELECT {", ".join(f"t.{name}" for name in RATING_COLUMNS)}
                FROM ({STANDING}) t LEFT JOIN experiments e ON e.experiment_id = t.experiment_id {where}
                ORDER BY e.created_at, t.experiment_id, t.rater, t.created_at, t.position, t.rating_id"""
            return _data_frame(cursor, query, where.values)

    def rating_rows(self, experiment_id: str, rater: str | None = None) -> list[RatingRow]:
        """Return the ratings of one experiment as records, by rater in the order in which they were given, none left out."""
        with self.reading() as cursor:
            id_ = _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            where = _Where().equal(experiment_id=id_, rater=rater)
            return _records(cursor, RatingRow, f"{where} ORDER BY rater, created_at, position, rating_id", where.values)

    def batches(self, experiment_id: str) -> list[BatchRow]:
        """Return the batches of one experiment as records, oldest first."""
        with self.reading() as cursor:
            id_ = _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            where = _Where().equal(experiment_id=id_)
            return _records(cursor, BatchRow, f"{where} ORDER BY created_at, batch_id", where.values)

    def attempts(self, experiment_id: str | None = None, *, response_id: str | None = None) -> pd.DataFrame:
        """Return one row an HTTP request, by response and number."""
        with self.reading() as cursor:
            id_ = experiment_id and _find(cursor, RECORD_TYPES["experiment"], experiment_id)
            answer = response_id and _find(cursor, RECORD_TYPES["response"], response_id)
            where = _Where().equal(experiment_id=id_, response_id=answer)
            return _data_frame(
                cursor, f"SELECT * FROM call_attempts {where} ORDER BY started_at, response_id, attempt", where.values
            )

    def calibrations(self, *, user: AnyOf = None) -> pd.DataFrame:
        """Return one row a calibration, oldest first."""
        where = _Where().equal(user=user)
        with self.reading() as cursor:
            return _data_frame(cursor, f"SELECT * FROM calibrations {where} ORDER BY created_at, calibration_id", where.values)

    def calibration(self, calibration_id: str) -> CalibrationRow:
        """Return one calibration by its id, the beginning of its id, or ``latest``."""
        with self.reading() as cursor:
            return _one(cursor, CalibrationRow, calibration_id)

    def analytics(self, *, user: AnyOf = None, calibration_id: AnyOf = None) -> pd.DataFrame:
        """Return the running figures, one row a (user, calibration, measure): n, mean, standard deviation, m2 and time.

        ``sd`` divides by n - 1 and is missing below two values; counts have neither mean nor deviation.
        """
        where = _Where().equal(user=user, calibration_id=calibration_id)
        query = f"""
            SELECT user, calibration_id, measure, n, mean, CASE WHEN n > 1 THEN sqrt(m2 / (n - 1)) END AS sd, m2, updated_at
            FROM analytics_summaries {where} ORDER BY user, calibration_id, measure"""
        with self.reading() as cursor:
            return _data_frame(cursor, query, where.values)

    def audit(
        self,
        event: AnyOf = None,
        *,
        actor: AnyOf = None,
        correlation_id: AnyOf = None,
        entity_id: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return audit rows in the order of the chain; ``limit`` keeps the last ones. ``payload`` is JSON text."""
        where = _Where().equal(event=event, actor=actor, correlation_id=correlation_id, entity_id=entity_id)
        where.since("occurred_at", since)
        query = f"""
            SELECT {", ".join(AUDIT_COLUMNS)}
            FROM (SELECT * FROM audit_logs {where} ORDER BY seq DESC {_limit(limit)}) ORDER BY seq"""
        with self.reading() as cursor:
            return _data_frame(cursor, query, where.values)

    def timing(
        self,
        kind: AnyOf = None,
        *,
        name: AnyOf = None,
        correlation_id: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return timings, oldest first; ``limit`` keeps the last ones. ``duration_ns`` is in nanoseconds."""
        where = _Where().equal(kind=kind, name=name, correlation_id=correlation_id).since("recorded_at", since)
        return self._latest("system_metrics", "recorded_at, metric_id", where, limit)

    def cells(
        self,
        *,
        session_id: AnyOf = None,
        notebook: AnyOf = None,
        status: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return cell executions, oldest first; ``limit`` keeps the last ones."""
        where = _Where().equal(session_id=session_id, notebook=notebook, status=status).since("started_at", since)
        return self._latest("cell_executions", "started_at, execution_id", where, limit)

    def exports(self) -> pd.DataFrame:
        """Return one row an export job, oldest first."""
        return self._latest("experiment_exports", "created_at, export_id", _Where(), None)

    def export(self, export_id: str) -> ExportRow:
        """Return one export job by its id, the beginning of its id, or ``latest``."""
        with self.reading() as cursor:
            return _one(cursor, ExportRow, export_id)

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        query = " UNION ALL ".join(
            f"SELECT '{record_type.table}', count(*) FROM {record_type.table}" for record_type in RECORD_TYPES.values()
        )
        with self.reading() as cursor:
            return dict(cursor.execute(query).fetchall())

    def _latest(self, table: str, order: str, where: _Where, limit: int | None) -> pd.DataFrame:
        first = order.split(", ")
        descending = ", ".join(f"{name} DESC" for name in first)
        query = f"SELECT * FROM (SELECT * FROM {table} {where} ORDER BY {descending} {_limit(limit)}) ORDER BY {order}"
        with self.reading() as cursor:
            return _data_frame(cursor, query, where.values)


class _Where:
    """Conditions that all hold, with their bound values."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.conditions: list[str] = []
        self.values: list[object] = []

    def equal(self, **values: object) -> _Where:
        """Ask for equality with each value that is not ``None``, or with one of several."""
        for name, value in values.items():
            if value is not None:
                any_of = [getattr(one, "id", one) for one in as_list(value)]  # a calibration is named by its id
                self.conditions.append(f"{self.prefix}{name} IN ({', '.join('?' * len(any_of)) or 'NULL'})")
                self.values.extend(any_of)
        return self

    def since(self, name: str, moment: str | date | None) -> _Where:
        """Ask for a time not before a moment: a datetime, a date or ISO 8601 text, in UTC where it names no zone."""
        if moment is not None:
            try:
                self.values.append(parse_time(moment_text(moment)))
            except (TypeError, ValueError):
                raise BadInput(f"{moment!r} is not a time", hint="write it like 2026-11-23 or 2026-11-23T09:30") from None
            self.conditions.append(f"{self.prefix}{name} >= ?")
        return self

    def model(self, model: AnyOf) -> _Where:
        """Experiments that asked a model, by its name or as ``MODEL@ENDPOINT``, alone or beside others."""
        if model is not None:
            any_of: Any = as_list(model)
            self.conditions.append(
                f"(list_has_any(list_append({_LISTED}, model), ?) OR coalesce(list_has_any({_NAMED}, ?), false))"
            )
            self.values += [any_of, any_of]
        return self

    def containing(self, names: Sequence[str], text: str | None) -> _Where:
        """Rows with ``text`` in one of these columns, in upper or lower case; ``None`` filters nothing."""
        if text is not None:
            if not isinstance(text, str):
                raise BadInput(f"{text!r} cannot be searched for", hint="give text")
            self.conditions.append(f"({' OR '.join(f'contains(lower({self.prefix}{name}), ?)' for name in names)})")
            self.values += [text.lower()] * len(names)
        return self

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def _limit(limit: int | None) -> str:
    if limit is None:
        return ""
    if type(limit) is not int or limit < 0:
        raise BadInput(f"limit={limit!r} is not a number of rows", hint="give a whole number of 0 or more")
    return f"LIMIT {limit}"


def _find(cursor: DuckDBPyConnection, record_type: RecordType, prefix: str) -> str:
    if prefix == LATEST:
        created = record_type.columns[[column.holds for column in record_type.columns].index("time")].name
        youngest_first = f"SELECT {record_type.key} FROM {record_type.table} ORDER BY {created} DESC, rowid DESC"
        for (id_,) in cursor.execute(youngest_first).fetchall():
            if record_type.row is not ExperimentRow or not _is_judging(cursor, id_):
                return str(id_)
        raise NotFound(f"there is no {record_type.name} yet")
    if (named := _named(cursor, record_type, prefix)) is not None:
        return named
    check_id(prefix)
    key = record_type.key
    query = f"SELECT {key} FROM {record_type.table} WHERE starts_with({key}, ?) ORDER BY {key} LIMIT 2"
    ids = [str(id_) for (id_,) in cursor.execute(query, [prefix]).fetchall()]
    if not ids:
        what = "id or the name" if record_type.row is ExperimentRow else "id"
        raise NotFound(
            f"no {record_type.name} has the {what} '{prefix}'", hint="ids may be shortened to their first six characters"
        )
    if len(ids) > 1 and ids[0] != prefix:
        raise BadInput(f"several {record_type.name}s begin with '{prefix}'", hint="give more characters")
    return ids[0]


def _is_judging(cursor: DuckDBPyConnection, experiment_id: str) -> bool:
    """Return whether an experiment holds a judge's replies, which nobody means by the latest experiment."""
    query = "SELECT json_exists(plan, '$.judging') FROM experiments WHERE experiment_id = ?"
    return cursor.execute(query, [experiment_id]).fetchone() == (True,)


def _named(cursor: DuckDBPyConnection, record_type: RecordType, name: str) -> str | None:
    """Return the id of the latest experiment of this name; other records have none."""
    if record_type.row is not ExperimentRow or not isinstance(name, str) or not name.isprintable():
        return None
    query = """
        SELECT experiment_id FROM experiment_labels JOIN experiments USING (experiment_id)
        WHERE name = ? ORDER BY created_at DESC, experiment_id DESC LIMIT 1"""
    row = cursor.execute(query, [name]).fetchone()
    return None if row is None else str(row[0])


def _one(cursor: DuckDBPyConnection, record: type[_Record], prefix: str) -> _Record:
    record_type = RECORD_TYPE_OF[record]
    return _records(cursor, record, f"WHERE {record_type.key} = ?", [_find(cursor, record_type, prefix)])[0]


def _records(cursor: DuckDBPyConnection, record: type[_Record], clause: str, values: Sequence[object]) -> list[_Record]:
    record_type = RECORD_TYPE_OF[record]
    names = ", ".join(column.name for column in record_type.columns)
    rows = cursor.execute(f"SELECT {names} FROM {record_type.table} {clause}", values).fetchall()
    return [record(**_fields(record_type, row)) for row in rows]


def _fields(record_type: RecordType, row: tuple[Any, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for column, value in zip(record_type.columns, row, strict=True):
        if value is not None and column.holds == "time":
            fields[column.name] = time_text(value)
        elif value is not None and column.holds == "json":
            fields[column.name] = json.loads(value)
        else:
            fields[column.name] = value
    return fields


_NULLABLE_INTEGERS = {
    column.name
    for record_type in RECORD_TYPES.values()
    for column in record_type.columns
    if column.holds == "int" and column.nullable
}


def _data_frame(cursor: DuckDBPyConnection, query: str, values: Sequence[object]) -> pd.DataFrame:
    """Return a query's rows with the same column types whatever they hold.

    Integers that may be missing are pandas ``Int64``, since a float would round a 63-bit seed.
    """
    frame: pd.DataFrame = cursor.sql(query, params=list(values)).to_arrow_table().to_pandas(integer_object_nulls=True)
    for name in frame.columns:
        if name in _NULLABLE_INTEGERS:
            frame[name] = frame[name].astype("Int64")
    return frame
