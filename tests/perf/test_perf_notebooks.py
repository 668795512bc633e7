"""What a regression notebook costs under nbval beyond an empty one. Prints; never fails on time."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.perf, pytest.mark.serial]

REGRESSION = Path(__file__).parents[2] / "notebooks" / "regression"
ROUNDS = 5


def seconds(notebook):
    """Run nbval on a notebook in a process of its own and return how long that took."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", "-p", "no:xdist", notebook.name]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=notebook.parent, env={**os.environ, "PPLAB_OFFLINE": "1"}, capture_output=True, check=False
    )
    took = time.perf_counter() - start
    assert done.returncode == 0, done.stdout[-2000:].decode()
    return took


def test_what_each_notebook_costs(tmp_path):
    folder = tmp_path / "notebooks"
    shutil.copytree(REGRESSION, folder)
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    empty.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(empty, folder / "empty.ipynb")
    names = ["empty", *sorted(path.stem for path in REGRESSION.glob("*.ipynb"))]
    took = {name: [seconds(folder / f"{name}.ipynb") for _ in range(ROUNDS)] for name in names}
    base = statistics.median(took.pop("empty"))
    print(f"\nnbval on an empty notebook: {base:.2f} s; more than that (1.5 s for a replayed one), median of {ROUNDS}:")
    for name, times in took.items():
        print(f"  {name}: +{statistics.median(times) - base:.2f} s")
