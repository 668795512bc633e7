"""A real JupyterLab and a real browser: one of each, and one page, for all tests of this folder, and a notebook for each test.

Loading JupyterLab takes a page as long as all that most tests do in it. Tests that look, or change no more than what the last
cell makes anew, share the notebook and kernel of their file, too; tests that alter what a page is have one of their own.
"""

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
from dataclasses import dataclass, field
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
SIZE = {"width": 1400, "height": 1000}
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
# Stock JupyterLab 4.6 asks for an address that is not there, and complains of its own requests to the kernel (for its debugger,
# for a subshell) that end because the page is left or the kernel restarted. Every other error is ours.
# Stock Notebook 7.6 (tried without ours) reads settings of plugins that it does not have, and opens its folder by a command of
# JupyterLab's that it has not registered yet. Two windows of JupyterLab choose their names anew. A page that was just opened
# hears of the widgets of another one (a cell that is run anew closes its former ones) before the kernel has told it of them.
# anywidget gives up a model that took long to load on a busy machine; ours hear their kernel all the same. The toolbar of a tab
# that is closed as soon as it is shown wants to know its size all the same.
STOCK = (
    "/lsp/status",
    "Canceled future for",
    "(reading 'schema')",
    "Command 'filebrowser:open-path' not registered",
    "Window name candidate",
    "Comm not found for comm id",
    "[anywidget] Failed to initialize model.",
    "Cannot read properties of null (reading 'promise')",
)
FAILED = pytest.StashKey[bool]()
ENDED_MEANWHILE = 404
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


@dataclass
class Opened:
    """A page 1,400 pixels wide, and the errors that it logged."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def own_errors(self) -> list[str]:
        """Return the errors that are ours, of those that the page has logged since this was asked last."""
        found = [error for error in self.errors if not any(words in error for words in STOCK)]
        self.errors.clear()
        return found


def open_page(browser: Browser) -> Opened:
    """Open a fresh page in a context of its own: of several pages of one, all but the last are hidden, and draw nothing."""
    context = browser.new_context(viewport=SIZE, accept_downloads=True)
    made = Opened(context.new_page())
    made.page.set_default_timeout(PATIENCE)
    made.page.on(
        "console",
        lambda message: made.errors.append(f"{message.text} {message.location['url']}") if message.type == "error" else None,
    )
    made.page.on("pageerror", lambda error: made.errors.append(f"{error} {error.stack}"))
    return made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a fresh page; the test fails if the page logs an error."""
    opened = open_page(browser)
    yield opened.page
    opened.page.context.close()
    assert opened.own_errors() == []


@dataclass(slots=True)
class Window:
    """JupyterLab in the page that the tests use in turn; after one that failed the next gets a new page."""

    browser: Browser
    server: Server
    opened: Opened | None = None

    def use(self) -> Page:
        """Return the page with JupyterLab in it, wherever the test before has led it."""
        if self.opened is None:
            self.opened = open_page(self.browser)
        page = self.opened.page
        page.set_viewport_size(SIZE)
        if not page.evaluate("() => Boolean(window.jupyterapp?.shell.activateById) && location.pathname.startsWith('/lab')"):
            page.goto(f"{self.server.url}/lab/workspaces/window?reset")
            page.wait_for_function(LOADED)
        page.evaluate("() => jupyterapp.shell.collapseLeft()")
        return page

    def end(self, request: pytest.FixtureRequest) -> None:
        """Fail the test if the page has logged an error, and close the page of a test that failed."""
        failed, errors = request.node.stash[FAILED], self.opened.own_errors() if self.opened else []
        if self.opened and (failed or errors):
            self.opened.page.context.close()
            self.opened = None
        assert failed or errors == []


def close(page: Page, server: str, folder: str) -> None:
    """Close the notebooks of a folder and every view of ours, and end the folder's kernels; nothing where a test failed."""
    if page.is_closed():
        return
    page.evaluate(
        """folder => [...(window.jupyterapp?.shell.widgets('main') ?? [])]
             .filter(tab => tab.id.startsWith('pplab') || tab.context?.path.startsWith(`${folder}/`))
             .forEach(tab => tab.dispose())""",
        folder,
    )
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    for session in page.request.get(f"{server}/api/sessions").json():
        if session["path"].startswith(f"{folder}/"):
            answer = page.request.delete(f"{server}/api/sessions/{session['id']}", headers={"X-XSRFToken": cookies["_xsrf"]})
            assert answer.ok or answer.status == ENDED_MEANWHILE, f"{answer.status}: {answer.text()}"


