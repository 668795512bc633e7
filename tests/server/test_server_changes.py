"""What a browser is told while it watches a lab: what another process stores, how runs go on, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

import pplab
from pplab.config.configuration import PPLab
from pplab.ids import new_id, now
from tests.server.conftest import BASE, PATIENCE, REPOSITORY, TOKEN
from tests.server.large_labs import lab_of
from tests.servers.gated import GatedServer

KEY = "sk-test-0123456789abcdefghijklmnop"

# Another kernel: stores one experiment a line it reads, and says when its line was safe in the journal.
WRITER = """
import dataclasses, sys, time
import pplab
from pplab.ids import new_id, now
lab = pplab.Lab(store=sys.argv[1], user='eve')
row = lab.context.store.experiment('latest')
print('ready', flush=True)
for _ in sys.stdin:
    one = dataclasses.replace(row, experiment_id=new_id(), revision=1, created_at=now(), updated_at=now(), user='eve')
    lab.record(one, durable=True).result()
    print(time.time(), flush=True)
"""


def request(server, folder, token=TOKEN):
    """Return what connects to the changes of a lab."""
    lab = quote(folder.relative_to(server.root).as_posix(), safe="")
    url = f"ws://127.0.0.1:{server.port}{BASE}pplab/api/labs/{lab}/changes"
    return HTTPRequest(url, headers={"Authorization": f"token {token}"})


class Watch:
    """A browser's connection to the changes of a lab, read by a thread."""

    def __init__(self, server, folder):
        self._request = request(server, folder)
        self.messages = []
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._read(),))

    def __enter__(self):
        self._thread.start()
        self.wait_for(lambda message: message["kind"] == "changed")
        return self

    def __exit__(self, *error):
        self._loop.call_soon_threadsafe(self._connection.close)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _read(self):
        self._connection = await websocket_connect(self._request)
        while (text := await self._connection.read_message()) is not None:
            with self._arrived:
                self.messages.append((time.time(), json.loads(text)))
                self._arrived.notify_all()

    def wait_for(self, condition, after=0):
        """Return when a message came, from a place on, that a condition holds for, and the message."""

        def found():
            return next((message for message in self.messages[after:] if condition(message[1])), None)

        with self._arrived:
            assert self._arrived.wait_for(found, PATIENCE), self.messages[after:]
            return found()


@pytest.fixture
def folder(server):
    folder = server.root / f"watched-{new_id()[:8]}" / ".pplab"
    lab_of(folder, 1)
    return folder


