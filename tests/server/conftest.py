"""A real jupyter_server with the extension, on 127.0.0.1, with a token and a base URL: one for all tests of this folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.python_path import PYTHONPATH

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "a-token-of-the-tests"
BASE = "/user/ada/"
PATIENCE = 300
OTHERS = ("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp", "jupyter_server_terminals")
"""Extensions that a developer's environment enables, and that only take time here."""
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Server:
    """A running jupyter_server and its root folder."""

    port: int
    root: Path
    process: subprocess.Popen[bytes]
    log: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{BASE}pplab/api/{path}"

    def ask(self, path: str, *, token: str | None = TOKEN, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send a GET, or a POST where there is a body."""
        own = {"Authorization": f"token {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path), data, own | (headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str) -> Any:
        """Return what is answered to a GET, which must succeed."""
        answer = self.ask(path)
        assert answer.status == 200, answer.body
        return answer.json

    def of_lab(self, folder: Path, path: str) -> str:
        """Return the address of an endpoint of a lab."""
        return f"labs/{quote(folder.relative_to(self.root).as_posix(), safe='')}/{path}"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that knows no configuration but ours."""
    home = tmp_path_factory.mktemp("jupyter")
    root = home / "work"
    root.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PPLAB_", "OPENAI_", "JUPYTER"))}
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "RUNTIME", "DATA")}
    environment = kept | folders | {"PPLAB_USER": "ada", "PYTHONPATH": PYTHONPATH, "XDG_CONFIG_HOME": str(home / "xdg")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={BASE}",
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.jpserver_extensions={ {'pplab.server': True} | dict.fromkeys(OTHERS, False) }",
    ]
    log = home / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options], cwd=root, env=environment, stdout=file, stderr=file
        )
    started = Server(port, root.resolve(), process, log)
    try:
        _wait(started)
        yield started
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        assert server.process.poll() is None, server.log.read_text()
        try:
            server.ask("labs")
        except OSError:
            assert time.monotonic() < until, server.log.read_text()
            time.sleep(0.05)
        else:
            return
