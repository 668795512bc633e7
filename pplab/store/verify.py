"""Verification: whether the tables still are what pplab wrote, and which rows were altered, removed, added or moved."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.store import origin_chains, segments
from pplab.store.arrivals import CONFLICT, names_of_origins
from pplab.store.chain import GENESIS, SQL_HASH, Head
from pplab.store.digests import DIGESTED, digest
from pplab.store.drain_log import DrainLog
from pplab.store.record_types import RECORD_TYPES
from pplab.store.segments import Progress
from pplab.store.summaries import RECOMPUTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

NAMED = 100
"""How many problems of one check are named one by one."""
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Problem:
    """Difference between the tables and what was drained.

    Attributes
    ----------
    kind
        ``altered``, ``deleted``, ``inserted`` or ``reordered`` for audit rows; ``count`` for a table with rows too many or too
        few, ``content`` for one with altered rows; ``summary`` for figures that the responses do not give; ``damaged`` for a
        journal line that is not a record. The first four also for segments of other labs, and ``conflict`` for a line of theirs
        that would have changed a record of another.
    seq
        The audit row, when it is about one.
    what
        One line for a person.
    """

    kind: str
    seq: int | None
    what: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome of a verification.

    Attributes
    ----------
    problems
        The problems; empty when nothing was altered.
    head
        The chain's head as stored.
    counts
        Rows of each table.
    heads_checked
        How many heads, of exports, drains and given ones, were compared with the chain.
    unread
        Bytes of unfinished lines in journals that are being written.
    torn
        Names of last lines that a dying process left unfinished; nobody relied on them.
    seconds
        How long it took.
    """

    problems: tuple[Problem, ...]
    head: Head
    counts: dict[str, int]
    heads_checked: int
    unread: int
    torn: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    @property
    def rows(self) -> int:
        """How many audit rows were checked."""
        return self.counts["audit_logs"]

    @property
    def words(self) -> str:
        """The outcome in one line."""
        if self.ok:
            return f"{self.rows} audit rows verified, nothing was altered"
        more = f", and {len(self.problems) - 3} more problems" if len(self.problems) > 3 else ""
        return "; ".join(problem.what for problem in self.problems[:3]) + more


def verify(cursor: DuckDBPyConnection, folder: Path, heads: Iterable[tuple[int, str]] = ()) -> VerifyReport:
    """Check the chain, the heads that exports and drains mention, the counts, the summaries and the journals."""
    started = time.perf_counter()
    journal = folder / "journal"
    mentioned = _mentioned(cursor, folder, heads)
    counts = {
        record_type.table: cursor.execute(f"SELECT count(*) FROM {record_type.table}").fetchall()[0][0]
        for record_type in RECORD_TYPES.values()
    }
    stored = cursor.execute("SELECT file, bytes_read, sealed FROM journal_files").fetchall()
    problems = [
        *_chain(cursor),
        *_heads(cursor, mentioned),
        *_counts(cursor, counts),
        *_contents(cursor),
        *_summaries(cursor),
        *(
            Problem("damaged", None, f"journal line {name} is not a record")
            for name in segments.files_set_aside(journal, "damaged")
        ),
        *(
            Problem("conflict", None, f"line {name} of another lab differs from a record that was here, which stays")
            for name in segments.files_set_aside(journal, CONFLICT)
        ),
        *(
            Problem(kind, None, what)
            for kind, what in origin_chains.problems(folder, (file for file, *_ in stored), names_of_origins(cursor))
        ),
    ]
    progress = {file: Progress(stop, sealed) for file, stop, sealed in stored}
    last = cursor.execute("SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1").fetchone()
    return VerifyReport(
        problems=tuple(dict.fromkeys(problems)),
        head=Head(*last) if last else Head(),
        counts=counts,
        heads_checked=len(mentioned),
        unread=segments.unread_bytes(journal, progress),
        torn=tuple(segments.files_set_aside(journal, "torn")),
        seconds=time.perf_counter() - started,
    )


_CHAIN = f"""
WITH hashed AS (
    SELECT seq, event_id, prev_hash, hash, hash = {SQL_HASH} AS intact FROM audit_logs
), checked AS (
    SELECT seq, prev_hash, intact, lag(seq, 1, 0) OVER chain AS before,
           prev_hash = lag(hash, 1, '{GENESIS}') OVER chain AS linked
    FROM hashed WINDOW chain AS (ORDER BY seq, event_id)
), wrong AS (
    SELECT *, count(*) OVER () AS total FROM checked WHERE NOT intact OR NOT linked OR seq <> before + 1
), named AS (
    SELECT * FROM wrong ORDER BY seq LIMIT {NAMED}
)
SELECT named.seq, before, intact, linked, predecessor.seq, total
FROM named LEFT JOIN audit_logs predecessor ON predecessor.hash = named.prev_hash ORDER BY named.seq
"""
"""Every row that does not stand where the hash chain puts it, and where its predecessor stands now."""


def _chain(cursor: DuckDBPyConnection) -> Iterator[Problem]:
    total = 0
    rows = cursor.execute(_CHAIN).fetchall()
    for seq, before, intact, linked, predecessor, count in rows:
        total = count
        yield _wrong_row(seq, before, predecessor, intact=intact, linked=linked)
    if total > len(rows):
        yield Problem("altered", None, f"{total - len(rows)} more audit rows do not fit the chain")


