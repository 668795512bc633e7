"""JupyterLab opened on a folder, without a notebook and without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.conftest import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Server

READY = """() => window.jupyterapp?.shell.currentWidget && jupyterapp.commands.hasCommand('pplab:show-experiments')
              && !document.getElementById('jupyterlab-splash')"""


def open_lab(page: Page, server: Server, folder: Path) -> Page:
    """Open JupyterLab in a workspace of its own, with the file browser in ``folder``."""
    page.goto(f"{server.url}/lab/workspaces/{folder.name}/tree/{folder.relative_to(server.root).as_posix()}?reset")
    page.wait_for_function(READY)
    return page


def show_sidebar(page: Page) -> None:
    """Open the sidebar as the palette does."""
    page.evaluate("() => void jupyterapp.commands.execute('pplab:show-experiments')")
    page.locator("[data-pplab='sidebar']").wait_for()


def wait_until(page: Page, condition: str, argument: object = None) -> None:
    """Wait for an async condition in the page; `Page.wait_for_function` would take its promise for a yes."""
    script = f"""async argument => {{
        const holds = {condition};
        const end = Date.now() + {PATIENCE};
        while (!(await holds(argument))) {{
            if (Date.now() > end) throw new Error('this never came to be');
            await new Promise(done => setTimeout(done, 50));
        }}
    }}"""
    page.evaluate(script, argument)


def kernels(page: Page) -> set[str]:
    """Return the ids of the kernels that run: all tests share a server, so others may be there."""
    script = """async () => {
        await jupyterapp.serviceManager.kernels.refreshRunning();
        return [...jupyterapp.serviceManager.kernels.running()].map(model => model.id);
    }"""
    return set(page.evaluate(script))


def executed(page: Page) -> None:
    """Keep every command of ours that is executed from here on, with its arguments, in the page's ``executed``."""
    page.evaluate(
        """() => {
            window.executed = [];
            jupyterapp.commands.commandExecuted.connect((_commands, { id, args }) => {
                if (id.startsWith('pplab:')) window.executed.push([id, args]);
            });
        }"""
    )


def notifications(page: Page) -> Locator:
    """Open the list of notifications and return what it holds."""
    page.locator(".jp-Notification-Status").click()
    return page.locator(".jp-Notification-List-Item")
