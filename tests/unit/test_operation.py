"""What passes through the operation wrapper: spans, timing, audit, and errors in one shape."""

from __future__ import annotations

import inspect
import threading

import pytest

from pplab import Lab
from pplab.errors import BadInput, PplabError
from pplab.observe.spans import CAUSE, Span
from pplab.operation import Operation, verb
from pplab.secrets import Scrubber
from pplab.store.rows import EventRow, MetricRow

KEY = "sk-" + "a1B2" * 10


class Notes:
    """A recorder that keeps what it is given, with some verbs."""

    user = "ada"

    def __init__(self):
        self.rows = []
        self.scrub = Scrubber(KEY)

    def record(self, *rows):
        self.rows += rows

    @verb
    def add(self, a, b=0):
        return a + b

    @verb
    def twice(self, a):
        return self.add(a, a)

    @verb
    def listed(self, *, event=None, limit=None):
        return event, limit

    @verb
    def fail(self, error):
        raise error

    def events(self):
        return [row.event for row in self.rows if isinstance(row, EventRow)]

    def timings(self):
        return [(row.name, row.status) for row in self.rows if isinstance(row, MetricRow)]


@pytest.fixture
def notes():
    return Notes()


def test_a_verb_is_audited_at_its_start_and_end_and_timed(notes):
    assert notes.add(1, b=2) == 3
    assert notes.events() == ["operation_started", "operation_completed"]
    assert notes.timings() == [("add", "ok")]
    assert all(row.duration_ns >= 0 for row in notes.rows if isinstance(row, MetricRow))
    assert len({row.correlation_id for row in notes.rows}) == len({row.span_id for row in notes.rows}) == 1


def test_a_verb_within_a_verb_shares_the_cause_and_names_its_parent(notes):
    notes.twice(2)
    outer, inner = (next(r for r in notes.rows if isinstance(r, MetricRow) and r.name == name) for name in ("twice", "add"))
    assert inner.correlation_id == outer.correlation_id
    assert inner.parent_span_id == outer.span_id
    assert outer.parent_span_id is None


def test_the_cause_counts_its_operations_and_is_restored(notes):
    cell = Span("cell")
    token = CAUSE.set(cell)
    notes.twice(2)
    notes.add(1)
    with pytest.raises(BadInput):
        notes.fail(BadInput("no"))
    assert CAUSE.get() is cell
    CAUSE.reset(token)
    assert cell.children == 3
    assert {row.correlation_id for row in notes.rows} == {cell.correlation_id}


def test_other_threads_have_causes_of_their_own(notes):
    token = CAUSE.set(Span("cell"))
    thread = threading.Thread(target=notes.add, args=(1,))
    thread.start()
    thread.join()
    assert notes.rows[0].correlation_id != CAUSE.get().correlation_id
    CAUSE.reset(token)


def test_an_error_of_ours_gets_the_correlation_id_and_is_stored_as_the_user_saw_it(notes):
    with pytest.raises(BadInput) as refused:
        notes.fail(BadInput("the value is odd", hint="give an even one"))
    failed = notes.rows[1]
    assert failed.event == "operation_failed"
    assert refused.value.correlation_id == failed.correlation_id
    assert failed.payload == {
        "v": 1,
        "operation": "fail",
        "code": "bad_input",
        "message": "the value is odd",
        "hint": "give an even one",
    }
    assert notes.timings() == [("fail", "error")]


def test_any_other_exception_becomes_one_of_ours_with_the_original_as_cause(notes):
    with pytest.raises(PplabError) as failed:
        notes.fail(ZeroDivisionError("on\nthe moon"))
    assert failed.value.code == "internal"
    assert "on the moon" in str(failed.value)
    assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_keys_are_taken_out_of_every_failure(notes):
    for error in (BadInput(f"the key {KEY} is odd", hint=f"not {KEY}"), ValueError(f"bad {KEY}")):
        with pytest.raises(PplabError) as failed:
            notes.fail(error)
        assert KEY not in str(failed.value)
        assert KEY not in repr(failed.value)
    assert KEY not in repr(notes.rows)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_is_noted_and_passes_through(notes, stop):
    with pytest.raises(stop):
        notes.fail(stop())
    assert notes.events() == ["operation_started", "operation_failed"]
    assert notes.timings() == [("fail", "interrupted")]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n: n.add(1, c=2), "add has no option 'c'. options: a, b"),
        (lambda n: n.twice(aa=1), "twice has no option 'aa'"),
        (lambda n: n.add(), "missing a required argument: 'a'"),
        (lambda n: n.add(1, 2, 3), "too many positional arguments"),
        (lambda n: n.listed(evnt=1), "listed has no option 'evnt'. did you mean 'event'?"),
    ],
)
def test_a_verb_called_wrongly_says_what_it_takes(notes, call, words):
    with pytest.raises(BadInput) as refused:
        call(notes)
    assert words in str(refused.value)
    assert refused.value.correlation_id is not None


def test_a_type_error_inside_a_verb_is_a_defect_and_no_bad_input(notes):
    with pytest.raises(PplabError) as failed:
        notes.add(1, "b")
    assert failed.value.code == "internal"


def test_a_recorder_that_refuses_does_not_hide_the_failure(notes):
    def full(*rows):
        if len(notes.rows) > 0:
            raise PplabError("the disk is full", code="store")
        notes.rows += rows

    notes.record = full
    with pytest.raises(BadInput, match="odd"):
        notes.fail(BadInput("the value is odd"))
    with pytest.raises(PplabError, match="disk is full"):
        notes.add(1)
    assert CAUSE.get() is None


def test_an_operation_that_could_not_begin_leaves_no_cause_behind(notes):
    def closed(*_):
        raise PplabError("the lab is closed")

    notes.record = closed
    with pytest.raises(PplabError, match="closed"), Operation(notes, "run"):
        pass
    assert CAUSE.get() is None


def test_identifiers_are_made_when_they_are_asked_for_and_stay():
    span = Span("cell")
    child = Span("run", span)
    assert child.parent_span_id == span.span_id
    assert child.correlation_id == span.correlation_id
    assert (len(span.correlation_id), len(span.span_id)) == (32, 16)
    assert span.ids() == span.ids()


@pytest.mark.parametrize("name", [name for name, value in vars(Lab).items() if hasattr(value, "__wrapped__")])
def test_every_verb_of_the_lab_spells_out_its_parameters_and_refuses_another_word(name, tmp_path):
    method = getattr(Lab, name)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    assert [p.name for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) or p.annotation is p.empty] == []
    with Lab(store=tmp_path / "lab") as lab:
        for parameter in parameters[-1:]:
            with pytest.raises(BadInput, match=f"{name} has no option '{parameter.name}s'. did you mean"):
                getattr(lab, name)(**{f"{parameter.name}s": 1})
