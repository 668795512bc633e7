"""Views without a kernel: what they begin with, what they answer, and that nobody can tell that they were looked at."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

import pplab
from pplab.ids import new_id, now
from pplab.server.onlooker import Onlooker
from pplab.server.served_view import VIEWS, ServedView
from pplab.server.view_comm import ViewComm
from pplab.store.store import Store
from pplab.views.widgets.calibration import StoredCalibration
from pplab.views.widgets.cards import Cards
from pplab.views.widgets.console import Console
from pplab.views.widgets.dashboard import Dashboard
from pplab.views.widgets.quiz import Quiz
from pplab.views.widgets.timing import Timing
from tests.store.store_records import event

PROMPT = "Write a tagline for a notebook."
PATIENCE = 300
ANSWER_ALL = {"page": 0, "sort": "", "status": "", "setting": -1, "levels": {}}


class Arguments:
    """What an address says."""

    def __init__(self, **values):
        self._values = values

    def text(self, name, default=""):
        return self._values.get(name, default)


class Browser:
    """The other end of a served view: what came, frame by frame, as JSON has it."""

    def __init__(self, lab, view, **arguments):
        self.frames = queue.Queue()
        self.threads = set()
        self.view = ServedView(lab, view, Arguments(**arguments), self._take)
        self.view.begin().result(PATIENCE)

    def _take(self, frame):
        self.threads.add(threading.current_thread().name)
        self.frames.put(json.loads(json.dumps(frame, allow_nan=False)))

    def next(self, matches):
        """Return the next frame that matches."""
        while True:
            frame = self.frames.get(timeout=PATIENCE)
            if matches(frame):
                return frame

    def next_state(self, name, matches=lambda value: value is not None):
        """Return the next value of a trait that matches."""
        found = self.next(lambda f: f["kind"] == "state" and name in f["values"] and matches(f["values"][name]))
        return found["values"][name]

    def next_message(self, kind):
        """Return the next custom message of a kind."""
        return self.next(lambda f: f["kind"] == "custom" and f["content"]["kind"] == kind)["content"]

    def ask(self, **content):
        self.view.receive({"kind": "custom", "content": content}).result(PATIENCE)

    def choose(self, **values):
        self.view.receive({"kind": "update", "values": values}).result(PATIENCE)

    def close(self):
        self.view.close().result(PATIENCE)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The folder of a lab with a calibration and four answers, which nobody has open."""
    folder = tmp_path_factory.mktemp("stored") / ".pplab"
    with pplab.Lab(store=folder, user="ada") as made:
        made.calibrate("balanced")
        made.run(PROMPT, n=2, sweep={"temperature": [0, 0.7]})
    return folder


@pytest.fixture
def lab(stored, tmp_path):
    """A copy of that lab, opened."""
    shutil.copytree(stored, tmp_path / ".pplab")
    with pplab.Lab(store=tmp_path / ".pplab", user="ada") as opened:
        yield opened


@pytest.fixture
def look(lab):
    """Return a function that opens a view of the lab."""
    opened = []

    def at(view, **arguments):
        opened.append(Browser(lab, view, **arguments))
        return opened[-1]

    yield at
    for browser in opened:
        browser.close()


def records(lab):
    """Return how many records of each kind the lab has, and how many bytes its journals."""
    counts = lab.context.store.counts()
    lab.context.store.flush()
    return counts, sorted((path.name, path.stat().st_size) for path in (lab.folder / "journal").glob("*.jsonl"))


def in_process(lab, view):
    if view == "cards":
        return Cards(lab, lab.manager.experiment("latest"))
    return {"calibration": StoredCalibration, "console": Console, "dashboard": Dashboard, "timing": Timing}[view](lab)


VARYING = {"me"}


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - {"trace"}))
def test_a_view_begins_with_the_state_of_the_widget_of_a_cell(lab, look, view):
    widget = in_process(lab, view)
    shown = widget.trait_names(shape=lambda shape: shape is not None)
    expected = json.loads(json.dumps(widget.get_state(shown)))
    widget.close()
    frame = look(view).frames.get_nowait()
    assert frame["kind"] == "state"
    assert {k: v for k, v in frame["values"].items() if k not in VARYING | {"headline"}} == {
        k: v for k, v in expected.items() if k not in VARYING | {"headline"}
    }
    assert not {name for name in frame["values"] if name.startswith("_")}  # the code comes from elsewhere


