"""What every live widget does: static forms, messages, errors, and its end."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import ipywidgets
import pytest

import pplab
from pplab.errors import BadInput
from pplab.views.records import Display
from pplab.views.widgets.base import LabWidget, chosen, owned


class Probe(LabWidget):
    """A widget that counts, and fails on request."""

    bundle = "probe"
    count = owned(int, default=0)
    limit = chosen(int, default=3)
    fault: Exception | None = None

    @property
    def _esm(self):
        return "export default {}"

    _css = _esm

    def static(self):
        return Display(html="<p>probe</p>", text="probe")

    def _take_add(self, message):
        if self.fault:
            raise self.fault
        self.count += message["by"]


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        yield lab


@pytest.fixture
def probe(lab, monkeypatch):
    from typing import Literal, TypedDict

    Add = TypedDict("Add", {"kind": Literal["add"], "by": int})  # noqa: UP013 - a class here would hide its annotations
    monkeypatch.setattr(Probe, "takes", (Add,))
    made = Probe(lab)
    yield made
    made.close()


def receive(base, **content):
    base._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def in_cell(monkeypatch, cell, execution):
    parent = {"msg_type": "execute_request", "header": {"msg_id": execution}, "metadata": {"cellId": cell} if cell else {}}
    shell = SimpleNamespace(get_parent=lambda: parent)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_the_view_stands_beside_static_forms_that_name_no_id(probe):
    data, _ = probe._repr_mimebundle_()
    assert data["text/html"] == "<p>probe</p>"
    assert data["text/plain"] == repr(probe) == "probe"
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == probe.model_id


def test_a_closed_widget_still_has_its_static_forms(probe):
    probe.close()
    assert set(probe._repr_mimebundle_()[0]) == {"text/html", "text/plain"}


def test_a_message_of_a_declared_kind_reaches_its_method(probe):
    receive(probe, kind="add", by=2)
    assert probe.count == 2


@pytest.mark.parametrize(
    "content", [{}, {"kind": None}, {"kind": ["add"]}, {"kind": "fault"}, {"kind": "__init__"}, {"kind": "retry"}]
)
def test_a_message_of_an_unknown_kind_does_nothing(probe, content):
    receive(probe, **content)
    assert (probe.count, probe.problem) == (0, None)


def test_an_error_is_shown_in_the_widget_with_its_hint(probe):
    probe.fault = BadInput("no room", hint="make some")
    receive(probe, kind="add", by=1)
    assert (probe.problem["code"], probe.problem["message"], probe.problem["hint"]) == ("bad_input", "no room", "make some")


def test_an_unexpected_error_is_told_in_one_line(probe):
    probe.fault = ValueError("first line\nsecond line")
    receive(probe, kind="add", by=1)
    assert probe.problem["code"] == "internal"
    assert "ValueError: first line" in probe.problem["message"]
    assert "\n" not in probe.problem["message"]


def test_retry_hands_the_failed_message_in_again_and_is_audited(probe, lab):
    probe.fault = BadInput("no room")
    receive(probe, kind="add", by=5)
    probe.fault = None
    receive(probe, kind="retry")
    assert (probe.count, probe.problem) == (5, None)
    events = lab.audit(event="retry_requested")
    assert [payload["why"] if isinstance(payload, dict) else json.loads(payload)["why"] for payload in events["payload"]] == [
        "bad_input"
    ]


def test_a_retry_that_fails_can_be_retried_again(probe):
    probe.fault = BadInput("no room")
    receive(probe, kind="add", by=5)
    receive(probe, kind="retry")
    assert probe.problem is not None
    probe.fault = None
    receive(probe, kind="retry")
    assert (probe.count, probe.problem) == (5, None)


def test_the_same_error_again_is_a_change_that_the_front_end_sees(probe):
    seen = []
    probe.observe(lambda change: seen.append(change["new"] and change["new"]["message"]), "problem")
    probe.fault = BadInput("no room")
    for _ in range(2):
        receive(probe, kind="add", by=5)
    assert seen == ["no room", None, "no room"]


def test_a_dismissed_error_is_gone_and_cannot_be_retried(probe):
    probe.fault = BadInput("no room")
    receive(probe, kind="add", by=5)
    probe.fault = None
    receive(probe, kind="dismiss")
    receive(probe, kind="retry")
    assert (probe.count, probe.problem) == (0, None)


def test_messages_to_the_front_end_are_numbered_in_sequence(probe, monkeypatch):
    sent = []
    monkeypatch.setattr(probe, "send", sent.append)
    for number in range(3):
        probe.tell({"kind": "row", "row": number})
    assert [(m["row"], m["seq"]) for m in sent] == [(0, 1), (1, 2), (2, 3)]


def test_a_trait_the_kernel_owns_is_not_echoed(probe):
    assert probe.trait_metadata("count", "echo_update") is False
    assert probe.trait_metadata("limit", "echo_update") is None


def test_running_a_cell_again_closes_what_its_last_run_made(lab, monkeypatch):
    in_cell(monkeypatch, "cell-1", "run-1")
    first, second = Probe(lab), Probe(lab)
    in_cell(monkeypatch, "cell-2", "run-2")
    other = Probe(lab)
    in_cell(monkeypatch, "cell-1", "run-3")
    third = Probe(lab)
    assert [widget.comm is None for widget in (first, second, other, third)] == [True, True, False, False]
    other.close()
    third.close()


def test_running_a_cell_twenty_times_leaves_one_set_of_models(lab, monkeypatch):
    models = ipywidgets.widgets.widget._instances
    before = set(models)
    for run in range(20):
        in_cell(monkeypatch, "cell-3", f"run-{run}")
        probe = Probe(lab)
    assert len(set(models) - before) == 2  # the base and its layout
    probe.close()
    assert set(models) - before == set()


def test_where_the_front_end_names_no_cell_nothing_is_closed(lab, monkeypatch):
    in_cell(monkeypatch, None, "run-1")
    first = Probe(lab)
    in_cell(monkeypatch, None, "run-2")
    second = Probe(lab)
    assert first.comm is not None
    first.close()
    second.close()


def test_a_missing_bundle_is_said_in_one_line(lab, monkeypatch, tmp_path):
    from pplab.views.widgets import base
    from pplab.views.widgets.quiz import Quiz

    base._built.cache_clear()
    monkeypatch.setattr(base, "STATIC", tmp_path)
    with pytest.raises(pplab.PplabError, match="not built"):
        Quiz(lab)
