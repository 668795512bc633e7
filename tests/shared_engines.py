"""DuckDB engines that the labs of all tests of a process share, for starting one for each lab takes 35 ms."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Any

from pplab.store import connect
from pplab.store import store as store_module

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from duckdb import DuckDBPyConnection

OWN_ENGINES = (
    *("test_store_opening", "test_store_tables", "test_store_migrate", "test_store_rebuild", "test_store_users"),
    *("test_bad_input", "test_processes"),
)
"""The files that test what an engine may open, and what becomes of it: their labs have engines of their own."""


class SharedEngines:
    """Engines that may open any file below a folder and nothing else; one that no lab uses has no file attached.

    Parameters
    ----------
    folder
        Where the labs lie that share them. Labs elsewhere have engines of their own.

    Notes
    -----
    All that a connection makes beside the tables of its file (temporary tables, registered frames, prepared statements) ends with
    its cursors, which `Connection.close` closes. That no query of ours names a file is a test in ``test_rules_rooms.py``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}/"
        self._idle: deque[DuckDBPyConnection] = deque()
        self._numbers = itertools.count()
        self._real = connect._take, connect._detach, connect.close_idle

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the labs of this process use them."""
        self._set(monkeypatch, self.take, self.detach, self.close_idle)

    def put_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let each lab have an engine of its own again."""
        self._set(monkeypatch, *self._real)

    @staticmethod
    def _set(monkeypatch: pytest.MonkeyPatch, take: Any, detach: Any, close_idle: Any) -> None:
        monkeypatch.setattr(connect, "_take", take)
        monkeypatch.setattr(connect, "_detach", detach)
        monkeypatch.setattr(store_module, "close_idle", close_idle)

    def take(self, path: str) -> DuckDBPyConnection:
        """Return an engine that nobody uses, or a new one."""
        if not path.startswith(self._folder):
            return self._real[0](path)
        try:
            return self._idle.pop()
        except IndexError:
            return self._start()

    def _start(self) -> DuckDBPyConnection:
        import duckdb

        engine = duckdb.connect(":memory:", config=dict[str, Any](connect.CONFIG))
        engine.execute(f"SET allowed_directories = ['{self._folder}']")
        engine.execute(f"SET temp_directory = '{self._folder}engine-{next(self._numbers)}.tmp'")
        engine.execute("SET enable_external_access = false")
        engine.execute("PRAGMA disable_checkpoint_on_shutdown")
        engine.execute("SET lock_configuration = true")
        return engine

    def detach(self, engine: DuckDBPyConnection, path: Path, *, keep: bool) -> None:
        """Close the file, and the engine if it failed."""
        import duckdb

        if not connect._absolute(path).startswith(self._folder):
            self._real[1](engine, path, keep=keep)
            return
        try:
            engine.execute(f"DETACH {connect.NAME}")
        except duckdb.Error:
            engine.close()
        else:
            self._idle.append(engine)

    def close_idle(self, most: int = 0) -> None:
        """Close those that nobody uses; none may be there at a fork."""
        while len(self._idle) > most:
            self._idle.pop().close()
        self._real[2](most)
