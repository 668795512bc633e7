"""An audit's excerpt, as a package carries it: the events of its experiments, and the hashes of the rows between them.

Of a row that is left out only its row hash stays, ``sha256(canonical text)``. With it ``hash = sha256(prev_hash || row_hash)``
can be computed without the row, so that the receiver verifies the chain from the row before the first event to the head.
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
from pplab.store.tombstones import stored

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
        "scores_added",
        "rating_started",
        "rating_ended",
        "experiment_labelled",
        "package_imported",
    }
)
"""What belongs to an experiment itself. Who looked at it or exported it does not: a second export has to give the same bytes."""


@dataclass(frozen=True, slots=True)
class AuditExcerpt:
    """Audit rows, the hashes of those left out between them, where the chain begins and ends, and when the last event was.

    ``before`` is the row before the first. ``entries`` holds, in sequence, a row (a mapping) or the row hash of one left out.
    """

    before: Head
    head: Head
    entries: tuple[dict[str, Any] | str, ...]
    last_event: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that are not left out."""
        return [entry for entry in self.entries if isinstance(entry, dict)]


def row_hash(row: dict[str, Any]) -> str:
    """Return ``sha256(canonical text)`` of an audit row."""
    return hashlib.sha256(canonical_text(row).encode()).hexdigest()


def excerpt_of(store: Store, contents: PackageContents, scrub: Callable[[str], str]) -> AuditExcerpt:
    """Return the excerpt of a lab's audit that belongs to these contents.

    A row that holds what is a secret by now is left out: it could not be masked without breaking the chain. So is one of which
    texts were forgotten, with the inner hash that it had before.
    """
    with store.reading() as cursor:
        forgotten = stored(cursor)
        belonging = {row["seq"] for row in _belonging(store, contents)}
        if not belonging:
            return AuditExcerpt(Head(), Head(), (), contents.experiments[-1].updated_at)
        first, last = min(belonging), max(belonging)
        rows = [row for row in plain(store.audit(limit=store.head().seq - first + 1)) if row["seq"] <= last]
    entries: list[dict[str, Any] | str] = []
    for row in rows:
        before = forgotten.inner_before(row)
        kept = row["seq"] in belonging and masked(row, scrub) == row and before is None
        entries.append(row if kept else before or row_hash(row))
    end = rows[-1]
    at = max(row["occurred_at"] for row in rows if row["seq"] in belonging)
    return AuditExcerpt(Head(first - 1, rows[0]["prev_hash"]), Head(last, end["hash"]), tuple(entries), at)


def _belonging(store: Store, contents: PackageContents) -> Iterator[dict[str, Any]]:
    entities = {c.calibration_id for c in contents.calibrations}
    entities |= {e.experiment_id for e in contents.experiments} | {r.response_id for r in contents.responses}
    chains = {row.correlation_id for name in ("calibrations", "experiments", "responses") for row in contents.table(name)}
    frames = [store.audit(entity_id=e.experiment_id) for e in contents.experiments]
    frames += [store.audit(correlation_id=chain) for chain in sorted(chains)]
    rows = [row for frame in frames for row in plain(frame) if row["event"] in EVENTS]
    spans = {row["span_id"] for row in rows if row["event"] == "calibration_completed" and row["entity_id"] in entities}
    for row in rows:
        if row["entity_id"] in entities or (row["event"] == "calibration_started" and row["span_id"] in spans):
            yield row


def to_json_lines(audit: AuditExcerpt) -> str:
    """Return the excerpt as JSON lines: where it begins and ends, then one line a row or a sequence of rows left out."""
    first = {
        "format": FORMAT,
        "version": 1,
        "before": {"seq": audit.before.seq, "hash": audit.before.hash},
        "head": {"seq": audit.head.seq, "hash": audit.head.hash},
        "last_event": audit.last_event,
    }
    lines, left_out = [canonical_json(first)], list[str]()
    for entry in (*audit.entries, None):
        if isinstance(entry, str):
            left_out.append(entry)
            continue
        if left_out:
            lines.append(canonical_json({"left_out": left_out}))
            left_out = []
        if entry is not None:
            lines.append(canonical_json(entry))
    return "\n".join(lines) + "\n"


def from_json_lines(text: str) -> AuditExcerpt:
    """Return the excerpt that these JSON lines hold.

    Raises
    ------
    ValueError
        When they hold none.
    """
    try:
        lines = [json.loads(line) for line in text.splitlines()]
        first = lines[0]
        before, head = (Head(int(first[k]["seq"]), str(first[k]["hash"])) for k in ("before", "head"))
        entries: list[dict[str, Any] | str] = []
        for line in lines[1:]:
            if "left_out" in line:
                entries += [str(digest) for digest in line["left_out"]]
            else:
                entries.append({name: line[name] for name in (*CHAINED, "hash")})
        return AuditExcerpt(before, head, tuple(entries), str(first["last_event"]))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not an audit: {error}") from None


def chain_problems(audit: AuditExcerpt) -> list[str]:
    """Say what is wrong with the chain of an excerpt, row by row."""
    problems = []
    seq, head = audit.before.seq, audit.before.hash
    if seq == 0 and head != GENESIS:
        problems.append("the audit says that it holds the chain's first row, and does not")
    for entry in audit.entries:
        seq += 1
        if isinstance(entry, str):
            head = _link(head, entry)
            continue
        if entry["seq"] != seq:
            problems.append(f"audit row {entry['seq']} stands in the place of row {seq}")
        if entry["prev_hash"] != head:
            problems.append(f"audit row {entry['seq']} does not follow from the row before it")
        if entry["hash"] != _link(entry["prev_hash"], row_hash(entry)):
            problems.append(f"audit row {entry['seq']} ({entry['event']}) was altered")
        head = entry["hash"]
    if (seq, head) != (audit.head.seq, audit.head.hash):
        problems.append(f"the audit ends at row {seq}, and not with the head it names, row {audit.head.seq}")
    return problems


def _link(previous: str, inner: str) -> str:
    return hashlib.sha256((previous + inner).encode()).hexdigest()
