"""The built wheel, installed into an empty environment: the program, the extension and everything they need are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import pplab

pytestmark = pytest.mark.serial
ROOT = Path(__file__).parents[2]
NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
assert shell.run_cell("%load_ext pplab").success
made = shell.run_cell("%%pplab run --n 2 --set max_tokens=10\\nWhy does it rain?").result
assert made.status == "completed", made
assert shell.run_cell("%unload_ext pplab").success
"""


def run(command, **options):
    """Run a program; its output is shown when it fails."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with nothing but the wheel and what it asks for; the folder of its programs."""
    home = tmp_path_factory.mktemp("empty") / "env"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    run([programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    return programs


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"pplab/py.typed", "pplab/store/schema/0001_initial.sql"} <= set(names)
    assert any(name.startswith("pplab/models/") and not name.endswith(".py") for name in names), "the embedded model's text"
    top = {name.split("/")[0] for name in names}
    assert top <= {"pplab", f"pplab-{pplab.__version__}.dist-info", f"pplab-{pplab.__version__}.data"}
    assert not any("/tests/" in name or name.endswith((".pyc", ".map")) for name in names)
    metadata = zipfile.ZipFile(wheel).read(f"pplab-{pplab.__version__}.dist-info/METADATA").decode()
    assert "License-Expression: BSD-3-Clause" in metadata


def test_the_installed_program_checks_itself_and_runs(installed, tmp_path):
    assert "Everything is in order." in run([installed / "pplab", "doctor"], cwd=tmp_path)
    answer = json.loads(run([installed / "pplab", "run", "Why does it rain?", "--n", "2", "--json"], cwd=tmp_path))
    assert answer["data"]["status"] == "completed"
    assert run([installed / "python", "-m", "pplab", "verify"], cwd=tmp_path)


def test_the_installed_extension_works_in_a_shell(installed, tmp_path):
    run([installed / "python", "-c", NOTEBOOK], cwd=tmp_path)
