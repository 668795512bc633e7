"""Tracing: from any id or correlation id, what led to a record and what followed from it, as a graph of records."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, NotFound
from pplab.plan.vocabulary import SCORES
from pplab.store.queries import check_id
from pplab.store.record_types import RECORD_TYPES, time_text
from pplab.store.summaries import UNCALIBRATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Node:
    """One record of a trace.

    Attributes
    ----------
    kind
        ``calibration``, ``experiment``, ``response``, ``attempt``, ``score``, ``rating``, ``batch``, ``summary``,
        ``event``, ``export``, ``operation`` (a row of ``system_metrics``) or ``cell``.
    id
        Its id; of a summary ``<user>/<calibration id>``.
    label
        What it is, in a few words that are the same on every run.
    at
        When, ISO 8601 UTC.
    correlation_id
        The chain of cause it belongs to; ``None`` for a summary.
    record
        What it holds beyond the label, long texts cut: without ids, times and costs, so the same on every run. Only the first
        ten of a kind have one, since an experiment may have 100,000 responses; attempts, scores, ratings,
        batches, operations, cells, events and summaries have none, for their label says what they are.
    """

    kind: str
    id: str
    label: str
    at: str
    correlation_id: str | None
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of cause: ``source`` led to ``target`` in the way that ``relation`` says. Both are ``(kind, id)``."""

    source: tuple[str, str]
    target: tuple[str, str]
    relation: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The chain of a record: its nodes in the order calibration to export, and the edges between them.

    Examples
    --------
    >>> a = Node("calibration", "c1", "expressive", "2026-01-01", "t")
    >>> b = Node("experiment", "e1", "completed", "2026-01-01", "t")
    >>> chain = Trace(("experiment", "e1"), (a, b), (Edge(("calibration", "c1"), ("experiment", "e1"), "ranges"),))
    >>> [node.id for node in chain.before(("experiment", "e1"))], [node.id for node in chain.after(("calibration", "c1"))]
    (['c1'], ['e1'])
    """

    anchor: tuple[str, str]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def before(self, key: tuple[str, str]) -> list[Node]:
        """Return the records that led directly to one."""
        sources = {edge.source for edge in self.edges if edge.target == key}
        return [node for node in self.nodes if (node.kind, node.id) in sources]

    def after(self, key: tuple[str, str]) -> list[Node]:
        """Return the records that followed directly from one."""
        targets = {edge.target for edge in self.edges if edge.source == key}
        return [node for node in self.nodes if (node.kind, node.id) in targets]


MAX_CONTENTS = 10
"""Records of a kind whose contents a trace holds."""

KIND_NAMES = {"metric": "operation"}
"""Kinds that a trace calls by another word."""

_ENDED = (
    "CASE WHEN status = 'running' AND {} NOT IN (SELECT id FROM scope WHERE part = 'running') THEN 'interrupted' ELSE status END"
)
"""The status of an experiment or an export: one that nobody is running any more was interrupted."""

_LABELS = {
    "calibration": "persona",
    "experiment": f"concat_ws(' ', {_ENDED.format('experiment_id')}, model)",
    "response": "concat_ws(' ', 'prompt', prompt_index, 'setting', setting_index, 'replicate', replicate, status)",
    "attempt": "concat_ws(' ', 'attempt', attempt, decision, http_status, error_code)",
    "score": "concat_ws(' ', metric, source)",
    "rating": "concat_ws(' ', if(other_id IS NULL, 'answer', 'pair'), choice)",
    "batch": "concat_ws(' ', model, status)",
    "export": f"concat_ws(' ', format, {_ENDED.format('export_id')})",
    "event": "event",
    "metric": "concat_ws(' ', kind, name, status)",
    "cell": "concat_ws(' ', 'cell', status)",
}

_SCORES = ", ".join(f"'{name}': round({name}, 3)" for name in SCORES)
_CONTENTS = {
    "calibration": "{'precision': precision_score, 'personality': personality_score, 'persona': persona, 'ranges': ranges::JSON}",
    "experiment": f"""{{'status': {_ENDED.format("experiment_id")}, 'reason': reason, 'model': model,
                      'prompts': json_array_length(plan, '$.prompts'), 'replicates': plan::JSON->'$.replicates',
                      'seed': plan::JSON->'$.seed', 'system': left(plan->>'$.system', 200),
                      'settings': from_json(plan::JSON->'$.settings', '["JSON"]')[1:8]}}""",
    "response": f"""{{'prompt': left(prompt, 200), 'sent': sent::JSON, 'status': status, 'error': error, 'text': left(text, 200),
                      'tokens in': input_tokens, 'tokens out': output_tokens, {_SCORES}}}""",
    "export": f"{{'what': what, 'format': format, 'status': {_ENDED.format('export_id')}, 'error': error}}",
}
"""Of each kind that holds more than its label: what `Node.record` shows of it."""


@dataclass(slots=True)
class _Scope:
    """Which records belong to a trace: whole experiments, or only some of their responses."""

    calibrations: set[str] = field(default_factory=set)
    experiments: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)
    exports: set[str] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)
    correlations: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)


def trace(cursor: DuckDBPyConnection, anchor: str, running: set[str]) -> Trace:
    """Return the trace of a record.

    A calibration's trace holds every experiment run with it; an experiment's its calibration, responses and exports; a
    response's only itself of its experiment's responses; an export's its experiments. All hold the summaries, audit events,
    operations and cells that belong to these records by id or correlation id.

    Parameters
    ----------
    cursor
        A cursor on drained tables.
    anchor
        A correlation id, or the id of any record, or its beginning (at least six characters).
    running
        The ids of the experiments and exports that a process is running now.
    """
    text = check_id(anchor)
    kind, id_ = _anchor(cursor, text)
    records = _records(cursor, _scope(cursor, kind, id_, running))
    summaries, counted = _summaries(cursor)
    edges = dict.fromkeys([*_edges(records), *counted])
    return Trace((KIND_NAMES.get(kind, kind), id_), (*(record.node for record in records), *summaries), tuple(edges))


def _anchor(cursor: DuckDBPyConnection, text: str) -> tuple[str, str]:
    query = " UNION ALL ".join(
        f"SELECT '{of.name}' AS kind, {of.key} AS id FROM {of.table} WHERE starts_with({of.key}, $id)"
        for of in RECORD_TYPES.values()
        if of.name != "label"  # its key is its experiment's
    )
    query += "".join(
        f" UNION SELECT 'correlation', correlation_id FROM {record_type.table} WHERE starts_with(correlation_id, $id)"
        for record_type in RECORD_TYPES.values()
    )
    matches = cursor.execute(f"SELECT kind, id FROM ({query}) ORDER BY id = $id DESC, id LIMIT 2", {"id": text}).fetchall()
    if not matches:
        raise NotFound(f"no record has the id '{text}'", hint="%pplab results and %pplab audit show ids")
    if len(matches) > 1 and matches[0][1] != text:
        raise BadInput(f"several records begin with '{text}'", hint="give more characters")
    return matches[0]


def _column(cursor: DuckDBPyConnection, query: str, *values: object) -> list[str]:
    return [str(row[0]) for row in cursor.execute(query, list(values)).fetchall() if row[0] is not None]


def _scope(cursor: DuckDBPyConnection, kind: str, id_: str, running: set[str]) -> _Scope:
    scope = _Scope(running=running)
    _include(cursor, scope, kind, id_)
    _complete(cursor, scope)
    return scope


def _include(cursor: DuckDBPyConnection, scope: _Scope, kind: str, id_: str) -> None:
    """Add what a record stands for: itself, or the records of its chain of cause."""
    if kind == "calibration":
        scope.calibrations.add(id_)
        scope.experiments.update(_column(cursor, "SELECT experiment_id FROM experiments WHERE calibration_id = ?", id_))
    elif kind == "experiment":
        scope.experiments.add(id_)
    elif kind == "response":
        scope.responses.add(id_)
        scope.experiments.update(_column(cursor, "SELECT experiment_id FROM responses WHERE response_id = ?", id_))
    elif kind in ("attempt", "score"):
        table = RECORD_TYPES[kind]
        for response in _column(cursor, f"SELECT response_id FROM {table.table} WHERE {table.key} = ?", id_):
            _include(cursor, scope, "response", response)
    elif kind == "rating":
        for response in _column(cursor, "SELECT unnest([response_id, other_id]) FROM ratings WHERE rating_id = ?", id_):
            _include(cursor, scope, "response", response)
    elif kind == "batch":
        scope.experiments.update(_column(cursor, "SELECT experiment_id FROM batches WHERE batch_id = ?", id_))
    elif kind == "export":
        scope.exports.add(id_)
        query = "SELECT unnest(from_json(experiment_ids, '[\"VARCHAR\"]')) FROM experiment_exports WHERE export_id = ?"
        scope.experiments.update(_column(cursor, query, id_))
    elif kind == "event":
        query = "SELECT entity, entity_id FROM audit_logs WHERE event_id = ? AND entity_id IS NOT NULL"
        for entity, entity_id in cursor.execute(query, [id_]).fetchall():
            scope.entities.add(entity_id)
            if entity in RECORD_TYPES and entity != "event":
                _include(cursor, scope, entity, entity_id)
        if not scope.experiments and not scope.calibrations and not scope.exports:
            for correlation in _column(cursor, "SELECT correlation_id FROM audit_logs WHERE event_id = ?", id_):
                _include(cursor, scope, "correlation", correlation)
    elif kind in ("metric", "cell"):
        table = RECORD_TYPES[kind]
        for correlation in _column(cursor, f"SELECT correlation_id FROM {table.table} WHERE {table.key} = ?", id_):
            _include(cursor, scope, "correlation", correlation)
    else:
        scope.correlations.add(id_)
        for calibration in _column(cursor, "SELECT calibration_id FROM calibrations WHERE correlation_id = ?", id_):
            _include(cursor, scope, "calibration", calibration)
        scope.experiments.update(_column(cursor, "SELECT experiment_id FROM experiments WHERE correlation_id = ?", id_))
        scope.experiments.update(_column(cursor, "SELECT DISTINCT experiment_id FROM responses WHERE correlation_id = ?", id_))
        scope.experiments.update(_column(cursor, "SELECT DISTINCT experiment_id FROM ratings WHERE correlation_id = ?", id_))
        for export in _column(cursor, "SELECT export_id FROM experiment_exports WHERE correlation_id = ?", id_):
            _include(cursor, scope, "export", export)


def _complete(cursor: DuckDBPyConnection, scope: _Scope) -> None:
    """Add what led to the experiments and what was made of them, and every correlation id on the way."""
    _register(cursor, scope)
    scope.calibrations.update(
        _column(cursor, f"SELECT calibration_id FROM experiments WHERE {_among('experiment_id', 'experiments')}")
    )
    scope.exports.update(
        _column(
            cursor,
            f"""SELECT export_id FROM (
                    SELECT export_id, unnest(from_json(experiment_ids, '["VARCHAR"]')) AS experiment_id FROM experiment_exports
                ) WHERE {_among("experiment_id", "experiments")}""",
        )
    )
    _register(cursor, scope)
    chosen = "" if not scope.responses else f" AND {_among('response_id', 'responses')}"
    for query in (
        f"SELECT correlation_id FROM calibrations WHERE {_among('calibration_id', 'calibrations')}",
        f"SELECT correlation_id FROM experiments WHERE {_among('experiment_id', 'experiments')}",
        f"SELECT DISTINCT correlation_id FROM responses WHERE {_among('experiment_id', 'experiments')}{chosen}",
        f"SELECT DISTINCT correlation_id FROM scores WHERE {_among('experiment_id', 'experiments')}{chosen}",
        f"SELECT DISTINCT correlation_id FROM ratings WHERE {_ratings_of(scope)}",
        f"SELECT DISTINCT correlation_id FROM batches WHERE {_among('experiment_id', 'experiments')}",
        f"SELECT correlation_id FROM experiment_exports WHERE {_among('export_id', 'exports')}",
    ):
        scope.correlations.update(_column(cursor, query))
    scope.entities |= scope.calibrations | scope.experiments | scope.responses | scope.exports


def _among(column: str, group: str) -> str:
    return f"{column} IN (SELECT id FROM scope WHERE part = '{group}')"


def _ratings_of(scope: _Scope) -> str:
    """Return the condition for the ratings of the experiments in scope, or of some of their responses."""
    chosen = f" AND ({_among('response_id', 'responses')} OR {_among('other_id', 'responses')})" if scope.responses else ""
    return _among("experiment_id", "experiments") + chosen


def _register(cursor: DuckDBPyConnection, scope: _Scope) -> None:
    import pyarrow as pa

    parts = [part.name for part in fields(scope)]
    pairs = [(part, id_) for part in parts for id_ in sorted(getattr(scope, part))]
    cursor.register(
        "scope",
        pa.table(
            {
                "part": pa.array([part for part, _ in pairs], pa.string()),
                "id": pa.array([id_ for _, id_ in pairs], pa.string()),
            }
        ),
    )


@dataclass(frozen=True, slots=True)
class _Record:
    """A node with what links it to others: its span, the span that caused it, and the ids in it."""

    node: Node
    span: str | None
    cause: str | None
    ids: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.node.kind, self.node.id


_LINKS = {
    "calibration": ("NULL", "NULL", "[]"),
    "experiment": ("NULL", "NULL", "[calibration_id]"),
    "response": ("span_id", "NULL", "[experiment_id]"),
    "attempt": ("span_id", "parent_span_id", "[response_id]"),
    "score": ("NULL", "NULL", "[response_id]"),
    "rating": ("NULL", "NULL", "[response_id, other_id]"),
    "batch": ("NULL", "NULL", "[experiment_id]"),
    "export": ("NULL", "NULL", "from_json(experiment_ids, '[\"VARCHAR\"]')"),
    "event": ("span_id", "parent_span_id", "[entity_id]"),
    "metric": ("span_id", "parent_span_id", "[]"),
    "cell": ("span_id", "NULL", "[]"),
}
"""Of each kind: its span, the span that caused it, and the ids it names."""

_ORDERS = {
    "experiment": "created_at, experiment_id",
    "response": "experiment_id, prompt_index, setting_index, replicate, response_id",
    "attempt": "response_id, attempt",
    "score": "experiment_id, metric, response_id, created_at",
    "rating": "experiment_id, rater, created_at, position, rating_id",
    "batch": "experiment_id, created_at, batch_id",
    "event": "seq",
}


def _records(cursor: DuckDBPyConnection, scope: _Scope) -> list[_Record]:
    """Return every record in scope, by kind and in plan order."""
    _register(cursor, scope)
    chosen = f" AND {_among('response_id', 'responses')}" if scope.responses else ""
    others = "SELECT {} FROM responses WHERE " + _among("experiment_id", "experiments")
    others += f" AND NOT ({_among('response_id', 'responses')})"
    foreign = (
        f"""AND coalesce(span_id NOT IN ({others.format("span_id")}), true)
            AND coalesce(parent_span_id NOT IN ({others.format("span_id")}), true)"""
        if scope.responses
        else ""
    )
    alien = f"AND coalesce(entity_id NOT IN ({others.format('response_id')}), true)" if scope.responses else ""
    mine = _among("correlation_id", "correlations")
    conditions = {
        "calibration": _among("calibration_id", "calibrations"),
        "experiment": _among("experiment_id", "experiments"),
        "response": _among("experiment_id", "experiments") + chosen,
        "attempt": _among("experiment_id", "experiments") + chosen,
        "score": _among("experiment_id", "experiments") + chosen,
        "rating": _ratings_of(scope),
        "batch": _among("experiment_id", "experiments"),
        "export": _among("export_id", "exports"),
        "event": f"({mine} OR {_among('entity_id', 'entities')}) {foreign} {alien}",
        "metric": f"{mine} {foreign}",
        "cell": mine,
    }
    return [record for name, condition in conditions.items() for record in _of_kind(cursor, name, condition)]


def _of_kind(cursor: DuckDBPyConnection, name: str, condition: str) -> Iterator[_Record]:
    record_type = RECORD_TYPES[name]
    time = next(column.name for column in record_type.columns if column.holds == "time")
    order = _ORDERS.get(name, f"{time}, {record_type.key}")
    contents = "NULL"
    if name in _CONTENTS:
        contents = f"CASE WHEN row_number() OVER (ORDER BY {order}) <= {MAX_CONTENTS} THEN to_json({_CONTENTS[name]}) END"
    query = f"""
        SELECT {record_type.key}, {_LABELS[name]}, {time}, correlation_id, {contents}, {", ".join(_LINKS[name])}
        FROM {record_type.table} WHERE {condition} ORDER BY {order}"""
    for key, label, at, correlation, record, span, cause, ids in cursor.execute(query).fetchall():
        contents_of = {word: value for word, value in json.loads(record or "{}").items() if value is not None}
        node = Node(KIND_NAMES.get(name, name), key, label, time_text(at), correlation, contents_of)
        yield _Record(node, span, cause, tuple(item for item in ids if item is not None))


_ID_RELATIONS = {
    "experiment": "gave the ranges",
    "response": "planned",
    "attempt": "was requested by",
    "score": "was scored as",
    "rating": "was rated as",
    "batch": "was sent in",
    "export": "was exported as",
    "event": "was recorded as",
}


def _edges(records: list[_Record]) -> Iterator[Edge]:
    """Return the steps of cause: by the ids that records name, by spans, and by correlation id for what a span does not tie."""
    by_id = {record.node.id: record.key for record in records}
    by_span: dict[str, tuple[str, str]] = {}
    for record in records:  # an operation or a cell stands for its span before a record that merely happened in it
        if record.span is not None and (record.node.kind in ("operation", "cell", "response")):
            by_span.setdefault(record.span, record.key)
    roots: dict[str | None, list[tuple[str, str]]] = {}
    for record in records:
        if record.node.kind == "operation" and by_span.get(record.cause or "", ("",))[0] != "operation":
            roots.setdefault(record.node.correlation_id, []).append(record.key)
    for record in records:
        kind = record.node.kind
        for id_ in record.ids:
            if id_ in by_id:
                yield Edge(by_id[id_], record.key, _ID_RELATIONS[kind])
        if kind in ("calibration", "experiment", "rating", "export"):
            for root in roots.get(record.node.correlation_id, ()):
                yield Edge(root, record.key, "made")
        elif kind in ("operation", "event"):
            cause = by_span.get(record.cause or "")
            own = by_span.get(record.span or "")
            if own is not None and own != record.key:
                yield Edge(own, record.key, "was recorded as" if kind == "event" else "was timed as")
            elif cause is not None and cause != record.key:
                yield Edge(cause, record.key, "caused")
        elif kind == "cell":
            for root in roots.get(record.node.correlation_id, ()):
                yield Edge(record.key, root, "ran")


def _summaries(cursor: DuckDBPyConnection) -> tuple[list[Node], list[Edge]]:
    """Return the summaries that the experiments in scope were counted in."""
    query = f"""
        SELECT experiment_id, s.user || '/' || s.calibration_id, s.n, s.updated_at
        FROM experiments e JOIN analytics_summaries s
          ON s.user = e.user AND s.calibration_id = coalesce(e.calibration_id, '{UNCALIBRATED}') AND s.measure = 'experiments'
        WHERE {_among("experiment_id", "experiments")} ORDER BY e.created_at, experiment_id"""
    rows = cursor.execute(query).fetchall()
    nodes = {
        name: Node("summary", name, f"of {count} experiment{'s' * (count != 1)}", time_text(at), None)
        for _, name, count, at in rows
    }
    return list(nodes.values()), [
        Edge(("experiment", experiment), ("summary", name), "was counted in") for experiment, name, _, _ in rows
    ]
