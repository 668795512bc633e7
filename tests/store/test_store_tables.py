"""The reads of a lab: columns, filters, ids and their prefixes, several reads under one lease, and read-only SQL."""

from __future__ import annotations

import threading
from dataclasses import fields

import duckdb
import pandas as pd
import pytest
from store_records import attempt, calibration, cell, event, experiment, export, metric, new_id, response, run

from pplab.errors import BadInput, NotFound, StoreError
from pplab.store.queries import AUDIT_COLUMNS, RESPONSE_COLUMNS
from pplab.store.rows import ResponseRow

PUBLIC = """response_id, experiment_id, prompt_index, prompt, setting_index, temperature, top_p, max_tokens, frequency_penalty,
presence_penalty, seed, replicate, status, text, error, finish_reason, model, input_tokens, output_tokens, cost, latency_ms,
creativity, coherence, structure, completeness, request_key, correlation_id, model_asked, endpoint, system, wording, parameters,
top_k, min_p, typical_p, repetition_penalty, reasoning_effort, verbosity, thinking_budget, fault"""


def test_responses_have_exactly_the_public_columns_whatever_they_hold(store):
    assert tuple(PUBLIC.replace("\n", " ").split(", ")) == RESPONSE_COLUMNS
    empty = store.responses()
    assert tuple(empty.columns) == RESPONSE_COLUMNS
    one = experiment()
    store.append(one, response(one.experiment_id, temperature=0.7, max_tokens=None, seed=2**63 - 1, output_tokens=5))
    frame = store.responses()
    assert frame.dtypes.to_dict() == empty.dtypes.to_dict()
    assert frame.seed[0] == 2**63 - 1, "a 63-bit seed is not rounded by a float"
    assert pd.isna(frame.max_tokens[0])
    assert list(store.responses(full=True).columns) == [field.name for field in fields(ResponseRow)]


