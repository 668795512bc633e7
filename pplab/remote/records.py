"""Records that travel between labs: which do, and what is refused of one that comes from elsewhere. No file is opened here."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplab.errors import PplabError
from pplab.experiments.response_writer import response_id
from pplab.experiments.score_rows import score_id
from pplab.plan.plan import Plan, PlannedCall
from pplab.plan.ratings import GRADES, PREFERENCES, UNDONE
from pplab.plan.vocabulary import ENDED, SOURCES, STATUSES
from pplab.store.forgotten import EVENT as TOMBSTONE
from pplab.store.forgotten import OF_OTHERS
from pplab.store.journal_format import DamagedLine, decode
from pplab.store.shared_segments import LONGEST_LINE, STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.store.record_types import RecordType

    Values = dict[str, Any]

CELL_EVENT = "cell_executed"
"""The one event that is about a cell, and travels with the cells."""
LOCAL_EVENTS = frozenset({"segments_pushed", "segments_pulled"})
LOCAL_OPERATIONS = frozenset({"push", "pull", "sync", "add_remote", "remove_remote"})
"""What tells of the exchange itself, and stays in its lab: two labs that told each other of every pull would never be done."""

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,199}")
_IDS = ("experiment_id", "response_id", "other_id")
_EVENT = re.compile(r"[a-z][a-z_]{0,59}")


def travels(record_type: RecordType, values: Values, stream: str) -> bool:
    """Return whether a record of this lab belongs into a stream of its segments."""
    if record_type.name not in STREAMS[stream]:
        return False
    if record_type.name != "event":
        return True
    if (values["event"] == CELL_EVENT) != (stream == "cells"):
        return False
    if values["event"] == TOMBSTONE and values["entity"] == OF_OTHERS:
        return False
    return values["event"] not in LOCAL_EVENTS and json.loads(values["payload"]).get("operation") not in LOCAL_OPERATIONS


def check_line(line: bytes, stream: str, scrub: Callable[[str], str]) -> tuple[RecordType, Values]:
    """Return the record of a line that is fit to travel, as `pplab.store.journal_format.decode` does.

    Raises
    ------
    DamagedLine
        When it is no record of the stream, has an id that is none of pplab, contradicts itself, or holds a key.
    """
    if len(line) > LONGEST_LINE:
        raise DamagedLine(f"a record of more than {LONGEST_LINE // 2**20} MB")
    record_type, values = decode(line)
    if not travels(record_type, values, stream):
        raise DamagedLine(f"a {record_type.name} record, which does not travel among {stream}")
    ids = (values[name] for name in (record_type.key, *_IDS) if values.get(name) is not None)
    if not all(map(_ID.fullmatch, ids)) or values.get("revision", 0) < 0:
        raise DamagedLine(f"{record_type.name} with an id or a revision that is none of pplab")
    if wrong := _CHECKS.get(record_type.name, _nothing)(values):
        raise DamagedLine(f"{record_type.name} with {wrong}")
    text = line.decode()
    if scrub(text) != text:
        raise DamagedLine(f"{record_type.name} that holds a key")
    return record_type, values


def _nothing(_values: Values) -> str:
    return ""


def _experiment(values: Values) -> str:
    try:
        Plan.from_dict(json.loads(values["plan"]))
    except (PplabError, LookupError, TypeError, ValueError, AttributeError):
        return "a plan that cannot be read"
    return "" if values["status"] in {"running", *ENDED} else "a status that is none"


def _response(values: Values) -> str:
    place = values["prompt_index"], values["setting_index"], values["replicate"]
    if min(place) < 0 or values["response_id"] != response_id(values["experiment_id"], PlannedCall(*place)):
        return "an id that does not fit its place in the plan"
    return "" if values["status"] in STATUSES else "a status that is none"


def _score(values: Values) -> str:
    names = ("response_id", "response_revision", "metric", "source", "version", "rater")
    if values["score_id"] != score_id(*(values[name] for name in names)):
        return "an id that does not fit it"
    return "" if values["source"] in SOURCES else "a source that is none"


def _rating(values: Values) -> str:
    choices = {UNDONE, *(GRADES if values["other_id"] is None else PREFERENCES)}
    return "" if values["choice"] in choices else "a choice that nobody could make"


def _event(values: Values) -> str:
    return "" if _EVENT.fullmatch(values["event"]) else "a name that is none"


_CHECKS: dict[str, Callable[[Values], str]] = {
    "experiment": _experiment,
    "response": _response,
    "score": _score,
    "rating": _rating,
    "event": _event,
}
