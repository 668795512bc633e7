"""What a person asks to be forgotten: a response, an experiment or a calibration, and where the texts that belong to it stand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.errors import NotFound
from pplab.store.forgotten import TINY, is_marker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from duckdb import DuckDBPyConnection

Place = tuple[Any, Any]
"""A dict or list, and the key of a text in it."""


@dataclass(frozen=True, slots=True)
class ForgetTarget:
    """What is forgotten.

    Attributes
    ----------
    kind, id
        ``experiment``, ``response`` or ``calibration``, and its id.
    experiments
        Experiments of which everything goes, those in which a judge was asked about them included.
    responses
        Responses of which the answer goes, and everything that was derived of it.
    home
        The experiments that it is, or is part of.
    asked
        Prompts, by their index, of the judging experiments that ask about a response; their answers go with them.
    """

    kind: str
    id: str
    experiments: frozenset[str] = frozenset()
    responses: frozenset[str] = frozenset()
    home: frozenset[str] = frozenset()
    asked: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def is_named_in(self, line: bytes) -> bool:
        """Return whether a line may hold a text of it; one that cannot need not be parsed."""
        ids = {self.id, *self.experiments, *self.asked, *(() if self.experiments else self.responses)} - {""}
        return any(id_.encode() in line for id_ in ids)

    def may_be_about(self, line: bytes) -> bool:
        """Return the same of any line; an event about an answer may not name its experiment."""
        return self.is_named_in(line) or (line.startswith(b'{"k":"event"') and (b'"error":' in line or b'"note":' in line))

    def quotable(self, kind: str, record: dict[str, Any]) -> Iterator[str]:
        """Yield the texts of a record that are looked for in others: not errors and raw bodies, nor single words."""
        for container, key in self.texts(kind, record):
            if key not in ("error", "raw") and (kind != "response" or container is record):
                yield container[key]

    def texts(self, kind: str, record: dict[str, Any]) -> Iterator[Place]:
        """Yield the place of every text of a record that is forgotten whole, empty and forgotten ones left out."""
        for container, key in self._places(kind, record):
            if isinstance(text := container[key], str) and text not in TINY and not is_marker(text):
                yield container, key

    def _places(self, kind: str, record: dict[str, Any]) -> Iterator[Place]:
        experiment = record.get("experiment_id")
        if kind == "experiment":
            if experiment in self.experiments:
                yield from _of_plan(record["plan"])
            for index in self.asked.get(str(experiment), ()):
                yield from _of_prompt(record["plan"], index)
        elif kind == "response":
            whole = experiment in self.experiments or record["prompt_index"] in self.asked.get(str(experiment), ())
            if whole or record["response_id"] in self.responses:
                yield from ((record, name) for name in (("prompt", "text", "error") if whole else ("text", "error")))
                yield from _strings(record, "detail")
        elif kind in ("attempt", "score", "rating"):
            if experiment in self.experiments or not self.responses.isdisjoint({record["response_id"], record.get("other_id")}):
                names = {"attempt": ("raw", "error"), "score": ("explanation",), "rating": ("note",)}
                yield from ((record, name) for name in names[kind])
        elif kind in ("label", "batch") and experiment in self.experiments:
            yield record, {"label": "note", "batch": "error"}[kind]
        elif kind == "event" and record["entity_id"] in self.responses | self.experiments:
            yield from ((record["payload"], name) for name in ("error", "note") if name in record["payload"])
        elif kind == "calibration" and record["calibration_id"] == self.id:
            yield record, "persona"
            for reason in record["explanation"]:
                yield from ((reason, name) for name in ("answer", "sentence") if name in reason)


def _of_plan(plan: dict[str, Any]) -> Iterator[Place]:
    for name in ("prompts", "system", "systems", "rows", "expected"):
        yield from _strings(plan, name)
    for turns in plan.get("conversations") or ():
        yield from ((turn, "content") for turn in turns)
    for wording in plan.get("wordings") or ():
        yield wording, "template"
        yield from _strings(wording, "prompts")


def _of_prompt(plan: dict[str, Any], index: int) -> Iterator[Place]:
    for values in (plan["prompts"], plan.get("rows"), plan.get("expected")):
        if values:
            yield from _strings(values, index)
    for turn in (plan.get("conversations") or {index: ()})[index]:
        yield turn, "content"


def _strings(container: Any, key: Any) -> Iterator[Place]:
    """Yield the places of all texts at a place and below it."""
    value = container[key] if not isinstance(container, dict) else container.get(key)
    if isinstance(value, str):
        yield container, key
    elif isinstance(value, (dict, list)):
        for below in value if isinstance(value, dict) else range(len(value)):
            yield from _strings(value, below)


_JUDGED = "SELECT experiment_id, plan FROM experiments WHERE plan->>'$.judging.experiment' = ?"


def find_target(cursor: DuckDBPyConnection, kind: str, id_: str) -> ForgetTarget:
    """Return what belongs to a record of this kind and whole id.

    Of an experiment that is itself the judging of another one, only its own texts go.
    """
    if kind == "calibration":
        return ForgetTarget(kind, id_)
    if kind == "experiment":
        experiments = frozenset({id_, *(judging for judging, _ in cursor.execute(_JUDGED, [id_]).fetchall())})
        query = "SELECT response_id FROM responses WHERE list_contains(?, experiment_id)"
        return ForgetTarget(kind, id_, experiments, frozenset(_column(cursor, query, [sorted(experiments)])), experiments)
    row = cursor.execute("SELECT experiment_id FROM responses WHERE response_id = ?", [id_]).fetchone()
    if row is None:
        raise NotFound(f"no response has the id '{id_}'")
    asked: dict[str, set[int]] = {}
    for experiment, plan in cursor.execute(_JUDGED, [row[0]]).fetchall():
        prompts = {index for index, item in enumerate(json.loads(plan)["judging"]["items"]) if id_ in item}
        if prompts:
            asked[experiment] = prompts
    answers = "SELECT response_id FROM responses WHERE experiment_id = ? AND list_contains(?, prompt_index)"
    judged = [answer for name, prompts in asked.items() for answer in _column(cursor, answers, [name, sorted(prompts)])]
    judged_prompts = {experiment: frozenset(indices) for experiment, indices in asked.items()}
    return ForgetTarget(kind, id_, frozenset(), frozenset({id_, *judged}), frozenset({row[0], *asked}), judged_prompts)


def exports_of(cursor: DuckDBPyConnection, target: ForgetTarget) -> tuple[str, ...]:
    """Return the files that experiments of a target were exported to, as far as the lab knows."""
    query = """
        SELECT DISTINCT path FROM experiment_exports
        WHERE status = 'completed' AND list_has_any(from_json(experiment_ids, '["VARCHAR"]'), ?) ORDER BY path"""
    return tuple(_column(cursor, query, [sorted(target.home)])) if target.home else ()


def request_keys(cursor: DuckDBPyConnection, target: ForgetTarget) -> set[str]:
    """Return the identities of the calls that gave the answers of a target."""
    query = "SELECT request_key FROM responses WHERE list_contains(?, response_id)"
    return set(_column(cursor, query, [sorted(target.responses)])) if target.responses else set()


def _column(cursor: DuckDBPyConnection, query: str, values: Iterable[Any]) -> list[str]:
    return [value for (value,) in cursor.execute(query, list(values)).fetchall()]
