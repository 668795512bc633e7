"""The catalogue of audit events: their names, what each says, and the JSON schema of each payload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pplab.errors import PplabError
from pplab.ids import new_id, now
from pplab.store.rows import EventRow

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}


@dataclass(frozen=True, slots=True)
class EventType:
    """Type of event: what it means and the fields of its payload (``name: type``, a ``?`` marks one that may be null)."""

    name: str
    meaning: str
    fields: dict[str, str] = field(default_factory=dict)
    version: int = 1

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema (2020-12) of this event's payload."""
        properties: dict[str, Any] = {"v": {"const": self.version}}
        for name, type_ in self.fields.items():
            json_type = _TYPES[type_.rstrip("?")]
            properties[name] = {"type": [json_type, "null"] if type_.endswith("?") else json_type}
        return {
            "$schema": SCHEMA_DIALECT,
            "title": self.name,
            "description": self.meaning,
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }


CATALOGUE: dict[str, EventType] = {
    e.name: e
    for e in (
        EventType("operation_started", "A user asked for something.", {"operation": "str"}),
        EventType("operation_completed", "It was done.", {"operation": "str"}),
        EventType(
            "operation_failed",
            "It could not be done; the user saw this message.",
            {"operation": "str", "code": "str", "message": "str", "hint": "str"},
        ),
        EventType("retry_requested", "A user asked for failed or missing replicates again.", {"replicates": "int", "why": "str"}),
        EventType("calibration_started", "Answers were handed in.", {"quiz_version": "str"}),
        EventType("calibration_completed", "Ranges were derived and stored.", {"precision": "float", "personality": "float"}),
        EventType(
            "llm_request_started", "A call is about to be sent.", {"request_key": "str", "model": "str", "replicate": "int"}
        ),
        EventType(
            "llm_request_failed",
            "A call ended without a usable answer.",
            {"request_key": "str", "status": "str", "error_code": "str?", "error": "str?", "attempts": "int"},
        ),
        EventType(
            "batch_submitted",
            "A provider took a file of requests, which it works through in its own time.",
            {"provider": "str", "model": "str", "requests": "int", "sha256": "str"},
        ),
        EventType(
            "batch_ended",
            "A batch came to its end and its results were stored; done and failed are its requests.",
            {"status": "str", "done": "int", "failed": "int"},
        ),
        EventType(
            "race_looked_at",
            "A race was decided on so far; going are the settings that are asked further.",
            {"prompts": "int", "answers": "int", "settled": "bool", "headline": "str", "going": "list"},
        ),
        EventType(
            "run_steered",
            "Its owner paused a run under way, had it go on, ended it, or gave it other limits (US dollars: max_cost).",
            {"action": "str", "concurrency": "int?", "max_cost": "float?"},
        ),
        EventType(
            "experiment_generated",
            "An experiment reached its final status; counts are replicates by status.",
            {"status": "str", "planned": "int", "counts": "dict"},
        ),
        EventType(
            "experiment_labelled",
            "An experiment was given a name, tags or a note.",
            {"label": "str?", "tags": "list", "note": "str?"},
        ),
        EventType(
            "analytics_updated",
            "The summary of a user and calibration includes this experiment.",
            {"user": "str", "calibration_id": "str"},
        ),
        EventType(
            "scores_added",
            "Stored answers were scored by metrics, or versions of them, that had not scored them.",
            {"metrics": "list", "responses": "int", "scores": "int"},
        ),
        EventType(
            "rating_started",
            "Answers were shown to a person to be rated, blind; pairs says whether two side by side.",
            {"pairs": "bool", "items": "int"},
        ),
        EventType("rating_ended", "The person stopped rating; rated are the items rated by then.", {"rated": "int"}),
        EventType("realtime_update_received", "Another notebook's result was shown.", {"experiments": "list"}),
        EventType("export_requested", "An export was asked for.", {"what": "str", "format": "str", "records": "int"}),
        EventType("export_completed", "The file was written.", {"sha256": "str", "size": "int", "rows": "int"}),
        EventType("cell_executed", "A cell ran.", {"status": "str", "source_sha256": "str", "operations": "int"}),
        EventType("package_imported", "A colleague's package entered the lab.", {"sha256": "str", "experiments": "int"}),
        EventType(
            "segments_pushed",
            "Records of this lab were put on a remote; last is the hash of the last of its segments there.",
            {"remote": "str", "segments": "int", "records": "int", "last": "str"},
        ),
        EventType(
            "segments_pulled",
            "Records of another lab, an origin, were taken from a remote; last is the hash of the last of its segments.",
            {"remote": "str", "lab": "str", "segments": "int", "records": "int", "last": "str"},
        ),
        EventType(
            "replay_completed",
            "Stored responses were scored again by the present code.",
            {"identical": "bool", "differences": "int"},
        ),
        EventType(
            "probe_completed",
            "A handful of calls showed whether a model honours a parameter; cost in US dollars.",
            {
                "parameter": "str",
                "provider": "str",
                "model": "str",
                "verdict": "str",
                "evidence": "str",
                "calls": "int",
                "cost": "float?",
            },
        ),
        EventType(
            "prompts_suggested",
            "A model wrote variants of a prompt, which were kept as a table; those that repeat another were left out.",
            {"provider": "str", "model": "str", "requested": "int", "suggested": "int", "repeated": "int", "file": "str"},
        ),
        EventType(
            "check_completed",
            "A baseline was run again and compared; drifted names what failed.",
            {"baseline": "str", "outcome": "str", "drifted": "list"},
        ),
        EventType(
            "migration_completed",
            "New models were compared with an old one; baseline is the experiment with its answers, where they were there.",
            {"baseline": "str", "outcome": "str"},
        ),
        EventType(
            "tables_rebuilt",
            "The tables were made again from the journals and compared; swapped says that they were put in place.",
            {"differences": "int", "swapped": "bool"},
        ),
        EventType("verification_completed", "Chain and counts were checked.", {"ok": "bool", "rows": "int", "problems": "int"}),
    )
}


def event(
    name: str,
    actor: str,
    *,
    entity: str | None = None,
    entity_id: str | None = None,
    correlation_id: str | None = None,
    span_id: str | None = None,
    parent_span_id: str | None = None,
    event_id: str | None = None,
    **payload: object,
) -> EventRow:
    """Return the row of one event of the catalogue, checked against the fields its type has."""
    event_type = CATALOGUE[name]
    if payload.keys() != event_type.fields.keys():
        raise PplabError(f"event {name} has the fields {sorted(event_type.fields)}, not {sorted(payload)}", code="internal")
    return EventRow(
        event_id=event_id or new_id(),
        occurred_at=now(),
        event=name,
        actor=actor,
        entity=entity,
        entity_id=entity_id,
        correlation_id=correlation_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        payload={"v": event_type.version, **payload},
    )
