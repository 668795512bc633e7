"""What a widget reads by itself leaves no rows in the lab; what a person asks for does."""

from __future__ import annotations

import ast
import shutil
import threading
import time
from pathlib import Path

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.lab import Lab
from pplab.views.widgets.cards import Cards
from pplab.views.widgets.console import Console
from pplab.views.widgets.dashboard import Dashboard
from pplab.views.widgets.studio import Studio
from pplab.views.widgets.timing import Timing
from tests.servers import FaultServer
from tests.soak import only_soak
from tests.unit.experiment_labs import lab_at

PROMPT = "Write a tagline for a notebook."
PATIENCE = 60


def used_lab(folder):
    """Fill a lab with a calibration and an experiment."""
    with pplab.Lab(store=folder) as lab:
        lab.calibrate("balanced")
        lab.run(PROMPT, n=2, sweep={"temperature": [0, 0.7]})


@pytest.fixture
def lab(tmp_path, made_once):
    with pplab.Lab(store=shutil.copytree(made_once(used_lab)[0], tmp_path / ".pplab")) as opened:
        yield opened


def traces(lab):
    """Return how many rows a trace would have added to."""
    counts = lab.context.store.counts()
    return counts["audit_logs"], counts["system_metrics"]


def operations(lab):
    return list(lab.context.store.timing("operation")["name"])


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def settle(name):
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def reach(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.01)


def look_at_a_dashboard(lab):
    dashboard = Dashboard(lab)
    receive(dashboard, kind="ready")
    dashboard._drawing.join()
    dashboard._refresh(move=True)
    dashboard.set_state({"look": {"dark": True, "narrow": False, "still": True}})
    assert dashboard.problem is None
    dashboard.close()


def edit_in_a_studio(lab):
    studio = Studio(lab)
    for prompt, n in ((PROMPT, 2), (PROMPT, 20), ("", 1), (PROMPT, 0)):
        studio.set_state({"draft": {**studio.draft, "prompt": prompt, "n": n}})
        settle("pplab-preflight")
    assert studio.problem is None
    studio.close()


def stream_in_a_console(lab):
    console = Console(lab)
    receive(console, kind="ready")
    receive(console, kind="more", before=3)
    console.set_state({"event": "experiment_generated"})
    assert (console.problem, len(console.df)) == (None, traces(lab)[0])
    console.close()


def walk_through_timings(lab):
    timing = Timing(lab)
    receive(timing, kind="ready")
    timing.set_state({"reach": "all"})
    timing.set_state({"trace": timing.lists["latest"][0]["trace"]})
    assert (timing.problem, len(timing.waterfall["bars"])) == (None, 5)
    timing.close()


def page_and_sort_cards(lab):
    experiment = lab.manager.experiment("latest")
    cards = Cards(lab, experiment)
    for wanted in ({"page": 0, "sort": ""}, {"page": 1, "sort": "creativity"}):
        receive(cards, kind="ask", wanted={**wanted, "status": "", "setting": -1})
    receive(cards, kind="explain", id=experiment.responses["response_id"][0])
    assert cards.problem is None
    cards.close()


@pytest.mark.parametrize(
    "look", [look_at_a_dashboard, edit_in_a_studio, stream_in_a_console, walk_through_timings, page_and_sort_cards]
)
def test_looking_at_a_widget_leaves_no_rows(lab, look):
    before = traces(lab)
    look(lab)
    assert traces(lab) == before


def test_a_console_shows_what_happens_without_adding_to_it(lab):
    console = Console(lab)
    receive(console, kind="ready")
    before = traces(lab)
    head = console.chain["head"]
    lab.experiments()
    reach(lambda: console.chain["head"] == head + 2)
    assert traces(lab) == (before[0] + 2, before[1] + 1)
    console.close()


@pytest.mark.parametrize("command", ["dashboard", *only_soak("studio", "audit", "timing", "results")])
def test_a_person_who_opens_a_view_by_a_command_leaves_a_trace(lab, command):
    before = traces(lab)
    opened = command_table.perform([command], Session(lambda: lab, "notebook")).value
    assert traces(lab) == (before[0] + 2, before[1] + 1)
    assert operations(lab)[-1] == {"results": "experiment"}.get(command, command)
    if command != "results":
        opened.close()


def test_an_export_that_a_person_clicks_leaves_a_trace(lab):
    dashboard = Dashboard(lab)
    receive(dashboard, kind="export", ids=[lab.ids("experiment")[0]], format="csv")
    settle("pplab-export")
    assert operations(lab)[-2:] == ["export", "dashboard"]
    assert (dashboard.problem, len(lab.context.store.audit("export_completed"))) == (None, 1)
    dashboard.close()


def test_a_run_that_a_person_clicks_leaves_a_trace(lab):
    studio = Studio(lab)
    receive(studio, kind="run", draft={**studio.draft, "prompt": PROMPT, "n": 1})
    settle("pplab-studio")
    assert (studio.problem, operations(lab)[-1]) == (None, "start")
    studio.close()


@pytest.mark.soak
def test_a_retry_that_a_person_clicks_leaves_a_trace(tmp_path):
    with FaultServer() as server, lab_at(tmp_path, server, "play:400") as lab:
        experiment = lab.run(PROMPT, n=1)
        cards = Cards(lab, experiment)
        receive(cards, kind="resend", id=experiment.responses["response_id"][0])
        settle("pplab-resend")
        assert (cards.problem, operations(lab)[-1]) == (None, "retry")
        assert len(lab.context.store.audit("retry_requested")) == 1
        cards.close()


ASKED_FOR = {"quiz": {"calibrate"}, "studio": {"start"}, "dashboard": {"export"}, "console": {"trace", "verify"}}
"""The verbs that a widget calls, each because a person clicked on a button that says so."""


def test_a_widget_calls_a_verb_only_for_what_a_person_asks_for():
    verbs = {name for name in dir(Lab) if hasattr(getattr(Lab, name), "__wrapped__")}
    assert {"run", "experiment", "audit", "preflight", *set().union(*ASKED_FOR.values())} <= verbs
    for path in (Path(pplab.__file__).parent / "views").rglob("*.py"):
        called = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute) and node.attr in verbs and _is_lab(node.value)
        }
        assert called <= ASKED_FOR.get(path.stem, set()), path.name


def _is_lab(node):
    """Return whether an expression is the lab: ``lab``, ``self.lab``, or a call that returns one."""
    if isinstance(node, ast.Call):
        return "lab" in ast.unparse(node.func)
    return ast.unparse(node) in ("lab", "self.lab")
