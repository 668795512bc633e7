"""A run in a process of its own: what goes along, what does not, how it is refused, and that it outlives who began it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import pplab
from pplab.config.configuration import PPLab
from pplab.errors import BadInput, PplabError, StoreBusy
from pplab.metrics import metric, unregister
from tests.servers.gated import GatedServer
from tests.servers.plain import PlainServer
from tests.unit.experiment_labs import SOAK
from tests.unit.test_experiments_endpoints import DENIED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplab import Lab

ROOT = Path(pplab.__file__).parents[1]
KEY = f"sk-of-process-{os.getpid()}-{os.urandom(12).hex()}"  # of no other test, which may show it where it likes
PASSWORD = f"hunter2-{os.getpid()}-{os.urandom(12).hex()}"
NOTEBOOK = """
import json, os, sys, asyncio, pplab
from pplab.metrics import metric
import beside

@metric("twice", high=100)
def twice(text):
    "Twice the words."
    print("a metric may print", text, file=sys.stderr)
    return beside.words(text) * 2.0

@metric("awaited")
async def awaited(text):
    "A quarter."
    await asyncio.sleep(0)
    return 0.25

def has_friend(text):
    return "friend" in text

lab = pplab.Lab(store="die Laböre/lab", model="m", base_url=sys.argv[1], api_key=sys.argv[2])
exp = lab.run("hello", n=4, max_concurrency=2, checks=[has_friend], detach=True, name="überlebt")
print(json.dumps([exp.id, exp.status]), flush=True)
input()
"""


@pytest.fixture
def server() -> Iterator[GatedServer]:
    with GatedServer() as running:
        yield running


def lab_of(folder: Path, server: PlainServer, **options: Any) -> Lab:
    return pplab.Lab(store=folder / "lab", user="ada", model="m", base_url=server.base_url, api_key=KEY, **options)


def program(folder: Path, code: str, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start a program in the folder above its own; the words reach it by its input, not its command line."""
    taken = "import json, sys; sys.argv[1:] = json.loads(input())\n"
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "program.py").write_text(taken + code, "utf-8")
    begun = subprocess.Popen([sys.executable, "code/program.py"], cwd=folder, env=env, **pipes)
    begun.stdin.write(json.dumps(words) + "\n")
    begun.stdin.flush()
    return begun


def killed(begun: subprocess.Popen[str]) -> None:
    begun.kill()
    begun.communicate()


def runner_of(lab: Lab, experiment_id: str) -> psutil.Process:
    row = lab.runs().set_index("experiment_id").loc[experiment_id]
    return psutil.Process(int(row["process"]))


def ended(process: psutil.Process) -> None:
    psutil.wait_procs([process], timeout=60)
    assert not process.is_running()


