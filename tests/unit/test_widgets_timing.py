"""The timing view without a browser: what it shows of the rows, that it follows every kernel, looking leaves no trace."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.ids import new_id, now
from pplab.store.rows import CellRow
from pplab.views import static
from pplab.views.widgets import timing as module
from pplab.views.widgets.timing import Timing

WAIT_S = 60
HAPPEN_ELSEWHERE = "import pplab, sys; lab = pplab.Lab(store=sys.argv[1], user='eve'); lab.calibrate('precise'); lab.close()"


def used_lab(folder):
    """Fill a lab with a calibration and an experiment."""
    with pplab.Lab(store=folder, user="ada") as lab:
        lab.calibrate("balanced")
        lab.run("Write a tagline.", n=3)


@pytest.fixture
def lab(tmp_path, made_once):
    with pplab.Lab(store=shutil.copytree(made_once(used_lab)[0], tmp_path / ".pplab"), user="ada") as lab:
        yield lab


@pytest.fixture
def view(lab):
    made = Timing(lab, reach="all")
    yield made
    made.close()


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def wait_for(done):
    until = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < until
        threading.Event().wait(0.05)


def cell(**given):
    row = {"execution_id": new_id(), "started_at": now(), "user": "ada", "session_id": "s", "notebook": None, "cell_id": None}
    row |= {"execution_count": 4, "source_sha256": "", "source": None, "status": "ok", "error_type": None, "operations": 0}
    return CellRow(**row | {"duration_ns": 2_000_000, "correlation_id": new_id(), "span_id": new_id()} | given)


def counts(view):
    return {one["kind"]: one["count"] for one in view.durations}


def test_its_static_form_is_the_table_of_counts(lab, view):
    assert view.static().text == static.timing(lab.context.store.timing(), full=False).text
    assert view._repr_mimebundle_()[0]["text/plain"] == repr(view)


def test_nothing_is_read_before_a_view_is_ready_and_everything_then(lab, view):
    assert (view.totals, view.durations) == (None, ())
    receive(view, kind="ready")
    stored = lab.context.store.timing()
    assert counts(view) == stored["kind"].value_counts().to_dict()
    for one in view.durations:
        took = stored[stored["kind"] == one["kind"]]["duration_ns"] / 1e6
        assert one["median"] == pytest.approx(took.median())
        assert one["longest"] == took.max()
    assert sum(one["count"] for one in view.periods) == len(stored)
    answers = lab.context.store.responses()
    assert view.totals["tokens"] == answers["input_tokens"].sum() + answers["output_tokens"].sum()


def test_a_step_leads_to_the_waterfall_of_its_trace(lab, view):
    receive(view, kind="ready")
    step = next(one for one in view.lists["slowest"] if one["name"] == "run")
    assert (step["calls"], step["trace"]) == (3, lab.experiments()["correlation_id"][0])
    view.set_state({"trace": step["trace"]})
    bars = view.waterfall["bars"]
    assert (bars[0]["name"], bars[0]["depth"]) == ("run", 0)
    assert [bar["kind"] for bar in bars[1:]] == ["call"] * 3
    assert all(bar["start"] >= 0 and bar["start"] + bar["took"] <= bars[0]["took"] + 1 for bar in bars)
    view.set_state({"trace": None})
    assert view.waterfall is None


def test_what_happens_in_any_kernel_appears_by_itself(lab, view):
    receive(view, kind="ready")
    before = counts(view)
    subprocess.run([sys.executable, "-c", HAPPEN_ELSEWHERE, str(lab.folder)], check=True, timeout=WAIT_S)
    wait_for(lambda: counts(view)["operation"] == before["operation"] + 1)
    lab.record(cell()).result()
    wait_for(lambda: counts(view).get("cell") == 1)
    assert (view.lists["latest"][0]["name"], view.lists["latest"][0]["took"]) == ("cell [4]", 2.0)


def test_an_open_trace_grows_while_it_goes_on(lab, view):
    receive(view, kind="ready")
    view.set_state({"trace": view.lists["latest"][-1]["trace"]})
    shown = len(view.waterfall["bars"])
    lab.record(cell(correlation_id=view.trace)).result()
    wait_for(lambda: len(view.waterfall["bars"]) == shown + 1)


@pytest.mark.parametrize(("reach", "ago", "shown"), [("hour", 59, True), ("hour", 61, False), ("week", 10_079, True),
                                                     ("week", 10_081, False), ("all", 900_000, True)])  # fmt: skip
def test_it_reaches_back_as_far_as_is_chosen(tmp_path, reach, ago, shown):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        at = datetime.fromisoformat(now()) - timedelta(minutes=ago)
        lab.record(cell(started_at=at.isoformat(timespec="microseconds"))).result()
        with closing(Timing(lab)) as view:
            receive(view, kind="ready")
            view.set_state({"reach": reach})
            assert counts(view) == ({"cell": 1} if shown else {})


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
def test_today_begins_at_midnight_by_the_clock_of_this_machine(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        at = datetime.fromisoformat("2026-11-23T05:30")
        midnight = module._midnight(at)
        offset = {"UTC": 0, "America/Los_Angeles": -8 * 60, "Asia/Kathmandu": 5 * 60 + 45}[zone]
        assert (midnight + timedelta(minutes=offset)).time() == datetime.min.time()
        assert timedelta(0) <= at - midnight < timedelta(days=1)
        assert module._since("today", at, midnight) == midnight
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_range_or_a_trace_that_is_not_there_is_said_and_can_be_tried_again(view):
    view.set_state({"reach": "yesterday"})
    assert "yesterday" in view.problem["message"]
    view.set_state({"reach": "all"})
    assert view.problem is None
    view.set_state({"trace": "f" * 32})
    assert view.problem["code"] == "not_found"
    view.set_state({"trace": None})
    assert view.problem is None


def test_hostile_words_are_shown_as_words(lab, view):
    lab.record(cell(notebook="\x1b[31m\u202e<script>" + "x" * 500)).result()
    receive(view, kind="ready")
    about = view.lists["latest"][0]["about"]
    assert "\x1b" not in about
    assert "\u202e" not in about
    assert len(about) <= 80


def test_it_follows_nothing_before_a_view_is_there_and_nothing_after_its_end(view):
    assert not [t for t in threading.enumerate() if t.name == "pplab-live"]
    receive(view, kind="ready")
    assert [t for t in threading.enumerate() if t.name == "pplab-live"]
    view.close()
    view.close()
    receive(view, kind="ready")
    assert not [t for t in threading.enumerate() if t.name == "pplab-live"]


class Channel:
    """A comm that is no kernel's: what the widget sends is kept."""

    comm_id = "channel"

    def __init__(self):
        self.sent = []

    def on_msg(self, handler):
        self.receive = handler

    def on_close(self, handler):
        del handler

    def send(self, data=None, **_options):
        self.sent.append(data)

    def close(self, *_arguments, **_options):
        pass


def test_it_works_over_any_channel_that_the_lab_names(lab):
    channel = Channel()
    view = Timing(SimpleNamespace(context=lab.context, record=lab.context.record, comm=channel), reach="all")
    channel.receive({"content": {"data": {"method": "custom", "content": {"kind": "ready"}}}, "buffers": []})
    assert {"totals", "durations", "lists"} <= channel.sent[-1]["state"].keys()
    view.close()


@pytest.mark.parametrize(
    ("words", "first", "kinds"), [([], "cell", {"operation", "call"}), (["--kind", "call"], "call", {"call"})]
)
def test_the_command_opens_it_in_a_notebook_and_prints_the_table_elsewhere(lab, words, first, kinds):
    opened = command_table.perform(["timing", *words], Session(lambda: lab, "notebook")).value
    assert isinstance(opened, Timing)
    assert (opened.first, set(opened.df["kind"])) == (first, kinds)
    opened.close()
    for front_end, more in (("terminal", []), ("notebook", ["--full"])):
        shown = command_table.perform(["timing", *words, *more], Session(lambda: lab, front_end)).value
        assert "duration_ns" in shown.df
        assert not isinstance(shown, Timing)