LOADED = """() => [...(window.jupyterapp?.shell.widgets('main') ?? [])].length > 0
               && jupyterapp.commands.hasCommand('pplab:open-experiment') && !document.getElementById('jupyterlab-splash')"""


@pytest.fixture(scope="package")
def window(browser: Browser, server: Server) -> Window:
    """Keep the page that the tests use in turn."""
    return Window(browser, server)


@dataclass(slots=True)
class Notebook:
    """A notebook open in the page."""

    page: Page
    path: Path
    url: str

    @property
    def folder(self) -> str:
        """The folder's name, in the folder that JupyterLab shows."""
        return self.path.parent.name

    def open(self) -> Notebook:
        """Open it in a workspace of its own, or load the page again."""
        self.page.goto(self.url)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        return self.wait_for("() => jupyterapp.shell.currentWidget?.context?.isReady")

    def show(self) -> Notebook:
        """Open it in a tab of the JupyterLab that is there."""
        path = f"{self.folder}/{self.path.name}"
        self.command("docmanager:open", path=path, factory="Notebook")
        shown = "jupyterapp.shell.currentWidget?.context"
        return self.wait_for(f"() => {shown}?.path === {json.dumps(path)} && {shown}.isReady")

    def close(self) -> None:
        """Close what is open of its folder, and end its kernels."""
        close(self.page, self.url.partition("/lab/")[0], self.folder)

    def run_all(self) -> Notebook:
        """Run every cell and wait until the kernel has finished them."""
        self.wait_for("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
        self.command("notebook:run-all-cells")
        return self.wait_for(
            """() => jupyterapp.shell.currentWidget.content.widgets.every(
                 cell => cell.model.type !== 'code' || cell.model.sharedModel.source === '' || cell.model.executionCount)"""
        )

    def run_last(self) -> Notebook:
        """Run the last cell again and wait until the kernel has finished it."""
        self.wait_for("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
        count = "jupyterapp.shell.currentWidget.content.widgets.at(-1).model.executionCount"
        before = self.page.evaluate(f"() => {count} ?? 0")
        self.page.evaluate(
            "() => { const { content } = jupyterapp.shell.currentWidget; content.activeCellIndex = content.widgets.length - 1; }"
        )
        self.command("notebook:run-cell")
        return self.wait_for(f"() => {count} > {before}")

    def shut_down(self) -> None:
        """End its kernel."""
        self.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")

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
        return self.page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea [data-pplab='{name}']")

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


def make_notebook(page: Page, server: Server, request: pytest.FixtureRequest, cells: tuple[str, ...], name: str) -> Notebook:
    """Make a notebook of these cells, in the folder of a test."""
    attempt = request.node.execution_count  # a test that is run again begins with a lab of its own
    folder = server.root / re.sub(r"\W+", "-", f"{request.module.__name__} {request.node.name} {attempt}")
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return Notebook(page, path, f"{server.url}/lab/workspaces/{folder.name}-{name}/tree/{folder.name}/{path.name}")


@pytest.fixture
def notebook(window: Window, server: Server, request: pytest.FixtureRequest) -> Any:
    """Return a function that makes a notebook of these cells, in a folder of its own, and opens it."""
    request.node.stash[FAILED] = False
    made: list[Notebook] = []

    def make(*cells: str, name: str = "notebook") -> Notebook:
        made.append(make_notebook(window.use(), server, request, cells, name).show())
        return made[-1]

    yield make
    for one in made:
        one.close()
    window.end(request)


@pytest.fixture
def own_notebook(page: Page, server: Server, request: pytest.FixtureRequest) -> Any:
    """Return a function that does the same in the page of this test, in a workspace of its own."""
    made: list[Notebook] = []

    def make(*cells: str, name: str = "notebook") -> Notebook:
        made.append(make_notebook(page, server, request, cells, name).open())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note that a test failed: others must not go on with its notebook."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="module")
def kept(window: Window) -> Iterator[list[Notebook]]:
    """Keep the notebook that the tests of a file share, once there is one."""
    notebooks: list[Notebook] = []
    yield notebooks
    for one in notebooks:
        one.close()


@pytest.fixture
def same_notebook(window: Window, server: Server, kept: list[Notebook], request: pytest.FixtureRequest) -> Any:
    """Return a function that runs the cells of the file's notebook, or the last of them anew where another test has run them."""
    request.node.stash[FAILED] = False

    def make(*cells: str) -> Notebook:
        page = window.use()
        if kept and kept[0].page is page:
            return kept[0].show().run_last()
        kept.insert(0, make_notebook(page, server, request, cells, "notebook").show())
        return kept[0].run_all()

    yield make
    window.end(request)


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
