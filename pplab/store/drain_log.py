"""Drain log, ``ledger.jsonl`` beside the tables: which bytes were drained in which order, and the chain's head after each.

With it the tables can be made again from the journals with the same sequence numbers and hashes, and the removal of the
last audit rows shows even when no export ever mentioned them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.store.segments import Segment

if TYPE_CHECKING:
    from pathlib import Path

    from pplab.store.chain import Head


@dataclass(frozen=True, slots=True)
class Entry:
    """One drain: what it read and the head it left behind."""

    segments: tuple[Segment, ...]
    seq: int
    hash: str

    def overlaps(self, other: Entry) -> bool:
        """Return whether both read the same bytes of a file, so that only the later one can have been committed."""
        stops = {segment.file: segment.stop for segment in self.segments if segment.stop > segment.start}
        return any(stops.get(segment.file, 0) > segment.start for segment in other.segments if segment.stop > segment.start)


class DrainLog:
    """The entries of ``ledger.jsonl``, in the order of the drains.

    An entry is written, and synced, just before its transaction is committed. A drain that died in between has left an
    entry without effect; the next drain reads the same bytes again and its entry supersedes that one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, segments: list[Segment], head: Head) -> None:
        """Write one entry, on a line of its own whatever stands before it."""
        entry = {"seq": head.seq, "hash": head.hash, "read": {s.file: [s.start, s.stop] for s in segments}}
        with self.path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            torn = False
            if end:
                file.seek(end - 1)
                torn = file.read(1) != b"\n"
            file.write(b"\n" * torn + json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> list[Entry]:
        """Return the entries that count; a line that cannot be read is passed over."""
        entries: list[Entry] = []
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return entries
        for line in data.split(b"\n"):
            entry = _parse(line)
            if entry is not None:
                while entries and entries[-1].overlaps(entry):
                    entries.pop()
                entries.append(entry)
        return entries


def _parse(line: bytes) -> Entry | None:
    try:
        parsed = json.loads(line)
        segments = tuple(Segment(file, int(start), int(stop)) for file, (start, stop) in parsed["read"].items())
        return Entry(segments, int(parsed["seq"]), str(parsed["hash"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
