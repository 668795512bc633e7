"""Opening a lab: the lease, foreign holders, foreign files, migrations, references, temporary labs and forks."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest
from store_records import event

import pplab.store.drain as drain_module
import pplab.store.migrate as migrate_module
from pplab.errors import StoreBusy, StoreError
from pplab.store import connect
from pplab.store.connect import Connection
from pplab.store.lease import Lease
from pplab.store.store import Store, open_store

HOLD_TABLES = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""
HOLD_LEASE = """
import sys, pathlib
from pplab.store.lease import Lease
lease = Lease(pathlib.Path(sys.argv[1]))
lease.acquire(5)
print("held", flush=True)
sys.stdin.readline()
"""


HERE = Path(__file__)
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE.parents[2])])}


class Holder:
    """Another process that holds something until it is told to let go."""

    def __init__(self, program, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "held\n"

    def __enter__(self):
        return self

    def after_fork_in_parent(self):
        self.process.stdin.close()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


# The lease


def test_a_lease_waits_for_its_holder_and_no_longer_than_it_was_told(tmp_path):
    one, other = Lease(tmp_path / "lab.lock"), Lease(tmp_path / "lab.lock")
    one.acquire(1)
    with pytest.raises(StoreBusy, match=f"process {os.getpid()} has been using the lab for more than 0.05 seconds"):
        other.acquire(0.05)
    waiting = in_a_thread(lambda: other.acquire(10))
    one.release()
    waiting.join(10)
    other.release()
    one.acquire(1)
    one.release()


def test_a_lease_that_was_not_waited_for_goes_back_by_itself(tmp_path):
    one, impatient, next_one = (Lease(tmp_path / "lab.lock") for _ in range(3))
    one.acquire(1)
    with pytest.raises(StoreBusy):
        impatient.acquire(0.01)
    one.release()  # the impatient one's thread gets it now, and must give it back
    next_one.acquire(10)
    next_one.release()


def test_the_lease_of_a_killed_process_frees_itself(tmp_path):
    with Holder(HOLD_LEASE, tmp_path / "lab.lock") as holder:
        lease = Lease(tmp_path / "lab.lock")
        with pytest.raises(StoreBusy, match=f"process {holder.process.pid} "):
            lease.acquire(0.05)
        holder.process.kill()
        lease.acquire(10)
        lease.release()


def test_releasing_what_is_not_held_does_nothing(tmp_path):
    Lease(tmp_path / "lab.lock").release()


# Foreign holders and foreign files


def test_a_reader_waits_two_seconds_for_a_foreign_program_and_names_it_and_writers_notice_nothing(store, folder):
    store.append(event())
    store.drain()
    with Holder(HOLD_TABLES, folder / "lab.duckdb") as holder:
        started = time.monotonic()
        store.append(event(), durable=True)
        with pytest.raises(
            StoreBusy, match=rf"process {holder.process.pid} \(python.*more than 2 seconds.*safe in the journal"
        ) as busy:
            store.counts()
        assert 2 <= time.monotonic() - started < 4
        assert "\n" not in str(busy.value)
        threading.Timer(0.3, holder.after_fork_in_parent).start()
        assert store.counts()["audit_logs"] == 2, "let go within the two seconds"


def test_a_connection_of_the_users_own_in_this_process_is_named(store, folder):
    store.append(event())
    store.drain()
    with duckdb.connect(folder / "lab.duckdb"), pytest.raises(StoreBusy, match="open in this process"):
        store.counts()
    assert store.counts()["audit_logs"] == 1


@pytest.mark.parametrize("content", [b"hello" * 1000, b"x", b"SQLite format 3\0" + b"\0" * 4096])
def test_a_file_that_is_no_duckdb_file_is_refused_in_one_line_and_left_alone(store, folder, content):
    (folder / "lab.duckdb").write_bytes(content)
    store.append(event(), durable=True)
    with pytest.raises(StoreError, match=r"lab\.duckdb is not a DuckDB file") as refused:
        store.counts()
    assert "\n" not in str(refused.value)
    assert (folder / "lab.duckdb").read_bytes() == content
    (folder / "lab.duckdb").unlink()
    assert store.counts()["audit_logs"] == 1


def test_a_damaged_duckdb_file_is_refused_in_one_line(store, folder):
    store.append(event())
    store.drain()
    with store.reading() as cursor:
        cursor.execute("CHECKPOINT")
    data = bytearray((folder / "lab.duckdb").read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    (folder / "lab.duckdb").write_bytes(data)
    with pytest.raises(StoreError) as refused:
        store.counts()
    assert "\n" not in str(refused.value)


def test_somebody_elses_duckdb_file_is_refused_and_not_touched(store, folder):
    with duckdb.connect(folder / "lab.duckdb") as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
    with pytest.raises(StoreError, match="but not a lab"):
        store.counts()
    with duckdb.connect(folder / "lab.duckdb") as connection:
        assert connection.execute("SHOW TABLES").fetchall() == [("theirs",)]


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made: Not a directory"):
        open_store(tmp_path / "file" / ".pplab")


def test_a_folder_that_may_not_be_written_is_one_clear_line_for_writers_and_for_readers(store, folder, monkeypatch):
    real = os.open

    def refuse(path, flags, *args, **kw):
        if str(path).startswith(str(folder)) and flags & os.O_CREAT:  # root may write anywhere, so the refusal is played
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, *args, **kw)

    monkeypatch.setattr(os, "open", refuse)
    for work in (lambda: store.append(event()), store.counts):
        with pytest.raises(StoreError, match="Permission denied") as refused:
            work()
        assert "\n" not in str(refused.value)


def test_the_settings_of_a_connection_keep_everything_outside_out_and_cannot_be_changed(store):
    with store.reading() as cursor:
        settings = dict(cursor.execute("SELECT name, value FROM duckdb_settings()").fetchall())
        assert settings["enable_external_access"] == "false"
        assert settings["autoload_known_extensions"] == settings["autoinstall_known_extensions"] == "false"
        assert settings["lock_configuration"] == "true"
        assert settings["storage_compatibility_version"] == "v1.5.0"
        with pytest.raises(duckdb.Error, match="locked"):
            cursor.execute("SET threads = 1")


def test_the_oldest_duckdb_that_we_support_can_read_the_file(store):
    with store.reading() as cursor:
        (tags,) = cursor.execute("SELECT tags FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    assert tags["storage_version"].startswith("v1.5.0")


def test_no_query_opens_another_file_even_one_beside_the_tables(store, folder, tmp_path):
    (tmp_path / "other.csv").write_text("a\n1\n")
    (folder / "notes.txt").write_text("x")
    with store.reading() as cursor:
        for query in (
            f"SELECT * FROM read_csv('{tmp_path / 'other.csv'}')",
            f"SELECT * FROM read_text('{folder / 'notes.txt'}')",
            f"ATTACH '{tmp_path / 'other.duckdb'}'",
            f"COPY audit_logs TO '{tmp_path / 'out.csv'}'",
        ):
            with pytest.raises(duckdb.PermissionException):
                cursor.execute(query)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["other.csv"]


def test_an_engine_is_kept_for_the_next_opening_and_only_a_few_are(tmp_path):
    for number in range(2 * connect.MOST_KEPT):
        store = open_store(tmp_path / str(number))
        store.drain()
        store.close()
    assert [Path(path).parent.name for path in connect._idle] == ["4", "5", "6", "7"]
    kept = list(connect._idle.values())[-1]
    again = Connection(tmp_path / "7" / "lab.duckdb")
    assert again._engine is kept
    again.close()


def test_no_engine_is_left_to_a_forked_child(store):
    store.counts()
    assert connect._idle
    child = os.fork()
    if not child:
        os._exit(len(connect._idle))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.counts()["audit_logs"] == 0


def test_an_engine_that_failed_is_not_used_again(store, folder):
    store.append(event())
    store.drain()
    connection = Connection(folder / "lab.duckdb")
    connection._engine.close()
    connection.close()
    assert store.counts()["audit_logs"] == 1


def test_a_long_write_ahead_log_is_checkpointed_before_the_file_is_closed(store, folder, monkeypatch):
    log = folder / "lab.duckdb.wal"
    store.append(event())
    store.drain()
    assert log.stat().st_size > 0, "closing alone does not checkpoint"
    monkeypatch.setattr(connect, "CHECKPOINT_BYTES", (10, 10))
    store.counts()
    assert not log.exists() or log.stat().st_size == 0


# References


def test_everybody_in_a_process_shares_one_store_until_the_last_one_closes_it(folder, tmp_path):
    one, other = open_store(folder), open_store(str(folder) + "/../.pplab")
    assert one is other
    one.append(event())
    assert len(list((folder / "journal").glob("*.jsonl"))) == 1
    one.close()
    other.append(event())
    other.close()
    with pytest.raises(StoreError, match="closed"):
        other.append(event())
    with pytest.raises(StoreError, match="closed"):
        other.counts()
    other.close()
    again = open_store(folder)
    assert again is not one
    assert again.counts()["audit_logs"] == 2
    again.close()


def test_the_last_close_leaves_the_tables_up_to_date_and_no_open_journal(folder):
    store = open_store(folder)
    store.append_soon(event())
    store.close()
    assert list((folder / "journal").glob("*.jsonl")) == []
    with duckdb.connect(folder / "lab.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM audit_logs").fetchall() == [(1,)]


def test_threads_end_with_the_store(folder):
    before = set(threading.enumerate())
    store = open_store(folder)
    store.append(event())
    assert len(set(threading.enumerate()) - before) == 2
    store.close()
    assert set(threading.enumerate()) <= before


def test_the_timer_drains_what_was_written_and_leaves_an_idle_lab_alone(folder, monkeypatch):
    import pplab.store.store as store_module

    monkeypatch.setattr(store_module, "DRAIN_EVERY_S", 0.01)
    drained = threading.Semaphore(0)
    real = drain_module.drain
    monkeypatch.setattr(drain_module, "drain", lambda *args: [real(*args), drained.release()][0])
    store = open_store(folder)
    assert not drained.acquire(timeout=0.1), "nothing was written"
    store.append(event())
    assert drained.acquire(timeout=10)
    assert not drained.acquire(timeout=0.1), "nothing was written since"
    store.close()


def test_the_timer_says_nothing_when_the_tables_are_held_and_tries_again(folder, monkeypatch, capfd):
    import pplab.store.store as store_module

    monkeypatch.setattr(store_module, "DRAIN_EVERY_S", 0.01)
    tried = threading.Semaphore(0)
    held = threading.Event()
    held.set()
    drained = threading.Semaphore(0)
    real = migrate_module.open_migrated
    real_drain = drain_module.drain
    monkeypatch.setattr(drain_module, "drain", lambda *args: [real_drain(*args), drained.release()][0])

    def open_unless_held(*args, **kw):
        tried.release()
        if held.is_set():
            raise StoreBusy("held")
        return real(*args, **kw)

    monkeypatch.setattr(migrate_module, "open_migrated", open_unless_held)
    store = Store(folder)
    store.append(event())
    for _ in range(3):
        assert tried.acquire(timeout=10)
    held.clear()
    assert drained.acquire(timeout=10)
    store.end()
    with duckdb.connect(store.path) as connection:
        assert connection.execute("SELECT count(*) FROM audit_logs").fetchall() == [(1,)]
    assert capfd.readouterr() == ("", "")


# Temporary labs

TEMPORARY = """
from pplab.store.store import open_store
from store_records import event
one = open_store(":temp:")
one.append(event())
one.close()
other = open_store(":temp:")
assert other is one and other.counts()["audit_logs"] == 1
print(other.folder)
"""


def python(program, *arguments):
    """Run a program of its own and return what it printed; anything on stderr fails the test."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_temporary_lab_is_one_for_its_process_and_gone_with_it():
    assert not Path(python(TEMPORARY)).exists()


