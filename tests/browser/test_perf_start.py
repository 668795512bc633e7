"""How much later JupyterLab starts with the extension than without: its server and its page. Prints; never fails on time."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.conftest import EXTENSION, PATIENCE, SIZE

pytestmark = [pytest.mark.perf, pytest.mark.serial]

ROUNDS = 5
ALLOWED_MS = 100
REPOSITORY = Path(__file__).parents[2]
STARTED = ".jp-Launcher-section"


def environment(home, extended):
    """Return the environment of a JupyterLab with the extension or without, whose modules are compiled once."""
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "share" / "labextensions").mkdir(parents=True)
    (home / "share" / "labextensions" / "pplab").symlink_to(EXTENSION)
    page, server = (
        {"disabledExtensions": {"pplab": not extended}},
        {"ServerApp": {"jpserver_extensions": {"pplab.server": extended}}},
    )
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(page), "utf-8")
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(server), "utf-8")
    ours = ("PPLAB_", "OPENAI_", "JUPYTER", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    folders = {f"JUPYTER_{name}": str(home / name.lower()) for name in ("CONFIG_DIR", "RUNTIME_DIR", "DATA_DIR")}
    lab = {f"JUPYTERLAB_{name}_DIR": str(home / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    python = {"PYTHONPATH": str(REPOSITORY), "PYTHONPYCACHEPREFIX": str(home.parent / "compiled")}
    return kept | folders | lab | python | {"JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_PATH": str(home / "share")}


@contextmanager
def jupyterlab(home, extended):
    """Start a JupyterLab; yield its address and the seconds until it answered."""
    env = environment(home, extended)
    (home / "work").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    options = ["--no-browser", "--allow-root", "--expose-app-in-browser", "--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1"]
    options += [
        f"--ServerApp.port={url.rpartition(':')[2]}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={home / 'work'}",
    ]
    with (home / "log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, cwd=home, stdout=log, stderr=log)
    try:
        yield url, answered(url, process, home / "log") - began
    finally:
        process.terminate()
        process.wait(PATIENCE / 1000)


def answered(url, process, log):
    """Return when a server first answered."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/api").close()
        except urllib.error.URLError:
            time.sleep(0.005)
        else:
            return time.perf_counter()
    raise RuntimeError(log.read_text("utf-8")[-3000:])


def shown(browser, url, extended):
    """Return the seconds until JupyterLab's page shows its launcher, the first time since the server began, and again."""
    took = []
    with browser.new_context(viewport=SIZE) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        for _ in range(2):
            began = time.perf_counter()
            page.goto(f"{url}/lab?reset")
            page.wait_for_selector(STARTED)
            took.append(time.perf_counter() - began)
        assert page.evaluate("() => jupyterapp.commands.hasCommand('pplab:show-experiments')") == extended
        assert page.request.get(f"{url}/pplab/api/labs").ok == extended
    return took


def test_how_much_later_jupyterlab_starts(browser, tmp_path):
    took = {False: [], True: []}
    for round_ in range(ROUNDS + 1):
        for extended in (False, True):
            with jupyterlab(tmp_path / f"{round_}-{extended}", extended) as (url, server):
                took[extended].append((server, *shown(browser, url, extended)))
    without, with_it = (
        [statistics.median(times) for times in zip(*took[extended][1:], strict=True)] for extended in (False, True)
    )
    print(f"\nJupyterLab's start, medians of {ROUNDS} in turns; {ALLOWED_MS} ms later are allowed with the extension:")
    for name, before, after in zip(("server", "first page", "page again"), without, with_it, strict=True):
        print(f"  {name}: {before:.2f} s without, {after:.2f} s with it, {(after - before) * 1000:+.0f} ms")
