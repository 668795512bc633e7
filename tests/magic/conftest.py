"""A real InteractiveShell with and without the extension."""

from __future__ import annotations

import atexit
import copy
import gc
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

QUIET = Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}, "InteractiveShell": {"colors": "nocolor"}})


def only_shell(folder):
    """Yield a shell as IPython makes it, the only one of the process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # which a shell replaces by its own
        InteractiveShell.clear_instance()
        made = InteractiveShell.instance(config=copy.deepcopy(QUIET))  # tests change it
        yield made
        made.extension_manager.unload_extension("pplab")
        atexit.unregister(made.atexit_operations)
        made.atexit_operations()
        gc.freeze()  # a shell that ends collects garbage: of what is left now it need not be looked for again
        InteractiveShell.clear_instance()


@pytest.fixture
def shell(tmp_path):
    """A shell of the test's own."""
    yield from only_shell(tmp_path)


@pytest.fixture(scope="module")
def shell_of_the_file(tmp_path_factory):
    """A shell for all tests of a file, none of which may have one of its own."""
    yield from only_shell(tmp_path_factory.mktemp("shell"))


@pytest.fixture
def loaded_before(shell_of_the_file):
    """The file's shell with the extension, and without the names that the tests before gave to something."""
    if "PPLabMagics" not in shell_of_the_file.magics_manager.registry:
        assert shell_of_the_file.run_cell("%load_ext pplab").success
    before = dict(shell_of_the_file.user_ns)
    yield shell_of_the_file
    shell_of_the_file.user_ns.clear()
    shell_of_the_file.user_ns.update(before)


@pytest.fixture
def loaded(shell):
    """The shell after ``%load_ext pplab``."""
    assert shell.run_cell("%load_ext pplab").success
    return shell


@pytest.fixture
def extension(loaded):
    """The extension of the loaded shell."""
    return loaded.magics_manager.registry["PPLabMagics"].extension
