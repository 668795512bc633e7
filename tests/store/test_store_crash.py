"""Several processes, and kill -9 at random moments: no acknowledged row is lost and none is stored twice."""

from __future__ import annotations

import os
import random
from collections import Counter

from store_processes import start

from pplab.store.store import Store, open_store

SOAK = bool(os.environ.get("PPLAB_SOAK"))
RUNS = 100 if SOAK else 2
ROUNDS = 60 if SOAK else 1

WRITER = """
import sys
from pplab.store.store import open_store
from store_records import run
store = open_store(sys.argv[1])
for _ in range(int(sys.argv[2])):
    rows = run(4, user=sys.argv[3])
    for row in rows:
        store.append(row, durable=True)
    print(rows[0].experiment_id, flush=True)
store.close()
"""

READER = """
import sys, threading
from pplab.store.store import open_store
store = open_store(sys.argv[1])
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
reads, last = 0, 0
while not stop.is_set():
    with store.reading():
        counts, report = store.counts(), store.verify()
    assert report.ok, report.words
    assert counts["responses"] >= last
    reads, last = reads + 1, counts["responses"]
print(reads)
"""

VICTIM = """
import sys, threading
import pplab.store.store as store_module
from pplab.store.store import open_store
from store_records import run
store_module.DRAIN_EVERY_S = 0.001  # so that many a kill hits a drain
store = open_store(sys.argv[1])
while True:
    for row in run(3):
        store.append(row, durable=True)
        if type(row).__name__ == "ResponseRow":
            print(row.response_id, flush=True)
"""


def test_four_writers_and_a_reader_who_never_stops_get_every_row_exactly_once(folder):
    reader = start(READER, folder)
    writers = [start(WRITER, folder, RUNS, f"user-{number}") for number in range(4)]
    experiments = []
    for writer in writers:
        out, err = writer.communicate(timeout=600)
        assert (writer.returncode, err) == (0, "")
        experiments += out.split()
    out, err = reader.communicate(timeout=240)
    assert (reader.returncode, err) == (0, "")
    assert int(out) > 0
    store = open_store(folder)
    assert len(experiments) == 4 * RUNS
    assert store.counts() == {
        "experiment_labels": 0,
        "scores": 0,
        "ratings": 0,
        "batches": 0,
        "calibrations": 0,
        "experiments": 4 * RUNS,
        "responses": 16 * RUNS,
        "call_attempts": 16 * RUNS,
        "experiment_exports": 0,
        "audit_logs": 8 * RUNS,
        "system_metrics": 0,
        "cell_executions": 0,
    }
    assert Counter(store.responses().experiment_id) == Counter(dict.fromkeys(experiments, 4))
    figures = store.analytics()
    assert figures[figures.measure == "responses.ok"].n.tolist() == [4 * RUNS] * 4
    assert store.verify().ok
    assert store.rebuild().equal
    store.close()


def test_kill_9_at_random_moments_loses_no_acknowledged_response(folder):
    chance = random.Random(7)
    acknowledged = set()
    for _ in range(ROUNDS):
        victim = start(VICTIM, folder)
        for _ in range(chance.randrange(1, 150)):
            acknowledged.add(victim.stdout.readline().strip())
        victim.kill()
        out, err = victim.communicate()
        assert err == ""
        acknowledged |= set(out.split("\n")[:-1])
        store = Store(folder)
        stored = store.responses().response_id.tolist()
        assert acknowledged <= set(stored)
        assert len(stored) == len(set(stored))
        assert store.verify().ok
        store.end()
    store = open_store(folder)
    assert store.rebuild().equal
    store.close()
    assert not list((folder / "journal").glob("*.jsonl")), "the journals of the dead were sealed too"
