"""Few file descriptors: a run fits its calls to what the system has room for, says so, and stores every answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.servers import ROOT, FaultServer
from tests.soak import only_soak

resource = pytest.importorskip("resource", reason="Windows has no such limit")

SCRIPT = """
import json, resource, sys
import pplab
limits, store, url, wanted = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
for limit in limits:
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    try:
        with pplab.Lab(store=store, model="ok", base_url=url, api_key="k" * 20) as lab:
            ahead = lab.preflight("Say hello.", n=100, max_concurrency=wanted)
            exp = lab.run("Say hello.", n=100, max_concurrency=wanted)
            said = [exp.status, exp.responses.status.tolist(), exp.warnings, ahead.warnings]
    except pplab.PplabError as error:
        said = str(error)
    print(json.dumps(said))
"""


def with_descriptors(limits, store, server, wanted=100):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, json.dumps(limits), str(store), server.base_url, str(wanted)]
    done = subprocess.run(command, env=env, cwd=store.parent, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("limit", [64, *only_soak(48)])
def test_few_descriptors_mean_fewer_calls_at_once_and_without_room_for_one_nothing_is_asked_and_both_are_said(tmp_path, limit):
    with FaultServer() as server:
        [(status, stored, warnings, ahead), refused] = with_descriptors([limit, 32], tmp_path / "lab", server)
        asked = server.counts()["requests"]
    assert (status, stored, asked) == ("completed", ["ok"] * 100, 100)
    assert [f"may open {limit} files" in words for words in (*warnings, *ahead)] == [True, True]
    assert "may open 32 files" in refused
    assert "ulimit -n" in refused


@pytest.mark.soak
def test_enough_descriptors_are_no_news(tmp_path):
    with FaultServer() as server:
        [(status, _, warnings, ahead)] = with_descriptors([256], tmp_path / "lab", server, wanted=32)
    assert (status, warnings, ahead) == ("completed", [], [])