def another_kernel(folder):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    arguments = [sys.executable, "-c", WRITER, str(folder)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def store_and_wait(writer, watch):
    """Have the other kernel store an experiment; return how long after it was safe the watching browser was told."""
    before = len(watch.messages)
    writer.stdin.write("next\n")
    writer.stdin.flush()
    at = float(writer.stdout.readline())
    arrived, _ = watch.wait_for(lambda message: message.get("experiments"), before)
    return arrived - at


def test_a_watching_browser_is_told_the_state_at_once(server, folder):
    with Watch(server, folder) as watch:
        ((_, first),) = watch.messages[:1]
        assert first == {"kind": "changed", "experiments": True, "runs": [], "spent_today": 0.0}


def test_a_result_that_another_process_stores_is_told_and_is_then_in_the_list(server, folder):
    total = server.get(server.of_lab(folder, "experiments"))["total"]
    with another_kernel(folder) as writer, Watch(server, folder) as watch:
        assert writer.stdout.readline() == "ready\n"
        store_and_wait(writer, watch)
        assert server.get(server.of_lab(folder, "experiments"))["total"] == total + 1
        writer.stdin.close()


def test_a_colleagues_result_that_is_pulled_is_told_and_their_run_does_not_end_here(server, folder, tmp_path):
    team = tmp_path / "team"
    team.mkdir()
    total = server.get(server.of_lab(folder, "experiments"))["total"]
    with pplab.Lab(store=tmp_path / "eve", user="eve") as eve, Watch(server, folder) as watch:
        eve.add_remote("team", team)
        eve.run("Say hello.", n=1)
        row = eve.context.store.experiment(eve.experiment().id)
        under_way = replace(row, experiment_id=new_id(), status="running", created_at=now(), updated_at=now())
        eve.record(under_way, durable=True).result()
        eve.push()
        before = len(watch.messages)
        with pplab.Lab(store=folder, user="ada") as lab:  # a kernel's; the server itself pulls nothing
            lab.add_remote("team", team)
            lab.pull()
            watch.wait_for(lambda message: message.get("experiments"), before)
            listed = server.get(server.of_lab(folder, "experiments"))
            assert listed["total"] == total + 2
            assert {one["status"] for one in listed["experiments"][:2]} == {"completed", "running"}
            assert lab.experiment(under_way.experiment_id).status == "running", "as its lab said"
            lab.run("And after that.", n=1)
            watch.wait_for(lambda message: message["kind"] == "ended", before)
        ended = [message["run"]["id"] for _, message in watch.messages if message["kind"] == "ended"]
        assert under_way.experiment_id not in ended
        assert row.experiment_id not in ended


@pytest.mark.perf
@pytest.mark.serial
def test_how_soon_a_result_is_told(server, folder):
    with another_kernel(folder) as writer, Watch(server, folder) as watch:
        assert writer.stdout.readline() == "ready\n"
        waits = []
        for _ in range(40):
            waits.append(store_and_wait(writer, watch))
            threading.Event().wait(0.3)  # a user's results do not come at once
        writer.stdin.close()
    print(
        f"\na stored result is told after {statistics.median(waits) * 1000:.0f} ms (median), at most {max(waits) * 1000:.0f} ms"
    )


def test_a_new_name_is_told(server, folder):
    with Watch(server, folder) as watch, pplab.Lab(store=folder, user="ada") as lab:
        before = len(watch.messages)
        lab.experiment("latest").label(name="renamed")
        watch.wait_for(lambda message: message.get("experiments"), before)
    assert server.get(server.of_lab(folder, "experiments"))["experiments"][0]["name"] == "renamed"


def test_a_run_is_told_while_it_goes_on_and_once_when_it_has_ended(server, folder):
    with GatedServer() as model, Watch(server, folder) as watch:
        options = {"model": "m", "base_url": model.base_url, "api_key": KEY, "user": "ada"}
        configuration = PPLab(prices={"m": [0.0, 1_000_000.0]})
        with pplab.Lab(store=folder, configuration=configuration, **options) as lab:
            run = lab.start("hello", n=4, max_concurrency=2)
            model.let(2)
            _, message = watch.wait_for(lambda message: any(run["done"] == 2 for run in message.get("runs", ())))
            (record,) = message["runs"]
            assert (record["id"], record["status"], record["prompt"], record["planned"]) == (run.id, "running", "hello", 4)
            assert (record["model"], record["endpoint"], record["failed"], record["own"]) == (
                "m",
                urlsplit(model.base_url).netloc,
                0,
                True,
            )
            assert (record["until"], record["cost"] > 0) == (None, True)
            assert [one["id"] for one in server.get(server.of_lab(folder, "runs"))["runs"]] == [run.id]
            model.let()
            run.wait()
            _, ended = watch.wait_for(lambda message: message["kind"] == "ended")
            spent = run.responses["cost"].sum()
            watch.wait_for(lambda message: message.get("spent_today") == pytest.approx(spent))
        assert ended["run"] == {
            "id": run.id,
            "status": "completed",
            "reason": "",
            "prompt": "hello",
            "done": 4,
            "planned": 4,
            "cost": pytest.approx(spent),
        }
        assert [message["kind"] for _, message in watch.messages].count("ended") == 1


def test_a_run_obeys_orders_that_come_over_the_server(server, folder):
    with GatedServer() as model:
        options = {"model": "m", "base_url": model.base_url, "api_key": KEY, "user": "ada"}
        with pplab.Lab(store=folder, **options) as lab:
            run = lab.start("hello", n=6, max_concurrency=2)
            address = server.of_lab(folder, f"runs/{run.id}")
            model.await_calls(2)
            for order, state in (("pause", "paused"), ("go_on", "running")):
                answer = server.ask(address, body={"order": order})
                assert (answer.status, answer.json) == (200, {}), answer.body
                assert server.get(server.of_lab(folder, "runs"))["runs"][0]["status"] == state
            assert server.ask(address, body={"order": "cancel"}).status == 200
            model.let()
            assert run.wait().status == "interrupted"
            refused = server.ask(address, body={"order": "cancel"})
            assert (refused.status, refused.json["message"]) == (400, "this experiment is not running: it is interrupted")


def test_an_import_is_no_run_that_ended(server, folder):
    with Watch(server, folder) as watch, pplab.Lab(store=folder, user="ada") as lab:
        row = lab.context.store.experiment("latest")
        before = len(watch.messages)
        one = replace(row, experiment_id=new_id(), created_at=now(), updated_at=now())
        lab.record(one, durable=True).result()
        watch.wait_for(lambda message: message.get("experiments"), before)
        server.get(server.of_lab(folder, "experiments"))
        assert [message["kind"] for _, message in watch.messages if message["kind"] == "ended"] == []


def test_nobody_watches_without_the_token(server, folder):
    async def connect():
        await websocket_connect(request(server, folder, token="wrong"))

    with pytest.raises(HTTPClientError) as refused:
        asyncio.run(connect())
    assert refused.value.code == 403