def _wrong_row(seq: int, before: int, predecessor: int | None, *, intact: bool, linked: bool) -> Problem:
    if seq == before:
        return Problem("inserted", seq, f"audit row {seq} is there twice")
    if not intact and not linked and predecessor is not None:
        return Problem("reordered", seq, f"audit row {seq} belongs after row {predecessor}")
    if not intact:
        return Problem("altered", seq, f"audit row {seq} does not match its hash")
    if seq != before + 1:
        missing = f"row {before + 1} is" if seq == before + 2 else f"rows {before + 1} to {seq - 1} are"
        return Problem("deleted", before + 1, f"audit {missing} missing")
    return Problem("altered", before or seq, f"audit row {seq} does not follow the row before it")


@dataclass(frozen=True, slots=True)
class _Mention:
    seq: int
    hash: str
    by: str


def _mentioned(cursor: DuckDBPyConnection, folder: Path, heads: Iterable[tuple[int, str]]) -> list[_Mention]:
    """Return the chain's heads that are noted outside the audit table."""
    exports = cursor.execute(
        "SELECT head_seq, head_hash, export_id FROM experiment_exports WHERE head_seq > 0 AND head_hash IS NOT NULL"
    ).fetchall()
    drained = cursor.execute("SELECT row_count, head_hash FROM drained WHERE table_name = 'audit_logs'").fetchall()
    return [
        *(_Mention(seq, head, f"export {export}") for seq, head, export in exports),
        *(_Mention(seq, head, "the last drain") for seq, head in drained),
        *(
            _Mention(entry.seq, entry.hash, "the drain log (ledger.jsonl)")
            for entry in DrainLog(folder / "ledger.jsonl").entries()
            if entry.seq
        ),
        *(_Mention(seq, head, "the given head") for seq, head in heads if seq),
    ]


def _heads(cursor: DuckDBPyConnection, mentioned: list[_Mention]) -> Iterator[Problem]:
    import pyarrow as pa

    cursor.register(
        "mentioned",
        pa.table(
            {
                "seq": pa.array([mention.seq for mention in mentioned], pa.int64()),
                "hash": pa.array([mention.hash for mention in mentioned], pa.string()),
                "by": pa.array([mention.by for mention in mentioned], pa.string()),
            }
        ),
    )
    last = cursor.execute("SELECT coalesce(max(seq), 0) FROM audit_logs").fetchall()[0][0]
    latest = max(mentioned, key=lambda mention: mention.seq, default=None)
    if latest is not None and latest.seq > last:
        yield Problem("deleted", last + 1, f"audit rows {last + 1} to {latest.seq} are missing: {latest.by} mentions them")
    counted = max((mention.seq for mention in mentioned if mention.by == "the last drain"), default=0)
    if last > counted:
        yield Problem("inserted", counted + 1, f"audit rows {counted + 1} to {last} were added by something other than pplab")
    differing = cursor.execute(
        """SELECT m.seq, m.by FROM mentioned m JOIN audit_logs a ON a.seq = m.seq
           WHERE a.hash <> m.hash ORDER BY m.seq, m.by LIMIT ?""",
        [NAMED],
    ).fetchall()
    cursor.unregister("mentioned")
    for seq, by in differing:
        yield Problem("altered", seq, f"audit row {seq} has another hash than {by} mentions")


def _counts(cursor: DuckDBPyConnection, counts: dict[str, int]) -> Iterator[Problem]:
    drained = dict(cursor.execute("SELECT table_name, row_count FROM drained").fetchall())
    for table, count in counts.items():
        expected = drained.get(table, 0)
        if count != expected:
            yield Problem("count", None, f"{table} has {count} rows, pplab wrote {expected}")


def _contents(cursor: DuckDBPyConnection) -> Iterator[Problem]:
    drained = dict(cursor.execute("SELECT table_name, digest FROM drained").fetchall())
    for record_type in DIGESTED:
        if digest(cursor, record_type.table, record_type.table) != int(drained.get(record_type.table) or "0", 16):
            yield Problem(
                "content", None, f"{record_type.table} was changed by something other than pplab; pplab rebuild names the rows"
            )


def _summaries(cursor: DuckDBPyConnection) -> Iterator[Problem]:
    """Compare with a recomputation; the tolerance is relative to the size of the sums."""
    query = f"""
        SELECT coalesce(s.user, c.user), coalesce(s.calibration_id, c.calibration_id), coalesce(s.measure, c.measure)
        FROM analytics_summaries s FULL JOIN ({RECOMPUTED}) c
          ON s.user = c.user AND s.calibration_id = c.calibration_id AND s.measure = c.measure
        WHERE s.n IS DISTINCT FROM c.n
           OR (s.mean IS NULL) <> (c.mean IS NULL)
           OR abs(s.mean - c.mean) > {TOLERANCE} * greatest(1, abs(c.mean))
           OR abs(s.m2 - c.m2) > {TOLERANCE} * greatest(1, c.m2, c.n * c.mean ** 2)
        ORDER BY ALL LIMIT {NAMED}"""
    for user, calibration, measure in cursor.execute(query).fetchall():
        yield Problem("summary", None, f"{measure} of {user}, {calibration} does not match the responses")
