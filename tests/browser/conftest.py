"""A real JupyterLab and a real browser: one of each for all tests of this folder, a page and a notebook for each test."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

EXTENSION = Path(__file__).parents[2] / "pplab" / "views" / "widgets" / "static" / "labextension"
AXE = Path(__file__).parents[2] / "widgets" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
# Stock JupyterLab 4.6 asks for an address that is not there, and complains of its own requests to the kernel (for its debugger,
# for a subshell) that end because the page is left or the kernel restarted. Every other error is ours.
STOCK = ("/lsp/status", "Canceled future for")
PATIENCE = 180_000  # ms until a condition counts as never met; on a busy machine a kernel alone takes 30 s


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test of this folder."""
    if Path(__file__).parent in item.path.parents:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.flaky(reruns=2))  # a browser on a busy machine can be slower than any patience


@dataclass(frozen=True, slots=True)
class Server:
    """A running JupyterLab and the folder it shows."""

    url: str
    root: Path


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start JupyterLab with no configuration but ours, and end it with its kernels."""
    home = tmp_path_factory.mktemp("jupyter")
    root = home / "work"
    root.mkdir()
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET), "utf-8")
    extensions = home / "share" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "pplab").symlink_to(EXTENSION)
    folders = {"CONFIG_DIR": "config", "RUNTIME_DIR": "runtime", "DATA_DIR": "data"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PPLAB_", "OPENAI_", "JUPYTER"))}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **clean,
        **{f"JUPYTER_{name}": str(home / folder) for name, folder in folders.items()},
        "JUPYTER_PATH": str(home / "share"),  # before what is installed: the extension of these sources
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PPLAB_USER": "tester",
    }
    options = [
        "--no-browser",
        "--allow-root",
        "--expose-app-in-browser",
        "--IdentityProvider.token=",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.jpserver_extensions={'pplab.server': True}",
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], cwd=root, env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for_port(port, process, home / "log")
        yield Server(f"http://127.0.0.1:{port}", root)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text('utf-8')[-3000:]}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start Chromium: the system's if there is one, else Playwright's."""
    from playwright.sync_api import expect, sync_playwright

    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a fresh page 1,400 pixels wide; the test fails if the page logs an error."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    errors: list[str] = []
    made.on(
        "console", lambda message: errors.append(f"{message.text} {message.location['url']}") if message.type == "error" else None
    )
    made.on("pageerror", lambda error: errors.append(f"{error} {error.stack}"))
    yield made
    context.close()
    assert [error for error in errors if not any(words in error for words in STOCK)] == []


@dataclass(slots=True)
class Notebook:
    """A notebook open in the page."""

    page: Page
    path: Path
    url: str

    def open(self) -> Notebook:
        """Open it, or load the page again."""
        self.page.goto(self.url)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        return self.wait_for("() => jupyterapp.shell.currentWidget?.context?.isReady")

    def run_all(self) -> Notebook:
        """Run every cell and wait until the kernel has finished them."""
        self.wait_for("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
        self.command("notebook:run-all-cells")
        return self.wait_for(
            """() => jupyterapp.shell.currentWidget.content.widgets.every(
                 cell => cell.model.type !== 'code' || cell.model.sharedModel.source === '' || cell.model.executionCount)"""
        )

    def command(self, name: str, **arguments: Any) -> Any:
        """Run a command of JupyterLab."""
        return self.page.evaluate("([name, args]) => void jupyterapp.commands.execute(name, args)", [name, arguments])

    def save(self) -> Notebook:
        """Save it and wait until it is on disk."""
        self.page.evaluate("async () => { await jupyterapp.shell.currentWidget.context.save() }")
        return self

    def wait_for(self, condition: str) -> Notebook:
        """Wait for a condition in the page."""
        self.page.wait_for_function(condition)
        return self

    def widget(self, name: str) -> Locator:
        """Return the root of the widget with this name."""
        return self.page.locator(f".jp-OutputArea [data-pplab='{name}']")

    def theme(self, name: str) -> Notebook:
        """Change JupyterLab's theme: ``JupyterLab Light``, ``JupyterLab Dark`` or ``JupyterLab Dark High Contrast``."""
        self.command("apputils:change-theme", theme=name)
        return self.wait_for(
            f"() => document.body.dataset.jpThemeName === {json.dumps(name)} && !document.getElementById('jupyterlab-splash')"
        )

    def python(self, code: str) -> str:
        """Run code in the kernel and return what it printed."""
        script = """async code => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code, store_history: false });
            let printed = '';
            future.onIOPub = m => { printed += m.content.text ?? (m.content.traceback ?? []).join('\\n') };
            await future.done;
            return printed;
        }"""
        return str(self.page.evaluate(script, code))


@pytest.fixture
def notebook(page: Page, server: Server, request: pytest.FixtureRequest) -> Any:
    """Return a function that makes a notebook of these cells, in a folder of its own, and opens it."""
    opened: list[Notebook] = []

    def make(*cells: str, name: str = "notebook") -> Notebook:
        attempt = request.node.execution_count  # a test that is run again begins with a lab of its own
        folder = server.root / re.sub(r"\W+", "-", f"{request.module.__name__} {request.node.name} {attempt}")
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.ipynb"
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, path)
        address = f"{server.url}/lab/workspaces/{folder.name}-{len(opened)}/tree/{folder.name}/{path.name}"
        opened.append(Notebook(page, path, address))
        return opened[-1].open()

    yield make
    for one in opened:
        one.page.evaluate(
            """patience => Promise.race([
                 jupyterapp.shell.currentWidget?.sessionContext?.shutdown(), new Promise(done => setTimeout(done, patience))
               ]).then(() => undefined)""",
            PATIENCE / 4,
        )


@pytest.fixture
def findings() -> Any:
    """Return a function that names what axe-core finds serious or critical in a part of a notebook, in each theme."""
    assert AXE.exists(), "run: python widgets/npm.py ci"

    def look(opened: Notebook, locator: Locator) -> list[str]:
        if not opened.page.evaluate("() => 'axe' in window"):
            opened.page.evaluate(AXE.read_text("utf-8") + "; window.axe = axe;")
        named = []
        for theme in THEMES:
            opened.theme(theme)
            found = locator.evaluate("async element => (await axe.run(element)).violations")
            named += [
                f"{theme}: {v['id']}: {v['help']} ({n['html'][:120]}; {n.get('failureSummary', '')})"
                for v in found
                if v["impact"] in ("serious", "critical")
                for n in v["nodes"]
            ]
        opened.theme(THEMES[0])
        return named

    return look
