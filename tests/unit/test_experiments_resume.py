"""What a run that ended early is worth: everything that arrived, and a resume that sends exactly what is missing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pplab.cli import main
from pplab.errors import BadInput, NotFound, StoreBusy, StoreError
from pplab.experiments.run import END_SECONDS
from tests.servers import FaultServer
from tests.servers.gated import GatedServer
from tests.unit.experiment_labs import KEY, attempts, lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(latency_ms=20) as running:
        yield running


@pytest.fixture
def gated() -> Iterator[GatedServer]:
    with GatedServer() as running:
        yield running


def elsewhere(folder: Path, server: FaultServer | GatedServer, code: str, **streams: int) -> subprocess.Popen[str]:
    """Start another notebook's process on the same lab; ``code`` finds it as ``lab``."""
    opening = f"from pplab import Lab; lab = Lab({str(folder / 'lab')!r}, 'bob', 'fast', {server.base_url!r}, {KEY!r})\n"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", opening + code]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, **streams)


def test_a_live_run_of_another_process_is_not_resumed_and_of_a_killed_one_exactly_the_missing_calls_are_sent(
    gated: GatedServer, tmp_path: Path
) -> None:
    printing = "on_response=lambda row: print(row.response_id, flush=True)"
    running = elsewhere(tmp_path, gated, f"lab.run('survive', n=100, max_concurrency=1, {printing})")
    gated.let(5)
    gated.await_calls(6)  # the sixth is held, so the run does not end before it is looked at
    acknowledged = {running.stdout.readline().strip() for _ in range(5)}
    with lab_at(tmp_path, gated, "fast") as lab:
        experiment = lab.experiment()
        assert experiment.status == "running"
        with pytest.raises(StoreBusy, match="being run already") as refused:
            experiment.resume()
        assert "\n" not in str(refused.value)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
        rows = experiment.responses
        assert (experiment.status, experiment.reason) == ("interrupted", "the process that ran it ended")
        assert len(rows) == 100
        kept = rows[rows["status"] == "ok"].set_index("response_id")
        assert acknowledged == set(kept.index)
        before = len(gated.arrivals)
        gated.let()
        assert experiment.resume().status == "completed"
        assert len(gated.arrivals) - before == 95
        assert experiment.resume().status == "completed"
        assert len(gated.arrivals) - before == 95
        after = experiment.responses.set_index("response_id")
        assert (after.loc[kept.index, "text"] == kept["text"]).all()
        assert experiment.id == lab.experiment().id
        lab.verify()


