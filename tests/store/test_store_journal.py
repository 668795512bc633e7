"""The journal: order, grouping of fsyncs, rotation, closing, and what happens when the disk refuses."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from dataclasses import replace

import pytest
from store_records import event, new_id

from pplab.errors import StoreError
from pplab.files import lock
from pplab.secrets import MASK, Scrubber
from pplab.store import journal as journal_module
from pplab.store.journal import Journal
from pplab.store.journal_format import encode
from pplab.store.rows import EncodedRow


@pytest.fixture
def journal(folder):
    opened = Journal(folder / "journal", lambda _: None)
    yield opened
    opened.close()


def lines(journal):
    return [json.loads(line) for path in sorted(journal.folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def ids(journal):
    return [line["r"]["event_id"] for line in lines(journal)]


def test_rows_of_many_threads_are_all_written_each_threads_in_order(journal):
    written = [[new_id() for _ in range(100)] for _ in range(8)]

    def write(mine):
        for one in mine:
            journal.append((event(one),), durable=False)

    threads = [threading.Thread(target=write, args=(mine,)) for mine in written]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.settle()
    stored = ids(journal)
    assert sorted(stored) == sorted(one for mine in written for one in mine)
    for mine in written:
        assert [one for one in stored if one in set(mine)] == mine


def test_a_line_of_another_process_is_written_as_it_stands_but_for_the_secrets_that_are_known_here(journal):
    plain, telling = (encode(replace(event(), actor=actor), Scrubber()) for actor in ("ada", "hunter2-of-ada"))
    journal.add_secret("hunter2-of-ada")
    journal.append((EncodedRow(plain), EncodedRow(telling)), durable=True).result()
    first, second = b"".join(path.read_bytes() for path in journal.folder.glob("*.jsonl")).splitlines(keepends=True)
    assert first == plain
    assert json.loads(second)["r"] == {**json.loads(telling)["r"], "actor": MASK}


def test_durable_rows_that_gather_share_an_fsync(journal, monkeypatch):
    synced = []
    gate = threading.Event()
    real = os.fsync
    journal.append((event(),), durable=True).result()

    def slow_fsync(fd):
        gate.wait(10)
        synced.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fsync", slow_fsync)
    futures = [journal.append((event(),), durable=True) for _ in range(200)]
    gate.set()
    for future in futures:
        future.result(10)
    assert len(synced) <= 2


def test_rows_that_need_not_be_durable_cost_no_fsync(journal, monkeypatch):
    journal.append((event(),), durable=False).result()
    monkeypatch.setattr(os, "fsync", lambda _fd: pytest.fail("fsync"))
    journal.append((event(),), durable=False).result()


def test_enqueueing_costs_microseconds_not_the_write(journal):
    journal.append((event(),), durable=False).result()
    row, rounds = event(), 2000
    costs = []
    for _ in range(5):
        started = time.perf_counter_ns()
        for _ in range(rounds):
            journal.append((row,), durable=False)
        costs.append((time.perf_counter_ns() - started) / rounds)
        journal.settle()
    print(f"append_soon: {min(costs) / 1000:.1f} us")  # a benchmark prints, it does not fail on time


def test_the_file_is_named_after_time_process_and_chance_and_made_with_the_first_row(journal):
    assert not journal.folder.exists()
    journal.append((event(),), durable=False).result()
    (path,) = journal.folder.iterdir()
    stamp, pid, chance = path.stem.split("-")
    assert (len(stamp), stamp[-1], int(pid), len(chance)) == (22, "Z", os.getpid(), 8)


def test_a_full_file_is_ended_and_a_new_one_begun(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "ROTATE_BYTES", 2000)
    written = [new_id() for _ in range(40)]
    for one in written:
        journal.append((event(one),), durable=True).result()
    paths = sorted(journal.folder.glob("*.jsonl"))
    assert len(paths) > 3
    assert ids(journal) == written
    for path in paths[:-1]:
        fd = os.open(path, os.O_RDWR)
        assert lock(fd, wait=False), "a file that was ended is not locked"
        os.close(fd)


def test_names_follow_the_order_of_the_files_when_the_clock_goes_back(journal, monkeypatch):
    from datetime import UTC, datetime

    class Backwards:
        times = iter([datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)])
        min = datetime.min.replace(tzinfo=UTC)

        @classmethod
        def now(cls, _zone):
            return next(cls.times)

    monkeypatch.setattr(journal_module, "ROTATE_BYTES", 1)
    monkeypatch.setattr(journal_module, "datetime", Backwards)
    written = [new_id() for _ in range(3)]
    for one in written:
        journal.append((event(one),), durable=False).result()
    assert ids(journal) == written


def test_a_row_that_cannot_be_written_fails_alone(journal):
    good, bad, after = (journal.append((event(payload=p),), durable=True) for p in ({"a": 1}, {"a": object()}, {"a": 2}))
    with pytest.raises(StoreError, match="cannot be written"):
        bad.result()
    good.result()
    after.result()
    assert [line["r"]["payload"] for line in lines(journal)] == [{"a": 1}, {"a": 2}]


def test_a_caller_who_stops_waiting_does_not_stop_the_writing(journal):
    future = journal.append((event(),), durable=False)
    assert not future.cancel()
    future.result()
    assert len(lines(journal)) == 1


@pytest.mark.parametrize("kept", [0, 1, 150, 10_000])
def test_a_full_disk_takes_back_the_cut_line_and_later_lines_stay_parseable(journal, monkeypatch, kept):
    before = [new_id() for _ in range(3)]
    for one in before:
        journal.append((event(one),), durable=True).result()
    real = os.write
    left = kept

    def full(fd, data):
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(fd, bytes(data)[:left])
        left -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        futures = {one: journal.append((event(one),), durable=True) for one in (new_id() for _ in range(50))}
        outcomes = {one: future.exception() for one, future in futures.items()}
    refused = [error for error in outcomes.values() if error is not None]
    assert refused
    assert all(isinstance(error, StoreError) and "No space left" in str(error) and "\n" not in str(error) for error in refused)
    acknowledged = before + [one for one, error in outcomes.items() if error is None]
    later = new_id()
    journal.append((event(later),), durable=True).result()
    stored = ids(journal)
    assert stored[-1] == later
    assert set(acknowledged) <= set(stored)


def test_when_even_taking_back_fails_the_file_ends_and_a_new_one_begins(journal, monkeypatch):
    journal.append((event(),), durable=True).result()
    real = os.write
    with monkeypatch.context() as patch:
        calls = iter([lambda fd, data: real(fd, data[:10])])

        def full(fd, data):
            step = next(calls, None)
            if step is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return step(fd, data)

        def refuse(_fd, _size):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "write", full)
        patch.setattr(os, "ftruncate", refuse)
        assert journal.append((event(),), durable=True).exception() is not None
    journal.append((event(),), durable=True).result()
    first, second = sorted(journal.folder.glob("*.jsonl"))
    assert not first.read_bytes().endswith(b"\n")
    assert second.read_bytes().endswith(b"\n")


def test_a_failed_fsync_is_told_and_the_file_is_not_written_again(journal, monkeypatch):
    journal.append((event(),), durable=True).result()
    with monkeypatch.context() as patch:

        def refuse(_fd):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "fsync", refuse)
        with pytest.raises(StoreError, match="could not be saved"):
            journal.append((event(),), durable=True).result()
    journal.append((event(),), durable=True).result()
    assert len(list(journal.folder.glob("*.jsonl"))) == 2


def test_closing_writes_what_is_queued_and_refuses_what_comes_later(journal):
    futures = [journal.append((event(),), durable=False) for _ in range(500)]
    assert journal.close()
    assert all(future.exception() is None for future in futures)
    assert len(lines(journal)) == 500
    with pytest.raises(StoreError, match="closed"):
        journal.append((event(),), durable=False).result()


def test_closing_a_journal_that_wrote_nothing_leaves_nothing(folder):
    unused = Journal(folder / "journal", lambda _: None)
    assert not unused.close()
    assert not folder.exists()
    with pytest.raises(StoreError, match="closed"):
        unused.append((event(),), durable=False)
