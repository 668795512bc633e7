"""A real kernel, driven as a front end drives it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

import pplab
from tests.conftest import SETTINGS

ROOT = Path(pplab.__file__).parents[1]
PATIENCE_S = 60


@dataclass
class Reply:
    """What one cell left: the reply's status and every output."""

    status: str
    content: dict[str, Any]
    outputs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stderr(self):
        return "".join(
            o["content"]["text"] for o in self.outputs if o["msg_type"] == "stream" and o["content"]["name"] == "stderr"
        )

    @property
    def stdout(self):
        return "".join(
            o["content"]["text"] for o in self.outputs if o["msg_type"] == "stream" and o["content"]["name"] == "stdout"
        )

    @property
    def result(self):
        return next((o["content"]["data"] for o in self.outputs if o["msg_type"] == "execute_result"), None)


class Kernel:
    """One kernel process and a client of it."""

    def __init__(self, folder):
        env = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)} | {
            "PPLAB_USER": "ada",
            "XDG_CONFIG_HOME": str(folder / "the-users-configuration"),
            "PYTHONPATH": str(ROOT),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        self.manager = KernelManager(kernel_name="python3")
        self.manager.shutdown_wait_time = PATIENCE_S  # a kernel that is slow to end is not one that lost something
        self.manager.start_kernel(env=env, cwd=str(folder))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)

    def begin(self, code, *, cell_id=None, silent=False):
        """Send a cell; return the id of its message."""
        content = {"code": code, "silent": silent, "store_history": not silent, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content | {"stop_on_error": False})
        if cell_id:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def wait_for(self, message_id, until):
        """Collect what a cell sends until something holds of a message; return it all."""
        outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE_S)
            if message["parent_header"].get("msg_id") == message_id:
                outputs.append(message)
                if until(message):
                    return outputs

    def end(self, message_id, outputs=()):
        """Wait until a cell has ended."""
        idle = self.wait_for(message_id, lambda m: m["msg_type"] == "status" and m["content"]["execution_state"] == "idle")
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == message_id:
                return Reply(reply["content"]["status"], reply["content"], [*outputs, *idle])

    def run(self, code, **options):
        return self.end(self.begin(code, **options))

    def enter(self, folder):
        """Make a folder the kernel's own and load the extension, as a new kernel does that begins there."""
        assert self.run(f"import os; os.chdir({str(folder)!r})", silent=True).status == "ok"
        assert self.run("%load_ext pplab").status == "ok"

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()


@pytest.fixture(scope="package")
def running(tmp_path_factory):
    """One kernel for all tests of this folder."""
    started = Kernel(tmp_path_factory.mktemp("kernel"))
    yield started
    started.close()


@pytest.fixture
def kernel(running, tmp_path):
    """The kernel in an empty folder, with the extension loaded."""
    running.enter(tmp_path)
    yield running
    assert running.run("%unload_ext pplab").status == "ok"
