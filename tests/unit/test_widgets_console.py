"""The audit console without a browser: the stream it sends, the chains it walks, its files, and that looking leaves no trace."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time

import pytest

import pplab
from pplab.errors import StoreTampered
from pplab.ids import new_id, now
from pplab.observe.events import event
from pplab.store.audit_queries import EventFilters, read_events
from pplab.views import static
from pplab.views.widgets.console import PAGE, Console

WAIT_S = 60
HAPPEN_ELSEWHERE = "import pplab, sys; lab = pplab.Lab(store=sys.argv[1], user='eve'); lab.calibrate('precise'); lab.close()"


class Sent(list):
    """The messages a console sent, for which a test can wait."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def take(self, message):
        with self._changed:
            self.append(message)
            self._changed.notify_all()

    def wait(self, done):
        with self._changed:
            assert self._changed.wait_for(lambda: done(self), WAIT_S)

    def rows(self, place=None):
        return [row for m in self if m["kind"] == "rows" and place in (None, m["place"]) for row in m["rows"]]

    def file(self):
        return b"".join(base64.b64decode(m["data"]) for m in self if m["kind"] == "part")


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
def sent(monkeypatch):
    messages = Sent()
    monkeypatch.setattr(Console, "send", lambda self, content, buffers=None: messages.take(content))
    return messages


@pytest.fixture
def console(lab, sent):
    made = Console(lab)
    yield made
    made.close()


def receive(widget, **content):
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def wait_for(done):
    until = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < until
        threading.Event().wait(0.05)


def test_its_static_form_is_the_table_of_counts(lab, console):
    assert console.static().text == static.audit(console.df, full=False).text
    assert console._repr_mimebundle_()[0]["text/plain"] == repr(console)


def test_the_events_come_newest_first_when_a_view_is_ready(lab, console, sent):
    assert sent == []
    receive(console, kind="ready")
    rows = sent.rows("all")
    assert [row["seq"] for row in rows] == list(range(console.chain["head"], 0, -1))
    assert rows[-1]["event"] == "operation_started"
    assert set(console.choices["actors"]) == {"ada"}
    assert "experiment_generated" in console.choices["events"]


def test_older_events_are_sent_by_the_page(lab, console, sent):
    lab.record(*(event("operation_started", "ada", operation=f"number {k}") for k in range(PAGE + 20))).result()
    receive(console, kind="ready")
    first = sent[-1]
    assert (len(first["rows"]), first["older"]) == (PAGE, True)
    receive(console, kind="more", before=first["rows"][-1]["seq"])
    rows = sent.rows()
    assert [row["seq"] for row in rows] == list(range(console.chain["head"], 0, -1))
    assert sent[-1]["older"] is False


def test_events_of_every_kernel_arrive_above(lab, console, sent):
    receive(console, kind="ready")
    head = console.chain["head"]
    subprocess.run([sys.executable, "-c", HAPPEN_ELSEWHERE, str(lab.folder)], check=True, timeout=WAIT_S)
    sent.wait(lambda messages: any(row["event"] == "calibration_completed" for row in messages.rows("above")))
    assert {row["actor"] for row in sent.rows("above")} == {"eve"}
    assert min(row["seq"] for row in sent.rows("above")) == head + 1


def test_more_new_events_than_fit_replace_what_is_shown(lab, console, sent):
    receive(console, kind="ready")
    sent.clear()
    lab.record(*(event("operation_started", "ada", operation=f"number {k}") for k in range(PAGE + 5))).result()
    sent.wait(lambda messages: messages.rows("all"))
    assert [m["place"] for m in sent] == ["all"]


def test_looking_leaves_no_trace(lab, console, sent):
    receive(console, kind="ready")
    head = console.chain["head"]
    receive(console, kind="ready")
    receive(console, kind="more", before=5)
    console.event = "calibration_completed"
    assert lab._store.head().seq == head


@pytest.mark.parametrize(
    ("filters", "seen"),
    [
        ({"event": "llm_request_started"}, {"llm_request_started"}),
        ({"actor": "nobody"}, set()),
        ({"since": "2999-01-01"}, set()),
        ({"until": "2000-01-01"}, set()),
    ],
)
def test_a_filter_sends_the_stream_anew(console, sent, filters, seen):
    receive(console, kind="ready")
    sent.clear()
    for name, value in filters.items():
        setattr(console, name, value)
    assert {row["event"] for row in sent.rows("all")} == seen
    assert console.problem is None


def test_only_events_that_match_arrive_above(lab, console, sent):
    console.event = "calibration_completed"
    receive(console, kind="ready")
    sent.clear()
    lab.calibrate("precise")
    sent.wait(lambda messages: messages.rows("above"))
    assert {row["event"] for row in sent.rows()} == {"calibration_completed"}