def holding(folder: Path, *secrets: str) -> list[str]:
    """Return the files of a folder, and the processes, that show a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    shown = {str(path): path.read_bytes() for path in files}
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            shown[str(process)] = process.read_bytes()
        except OSError:  # it has ended
            continue
    return [name for name, data in shown.items() for secret in secrets if secret.encode() in data]


def test_a_run_outlives_the_kernel_that_began_it_with_its_metrics_and_key_and_shows_the_key_nowhere(
    tmp_path: Path, server: GatedServer
) -> None:
    folder = tmp_path / "Ada's Bücher und mehr"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "beside.py").write_text("def words(text):\n    return len(text.split())\n")
    for name in ("json", "pickle", "pplab"):  # in the working folder, where the program does not look for modules
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    address = server.base_url.replace("://", f"://ada:{PASSWORD}@")
    begun = program(folder, NOTEBOOK, address, KEY, JPY_SESSION_NAME="/home/ada/work/story.ipynb")
    name, status = json.loads(begun.stdout.readline())
    assert status == "running"
    server.await_calls(2)
    with pplab.Lab(store=folder / "die Laböre" / "lab") as lab:
        row = lab.runs().iloc[0]
        assert (row["experiment_id"], row["name"], row["user"], bool(row["detached"])) == (name, "überlebt", "ada", True)
        runner = runner_of(lab, name)
        assert runner.pid not in (begun.pid, os.getpid())
        killed(begun)
        server.let(1)
        server.await_calls(3)
        assert holding(folder, KEY, PASSWORD) == []
        server.let()
        exp = lab.experiment(name).wait()
        assert exp.status == "completed"
        assert len(server.arrivals) == 4
        assert all(server.keys)
        ended(runner)
        scores = exp.responses
        assert set(scores["twice"]) == {6.0}
        assert set(scores["awaited"]) == {0.25}
        assert set(scores["correct"]) == {1.0}
        assert holding(folder, KEY, PASSWORD) == []
        assert not (lab.folder / "pplab.log").exists()
        assert lab.runs().empty
        assert lab.verify().ok
        made = lab.export(exp, "package", tmp_path / "p.zip").path
        assert lab.verify(made).ok
        row = lab.sql("SELECT notebook, correlation_id FROM experiments").iloc[0]
        assert row["notebook"].endswith("story.ipynb")
        events = lab.audit(correlation_id=row["correlation_id"])
        assert events["event"].tolist().count("llm_request_started") == 4
        assert {"operation_started", "operation_completed", "experiment_generated"} <= set(events["event"])
        by_span = {event["span_id"]: event["event"] for _, event in events.iterrows()}
        asked = events[events["event"] == "operation_started"].iloc[0]["span_id"]
        calls = events[events["event"] == "llm_request_started"]
        assert set(calls["parent_span_id"]) == {asked}, by_span


def test_what_the_new_process_refuses_is_raised_where_it_was_begun_as_it_would_be_there(
    tmp_path: Path, server: GatedServer
) -> None:
    with lab_of(tmp_path, server) as lab:
        with pytest.raises(BadInput, match=r"the price of m at .* is unknown, so max_cost cannot be kept") as refused:
            lab.run("hello", n=1, max_cost=1, detach=True)
        assert "pplab config prices" in refused.value.hint
        assert refused.value.correlation_id
        going = lab.start("hello", n=2, max_concurrency=1)
        with pytest.raises(StoreBusy, match="being run already") as busy:
            lab.experiment(going.id).resume(detach=True)
        assert busy.value.code == "store_busy"
        assert len(lab.experiments()) == 1
        failed = lab.audit("operation_failed")
        assert [json.loads(payload)["code"] for payload in failed["payload"]] == ["bad_input", "store_busy"]
        server.let()
        going.wait()


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        ("import nowhere_at_all", "it said: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed, or took too long to begin"),
    ],
)
def test_a_process_that_does_not_begin_is_one_line_that_says_why(
    tmp_path: Path, server: GatedServer, monkeypatch: pytest.MonkeyPatch, begin: str, words: str
) -> None:
    monkeypatch.setattr("pplab.cluster.detached.BEGIN", begin)
    with lab_of(tmp_path, server) as lab, pytest.raises(PplabError) as refused:
        lab.run("hello", n=1, detach=True)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_python_that_is_not_there_is_one_line(tmp_path: Path, server: GatedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with lab_of(tmp_path, server) as lab, pytest.raises(PplabError, match="run failed: No such file or directory: 'python'"):
        lab.run("hello", n=1, detach=True)


def test_what_cannot_be_carried_is_refused_before_a_process_begins(
    tmp_path: Path, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was begun"))
    with (tmp_path / "open").open("w") as file:

        @metric("notes")
        def notes(text: str) -> float:
            """Write the answer down."""
            file.write(text)
            return 1.0

        try:
            with lab_of(tmp_path, server) as lab:
                with pytest.raises(BadInput, match="the metric 'notes' cannot be carried into another process") as refused:
                    lab.run("hello", n=1, detach=True)
                assert "within the function" in refused.value.hint
                with pytest.raises(BadInput, match="a detached run calls nobody in this process"):
                    lab.run("hello", n=1, detach=True, on_response=print)
        finally:
            unregister("notes")
    with pplab.Lab(store=":temp:") as gone, pytest.raises(BadInput, match="ends with its process cannot detach a run"):
        gone.run("hello", n=1, detach=True)


def test_a_metric_whose_module_the_new_process_does_not_find_is_one_line(tmp_path: Path, server: GatedServer) -> None:
    code = """
import sys, types, pplab
from pplab.metrics import metric
passing = types.ModuleType("passing")
sys.modules["passing"] = passing  # there is no such module for anybody else
exec("def plain(text): 'One.'; return 1.0", passing.__dict__)
metric("plain")(passing.plain)
lab = pplab.Lab(store="lab", model="m", base_url=sys.argv[1], api_key="none")
try:
    lab.run("hello", n=1, detach=True)
