r"""Segments that labs exchange: their names, their one format, and what is refused about one. No file is opened here.

A segment is a gzip file of JSON lines that is never changed. The first line says whose it is and where it belongs:
``{"format":"pplab-segment","version":1,"origin":...,"name":...,"stream":...,"number":...,"before":...}``; the lines behind it
are those of the journal (`pplab.store.journal_format`). ``number`` counts a lab's segments of one stream from 1, and ``before``
is the hash of the segment before, 64 zeros in the first. The name holds the SHA-256 of the file, so that a changed byte shows.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.store.record_types import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = "pplab-segment"
VERSION = 1
FIRST = "0" * 64
"""The ``before`` of the first segment of a stream."""

STREAMS: dict[str, tuple[str, ...]] = {
    "results": ("calibration", "experiment", "label", "response", "score", "rating", "attempt", "event"),
    "cells": ("cell", "metric", "event"),
}
"""What a lab's segments hold, by the stream that they are numbered in: the second is given only where it is asked for."""

LONGEST_LINE = 32 * 2**20
MAX_BYTES = 64 * 2**20
"""The most bytes a segment may have, as it travels and unpacked."""
LONGEST_NAME = 200

_ORIGIN = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(rf"({'|'.join(STREAMS)})-(\d{{8}})-([0-9a-f]{{64}})\.jsonl")
_PULLED = re.compile(r"from-([0-9a-f]{32})-(.*)")


class DamagedSegment(ValueError):
    """Bytes that are no segment, or not the one that they should be; the message is the reason."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """The name of a segment: whose it is, its stream, its number, and the SHA-256 of the file."""

    origin: str
    stream: str
    number: int
    sha256: str

    @property
    def file(self) -> str:
        """The file's name in the folder of its origin.

        Examples
        --------
        >>> SegmentName("0" * 32, "results", 3, "a" * 64).file[:20]
        'results-00000003-aaa'
        """
        return f"{self.stream}-{self.number:08d}-{self.sha256}.jsonl.gz"

    @property
    def pulled(self) -> str:
        """Its name among the journals of a lab, which names its origin too."""
        return f"from-{self.origin}-{self.file.removesuffix('.gz')}"

    @classmethod
    def read(cls, origin: str, file: str) -> SegmentName | None:
        """Return the name that a file in an origin's folder has; ``None`` for any other file."""
        found = _FILE.fullmatch(file.removesuffix(".gz")) if is_origin(origin) else None
        return cls(origin, found[1], int(found[2]), found[3]) if found else None

    @classmethod
    def read_pulled(cls, file: str) -> SegmentName | None:
        """Return the name that a journal file of another origin has; ``None`` for this lab's own."""
        found = _PULLED.fullmatch(file)
        return cls.read(found[1], found[2]) if found else None


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a segment; ``name`` is what its lab is called (user@folder), which nobody checks."""

    origin: str
    name: str
    stream: str
    number: int
    before: str


@dataclass(frozen=True, slots=True)
class SharedSegment:
    """A segment that was read: its header, and the journal lines behind it without their newlines."""

    header: Header
    lines: tuple[bytes, ...]


def is_origin(text: str) -> bool:
    """Return whether a text is the id of a lab."""
    return _ORIGIN.fullmatch(text) is not None


def pack(header: Header, lines: Iterable[bytes]) -> tuple[SegmentName, bytes]:
    """Return the name and the bytes of a segment; the lines end in newlines."""
    first = {"format": FORMAT, "version": VERSION} | {name: getattr(header, name) for name in Header.__slots__}
    data = gzip.compress(canonical_json(first).encode() + b"\n" + b"".join(lines), compresslevel=6, mtime=0)
    return SegmentName(header.origin, header.stream, header.number, hashlib.sha256(data).hexdigest()), data


def unpack(name: SegmentName, data: bytes) -> SharedSegment:
    """Return the segment of this name.

    Raises
    ------
    DamagedSegment
        When the bytes are not what the name promises; nothing is unpacked before their hash was compared.
    """
    if hashlib.sha256(data).hexdigest() != name.sha256:
        raise DamagedSegment("was altered")
    text = _unpacked(data)
    first, _, rest = text.partition(b"\n")
    header = read_header(first)
    if (header.origin, header.stream) != (name.origin, name.stream):
        raise DamagedSegment("belongs to another lab")
    if header.number != name.number:
        raise DamagedSegment(f"is segment {header.number}, in another place")
    if rest and not rest.endswith(b"\n"):
        raise DamagedSegment("ends within a line")
    return SharedSegment(header, tuple(rest.split(b"\n")[:-1]))


def _unpacked(data: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=31)
    try:
        text = reader.decompress(data, MAX_BYTES)
    except zlib.error:
        raise DamagedSegment("is no gzip file") from None
    if reader.unconsumed_tail:
        raise DamagedSegment(f"is larger than {MAX_BYTES // 2**20} MB")
    if not reader.eof or reader.unused_data:
        raise DamagedSegment("is no whole gzip file")
    return text


def read_header(line: bytes) -> Header:
    """Return what the first line of a segment says, or raise `DamagedSegment`."""
    try:
        values = json.loads(line)
        kind, version = values.pop("format"), values.pop("version")
        header = Header(**values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedSegment("has no header") from None
    if kind != FORMAT or version != VERSION:
        raise DamagedSegment("was written by a newer pplab")
    texts = (header.origin, header.name, header.stream, header.before)
    if not all(type(text) is str for text in texts) or type(header.number) is not int:
        raise DamagedSegment("has no header")
    if not header.name.isprintable() or not 0 < len(header.name) <= LONGEST_NAME:
        raise DamagedSegment("has a name that cannot be shown")
    return header
