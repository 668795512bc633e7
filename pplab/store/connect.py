"""Connection to the DuckDB file: its configuration, other programs that have it open, and forks; no query is here."""

from __future__ import annotations

import os
import re
import time
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
    "enable_external_access": "false",  # no query may touch another file
    "python_enable_replacements": "false",  # nor read the variables of the notebook
}

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
    started
        ``time.monotonic()`` of when the caller began to wait; a foreign holder is waited for until two seconds later.
    """

    def __init__(self, path: Path, *, read_only: bool = False, started: float | None = None) -> None:
        self.path = path
        self._pid = os.getpid()
        self._connection = _open(path, read_only=read_only, started=time.monotonic() if started is None else started)
        self._cursors: list[DuckDBPyConnection] = []

    def cursor(self) -> DuckDBPyConnection:
        """Return a cursor of its own for one thread or one unfinished result."""
        if os.getpid() != self._pid:
            raise StoreError("a forked process cannot use its parent's connection", hint="open the lab in the child")
        cursor = self._connection.cursor()
        self._cursors.append(cursor)
        return cursor

    def close(self) -> None:
        """Close the file and give up DuckDB's lock on it."""
        if os.getpid() == self._pid:
            for cursor in self._cursors:  # one that is left open keeps the whole file open
                cursor.close()
            self._connection.close()


def _open(path: Path, *, read_only: bool, started: float) -> DuckDBPyConnection:
    import duckdb

    _check_header(path)
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=dict[str, Any](CONFIG))
        except duckdb.ConnectionException:
            raise StoreBusy(
                "the lab's tables are open in this process through another duckdb connection",
                hint=f"close your connection to {path.name}, or query with lab.sql",
            ) from None
        except duckdb.IOException as error:
            if not _is_held(error):
                raise StoreError(f"{path.name} cannot be opened: {_first_line(error)}", hint=_hint(path)) from None
            if time.monotonic() - started >= FOREIGN_WAIT_S:
                raise StoreBusy(
                    f"the lab's tables are held by {_holder(error)} for more than {FOREIGN_WAIT_S:g} seconds",
                    hint="close the lab there and try again; everything recorded is safe in the journal",
                ) from None
            time.sleep(RETRY_S)
        except duckdb.Error as error:
            raise StoreError(f"{path.name} cannot be opened: {_first_line(error)}", hint=_hint(path)) from None
        else:
            break
    if not read_only:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    connection.execute("SET lock_configuration = true")
    return connection


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


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _hint(path: Path) -> str:
    return f"check the permissions and the free space of {path.parent}"
