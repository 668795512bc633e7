"""A disk that is full, and a file that may not grow: what was acknowledged stays, what is refused is said in one line."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

import pytest
from store_processes import PYTHONPATH, start
from store_records import run

from pplab.errors import StoreError
from pplab.store.store import open_store

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
    out, err = filler.communicate(timeout=240)
    assert (filler.returncode, err) == (0, "")
    return out.split()


def test_a_file_that_may_not_grow_refuses_in_one_line_and_keeps_what_it_acknowledged(folder):
    acknowledged = fill(folder, 200_001)
    assert 20 < len(acknowledged) < 70
    for path in (folder / "journal").glob("*.jsonl"):
        assert path.read_bytes().endswith(b"\n"), "the line that was cut short was taken back"
    store = open_store(folder)
    assert set(store.responses().response_id) == set(acknowledged)
    assert store.verify().ok
    store.close()


# -- a disk of 16 MB, in a mount namespace of its own ----------------------------------------------------------------------------

MOUNTED = 'mount -t tmpfs -o size=16m,mode=1777 tmpfs "$0" && exec "$@"'


def namespaces():
    """Yield the commands that make a mount namespace: a user who is not root is root within a user namespace, or may use sudo."""
    root = os.geteuid() == 0
    yield ["unshare", "--mount"] if root else ["unshare", "--user", "--map-root-user", "--mount"]
    if not root and shutil.which("sudo"):
        yield ["sudo", "-n", "unshare", "--mount"]


@pytest.fixture
def on_small_disk(tmp_path):
    """What a command begins with so that it finds a file system of 16 MB at a path, and the path."""
    mount = tmp_path / "disk"
    mount.mkdir()
    refusals = []
    for namespace in namespaces() if shutil.which("unshare") else ():
        begin = [*namespace, "sh", "-c", MOUNTED, str(mount), "env", f"PYTHONPATH={PYTHONPATH}", "PYTHONDONTWRITEBYTECODE=1"]
        done = subprocess.run([*begin, "true"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return begin, mount
        refusals.append(done.stderr.strip())
    pytest.skip(f"no small disk may be mounted here: {'; '.join(refusals) or 'there is no unshare'}")


def test_a_full_disk_loses_nothing_that_was_acknowledged_and_all_goes_on_when_there_is_room(on_small_disk):
    begin, mount = on_small_disk
    program = f"import pathlib, test_store_full_disk as t; t.fill_the_disk_twice(pathlib.Path({str(mount)!r}))"
    command = [*begin, sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def fill_the_disk_twice(mount):
    """Do what the test is about, in a process that sees the small disk, with a new lab and with one that has tables."""
    for drained_before in (False, True):
        fill_the_disk(mount, drained_before)
        shutil.rmtree(mount / ".pplab")


def fill_the_disk(mount, drained_before):
    ballast = mount / "ballast"
    ballast.write_bytes(bytes(13_500_000))
    folder = mount / ".pplab"
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
        assert not drained_before or store.rebuild().equal