def test_a_page_of_cards_is_the_page_of_a_cell(lab, look):
    widget = Cards(lab, lab.manager.experiment("latest"))
    told = []
    widget.send = told.append
    widget._take_ask({"kind": "ask", "wanted": ANSWER_ALL})
    browser = look("cards")
    browser.ask(kind="ask", wanted=ANSWER_ALL)
    page = browser.next_message("page")
    assert page == json.loads(json.dumps({**told[0], "seq": 1}))
    assert page["total"] == 4
    browser.ask(kind="explain", id=page["cards"][0]["id"])
    assert "creativity" in browser.next_message("explained")["parts"]
    widget.close()


def test_looking_at_views_leaves_neither_audit_rows_nor_records(lab, look):
    before = records(lab)
    cards = look("cards")
    cards.ask(kind="ask", wanted=ANSWER_ALL)
    cards.ask(kind="explain", id=cards.next_message("page")["cards"][0]["id"])
    dashboard = look("dashboard")
    dashboard.choose(look={"dark": True, "narrow": False, "still": True})
    dashboard.ask(kind="ready")
    dashboard.next(lambda f: f["kind"] == "figure")
    dashboard.choose(user="ada")
    dashboard.ask(kind="refresh")
    console = look("console")
    console.ask(kind="ready")
    console.ask(kind="walk", id=console.next_message("rows")["rows"][0]["id"])
    assert console.next_message("walked")["records"]
    console.ask(kind="verify")
    assert console.next_state("chain", lambda chain: chain["verified"])["broken"] == ""
    console.choose(event="no_such_event")
    timing = look("timing")
    timing.ask(kind="ready")
    timing.choose(reach="hour")
    assert timing.next_state("totals")
    calibration = look("calibration")
    assert calibration.next_state("made")["user"] == "ada"
    for browser in (cards, dashboard, console, timing, calibration):
        browser.close()
    assert records(lab) == before


def test_a_trace_is_the_timing_view_with_its_waterfall(lab, look):
    trace = str(lab.context.store.timing("operation")["correlation_id"].iloc[-1])
    browser = look("trace", id=trace)
    assert browser.frames.get_nowait()["values"]["trace"] == trace
    browser.ask(kind="ready")
    assert browser.next_state("waterfall")["bars"]


def test_a_calibration_shows_what_the_quiz_shows_at_its_end_and_takes_no_changes(lab, look):
    first, quiz = lab.calibration(), Quiz(lab)
    quiz.set_state({"answers": first.answers})
    lab.calibrate("precise")
    before = records(lab)
    browser = look("calibration", id=first.id)
    begun = browser.frames.get_nowait()["values"]
    shown = {"axes": quiz.axes, "preview": quiz.preview}
    quiz.close()
    assert {name: begun[name] for name in shown} == json.loads(json.dumps(shown))
    assert begun["made"]["id"] == first.id
    browser.choose(preview={}, made={})
    browser.ask(kind="finish", answers=first.answers)
    assert (browser.view._widget.preview["answered"], browser.frames.empty()) == (len(first.answers), True)
    assert records(lab) == before


def test_a_retry_of_what_failed_to_be_read_leaves_no_record(lab, look):
    before = records(lab)
    console = look("console")
    console.ask(kind="walk", id="no such id")
    assert console.next_state("problem")["message"]
    console.ask(kind="retry")
    assert console.next_state("problem")["message"]
    assert records(lab) == before


def test_what_runs_is_refused_in_words(lab, look):
    before = records(lab)
    browser = look("cards")
    browser.ask(kind="resend", id="x")
    problem = browser.next_state("problem")
    assert (problem["code"], "needs a notebook's kernel" in problem["message"]) == ("needs_kernel", True)
    assert records(lab) == before


def test_only_what_users_choose_can_be_changed_from_the_browser(lab, look):
    browser = look("dashboard")
    browser.choose(headline="forged", _esm="forged", user="nobody")
    assert browser.next_state("board", lambda board: board["tiles"]["experiments"] == 0)
    assert (browser.view._widget.headline, browser.view._widget.user) != ("forged", "ada")
    assert "forged" not in browser.view._widget._esm


def test_the_figure_travels_whole_when_it_is_drawn_and_when_it_changes(lab, look):
    browser = look("dashboard")
    browser.ask(kind="ready")
    reference = browser.next_state("figure", bool)
    browser.ask(kind="draw", view="v1")
    drawn = browser.next(lambda f: f["kind"] == "figure")
    assert (drawn["reference"], len(drawn["figure"]["data"]) > 4) == (reference, True)
    assert browser.next_message("draw")["view"] == "v1"
    browser.choose(look={"dark": True, "narrow": True, "still": True})
    dark = browser.next(lambda f: f["kind"] == "figure" and f["figure"]["layout"]["font"]["color"] == "#E6E8EB")
    assert dark["reference"] == reference
    assert "FigureWidget" not in {type(one).__name__ for one in threading.enumerate()}


