"""Runs in batches from outside: commands, an interrupt, a process of its own, who listens, and the record it leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import pplab
from pplab import cli
from pplab.metrics import MetricValue, metric, unregister
from pplab.models.batches import BatchLimits, OpenAIBatches
from tests.servers.batches import BatchServer, answer
from tests.unit.experiment_labs import KEY


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(OpenAIBatches, "limits", BatchLimits(first_look=0.02, longest_look=0.1, backoff=0.01))


def lab_at(folder: Path, server: BatchServer) -> pplab.Lab:
    return pplab.Lab(store=folder / "lab", user="ada", model="m", base_url=server.base_url, api_key=KEY)


def until(condition: Any, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_requests_go_out_and_results_come_in_by_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    where = ["--store", "lab", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--json"]
    code, out, _ = run(capsys, "run", "Say hello.", "--n", "3", "--batch", "--out", "asked.jsonl", *where)
    data = json.loads(out)["data"]
    assert (code, data["status"]) == (0, "paused")
    lines = [json.loads(line) for line in Path("asked.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    results = [
        {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": answer(line["body"])[1]}} for line in lines
    ]
    Path("results.jsonl").write_text("".join(json.dumps(result) + "\n" for result in results))
    code, out, _ = run(capsys, "run", "--resume", data["id"], "--batch", "--in", "results.jsonl", *where)
    assert (code, json.loads(out)["data"]["status"]) == (0, "completed")


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["Say hello.", "--out", "x.jsonl"], "--out writes the requests of batches, and --batch was not given"),
        (["Say hello.", "--in", "x.jsonl"], "--in reads the results of an experiment"),
        (["Say hello.", "--batch", "--stream"], "batch and stream were both given"),
        (["Say hello.", "--batch", "--model", "embedded"], "the embedded model answers at once and takes no batches"),
    ],
)
def test_options_that_do_not_belong_together_are_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], refusal: str
) -> None:
    code, out, err = run(capsys, "run", *words, "--store", "lab")
    assert (code, out) == (2, "")
    assert refusal in err
    assert err.count("\n") == 1


def test_an_experiment_that_was_not_run_in_batches_is_not_resumed_in_batches(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pplab.Lab(store=tmp_path / "lab") as lab:
        lab.run("Say hello.", n=1)
    code, _, err = run(capsys, "run", "--resume", "latest", "--batch", "--store", "lab")
    assert code == 2
    assert "this experiment was not run in batches" in err


@pytest.mark.soak
def test_an_interrupt_leaves_the_batches_at_the_provider_and_gives_the_prompt_back(tmp_path: Path) -> None:
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:

        def interrupt() -> None:
            until(lambda: server.count("GET", "/batches/batch_0"))
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        experiment = lab.run("Say hello.", n=4, batch=True)
        assert experiment.status == "interrupted"
        until(lambda: not experiment.running)
        assert experiment.reason == "interrupted; 1 batch at the provider: resume reads the answers"
        assert not server.count("POST", "/batches/batch_0/cancel")
        server.looks = 1
        assert experiment.resume().status == "completed"
        assert server.count("POST", "/batches") == 1


def test_a_detached_run_in_batches_is_followed_and_cancelled_from_here(tmp_path: Path) -> None:
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run("Say hello.", n=4, batch=True, detach=True)
        until(lambda: experiment.progress.get("in_flight") == 4)
        assert experiment.progress["waiting_for"].startswith("a batch at 127.0.0.1")
        experiment.cancel()
        assert experiment.wait().status == "interrupted"
        assert server.count("POST", "/batches/batch_0/cancel") == 1
        assert dict(experiment.responses["status"].value_counts()) == {"ok": 2, "cancelled": 2}


def test_a_file_of_requests_is_not_detached(tmp_path: Path) -> None:
    with BatchServer() as server, lab_at(tmp_path, server) as lab, pytest.raises(pplab.errors.BadInput, match="leave out detach"):
        lab.run("Say hello.", batch="asked.jsonl", detach=True)


@pytest.mark.soak
def test_another_budget_lets_a_run_go_on_that_waits_for_money(tmp_path: Path) -> None:
    with BatchServer(looks=10**6) as server, lab_at(tmp_path, server) as lab:
        OpenAIBatches.limits = BatchLimits(requests=2, first_look=0.02, longest_look=0.1)
        lab.configuration.prices = {"m": [100.0, 1000.0]}
        experiment = lab.start("Say hello.", n=4, parameters={"max_tokens": 100}, max_cost=0.3, batch=True)
        until(lambda: experiment.progress["in_flight"] == 2)
        experiment.limit(max_cost=3)
        until(lambda: experiment.progress["in_flight"] == 4)
        server.looks = 1
        assert experiment.wait().status == "completed"
        assert experiment.plan.max_cost == 3


def test_listeners_hear_of_every_answer_and_async_metrics_score_them(tmp_path: Path) -> None:
    @metric("warmth", version="1")
    async def warmth(text: str, prompt: str) -> MetricValue:
        """Say how warm it is."""
        await asyncio.sleep(0)
        return MetricValue(0.5, "half as warm as it could be", cost=0.25)

    heard: list[str] = []
    try:
        with BatchServer() as server, lab_at(tmp_path, server) as lab:
            experiment = lab.run("Say hello.", n=3, batch=True, on_response=lambda row: heard.append(row.response_id))
            assert sorted(heard) == sorted(experiment.responses["response_id"])
            assert list(experiment.responses["warmth"]) == [0.5] * 3
    finally:
        unregister("warmth")


@pytest.mark.soak
def test_a_batch_stands_in_the_trace_and_in_the_audit(tmp_path: Path) -> None:
    with BatchServer() as server, lab_at(tmp_path, server) as lab:
        experiment = lab.run(["Name a lamp.", "Name a chair.", "Name a tree."], n=1, batch=True)
        [batch] = lab.manager.context.store.batches(experiment.id)
        trace = lab.trace(experiment.id)
        assert [node.label for node in trace.nodes if node.kind == "batch"] == ["m completed"]
        assert (("experiment", experiment.id), ("batch", batch.batch_id)) in {(edge.source, edge.target) for edge in trace.edges}
        assert len(lab.trace(batch.batch_id).nodes) == len(trace.nodes)
        audit = lab.audit()
        events = audit[audit["entity"] == "batch"]
        assert list(events["event"]) == ["batch_submitted", "batch_ended"]
        assert json.loads(events["payload"].iloc[1]) | {"v": 1} == {"v": 1, "status": "completed", "done": 3, "failed": 0}
        assert (audit["event"] == "llm_request_started").sum() == 3
