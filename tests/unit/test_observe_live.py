"""Following the journal folder: which records are told, when, and which never wake anybody."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.ids import new_id, now
from pplab.observe.events import event
from pplab.observe.live import Change, RecordReader, RecordWatcher
from pplab.secrets import Scrubber
from pplab.store.journal_format import encode
from pplab.store.rows import ExperimentRow, Row
from pplab.store.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WAIT_S = 20


def experiment(status: str = "completed", *, revision: int = 1, experiment_id: str | None = None) -> ExperimentRow:
    return ExperimentRow(
        experiment_id=experiment_id or new_id(),
        revision=revision,
        created_at=now(),
        updated_at=now(),
        user="ada",
        calibration_id=None,
        model="embedded",
        provider="embedded",
        plan={"prompts": ['ein Zitat: “k":"experiment”']},
        planned=4,
        status=status,
        reason=None,
        notebook=None,
        software={},
        correlation_id="0" * 32,
    )


def line(row: Row) -> bytes:
    return encode(row, Scrubber())


def write(path: Path, *data: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(data))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "journal"
    folder.mkdir()
    return folder


def rows(changes: list[Change]) -> list[Row]:
    return [change.row for change in changes]


def test_what_was_there_before_is_not_told(journal: Path) -> None:
    write(journal / "a-1-x.jsonl", line(experiment()))
    assert RecordReader(journal, "experiment").poll() == []


def test_only_records_of_the_wanted_kind_are_told_and_in_order(journal: Path) -> None:
    records = RecordReader(journal, "experiment")
    first, second = experiment("running", revision=0), experiment()
    write(journal / "a-1-x.jsonl", line(first), line(event("cell_executed", "ada", status="ok", source_sha256="", operations=0)))
    write(journal / "b-2-x.jsonl", line(second))
    assert rows(records.poll()) == [first, second]
    assert records.poll() == []


def test_records_of_several_kinds_are_told_in_the_order_of_their_lines(journal: Path) -> None:
    records = RecordReader(journal, "experiment", "event")
    wanted = [experiment("running", revision=0), event("operation_started", "ada", operation="run"), experiment()]
    write(journal / "a-1-x.jsonl", *map(line, wanted))
    assert rows(records.poll()) == wanted


def test_a_torn_line_is_told_once_it_is_whole(journal: Path) -> None:
    path, row = journal / "a-1-x.jsonl", experiment()
    write(path, line(row)[:40])
    records = RecordReader(journal, "experiment")
    write(path, line(row)[40:200])
    assert records.poll() == []
    write(path, line(row)[200:])
    assert rows(records.poll()) == [row]


def test_a_line_that_is_no_record_of_ours_is_passed_over(journal: Path) -> None:
    records = RecordReader(journal, "experiment")
    row = experiment()
    write(journal / "a-1-x.jsonl", b'{"k":"experiment","r":{"status":3}}\n', b'{"k":"experiment",\n', line(row))
    assert rows(records.poll()) == [row]


def test_a_file_that_began_and_was_sealed_between_two_looks_is_told(journal: Path) -> None:
    followed, unseen = experiment(), experiment()
    write(journal / "a-1-x.jsonl", line(experiment()))
    records = RecordReader(journal, "experiment")
    sealed = journal / "sealed"
    sealed.mkdir()
    whole = (journal / "a-1-x.jsonl").read_bytes() + line(followed)
    (sealed / "a-1-x.jsonl.gz").write_bytes(gzip.compress(whole))
    (journal / "a-1-x.jsonl").unlink()
    (sealed / "b-2-x.jsonl.gz").write_bytes(gzip.compress(line(unseen)))
    assert rows(records.poll()) == [followed, unseen]
    assert records.poll() == []


def test_records_of_this_process_are_not_from_elsewhere(journal: Path) -> None:
    records = RecordReader(journal, "experiment")
    write(journal / f"a-{os.getpid()}-x.jsonl", line(experiment()))
    write(journal / f"b-{os.getpid() + 1}-x.jsonl", line(experiment()))
    assert [change.elsewhere for change in records.poll()] == [False, True]


@settings(max_examples=100 if os.environ.get("PPLAB_SOAK") else 15)
@given(st.data())
def test_however_the_bytes_arrive_each_experiment_is_told_once_and_in_order(data: st.DataObject) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "a-1-x.jsonl"
        records = RecordReader(Path(place), "experiment")
        other = event("cell_executed", "ada", status="ok", source_sha256="", operations=0)
        kinds = data.draw(st.lists(st.booleans(), max_size=8))
        written = [experiment() if wanted else other for wanted in kinds]
        stream = b"".join(map(line, written))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
        told = []
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            write(path, stream[start:stop])
            told += rows(records.poll())
        assert told == [row for row in written if isinstance(row, ExperimentRow)]


class Told:
    """Keeps what a `RecordWatcher` tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self.at_once: list[ExperimentRow] = []
        self.settled: list[ExperimentRow] = []
        self.calls = 0
        self._changed = threading.Condition()

    def take_at_once(self, changes: tuple[Change, ...]) -> None:
        self._take(self.at_once, changes)

    def take_settled(self, changes: tuple[Change, ...]) -> None:
        self.calls += 1
        self._take(self.settled, changes)

    def _take(self, kept: list[ExperimentRow], changes: tuple[Change, ...]) -> None:
        with self._changed:
            kept += [change.row for change in changes if isinstance(change.row, ExperimentRow)]
            self._changed.notify_all()

    def wait(self, done: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(done, WAIT_S)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told()


@pytest.fixture
def live(journal: Path, told: Told):
    following = RecordWatcher(RecordReader(journal, "experiment"), on_change=told.take_at_once, on_batch=told.take_settled)
    yield following
    following.close()


def test_a_new_experiment_is_told_at_once_and_again_when_settled(tmp_path: Path, told: Told, live: RecordWatcher) -> None:
    row = experiment()
    write(tmp_path / "journal" / "a-1-x.jsonl", line(row))
    told.wait(lambda: row in told.at_once and row in told.settled)


def test_a_flood_is_settled_whole_in_few_calls(tmp_path: Path, told: Told, live: RecordWatcher) -> None:
    flood = [experiment() for _ in range(50)]
    for row in flood:
        write(tmp_path / "journal" / "a-1-x.jsonl", line(row))
    told.wait(lambda: len(told.settled) == len(flood))
    assert told.settled == flood
    assert told.calls <= 5


def test_cell_events_wake_nobody(tmp_path: Path, told: Told, live: RecordWatcher) -> None:
    path = tmp_path / "journal" / "a-1-x.jsonl"
    for name, payload in (
        ("cell_executed", {"status": "ok", "source_sha256": "", "operations": 0}),
        ("realtime_update_received", {"experiments": []}),
    ):
        write(path, line(event(name, "ada", **payload)))
    row = experiment()
    write(path, line(row))
    told.wait(lambda: bool(told.settled))
    assert (told.at_once, told.settled, told.calls) == ([row], [row], 1)


def test_without_file_events_the_folder_is_looked_at_regularly(journal: Path, told: Told, monkeypatch) -> None:
    import watchfiles

    def refuse(*_paths: object, **_options: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "watch", refuse)
    following = RecordWatcher(RecordReader(journal, "experiment"), on_change=told.take_at_once, on_batch=told.take_settled)
    row = experiment()
    write(journal / "a-1-x.jsonl", line(row))
    told.wait(lambda: row in told.settled)
    following.close()


def test_closing_ends_every_thread(live: RecordWatcher) -> None:
    live.close()
    assert not {"pplab-live", "pplab-live-batches"} & {thread.name for thread in threading.enumerate() if thread.is_alive()}


def test_a_process_that_ends_while_following_ends_cleanly(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from pplab.observe.live import RecordWatcher, RecordReader; "
        "RecordWatcher(RecordReader(pathlib.Path(sys.argv[1]), 'experiment'), on_change=print, on_batch=print)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_records_written_through_a_store_are_told(tmp_path: Path, told: Told, live: RecordWatcher) -> None:
    store, row = open_store(tmp_path), experiment()
    store.append(row, durable=True)
    told.wait(lambda: row in told.at_once)
    store.close()
