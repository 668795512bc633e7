"""Runs on a Dask cluster: every call once though a worker dies, no key in any message, one line for what is missing."""

from __future__ import annotations

import logging
import os
import pickle

import pytest
from distributed import Client, LocalCluster
from experiment_labs import KEY, SOAK, lab_at
from shard_labs import PROMPT, recorded_lab, until

import pplab
from pplab.cluster import dask_client, dask_workers, sharded  # noqa: F401 - see `client`
from pplab.errors import BadInput
from pplab.metrics import metric
from pplab.scoring.registry import unregister
from tests.servers import FaultServer

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, of sockets that its processes close late

WORKERS = 4 if SOAK else 2


@pytest.fixture(scope="module")
def server():
    with FaultServer(latency_ms=30) as running:
        yield running


@pytest.fixture(scope="module")
def client():
    """Two workers on this machine; four in ``make soak``.

    Everything is imported before Dask's threads are: pytest parses our modules, and in two threads Python 3.11 cannot do that.
    """
    with pplab.Lab(store=":temp:") as lab:
        lab.run("Say hello.", n=1)
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        yield client


def set_key(value):
    """Give a worker a key of its own, or take it away."""
    os.environ.pop("OPENAI_API_KEY", None)
    os.environ.update({"OPENAI_API_KEY": value} if value else {})


def test_every_call_is_made_and_stored_once_though_a_worker_is_killed(client, tmp_path):
    calls = 10_000 if SOAK else 100
    told = []
    pids = list(client.run(os.getpid).values())

    def on_response(row):
        told.append(row.response_id)
        if len(told) == calls // 3:
            os.kill(pids[0], 9)

    with recorded_lab(tmp_path, calls) as lab:
        experiment = lab.run(PROMPT, n=calls, on=client, on_response=on_response)
        assert (experiment.status, experiment.progress["counts"]) == ("completed", {"ok": calls})
        stored = lab.sql("SELECT count(*) AS n, count(DISTINCT request_key) AS k, max(revision) AS r FROM responses")
        assert stored.to_dict("records") == [{"n": calls, "k": calls, "r": 0}]
    assert len(told) == len(set(told)) == calls
    until(lambda: len(client.nthreads()) == WORKERS)


def test_a_cluster_gives_what_one_process_gives(client):
    @metric("brevity", low=0, high=1, version="1")
    def brevity(text):
        "One over the number of words."
        return 1 / max(1, len(text.split()))

    try:
        with pplab.Lab(store=":temp:") as lab:
            options = {"n": 3, "sweep": {"temperature": [0, 1]}, "seed": 3}
            one = lab.run("What is tea?", **options)
            cluster = lab.run("What is tea?", on=client, **options)
            columns = [
                "prompt_index",
                "setting_index",
                "replicate",
                "seed",
                "status",
                "text",
                "request_key",
                "brevity",
                "creativity",
            ]
            assert cluster.responses[columns].to_dict("list") == one.responses[columns].to_dict("list")
            assert cluster.verdict().words == one.verdict().words
    finally:
        unregister("brevity")


def test_no_key_is_in_any_message_and_the_workers_use_their_own(client, server, tmp_path, monkeypatch):
    sent = []
    submit, register = client.submit, client.register_plugin

    def watched(function, *arguments, **options):
        sent.append(pickle.dumps(arguments))
        return submit(function, *arguments, **options)

    monkeypatch.setattr(client, "submit", watched)
    monkeypatch.setattr(client, "register_plugin", lambda plugin, **named: (sent.append(plugin._work), register(plugin, **named)))
    client.run(set_key, KEY)
    try:
        with lab_at(tmp_path, server, "play:ok") as lab:
            assert lab.run("keys of their own", n=8, on=client).status == "completed"
    finally:
        client.run(set_key, None)
    assert {request["headers"]["authorization"] for request in server.seen("keys of their own")} == {f"Bearer {KEY}"}
    assert len(sent) > 1
    assert not [message for message in sent if KEY.encode() in message]


@pytest.mark.soak
def test_cancelling_ends_the_calls_under_way_on_the_cluster(client, server, tmp_path):
    with lab_at(tmp_path, server, "play:hang") as lab:
        experiment = lab.start("hang", n=40, on=client)
        until(lambda: server.seen("hang"))
        experiment.cancel()
        assert experiment.wait().status == "interrupted"
        assert set(experiment.responses["status"]) == {"cancelled"}
        assert experiment.responses["error"].str.contains("may have been billed").sum() >= 1


@pytest.mark.soak
def test_workers_that_would_ask_another_server_say_so(client, tmp_path):
    client.run(set_key, KEY)
    try:
        with recorded_lab(tmp_path, 6) as lab:
            experiment = lab.run(PROMPT, n=6, on=client)
            assert experiment.status == "failed"
            assert "would ask m at api.openai.com in this process" in experiment.reason
    finally:
        client.run(set_key, None)


@pytest.mark.soak
def test_the_address_of_a_scheduler_is_enough(client, tmp_path):
    with recorded_lab(tmp_path, 6) as lab:
        address = client.scheduler.address.replace("tcp://", "dask://")
        assert lab.run(PROMPT, n=6, on=address).status == "completed"


def test_what_keeps_a_cluster_from_being_used_is_said_in_one_line(client, lab, monkeypatch):
    monkeypatch.setattr(dask_client, "CONNECT_S", 0.5)
    with pytest.raises(BadInput, match=r"no Dask scheduler answers at 127\.0\.0\.1:1"):
        lab.run("Say hello.", n=2, on="dask://127.0.0.1:1")
    monkeypatch.setattr(dask_client, "__version__", "0.0.1")
    with pytest.raises(BadInput, match=r"the worker tcp://.* has pplab .*, and here is 0\.0\.1\. install the same there"):
        lab.run("Say hello.", n=2, on=client)
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(BadInput, match="a run on a cluster needs the package distributed"):
        lab.run("Say hello.", n=2, on="dask://127.0.0.1:1")
    assert lab.experiments().empty
