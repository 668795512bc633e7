"""Head of an origin on a remote, ``head.json``: the last segment of each of its streams, written after them.

What no head covers yet is not read; what a head covers and is not there is missing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pplab.store.record_types import canonical_json
from pplab.store.shared_segments import STREAMS, DamagedSegment

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "head.json"
FORMAT = "pplab-origin"
VERSION = 1
MAX_BYTES = 4096

Last = tuple[int, str]
"""The number and the hash of a stream's last segment."""


def write_head(origin: str, last: Mapping[str, Last]) -> bytes:
    """Return the bytes of a head: the last segment of each stream that has one."""
    streams = {stream: list(place) for stream, place in last.items()}
    return canonical_json({"format": FORMAT, "version": VERSION, "origin": origin, "streams": streams}).encode() + b"\n"


def read_head(origin: str, data: bytes) -> dict[str, Last]:
    """Return the last segment of each stream of an origin.

    Raises
    ------
    DamagedSegment
        When the bytes are no head of this origin.
    """
    try:
        values = json.loads(data)
        last = {str(stream): (number, sha256) for stream, (number, sha256) in values["streams"].items()}
        known = (values["format"], values["version"]) == (FORMAT, VERSION) and last.keys() <= STREAMS.keys()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedSegment("was altered") from None
    if not known:
        raise DamagedSegment("was written by a newer pplab, or altered")
    typed = all(type(number) is int and number > 0 and type(sha256) is str for number, sha256 in last.values())
    if values.get("origin") != origin or not typed:
        raise DamagedSegment("was altered")
    return last