EXIT = """
import sys
from pplab.store.store import open_store
from store_records import event
store = open_store(sys.argv[1])
for _ in range(500):
    store.append_soon(event())
"""


def test_what_was_queued_when_the_interpreter_ends_is_written_without_a_word(folder):
    python(EXIT, folder)
    store = open_store(folder)
    assert store.counts()["audit_logs"] == 500
    store.close()


# Forks


# Python 3.12 warns of any fork beside threads, which is what these tests are about.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def in_a_fork(work):
    """Run work in a forked child and return what it returns."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            sender.send(work())
        except BaseException as error:  # noqa: BLE001 - the child must end here, whatever happens
            sender.send(error)
        os._exit(0)
    sender.close()
    result = receiver.recv() if receiver.poll(30) else "the child did not answer"
    receiver.close()
    os.waitpid(child, 0)
    return result


@forks
def test_a_forked_child_writes_to_a_journal_of_its_own(store, folder):
    store.append(event())

    def work():
        store.append(event(), event(), durable=True)
        return len(list((folder / "journal").glob(f"*-{os.getpid()}-*.jsonl")))

    assert in_a_fork(work) == 1
    store.append(event())
    assert store.counts()["audit_logs"] == 4
    assert store.verify().ok


@forks
def test_a_forked_child_can_read_while_a_thread_of_its_parent_was_reading(store):
    store.append(event())
    reading, done = threading.Event(), threading.Event()

    def read():
        with store.reading():
            reading.set()
            done.wait(30)

    thread = in_a_thread(read)
    reading.wait(10)
    threading.Timer(0.2, done.set).start()
    assert in_a_fork(lambda: store.counts()["audit_logs"]) == 1
    thread.join(10)
    assert store.counts()["audit_logs"] == 1


@forks
def test_a_child_forked_inside_a_read_may_write_but_is_told_why_it_cannot_read(store):
    def work():
        store.append(event(), durable=True)
        with pytest.raises(StoreError) as refused:
            store.counts()
        return str(refused.value)

    with store.reading() as cursor:
        assert "forked while its parent was reading" in in_a_fork(work)
        assert cursor.execute("SELECT count(*) FROM audit_logs").fetchall() == [(0,)]
    assert store.counts()["audit_logs"] == 1


@forks
def test_a_connection_is_refused_in_a_forked_child(store):
    store.counts()
    connection = Connection(store.path)
    error = in_a_fork(connection.cursor)
    assert isinstance(error, StoreError)
    assert "forked" in str(error)
    in_a_fork(connection.close)
    assert connection.cursor().execute("SELECT count(*) FROM audit_logs").fetchall() == [(0,)]
    connection.close()
