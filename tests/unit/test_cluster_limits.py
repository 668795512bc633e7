"""The limits of a run in several processes, changed while it runs; and where its processes find modules."""

from __future__ import annotations

import sys

from experiment_labs import lab_at
from shard_labs import PROMPT, until, workers

from tests.servers import FaultServer


def test_workers_take_on_another_limit_while_they_run_and_no_module_of_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit('the wrong pickle')")
    monkeypatch.setattr("sys.path", [place for place in sys.path if place not in ("", str(tmp_path))])
    with FaultServer() as server, lab_at(tmp_path, server, "play:hang") as lab:
        exp = lab.start(PROMPT, n=9, processes=2, max_concurrency=2)
        until(lambda: len(server.seen(PROMPT)) == 2)
        exp.limit(concurrency=6)
        until(lambda: len(server.seen(PROMPT)) == 6)
        assert exp.progress["concurrency"] == 6
        assert lab.experiment(exp.id).plan.max_concurrency == 6
        exp.cancel()
        exp.wait()
        assert len(server.seen(PROMPT)) == 6
        assert exp.status == "interrupted"
        until(lambda: not workers(), 10)
