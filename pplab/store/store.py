"""The store of a lab: one journal, lease and drain for each folder and process. Its queries are in `pplab.store.queries`."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.errors import StoreBusy, StoreError
from pplab.log import LabLog, log_error, thread
from pplab.store.connect import Connection, close_idle, one_line
from pplab.store.filesystem import advice, cannot_be_written, in_short, make_folder, obstacle
from pplab.store.journal import Journal
from pplab.store.lease import LOCK, Lease
from pplab.store.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from duckdb import DuckDBPyConnection

    from pplab.store.chain import Head
    from pplab.store.drain import DrainResult
    from pplab.store.rebuild import RebuildReport
    from pplab.store.rows import Row
    from pplab.store.staged_change import StagedChange
    from pplab.store.trace import Trace
    from pplab.store.verify import VerifyReport

TEMPORARY = ":temp:"
TABLES = "lab.duckdb"
LEASE_WAIT_S = 30.0
"""How long a reader waits for other pplab processes, whose leases are short."""
TIMER_WAIT_S = 2.0
"""How long the timer waits for them before it leaves the work to a later time."""
DRAIN_EVERY_S = 3.0  # opening the tables takes 0.2 s of a core, however little is new; who reads drains anyway
FORK_WAIT_S = 5.0
"""How long a fork waits for a read: a child must not inherit an open DuckDB, whose threads stay behind."""


class Store(Queries):
    """One lab's records: written to the journal at once, moved to the tables by whoever reads next.

    Made by `open_store`, which gives every user of a folder in this process the same store. All methods may be called from any
    thread; reads of several threads wait for each other.

    Parameters
    ----------
    folder
        The lab's folder (``.pplab``), made when missing.
    """

    on_lines: Callable[[bytes], None] | None = None
    """Told of the lines that this process has written, on the journal's thread; must not raise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / TABLES
        self._lease = Lease(folder / LOCK)
        self._journal = Journal(folder / "journal", self._lines_written)
        self._log = LabLog(folder, self._journal.without_secrets)
        self._inherited: Connection | None = None
        self._closed = False
        self._obstacle = obstacle(folder)
        self._begin()
        if not self._obstacle:
            make_folder(folder / "journal")
        elif not self.path.exists():
            raise cannot_be_written(self._obstacle)
        self._log.begin()

    def _begin(self) -> None:
        """Set what belongs to this process alone."""
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._has_new_lines = False
        self._ended_files: tuple[str, ...] = ()
        self._stopped = threading.Event()
        self._timer: threading.Thread | None = None

    # Writing

    @property
    def read_only(self) -> str:
        """Why this lab can only be read, or an empty string; looked up again once it is so, for permissions may be given."""
        if self._obstacle:
            self._obstacle = obstacle(self.folder)
        return self._obstacle

    def must_be_writable(self) -> None:
        """Raise the one error of what would write, before anything is written, when this lab can only be read."""
        if why := self.read_only:
            raise cannot_be_written(why)

    def append(self, *rows: Row, durable: bool = False) -> None:
        """Write records and return when they are in the journal; with ``durable``, when they are safe against a power cut.

        Raises
        ------
        StoreError
            When they could not be written (a full disk). What was written before is safe.

        Examples
        --------
        >>> from pplab.store.rows import EventRow
        >>> store = open_store(":temp:")
        >>> store.append(EventRow(event_id="0e5b0a9e-1", occurred_at="2026-11-23T01:00:00.000000", event="retry_requested",
        ...                       actor="ada", entity=None, entity_id=None, correlation_id=None, span_id=None,
        ...                       parent_span_id=None))
        >>> int(store.audit("retry_requested").seq[0])
        1
        >>> store.close()
        """
        self.append_soon(*rows, durable=durable).result()

    def append_soon(self, *rows: Row, durable: bool = False) -> Future[None]:
        """Queue records, in order, and return at once; the future is done when `append` would return."""
        if why := self.read_only:
            failed: Future[None] = Future()
            failed.set_exception(cannot_be_written(why))
            return failed
        return self._journal.append(rows, durable=durable)

    def append_later(self, rows: Iterable[Row]) -> None:
        """Queue records, made by iterating on the writer's thread, to be written within 50 ms; see `Journal.append_later`.

        A lab that can only be read keeps no record of cells.
        """
        if not self.read_only:
            self._journal.append_later(rows)

    def add_secret(self, *secrets: str | None) -> None:
        """Mask these values, in every form a key travels in, in whatever this process writes from here on."""
        self._journal.add_secret(*secrets)

    def flush(self) -> None:
        """Wait until everything this process wrote is safe against a power cut."""
        self._journal.settle(durable=True)

    def _lines_written(self, lines: bytes) -> None:
        """Start the timer with the first line; called by the journal's one thread, which ends before the timer does."""
        if self.on_lines is not None:
            self.on_lines(lines)
        self._has_new_lines = True
        if self._timer is None:
            timer = thread(self._drain_regularly, name="pplab-drain")
            timer.start()
            self._timer = timer

    def _drain_regularly(self) -> None:
        while not self._stopped.wait(DRAIN_EVERY_S):
            if self._has_new_lines:
                try:
                    self._drain(TIMER_WAIT_S)
                except StoreBusy:  # somebody is reading for longer than usual; a later turn drains
                    pass
                except Exception as error:  # noqa: BLE001 - a later read meets the same trouble and can tell its user
                    log_error("the journal was not moved to the tables", error, lab=self.folder)

    # Reading

    def drain(self) -> DrainResult:
        """Move all new journal lines, of all processes, into the tables."""
        return self._drain(LEASE_WAIT_S)

    def _drain(self, wait: float) -> DrainResult:
        with self._hold_lease(wait) as started, self._open_tables(started) as drained:
            return drained

    @contextlib.contextmanager
    def reading(self) -> Iterator[DuckDBPyConnection]:
        """Hold the tables, drained, for several reads of this thread.

        Reads inside share one opening and one state; records appended inside are seen after it.

        Raises
        ------
        StoreBusy
            When another program holds the tables for more than two seconds; the message names it.
        """
        owns_lock = self._lock.acquire(blocking=False)
        try:
            if owns_lock and self._connection is not None:
                yield self._connection.cursor()
                return
        finally:
            if owns_lock:
                self._lock.release()
        with self._hold_lease(LEASE_WAIT_S) as started, self._open_tables(started):
            assert self._connection is not None
            yield self._connection.cursor()

    @contextlib.contextmanager
    def _hold_lease(self, wait: float) -> Iterator[float]:
        """Hold the lease; yield when the waiting began."""
        if self._inherited is not None:
            raise StoreError(
                "this process was forked while its parent was reading the lab",
                hint="fork outside of reading(), or start the process with the spawn method",
            )
        started = time.monotonic()
        self._journal.settle()
        if not self._lock.acquire(timeout=wait):
            raise StoreBusy(f"another thread has been using the lab for more than {wait:g} seconds", hint="try again")
        try:
            if self._closed:
                raise StoreError("the lab is closed", hint="open it again")
            if self._connection is not None:
                raise StoreError("a read is already in progress in this thread", hint="leave the reading() block first")
            self._obstacle = obstacle(self.folder)
            try:
                self._lease.acquire(wait, shared=bool(self._obstacle))
                yield started
            finally:
                self._lease.release()
                self._seal()
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def _open_tables(self, started: float) -> Iterator[DrainResult]:
        """Open the tables inside the lease and drain; yield what was drained."""
        import duckdb

        from pplab.store.drain import DrainResult, drain
        from pplab.store.migrate import open_as_it_is, open_migrated
        from pplab.store.staged_change import finish

        self._has_new_lines = False
        try:
            if self._obstacle:
                self._connection = open_as_it_is(self.path, self._obstacle, started=started)
                drained = DrainResult()
            else:
                finish(self.folder)
                self._connection = open_migrated(self.path, started=started)
                drained = drain(self._connection.cursor(), self.folder)
        except BaseException as error:
            self._has_new_lines = True
            self._close_tables()
            if isinstance(error, OSError):
                raise StoreError(f"{NOT_DRAINED}: {in_short(error)}", hint=f"{KEPT}; {advice(error)}") from None
            if isinstance(error, duckdb.Error):
                raise StoreError(f"{NOT_DRAINED}: {one_line(error)}", hint=KEPT) from None
            raise
        self._ended_files = drained.ended
        self._log_unreadable()
        try:
            yield drained
        except duckdb.Error as error:
            raise StoreError(f"the lab's tables could not be read: {one_line(error)}", hint=KEPT) from None
        finally:
            self._close_tables()

    def _log_unreadable(self) -> None:
        if hidden := self.unreadable_files():
            left_out = StoreError(f"{', '.join(hidden)} may not be read", hint="ask the owner to run chmod g+r on it")
            log_error("journals are left out", left_out, lab=self.folder)

    def unreadable_files(self) -> list[str]:
        """Return the names of the journals that this user may not read, whose records are not in the tables."""
        from pplab.store.segments import unreadable_files

        return unreadable_files(self.folder / "journal")

    def _close_tables(self) -> None:
        import duckdb

        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if not self._obstacle:
                connection.take_in_long_log()
        except FileNotFoundError:  # there is no log
            pass
        except (OSError, duckdb.Error) as error:  # no room: it stays, and is checkpointed another time
            log_error("the tables' log could not be taken in", error, lab=self.folder)
        finally:
            connection.close()

    def _seal(self) -> None:
        """Compress the journals that ended, outside of the lease."""
        from pplab.store import segments

        ended, self._ended_files = self._ended_files, ()
        for name in ended:
            try:
                segments.seal(self.folder / "journal", name)
            except OSError as error:  # it only saves space; the next drain tries again
                log_error("a journal could not be compressed", error, lab=self.folder)

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Run one SELECT with bound parameters, read-only and without access to anything outside the tables.

        Parameters
        ----------
        query
            One ``SELECT`` (``WITH``, ``VALUES``, ``DESCRIBE`` and ``SHOW`` count as one).
        params
            Values for ``?`` or, by name, for ``$name``.

        Raises
        ------
        BadInput
            When it is another statement, several, or one that DuckDB refuses; the message is DuckDB's.
        """
        from pplab.store.one_select import check_text, one_select

        check_text(query)
        with self._hold_lease(LEASE_WAIT_S) as started:
            with self._open_tables(started):
                pass
            return one_select(self.path, query, params)

    # The chain of evidence

    def head(self) -> Head:
        """Return the sequence number and hash of the last audit row, ``(0, 64 zeros)`` when there is none."""
        from pplab.store.chain import Head

        with self.reading() as cursor:
            row = cursor.execute("SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(*row) if row else Head()

    def verify(self, heads: Iterable[tuple[int, str]] = ()) -> VerifyReport:
        """Check that nothing in the tables was altered since it was drained; see `pplab.store.verify`.

        ``heads`` are further ``(seq, hash)`` pairs that must be in the chain, such as those of a package.
        """
        from pplab.store.verify import verify

        with self.reading() as cursor:
            return verify(cursor, self.folder, heads)

    def trace(self, anchor: str) -> Trace:
        """Return what led to a record and what followed from it, given any id or correlation id; see `pplab.store.trace`."""
        from pplab.store.run_lock import running_ids
        from pplab.store.trace import trace

        with self.reading() as cursor:
            return trace(cursor, anchor, running_ids(self.folder))

    def rebuild(self, *, swap: bool = False) -> RebuildReport:
        """Make the tables again from all journals and compare; with ``swap`` put them in place of the present ones.

        The present file is kept in ``backup/``.
        """
        from pplab.store.rebuild import rebuild

        self.must_be_writable()
        with self._hold_lease(LEASE_WAIT_S) as started:
            with self._open_tables(started):
                pass
            return rebuild(self.folder, self.path, swap=swap)

    def rewrite(self, make_ready: Callable[[DuckDBPyConnection], StagedChange | None]) -> None:
        """Carry out a change of journals that were written, made ready on the drained tables, and make the tables again."""
        from pplab.store.drain import seal_all

        self.must_be_writable()
        with self._hold_lease(LEASE_WAIT_S) as started:
            self._journal.end_file()
            with self._open_tables(started):
                assert self._connection is not None
                seal_all(self._connection.cursor(), self.folder / "journal")
                change = make_ready(self._connection.cursor())
            if change is not None:
                change.carry_out()
                with self._open_tables(started):
                    pass

    # Life

    def close(self) -> None:
        """Give up one reference; the last one drains what was written and ends this process's journal file."""
        _open.release(self)

    def end(self, *, drain: bool = True) -> None:
        """Write everything, stop the threads, drain if asked, and refuse what comes later; for the registry."""
        wrote = self._journal.close()
        self._stopped.set()
        if self._timer is not None:
            self._timer.join()
        if wrote and drain:
            try:
                self._drain(TIMER_WAIT_S)
            except Exception as error:  # noqa: BLE001 - the journal keeps it for the next one who opens the lab
                log_error("the journal was not moved to the tables at the end", error, lab=self.folder)
        self._closed = True
        self._log.end()

    def before_fork(self) -> bool:
        """Wait, before a fork, until no thread has the tables open; return whether `after_fork_in_parent` must follow."""
        return self._lock.acquire(timeout=FORK_WAIT_S)

    def after_fork_in_parent(self) -> None:
        """Go on after a fork, in the parent."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew in a forked child: a journal, locks and threads of its own."""
        self._inherited = self._connection  # never used and never destroyed: its threads stayed in the parent
        self._begin()
        self._lease.reset_after_fork()
        self._journal.reset_after_fork()


