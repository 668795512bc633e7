"""Records of hooks: made where they are written, in order, and never left behind."""

from __future__ import annotations

import threading

import pytest
from store_records import event

from pplab.errors import StoreError
from pplab.store.journal import Journal
from pplab.store.journal_format import decode


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal", lambda _: None)
    yield made
    made.close()


def written(journal):
    """Return the event ids in the journal's files, in order."""
    lines = [line for path in sorted(journal.folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return [decode(line)[1]["event_id"] for line in lines]


def made_of(number, threads):
    threads.add(threading.current_thread().name)
    yield event(f"e-{number:04}")


def test_rows_are_made_on_the_writers_thread(journal):
    threads = set()
    journal.append_later(made_of(1, threads))
    journal.settle()
    assert threads == {"pplab-journal"}
    assert written(journal) == ["e-0001"]


def test_rows_written_later_stand_before_what_is_appended_after_them(journal):
    for number in range(100):
        journal.append_later(made_of(number, set()))
        if number % 7 == 0:
            journal.append([event(f"e-{number:04}b")], durable=False)
    journal.settle()
    assert written(journal) == sorted(written(journal))
    assert len(written(journal)) == 115


def test_rows_are_written_without_anybody_asking(journal, monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(journal, "_on_written", lambda _: done.set())
    journal.append_later(made_of(1, set()))
    assert done.wait(10)
    assert written(journal) == ["e-0001"]


def test_closing_writes_what_waits_and_refuses_what_comes_after(journal):
    for number in range(10):
        journal.append_later(made_of(number, set()))
    journal.close()
    assert len(written(journal)) == 10
    with pytest.raises(StoreError, match="closed"):
        journal.append_later(made_of(11, set()))


def test_rows_that_cannot_be_made_harm_no_others(journal):
    def broken():
        raise ZeroDivisionError
        yield

    journal.append_later(made_of(1, set()))
    journal.append_later(broken())
    journal.append_later(made_of(2, set()))
    journal.settle()
    assert written(journal) == ["e-0001", "e-0002"]


def test_several_threads_lose_nothing(journal):
    def hook(base):
        for number in range(500):
            journal.append_later(made_of(base + number, set()))

    threads = [threading.Thread(target=hook, args=(base,)) for base in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.settle()
    ids = written(journal)
    assert len(ids) == len(set(ids)) == 1500
