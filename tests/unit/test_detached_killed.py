"""kill -9 of the kernel that began a detached run, of its runner, or of both, at random moments: nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

import pplab
from tests.servers import FaultServer
from tests.soak import only_soak
from tests.unit.experiment_labs import SOAK
from tests.unit.test_detached import KEY, ROOT, holding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pplab import Lab

CALLS = 60
MOMENTS = 30
SEED = 1
KERNEL = """
import json, sys, pplab
model, address, key = json.loads(input())
lab = pplab.Lab("lab", "ada", model, address, key)
exp = lab.run("survive", n=60, max_concurrency=3, detach=True)
print(exp.id, int(lab.runs().set_index("experiment_id").process[exp.id]), flush=True)

class Told:
    def arrived(self, row):
        print(row.response_id, flush=True)

    def progress(self, progress):
        pass

exp.wait(on=Told())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(latency_ms=250) as running:
        yield running


def begun(folder: Path, server: FaultServer) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KERNEL]
    kernel = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    kernel.stdin.write(json.dumps(["fast", server.base_url, KEY]) + "\n")
    kernel.stdin.flush()
    return kernel


def lab_of(folder: Path, server: FaultServer) -> Lab:
    return pplab.Lab(folder / "lab", "ada", "fast", server.base_url, KEY)


def settled(lab: Lab, server: FaultServer) -> int:
    """Wait until nobody runs anything in a lab any more; return how many calls the server had then."""
    while (running := lab.runs()).shape[0] and "interrupted" not in set(running["state"]):
        time.sleep(0.05)
    return int(server.counts()["requests"])


@pytest.mark.parametrize("moment", [1, *only_soak(*(moment for moment in range(MOMENTS) if moment != 1))])
def test_after_kill_9_what_was_acknowledged_is_there_and_a_resume_sends_what_is_missing(
    tmp_path: Path, server: FaultServer, moment: int
) -> None:
    chance = random.Random(SEED + moment)
    victims = ("kernel", "runner", "both")[moment % 3]
    before = server.counts()["requests"]
    kernel = begun(tmp_path, server)
    name, runner = kernel.stdout.readline().split()
    shown = holding(tmp_path, KEY)
    acknowledged = [kernel.stdout.readline().strip() for _ in range(chance.randrange(CALLS - 15))]
    time.sleep(chance.random() * 0.05)  # not always just after an answer
    if victims != "runner":
        kernel.kill()
    if victims != "kernel":
        psutil.Process(int(runner)).kill()
    rest, _ = kernel.communicate(timeout=240)
    acknowledged += rest.split()[: None if rest.endswith("\n") else -1]
    with lab_of(tmp_path, server) as lab:
        sent = settled(lab, server) - before
        exp = lab.experiment(name)
        rows = exp.responses
        kept = set(rows.loc[rows["status"] == "ok", "response_id"])
        assert set(acknowledged) <= kept
        assert len(rows) == CALLS
        assert len(kept) <= sent <= CALLS
        if victims == "kernel" or exp.status == "completed":
            assert (exp.status, sent, len(kept)) == ("completed", CALLS, CALLS)
        else:
            assert exp.status == "interrupted"
            assert lab.runs()["state"].tolist() == ["interrupted"]
        assert exp.resume().status == "completed"
        assert server.counts()["requests"] - before - sent == CALLS - len(kept)
        assert lab.runs().empty
        assert exp.responses["response_id"].nunique() == CALLS
        assert lab.verify().ok
    assert shown + holding(tmp_path, KEY) == []


def test_a_kernel_killed_while_it_hands_over_leaves_a_run_that_goes_on_or_none(tmp_path: Path, server: FaultServer) -> None:
    for number in range(10 if SOAK else 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        kernel = begun(folder, server)
        one = psutil.Process(kernel.pid)
        while not (runners := one.children()):
            time.sleep(0.001)
        if SOAK:
            time.sleep(random.Random(SEED + number).random() * 2)
        kernel.kill()
        kernel.communicate()
        psutil.wait_procs(runners, timeout=60)
        with lab_of(folder, server) as lab:
            statuses = lab.experiments()["status"].tolist() if len(lab.experiments()) else []
            assert statuses in ([], ["completed"])
            assert lab.runs().empty
