"""Runs in several processes: what comes of them is what comes of one, whatever dies on the way; and nothing outlives them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest
from experiment_labs import KEY, SOAK, lab_at
from shard_labs import PROMPT, good, recorded_lab, until, workers

import pplab
from pplab.errors import BadInput
from pplab.metrics import metric
from pplab.models.types import Reply
from pplab.plan.vocabulary import SCORES
from pplab.scoring.registry import unregister
from tests.servers import FaultServer
from tests.servers.batches import answer
from tests.servers.plain import PlainServer
from tests.soak import only_soak

ROOT = Path(__file__).parents[2]
OF_THE_RUN = ["response_id", "experiment_id", "correlation_id", "latency_ms"]


@pytest.fixture(scope="module")
def server():
    with FaultServer(latency_ms=30) as running:
        yield running


@pytest.fixture
def own_metrics():
    """A metric and an awaited one, which travel by value."""

    @metric("brevity", low=0, high=1, version="1")
    def brevity(text, prompt):
        "One over the number of words."
        return 1 / max(1, len(text.split()))

    @metric("politeness", low=0, high=1, version="1")
    async def politeness(text):
        "Whether it says please."
        return float("please" in text)

    yield
    unregister("brevity")
    unregister("politeness")


def shown(experiment):
    """Return the responses of an experiment without what differs from run to run."""
    return json.loads(experiment.responses.drop(columns=OF_THE_RUN).to_json(orient="records"))


def rows(lab, experiment, table):
    return int(lab.sql(f"SELECT count(*) AS n FROM {table} WHERE experiment_id = ?", [experiment.id]).n[0])


def events(lab, experiment):
    found = lab.audit()
    return found.loc[found["correlation_id"] == experiment.correlation_id, "event"].value_counts().to_dict()


# -- the same, however many -------------------------------------------------------------------------------------------------


def test_several_processes_give_what_one_gives(own_metrics, tmp_path):
    said = PlainServer(reply=lambda body: (200, json.dumps(answer(body)[1]).encode(), {}))
    with said as server, pplab.Lab(store=tmp_path / "lab", model="m", base_url=server.base_url, api_key=KEY) as lab:
        told = {}

        def run(processes):
            told[processes] = heard = []
            options = {"n": 2, "sweep": {"temperature": [0, 1]}, "seed": 3, "checks": [mentions], "expected": ["lamp", "sea"]}
            return lab.run(["Describe a lighthouse.", "What is tea?"], processes=processes, on_response=heard.append, **options)

        def mentions(text, prompt, row):
            "Whether it names a thing."
            return "sea" in text or "lamp" in text

        experiments = {processes: run(processes) for processes in (1, 2)}
        for processes, experiment in experiments.items():
            assert (experiment.status, experiment.reason) == ("completed", None)
            assert shown(experiment) == shown(experiments[1])
            assert {"brevity", "politeness", "correct", *SCORES} <= set(experiment.responses)
            assert [len(told[processes]), len({row.response_id for row in told[processes]})] == [8, 8]
            assert all(set(row.metrics) == {"brevity", "politeness", "correct"} for row in told[processes])
            assert experiment.progress["counts"] == {"ok": 8}
            assert experiment.verdict().words == experiments[1].verdict().words
            for table in ("responses", "scores", "call_attempts"):
                assert rows(lab, experiment, table) == rows(lab, experiments[1], table)
            assert events(lab, experiment) == events(lab, experiments[1])
            assert events(lab, experiment)["llm_request_started"] == 8


@pytest.mark.soak
def test_a_race_in_two_processes_is_the_race_of_one():
    race = {"sweep": {"temperature": [0, 0.8, 1.6]}, "seed": 3, "until": "settled"}
    prompts = [f"Describe {word} in one sentence." for word in ["rain", "snow", "wind", "sun", "moon", "stars", "rivers"]]
    with pplab.Lab(store=":temp:") as lab:
        one, two = (lab.run(prompts, processes=processes, **race) for processes in (1, 2))
        assert two.status == "completed"
        assert two.plan.race == one.plan.race
        assert shown(two) == shown(one)


@pytest.mark.soak
def test_what_a_recording_lacks_is_recorded_by_every_process_and_then_answered_from_it(server, tmp_path):
    path = tmp_path / "calls.jsonl"
    with lab_at(tmp_path, server, "fast") as lab:
        lab.use_recording(path)
        before = server.counts()["requests"]
        first = lab.run("recorded in shards", n=20, processes=2)
        asked = server.counts()["requests"]
        second = lab.run("recorded in shards", n=20, processes=3)
        third = lab.run("recorded in shards", n=20)
        assert [first.status, second.status, third.status] == ["completed"] * 3
        assert (asked - before, server.counts()["requests"]) == (20, asked)
        lines = path.read_text().splitlines()
        assert len(lines) == 21
    assert lines[1:] == sorted(lines[1:], key=lambda line: json.loads(line)["request"]["replicate"])
    assert KEY not in path.read_text()


@pytest.mark.soak
def test_a_slow_server_is_asked_no_more_at_once_than_one_process_would(server, tmp_path):
    with lab_at(tmp_path, server, "play:ok") as lab:
        connections = server.counts()["connections"]
        assert lab.run("three at once", n=30, processes=2, max_concurrency=3).status == "completed"
        assert server.counts()["connections"] - connections <= 2 * 2 + 1  # each process has room for two; one is this question
        sent = server.seen("three at once")
        assert {request["headers"]["authorization"] for request in sent} == {f"Bearer {KEY}"}
        assert len(sent) == 30


@pytest.mark.soak
def test_a_server_that_refuses_many_at_once_is_waited_for(server, tmp_path):
    with lab_at(tmp_path, server, "play:rate_limited_ms,ok") as lab:
        experiment = lab.run("too many", n=12, processes=2)
        assert experiment.status == "completed"


# -- money --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [2, *only_soak(3)])
def test_no_process_sends_a_call_that_could_pass_max_cost_or_shows_the_key(server, tmp_path, processes):
    with lab_at(tmp_path, server, "play:echoes_key") as lab:
        lab.configuration.prices = {"play:echoes_key": [100.0, 1000.0]}  # an answer is $0.0612, and at most $0.1022
        experiment = lab.start(
            "costly shards", n=40, parameters={"max_tokens": 100}, max_cost=1.0, max_concurrency=8, processes=processes
        )
        until(workers)
        shown = [words for worker in workers() if (words := begun_with(worker))]
        experiment.wait()
        spent = experiment.responses["cost"].sum()
        assert experiment.status == "paused"
        assert "max_cost=$1" in experiment.reason
        assert 0.88 < spent <= 1.0
        assert experiment.resume(max_cost=10).status == "completed"
    assert shown
    assert not [words for words in shown if KEY in words]
    for path in (tmp_path / "lab").rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def begun_with(worker):
    """Return the command line and the environment of a process; nothing when it has ended."""
    try:
        return f"{worker.cmdline()} {worker.environ()}"
    except psutil.Error:
        return ""


@pytest.mark.soak
def test_an_attempt_that_may_have_been_billed_counts_with_the_most_it_can_have_cost(server, tmp_path):
    with lab_at(tmp_path, server, "play:reset_mid_body,ok") as lab:
        lab.configuration.prices = {"play:reset_mid_body,ok": [100.0, 1000.0]}
        experiment = lab.run("billed unseen", n=40, parameters={"max_tokens": 100}, max_cost=1.0, max_concurrency=8, processes=2)
        assert experiment.status == "paused"
        attempts = lab.sql("SELECT count(*) AS n FROM call_attempts").n[0]
        assert attempts * 0.1022 <= 2.0  # each lost one at most $0.1022, each other one $0.0612
        assert experiment.responses["cost"].sum() + 0.1022 * (attempts - experiment.responses["cost"].count()) <= 1.0


# -- what dies ----------------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_worker_that_is_killed_costs_its_calls_under_way_and_every_answer_is_stored_once(server, tmp_path):
    calls, processes, share = 2000, 3, 11  # of the 32 calls under way at most
    with lab_at(tmp_path, server, "fast") as lab:
        told, before = [], server.counts()["requests"]
        experiment = lab.start("one is killed", n=calls, processes=processes, on_response=told.append)
        until(lambda: experiment.progress["done"] >= calls // 4)
        workers()[0].kill()
        experiment.wait()
        assert (experiment.status, experiment.progress["counts"]) == ("completed", {"ok": calls})
        assert len(told) == len({row.response_id for row in told}) == calls
        assert rows(lab, experiment, "responses") == calls
        assert server.counts()["requests"] - before <= calls + share


def test_a_metric_that_ends_its_process_costs_its_call_alone_and_a_retry_gets_the_next_recorded_outcome(tmp_path):
    broken = Reply(status="failed", error="broke", error_code="server_error")

    @metric("fatal", low=0, high=1, version="1")
    def fatal(text):
        "Ends the process of one answer."
        if text.startswith("Answer 5:"):
            os._exit(7)
        return 1.0

    with recorded_lab(tmp_path, 20, lambda number: [broken, good(number)] if number == 3 else [good(number)]) as lab:
        try:
            told = []
            experiment = lab.run(PROMPT, n=20, processes=2, on_response=told.append)
            found = experiment.responses
        finally:
            unregister("fatal")
        assert experiment.status == "partial"
        assert found["status"].value_counts().to_dict() == {"ok": 18, "failed": 2}
        [first, words] = found.loc[found["status"] == "failed", "error"]
        assert first == "broke"
        assert words.startswith("given up, because 3 workers were lost while it was under way")
        assert words.endswith("its process ended with exit code 7")
        assert found.loc[found["status"] == "failed", "replicate"].tolist() == [3, 5]
        assert found["fatal"].sum() == 18
        assert len(told) == len({row.response_id for row in told}) == rows(lab, experiment, "responses") == 20
        assert experiment.retry_failed().status == "completed"


@pytest.mark.soak
def test_an_interrupt_ends_all_within_a_second_or_two_and_keeps_what_arrived(server, tmp_path):
    calls = 3000 if SOAK else 300
    with lab_at(tmp_path, server, "fast") as lab:
        heard, at = [], []

        def on_response(row):
            heard.append(row)
            if len(heard) == 20:
                at.append(time.monotonic())
                threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()

        experiment = lab.run("broken off", n=calls, processes=2, on_response=on_response)
        assert time.monotonic() - at[0] < 5
        until(lambda: not workers(), 10)
        until(lambda: experiment.status == "interrupted")
        stored = experiment.responses["status"].value_counts()
        assert experiment.reason == "interrupted"
        assert stored["ok"] >= 20
        assert stored.sum() == calls
        assert not (set(stored.index) - {"ok", "cancelled"})


@pytest.mark.soak
def test_pausing_sends_nothing_more_until_it_goes_on(server, tmp_path):
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.start("paused", n=100, processes=2, max_concurrency=4)
        until(lambda: experiment.progress["done"] >= 8)
        experiment.pause()
        until(lambda: experiment.progress["in_flight"] == 0)
        done = experiment.progress["done"]
        assert done < 100
        experiment.go_on()
        assert experiment.wait().status == "completed"


RUNNER = textwrap.dedent("""
    import sys, pplab
    lab = pplab.Lab(store=sys.argv[1], model="fast", base_url=sys.argv[2], api_key="none")
    lab.run("Say hello.", n=1000, processes=2, on_response=lambda row: print(row.response_id, flush=True))
