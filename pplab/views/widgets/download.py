"""A file on its way from the kernel to the browser: bytes in numbered parts, not a path that the browser cannot open."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator

PART_BYTES: Final = 768 * 1024
"""Bytes of a part: one MB as base64, well below what servers between kernel and browser let through."""


class Part(TypedDict):
    """One part of a file for the view that asked, in base64; ``note``: what its reader has to know of it, if anything."""

    kind: Literal["part"]
    view: str
    name: str
    part: int
    parts: int
    data: str
    note: str


def parts(name: str, data: bytes, view: str, note: str = "") -> Iterator[Part]:
    """Yield the messages that carry a file, in order; an empty file is one empty part.

    Examples
    --------
    >>> [(p["part"], p["parts"], p["data"]) for p in parts("a.txt", b"abc", "v1")]
    [(1, 1, 'YWJj')]
    """
    starts = range(0, max(len(data), 1), PART_BYTES)
    for number, start in enumerate(starts, start=1):
        coded = base64.b64encode(data[start : start + PART_BYTES]).decode("ascii")
        yield Part(kind="part", view=view, name=name, part=number, parts=len(starts), data=coded, note=note)
