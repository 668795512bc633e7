"""A real InteractiveShell with and without the extension."""

from __future__ import annotations

import atexit
import copy
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

QUIET = Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}, "InteractiveShell": {"colors": "nocolor"}})


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell as IPython makes it, the only one of the process."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # which a shell replaces by its own
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(config=copy.deepcopy(QUIET))  # tests change it
    yield made
    made.extension_manager.unload_extension("pplab")
    atexit.unregister(made.atexit_operations)
    made.atexit_operations()
    InteractiveShell.clear_instance()


@pytest.fixture
def loaded(shell):
    """The shell after ``%load_ext pplab``."""
    assert shell.run_cell("%load_ext pplab").success
    return shell


@pytest.fixture
def extension(loaded):
    """The extension of the loaded shell."""
    return loaded.magics_manager.registry["PPLabMagics"].extension
