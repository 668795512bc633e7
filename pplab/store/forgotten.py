"""What was forgotten: the marker that stands where a text stood, and the tombstone, an audit event that covers what was changed.

A tombstone is an event ``texts_forgotten``. Its payload has ``texts``, the SHA-256 and the size in bytes of each; ``rows``, for
each audit row that held one, the inner hash that it had and the one that it has; ``files``, the segments that are no longer what
their names say, and the SHA-256 of what they are. By ``rows`` the chain verifies without the texts, by ``files`` the segments do,
and any other change still shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.store.chain import inner_hash, linked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

EVENT = "texts_forgotten"
OF_OTHERS = "segments"
"""The entity of a tombstone that names segments of other labs only, as they are in this lab; it stays there."""
TEXTS_EACH = 2000
"""How many texts, rows and files one event names at most."""
LONGEST_NAME = 24

ERASED = "\N{ERASE TO THE LEFT}"
"""What the marker of a short text begins with; it takes three bytes."""
_MARKER = re.compile(
    r"\[text forgotten \d{4}-\d\d-\d\d by [^\[\]]*: [\d,]+ bytes, sha256 [0-9a-f]{16}\]"
    rf"|\[forgotten [0-9a-f]{{12}}\]|{ERASED}[0-9a-f]{{0,12}}"
)
TINY = ("", "#", "##")
"""The markers of texts of less than three bytes, by their length; they cannot be told from other texts."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When texts were forgotten, as an ISO day, and by whom."""

    day: str
    who: str

    @classmethod
    def of(cls, moment: datetime, user: str) -> Stamp:
        """Return the stamp of a moment and a user, whose name is kept to plain characters: it goes into lines of every depth."""
        return cls(f"{moment:%Y-%m-%d}", cls.name(user))

    @staticmethod
    def name(user: str) -> str:
        """Return what a user is called in a marker."""
        return "".join(c if c.isascii() and (c.isalnum() or c in " .-_@") else "?" for c in user)[:LONGEST_NAME]


def size(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "replace"))


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def marker(text: str, stamp: Stamp, room: int | None = None) -> str:
    """Return what stands in a text's place, never longer than it was (or ``room`` bytes), so that no line of a journal grows.

    The same text has the same marker in every record, so that an answer's prompt still is the one that its plan has.

    Examples
    --------
    >>> marker("Rain falls on the plain, on the roof and on the river, all day and all night long.", Stamp("2026-11-30", "ada"))
    '[text forgotten 2026-11-30 by ada: 82 bytes, sha256 da7afe3a8768e4ee]'
    >>> marker("Rain falls on the plain.", Stamp("2026-11-30", "ada")), marker("Rain.", Stamp("2026-11-30", "ada"))
    ('[forgotten 91bd27168e9d]', '⌫38')
    """
    room, digest = size(text) if room is None else room, sha256(text)
    full = f"[text forgotten {stamp.day} by {stamp.who}: {size(text):,} bytes, sha256 {digest[:16]}]"
    for shorter in (full, f"[forgotten {digest[:12]}]"):
        if len(shorter) <= room:
            return shorter
    return f"{ERASED}{digest[: min(12, room - 3)]}" if room > 2 else TINY[room]


def has_marker(text: str) -> bool:
    """Return whether something of a text was forgotten."""
    return _MARKER.search(text) is not None


def is_marker(text: object) -> bool:
    """Return whether a text was forgotten: nothing but a marker is there."""
    return isinstance(text, str) and _MARKER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One event that texts were forgotten: of what (``experiment``, ``response``, ``calibration``), when, by whom, which.

    Attributes
    ----------
    seq
        Its place in the chain.
    entity, entity_id
        What the texts belonged to.
    day, who
        When, and who asked for it.
    texts
        SHA-256 and bytes of each.
    rows
        Inner hashes of audit rows, before and after, by event id.
    files
        SHA-256 of segments as they are now, by the names that they had among journals.
    """

    seq: int
    entity: str
    entity_id: str
    day: str
    who: str
    texts: tuple[tuple[str, int], ...]
    rows: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def payloads(texts: Iterable[str], rows: Mapping[str, tuple[str, str]], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the payloads of the events that say what was forgotten: one, or several where there is much."""
    left: list[tuple[str, list[list[object]]]] = [
        ("texts", [[sha256(text), size(text)] for text in sorted(set(texts))]),
        ("rows", [[event_id, *hashes] for event_id, hashes in sorted(rows.items())]),
        ("files", [list(item) for item in sorted(files.items())]),
    ]
    parts = max(1, *(-(-len(values) // TEXTS_EACH) for _, values in left))
    return [{name: values[part * TEXTS_EACH : (part + 1) * TEXTS_EACH] for name, values in left} for part in range(parts)]


def read_tombstone(values: Mapping[str, Any]) -> Tombstone | None:
    """Return the tombstone of an audit row or a journal record; ``None`` where it is none, or none that can be read."""
    if values["event"] != EVENT:
        return None
    try:
        payload = json.loads(values["payload"])
        return Tombstone(
            seq=values.get("seq", 0),
            entity=str(values["entity"]),
            entity_id=str(values["entity_id"]),
            day=f"{values['occurred_at']:%Y-%m-%d}",
            who=str(values["actor"]),
            texts=tuple((str(digest), int(bytes_)) for digest, bytes_ in payload["texts"]),
            rows={str(event): (str(before), str(after)) for event, before, after in payload["rows"]},
            files={str(name): str(digest) for name, digest in payload["files"]},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


class Forgotten:
    """All tombstones of a lab: what they say of audit rows and of segments.

    Parameters
    ----------
    tombstones
        In the order of the chain.
    """

    def __init__(self, tombstones: Iterable[Tombstone] = ()) -> None:
        self.tombstones = tuple(tombstones)
        self.files: dict[str, str] = {}
        self._rows: dict[str, list[tuple[int, str, str]]] = {}
        for tombstone in self.tombstones:
            self.files |= tombstone.files
            for event, (before, after) in tombstone.rows.items():
                self._rows.setdefault(event, []).append((tombstone.seq, before, after))

    def inner_before(self, row: Mapping[str, Any]) -> str | None:
        """Return the inner hash that an audit row had before its texts were forgotten; ``None`` where no tombstone covers it.

        One that stands before the row in the chain covers nothing; a ``seq`` of 0 is not known yet.
        """
        if row["event_id"] not in self._rows:
            return None
        now = inner_hash(row)
        known = self._rows[row["event_id"]]
        return next((before for seq, before, after in known if after == now and (seq == 0 or seq > row["seq"])), None)

    def covers(self, row: Mapping[str, Any]) -> bool:
        """Return whether an audit row, which does not give its hash, is what a tombstone left of one that did."""
        before = self.inner_before(row)
        return before is not None and linked(row["prev_hash"], before) == row["hash"]

    @property
    def events(self) -> list[str]:
        """The ids of the audit rows that texts were taken of."""
        return list(self._rows)

    @property
    def words(self) -> list[str]:
        """What was forgotten, a line for each thing and each time."""
        found: dict[tuple[str, str, str, str], list[int]] = {}
        for one in (one for one in self.tombstones if one.entity != OF_OTHERS):
            found.setdefault((one.entity, one.entity_id, one.day, one.who), []).extend(bytes_ for _, bytes_ in one.texts)
        return [
            f"{len(sizes):,} text{'s' * (len(sizes) != 1)} ({sum(sizes):,} bytes) of {entity} {id_} forgotten {day} by {who}"
            for (entity, id_, day, who), sizes in found.items()
        ]
