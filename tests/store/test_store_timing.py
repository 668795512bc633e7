"""The timing view's figures, compared with the rows they are of, and the waterfall of one trace."""

from __future__ import annotations

import statistics
from datetime import datetime, timedelta

import pytest
from store_records import attempt, cell, metric, response

from pplab.errors import NotFound
from pplab.store import waterfall
from pplab.store.record_types import time_text
from pplab.store.timing_queries import LISTED, MOST_PERIODS, STEPS, read_timing
from pplab.store.waterfall import read_waterfall

BEGIN = datetime.fromisoformat("2026-11-23T10:00")
MIDNIGHT = datetime.fromisoformat("2026-11-23")
END = BEGIN + timedelta(minutes=30)
RUN = "a" * 32


def moment(seconds):
    return time_text(BEGIN + timedelta(seconds=seconds))


def a_cell(at, took_ms, **given):
    return cell(started_at=moment(at), duration_ns=int(took_ms * 1e6), **{"correlation_id": f"trace-{at}", **given})


def timed(at, took_ms, **given):
    """Return an operation or a call by when it began; its row says when it ended."""
    return metric(recorded_at=moment(at + took_ms / 1000), duration_ns=int(took_ms * 1e6), **given)


def a_call(at, took_ms, span, cause, **given):
    """Return a call and its response."""
    about = {"span_id": span, "correlation_id": given.pop("correlation_id", RUN)}
    status = given.get("status", "ok")
    return (
        timed(at, took_ms, kind="call", name="llm_request", status=status, parent_span_id=cause, **about),
        response("e1", created_at=moment(at), **{"cost": 0.5, "input_tokens": 10, "output_tokens": 5} | given, **about),
    )


@pytest.fixture
def run(store):
    """A cell that ran an operation, which ran another one with two calls and made one itself; and a cell beside it."""
    store.append(
        a_cell(0, 900, execution_count=3, notebook="a/x.ipynb", correlation_id=RUN, span_id="cell"),
        timed(0.1, 700, name="check", correlation_id=RUN, span_id="check", parent_span_id="cell"),
        timed(0.2, 500, name="run", correlation_id=RUN, span_id="run", parent_span_id="check"),
        *a_call(0.3, 100, "c1", "run", replicate=0, model="m"),
        *a_call(0.3, 300, "c2", "run", replicate=1, status="failed", cost=None, input_tokens=None, output_tokens=None),
        *a_call(0.75, 20, "c3", "check", replicate=2, cost=2.0),
        a_cell(60, 40, status="error", notebook=None),
    )
    return store


def report(store, since=BEGIN, until=END):
    return read_timing(store, since, until, MIDNIGHT)


def test_what_is_said_of_each_kind_is_what_its_rows_say(store):
    took = [0.2, 5.0, 17.5, 80.0, 80.0, 400.0, 12_000.0]
    store.append(*(a_cell(at, ms, status="error" if at == 3 else "ok") for at, ms in enumerate(took)))
    (cells,) = report(store).durations
    assert (cells.kind, cells.count, cells.failed) == ("cell", 7, 1)
    assert cells.median_ms == statistics.median(took)
    assert cells.percentile_95_ms == pytest.approx(statistics.quantiles(took, n=20, method="inclusive")[-1])
    assert cells.longest_ms == 12_000


def test_a_call_fails_only_where_no_answer_arrived_and_an_operation_where_it_did_not_end_well(store):
    for status in ("ok", "truncated", "empty", "refused", "filtered", "tool_call", "rejected", "failed", "timeout", "cancelled"):
        store.append(timed(1, 5, kind="call", status=status))
    store.append(*(timed(1, 5, status=status) for status in ("ok", "error", "interrupted")), metric(kind="drain"))
    assert {one.kind: (one.count, one.failed) for one in report(store).durations} == {"operation": (3, 2), "call": (10, 4)}


def test_calls_tokens_and_cost_go_to_every_operation_above_and_to_the_cell(run):
    found = {one.name: (one.calls, one.tokens, one.cost) for one in report(run).latest}
    assert found == {
        "cell [3]": (3, 30, 2.5),
        "cell": (0, None, None),
        "check": (3, 30, 2.5),
        "run": (2, 15, 0.5),
        "prompt 0 setting 0 replicate 0": (1, 15, 0.5),
        "prompt 0 setting 0 replicate 1": (1, None, None),
        "prompt 0 setting 0 replicate 2": (1, 15, 2.0),
    }
    assert (report(run).tokens, report(run).cost) == (30, 2.5)
    assert {one.about for one in report(run).latest} == {"a/x.ipynb", "m", ""}


def test_calls_of_a_cell_that_a_cell_ran_count_for_the_outer_one_alone(run):
    run.append(a_cell(0.05, 800, execution_count=None, correlation_id=RUN, span_id="inner"))
    costs = [one.cost for one in report(run).latest if one.kind == "cell"]
    assert sorted(costs, key=str) == [2.5, None, None]


