"""Connection to the DuckDB file: its configuration, other programs that have it open, and forks; no query is here.

The file is attached to a DuckDB that holds nothing of its own and may open no other file. Starting one takes 40 ms, attaching
and detaching a file 4 ms, so the few that were used last are kept, detached.
"""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from pplab.errors import StoreBusy, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

FOREIGN_WAIT_S = 2.0
RETRY_S = 0.02

CONFIG: dict[str, str] = {
    "storage_compatibility_version": "v1.5.0",  # the oldest version we support must be able to read the file
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # no query may read the variables of the notebook
}
BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery", ".tmp")
"""What DuckDB adds to the name of a file for what it writes beside it."""
CHECKPOINT_BYTES = 50_000, 1_000_000
"""From how many bytes on a log is long: at least and at most so many, between them from a hundredth of the file on.

Each kB is replayed in 0.4 ms. A checkpoint of a small file takes 20 ms, of one with 100,000 rows 100 ms.
"""
MOST_KEPT = 4
"""How many engines are kept for the next opening of their file."""
NAME = "lab"
"""What the tables' database is called in queries."""

_HELD = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_HEADER_SIZE = 16


class Connection:
    """An open DuckDB file, to be used by the process that opened it.

    Parameters
    ----------
    path
        The file; made when missing, unless ``read_only``.
    read_only
        Refuse every change.
    once
        The file gets another name afterwards, so its engine is not kept.
    started
        ``time.monotonic()`` of when the caller began to wait; a foreign holder is waited for until two seconds later.
    """

    def __init__(self, path: Path, *, read_only: bool = False, once: bool = False, started: float | None = None) -> None:
        self.path = path
        self._pid = os.getpid()
        self._engine = _open(path, read_only=read_only, started=time.monotonic() if started is None else started)
        self._once = once
        self._cursors: list[DuckDBPyConnection] = []

    def cursor(self) -> DuckDBPyConnection:
        """Return a cursor of its own for one thread or one unfinished result."""
        if os.getpid() != self._pid:
            raise StoreError("a forked process cannot use its parent's connection", hint="open the lab in the child")
        cursor = self._engine.cursor()
        self._cursors.append(cursor)
        cursor.execute(f"USE {NAME}")
        return cursor

    def take_in_long_log(self) -> None:
        """Take the file's write-ahead log into it when it is long: it is replayed at every opening.

        Raises
        ------
        OSError
            When there is no log.
        """
        least, most = CHECKPOINT_BYTES
        log = self.path.with_name(f"{self.path.name}.wal").stat().st_size
        if log > min(max(least, self.path.stat().st_size // 100), most):
            self.cursor().execute("CHECKPOINT")

    def close(self) -> None:
        """Close the file and give up DuckDB's lock on it."""
        if os.getpid() == self._pid:
            for cursor in self._cursors:  # one that is left open keeps the whole file open
                cursor.close()
            _detach(self._engine, self.path, keep=not self._once)


_idle: OrderedDict[str, DuckDBPyConnection] = OrderedDict()
"""Engines that nobody uses, by the file that each may open; the one that was used last stands last. No lock, which a fork
could leave locked: each of its methods is one step."""


def _start(path: str) -> DuckDBPyConnection:
    """Return an engine that can open this file and no other."""
    import duckdb

    engine = duckdb.connect(":memory:", config=dict[str, Any](CONFIG))
    allowed = ", ".join(_quoted(path + ending) for ending in BESIDE)
    engine.execute(f"SET allowed_paths = [{allowed}]")
    engine.execute(f"SET temp_directory = {_quoted(path + '.tmp')}")
    engine.execute("SET enable_external_access = false")
    engine.execute("PRAGMA disable_checkpoint_on_shutdown")
    engine.execute("SET lock_configuration = true")
    return engine


def _take(path: str) -> DuckDBPyConnection:
    """Return the engine that is kept for this file, or a new one."""
    return _idle.pop(path, None) or _start(path)


def _detach(engine: DuckDBPyConnection, path: Path, *, keep: bool) -> None:
    """Close the file, and its engine too, unless it is to be kept for the next opening and did not fail."""
    import duckdb

    try:
        engine.execute(f"DETACH {NAME}")
    except duckdb.Error:  # it met an error after which DuckDB does nothing more; to close it closes the file
        keep = False
    if not keep:
        engine.close()
        return
    _idle[_absolute(path)] = engine
    close_idle(MOST_KEPT)


def close_idle(most: int = 0) -> None:
    """Close the engines that nobody uses, except those that were used last.

    None may be there at a fork: its threads would stay behind, and a child that ends would wait for them.
    """
    while len(_idle) > most:
        _idle.popitem(last=False)[1].close()


def _open(path: Path, *, read_only: bool, started: float) -> DuckDBPyConnection:
    """Return an engine to which the file is attached."""
    _check_header(path)
    engine = _take(_absolute(path))
    try:
        _attach(engine, path, read_only=read_only, started=started)
    except BaseException:
        engine.close()
        raise
    return engine


def _attach(engine: DuckDBPyConnection, path: Path, *, read_only: bool, started: float) -> None:
    import duckdb

    while True:
        try:
            engine.execute(f"ATTACH {_quoted(_absolute(path))} AS {NAME}{' (READ_ONLY)' if read_only else ''}")
        except duckdb.IOException as error:
            if not _is_held(error):
                raise StoreError(f"{path.name} cannot be opened: {one_line(error)}", hint=_hint(path)) from None
            if time.monotonic() - started >= FOREIGN_WAIT_S:
                raise StoreBusy(
                    f"the lab's tables are held by {_holder(error)} for more than {FOREIGN_WAIT_S:g} seconds",
                    hint="close the lab there and try again; everything recorded is safe in the journal",
                ) from None
            time.sleep(RETRY_S)
        except duckdb.Error as error:
            if "Unique file handle conflict" in str(error):
                raise StoreBusy(
                    "the lab's tables are open in this process through another duckdb connection",
                    hint=f"close your connection to {path.name}, or query with lab.sql",
                ) from None
            raise StoreError(f"{path.name} cannot be opened: {one_line(error)}", hint=_hint(path)) from None
        else:
            return


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute leaves ".." in, which DuckDB compares as it stands


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _check_header(path: Path) -> None:
    """Refuse a file that is no DuckDB database before DuckDB sees it.

    Only while we have no connection to it: closing any handle of a file frees the POSIX locks that this process has on it.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_SIZE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {error.strerror}", hint=_hint(path)) from None
    if header and header[8:12] != b"DUCK":
        raise StoreError(f"{path.name} is not a DuckDB file", hint=f"move it out of {path.parent} and run the command again")


def _is_held(error: Exception) -> bool:
    text = str(error)
    return "Could not set lock" in text or "being used by another process" in text


def _holder(error: Exception) -> str:
    match = _HELD.search(str(error))
    return f"process {match['pid']} ({os.path.basename(match['program'])})" if match else "another process"  # noqa: PTH119 - text of a message, not a path of ours


def one_line(error: Exception) -> str:
    """Return what DuckDB says, without the statement that it quotes below."""
    return " ".join(str(error).partition("\n\n")[0].split())


def _hint(path: Path) -> str:
    return f"check the permissions and the free space of {path.parent}"
