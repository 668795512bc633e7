"""Several processes, kill -9 at random moments, and a full disk: no acknowledged row is lost and none is stored twice."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from store_records import run

from pplab.errors import StoreError
from pplab.store.store import Store, open_store

SOAK = bool(os.environ.get("PPLAB_SOAK"))
RUNS = 100 if SOAK else 10
ROUNDS = 60 if SOAK else 6
HERE = Path(__file__)

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


def start(program, *arguments, **kw):
    path = os.pathsep.join([str(HERE.parent), str(HERE.parents[2])])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kw,
    )


def test_four_writers_and_a_reader_who_never_stops_get_every_row_exactly_once(folder):
    reader = start(READER, folder)
    writers = [start(WRITER, folder, RUNS, f"user-{number}") for number in range(4)]
    experiments = []
    for writer in writers:
        out, err = writer.communicate(timeout=600)
        assert (writer.returncode, err) == (0, "")
        experiments += out.split()
    out, err = reader.communicate(timeout=60)
    assert (reader.returncode, err) == (0, "")
    assert int(out) > 0
    store = open_store(folder)
    assert len(experiments) == 4 * RUNS
    assert store.counts() == {
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


FILLER = """
import resource, sys
from pplab.errors import StoreError
from pplab.store.store import open_store
from store_records import response
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store = open_store(sys.argv[1])
refused = 0
while refused < 20:
    row = response("experiment", text="x" * 3001)
    try:
        store.append(row, durable=True)
    except StoreError as error:
        assert "\\n" not in str(error), error
        refused += 1
    else:
        print(row.response_id, flush=True)
"""


def fill(folder, *limit):
    """Write until the disk refuses twenty times; return what was acknowledged."""
    filler = start(FILLER, folder, *limit)
    out, err = filler.communicate(timeout=120)
    assert (filler.returncode, err) == (0, "")
    return out.split()


def test_a_file_that_may_not_grow_refuses_in_one_line_and_keeps_what_it_acknowledged(folder):
    pytest.importorskip("resource", reason="this system has no limits on the size of files")
    acknowledged = fill(folder, 200_001)
    assert 20 < len(acknowledged) < 70
    for path in (folder / "journal").glob("*.jsonl"):
        assert path.read_bytes().endswith(b"\n"), "the line that was cut short was taken back"
    store = open_store(folder)
    assert set(store.responses().response_id) == set(acknowledged)
    assert store.verify().ok
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", mount], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("only root may mount a small disk; the limit on the size of files stands in for it")
    yield mount
    subprocess.run(["umount", mount], check=True)


@pytest.mark.parametrize("drained_before", [False, True], ids=["new lab", "lab with tables"])
def test_a_full_disk_loses_nothing_that_was_acknowledged_and_all_goes_on_when_there_is_room(small_disk, drained_before):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(12_000_000))
    folder = small_disk / ".pplab"
    if drained_before:
        store = open_store(folder)
        store.append(*run(2))
        store.close()
    acknowledged = fill(folder)
    assert len(acknowledged) > 100
    with contextlib.closing(open_store(folder)) as store:
        with pytest.raises(StoreError, match="No space left"):
            store.append(*run(1000), durable=True)
        for _ in range(2):
            with pytest.raises(StoreError) as refused:  # the tables do not fit
                store.counts()
            assert "\n" not in str(refused.value)
        ballast.unlink()
        later = run(2)
        store.append(*later, durable=True)
        stored = store.responses().response_id.tolist()
        assert set(acknowledged) <= set(stored)
        assert {row.response_id for row in later if type(row).__name__ == "ResponseRow"} <= set(stored)
        assert len(stored) == len(set(stored))
        assert store.verify().ok
        assert store.rebuild().equal
