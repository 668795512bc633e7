"""The built wheel: what an index would check and show of it, what it holds, and that it works in an empty environment."""

from __future__ import annotations

import contextlib
import email
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from readme_renderer import markdown

import pplab

pytestmark = pytest.mark.serial
ROOT = Path(__file__).parents[2]
BUILT = os.environ.get("PPLAB_DIST")
FRONT_END = sorted(index for index in (ROOT / "widgets").glob("*/index.ts") if index.parent.name != "extension")
EXTENSION = "pplab/views/widgets/static/labextension"
DATA = f"pplab-{pplab.__version__}.data/data"
INSTALLED_EXTENSION = f"{DATA}/share/jupyter/labextensions/pplab"
ENABLED = {f"{DATA}/etc/jupyter/jupyter_server_config.d/pplab.json"}
ANSWERED = """
import pplab
from pplab.cli import main
print(pplab.__file__)
main(["run", "Why does it rain?", "--n", "2", "--json"])
"""
NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
assert shell.run_cell("%load_ext pplab").success
made = shell.run_cell("%%pplab run --n 2 --set max_tokens=10\\nWhy does it rain?").result
assert made.status == "completed", made
assert shell.run_cell("%unload_ext pplab").success
"""


def run(command, env=None, **options):
    """Run a program; its output is shown when it fails."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(command, env=env or clean, capture_output=True, text=True, timeout=900, check=False, **options)
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
    assert others == static | extension | installed | ENABLED
    assert metadata(wheel)["License-Expression"] == "BSD-3-Clause AND CC-BY-SA-4.0"


def test_the_source_archive_holds_what_the_wheel_is_built_from_and_none_of_the_tests_and_their_texts(dist):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"pyproject.toml", "hatch_build.py", "widgets/build.mjs", "pplab/views/widgets/static/quiz.js"} <= names
    assert [name for name in names if name.startswith(("tests/", "widgets/tests/", "widgets/node_modules/", "notebooks/"))] == []


def test_all_of_jupyterlab_comes_with_the_extra_only(wheel):
    with_it = [line for line in metadata(wheel).get_all("Requires-Dist") if line.startswith("jupyterlab")]
    assert all("extra ==" in line for line in with_it)
    assert any('extra == "lab"' in line.replace("'", '"') for line in with_it)


def test_what_is_installed_from_the_wheel_runs_away_from_the_sources(wheel, tmp_path):
    target = tmp_path / "target"
    offline = ["--no-deps", "--no-index", "--no-compile", "--quiet", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(wheel)])
    ours = os.environ | {"PYTHONPATH": str(target)}
    said = run([sys.executable, "-c", ANSWERED], env=ours, cwd=tmp_path).splitlines()
    assert Path(said[0]).is_relative_to(target)
    assert json.loads(said[1])["data"]["status"] == "completed"


@pytest.mark.soak
def test_an_empty_environment_gets_none_of_jupyterlab(installed):
    packages = json.loads(run([installed / "python", "-m", "pip", "list", "--format", "json"]))
    assert {"jupyterlab", "notebook", "statsmodels"}.isdisjoint(package["name"] for package in packages)


@pytest.mark.soak
def test_the_installed_program_checks_itself_and_runs(installed, tmp_path):
    assert "Everything is in order." in run([installed / "pplab", "doctor"], cwd=tmp_path)
    answer = json.loads(run([installed / "pplab", "run", "Why does it rain?", "--n", "2", "--json"], cwd=tmp_path))
    assert answer["data"]["status"] == "completed"
    assert run([installed / "python", "-m", "pplab", "verify"], cwd=tmp_path)
    assert "usage: pplab" in run([installed / "python", "-m", "pplab", "--help"], cwd=tmp_path)


@pytest.mark.soak
def test_the_installed_extension_works_in_a_shell(installed, tmp_path):
    run([installed / "python", "-c", NOTEBOOK], cwd=tmp_path)


@pytest.fixture
def jupyterlab(wheel, installed, tmp_path):
    """Address of a JupyterLab that the extra brought into the empty environment, and a function that runs its programs."""
    run([installed / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[lab]"])
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "JUPYTER"))}
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = (
        clean | folders | {"JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"), "PATH": f"{installed}{os.pathsep}/usr/bin"}
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--IdentityProvider.token=",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [installed / "python", "-m", "jupyterlab", *options], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 120
        while server.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.05)
        yield f"http://127.0.0.1:{port}", lambda *words: run(words, env=environment, cwd=tmp_path)
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.soak
def test_the_extra_brings_a_jupyterlab_whose_launcher_has_the_lab(jupyterlab, installed):
    address, program = jupyterlab
    listing = "import subprocess, sys; print(subprocess.run(sys.argv[1:], capture_output=True, check=True, text=True))"
    python = installed / "python"
    listed = program(python, "-c", listing, installed / "jupyter", "labextension", "list")
    assert re.search(rf"pplab v{re.escape(pplab.__version__)}[^\\]*enabled[^\\]*OK", re.sub(r"\\x1b\[\d*m", "", listed))
    listed = program(python, "-c", listing, installed / "jupyter", "server", "extension", "list")
    assert re.search(r"pplab\.server[^\\]*enabled", re.sub(r"\\x1b\[\d*m", "", listed))
    assert program(installed / "pplab", "doctor").count("is enabled") == 2
    with sync_playwright() as playwright:
        found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"{address}/lab")
        section = page.locator(".jp-Launcher-section", has_text="Sampling lab")
        expect(section.locator(".jp-LauncherCard")).to_have_count(6, timeout=120_000)
        browser.close()