NOT_DRAINED = "the lab's tables could not be brought up to date"
KEPT = "nothing is lost: every record is in the journal"


class _Registry:
    """The stores that are open in this process, one a folder: the only state of this room."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._stores: dict[Path, Store] = {}
        self._references: dict[Path, int] = {}
        self._temporary: Path | None = None
        self._pid = os.getpid()
        self._locked_stores: list[Store] = []
        atexit.register(self._end_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork_in_parent, after_in_child=self._after_fork_in_child
            )

    def acquire(self, folder: Path | str) -> Store:
        with self._guard:
            path = self._temporary_folder() if folder == TEMPORARY else Path(folder).expanduser().resolve()
            if path not in self._stores:
                self._stores[path] = Store(path)
            self._references[path] = self._references.get(path, 0) + 1
            return self._stores[path]

    def release(self, store: Store) -> None:
        with self._guard:
            if self._stores.get(store.folder) is not store:
                return
            self._references[store.folder] -= 1
            if self._references[store.folder] > 0 or store.folder == self._temporary:
                return
            del self._stores[store.folder], self._references[store.folder]
        store.end()

    def _temporary_folder(self) -> Path:
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="pplab-")).resolve()
        return self._temporary

    def _end_all(self) -> None:
        for store in self._stores.values():
            store.end(drain=False)  # nothing can be imported any more; the next one who opens the lab drains
        if self._temporary is not None and self._pid == os.getpid():
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _before_fork(self) -> None:
        self._locked_stores = [store for store in self._stores.values() if store.before_fork()]
        close_idle()

    def _after_fork_in_parent(self) -> None:
        for store in self._locked_stores:
            store.after_fork_in_parent()

    def _after_fork_in_child(self) -> None:
        self._guard = threading.Lock()
        for store in self._stores.values():
            store.after_fork_in_child()


_open = _Registry()


def open_store(folder: Path | str) -> Store:
    """Return the store of a folder, the same for everybody in this process; each caller closes it once.

    Parameters
    ----------
    folder
        The lab's folder, made when missing, or ``:temp:`` for the one temporary lab of this process, which lasts until the
        process ends and is then removed.

    Raises
    ------
    StoreError
        When the folder cannot be made.
    """
    return _open.acquire(folder)