def test_topping_up_from_5_to_12_sends_7_a_prompt_and_setting(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.run(["one", "two"], n=5, sweep={"temperature": [0, 1]}, seed=7)
        first = experiment.responses.set_index("response_id")
        before = server.counts()["requests"]
        experiment.top_up(12)
        assert server.counts()["requests"] - before == 7 * 4
        after = experiment.responses.set_index("response_id")
        assert experiment.status == "completed"
        assert len(after) == after["request_key"].nunique() == 48
        assert (after.loc[first.index, ["request_key", "text", "seed"]] == first[["request_key", "text", "seed"]]).all(axis=None)
        with pytest.raises(BadInput, match="less than the 12"):
            experiment.top_up(5)


def test_retrying_sends_what_failed_and_nothing_else(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:context_length,ok") as lab:
        prompts = [f"retry {number}" for number in range(6)]
        experiment = lab.run(prompts, n=1)
        assert experiment.status == "failed"
        assert experiment.resume().status == "failed"
        before = server.counts()["requests"]
        experiment.retry([experiment.responses["response_id"][2]])
        assert experiment.status == "partial"
        assert list(experiment.responses["status"] == "ok") == [False, False, True, False, False, False]
        assert experiment.retry_failed().status == "completed"
        assert server.counts()["requests"] - before == 6
        assert len(attempts(lab)) == 12
        with pytest.raises(NotFound, match="has no response"):
            experiment.retry(["00000000-0000"])


def test_a_paused_run_goes_on_where_it_stopped(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:ok,rate_limited_600,ok") as lab:
        experiment = lab.run("pause", n=10, max_concurrency=1)
        assert experiment.status == "paused"
        assert list(experiment.responses["status"]) == ["ok"] + ["cancelled"] * 9
        before = server.counts()["requests"]
        assert experiment.resume().status == "completed"
        assert server.counts()["requests"] - before == 9
        assert list(lab.responses()["status"]) == ["ok"] * 10


def test_an_experiment_is_resumed_with_the_model_it_was_begun_with(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        name = lab.run("mine", n=1).id
    with lab_at(tmp_path, server, "play:ok") as other, pytest.raises(BadInput, match="this experiment asked fast"):
        other.experiment(name).resume()


def test_what_a_resume_asks_for_is_audited(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.run("audit me", n=2)
        experiment.top_up(3)
        asked = lab.audit(event="retry_requested")
        assert list(asked["entity_id"]) == [experiment.id]
        assert '"replicates":1' in asked["payload"][0]
        assert '"why":"top up to 3"' in asked["payload"][0]
        assert list(lab.audit(event="experiment_generated")["entity_id"]) == [experiment.id] * 2


def test_the_terminal_resumes_and_retries_by_id(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lab_at(tmp_path, server, "play:context_length,ok") as lab:
        name = lab.run("from the terminal", n=1).id
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    options = ["--store", str(tmp_path / "lab"), "--model", "play:context_length,ok", "--base-url", server.base_url]
    for option, status in (("--resume", "failed"), ("--retry-failed", "completed")):
        main(["run", option, name[:8], "--json", *options])
        assert f'"status": "{status}"' in capsys.readouterr().out


def test_a_run_started_while_another_runs_does_not_wait_for_it(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        slow = lab.start("long", n=800, max_concurrency=1)  # at least 16 seconds
        begun = time.perf_counter()
        assert lab.run("short", n=1).status == "completed"
        assert time.perf_counter() - begun < 8
        slow.cancel()
        assert slow.wait().status == "interrupted"


def test_a_full_disk_ends_the_run_in_one_line_and_loses_nothing_that_was_acknowledged(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left, heard = os.write, 100_000, []

    def full(descriptor: int, data: bytes) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(descriptor, bytes(data)[:left])
        left -= done
        return done

    with lab_at(tmp_path, server, "fast") as lab:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(StoreError, match="the record could not be saved") as refused:
                lab.run("full", n=120, max_concurrency=8, on_response=lambda r: r.status == "ok" and heard.append(r.response_id))
        assert "\n" not in str(refused.value)
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.experiment()
        kept = experiment.responses.set_index("response_id")["status"]
        assert experiment.status == "interrupted"
        assert heard
        assert set(kept[heard]) == {"ok"}
        assert experiment.resume().status == "completed"
        lab.verify()


def test_a_program_that_ends_without_closing_its_lab_leaves_an_interrupted_run_and_no_noise(
    server: FaultServer, tmp_path: Path
) -> None:
    code = """
import sys, time
lab.run("first", n=1)
experiment = lab.start("left behind", n=80, max_concurrency=2, on_response=print)
while experiment.progress["done"] < 8:
    time.sleep(0.01)
sys.stdout.write(f"\\nat {time.monotonic()}\\n")  # in one piece, among what is printed of the answers
"""
    running = elsewhere(tmp_path, server, code, stderr=subprocess.STDOUT)
    said = running.communicate(timeout=240)[0]
    [at] = [float(line.split()[1]) for line in said.splitlines() if line.startswith("at ")]
    assert time.monotonic() - at < END_SECONDS / 2, "it waited for a run that had ended"
    assert "Traceback" not in said
    assert "Exception" not in said
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.experiment()
        assert (experiment.status, experiment.reason) == ("interrupted", "the lab was closed")
        assert len(lab.responses(experiment)) == 80
