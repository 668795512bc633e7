"""How long ``import pplab`` takes, and that nothing heavy comes with it. Prints; never fails on time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pplab

ROOT = Path(pplab.__file__).parents[1]
HEAVY = ("duckdb", "plotly", "anywidget", "openai", "pandas", "numpy", "pyarrow", "scipy", "ipywidgets", "IPython", "traitlets")
SCRIPT = """
import json, sys, time
before = time.perf_counter()
import pplab
took = time.perf_counter() - before
print(json.dumps({"ms": took * 1e3, "modules": sorted(sys.modules)}))
"""


def environment(tmp_path):
    """Return the environment of a process whose modules are compiled once, as those of an installed package are."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    places = {"PYTHONPATH": ROOT, "PYTHONPYCACHEPREFIX": tmp_path / "compiled", "IPYTHONDIR": tmp_path / "ipython"}
    return kept | {name: str(place) for name, place in places.items()}


def imported(tmp_path):
    """Import the package in a fresh process; return the milliseconds and the modules."""
    env = environment(tmp_path)
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_importing_the_package_loads_nothing_heavy(tmp_path):
    modules = imported(tmp_path)["modules"]
    assert [name for name in HEAVY if name in modules] == []
    assert [name for name in modules if name.startswith("pplab.")] == []


@pytest.mark.perf
def test_import_time(tmp_path):
    imported(tmp_path)
    times = sorted(imported(tmp_path)["ms"] for _ in range(7))
    print(f"\nimport pplab: median {times[3]:.1f} ms, best {times[0]:.1f} ms (budget 30 ms; litellm 2,770, jupysql 1,377)")