""")


def test_a_run_that_is_killed_leaves_no_process_and_keeps_what_it_told(server, tmp_path):
    store = tmp_path / "lab"
    command = [sys.executable, "-c", RUNNER, str(store), server.base_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}) as runner:
        told = [runner.stdout.readline().strip() for _ in range(10)]
        left = workers(runner.pid)
        assert len(left) == 2
        assert not [word for one in left for word in one.cmdline() if KEY in word]
        runner.kill()
        told += runner.stdout.read().split()
    gone, alive = psutil.wait_procs(left, timeout=10)
    assert (len(gone), alive) == (2, [])
    with pplab.Lab(store=store, model="fast", base_url=server.base_url, api_key="none") as lab:
        experiment = lab.experiment("latest")
        stored = set(experiment.responses.query("status == 'ok'")["response_id"])
        assert set(told) <= stored


# -- what is refused ------------------------------------------------------------------------------------------------------


IMPOSSIBLE = [
    ({"processes": 0}, "processes=0 is out of range"),
    ({"processes": "several"}, "'several' is no cluster. write dask://HOST:PORT"),
    ({"processes": 2.5}, "processes=2.5 is not a whole number"),
    ({"processes": 2, "stream": True, "on_text": print}, "on_text hears nothing of answers that other processes receive"),
    ({"processes": 2, "on": "dask://127.0.0.1:1"}, "processes and a cluster were both given"),
]


def test_what_cannot_be_done_in_shards_is_refused_in_one_line_before_anything_is_stored(lab):
    for options, words in IMPOSSIBLE:
        with pytest.raises(BadInput, match=words):
            lab.run("Say hello.", n=2, **options)
    lock = threading.Lock()

    @metric("locked", low=0, high=1, version="1")
    def locked(text):
        "Holds a lock."
        with lock:
            return 1.0

    try:
        with pytest.raises(BadInput, match="the metric 'locked' cannot be carried into another process"):
            lab.run("Say hello.", n=2, processes=2)
    finally:
        unregister("locked")
    assert lab.experiments().empty


@pytest.mark.soak
def test_a_worker_that_would_ask_another_server_says_so(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    with pplab.Lab(store=tmp_path / "lab", model="fast") as lab:
        monkeypatch.delenv("OPENAI_API_KEY")
        monkeypatch.delenv("OPENAI_BASE_URL")
        experiment = lab.run("elsewhere", n=4, processes=2)
        assert experiment.status == "failed"
        assert "would ask fast at embedded in this process" in experiment.reason
        assert set(experiment.responses["status"]) == {"cancelled"}