def test_a_time_that_cannot_be_read_is_said(console):
    console.since = "yesterday"
    assert "yesterday" in console.problem["message"]


def test_an_event_leads_to_the_chain_it_belongs_to(lab, console, sent):
    anchor = lab.audit(event="experiment_generated")["event_id"][0]
    receive(console, kind="walk", id=anchor)
    walked = sent[-1]
    assert (walked["kind"], walked["anchor"]) == ("walked", anchor)
    kinds = [record["kind"] for record in walked["records"]]
    assert {"experiment", "response", "operation", "event"} <= set(kinds)
    assert any(record["led"] for record in walked["records"] if record["kind"] == "experiment")
    assert console.took["operation"] == "trace"


def test_an_unknown_id_is_said(console):
    receive(console, kind="walk", id=new_id())
    assert console.problem["code"] == "not_found"


def test_the_chain_is_verified_up_to_its_head_on_request(lab, console):
    receive(console, kind="ready")
    assert console.chain["verified"] is None
    head = console.chain["head"]
    receive(console, kind="verify")
    wait_for(lambda: console.busy == "")
    assert console.chain["verified"] >= head
    assert console.problem is None


def test_a_chain_that_does_not_hold_is_said(console, monkeypatch):
    def tampered(*_):
        raise StoreTampered("row 3 was altered", hint="rebuild")

    monkeypatch.setattr(type(console.lab), "verify", tampered)
    receive(console, kind="verify")
    wait_for(lambda: console.busy == "")
    assert (console.chain["verified"], console.chain["broken"]) == (None, "row 3 was altered")
    assert console.problem["message"] == "row 3 was altered"


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_what_is_shown_is_sent_as_a_file_and_recorded_as_an_export(lab, console, sent, format_):
    console.event = "llm_request_started"
    receive(console, kind="export", format=format_, view="v1")
    sent.wait(lambda messages: messages.file())
    wait_for(lambda: console.busy == "")
    data = sent.file()
    if format_ == "jsonl":
        assert [json.loads(line)["event"] for line in data.splitlines()] == ["llm_request_started"] * 3
    else:
        assert data.count(b"llm_request_started") == 3
    job = lab._store.exports().iloc[-1]
    assert (job["what"], job["format"], job["rows"]) == ("audit", format_, 3)
    assert job["sha256"] == hashlib.sha256(data).hexdigest()
    assert len(lab.audit(event="export_completed")) == 1
    assert lab.verify().ok  # the head that the export mentions is in the chain


def test_the_time_line_has_cells_and_operations_in_the_order_they_began(lab, console):
    from pplab.store.rows import CellRow

    cell = CellRow(
        execution_id=new_id(), started_at=now(), user="ada", session_id="s", notebook=None, cell_id=None, execution_count=4,
        source_sha256="", source=None, status="ok", error_type=None, duration_ns=2_000_000, operations=0, correlation_id="c",
        span_id="s",
    )  # fmt: skip
    lab.record(cell).result()
    receive(console, kind="ready")
    bars = console.bars
    assert [bar["start"] for bar in bars] == sorted(bar["start"] for bar in bars)
    assert bars[0]["start"] == 0
    assert (bars[-1]["name"], bars[-1]["took"]) == ("cell [4]", 2.0)
    assert {bar["name"] for bar in bars} >= {"calibrate", "run"}


def test_hostile_words_of_an_event_are_shown_as_words(lab, console, sent):
    lab.record(event("operation_started", "eve\u202e", operation="\x1b[31m<script>" + "x" * 500)).result()
    receive(console, kind="ready")
    row = sent.rows("all")[0]
    assert "\x1b" not in row["words"]
    assert "\u202e" not in row["actor"]
    assert len(row["words"]) <= 160


def test_it_follows_nothing_before_a_view_is_there_and_nothing_after_its_end(console):
    assert not [t for t in threading.enumerate() if t.name == "pplab-live"]
    receive(console, kind="ready")
    assert [t for t in threading.enumerate() if t.name == "pplab-live"]
    console.close()
    console.close()
    receive(console, kind="ready")
    assert not [t for t in threading.enumerate() if t.name == "pplab-live"]


def test_pages_of_events_neither_repeat_nor_leave_out_any(lab):
    store, seen, before = lab._store, [], None
    while True:
        page = read_events(store, EventFilters(), limit=4, before=before)
        seen += [one.seq for one in page.events]
        if not page.older:
            break
        before = seen[-1]
    assert seen == list(range(page.head, 0, -1))
