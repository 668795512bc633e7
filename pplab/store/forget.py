"""Forgetting in the files of a lab: each that holds a text of a target is rewritten, and a tombstone is left."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pplab.errors import StoreBusy
from pplab.store import segments, tombstones
from pplab.store.chain import inner_hash, linked
from pplab.store.filesystem import os_refusal
from pplab.store.forgotten import OF_OTHERS, payloads, sha256, size
from pplab.store.journal_format import DamagedLine, decode, encode
from pplab.store.origin_chains import OWN, stored_origin
from pplab.store.redaction import Redaction
from pplab.store.staged_change import FOLDER, StagedChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from duckdb import DuckDBPyConnection

    from pplab.secrets import Scrubber
    from pplab.store.forget_target import ForgetTarget
    from pplab.store.forgotten import Stamp
    from pplab.store.rows import EventRow

STALE_S = 3600.0
"""Seconds after which a file that was left half written belongs to nobody, where processes cannot be asked after."""


@dataclass(slots=True)
class Findings:
    """What holds the texts of a target.

    Attributes
    ----------
    texts
        The texts themselves.
    files
        The files that hold any, by their path in the lab's folder.
    removed
        Copies of the tables, which cannot be rewritten and go.
    lines
        How many records are changed.
    elsewhere
        Other experiments that have one of the texts as their own, and keep it.
    writers
        Processes whose journal holds one and is not compressed.
    """

    texts: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    lines: int = 0
    elsewhere: list[str] = field(default_factory=list)
    writers: set[int] = field(default_factory=set)

    @property
    def hashes(self) -> tuple[tuple[str, int], ...]:
        """SHA-256 and bytes of each text."""
        return tuple(sorted((sha256(text), size(text)) for text in self.texts))


class Forgetting:
    """One forgetting; the caller holds the lease, and the tables are drained.

    Parameters
    ----------
    cursor
        A cursor on the tables.
    lab
        The lab's folder.
    target
        What is forgotten.
    stamp
        When, and by whom.
    given
        Segments of other labs as those labs have them since they forgot, by their names among journals.
    """

    def __init__(
        self,
        cursor: DuckDBPyConnection,
        lab: Path,
        target: ForgetTarget,
        stamp: Stamp,
        given: Mapping[str, bytes] | None = None,
    ) -> None:
        self._cursor = cursor
        self._lab = lab
        self._journal = lab / "journal"
        self._target = target
        self._given = given or {}
        self._events: dict[str, bytes] = {}
        self._segments: dict[str, str] = {}
        self.found = Findings()
        quoted = set[str]()
        for line in self._lines_of_target():
            self._note_texts(line, quoted)
        self._redaction = Redaction(target, quoted, stamp)
        self.found.elsewhere = self._elsewhere(quoted)

    # what is found

    def _lines_of_target(self) -> Iterator[bytes]:
        for path in self._journals():
            for line in _content(path).split(b"\n"):
                if self._target.may_be_about(line):
                    yield line

    def _note_texts(self, line: bytes, quoted: set[str]) -> None:
        try:
            record_type, _ = decode(line)
        except DamagedLine:
            return
        record = _parsed(line)
        self.found.texts.update(container[key] for container, key in self._target.texts(record_type.name, record))
        quoted.update(self._target.quotable(record_type.name, record))

    def _elsewhere(self, texts: set[str]) -> list[str]:
        import pyarrow as pa

        self._cursor.register("texts", pa.table({"text": pa.array(sorted(texts), pa.string())}))
        rows = self._cursor.execute(
            """SELECT experiment_id FROM responses WHERE prompt IN (FROM texts) OR (text <> '' AND text IN (FROM texts))
               UNION SELECT experiment_id FROM experiments WHERE plan->>'$.system' IN (FROM texts) ORDER BY ALL"""
        ).fetchall()
        self._cursor.unregister("texts")
        return [id_ for (id_,) in rows if id_ not in self._target.home]

    # the files

    def _journals(self) -> list[Path]:
        """Return every journal file, both of one that is just being compressed, and the segments of other labs."""
        folders = (self._journal, self._journal / "sealed", self._journal / segments.PULLED)
        return [path for folder in folders for path in sorted(folder.glob("*.jsonl*")) if path.is_file()]

    def changes(self) -> Iterator[tuple[Path, bytes]]:
        """Yield each file that holds a text, and what it is to hold."""
        for path in self._journals():
            yield from self._of_journal(path)
        for path in sorted((self._lab / OWN).glob("from-*.jsonl.gz")):
            yield from self._of_journal(path)
        for path in sorted((self._journal / "damaged").glob("*")):
            yield from self._changed(path, self._redaction.line(path.read_bytes()))
        for path in self._others():
            yield from self._changed(path, self._redaction.anything(path.read_bytes()))

    def _others(self) -> list[Path]:
        """Return the other files of the lab that a text may stand in: its log, and what lies in the folders of runs."""
        at = [path for path in self._lab.iterdir() if path.is_file() and path.name.startswith("pplab.log")]
        folders = [self._lab / "control", self._lab / "running"]
        return sorted([*at, *(path for folder in folders for path in folder.rglob("*") if path.is_file())])

    def _changed(self, path: Path, data: bytes) -> Iterator[tuple[Path, bytes]]:
        if data != path.read_bytes():
            self.found.files.append(path.relative_to(self._lab).as_posix())
            yield path, data

    def _of_journal(self, path: Path) -> Iterator[tuple[Path, bytes]]:
        name = path.name.removesuffix(".gz")
        before = _content(path)
        after = _unpacked(self._given[name]) if name in self._given else self._redacted(before)
        if after == before:
            return
        self._note_lines(before, after)
        if path.suffix != ".gz":
            self.found.writers.add(int(name.split("-")[1]))
        self.found.files.append(path.relative_to(self._lab).as_posix())
        data = self._given.get(name) or _packed_otherwise(after, path.stat().st_size)
        if name.startswith(segments.FROM_ELSEWHERE):
            self._segments[name] = hashlib.sha256(data).hexdigest()
        yield path, data

    def _redacted(self, content: bytes) -> bytes:
        return b"\n".join([self._redaction.line(line) if line else line for line in content.split(b"\n")])

    def _note_lines(self, before: bytes, after: bytes) -> None:
        for old, new in zip(before.split(b"\n"), after.split(b"\n"), strict=True):
            if old != new:
                self.found.lines += 1
                if old.startswith(b'{"k":"event"'):
                    self._events[_parsed(new)["event_id"]] = new

    def copies_of_tables(self) -> Iterator[Path]:
        """Yield the files in which the tables, or what they were made from, lie once more, and files that dead processes left."""
        yield from sorted((self._lab / "backup").glob("*.duckdb*"))
        yield from sorted(self._lab.glob("rebuild-*.duckdb*"))
        yield from (path for path in sorted(self._lab.rglob(".pplab-*.part*")) if FOLDER not in path.parts and _left_behind(path))

    # the end

    def rows(self) -> dict[str, tuple[str, str]]:
        """Return the inner hashes, before and after, of the audit rows that are changed."""
        before = tombstones.stored(self._cursor)
        found = {}
        for row in tombstones.rows_of(self._cursor, list(self._events)):
            inner = inner_hash(row)
            if linked(row["prev_hash"], inner) != row["hash"]:
                inner = before.inner_before(row) or inner
            values = decode(self._events[row["event_id"]])[1]
            found[row["event_id"]] = inner, inner_hash({**row, **values})
        return found

    def survey(self) -> Findings:
        """Return what would be changed; nothing is."""
        for _ in self.changes():
            pass
        self.found.removed = [path.relative_to(self._lab).as_posix() for path in self.copies_of_tables()]
        return self.found

    def make_ready(self, tables: Path, event: Callable[[str, dict[str, Any]], EventRow], scrub: Scrubber) -> StagedChange | None:
        """Return the change, ready to be carried out; ``None`` where nothing holds a text.

        ``event`` makes a tombstone, given what it is about and its payload.

        Raises
        ------
        StoreBusy
            When a process is writing a journal that holds one: all that ended are compressed by now.
        """
        staged = StagedChange(self._lab)
        try:
            for path, data in self.changes():
                staged.put(path, data)
            self._refuse_writers()
            if not self.found.files:
                staged.discard()
                return None
            for path in self.copies_of_tables():
                staged.remove(path)
                self.found.removed.append(path.relative_to(self._lab).as_posix())
            staged.put(self._journal / _new_name(), b"".join(encode(row, scrub) for row in self._tombstones(event)))
            for path in sorted(self._lab.glob(f"{tables.name}*")):
                for file in path.iterdir() if path.is_dir() else (path,):
                    staged.remove(file)
        except OSError as error:
            staged.discard()
            raise os_refusal("nothing was forgotten", error) from None
        except BaseException:
            staged.discard()
            raise
        return staged

    def _tombstones(self, event: Callable[[str, dict[str, Any]], EventRow]) -> Iterator[EventRow]:
        beginning = f"{segments.FROM_ELSEWHERE}{stored_origin(self._lab)}-"  # a lab without an id has no segment of its own
        own = {name: digest for name, digest in self._segments.items() if name.startswith(beginning)}
        others = {name: digest for name, digest in self._segments.items() if name not in own}
        for payload in payloads(self.found.texts, self.rows(), own):
            yield event(self._target.kind, payload)
        for payload in payloads((), {}, others) if others else ():
            yield event(OF_OTHERS, payload)

    def _refuse_writers(self) -> None:
        if self.found.writers:
            raise StoreBusy(
                f"process {', '.join(map(str, sorted(self.found.writers)))} is writing a journal that holds such texts",
                hint="close the lab there, or restart its kernel, and forget again; nothing was changed",
            )


def _parsed(line: bytes) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(line)["r"]
    return record


def _content(path: Path) -> bytes:
    return _unpacked(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _unpacked(data: bytes) -> bytes:
    return gzip.decompress(data)


def _packed_otherwise(content: bytes, size: int) -> bytes:
    """Return packed bytes of another length than a file had: by its length a push sees that a remote has a former state of it."""
    packed = [gzip.compress(content, compresslevel=level, mtime=0) for level in (6, 9, 1)]
    return next((data for data in packed if len(data) != size), packed[0])


def _new_name() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"


def _left_behind(path: Path) -> bool:
    """Return whether the process is gone that was writing a file."""
    if os.name == "posix":
        try:
            os.kill(int(path.name.split("-")[1]), 0)
        except (ProcessLookupError, ValueError):
            return True
        except PermissionError:
            return False
    return time.time() - path.stat().st_mtime > STALE_S
