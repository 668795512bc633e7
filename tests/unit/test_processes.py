"""Labs and experiments in other processes and in copies: a result or one line, never silence; and no key goes along."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from experiment_labs import KEY, lab_at

import pplab
from pplab.errors import BadInput, PplabError
from tests.servers import FaultServer

SOAK = bool(os.environ.get("PPLAB_SOAK"))
UNCLOSED = """
import sys, pplab
lab = pplab.Lab(store="lab", model="fast", base_url=sys.argv[1], api_key="none")
print(lab.run("Say hello.", n=1).status)
"""
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
METHODS = [
    method if method == "spawn" else pytest.param(method, marks=pytest.mark.soak)
    for method in ("fork", "spawn", "forkserver")
    if method in multiprocessing.get_all_start_methods()
]


def in_fork(work, timeout=240):
    """Return what ``work`` returns in a forked child, or the one line it raised; a child that hangs is an error."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = repr(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    ready = multiprocessing.connection.wait([reader], timeout)
    if not ready:
        os.kill(pid, 9)
    with os.fdopen(reader, "rb") as file:
        said = file.read().decode()
    os.waitpid(pid, 0)
    assert ready, "the child hangs"
    return said


def statuses(lab, prompt):
    exp = lab.run(prompt, n=2)
    return exp.status, exp.responses.status.tolist()


def status_of(experiment):
    return experiment.status, experiment.responses.status.tolist(), experiment.verdict().words


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_of_processes_runs_on_a_lab_that_it_is_given_and_reads_its_experiments(tmp_path, method):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        before = lab.run("Say hello.", n=2)
        with ProcessPoolExecutor(2 if SOAK else 1, mp_context=multiprocessing.get_context(method)) as pool:
            ran = list(pool.map(statuses, [lab] * 2, ["one", "two"], timeout=240))
            assert pool.submit(status_of, before).result(120) == status_of(before)
        assert ran == [("completed", ["ok", "ok"])] * 2
        assert len(lab.experiments()) == 3
        assert lab.verify().ok


@forks
def test_a_forked_child_asks_a_server_over_connections_of_its_own_and_its_parent_goes_on(tmp_path):
    with FaultServer() as server, lab_at(tmp_path, server, "ok") as lab:
        assert statuses(lab, "before") == ("completed", ["ok", "ok"])
        assert in_fork(lambda: statuses(lab, "in the child")) == "('completed', ['ok', 'ok'])"
        assert statuses(lab, "after") == ("completed", ["ok", "ok"])
        assert len(lab.experiments()) == 3


@forks
def test_a_run_under_way_is_steered_and_waited_for_in_a_forked_child(tmp_path):
    with FaultServer(latency_ms=1000) as server, lab_at(tmp_path, server, "fast") as lab:
        exp = lab.start("Say hello.", n=6, max_concurrency=2)
        assert in_fork(lambda: exp.limit(concurrency=3)) == "None"
        assert exp.progress["concurrency"] == 3
        assert in_fork(lambda: (exp.wait().status, len(exp.responses))) == "('completed', 6)"
        assert exp.wait().status == "completed"
        exp = lab.start("Say hello.", n=6, max_concurrency=2)
        assert in_fork(exp.cancel) == "None"
        assert exp.wait().status == "interrupted"


@forks
def test_a_lab_closed_in_a_forked_child_stays_open_in_its_parent(tmp_path):
    with FaultServer(latency_ms=300) as server, lab_at(tmp_path, server, "fast") as lab:
        exp = lab.start("Say hello.", n=4, max_concurrency=2)
        assert in_fork(lab.close) == "None"
        assert exp.wait().status == "completed"


def test_copies_of_a_lab_and_an_experiment_are_the_same_ones(lab):
    exp = lab.run("Say hello.", n=1)
    lab.use_recording("calls.jsonl")
    for one in (lab, exp, lab.recording, lab.context.scrub):
        assert copy.copy(one) is one
        assert copy.deepcopy({"kept": [one]})["kept"][0] is one


def test_a_lab_that_ends_with_its_process_is_not_carried(tmp_path):
    with pplab.Lab(store=":temp:") as lab:
        exp = lab.run("Say hello.", n=1)
        for one in (lab, exp):
            with pytest.raises(BadInput, match="give it a folder"):
                pickle.dumps(one)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/v1", "http://ada:hunter2-hunter2@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?key=hunter2-hunter2"]
)
def test_no_key_is_carried_and_a_lab_that_would_ask_another_server_says_so(tmp_path, monkeypatch, address):
    with pplab.Lab(store=tmp_path / "lab", model="m", base_url=address, api_key=KEY) as lab:
        carried = pickle.dumps(lab)
        with pytest.raises(TypeError, match="holds keys"):
            pickle.dumps(lab.context.scrub)
    for secret in (KEY, "hunter2"):
        assert secret.encode() not in carried
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-1234567890abcdefg")
    if "hunter2" in address:
        with pytest.raises(PplabError, match=r"asks m at .* where it came from, and would ask"):
            pickle.loads(carried)
    else:
        with pickle.loads(carried) as opened:
            assert (opened.model, opened.provider) == ("m", "127.0.0.1:9")


def test_a_carried_lab_goes_on_answering_from_its_recording(tmp_path):
    with FaultServer() as server, lab_at(tmp_path, server, "ok") as lab:
        lab.use_recording(tmp_path / "calls.jsonl")
        assert statuses(lab, "hello") == ("completed", ["ok", "ok"])
        carried = pickle.dumps(lab)
    with pickle.loads(carried) as opened:
        assert statuses(opened, "hello") == ("completed", ["ok", "ok"])


@pytest.mark.soak
def test_a_program_that_ends_without_closing_its_lab_leaves_no_complaint_of_open_connections(tmp_path):
    with FaultServer() as server:
        command = [sys.executable, "-c", UNCLOSED, server.base_url]
        environment = {**os.environ, "PYTHONPATH": str(Path(pplab.__file__).parents[1])}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=True)
    assert (ended.stdout, ended.stderr) == ("completed\n", "")
