"""Rebuilding: the journals alone give the tables again, and what was altered behind the store's back shows."""

from __future__ import annotations

import gzip
import shutil

import duckdb
import pytest
from store_records import calibration, cell, event, experiment, export, metric, response, run

from pplab.store import rebuild as rebuild_module
from pplab.store.store import Store, open_store


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """The folder of a lab that three stores wrote in turn, so that most journals are sealed, and drained at odd moments."""
    folder = tmp_path_factory.mktemp("sealed") / ".pplab"
    for number in range(3):
        store = open_store(folder)
        store.append(calibration(f"calibration-{number}"), *run(3, calibration_id=f"calibration-{number}"))
        store.drain()
        store.append(event(), metric(), cell(), export(head_seq=store.head().seq, head_hash=store.head().hash))
        store.close()
    return folder


@pytest.fixture
def lab(sealed, folder):
    """A copy of that lab, in which a fourth store writes."""
    shutil.copytree(sealed, folder)
    store = Store(folder)
    store.append(*run(2, user="grace"))
    yield store
    store.end()


def wrong(report):
    return {table.table: (table.missing, table.added, table.different) for table in report.tables if not table.equal}


def test_the_journals_give_every_table_again_numbers_and_hashes_included_and_nothing_is_changed(lab, folder):
    lab.drain()
    drain_log, head = (folder / "ledger.jsonl").read_bytes(), lab.head()
    report = lab.rebuild()
    assert report.equal, wrong(report)
    assert (folder / "ledger.jsonl").read_bytes() == drain_log
    assert lab.head() == head
    assert not report.swapped
    assert {table.table: table.rebuilt for table in report.tables}["audit_logs"] == lab.head().seq == 11
    assert len(list((folder / "journal" / "sealed").iterdir())) == 3
    assert not list(folder.glob("rebuild*")), "nothing is left behind"


def test_rows_altered_in_the_tables_are_named_and_a_swap_puts_them_right(lab, folder):
    lab.drain()
    good = lab.responses().sort_values("response_id").reset_index(drop=True)
    first = good.response_id[0]
    with duckdb.connect(lab.path) as connection:
        connection.execute("UPDATE responses SET creativity = 1 WHERE response_id = ?", [first])
        connection.execute("DELETE FROM audit_logs WHERE seq > 9")
        connection.execute("INSERT INTO calibrations SELECT 'forged', * EXCLUDE calibration_id FROM calibrations LIMIT 1")
    assert not lab.verify().ok
    report = lab.rebuild(swap=True)
    assert wrong(report) == {"responses": (0, 0, 1), "audit_logs": (0, 2, 0), "calibrations": (1, 0, 0)}
    assert {table.table: table.examples for table in report.tables}["responses"] == (first,)
    assert report.swapped
    report = lab.verify()
    assert report.ok, report.words
    assert lab.responses().sort_values("response_id").reset_index(drop=True).equals(good)
    (backup,) = (folder / "backup").iterdir()
    with duckdb.connect(backup) as connection:
        assert connection.execute("SELECT count(*) FROM calibrations WHERE calibration_id = 'forged'").fetchall() == [(1,)]


def test_a_lost_journal_shows_as_rows_that_only_the_tables_have_and_an_altered_one_as_rows_that_differ(lab, folder):
    lab.drain()
    lost, path, _ = sorted((folder / "journal" / "sealed").iterdir())
    lost.unlink()
    data = gzip.decompress(path.read_bytes())
    assert b'"actor":"ada"' in data
    path.write_bytes(gzip.compress(data.replace(b'"actor":"ada"', b'"actor":"eve"')))
    found = wrong(lab.rebuild())
    assert found["responses"] == (3, 0, 0)
    assert found["experiments"] == (1, 0, 0)
    assert found["audit_logs"][2] > 0
    assert lab.verify().ok, "the tables are as they were"


def test_without_the_drain_log_the_rows_come_back_in_the_order_of_the_journals(lab, folder):
    lab.drain()
    (folder / "ledger.jsonl").unlink()
    found = wrong(lab.rebuild())
    assert set(found) <= {"audit_logs"}, "only the numbers and hashes of the chain depend on the drains"
    for path in folder.glob("lab.duckdb*"):
        path.unlink()
    assert lab.counts()["audit_logs"] == 11
    assert "altered" in {problem.kind for problem in lab.verify().problems}, "the exports remember other heads"


def test_the_sums_of_summaries_are_compared_within_rounding(store, monkeypatch):
    one = experiment()
    store.append(one)
    for number in range(30):
        store.append(response(one.experiment_id, creativity=(number * 0.1) % 1, latency_ms=1e6 + number * 0.1))
        if number % 8 == 0:
            store.drain()
    assert store.rebuild().equal
    store.drain()
    with duckdb.connect(store.path) as connection:
        connection.execute("UPDATE analytics_summaries SET mean = mean * (1 + 1e-7) WHERE measure = 'creativity'")
    report = store.rebuild()
    assert wrong(report) == {"analytics_summaries": (0, 0, 1)}
    assert "schema_version" not in rebuild_module.KEYS
