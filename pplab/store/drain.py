"""The drain: all new journal lines into the tables in one transaction, with everything that is derived from them."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pplab.plan.vocabulary import ENDED
from pplab.store import segments as journal_files
from pplab.store import tombstones
from pplab.store.arrivals import Arrivals
from pplab.store.chain import GENESIS, Head, link
from pplab.store.digests import DIGESTED, digest, digest_of
from pplab.store.drain_log import DrainLog
from pplab.store.forgotten import Forgotten
from pplab.store.journal_format import DamagedLine, decode
from pplab.store.record_types import RECORD_TYPES, RecordType, canonical_json, time_text
from pplab.store.rows import EventRow
from pplab.store.segments import Progress, Segment
from pplab.store.shared_segments import DamagedSegment, SegmentName, read_header
from pplab.store.summaries import UNCALIBRATED, Owner, Partials, renew_users_metrics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

BATCH_BYTES = 8 * 1024 * 1024
FEW = 200
"""Rows up to which their digest is computed in Python, which is faster than planning a query for it."""
FEW_IDS = 16
"""Ids up to which they are parameters of a query."""
DERIVED = uuid.UUID("5f0d3c6e-6b0e-5c55-9d3f-6a6f70706c61")
"""Namespace of the ids of derived events."""

_PROGRESS = "SELECT file, bytes_read, sealed FROM journal_files"

_Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DrainResult:
    """What a drain did: rows that entered or changed a table, by record type, and the journal files that can now be sealed."""

    rows: dict[str, int] = field(default_factory=dict)
    ended: tuple[str, ...] = ()


def drain(cursor: DuckDBPyConnection, folder: Path, *, record: bool = True) -> DrainResult:
    """Move all new lines of all journals into the tables, in one transaction.

    Into empty tables the journals are replayed drain by drain as the drain log has them, so that the audit rows get the
    numbers and hashes they had before.

    Parameters
    ----------
    cursor
        A cursor on the tables; the caller holds the lease.
    folder
        The lab's folder.
    record
        Write the drain log; off only for a rebuild that is not kept.
    """
    import duckdb

    journal = folder / "journal"
    drain_log = DrainLog(folder / "ledger.jsonl")
    stored = cursor.execute(_PROGRESS).fetchall()
    progress = {file: Progress(stop, sealed) for file, stop, sealed in stored}
    replayed: list[list[Segment]] = []
    forgotten = Forgotten()
    if not progress:
        replayed = _past_segments(drain_log)
        forgotten = tombstones.in_journals(journal)
        progress = {segment.file: Progress(segment.stop, sealed=False) for group in replayed for segment in group}
    new = journal_files.new_segments(journal, progress)
    if not new and not replayed:
        return DrainResult(ended=journal_files.unsealed_files(journal, progress))
    cursor.execute("BEGIN")
    try:
        transaction = _Drain(cursor, journal, forgotten, {file for file, *_ in stored})
        for group in [*replayed, new]:
            transaction.read_group(group)
        transaction.finish()
        if record and any(segment.stop > segment.start for segment in new):
            drain_log.add([segment for segment in new if segment.stop > segment.start], transaction.head)
        cursor.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # it may have ended the transaction itself, or be unable to
            cursor.execute("ROLLBACK")
        raise
    return DrainResult(transaction.row_counts, tuple(segment.file for segment in new if segment.ended))


def seal_all(cursor: DuckDBPyConnection, journal: Path) -> None:
    """Compress every journal that has ended and is in the tables, and wait for other processes that are at it."""
    progress = {file: Progress(stop, sealed) for file, stop, sealed in cursor.execute(_PROGRESS).fetchall()}
    for name in journal_files.unsealed_files(journal, progress):
        journal_files.seal(journal, name, alone=True)


def _past_segments(drain_log: DrainLog) -> list[list[Segment]]:
    """Return the segments of the drains before, made contiguous in each file."""
    read_up_to: dict[str, int] = {}
    groups = []
    for entry in drain_log.entries():
        group = []
        for segment in entry.segments:
            start = read_up_to.get(segment.file, 0)
            if segment.stop > start:
                group.append(Segment(segment.file, start, segment.stop))
                read_up_to[segment.file] = segment.stop
        groups.append(group)
    return groups


class _Drain:
    """One transaction's work: reads segments, writes rows, and keeps what the next rows depend on."""

    def __init__(self, cursor: DuckDBPyConnection, journal: Path, forgotten: Forgotten, stored_files: Collection[str]) -> None:
        self.cursor = cursor
        self.stored_files = stored_files
        self.inner_before = forgotten.inner_before if forgotten.tombstones else None
        self.journal = journal
        self.row_counts: dict[str, int] = {}
        self.new_rows: dict[str, int] = {}
        self.digests: dict[str, int] = {}
        self.owners: dict[str, Owner] = {}
        self.finished: dict[str, _Values] = {}
        self.answered: set[str] = set()
        self.scored: set[str] = set()
        self.progress: dict[str, Progress] = {}
        self.origins: dict[str, str] = {}
        head = cursor.execute("SELECT row_count, head_hash FROM drained WHERE table_name = 'audit_logs'").fetchall()
        self.head = Head(*head[0]) if head else Head(0, GENESIS)

    def read_group(self, group: Iterable[Segment]) -> None:
        """Read one drain's segments, in the order of their files, and write their rows; those of each other lab together."""
        for origin, files in groupby(group, lambda segment: _origin(segment.file)):
            self._read_files(files, None if origin is None else Arrivals(self.cursor, self.journal, origin))
        self._write_events([_analytics_updated(experiment) for experiment in self.finished.values()])
        self.finished = {}

    def _read_files(self, files: Iterable[Segment], arrivals: Arrivals | None) -> None:
        batch: dict[str, list[_Values]] = {}
        size = 0
        for segment in files:
            for offset, line in journal_files.read_lines(self.journal, segment):
                if arrivals is not None and offset == 0 and self._took_header(line):
                    continue
                try:
                    record_type, values = decode(line)
                except DamagedLine:
                    journal_files.set_aside(self.journal, segment.file, offset, line, "damaged")
                    continue
                batch.setdefault(record_type.name, []).append(values)
                if arrivals is not None:
                    arrivals.note(values, segment.file, offset, line)
                size += len(line)
                if size >= BATCH_BYTES:
                    self._write(arrivals.admitted(batch) if arrivals else batch)
                    batch, size = {}, 0
            self._end(segment)
        self._write(arrivals.admitted(batch) if arrivals else batch)

    def _took_header(self, line: bytes) -> bool:
        """Take note of what another lab calls itself, in the first line of its segment."""
        try:
            header = read_header(line)
        except DamagedSegment:
            return False
        self.origins[header.origin] = header.name
        return True

    def _end(self, segment: Segment) -> None:
        if segment.ended and segment.torn:
            torn = journal_files.read_range(self.journal, segment.file, segment.stop)
            journal_files.set_aside(self.journal, segment.file, segment.stop, torn, "torn")
        self.progress[segment.file] = Progress(segment.stop + segment.torn * segment.ended, segment.ended)

    def finish(self) -> None:
        """Write what is reckoned from all rows: users' metrics, how far the journals were read, counts, and the chain's head."""
        self._renew_users_metrics()
        self._note_progress()
        self._replace("origins", list(self.origins.items()), stored=self.origins)
        stored = self.cursor.execute("SELECT table_name, row_count, digest FROM drained").fetchall()
        before = {table: (count, int(digest or "0", 16)) for table, count, digest in stored}
        drained = []
        for table, rows in self.new_rows.items():
            count, digest = before.get(table, (0, 0))
            drained.append((table, count + rows, *self._evidence(table, digest)))
        self._replace("drained", drained, stored=before)

    def _note_progress(self) -> None:
        """Write how far the journals were read, mostly a single one that is known: to update it takes a fifth of replacing it."""
        rows = [(file, at.stop, at.sealed) for file, at in self.progress.items()]
        if len(rows) == 1 and rows[0][0] in self.stored_files:
            file, *values = rows[0]
            self.cursor.execute("UPDATE journal_files SET bytes_read = ?, sealed = ? WHERE file = ?", [*values, file])
        else:
            self._replace("journal_files", rows, stored=self.stored_files)

    def _replace(self, table: str, rows: list[tuple[Any, ...]], *, stored: Collection[str]) -> None:
        """Write rows over those of the same key, by one statement: it takes 4 ms, and 1 ms where the key of none is stored."""
        if rows:
            columns = [list(values) for values in zip(*rows, strict=True)]
            verb = "INSERT OR REPLACE" if any(row[0] in stored for row in rows) else "INSERT"
            self.cursor.execute(f"{verb} INTO {table} SELECT {', '.join(['unnest(?)'] * len(columns))}", columns)

    def _renew_users_metrics(self) -> None:
        """Renew the figures of users' metrics where scores came, or answers whose scores came before them."""
        if self.answered:
            among, ids = self._among(self.answered)
            query = f"SELECT DISTINCT experiment_id FROM scores WHERE experiment_id IN ({among})"
            self.scored.update(experiment for (experiment,) in self.cursor.execute(query, ids).fetchall())
        self._find_owners(self.scored)
        owners = {self.owners[experiment] for experiment in self.scored if experiment in self.owners}
        if owners:
            renew_users_metrics(self.cursor, owners)

    def _evidence(self, table: str, digest: int) -> tuple[str | None, str | None]:
        """Return the digest of a table and the head of its chain; it has one of the two."""
        if table == RECORD_TYPES["event"].table:
            return None, self.head.hash
        return f"{digest ^ self.digests[table]:032x}", None

    def _write(self, batch: dict[str, list[_Values]]) -> None:
        """Write one batch, experiments first, since the summaries of responses go by their experiment."""
        partials = Partials()
        self._write_experiments(batch.get("experiment", []), partials)
        self._write_responses(batch.get("response", []), partials)
        partials.merge_into(self.cursor)
        for name in ("export", "label", "rating", "batch"):
            self._write_revised(RECORD_TYPES[name], batch.get(name, []))
        self._write_events(batch.get("event", []))
        self.scored.update(row["experiment_id"] for row in batch.get("score", []))
        for name in ("calibration", "attempt", "score", "metric", "cell"):
            self._write_once(RECORD_TYPES[name], batch.get(name, []))

    def _write_experiments(self, rows: list[_Values], partials: Partials) -> None:
        written, new = self._write_revised(RECORD_TYPES["experiment"], rows)
        for row in written:
            self.owners[row["experiment_id"]] = _owner(row["user"], row["calibration_id"])
        # An end counts also where the same drain brings a later revision that runs again: drained alone it would have counted.
        for row in (*rows, *written):
            if row["status"] in ENDED:
                self.finished[row["experiment_id"]] = row
        for row in new:
            partials.experiment(self.owners[row["experiment_id"]], row["created_at"])
        if new:
            self._adopt([row["experiment_id"] for row in new], partials)

    def _adopt(self, experiments: list[str], partials: Partials) -> None:
        """Summarise responses that were stored before their experiment, from a kernel whose journal was drained first."""
        among, ids = self._among(experiments)
        for row in self._rows(f"responses WHERE experiment_id IN ({among})", ids):
            self._note_answer(row)
            partials.response(self.owners[row["experiment_id"]], row)

    def _write_revised(self, record_type: RecordType, rows: list[_Values]) -> tuple[list[_Values], list[_Values]]:
        """Write rows whose revision is higher than the stored one; return those written and, of them, the new ones.

        Of two names that labs gave an experiment at the same revision the later counts, in whichever order they arrive.
        """
        if not rows:
            return [], []
        rank = ("revision", "updated_at", "user") if record_type.name == "label" else ("revision",)
        stored = {key: values for key, *values in self._stored(record_type, rows, f"{record_type.key}, {', '.join(rank)}")}
        latest: dict[str, list[Any]] = {}
        chosen: dict[str, _Values] = {}
        for row in rows:
            key, values = row[record_type.key], [row[name] for name in rank]
            newest = latest.get(key) or stored.get(key)
            if newest is None or values > newest:
                latest[key], chosen[key] = values, row
        written = list(chosen.values())
        new = [row for row in written if row[record_type.key] not in stored]
        self._insert(record_type, written, new=len(new))
        return written, new

    def _write_responses(self, rows: list[_Values], partials: Partials) -> None:
        if not rows:
            return
        record_type = RECORD_TYPES["response"]
        stored = {
            key: (revision, status) for key, revision, status in self._stored(record_type, rows, "response_id, revision, status")
        }
        final: dict[str, _Values] = {}
        for row in rows:
            key = row["response_id"]
            newest = (final[key]["revision"], final[key]["status"]) if key in final else stored.get(key)
            if newest is None or (row["revision"] > newest[0] and newest[1] != "ok"):
                final[key] = row
        self._find_owners({row["experiment_id"] for row in final.values()})
        for key, row in final.items():
            self._note_answer(row)
            owner = self.owners.get(row["experiment_id"])
            if owner is not None:
                partials.response(owner, row, stored[key][1] if key in stored else None)
        self._insert(record_type, list(final.values()), new=len(final.keys() - stored.keys()))

    def _note_answer(self, row: _Values) -> None:
        """Take note of an experiment whose answers came: version 0.1 wrote the values of users' metrics into them."""
        (self.answered if row["metrics"] == "{}" else self.scored).add(row["experiment_id"])

    def _find_owners(self, experiments: set[str]) -> None:
        unknown = experiments - self.owners.keys()
        if unknown:
            among, ids = self._among(unknown)
            query = f"SELECT experiment_id, user, calibration_id FROM experiments WHERE experiment_id IN ({among})"
            rows = self.cursor.execute(query, ids).fetchall()
            self.owners |= {experiment: _owner(user, calibration) for experiment, user, calibration in rows}

    def _write_events(self, rows: list[_Values]) -> None:
        new = self._without_stored(RECORD_TYPES["event"], rows)
        self.head = link(self.head, new, self.inner_before)
        self._insert(RECORD_TYPES["event"], new, new=len(new))

    def _write_once(self, record_type: RecordType, rows: list[_Values]) -> None:
        new = self._without_stored(record_type, rows)
        self._insert(record_type, new, new=len(new))

    def _without_stored(self, record_type: RecordType, rows: list[_Values]) -> list[_Values]:
        """Return, in order, the first row of each id that is not stored yet."""
        if not rows:
            return []
        first: dict[str, _Values] = {}
        for row in rows:
            first.setdefault(row[record_type.key], row)
        for (key,) in self._stored(record_type, rows, record_type.key):
            del first[key]
        return list(first.values())

    def _stored(self, record_type: RecordType, rows: list[_Values], columns: str) -> list[Any]:
        among, ids = self._among({row[record_type.key] for row in rows})
        query = f"SELECT {columns} FROM {record_type.table} WHERE {record_type.key} IN ({among})"
        return self.cursor.execute(query, ids).fetchall()

    def _among(self, ids: Collection[str]) -> tuple[str, list[str]]:
        """Return what stands between the brackets of ``IN (...)`` for these ids, and its parameters.

        A few are parameters: to register a table of them takes as long as the query. There is at least one.
        """
        import pyarrow as pa

        if len(ids) <= FEW_IDS:
            return ", ".join("?" * len(ids)), list(ids)
        self.cursor.register("ids", pa.table({"id": pa.array(list(ids), pa.string())}))
        return "SELECT id FROM ids", []

    def _insert(self, record_type: RecordType, rows: list[_Values], *, new: int) -> None:
        """Write rows of which some replace stored ones unless all are new: to plan a replacement takes 10 ms and more."""
        if not rows:
            return
        replaces = new < len(rows)
        self.cursor.register("incoming", _arrow(record_type, rows))
        if record_type in DIGESTED:
            change = self._change_of_digest(record_type, rows, replaces=replaces)
            self.digests[record_type.table] = self.digests.get(record_type.table, 0) ^ change
        self.cursor.execute(f"INSERT {'OR REPLACE' if replaces else ''} INTO {record_type.table} BY NAME SELECT * FROM incoming")
        self.row_counts[record_type.name] = self.row_counts.get(record_type.name, 0) + len(rows)
        self.new_rows[record_type.table] = self.new_rows.get(record_type.table, 0) + new

    def _change_of_digest(self, record_type: RecordType, rows: list[_Values], *, replaces: bool) -> int:
        """Return the digest of the rows, which are registered as ``incoming``, and of those that they replace."""
        table, few = record_type.table, len(rows) <= FEW
        change = digest_of(record_type, rows) if few else digest(self.cursor, table, "incoming")
        if replaces:
            replaced = f"{table} WHERE {record_type.key} IN (SELECT {record_type.key} FROM incoming)"
            before = digest_of(record_type, self._rows(replaced)) if few else digest(self.cursor, table, replaced)
            change ^= before
        return change

    def _rows(self, source: str, parameters: Sequence[str] = ()) -> list[_Values]:
        self.cursor.execute(f"SELECT * FROM {source}", parameters)
        names = [column[0] for column in self.cursor.description or ()]
        return [dict(zip(names, values, strict=True)) for values in self.cursor.fetchall()]


