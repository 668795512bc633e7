"""The part of an audit that a package carries: the events of its experiments, and hash stubs for the rows between them.

A stub is the inner hash of a row that is left out, ``sha256(canonical text)``. With it ``hash = sha256(prev_hash || inner)`` can
be computed without knowing the row, so that the receiver verifies the chain from the row before the first event to the head.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.models.recording_format import masked
from pplab.share.package_contents import plain
from pplab.store.chain import CHAINED, GENESIS, Head, canonical_text
from pplab.store.record_types import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplab.share.package_contents import PackageContents
    from pplab.store.store import Store

FORMAT = "pplab-audit"
EVENTS = frozenset(
    {
        "calibration_started",
        "calibration_completed",
        "llm_request_started",
        "llm_request_failed",
        "experiment_generated",
        "analytics_updated",
        "retry_requested",
        "package_imported",
    }
)
"""What belongs to an experiment itself. Who looked at it or exported it does not: a second export has to give the same bytes."""


@dataclass(frozen=True, slots=True)
class AuditExcerpt:
    """Audit rows, the stubs between them, where the chain begins and ends, and when the last event was.

    ``before`` is the row before the first. ``steps`` holds, in sequence, a row (a mapping) or a stub (its inner hash).
    """

    before: Head
    head: Head
    steps: tuple[dict[str, Any] | str, ...]
    last_event: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that are not left out."""
        return [step for step in self.steps if isinstance(step, dict)]


def row_hash(row: dict[str, Any]) -> str:
    """Return ``sha256(canonical text)`` of an audit row."""
    return hashlib.sha256(canonical_text(row).encode()).hexdigest()


def excerpt_of(store: Store, contents: PackageContents, scrub: Callable[[str], str]) -> AuditExcerpt:
    """Return the slice of a lab's audit that belongs to these contents.

    A row that holds what is a secret by now becomes a stub: it could not be masked without breaking the chain.
    """
    with store.reading():
        chosen = {row["seq"] for row in _belonging(store, contents)}
        if not chosen:
            return AuditExcerpt(Head(), Head(), (), contents.experiments[-1].updated_at)
        first, last = min(chosen), max(chosen)
        rows = [row for row in plain(store.audit(limit=store.head().seq - first + 1)) if row["seq"] <= last]
    steps: list[dict[str, Any] | str] = []
    for row in rows:
        shown = row["seq"] in chosen and masked(row, scrub) == row
        steps.append(row if shown else row_hash(row))
    end = rows[-1]
    at = max(row["occurred_at"] for row in rows if row["seq"] in chosen)
    return AuditExcerpt(Head(first - 1, rows[0]["prev_hash"]), Head(last, end["hash"]), tuple(steps), at)


def _belonging(store: Store, contents: PackageContents) -> Iterator[dict[str, Any]]:
    entities = {c.calibration_id for c in contents.calibrations}
    entities |= {e.experiment_id for e in contents.experiments} | {r.response_id for r in contents.responses}
    chains = {row.correlation_id for name in ("calibrations", "experiments", "responses") for row in contents.table(name)}
    found = [store.audit(entity_id=e.experiment_id) for e in contents.experiments]
    found += [store.audit(correlation_id=chain) for chain in sorted(chains)]
    rows = [row for frame in found for row in plain(frame) if row["event"] in EVENTS]
    spans = {row["span_id"] for row in rows if row["event"] == "calibration_completed" and row["entity_id"] in entities}
    for row in rows:
        if row["entity_id"] in entities or (row["event"] == "calibration_started" and row["span_id"] in spans):
            yield row


def to_json_lines(audit: AuditExcerpt) -> str:
    """Return the slice as JSON lines: where it begins and ends, then one line a row or a run of stubs."""
    first = {
        "format": FORMAT,
        "version": 1,
        "before": {"seq": audit.before.seq, "hash": audit.before.hash},
        "head": {"seq": audit.head.seq, "hash": audit.head.hash},
        "last_event": audit.last_event,
    }
    lines, stubs = [canonical_json(first)], list[str]()
    for step in (*audit.steps, None):
        if isinstance(step, str):
            stubs.append(step)
            continue
        if stubs:
            lines.append(canonical_json({"left_out": stubs}))
            stubs = []
        if step is not None:
            lines.append(canonical_json(step))
    return "\n".join(lines) + "\n"


def from_json_lines(text: str) -> AuditExcerpt:
    """Return the slice of its lines.

    Raises
    ------
    ValueError
        When they are no slice.
    """
    try:
        lines = [json.loads(line) for line in text.splitlines()]
        first = lines[0]
        before, head = (Head(int(first[k]["seq"]), str(first[k]["hash"])) for k in ("before", "head"))
        steps: list[dict[str, Any] | str] = []
        for line in lines[1:]:
            if "left_out" in line:
                steps += [str(stub) for stub in line["left_out"]]
            else:
                steps.append({name: line[name] for name in (*CHAINED, "hash")})
        return AuditExcerpt(before, head, tuple(steps), str(first["last_event"]))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no audit: {error}") from None


def chain_problems(audit: AuditExcerpt) -> list[str]:
    """Say what is wrong with the chain of a slice, row by row."""
    found = []
    seq, head = audit.before.seq, audit.before.hash
    if seq == 0 and head != GENESIS:
        found.append("the audit does not begin where a chain begins")
    for step in audit.steps:
        seq += 1
        if isinstance(step, str):
            head = _link(head, step)
            continue
        if step["seq"] != seq:
            found.append(f"audit row {step['seq']} stands where row {seq} belongs")
        if step["prev_hash"] != head:
            found.append(f"audit row {step['seq']} does not follow from the row before it")
        if step["hash"] != _link(step["prev_hash"], row_hash(step)):
            found.append(f"audit row {step['seq']} ({step['event']}) was altered")
        head = step["hash"]
    if (seq, head) != (audit.head.seq, audit.head.hash):
        found.append(f"the audit ends at row {seq}, its head says row {audit.head.seq}")
    return found


def _link(previous: str, inner: str) -> str:
    return hashlib.sha256((previous + inner).encode()).hexdigest()
