"""Own segments: what is new in a lab's journals since the last one, cut into files that are never changed again.

A lab has one chain of them, whatever remotes it pushes to. They lie in ``segments/`` beside a small file that says how far the
journals were read; one that a dying process left without being noted there is made again, for it was never pushed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.errors import StoreError
from pplab.files import write_atomically
from pplab.plan.vocabulary import ENDED
from pplab.remote.records import check_line, travels
from pplab.store import segments as journal_files
from pplab.store.arrivals import OWNED, owners
from pplab.store.drain import derived_events
from pplab.store.journal_format import DamagedLine, decode, encode, holds
from pplab.store.origin_chains import OWN, own_path, own_segments
from pplab.store.rows import EncodedRow
from pplab.store.segments import Progress
from pplab.store.shared_segments import FIRST, STREAMS, Header, pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pplab.context import LabContext
    from pplab.remote.origin import Origin

SEGMENT_BYTES = 4 * 2**20
"""About how much a segment holds, unpacked."""
STATE = "state.json"


@dataclass(slots=True)
class _Stream:
    """How far one stream of a lab came: its last segment, and the bytes of each journal that are in one."""

    number: int
    sha256: str
    read: dict[str, Progress]


def make_segments(context: LabContext, origin: Origin, stream: str) -> int:
    """Cut what is new into segments of a stream and return how many records could go into none; the caller holds the exchange."""
    folder = context.folder
    state = _read_state(folder, origin.id)
    at = state[stream]
    for name in own_segments(folder):
        if (name.origin, name.stream) == (origin.id, stream) and name.number > at.number:
            own_path(folder, name).unlink()
    context.store.flush()
    left_out = 0
    for lines, reached in _new_lines(folder / "journal", at.read):
        at.read = reached
        fit, unfit = _fit_to_travel(context, lines, stream)
        left_out += unfit
        if fit:
            header = Header(origin.id, origin.name, stream, at.number + 1, at.sha256)
            name, data = pack(header, fit)
            write_atomically(own_path(folder, name), data)
            at.number, at.sha256 = name.number, name.sha256
        _write_state(folder, origin.id, state)
    return left_out


def _new_lines(journal: Path, read: dict[str, Progress]) -> Iterator[tuple[list[bytes], dict[str, Progress]]]:
    """Yield whole lines that are beyond what was read, some megabytes at a time, with how far they reach."""
    reached, lines, size = dict(read), list[bytes](), 0
    names = journal_files.file_names(journal)
    elsewhere = {name: Progress(0, sealed=True) for name in names if name.startswith(journal_files.FROM_ELSEWHERE)}
    for segment in journal_files.new_segments(journal, elsewhere | read):
        for offset, line in journal_files.read_lines(journal, segment):
            lines.append(line)
            size += len(line)
            if size >= SEGMENT_BYTES:
                reached[segment.file] = Progress(offset + len(line) + 1, sealed=False)
                yield lines, dict(reached)
                lines, size = [], 0
        reached[segment.file] = Progress(segment.stop, segment.ended)
    if reached != read:
        yield lines, reached


def _fit_to_travel(context: LabContext, lines: list[bytes], stream: str) -> tuple[list[bytes], int]:
    """Return the lines that belong into a stream, without keys, and how many of those do that others would refuse."""
    found, unfit = [], 0
    for raw in lines:
        if not holds(raw, *STREAMS[stream]):
            continue
        try:
            record_type, values = decode(raw)
            if not travels(record_type, values, stream):
                continue
            line = encode(EncodedRow(raw + b"\n"), context.scrub)
            check_line(line[:-1], stream, context.scrub)
        except (DamagedLine, StoreError):
            unfit += 1
        else:
            found.append((record_type.name, values, line))
    experiments = {values["experiment_id"] for name, values, _ in found if name in OWNED}
    ended = {values["experiment_id"] for name, values, _ in found if name == "experiment" and values["status"] in ENDED}
    if not experiments:
        return [line for *_, line in found], unfit
    with context.store.reading() as cursor:
        others, events = owners(cursor, experiments), derived_events(cursor, ended)
    fit = []
    for name, values, line in found:
        if name in OWNED and values["experiment_id"] in others:
            continue  # what was done here to an experiment of another lab stays here
        fit.append(line)
        if name == "experiment" and (event := events.pop(values["experiment_id"], None)) is not None:
            fit.append(encode(event, context.scrub))
    return fit, unfit


def _read_state(folder: Path, origin: str) -> dict[str, _Stream]:
    """Return how far each stream came; a lab that got another id begins anew."""
    path = folder / OWN / STATE
    try:
        stored = json.loads(path.read_text("utf-8"))
        streams = stored["streams"] if stored["origin"] == origin else {}
        return {name: _stream(streams.get(name, {})) for name in STREAMS}
    except FileNotFoundError:
        return {name: _stream({}) for name in STREAMS}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(
            f"the lab's {OWN}/{STATE} cannot be read", hint="put it back as it was, or remove origin.json to push as a new lab"
        ) from None


def _stream(stored: dict[str, Any]) -> _Stream:
    read = {file: Progress(int(stop), bool(sealed)) for file, (stop, sealed) in stored.get("read", {}).items()}
    return _Stream(int(stored.get("number", 0)), str(stored.get("sha256", FIRST)), read)


def _write_state(folder: Path, origin: str, state: dict[str, _Stream]) -> None:
    streams = {
        name: {
            "number": at.number,
            "sha256": at.sha256,
            "read": {file: [progress.stop, progress.sealed] for file, progress in at.read.items()},
        }
        for name, at in state.items()
    }
    values = {"origin": origin, "streams": streams}
    write_atomically(folder / OWN / STATE, json.dumps(values, separators=(",", ":")).encode())