def _origin(file: str) -> str | None:
    """Return the lab that a journal file came from; ``None`` for this one."""
    name = SegmentName.read_pulled(file)
    return name.origin if name else None


def _owner(user: str, calibration_id: str | None) -> Owner:
    return user, calibration_id or UNCALIBRATED


def _analytics_updated(experiment: _Values) -> _Values:
    """Return the event that an experiment's summaries are up to date; the same whoever derives it, however often."""
    return {
        "event_id": _derived_id(experiment["experiment_id"]),
        "occurred_at": experiment["updated_at"],
        "event": "analytics_updated",
        "actor": experiment["user"],
        "entity": "experiment",
        "entity_id": experiment["experiment_id"],
        "correlation_id": experiment["correlation_id"],
        "span_id": None,
        "parent_span_id": None,
        "payload": canonical_json(
            {"v": 1, "user": experiment["user"], "calibration_id": experiment["calibration_id"] or UNCALIBRATED}
        ),
    }


def _derived_id(experiment_id: str) -> str:
    return str(uuid.uuid5(DERIVED, f"analytics_updated:{experiment_id}"))


def derived_events(cursor: DuckDBPyConnection, experiments: Iterable[str]) -> dict[str, EventRow]:
    """Return the event that the drain derived for each of some experiments, by their ids, so that other labs get the same one."""
    ids = {_derived_id(experiment): experiment for experiment in experiments}
    names = [column.name for column in RECORD_TYPES["event"].columns]
    found = cursor.execute(f"SELECT {', '.join(names)} FROM audit_logs WHERE list_contains(?, event_id)", [list(ids)]).fetchall()
    rows = (dict(zip(names, values, strict=True)) for values in found)
    return {
        ids[row["event_id"]]: EventRow(
            **{**row, "occurred_at": time_text(row["occurred_at"]), "payload": json.loads(row["payload"])}
        )
        for row in rows
    }


def _arrow(record_type: RecordType, rows: list[_Values]) -> Any:
    import pyarrow as pa

    types = {"str": pa.string(), "json": pa.string(), "int": pa.int64(), "float": pa.float64(), "time": pa.timestamp("us")}
    columns = {column.name: pa.array([row[column.name] for row in rows], types[column.holds]) for column in record_type.columns}
    if record_type.name == "event":
        columns["seq"] = pa.array([row["seq"] for row in rows], pa.int64())
        columns["prev_hash"] = pa.array([row["prev_hash"] for row in rows], pa.string())
        columns["hash"] = pa.array([row["hash"] for row in rows], pa.string())
    return pa.table(columns)
