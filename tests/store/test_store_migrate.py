"""Migrations: the whole schema from blank, a backup before a change, and no opening of what a newer or another build made."""

from __future__ import annotations

import duckdb
import pytest
from store_records import event

from pplab.errors import StoreError
from pplab.store import migrate
from pplab.store.connect import Connection
from pplab.store.migrate import Migration, migrations, open_migrated
from pplab.store.record_types import RECORD_TYPES

TYPES = {"VARCHAR", "BIGINT", "DOUBLE", "TIMESTAMP", "BOOLEAN"}


def test_a_blank_lab_has_the_whole_schema(store):
    with store.reading() as cursor:
        found = cursor.execute(
            """SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal
               ORDER BY table_name, column_index"""
        ).fetchall()
        keys = dict(
            cursor.execute(
                "SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
            ).fetchall()
        )
        indexes = cursor.execute("SELECT count(*) FROM duckdb_indexes()").fetchall()
        versions = cursor.execute("SELECT version, sha256 FROM schema_version").fetchall()
    schema = {}
    for table, column, data_type, nullable in found:
        schema.setdefault(table, {})[column] = (data_type, nullable)
    expected = {
        kind.table: {column.name: (column.sql_type, column.nullable) for column in kind.columns} for kind in RECORD_TYPES.values()
    }
    chained = {"seq": ("BIGINT", False), **expected["audit_logs"], "prev_hash": ("VARCHAR", False), "hash": ("VARCHAR", False)}
    expected["audit_logs"] = chained
    expected["analytics_summaries"] = {
        "user": ("VARCHAR", False),
        "calibration_id": ("VARCHAR", False),
        "measure": ("VARCHAR", False),
        "n": ("BIGINT", False),
        "mean": ("DOUBLE", True),
        "m2": ("DOUBLE", True),
        "updated_at": ("TIMESTAMP", False),
    }
    expected["journal_files"] = {"file": ("VARCHAR", False), "bytes_read": ("BIGINT", False), "sealed": ("BOOLEAN", False)}
    expected["drained"] = {
        "table_name": ("VARCHAR", False),
        "row_count": ("BIGINT", False),
        "digest": ("VARCHAR", True),
        "head_hash": ("VARCHAR", True),
    }
    expected["origins"] = {"origin": ("VARCHAR", False), "name": ("VARCHAR", False)}
    expected["pulled_records"] = {"id": ("VARCHAR", False), "origin": ("VARCHAR", False)}
    expected["schema_version"] = {"version": ("BIGINT", False), "sha256": ("VARCHAR", False), "applied_at": ("TIMESTAMP", False)}
    assert schema == expected
    assert {table: list(columns) for table, columns in schema.items()} == {t: list(c) for t, c in expected.items()}
    assert keys == {kind.table: [kind.key] for kind in RECORD_TYPES.values()} | {
        "analytics_summaries": ["user", "calibration_id", "measure"],
        "journal_files": ["file"],
        "drained": ["table_name"],
        "origins": ["origin"],
        "pulled_records": ["id"],
        "schema_version": ["version"],
    }
    assert indexes == [(0,)], "an explicit index is corrupted by kill -9 and reopen on DuckDB 1.5"
    assert versions == [(step.version, step.sha256) for step in migrations()]


def test_every_column_is_documented_in_the_schema_files():
    for step in migrations():
        for line in step.sql.splitlines():
            if any(f" {data_type} " in f"{line} " for data_type in TYPES) and not line.startswith("--"):
                assert " -- " in line, line


def test_migrations_are_numbered_from_one_without_gaps():
    assert [step.version for step in migrations()] == list(range(1, len(migrations()) + 1))


NEXT = Migration(len(migrations()) + 1, "ALTER TABLE audit_logs ADD COLUMN note VARCHAR; CREATE TABLE more (a INTEGER);")


def test_present_tables_are_opened_with_one_query_and_no_list_of_them(store, monkeypatch):
    store.counts()
    queries = []

    class Cursor:
        def __init__(self, cursor):
            self.cursor = cursor

        def execute(self, query):
            queries.append(query)
            return self.cursor.execute(query)

    cursor = Connection.cursor
    monkeypatch.setattr(Connection, "cursor", lambda self: Cursor(cursor(self)))
    open_migrated(store.path).close()
    assert queries == ["SELECT version, sha256 FROM schema_version"]


def test_an_older_lab_is_backed_up_and_then_migrated(store, folder):
    store.append(event())
    store.drain()
    open_migrated(store.path, steps=(*migrations(), NEXT)).close()
    (backup,) = (folder / "backup").iterdir()
    assert backup.name.startswith(f"lab-v{NEXT.version - 1}-")
    with duckdb.connect(backup) as connection:
        assert connection.execute("SELECT count(*), max(version) FROM audit_logs, schema_version").fetchall() == [
            (NEXT.version - 1, NEXT.version - 1)
        ]
    with duckdb.connect(store.path) as connection:
        assert connection.execute("SELECT note FROM audit_logs").fetchall() == [(None,)]
        versions = connection.execute("SELECT version FROM schema_version ORDER BY 1").fetchall()
        assert versions == [(step.version,) for step in (*migrations(), NEXT)]


def test_a_migration_that_fails_changes_nothing(store):
    store.counts()
    broken = Migration(NEXT.version, "CREATE TABLE more (a INTEGER); SELECT nothing FROM nowhere;")
    with pytest.raises(duckdb.Error):
        open_migrated(store.path, steps=(*migrations(), broken))
    assert "more" not in store.sql("SHOW TABLES").name.tolist()


def test_a_lab_of_a_newer_pplab_is_refused(store):
    open_migrated(store.path, steps=(*migrations(), NEXT)).close()
    store.append(event(), durable=True)
    with pytest.raises(StoreError, match=r"written by a newer pplab.*open it with that version"):
        store.counts()


def test_a_lab_whose_migrations_were_changed_is_refused(store, monkeypatch):
    store.counts()
    first, *rest = migrations()
    changed = (Migration(1, first.sql + "-- changed"), *rest)
    monkeypatch.setattr(migrate, "migrations", lambda: changed)
    with pytest.raises(StoreError, match="another build"):
        store.counts()


def test_the_hash_of_a_migration_does_not_depend_on_how_its_lines_end():
    assert Migration(1, "a\r\nb\r\n").sha256 == Migration(1, "a\nb").sha256
