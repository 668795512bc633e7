"""Batches in the tables: the latest revision of each, kept through a rebuild, verified and traced; older labs get the table."""

from __future__ import annotations

import dataclasses

import pytest
from store_records import batch, event, experiment, response, run

from pplab.errors import StoreError
from pplab.store import migrate
from pplab.store.rows import BatchRow
from pplab.store.store import Store, open_store

SENT = "5f67ab1c00000000000000000000beef"


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / ".pplab")
    store.append(experiment("experiment-1"), response("experiment-1", "response-0"))
    yield store
    store.end()


def test_the_columns_of_the_table_are_those_of_the_record(store):
    found = store.sql("SELECT column_name FROM duckdb_columns() WHERE table_name = 'batches' ORDER BY column_index")
    assert found["column_name"].tolist() == [field.name for field in dataclasses.fields(BatchRow)]


def test_a_batch_is_its_latest_revision_whatever_the_order_of_drains(store):
    store.append(batch("experiment-1", "batch-1", status="intended", calls=[[0, 0, 3]], requests=3))
    store.drain()
    store.append(batch("experiment-1", "batch-1", revision=2, status="completed", calls=[[0, 0, 3]], requests=3, done=3))
    store.drain()
    store.append(batch("experiment-1", "batch-1", revision=1, status="in_progress", calls=[[0, 0, 3]], requests=3))
    [row] = store.batches("experiment-1")
    assert (row.revision, row.status, row.calls, row.done) == (2, "completed", [[0, 0, 3]], 3)
    assert store.verify().ok
    assert store.rebuild(swap=False).equal


def test_a_batch_that_was_altered_is_found_out(store):
    store.append(batch("experiment-1", "batch-1"))
    assert store.verify().ok
    store.end()
    import duckdb

    with duckdb.connect(str(store.path)) as tables:
        tables.execute("UPDATE batches SET done = done + 1")
    again = Store(store.folder)
    assert not again.verify().ok
    again.end()


def test_an_experiment_leads_to_its_batches_and_back(store):
    store.append(
        batch("experiment-1", "batch-1", model="m", status="completed", correlation_id=SENT),
        event("event-sent", event="batch_submitted", entity="batch", entity_id="batch-1", correlation_id=SENT),
    )
    trace = store.trace("experiment-1")
    assert [(node.id, node.label) for node in trace.nodes if node.kind == "batch"] == [("batch-1", "m completed")]
    links = {(edge.source, edge.target, edge.relation) for edge in trace.edges}
    assert (("experiment", "experiment-1"), ("batch", "batch-1"), "was sent in") in links
    assert "event-sent" in {node.id for node in trace.nodes}
    for start in ("batch-1", "event-sent"):
        assert {"experiment-1", "batch-1"} <= {node.id for node in store.trace(start).nodes}


@pytest.mark.soak  # test_store_ratings takes a lab of the second one through this step, too
def test_a_lab_of_the_third_schema_is_backed_up_migrated_and_takes_batches(tmp_path, monkeypatch):
    folder = tmp_path / "older"
    third = migrate.migrations()[:3]
    with monkeypatch.context() as older:
        older.setattr(migrate, "migrations", lambda: third)
        store = open_store(folder)
        rows = run(2)
        store.append(*rows)
        store.drain()
        assert "batches" not in store.sql("SHOW TABLES")["name"].tolist()
        store.close()
    store = open_store(folder)
    assert {"batches": 0, "experiments": 1, "responses": 2}.items() <= store.counts().items()
    assert next((folder / "backup").iterdir()).name.startswith("lab-v3-")
    store.append(batch(rows[0].experiment_id))
    assert len(store.batches(rows[0].experiment_id)) == 1
    assert store.verify().ok
    assert store.rebuild(swap=False).equal
    store.close()
    with monkeypatch.context() as older:
        older.setattr(migrate, "migrations", lambda: third)
        reopened = open_store(folder)
        with pytest.raises(StoreError, match="written by a newer pplab"):
            reopened.batches(rows[0].experiment_id)
    reopened.close()