def test_responses_come_in_plan_order_not_in_the_order_of_completion(store):
    one = experiment()
    places = [(1, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
    store.append(one)
    for prompt, setting, replicate in places:
        store.append(response(one.experiment_id, prompt_index=prompt, setting_index=setting, replicate=replicate))
    frame = store.responses(one.experiment_id)
    assert list(zip(frame.prompt_index, frame.setting_index, frame.replicate, strict=True)) == sorted(places)
    assert [row.response_id for row in store.response_rows(one.experiment_id)] == frame.response_id.tolist()


def test_responses_are_filtered_by_experiment_status_user_calibration_and_model(store):
    one, other = experiment(calibration_id="cal-1"), experiment(user="grace")
    store.append(one, other, response(one.experiment_id, model="a"), response(one.experiment_id, status="failed"))
    store.append(response(other.experiment_id, model="b"))
    assert len(store.responses()) == 3
    assert len(store.responses(one.experiment_id)) == 2
    assert len(store.responses(status="failed")) == 1
    assert len(store.responses(user="grace")) == 1
    assert len(store.responses(calibration_id="cal-1", status="ok")) == 1
    assert store.responses(model="b").experiment_id.tolist() == [other.experiment_id]
    assert len(store.responses(limit=2)) == 2
    assert store.responses(since="2027-01-01").empty


def test_records_come_back_as_they_were_written(store):
    one = experiment(plan={"b": [1, {"c": None}], "a": "é"}, software={"python": "3.11"}, notebook="n.ipynb")
    quiz = calibration(answers={"q": 1}, ranges={"temperature": [0.1, 1.5]}, origin={"lab": "x"})
    job = export(experiment_ids=[one.experiment_id], head_seq=3, head_hash="h", completed_at=None)
    answer = response(one.experiment_id, text="a\0b\n\u2028é", usage={"total": 3}, metrics={"words": 2.0})
    store.append(one, quiz, job, answer)
    assert store.experiment(one.experiment_id) == one
    assert store.calibration(quiz.calibration_id) == quiz
    assert store.export(job.export_id) == job
    assert store.response(answer.response_id) == answer


def test_experiments_tell_how_far_they_came_and_what_they_cost(store):
    rows = run(3)
    store.append(
        *rows, response(rows[0].experiment_id, status="failed", cost=None), experiment(created_at="2026-11-24T00:00:00.000000")
    )
    frame = store.experiments()
    assert frame[["responses", "ok"]].to_numpy().tolist() == [[4, 3], [0, 0]]
    assert frame.cost[0] == pytest.approx(0.003)
    assert pd.isna(frame.cost[1])
    assert len(store.experiments(status="running")) == 1
    assert store.experiments(limit=1).experiment_id[0] == frame.experiment_id[1], "the youngest"


def test_an_id_may_be_shortened_as_long_as_it_is_the_only_one(store):
    store.append(experiment("abcdef-1"), experiment("abcdef-2"), experiment("abcdef-22"), experiment("xyzxyz-1"))
    assert store.experiment("xyzxyz").experiment_id == "xyzxyz-1"
    assert store.experiment("abcdef-1").experiment_id == "abcdef-1"
    assert store.experiment("abcdef-2").experiment_id == "abcdef-2", "a whole id is that one, whatever else begins with it"
    with pytest.raises(BadInput, match="several experiments begin with 'abcdef'"):
        store.experiment("abcdef")
    with pytest.raises(NotFound, match="no experiment has the id"):
        store.experiment("nobody-has-this")


ODD = ["", "abc", "ab'; DROP TABLE responses; --", "../../etc/passwd", "a" * 300, "abcdef\n", "%%%%%%", "ab\0cdefg", None, 7]


def test_what_cannot_be_an_id_is_refused_in_one_line(store):
    for odd in ODD:
        for read in (store.experiment, store.calibration, store.responses, store.trace):
            if odd is None and read == store.responses:
                continue
            with pytest.raises(BadInput) as refused:
                read(odd)
            assert "\n" not in str(refused.value), odd
            assert len(str(refused.value)) < 200, odd


def test_latest_is_the_youngest_and_of_nothing_there_is_none(store):
    with pytest.raises(NotFound, match="there is no calibration yet"):
        store.calibration("latest")
    store.append(calibration("cal-new", created_at="2026-11-23T02:00:00.000000"), calibration("cal-old"))
    assert store.calibration("latest").calibration_id == "cal-new"
    assert store.find("calibration", "latest") == "cal-new"


def test_audit_rows_come_in_the_order_of_the_chain_and_are_filtered(store):
    store.append(*(event(entity_id=f"entity-{n}", occurred_at=f"2026-11-2{9 - n}T00:00:00.000000") for n in range(5)))
    store.append(event(event="retry_requested", actor="grace", correlation_id="trace-1"))
    frame = store.audit()
    assert tuple(frame.columns) == AUDIT_COLUMNS
    assert (
        *("seq", "event_id", "occurred_at", "event", "actor", "entity", "entity_id", "correlation_id"),
        *("span_id", "parent_span_id", "payload", "prev_hash", "hash"),
    ) == AUDIT_COLUMNS
    assert frame.seq.tolist() == [1, 2, 3, 4, 5, 6], "not by the clock"
    assert store.audit(limit=2).seq.tolist() == [5, 6]
    assert store.audit("retry_requested").seq.tolist() == [6]
    assert store.audit(actor="grace", correlation_id="trace-1").seq.tolist() == [6]
    assert store.audit(entity_id="entity-2").seq.tolist() == [3]
    assert store.audit(since="2026-11-28").seq.tolist() == [1, 2]


def test_timings_cells_attempts_exports_and_calibrations_are_listed_and_filtered(store):
    one = experiment()
    answer = response(one.experiment_id)
    store.append(one, answer, attempt(answer.response_id, one.experiment_id), attempt("other-answer", "other-experiment"))
    store.append(metric(kind="call", name="m"), metric(recorded_at="2026-11-24T00:00:00.000000"), cell(status="error"), cell())
    store.append(export(), calibration(user="grace"), calibration())
    assert len(store.timing()) == 2
    assert store.timing("call").name.tolist() == ["m"]
    assert store.timing(limit=1).kind.tolist() == ["operation"]
    assert len(store.cells(status="error")) == 1
    assert len(store.attempts()) == 2
    assert len(store.attempts(one.experiment_id)) == len(store.attempts(response_id=answer.response_id[:8])) == 1
    assert len(store.exports()) == 1
    assert len(store.calibrations()) == 2
    assert len(store.calibrations(user="grace")) == 1


def test_a_limit_that_is_no_number_of_rows_is_refused(store):
    for limit in (-1, 1.5, True, "1; DROP TABLE audit_logs"):
        with pytest.raises(BadInput, match="limit"):
            store.audit(limit=limit)


def test_a_time_that_is_none_is_refused(store):
    with pytest.raises(BadInput, match="is not a time"):
        store.audit(since="yesterday")


def test_several_reads_share_one_opening_and_one_state(store, monkeypatch):
    import pplab.store.migrate as migrate_module

    store.append(event())
    store.drain()
    opened = []
    real = migrate_module.Connection
    monkeypatch.setattr(migrate_module, "Connection", lambda *args, **kw: opened.append(args) or real(*args, **kw))
    with store.reading():
        first = store.counts()
        store.append(event())
        assert store.counts() == first
        assert len(store.audit()) == 1
        with store.reading() as cursor:
            assert cursor.execute("SELECT 1").fetchall() == [(1,)]
    assert len(opened) == 1
    assert store.counts()["audit_logs"] == 2


def test_threads_that_read_at_the_same_time_wait_for_each_other(store):
    store.append(*run(2))
    problems = []

    def read():
        try:
            for _ in range(5):
                assert len(store.responses()) == 2
        except Exception as error:  # noqa: BLE001 - reported by the test's own thread
            problems.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_the_file_is_free_between_reads_for_duckdbs_own_tools(store, folder):
    store.append(event())
    store.drain()
    with duckdb.connect(folder / "lab.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM audit_logs").fetchall() == [(1,)]


def test_sql_takes_one_select_with_bound_parameters(store):
    one = experiment()
    store.append(one, response(one.experiment_id), response(one.experiment_id, status="failed"))
    assert store.sql("SELECT count(*) AS n FROM responses WHERE status = ?", ["ok"]).n.tolist() == [1]
    assert store.sql("SELECT count(*) AS n FROM responses WHERE status = $status", {"status": "failed"}).n.tolist() == [1]
    assert store.sql("WITH a AS (SELECT 1 AS x) SELECT x FROM a").x.tolist() == [1]
    assert "responses" in store.sql("SHOW TABLES").name.tolist()
    assert store.sql("FROM responses LIMIT 0").empty
    assert len(store.sql("SELECT payload->>'status' FROM audit_logs")) == 0


MORE_THAN_A_LOOK = [
    "",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "DELETE FROM responses",
    "INSERT INTO responses SELECT * FROM responses",
    "UPDATE audit_logs SET actor = 'eve'",
    "DROP TABLE audit_logs",
    "CREATE TABLE x (a INTEGER)",
    "CREATE TEMP TABLE x (a INTEGER)",
    "COPY responses TO 'out.csv'",
    "EXPORT DATABASE 'out'",
    "ATTACH 'other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CHECKPOINT",
    "BEGIN",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('https://example.com/x.parquet')",
    "SELECT * FROM frame_of_the_caller",
    "SELECT nothing FROM nowhere",
    "SELEC 1",
    "SELECT ?",
    "SELECT \0",
]


def test_sql_that_is_more_than_a_look_is_refused_in_one_line(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame_of_the_caller = pd.DataFrame({"secret": [1]})
    store.append(event())
    before = store.counts()
    for query in MORE_THAN_A_LOOK:
        with pytest.raises(BadInput) as refused:
            store.sql(query)
        assert "\n" not in str(refused.value), query
    assert store.counts() == before
    assert before["audit_logs"] == 1
    assert store.verify().ok
    assert len(frame_of_the_caller) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a lab of Žofie 研究"}


def test_sql_cannot_force_a_write_through_a_function(store):
    with pytest.raises(BadInput):
        store.sql("SELECT * FROM force_checkpoint()")


def test_sql_inside_a_reading_block_is_refused_since_the_file_is_open_for_writing(store):
    with store.reading(), pytest.raises(StoreError, match="reading"):
        store.sql("SELECT 1")
    assert store.sql("SELECT 1 AS one").one.tolist() == [1]


def test_ids_of_any_shape_that_rows_carry_can_be_stored_and_counted(store):
    store.append(event("x"), event(new_id()), event("é" * 300))
    assert store.counts()["audit_logs"] == 3
    assert store.verify().ok
