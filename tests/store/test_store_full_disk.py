"""A disk that is full, and a file that may not grow: what was acknowledged stays, what is refused is said in one line."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

import pytest
from store_processes import start
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
    out, err = filler.communicate(timeout=120)
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


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MB, which root may mount, or who may run sudo without a password."""
    mount = tmp_path / "disk"
    mount.mkdir()
    sudo = [] if os.geteuid() == 0 or not shutil.which("sudo") else ["sudo", "-n"]
    command = [*sudo, "mount", "-t", "tmpfs", "-o", "size=16m,mode=1777", "tmpfs", mount]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk may be mounted here: {done.stderr.strip()}")
    yield mount
    subprocess.run([*sudo, "umount", mount], check=True)


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
