"""How long ``%load_ext pplab`` takes in a fresh process. Prints; never fails on time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pplab

ROOT = Path(pplab.__file__).parents[1]
SCRIPT = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
import ipykernel.zmqshell  # what a kernel has loaded before any cell runs
shell = InteractiveShell.instance()
before = time.perf_counter()
shell.run_line_magic("load_ext", "pplab")
loaded = time.perf_counter()
shell.run_cell("x = 1")
cell = time.perf_counter()
heavy = [name for name in HEAVY if name in sys.modules]
extension = shell.magics_manager.registry["PPLabMagics"].extension
extension.lab()
opened = time.perf_counter()
print(json.dumps({"load": (loaded - before) * 1e3, "open": (opened - before) * 1e3, "heavy": heavy}))
shell.run_line_magic("unload_ext", "pplab")
"""
HEAVY = ("duckdb", "plotly", "anywidget", "openai", "pandas", "pyarrow", "scipy", "pplab.lab", "pplab.store")


def environment(tmp_path):
    return os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}


def compiled(tmp_path):
    """Return the environment of a process whose modules are compiled once, as those of an installed package are."""
    kept = {name: value for name, value in environment(tmp_path).items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}


def loaded(env):
    """Load the extension in a fresh process; return milliseconds and what was loaded with it."""
    script = SCRIPT.replace("HEAVY", repr(HEAVY[:7]))
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_loading_the_extension_loads_nothing_heavy(tmp_path):
    assert loaded(environment(tmp_path))["heavy"] == []


def test_opening_a_lab_loads_nothing_heavy_either_and_planning_a_run_neither_pandas_nor_scipy(tmp_path):
    """A kernel may end while it opens its lab, and what is imported then may refuse to be."""
    script = (
        f"import sys, pplab; lab = pplab.Lab(store=sys.argv[1]); print([name for name in {HEAVY[:7]!r} if name in sys.modules]);"
        "from pplab.plan.request import RunRequest; plan, _ = lab.manager.plan(RunRequest(prompt='Hello', n=2));"
        "print(len(plan), {'pandas', 'scipy'} & set(sys.modules))"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "lab")]
    done = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "[]\n2 set()\n"


@pytest.mark.perf
def test_load_time(tmp_path):
    env = compiled(tmp_path)
    loaded(env)
    runs = [loaded(env) for _ in range(7)]
    load, opened = (sorted(run[name] for run in runs) for name in ("load", "open"))
    print(f"\n%load_ext pplab: median {load[3]:.1f} ms, best {load[0]:.1f} ms (budget 20 ms; jupysql 790, quak 160)")
    print(f"lab open, on a thread behind the first cell: median {opened[3]:.1f} ms, best {opened[0]:.1f} ms after the load began")