def test_it_needs_no_plotly_in_python_to_draw(stored, tmp_path):
    shutil.copytree(stored, tmp_path / ".pplab")
    code = (
        "import sys, pplab\nfrom pplab.server.served_view import ServedView\n"
        "frames = []\nlab = pplab.Lab(sys.argv[1])\n"
        "view = ServedView(lab, 'dashboard', None, frames.append)\nview.begin().result()\n"
        "view.receive({'kind': 'custom', 'content': {'kind': 'ready'}}).result()\nview._widget._drawing.join()\n"
        "view.close().result()\nlab.close()\n"
        "assert any(frame['kind'] == 'figure' for frame in frames)\nassert 'plotly' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / ".pplab")], check=True, timeout=PATIENCE)


def test_a_result_of_another_writer_appears_and_no_record_of_having_seen_it(lab, look):
    dashboard, console = look("dashboard"), look("console")
    console.ask(kind="ready")
    one = lab.context.store.experiment("latest")
    added = replace(one, experiment_id=new_id(), created_at=now(), updated_at=now(), user="eve")
    answers = lab.context.store.response_rows(one.experiment_id)[:2]
    elsewhere = Store(lab.folder)  # with a journal of its own, as one of another process
    elsewhere.append(added, *(replace(row, experiment_id=added.experiment_id, response_id=new_id()) for row in answers))
    elsewhere.append(event(event="experiment_generated", actor="eve"), durable=True)
    elsewhere.end()
    assert dashboard.next_state("board", lambda board: board["tiles"]["responses"] == 6)
    assert console.next(lambda f: f["kind"] == "custom" and f["content"]["place"] == "above")["content"]["rows"]
    assert len(lab.context.store.audit("realtime_update_received")) == 0


def test_the_cards_of_an_experiment_follow_what_another_process_stores_of_it(lab, look):
    experiment = lab.manager.experiment("latest")
    browser = look("cards", id=experiment.id)
    browser.ask(kind="ask", wanted=ANSWER_ALL)
    assert browser.next_message("page")["total"] == 4
    experiment.top_up(3)
    assert browser.next(lambda f: f["kind"] == "custom" and f["content"].get("total") == 6)


def test_an_export_that_is_asked_for_is_recorded(lab, look):
    browser = look("dashboard")
    browser.ask(kind="export", ids=[lab.ids("experiment")[0]], format="csv")
    assert browser.next_state("exporting", lambda exporting: exporting and exporting["state"] == "done")["name"]
    assert list(lab.context.store.audit("export_completed").actor) == ["ada"]
    browser.ask(kind="download", view="v1")
    assert browser.next_message("part")["data"]


def test_where_there_is_nothing_to_show_the_browser_is_told_in_words(lab, look):
    for view in ("nothing", "cards", "calibration"):
        browser = look(view, id="ffffffff")
        frame = browser.frames.get_nowait()
        assert (frame["kind"], bool(frame["message"]), bool(frame["hint"])) == ("error", True, True), view
        browser.ask(kind="ask", wanted=ANSWER_ALL)  # which nobody hears


def test_a_bad_frame_is_shown_as_a_problem_and_the_view_goes_on(lab, look):
    browser = look("dashboard")
    for frame in ({"kind": "update"}, {"kind": "custom", "content": {}}, {"kind": "custom", "content": 1}, {}):
        browser.view.receive(frame).result(PATIENCE)
        assert browser.next_state("problem")["message"], frame
        browser.ask(kind="refresh")
        assert browser.next_state("took")["correlation_id"] == ""


def test_a_view_works_in_a_thread_of_its_own_and_leaves_none(lab, look):
    before = {thread.name for thread in threading.enumerate()}
    browser = look("cards")
    browser.ask(kind="ask", wanted=ANSWER_ALL)
    assert all(name.startswith("pplab-view") for name in browser.threads)
    browser.close()
    for thread in threading.enumerate():
        if thread.name.startswith("pplab-view"):
            thread.join(PATIENCE)
    assert {thread.name for thread in threading.enumerate()} <= before


def test_an_onlooker_reads_and_records_nothing(lab):
    onlooker = Onlooker(lab, ViewComm(lambda _frame: None))
    before = records(lab)
    onlooker.record("anything").result(0)
    assert onlooker.trace(lab.ids("experiment")[0]).nodes
    assert (onlooker.user, onlooker.folder, onlooker.scrub("plain")) == ("ada", lab.folder, "plain")
    assert records(lab) == before
