"""Migrations: numbered SQL files applied in order, one transaction each, after a backup of the file."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from pplab.errors import StoreError
from pplab.files import replacement
from pplab.store.connect import Connection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from duckdb import DuckDBPyConnection

WHERE_WRITABLE = "run a command where the lab can be written"

RELEASED = {
    "ce50ec295d565237aeef20c61d0428133fc5ee0af4ddc106c947f435156a9eb3":
    "a0c13c8a0a4a5791c367acba615d6f7be3b8b7040dbe5012e626a5de8dbd88fa",
}  # fmt: skip
"""Texts in which only comments were put right since their release, by their hash: the hash of the released text."""

_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the text as it was released, the same whatever ends its lines."""
        digest = hashlib.sha256("\n".join(self.sql.splitlines()).encode()).hexdigest()
        return RELEASED.get(digest, digest)


@cache
def migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version of pplab, in order."""
    steps = [
        Migration(int(name[1]), entry.read_text(encoding="utf-8"))
        for entry in resources.files("pplab.store.migrations").iterdir()
        if (name := _NAME.fullmatch(entry.name))
    ]
    return tuple(sorted(steps, key=lambda migration: migration.version))


def open_migrated(path: Path, *, started: float | None = None, steps: tuple[Migration, ...] | None = None) -> Connection:
    """Open the tables with the present schema, migrating them first where they are older.

    Raises
    ------
    StoreError
        When the file was written by a newer pplab, by a changed migration, or is no lab at all.
    """
    steps = migrations() if steps is None else steps
    if not path.exists():
        _create(path, steps)
    connection = Connection(path, started=started)
    try:
        pending = missing_steps(connection.cursor(), steps, path)
        if pending:
            if pending[0].version > 1:
                connection.cursor().execute("CHECKPOINT")
                connection.close()  # copying an open file would free DuckDB's lock on it
                _back_up(path, pending[0].version - 1)
                connection = Connection(path)
            _apply_all(connection, pending)
    except BaseException:
        connection.close()
        raise
    return connection


def open_as_it_is(path: Path, why: str, *, started: float | None = None) -> Connection:
    """Open tables that cannot be written for reading; ``why`` says what hinders writing.

    Raises
    ------
    StoreError
        When there are none, or ones of another version, which would have to be brought up to date first.
    """
    if not path.exists():
        raise StoreError(f"the lab has no tables yet, and they cannot be created ({why})", hint=WHERE_WRITABLE)
    connection = Connection(path, read_only=True, started=started)
    try:
        older = missing_steps(connection.cursor(), migrations(), path)
    except BaseException:
        connection.close()
        raise
    if older:
        connection.close()
        raise StoreError(f"the tables were written by an older pplab and cannot be updated ({why})", hint=WHERE_WRITABLE)
    return connection


def _create(path: Path, steps: tuple[Migration, ...]) -> None:
    """Make the file under another name first: a full disk or a kill must not leave half a file that nobody can open."""
    with replacement(path) as part:
        try:
            connection = Connection(part, once=True)
            try:
                _apply_all(connection, steps)
            finally:
                connection.close()
        finally:
            part.with_name(f"{part.name}.wal").unlink(missing_ok=True)  # emptied by the checkpoint


def _apply_all(connection: Connection, steps: Iterable[Migration]) -> None:
    for step in steps:
        _apply(connection.cursor(), step)
    connection.cursor().execute("CHECKPOINT")


def missing_steps(cursor: DuckDBPyConnection, steps: tuple[Migration, ...], path: Path) -> list[Migration]:
    """Return the migrations that tables still need, or raise `StoreError` where they were not made by these migrations."""
    import duckdb

    try:
        applied = dict(cursor.execute("SELECT version, sha256 FROM schema_version").fetchall())
    except duckdb.CatalogException:  # asked first, a list of the tables would load what the file says of each of them
        if cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            raise StoreError(f"{path.name} is a DuckDB file, but not a lab", hint=f"move it out of {path.parent}") from None
        return list(steps)
    if applied and max(applied) > steps[-1].version:
        raise StoreError("the lab was written by a newer pplab", hint="open it with that version, or a newer one")
    for step in steps:
        if step.version in applied and applied[step.version] != step.sha256:
            raise StoreError(
                f"the lab's tables were made by another build of pplab (migration {step.version} differs)",
                hint="use that build, or move lab.duckdb away: it is made again from the journal",
            )
    return [step for step in steps if step.version not in applied]


def _apply(cursor: DuckDBPyConnection, step: Migration) -> None:
    cursor.execute("BEGIN")
    cursor.execute(step.sql)
    cursor.execute(
        "INSERT INTO schema_version VALUES (?, ?, ?)", [step.version, step.sha256, datetime.now(UTC).replace(tzinfo=None)]
    )
    cursor.execute("COMMIT")


def _back_up(path: Path, version: int) -> None:
    folder = path.parent / "backup"
    folder.mkdir(exist_ok=True)
    shutil.copy2(path, folder / f"{path.stem}-v{version}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{path.suffix}")
