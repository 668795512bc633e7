"""What the extension adds to the start of a Jupyter server: next to nothing, for the first request loads what reads labs."""

from __future__ import annotations

import json
import subprocess
import sys
from inspect import signature
from pkgutil import resolve_name

import pytest

from pplab.server.file_handlers import FileAction, FileReading
from pplab.server.handlers import LabAction, LabReading
from pplab.server.lazy_function import LazyFunction
from pplab.server.routes import ROUTES
from tests.server.conftest import REPOSITORY

HEAVY = (
    "duckdb",
    "pandas",
    "numpy",
    "pyarrow",
    "openai",
    "scipy",
    "plotly",
    "anywidget",
    "pplab.experiments",
    "pplab.lab",
    "pplab.store",
)
FIRST_REQUESTS = """
import asyncio, json, pathlib, sys, threading

class Importers:
    \"\"\"Notes which threads import which of our modules; finds nothing itself.\"\"\"

    def __init__(self):
        self.threads = {}

    def find_spec(self, name, path=None, target=None):
        self.threads.setdefault(name, threading.current_thread().name)

import jupyter_server.serverapp
import pplab.server.application
loaded = [name for name in sys.argv[2:] if name in sys.modules]
from pplab.server.arguments import Arguments
from pplab.server.file_handlers import FileReading
from pplab.server.handlers import LabReading
from pplab.server.open_labs import OpenLabs
from pplab.server.routes import ROUTES

async def ask_all(labs):
    def read(route):
        if issubclass(route.handler, FileReading):
            return route.options["read"](labs, Arguments({"path": "a.zip"}))
        with labs.use("work/.pplab") as opened:
            return route.options["read"](opened, Arguments({"notebook": "a.ipynb", "id": "latest"}))

    routes = [route for route in ROUTES if "read" in route.options]
    answers = await asyncio.gather(*(labs.call(read, route) for route in routes), return_exceptions=True)
    await labs.close()
    return {route.path: type(answer).__name__ for route, answer in zip(routes, answers)}

importers = Importers()
sys.meta_path.insert(0, importers)
answers = asyncio.run(ask_all(OpenLabs(pathlib.Path(sys.argv[1]))))
print(json.dumps({"loaded": loaded, "answers": answers, "threads": importers.threads}))
"""


def script(code, *words):
    """Run code in a fresh process and return what it printed as JSON."""
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_server_starts_without_what_reads_labs_and_the_first_requests_load_it_in_their_threads_also_all_at_once(tmp_path):
    (tmp_path / "work" / ".pplab" / "journal").mkdir(parents=True)
    came = script(FIRST_REQUESTS, tmp_path, *HEAVY)
    assert came["loaded"] == []
    assert came["answers"] == {
        "labs": "dict",
        "labs/{lab}/experiments": "dict",
        "labs/{lab}/experiments/{id}": "NotFound",
        "labs/{lab}/calibrations": "dict",
        "labs/{lab}/packages": "dict",
        "labs/{lab}/cells": "dict",
        "labs/{lab}/runs": "dict",
        "package": "NotFound",
        "preview": "NotFound",
    }
    assert {name for name in HEAVY if name in came["threads"]} >= {"duckdb", "pandas", "pplab.lab", "pplab.store"}
    ours = {name: thread for name, thread in came["threads"].items() if name.startswith(HEAVY)}
    assert [name for name, thread in ours.items() if not thread.startswith("pplab-server")] == []


@pytest.mark.parametrize("route", [route for route in ROUTES if route.options], ids=lambda route: route.path)
def test_every_function_that_a_route_names_is_there(route):
    ((_, lazy),) = route.options.items()
    assert isinstance(lazy, LazyFunction)
    taken = {LabReading: 2, FileReading: 2, LabAction: 3, FileAction: 2}[route.handler]
    assert len(signature(resolve_name(lazy.name)).parameters) == taken