except pplab.PplabError as error:
    print(error.code, error, flush=True)
"""
    begun = program(tmp_path, code, server.base_url)
    said, _ = begun.communicate(timeout=240)
    assert said.count("\n") == 1
    assert said.startswith("bad_input")


def test_a_bad_key_is_told_in_the_results_and_shown_nowhere(tmp_path: Path) -> None:
    with PlainServer(lambda _: DENIED) as denying, lab_of(tmp_path, denying) as lab:
        exp = lab.run("hello", n=3, detach=True).wait()
        assert exp.status == "failed"
        assert "401" in exp.reason or "who are you?" in exp.reason
        assert holding(tmp_path, KEY) == []


@pytest.mark.soak
def test_several_runs_at_once_a_race_a_recording_and_endpoints_with_keys_of_the_environment(
    tmp_path: Path, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    monkeypatch.setenv("B_HEADER", PASSWORD)
    where = {"base_url": server.base_url}
    endpoints = {"a": where | {"key_env": "A_KEY"}, "b": where | {"headers_env": {"x-team": "B_HEADER"}}}
    (tmp_path / "deeper").mkdir()
    prompts = [f"Describe {word}." for word in ("rain", "snow", "wind", "sun", "moon", "stars", "fog")]
    server.let()
    with lab_of(tmp_path, server, configuration=PPLab(endpoints=endpoints)) as lab:
        lab.use_recording("calls.jsonl")
        monkeypatch.chdir(tmp_path / "deeper")
        several = lab.run("hello", n=2, models=["m@a", "m@b"], detach=True)
        race = lab.run(prompts, n=1, sweep={"temperature": [0, 1]}, until="settled", detach=True)
        assert several.wait().status == "completed"
        assert race.wait().status == "completed"
        assert race.plan.race.looks
        headers = [headers for _, headers in server.asked]
        assert sum(one.get("authorization") == f"Bearer {KEY}" and "x-team" not in one for one in headers) >= 2
        assert sum(one.get("x-team") == PASSWORD for one in headers) == 2
        before = len(server.arrivals)
        monkeypatch.setenv("PPLAB_OFFLINE", "1")
        again = lab.run("hello", n=2, models=["m@a", "m@b"], detach=True)
        assert again.wait().status == "completed"
        assert len(server.arrivals) == before
        assert holding(tmp_path, KEY, PASSWORD) == []
        assert list((tmp_path / "deeper").iterdir()) == []
        assert lab.verify().ok


def test_a_runner_that_is_told_to_end_keeps_what_came_and_a_detached_resume_and_top_up_complete_it(
    tmp_path: Path, server: GatedServer
) -> None:
    with lab_of(tmp_path, server) as lab:
        exp = lab.run("hello", n=4, max_concurrency=1, detach=True)
        server.let(2)
        server.await_calls(3)
        runner = runner_of(lab, exp.id)
        runner.send_signal(signal.SIGTERM)
        assert exp.wait().status == "interrupted"
        assert exp.reason == "the lab was closed"
        assert sorted(exp.responses["status"]) == ["cancelled"] * 2 + ["ok"] * 2
        ended(runner)
        assert lab.runs().empty
        with pytest.raises(BadInput, match="not running"):
            exp.limit(concurrency=2)
        server.let()
        assert exp.resume(detach=True).wait().status == "completed"
        assert len(server.arrivals) == 3 + 2
        if SOAK:  # another process, begun as that of a resume is
            assert exp.top_up(5, detach=True).wait().status == "completed"
            assert len(server.arrivals) == 6
            assert len(exp.responses) == 5
        timed = lab.sql("SELECT name FROM system_metrics WHERE kind = 'operation'")["name"]
        assert {"resume", *["top_up"] * SOAK} <= set(timed)
        assert lab.verify().ok


def test_an_interrupt_before_the_run_has_begun_ends_its_process(
    tmp_path: Path, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning = "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(600)"
    monkeypatch.setattr("pplab.cluster.detached.BEGIN", beginning)
    before = set(psutil.Process().children())  # which other tests have left
    with lab_of(tmp_path, server) as lab:
        with pytest.raises(KeyboardInterrupt):
            lab.run("hello", n=1, detach=True)
        assert psutil.wait_procs(set(psutil.Process().children()) - before, timeout=60)[1] == []
        assert lab.experiments().empty
