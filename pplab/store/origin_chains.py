"""Segments in a lab's folder: those pulled from others, its own that were made to be pushed, and whether any is not as it was.

Others know a lab by the id in its ``origin.json``, which the names of its segments begin with.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from pplab.errors import StoreError
from pplab.store.segments import PULLED
from pplab.store.shared_segments import FIRST, STREAMS, DamagedSegment, SegmentName, SharedSegment, is_origin, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

OWN = "segments"
"""Where a lab's own segments lie, in its folder."""
ORIGIN_FILE = "origin.json"
"""Where a lab's id lies, in its folder."""


class SegmentProblem(NamedTuple):
    """What is wrong with a segment: ``altered``, ``deleted``, ``inserted`` or ``reordered``, and one line for a person."""

    kind: str
    what: str


def stored_origin(folder: Path) -> str | None:
    """Return the id of a lab; ``None`` where it has never pushed.

    Raises
    ------
    StoreError
        When its file cannot be read.
    """
    try:
        id_ = json.loads((folder / ORIGIN_FILE).read_text("utf-8"))["origin"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        id_ = ""
    if not isinstance(id_, str) or not is_origin(id_):
        hint = "put it back as it was: others know this lab by the id in it"
        raise StoreError(f"the lab's {ORIGIN_FILE} cannot be read", hint=hint)
    return id_


def own_segments(folder: Path) -> list[SegmentName]:
    """Return this lab's own segments, in order."""
    files = (folder / OWN).glob("from-*.jsonl.gz")
    return sorted(filter(None, (SegmentName.read_pulled(path.name) for path in files)))


def pulled_segments(folder: Path) -> list[SegmentName]:
    """Return the segments that were pulled, each origin's in order."""
    files = (folder / "journal" / PULLED).glob("from-*.jsonl.gz")
    return sorted(filter(None, (SegmentName.read_pulled(path.name) for path in files)))


def own_path(folder: Path, name: SegmentName) -> Path:
    """Return where an own segment lies."""
    return folder / OWN / f"{name.pulled}.gz"


def pulled_path(folder: Path, name: SegmentName) -> Path:
    """Return where a pulled segment lies."""
    return folder / "journal" / PULLED / f"{name.pulled}.gz"


def follows(segment: SharedSegment, names: dict[tuple[str, str, int], SegmentName]) -> bool:
    """Return whether a segment follows the one before it, by its number, among those of these places."""
    header = segment.header
    if header.number == 1:
        return header.before == FIRST
    before = names.get((header.origin, header.stream, header.number - 1))
    return before is not None and header.before == before.sha256


def by_place(names: Iterable[SegmentName]) -> dict[tuple[str, str, int], SegmentName]:
    """Return segments by their place: origin, stream and number."""
    return {(name.origin, name.stream, name.number): name for name in names}


def problems(
    folder: Path, drained: Iterable[str], called: dict[str, str], forgotten: Mapping[str, str]
) -> Iterator[SegmentProblem]:
    """Name every segment in a lab's folder that is altered, missing, or in another's place.

    Parameters
    ----------
    folder
        The lab's folder.
    drained
        Names of the journal files that are in the tables.
    called
        What each origin is called, by its id.
    forgotten
        The hashes of segments of which texts were forgotten, by their names among journals.
    """
    own, pulled = own_segments(folder), pulled_segments(folder)
    in_tables = {name for file in drained if (name := SegmentName.read_pulled(file))}
    yield from _of_one_folder([(name, own_path(folder, name)) for name in own], set(), called, forgotten)
    yield from _of_one_folder([(name, pulled_path(folder, name)) for name in pulled], in_tables, called, forgotten)


def _of_one_folder(
    found: list[tuple[SegmentName, Path]], expected: set[SegmentName], called: dict[str, str], forgotten: Mapping[str, str]
) -> Iterator[SegmentProblem]:
    names = [name for name, _ in found]
    places = by_place(names)
    for name, path in found:
        label = words(name, called)
        data = path.read_bytes()
        try:
            segment = unpack(name, data, forgotten.get(name.pulled))
        except DamagedSegment as damage:
            moved = next((other for other in names if other.sha256 == hashlib.sha256(data).hexdigest()), None)
            if moved is not None:
                yield SegmentProblem("reordered", f"{label} is in another place: its file holds {words(moved, called)}")
            else:
                yield SegmentProblem("reordered" if "place" in str(damage) else "altered", f"{label} {damage}")
            continue
        if places[name.origin, name.stream, name.number] != name:
            yield SegmentProblem("inserted", f"{label} is there twice")
        elif (name.number == 1 or (name.origin, name.stream, name.number - 1) in places) and not follows(segment, places):
            yield SegmentProblem("reordered", f"{label} does not follow the segment before it")
    yield from _missing(places, expected, called)


def _missing(
    places: dict[tuple[str, str, int], SegmentName], expected: set[SegmentName], called: dict[str, str]
) -> Iterator[SegmentProblem]:
    """Name what lies between the segments that are there, and what is in the tables and lies there no more."""
    last: dict[tuple[str, str], int] = {}
    for name in (*places.values(), *expected):
        place = name.origin, name.stream
        last[place] = max(name.number, last.get(place, 0))
    for (origin, stream), number in sorted(last.items()):
        for missing in range(1, number + 1):
            if (origin, stream, missing) not in places:
                yield SegmentProblem("deleted", f"{words(SegmentName(origin, stream, missing, ''), called)} is missing")
    for name in sorted(expected - set(places.values())):
        if (name.origin, name.stream, name.number) in places:
            yield SegmentProblem("altered", f"{words(name, called)} is another one than the tables were made from")


def words(name: SegmentName, called: dict[str, str]) -> str:
    """Return what to call a segment in a message.

    Examples
    --------
    >>> words(SegmentName("0" * 32, "results", 3, ""), {"0" * 32: "ada@work"})
    'segment 3 of ada@work (00000000)'
    """
    kind = "" if name.stream == next(iter(STREAMS)) else f" of {name.stream}"
    label = f"{called[name.origin]} ({name.origin[:8]})" if name.origin in called else name.origin[:8]
    return f"segment {name.number}{kind} of {label}"
