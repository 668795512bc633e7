"""In which order, how fast and for how much a run sends its calls; pausing, cancelling, and the user's functions."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import pplab
from pplab.errors import BadInput
from tests.servers import FaultServer
from tests.unit.experiment_labs import attempts, lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(latency_ms=20) as running:
        yield running


def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait for something another thread brings about."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)


def test_replicate_0_of_everything_is_sent_before_replicate_1_of_anything(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        lab.run(["first", "second"], n=3, sweep={"temperature": [0, 1]}, max_concurrency=1)
        sent = lab.sql("""
            SELECT r.replicate FROM audit_logs a JOIN responses r ON a.entity_id = r.response_id
            WHERE a.event = 'llm_request_started' ORDER BY a.seq""")["replicate"]
        assert list(sent) == [0] * 4 + [1] * 4 + [2] * 4


def test_a_server_that_says_too_many_is_sent_fewer_at_once(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:rate_limited_ms,ok") as lab:
        prompts = [f"slow down {number}" for number in range(40)]
        experiment = lab.run(prompts, n=1, max_concurrency=16)
        assert experiment.status == "completed"
        assert experiment.progress["concurrency"] < 16
        assert sum(decision == "retry" for (decision,) in attempts(lab)) == 40


def test_a_run_can_be_paused_gone_on_with_and_waited_for_while_the_notebook_stays_free(
    server: FaultServer, tmp_path: Path
) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        begun = time.perf_counter()
        experiment = lab.start("in the background", n=200, max_concurrency=2)  # at least 2 seconds
        assert time.perf_counter() - begun < 1.5
        assert experiment.status == "running"
        until(lambda: experiment.progress["done"] >= 2)
        experiment.pause()
        until(lambda: experiment.progress["in_flight"] == 0)
        done = experiment.progress["done"]
        assert experiment.running
        assert experiment.progress["paused"]
        assert 2 <= done < 200
        experiment.go_on()
        assert experiment.wait().status == "completed"
        assert experiment.progress["done"] == 200


def test_cancelling_keeps_what_arrived_and_leaves_the_rest_to_a_resume(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.start("stop it", n=100, max_concurrency=2)
        until(lambda: experiment.progress["done"] >= 8)
        experiment.cancel()
        experiment.wait()
        rows = experiment.responses
        assert experiment.status == "interrupted"
        assert experiment.reason == "cancelled by the user"
        assert len(rows) == len(lab.responses()) == 100
        assert set(rows["status"]) == {"ok", "cancelled"}
        assert (rows["status"] == "ok").sum() >= 8
        under_way = attempts(lab, "decision, error")
        assert all("may have been billed" in error for decision, error in under_way if decision == "abandon")
        before = server.counts()["requests"]
        missing = int((rows["status"] == "cancelled").sum())
        assert experiment.resume().status == "completed"
        assert server.counts()["requests"] - before == missing


def test_closing_the_lab_ends_its_runs_and_a_later_lab_resumes_them(server: FaultServer, tmp_path: Path) -> None:
    lab = lab_at(tmp_path, server, "fast")
    experiment = lab.start("left alone", n=80, max_concurrency=2)
    until(lambda: experiment.progress["done"] >= 4)
    lab.close()
    with lab_at(tmp_path, server, "fast") as later:
        found = later.experiment(experiment.id)
        assert (found.status, found.reason) == ("interrupted", "the lab was closed")
        assert found.resume().status == "completed"


def priced(tmp_path: Path, server: FaultServer, model: str) -> pplab.Lab:
    lab = lab_at(tmp_path, server, model)
    lab.configuration.prices = {
        model: [100.0, 1000.0]
    }  # dollars per million: an answer of the server's 12 and 60 tokens is $0.0612
    return lab


def test_no_call_is_sent_that_could_pass_max_cost_and_the_rest_is_resumable(server: FaultServer, tmp_path: Path) -> None:
    with priced(tmp_path, server, "fast") as lab:
        experiment = lab.run("costly", n=40, parameters={"max_tokens": 100}, max_cost=1.0, max_concurrency=8)
        rows = experiment.responses
        spent = rows["cost"].sum()
        assert experiment.status == "paused"
        assert "could cost up to $0.10" in experiment.reason
        assert "max_cost=$1" in experiment.reason
        assert 0.88 < spent <= 1.0  # until not even one more call of at most $0.1022 is sure to fit
        assert len(rows) == 40
        assert rows.loc[rows["status"] == "cancelled", "error"].str.contains("max_cost").all()
        assert experiment.resume(max_cost=10).status == "completed"


def test_a_call_whose_cost_stays_unknown_counts_with_the_most_it_can_have_cost(server: FaultServer, tmp_path: Path) -> None:
    with priced(tmp_path, server, "play:no_usage") as lab:
        experiment = lab.run("unknown", n=40, parameters={"max_tokens": 100}, max_cost=1.0, max_concurrency=8)
        assert experiment.status == "paused"
        assert (experiment.responses["status"] == "ok").sum() == 9


@pytest.mark.soak
def test_another_attempt_is_not_paid_for_out_of_an_empty_budget(server: FaultServer, tmp_path: Path) -> None:
    with priced(tmp_path, server, "play:reset_mid_body,ok") as lab:
        experiment = lab.run("lost on the way", n=1, parameters={"max_tokens": 100}, max_cost=0.15)
        row = experiment.responses.iloc[0]
        assert row["status"] == "cancelled"
        assert "another attempt could cost up to" in row["error"]
        assert "an earlier attempt may have been billed" in row["error"]
        assert attempts(lab) == [("retry",)]


def test_a_budget_without_a_price_is_refused_before_anything_is_sent(server: FaultServer, tmp_path: Path) -> None:
    before = server.counts()["requests"]
    with lab_at(tmp_path, server, "fast") as lab, pytest.raises(BadInput, match=r"the price of fast at .* is unknown"):
        lab.run("how much?", max_cost=1)
    assert server.counts()["requests"] == before


def test_the_users_function_hears_of_each_response_once_it_is_safe_in_the_journal(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        heard: list[tuple[str, str, bool]] = []

        def listen(response: Any) -> None:
            written = b"".join(path.read_bytes() for path in (tmp_path / "lab" / "journal").glob("*.jsonl"))
            line = f'"response_id":"{response.response_id}","revision"'
            heard.append((response.status, response.text[:10], line.encode() in written))
            assert threading.current_thread() is threading.main_thread()

        experiment = lab.run("listen", n=12, on_response=listen)
        assert heard == [("ok", "The keeper", True)] * 12
        assert not experiment.warnings


@pytest.mark.soak
def test_a_users_function_that_raises_is_not_called_again_and_the_run_goes_on(server: FaultServer, tmp_path: Path) -> None:
    calls = []

    def broken(response: Any) -> None:
        calls.append(response)
        raise ZeroDivisionError("oh")

    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.run("broken listener", n=10, on_response=broken)
        assert experiment.status == "completed"
        assert len(calls) == 1
        assert any("ZeroDivisionError: oh" in warning for warning in experiment.warnings)


@pytest.mark.soak
def test_a_slow_users_function_holds_up_no_call(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.start("slow listener", n=20, deadline=2, on_response=lambda _: time.sleep(0.05))
        until(lambda: not experiment.running)
        assert set(experiment.responses["status"]) == {"ok"}
        assert experiment.responses["latency_ms"].max() < 1000


def test_pieces_of_a_streamed_answer_are_heard_as_they_arrive(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:stream_trickle") as lab:
        pieces: list[str] = []
        experiment = lab.start("stream", n=1, stream=True, deadline=1, on_text=lambda _, text: pieces.append(text))
        text = experiment.wait().responses.iloc[0]["text"]
        until(lambda: "".join(pieces) == text)
        assert len(pieces) > 3


@pytest.mark.soak
def test_a_slow_metric_of_the_user_blocks_neither_the_loop_nor_the_deadline(server: FaultServer, tmp_path: Path) -> None:
    @pplab.metrics.metric("patience", low=0, high=1)
    def patience(text: str, prompt: str) -> float:
        """Take its time."""
        time.sleep(0.1)
        return 0.5

    try:
        with lab_at(tmp_path, server, "fast") as lab:
            experiment = lab.run("slow metric", n=16, deadline=0.5)
            assert set(experiment.responses["status"]) == {"ok"}
            assert experiment.responses["latency_ms"].max() < 400
    finally:
        pplab.metrics.unregister("patience")


def test_users_metrics_are_columns_of_the_responses_and_of_the_summary(server: FaultServer, tmp_path: Path) -> None:
    @pplab.metrics.metric("brevity", low=0, high=1)
    def brevity(text: str, prompt: str) -> float:
        """One over the number of words."""
        return 1 / max(1, len(text.split()))

    try:
        with lab_at(tmp_path, server, "fast") as lab:
            experiment = lab.run("count", n=3, sweep={"temperature": [0, 1]})
            assert experiment.metrics == ("creativity", "coherence", "structure", "completeness", "brevity")
            assert experiment.responses["brevity"].between(0.01, 0.05).all()
            assert experiment.summary()["brevity"].notna().all()
            assert "brevity" in {d.metric for d in experiment.compare(0, 1).differences}
    finally:
        pplab.metrics.unregister("brevity")
