"""What the cell audit costs each cell, against bare IPython in the same process. Prints; never fails on time."""

from __future__ import annotations

import time

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

pytestmark = pytest.mark.perf
CELLS = 1500
ROUNDS = 4
PACE_S = 0.002  # a front end never sends cells faster than a message takes there and back


@pytest.fixture
def shell(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    InteractiveShell.clear_instance()


def timed(shell, pace):
    """Run empty-handed cells; return their durations in microseconds."""
    took = []
    for number in range(CELLS):
        source = f"x = {number}"
        begun = time.perf_counter_ns()
        shell.run_cell(source, cell_id="a-cell")
        took.append((time.perf_counter_ns() - begun) / 1e3)
        if pace:
            time.sleep(pace)
    return took


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


@pytest.mark.parametrize("pace", [PACE_S, 0.0], ids=["paced", "back to back"])
def test_cost_of_the_audit_per_cell(shell, pace):
    bare, audited = [], []
    timed(shell, 0)
    for _ in range(ROUNDS):  # in turns, so that whatever else the machine does falls on both
        bare += timed(shell, pace)
        shell.run_line_magic("load_ext", "pplab")
        shell.magics_manager.registry["PPLabMagics"].extension.lab().counts()  # opened, and DuckDB imported
        audited += timed(shell, pace)
        shell.run_line_magic("unload_ext", "pplab")
    middle, tail = ([percentile(v, share) for v in (bare, audited)] for share in (0.5, 0.99))
    name = "paced" if pace else "back to back"
    print(f"\nper cell, {name}: median {middle[0]:.0f} -> {middle[1]:.0f} us: +{middle[1] - middle[0]:.0f} us (budget 20)")
    print(f"per cell, {name}: p99 {tail[0]:.0f} -> {tail[1]:.0f} us: +{(tail[1] - tail[0]) / 1e3:.2f} ms (budget 1)")
