"""The built wheel: what an index would check and show of it, what it holds, and that it works in an empty environment."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from readme_renderer import markdown

import pplab

pytestmark = pytest.mark.serial
ROOT = Path(__file__).parents[2]
BUILT = os.environ.get("PPLAB_DIST")
FRONT_END = sorted(index for index in (ROOT / "widgets").glob("*/index.ts") if index.parent.name != "extension")
EXTENSION = "pplab/views/widgets/static/labextension"
INSTALLED_EXTENSION = f"pplab-{pplab.__version__}.data/data/share/jupyter/labextensions/pplab"
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


def metadata(wheel):
    """Return the metadata of a wheel; the payload is its description."""
    return email.message_from_bytes(zipfile.ZipFile(wheel).read(f"pplab-{pplab.__version__}.dist-info/METADATA"))


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder of the source archive and the wheel made from it: what `make dist` has built, or both of this checkout."""
    if BUILT:
        return Path(BUILT)
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with nothing but the wheel and what it asks for; the folder of its programs."""
    home = tmp_path_factory.mktemp("empty") / "env"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    run([programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    return programs


def test_an_index_would_take_both_files(dist):
    files = sorted(dist.iterdir())
    assert [path.suffix for path in files] == [".whl", ".gz"]
    assert run([sys.executable, "-m", "twine", "check", "--strict", *files]).count("PASSED") == 2


def test_an_index_would_show_the_description_whole(wheel):
    words = metadata(wheel).get_payload(decode=True).decode()
    shown = markdown.render(words)
    assert shown is not None
    assert re.search("<h2.*>What to trust, and what not<", shown)
    targets = re.findall(r'(?:src|href)="([^"]*)"', shown)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    assert "<img" not in words


def test_the_wheel_holds_the_package_with_its_data_and_front_end_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = (path for path in (ROOT / "pplab").rglob("*") if path.is_file() and path.suffix != ".pyc")
    sources = {
        name for path in files if not (name := path.relative_to(ROOT).as_posix()).startswith("pplab/views/widgets/static/")
    }
    assert sources <= names
    static = {f"pplab/views/widgets/static/{index.parent.name}{suffix}" for index in FRONT_END for suffix in (".js", ".css")}
    others = {name for name in names - sources if not name.startswith(f"pplab-{pplab.__version__}.dist-info/")}
    extension = {name for name in others if name.startswith(f"{EXTENSION}/")}
    installed = {name for name in others if name.startswith(f"{INSTALLED_EXTENSION}/")}
    assert {name.removeprefix(EXTENSION) for name in extension} == {name.removeprefix(INSTALLED_EXTENSION) for name in installed}
    described = json.loads(zipfile.ZipFile(wheel).read(f"{EXTENSION}/package.json"))
    assert f"{EXTENSION}/{described['jupyterlab']['_build']['load']}" in extension
    assert others == static | extension | installed
    assert metadata(wheel)["License-Expression"] == "BSD-3-Clause AND CC-BY-SA-4.0"


def test_the_source_archive_holds_what_the_wheel_is_built_from_and_none_of_the_tests_and_their_texts(dist):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"pyproject.toml", "hatch_build.py", "widgets/build.mjs", "pplab/views/widgets/static/quiz.js"} <= names
    assert [name for name in names if name.startswith(("tests/", "widgets/tests/", "widgets/node_modules/", "notebooks/"))] == []


def test_all_of_jupyterlab_comes_with_the_extra_only(wheel, installed):
    with_it = [line for line in metadata(wheel).get_all("Requires-Dist") if line.startswith("jupyterlab")]
    assert all("extra ==" in line for line in with_it)
    assert any('extra == "lab"' in line.replace("'", '"') for line in with_it)
    packages = json.loads(run([installed / "python", "-m", "pip", "list", "--format", "json"]))
    assert {"jupyterlab", "notebook", "statsmodels"}.isdisjoint(package["name"] for package in packages)


def test_the_installed_program_checks_itself_and_runs(installed, tmp_path):
    assert "Everything is in order." in run([installed / "pplab", "doctor"], cwd=tmp_path)
    answer = json.loads(run([installed / "pplab", "run", "Why does it rain?", "--n", "2", "--json"], cwd=tmp_path))
    assert answer["data"]["status"] == "completed"
    assert run([installed / "python", "-m", "pplab", "verify"], cwd=tmp_path)
    assert "usage: pplab" in run([installed / "python", "-m", "pplab", "--help"], cwd=tmp_path)


def test_the_installed_extension_works_in_a_shell(installed, tmp_path):
    run([installed / "python", "-c", NOTEBOOK], cwd=tmp_path)
