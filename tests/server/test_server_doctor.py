"""The doctor and Jupyter's own lists say the same of our two extensions."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from pplab.commands.jupyter_extensions import INSTALL, lab_extension, server_extension
from tests.python_path import PYTHONPATH
from tests.server.conftest import REPOSITORY


@pytest.fixture
def jupyter(monkeypatch, tmp_path):
    """The user's folders of Jupyter, in which what the wheel ships is installed; they go before the environment's."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    shutil.copytree(REPOSITORY / "etc" / "jupyter", tmp_path / "config")
    return tmp_path


def listed(*words):
    """Return what one of Jupyter's lists says of us, as whether it is enabled somewhere and disabled somewhere."""
    command = [sys.executable, "-m", *words, "list"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": PYTHONPATH}, timeout=300
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"\bpplab(\.server)? ", line)]
    return any("enabled" in line for line in lines), any("disabled" in line for line in lines)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


def install_front_end(jupyter):
    write(jupyter / "share" / "labextensions" / "pplab" / "package.json", {"name": "pplab", "version": "1.2.3", "jupyterlab": {}})


def disable(jupyter):
    own = {"ServerApp": {"jpserver_extensions": {"pplab.server": False}}}
    write(jupyter / "config" / "jupyter_server_config.json", own)
    write(jupyter / "config" / "labconfig" / "page_config.json", {"disabledExtensions": {"pplab": True}})


def test_what_is_not_installed_is_said_to_be_missing(jupyter, monkeypatch):
    shutil.rmtree(jupyter / "config")
    monkeypatch.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", [])
    monkeypatch.setattr("jupyter_core.paths.ENV_CONFIG_PATH", [])
    assert (server_extension(), lab_extension()) == (INSTALL, INSTALL)


def test_what_the_wheel_ships_enables_the_server_extension(jupyter):
    assert server_extension() == "pplab.server is enabled"
    assert listed("jupyter", "server", "extension") == (True, False)
    disable(jupyter)
    assert server_extension().startswith("pplab.server is disabled")


@pytest.mark.soak  # the test above shows that we say so
def test_jupyter_says_too_that_the_server_extension_is_disabled(jupyter):
    disable(jupyter)
    assert listed("jupyter", "server", "extension")[1]  # it lists each folder's own word


@pytest.mark.soak
def test_the_lab_extension_is_enabled_where_it_lies_unless_it_is_disabled(jupyter):
    install_front_end(jupyter)
    assert lab_extension() == "pplab 1.2.3 is enabled"
    assert listed("jupyter", "labextension") == (True, False)
    disable(jupyter)
    assert lab_extension().startswith("pplab 1.2.3 is disabled")
    assert listed("jupyter", "labextension") == (False, True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ServerApp": {"jpserver_extensions": ["pplab.server"]}}'])
def test_a_configuration_that_cannot_be_read_is_passed_over(jupyter, text):
    (jupyter / "config" / "jupyter_server_config.json").write_text(text, "utf-8")
    assert server_extension() == "pplab.server is enabled"
