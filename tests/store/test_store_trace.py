"""The trace: from any id, what led to a record and what followed from it."""

from __future__ import annotations

import os

import pytest
from store_records import attempt, calibration, cell, event, experiment, export, metric, response

import pplab
from pplab.errors import BadInput, NotFound
from pplab.store.store import open_store
from pplab.store.trace import Edge

SOAK = bool(os.environ.get("PPLAB_SOAK"))
QUIZ, RUN, JOB = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two experiments of one calibration; the first with three answers, its audit, its timings, its cell and its export."""
    store = open_store(tmp_path_factory.mktemp("lab") / ".pplab")
    store.append(
        calibration("calibration-1", correlation_id=QUIZ, persona="expressive"),
        event("event-quiz", event="calibration_completed", entity="calibration", entity_id="calibration-1", correlation_id=QUIZ),
        metric("operation-quiz", name="calibrate", correlation_id=QUIZ, span_id="span-quiz"),
        cell("cell-run-1", correlation_id=RUN, span_id="span-cell"),
        metric("operation-run", name="run", correlation_id=RUN, span_id="span-run", parent_span_id="span-cell"),
        experiment("experiment-1", calibration_id="calibration-1", correlation_id=RUN, status="completed"),
        experiment("experiment-2", calibration_id="calibration-1", correlation_id="d" * 32),
        event("event-run", event="experiment_generated", entity="experiment", entity_id="experiment-1", correlation_id=RUN),
    )
    for number in range(3):
        span = f"span-call-{number}"
        store.append(
            event(
                f"event-call-{number}", event="llm_request_started", correlation_id=RUN, span_id=span, parent_span_id="span-run"
            ),
            response("experiment-1", f"response-{number}", replicate=number, correlation_id=RUN, span_id=span),
            attempt(
                f"response-{number}", "experiment-1", attempt_id=f"attempt-{number}", correlation_id=RUN, parent_span_id=span
            ),
            metric(f"metric-call-{number}", kind="call", correlation_id=RUN, span_id=span, parent_span_id="span-run"),
        )
    store.append(
        export("export-1", experiment_ids=["experiment-1"], correlation_id=JOB),
        event("event-export", event="export_completed", entity="export", entity_id="export-1", correlation_id=JOB),
        response("experiment-2", "response-other", correlation_id="d" * 32),
    )
    yield store
    store.close()


def ids(trace):
    return {node.id for node in trace.nodes}


def test_the_trace_of_an_experiment_holds_its_whole_chain_both_ways(lab):
    trace = lab.trace("experiment-1")
    assert trace.anchor == ("experiment", "experiment-1")
    kinds = [node.kind for node in trace.nodes]
    assert kinds == sorted(
        kinds, key=["calibration", "experiment", "response", "attempt", "export", "event", "operation", "cell", "summary"].index
    )
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {
        "calibration": 1,
        "experiment": 1,
        "response": 3,
        "attempt": 3,
        "export": 1,
        "event": 7,
        "operation": 5,
        "cell": 1,
        "summary": 1,
    }
    assert "experiment-2" not in ids(trace)
    assert [node.id for node in trace.before(("experiment", "experiment-1"))] == ["calibration-1", "operation-run"]
    after = [node.id for node in trace.after(("experiment", "experiment-1"))]
    assert after[:4] == ["response-0", "response-1", "response-2", "export-1"]
    assert after[-1] == "ada/calibration-1"


def test_the_edges_say_how_each_record_led_to_the_next(lab):
    trace = lab.trace("experiment-1")
    edges = set(trace.edges)
    assert {
        Edge(("operation", "operation-quiz"), ("calibration", "calibration-1"), "made"),
        Edge(("calibration", "calibration-1"), ("experiment", "experiment-1"), "gave the ranges"),
        Edge(("cell", "cell-run-1"), ("operation", "operation-run"), "caused"),
        Edge(("operation", "operation-run"), ("experiment", "experiment-1"), "made"),
        Edge(("experiment", "experiment-1"), ("response", "response-1"), "planned"),
        Edge(("response", "response-1"), ("attempt", "attempt-1"), "was requested by"),
        Edge(("response", "response-1"), ("operation", "metric-call-1"), "was timed as"),
        Edge(("response", "response-1"), ("event", "event-call-1"), "was recorded as"),
        Edge(("experiment", "experiment-1"), ("export", "export-1"), "was exported as"),
        Edge(("experiment", "experiment-1"), ("summary", "ada/calibration-1"), "was counted in"),
        Edge(("export", "export-1"), ("event", "event-export"), "was recorded as"),
    } <= edges
    for edge in edges:
        assert edge.source != edge.target
        assert {edge.source[1], edge.target[1]} <= ids(trace)


def test_the_trace_of_a_response_leaves_its_siblings_out(lab):
    found = ids(lab.trace("response-1"))
    assert {
        "calibration-1",
        "experiment-1",
        "response-1",
        "attempt-1",
        "event-call-1",
        "metric-call-1",
        "export-1",
        "operation-run",
    } <= found
    assert not {"response-0", "attempt-2", "event-call-0", "metric-call-2", "experiment-2"} & found
    assert ids(lab.trace("attempt-1")) == found


def test_the_trace_of_a_calibration_holds_every_experiment_run_with_it(lab):
    assert {"experiment-1", "experiment-2", "response-other", "export-1"} <= ids(lab.trace("calibration-1"))


def test_every_record_of_a_trace_opens_a_trace_that_holds_it(lab):
    seen = set()
    for node in lab.trace("experiment-1").nodes:
        if node.kind != "summary" and (SOAK or node.kind not in seen):
            seen.add(node.kind)
            trace = lab.trace(node.id)
            assert node.id in ids(trace), node
            assert trace.anchor == (node.kind, node.id)
            assert "experiment-1" in ids(trace), node


def test_a_correlation_id_or_its_beginning_opens_the_chain_of_cause(lab):
    assert ids(lab.trace(RUN)) == ids(lab.trace(RUN[:8])) == ids(lab.trace("experiment-1"))
    assert lab.trace(RUN).anchor == ("correlation", RUN)


def test_a_name_that_an_experiment_has_does_not_take_its_place(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        names = [f"run {number}" for number in range(2)]  # of two records with one id either may come first
        traced = [lab.trace(lab.run("Hi", n=1, name=name)) for name in names]
    assert [chain.anchor[0] for chain in traced] == ["experiment"] * 2
    assert all("response" in {node.kind for node in chain.nodes} for chain in traced)


def test_unknown_and_ambiguous_ids_are_refused_in_one_line(lab):
    with pytest.raises(NotFound, match="no record has the id"):
        lab.trace("nobody-has-this")
    with pytest.raises(BadInput, match="several records begin with 'experiment'"):
        lab.trace("experiment")


def test_a_record_that_caused_nothing_is_its_own_trace(store):
    store.append(cell("cell-alone", correlation_id="e" * 32))
    trace = store.trace("cell-alone")
    assert ids(trace) == {"cell-alone"}
    assert trace.edges == ()
