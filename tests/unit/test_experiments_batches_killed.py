"""A run in batches whose process is killed at any step: a resume asks nothing twice and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pplab
from pplab.models.batches import BatchLimits, OpenAIBatches
from tests.servers.batches import BatchServer
from tests.unit.experiment_labs import KEY

ROOT = Path(__file__).parents[2]
COUNT = 9
LIMITS = BatchLimits(requests=3, first_look=0.02, longest_look=0.1, backoff=0.01)

# The process kills itself at a step of the second of three batches; each step is a method, before or after which it does so.
PROGRAM = """
import os, signal, sys
import pplab
from pplab.experiments.batch_answers import BatchAnswers
from pplab.experiments.batch_scheduler import BatchScheduler
from pplab.models.batches import BatchLimits, OpenAIBatches

folder, url, step = sys.argv[1:]
OpenAIBatches.limits = BatchLimits(requests=3, first_look=0.02, longest_look=0.1, backoff=0.01)
owner, method, when = {
    "before the intent": (BatchScheduler, "_submit", "before"),
    "after the intent": (OpenAIBatches, "submit", "before"),
    "after the upload": (OpenAIBatches, "_create", "before"),
    "after the batch was made": (OpenAIBatches, "_create", "after"),
    "after its id was written": (BatchScheduler, "_submitted", "after"),
    "while it is looked at": (OpenAIBatches, "look", "after"),
    "while results come": (OpenAIBatches, "results", "after"),
    "after some results are stored": (BatchAnswers, "store", "after"),
    "before its end is written": (BatchScheduler, "_close", "before"),
}[step]
original, calls = getattr(owner, method), 0

async def killed(self, *args, **options):
    global calls
    calls += 1
    if calls == 2 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = await original(self, *args, **options)
    if calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, method, killed)
with pplab.Lab(store=folder, user="ada", model="m", base_url=url, api_key=sys.stdin.readline().strip()) as lab:
    lab.run([f"Tell me about topic {number}." for number in range(9)], n=1, batch=True)
"""


@pytest.mark.parametrize(
    ("step", "batches"),
    [
        pytest.param("before the intent", ["completed"] * 3, marks=pytest.mark.soak),
        pytest.param("after the intent", ["completed", "not_submitted", "completed", "completed"], marks=pytest.mark.soak),
        ("after the upload", ["completed", "not_submitted", "completed", "completed"]),
        pytest.param("after the batch was made", ["completed"] * 3, marks=pytest.mark.soak),
        pytest.param("after its id was written", ["completed"] * 3, marks=pytest.mark.soak),
        pytest.param("while it is looked at", ["completed"] * 3, marks=pytest.mark.soak),
        pytest.param("while results come", ["completed"] * 3, marks=pytest.mark.soak),
        pytest.param("after some results are stored", ["completed"] * 3, marks=pytest.mark.soak),
        pytest.param("before its end is written", ["completed"] * 3, marks=pytest.mark.soak),
    ],
)
def test_a_killed_process_costs_no_answer_and_asks_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, batches: list[str]
) -> None:
    monkeypatch.setattr(OpenAIBatches, "limits", LIMITS)
    folder = tmp_path / "lab"
    with BatchServer() as server:
        command = [sys.executable, "-c", PROGRAM, str(folder), server.base_url, step]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            command, input=f"{KEY}\n", env=environment, text=True, capture_output=True, check=False, timeout=120
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        with pplab.Lab(store=folder, user="ada", model="m", base_url=server.base_url, api_key=KEY) as lab:
            before = set(lab.sql("SELECT response_id FROM responses WHERE status = 'ok'")["response_id"])
            made = len(server.batches)
            experiment = lab.experiment("latest").resume()
            assert (experiment.status, experiment.reason) == ("completed", None)
            rows = lab.sql("SELECT response_id, revision, status FROM responses")
            assert len(rows) == COUNT
            assert set(rows["status"]) == {"ok"}
            assert before <= set(rows["response_id"])
            assert set(rows["revision"][rows["response_id"].isin(before)]) <= {0}  # what was stored is not stored again
            assert set(server.asked.values()) == {1}
            assert len(server.asked) == COUNT
            assert len(server.batches) == 3 >= made
            assert list(lab.sql("SELECT status FROM batches ORDER BY created_at")["status"]) == batches
            assert lab.verify().ok
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
