"""A detached run and a real kernel: the run goes on when the kernel restarts, and the new one lists and follows it."""

from __future__ import annotations

import pytest

import pplab
from tests.servers.gated import GatedServer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

METRIC = """
from pplab.metrics import metric

@metric("words", high=100)
def words(text):
    "How many words."
    return len(text.split())
"""


def test_a_detached_run_goes_on_when_its_kernel_restarts_and_the_next_one_follows_it(kernel, tmp_path):
    with GatedServer() as server:
        for line in (f"%config PPLab.base_url = '{server.base_url}'", "%config PPLab.model = 'm'", METRIC):
            assert kernel.run(line).status == "ok"
        reply = kernel.run("%%pplab run --detach --n 4 --max-concurrency 2\nhello", cell_id="begins")
        assert reply.status == "ok", reply.content
        assert "goes on in a process of its own" in reply.result["text/plain"]
        server.await_calls(2)
        kernel.manager.restart_kernel(now=False)
        kernel.client.wait_for_ready(timeout=240)
        server.let(1)
        server.await_calls(3)
        kernel.enter(tmp_path)
        listed = kernel.run("%pplab runs")
        assert "1 of 4" in listed.result["text/plain"]
        assert "running, detached" in listed.result["text/html"]
        server.let()
        followed = kernel.run("%pplab runs --follow latest")
        assert followed.status == "ok", followed.content
        assert "completed" in followed.result["text/plain"]
        assert "Nothing is running." in kernel.run("%pplab runs").result["text/plain"]
        assert len(server.arrivals) == 4
    kernel.run("%unload_ext pplab")
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        exp = lab.experiment()
        assert set(exp.responses["words"]) == {3.0}
        cells = lab.cells()
        assert cells["session_id"].nunique() == 2
        begins = cells[cells["cell_id"] == "begins"].iloc[0]
        assert begins["correlation_id"] == exp.correlation_id  # a trace walks from the cell to its answers
        kinds = {node.kind for node in lab.trace(exp.responses["response_id"][0]).nodes}
        assert {"cell", "operation", "response", "attempt"} <= kinds
        assert lab.verify().ok