def test_the_lists_are_in_their_order_and_leave_out_what_cost_nothing(run):
    whole = report(run)
    assert [(one.kind, one.name) for one in whole.slowest] == [
        *(("cell", "cell [3]"), ("cell", "cell"), ("operation", "check"), ("operation", "run")),
        *(("call", f"prompt 0 setting 0 replicate {number}") for number in (1, 0, 2)),
    ]
    assert [one.name for one in whole.latest if one.kind == "cell"] == ["cell", "cell [3]"]
    assert [(one.kind, one.cost) for one in whole.dearest] == [
        *(("cell", 2.5), ("operation", 2.5), ("operation", 0.5), ("call", 2.0), ("call", 0.5)),
    ]
    assert {one.correlation_id for one in whole.dearest} == {RUN}


def test_the_lists_hold_the_first_few_of_many(store):
    store.append(*(a_cell(at, 1000 - at) for at in range(40)))
    whole = report(store)
    assert [one.duration_ms for one in whole.slowest] == [1000, 999, 998, 997, 996][:LISTED]
    assert [one.started_at for one in whole.latest] == [moment(at) for at in (39, 38, 37, 36, 35)][:LISTED]


def test_every_row_of_the_range_is_in_one_period_and_no_other_row_is(store):
    begun = [-1, 0, 0.5, 59, 60, 61, 600, 1799, 1801]
    store.append(*(a_cell(at, 10 + at) for at in begun))
    whole = report(store)
    assert (whole.begins_at, whole.ends_at, whole.step_s) == (moment(0), moment(1800), 60)
    assert [(one.place, one.count) for one in whole.periods] == [(0, 3), (1, 2), (10, 1), (29, 1)]
    first = whole.periods[0]
    assert (first.shortest_ms, first.median_ms, first.longest_ms) == (10, 10.5, 69)


def test_a_range_has_periods_enough_to_see_something_and_not_too_many(store):
    store.append(a_cell(0, 5))
    for length in (timedelta(seconds=3), timedelta(hours=1), timedelta(days=7), timedelta(days=400)):
        whole = report(store, None, BEGIN + length)
        periods = (BEGIN + length - datetime.fromisoformat(whole.begins_at)) / timedelta(seconds=whole.step_s)
        assert periods <= MOST_PERIODS
        assert whole.step_s in STEPS
        assert whole.step_s == 1 or periods > MOST_PERIODS / 8
        if whole.step_s % 86_400 == 0:
            assert whole.begins_at.endswith("T00:00:00.000000")
        (period,) = whole.periods
        assert period.place in (0, (BEGIN - datetime.fromisoformat(whole.begins_at)) // timedelta(seconds=whole.step_s))


def test_an_empty_range_says_so(store):
    for since in (None, BEGIN):
        whole = report(store, since)
        assert (whole.durations, whole.periods, whole.latest, whole.tokens, whole.cost) == ((), (), (), None, None)


def test_a_waterfall_has_each_step_below_what_caused_it_in_the_order_they_began(run):
    run.append(*(attempt("r9", "e1", attempt=n, http_status=code, latency_ms=5.0, started_at=moment(0.4 + n / 100),
                         correlation_id=RUN, span_id=f"try{n}", parent_span_id="c2", decision=decision)
                 for n, code, decision in ((1, 503, "retry"), (2, 200, "accept"))))  # fmt: skip
    run.append(attempt("r8", "e1", attempt=1, correlation_id=RUN, span_id="only", parent_span_id="c1"))
    found = read_waterfall(run, RUN)
    assert [(bar.depth, bar.kind, bar.name, bar.status) for bar in found.bars] == [
        (0, "cell", "cell [3]", "ok"),
        (1, "operation", "check", "ok"),
        (2, "operation", "run", "ok"),
        (3, "call", "prompt 0 setting 0 replicate 1", "failed"),
        (4, "request", "request 1 503", "retry"),
        (4, "request", "request 2 200", "accept"),
        (3, "call", "prompt 0 setting 0 replicate 0", "ok"),
        (2, "call", "prompt 0 setting 0 replicate 2", "ok"),
    ]
    assert [(bar.started_at, bar.duration_ms) for bar in found.bars[:2]] == [(moment(0), 900), (moment(0.1), 700)]
    assert found.left_out == 0


def test_of_a_long_trace_the_longest_calls_are_drawn_and_the_others_counted(run, monkeypatch):
    monkeypatch.setattr(waterfall, "MOST_BARS", 5)
    found = read_waterfall(run, RUN)
    assert [bar.name[-11:] for bar in found.bars] == ["cell [3]", "check", "run", "replicate 1", "replicate 0"]
    assert found.left_out == 1


def test_a_trace_of_which_nothing_was_timed_is_said(run):
    with pytest.raises(NotFound, match="nothing was timed"):
        read_waterfall(run, "f" * 32)
