"""The drain: every row exactly once, whoever drains and however often, and what is derived stays equal to a recomputation."""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_records import (
    attempt,
    batch,
    calibration,
    cell,
    event,
    experiment,
    export,
    label,
    metric,
    new_id,
    rating,
    response,
    run,
    score,
)

from pplab.observe.events import CATALOGUE
from pplab.plan.vocabulary import STATUSES
from pplab.store import drain
from pplab.store.record_types import RECORD_TYPES
from pplab.store.store import Store, open_store

ROUNDS, MOST_DRAINS = (120, 25) if os.environ.get("PPLAB_SOAK") else (2, 6)


def tables(store, *, without=()):
    """Return every table as a set of rows; ``without`` leaves columns out."""
    found = {}
    with store.reading() as cursor:
        for name in [*(kind.table for kind in RECORD_TYPES.values()), "analytics_summaries"]:
            stored = cursor.execute(f"SELECT * FROM {name}").fetchall()
            kept = [place for place, (column, *_) in enumerate(cursor.description) if column not in without]
            found[name] = sorted(repr([row[place] for place in kept]) for row in stored)
    return found


def journal_lines(folder):
    return [line for path in sorted((folder / "journal").glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_every_kind_of_row_reaches_its_table(store):
    one = experiment()
    answer = response(one.experiment_id)
    about = answer.response_id, one.experiment_id
    store.append(calibration(), one, answer, attempt(*about), score(*about), label(one.experiment_id), export(), event())
    store.append(rating(*about), batch(one.experiment_id), metric(), cell())
    assert set(store.counts().values()) == {1}


def test_rows_delivered_twice_are_stored_once(store):
    rows = [*run(3), calibration(), export(), metric(), cell()]
    store.append(*rows)
    store.drain()
    before = tables(store)
    store.append(*rows, *rows)
    assert tables(store) == before


def test_a_read_sees_what_this_process_wrote_before_even_if_it_is_still_queued(store):
    for count in range(1, 4):
        store.append_soon(event())
        assert store.counts()["audit_logs"] == count


def test_ok_is_final_and_anything_else_is_replaced_by_a_higher_revision(store):
    one = experiment()
    answer = new_id()

    def stored():
        row = store.response(answer)
        return row.revision, row.status

    store.append(one, response(one.experiment_id, answer, status="cancelled", revision=1, creativity=None))
    assert stored() == (1, "cancelled")
    store.append(response(one.experiment_id, answer, status="failed", revision=0))
    assert stored() == (1, "cancelled"), "a lower revision changes nothing"
    store.append(response(one.experiment_id, answer, status="timeout", revision=1))
    assert stored() == (1, "cancelled"), "the same revision changes nothing"
    store.append(response(one.experiment_id, answer, status="ok", revision=2))
    assert stored() == (2, "ok")
    store.append(response(one.experiment_id, answer, status="failed", revision=3))
    assert stored() == (2, "ok"), "ok is final"


@pytest.mark.parametrize("few", [0, 200])
def test_replaced_rows_leave_the_digest_whether_they_are_few_or_many(store, monkeypatch, few):
    monkeypatch.setattr(drain, "FEW", few)
    one, job = experiment(status="running"), export()
    failed = [response(one.experiment_id, status="failed", revision=0) for _ in range(3)]
    store.append(one, job, *failed)
    store.drain()
    store.append(experiment(one.experiment_id, revision=1, status="completed"), export(job.export_id, revision=1))
    store.append(*(response(one.experiment_id, row.response_id, revision=1) for row in failed))
    assert store.counts()["responses"] == 3
    assert store.verify().ok


def test_the_higher_revision_of_an_experiment_and_an_export_wins_in_any_order(store):
    one, job = experiment(), export(status="requested")
    store.append(experiment(one.experiment_id, revision=2, status="completed"), export(job.export_id, revision=1))
    store.append(one, job, experiment(one.experiment_id, revision=1, status="paused"))
    assert store.experiment(one.experiment_id).status == "completed"
    assert store.export(job.export_id).status == "completed"


def test_analytics_updated_comes_once_an_experiment_with_its_first_final_status(store):
    one = experiment()
    store.append(one)
    assert len(store.audit("analytics_updated")) == 0
    for revision, status in enumerate(("interrupted", "running", "completed"), start=1):
        store.append(experiment(one.experiment_id, revision=revision, status=status))
        store.drain()
    found = store.audit("analytics_updated")
    assert "analytics_updated" in CATALOGUE
    assert json.loads(found.payload[0]).keys() == {"v", *CATALOGUE["analytics_updated"].fields}
    assert found.entity_id.tolist() == [one.experiment_id]
    assert json.loads(found.payload[0]) == {"v": 1, "calibration_id": "uncalibrated", "user": "ada"}


def figures(store):
    return {(row.user, row.calibration_id, row.measure): row for row in store.analytics().itertuples()}


def test_summaries_count_by_user_and_calibration_and_leave_out_what_is_not_ok(store):
    one, other = experiment(calibration_id="cal-1"), experiment(user="grace")
    store.append(one, other)
    for number, status in enumerate(("ok", "ok", "truncated", "failed")):
        store.append(response(one.experiment_id, status=status, creativity=0.2 * number, output_tokens=None, metrics={"x": 3}))
    store.append(response(other.experiment_id, creativity=None, metrics={"creativity": 9, "y": True, "z": "text", "n": None}))
    found = figures(store)
    mine = found["ada", "cal-1", "creativity"]
    assert (mine.n, mine.mean, mine.sd) == (2, pytest.approx(0.1), pytest.approx(math.sqrt(0.02)))
    assert found["ada", "cal-1", "x"].n == 2
    assert found["ada", "cal-1", "responses.ok"].n == 2
    assert found["ada", "cal-1", "responses.truncated"].n == 1
    assert ("ada", "cal-1", "output_tokens") not in found
    assert found["grace", "uncalibrated", "experiments"].n == 1
    assert {measure for user, _, measure in found if user == "grace"} == {"cost", "latency_ms", "responses.ok", "experiments"}
    assert store.verify().ok


def test_a_replaced_response_is_counted_once_under_its_last_status(store):
    one, answer = experiment(), new_id()
    store.append(one, response(one.experiment_id, answer, status="cancelled", creativity=None, cost=None, latency_ms=None))
    store.drain()
    store.append(response(one.experiment_id, answer, status="ok", revision=1, creativity=0.7))
    found = figures(store)
    assert ("ada", "uncalibrated", "responses.cancelled") not in found
    assert found["ada", "uncalibrated", "responses.ok"].n == 1
    assert found["ada", "uncalibrated", "creativity"].mean == 0.7
    assert store.verify().ok


def test_responses_that_arrive_before_their_experiment_are_kept_and_summarised_when_it_comes(store):
    one = experiment()
    store.append(response(one.experiment_id), response(one.experiment_id, status="failed"))
    assert len(store.responses()) == 2
    assert store.analytics().empty
    store.append(one)
    assert figures(store)["ada", "uncalibrated", "creativity"].n == 1
    assert store.verify().ok


def test_a_line_cut_short_by_a_living_writer_waits_and_that_of_a_dead_one_is_kept_aside(folder, store):
    store.append(event())
    (path,) = (folder / "journal").glob("*.jsonl")
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[:40])
    assert store.counts()["audit_logs"] == 1
    assert store.verify().unread == 40
    dead = folder / "journal" / "20200101T000000000000Z-1-00000000.jsonl"
    dead.write_bytes(whole.replace(b"ada", b"eve") + whole[:25])
    report = store.verify()
    assert report.counts["audit_logs"] == 1, "the same event_id again"
    assert report.torn == (f"20200101T000000000000Z-1-00000000.{len(whole)}.torn",)
    assert (folder / "journal" / "damaged" / report.torn[0]).read_bytes() == whole[:25]
    assert report.ok
    with path.open("ab") as file:
        file.write(whole[40:].replace(b"ada", b"bob"))
    assert store.verify().unread == 0


def test_a_damaged_line_in_the_middle_is_kept_aside_named_and_stops_nothing(folder, store):
    (folder / "journal" / "20200101T000000000000Z-1-00000000.jsonl").write_bytes(b"rubbish \xff\r line\n\n")
    store.append(event())
    report = store.verify()
    assert report.counts["audit_logs"] == 1
    assert [problem.kind for problem in report.problems] == ["damaged", "damaged"]
    assert "20200101T000000000000Z-1-00000000.0.damaged" in report.words
    assert (folder / "journal" / "damaged" / "20200101T000000000000Z-1-00000000.0.damaged").read_bytes() == b"rubbish \xff\r line"


def test_a_journal_that_ended_and_was_read_is_compressed_once_and_for_all(folder):
    store = open_store(folder)
    store.append(event(), event())
    (path,) = (folder / "journal").glob("*.jsonl")
    data = path.read_bytes()
    store.close()
    sealed = folder / "journal" / "sealed" / f"{path.name}.gz"
    assert not path.exists()
    assert gzip.decompress(sealed.read_bytes()) == data
    again = open_store(folder)
    assert again.counts()["audit_logs"] == 2
    path.write_bytes(data)  # as if the process had died between compressing and removing
    assert again.counts()["audit_logs"] == 2
    assert not path.exists()
    again.close()


def test_an_empty_journal_file_is_left_to_the_writer_who_is_about_to_lock_it(folder, store):
    young = folder / "journal" / "20200101T000000000000Z-1-00000000.jsonl"
    young.touch()
    store.append(event())
    store.drain()
    assert young.exists()


def test_tables_that_were_removed_come_back_from_the_journals_with_the_same_chain(folder):
    for _ in range(2):
        store = open_store(folder)
        store.append(*run(2))
        store.drain()
        store.append(event())
        store.close()
    store = open_store(folder)
    before, head = tables(store), store.head()
    for path in folder.glob("lab.duckdb*"):
        path.unlink()
    assert tables(store) == before
    assert store.head() == head
    assert store.verify().ok
    store.close()


def test_a_drain_that_fails_leaves_everything_for_the_next(folder, store, monkeypatch):
    store.append(*run(2))
    with monkeypatch.context() as patch:

        def fail(*_args):
            raise OSError(28, "No space left on device")

        patch.setattr(drain.DrainLog, "add", fail)
        with pytest.raises(Exception, match="nothing is lost"):
            store.drain()
    assert store.counts()["responses"] == 2
    assert store.verify().ok


def test_an_entry_of_the_drain_log_without_its_transaction_is_superseded_by_the_next(folder, store, monkeypatch):
    store.append(event())
    store.drain()
    store.append(event(), event())
    real = drain.DrainLog.add

    def die_before_commit(self, segments, head):
        real(self, segments, head)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(drain.DrainLog, "add", die_before_commit)
        with pytest.raises(KeyboardInterrupt):
            store.drain()
    store.append(event())
    assert store.verify().ok
    assert store.rebuild().equal
    assert store.head().seq == 4


ID = st.sampled_from(["aaaaaaaa-1", "bbbbbbbb-2", "cccccccc-3"])
SCORE = st.none() | st.floats(0, 1)


@st.composite
def rows(draw):
    kind = draw(st.sampled_from(["experiment", "response", "response", "response", "event", "export", "metric"]))
    one, revision = draw(ID), draw(st.integers(0, 3))
    if kind == "experiment":
        calibrated = "cal" if one.startswith("a") else None
        return experiment(
            one, revision=revision, status=draw(st.sampled_from(["running", "completed", "paused"])), calibration_id=calibrated
        )
    if kind == "response":
        metrics = draw(st.dictionaries(st.sampled_from(["words", "cost", 'a "b"']), SCORE, max_size=2))
        status = draw(st.sampled_from(STATUSES))
        number = draw(st.integers(0, 2))
        return response(
            one, f"{one}-{number}", revision=revision, status=status, creativity=draw(SCORE), cost=draw(SCORE), metrics=metrics
        )
    return {"event": event, "export": export, "metric": metric}[kind](one)


@example(
    [experiment("aaaaaaaa-1", revision=0, status="completed"), experiment("aaaaaaaa-1", revision=1, status="running")], {0}, 1
)
@settings(max_examples=ROUNDS)
@given(st.lists(rows(), max_size=25), st.sets(st.integers(0, 25), max_size=MOST_DRAINS), st.integers(0, 2))
def test_the_tables_do_not_depend_on_how_often_or_by_whom_they_were_drained(written, drains, repeats):
    base = Path(tempfile.mkdtemp())
    try:
        once, often, other = open_store(base / "once"), open_store(base / "often"), Store(base / "often")
        for number, row in enumerate(written):
            once.append(row)
            often.append(row)
            if number in drains:
                for _ in range(repeats):
                    (often, other)[number % 2].drain()
        order = ("seq", "prev_hash", "hash", "payload", "occurred_at", "mean", "sd", "m2")
        assert tables(often, without=order) == tables(once, without=order)
        for store in (once, often):
            report = store.verify()  # the chain, the counts, and the summaries against a recomputation
            assert report.ok, report.words
        assert often.rebuild().equal
    finally:
        once.close()
        often.close()
        other.end()
        shutil.rmtree(base)
