"""When the server makes verdicts: while no list is read, and for the page that was asked for last."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from pplab.server import verdicts as module
from pplab.server.verdicts import Verdicts
from pplab.store.experiment_list import experiment_page
from pplab.store.store import open_store
from tests.server.large_labs import lab_of

NEWEST_FIRST = ["experiment-2", "experiment-1", "experiment-0"]


class Making:
    """The making of a lab's verdicts in the test's own thread: what was made, and what happens where it would wait."""

    def __init__(self, store, monkeypatch):
        self.listed = experiment_page(store).experiments
        self.made, self.waits = [], []
        self.verdicts = Verdicts(store, lambda make: setattr(self, "make", make))
        self.meanwhile = lambda: pytest.fail("it waits for nothing")
        monkeypatch.setattr(self.verdicts, "_verdict", lambda id_: self.made.append(id_) or "a verdict")
        monkeypatch.setattr(self.verdicts._guard, "wait", self._wait)

    def _wait(self, seconds):
        assert self.made == []
        self.waits.append(seconds)
        self.meanwhile()


@pytest.fixture
def making(tmp_path, monkeypatch):
    lab_of(tmp_path / ".pplab", 3)
    monkeypatch.setattr(module, "QUIET_S", 0.0)
    store = open_store(tmp_path / ".pplab")
    yield Making(store, monkeypatch)
    store.close()


def test_none_is_made_while_a_list_is_read(making):
    with ExitStack() as reading:
        reading.enter_context(making.verdicts.listing())
        making.verdicts.of(making.listed)
        making.meanwhile = reading.close
        making.make()
    assert len(making.waits) == 1
    assert making.made == NEWEST_FIRST
    assert making.verdicts.known() == dict.fromkeys(NEWEST_FIRST, "a verdict")


def test_none_is_made_at_once_after_a_list(making, monkeypatch):
    monkeypatch.setattr(module, "QUIET_S", 1_000.0)
    monkeypatch.setattr(module, "MOST_WAIT_S", 2_000.0)
    with making.verdicts.listing():
        making.verdicts.of(making.listed)
    making.meanwhile = lambda: monkeypatch.setattr(module, "QUIET_S", 0.0)
    making.make()
    assert [0 < seconds <= 1_000 for seconds in making.waits] == [True]
    assert making.made == NEWEST_FIRST


def test_they_are_made_in_the_end_although_lists_are_read_without_a_pause(making, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAIT_S", 0.0)
    with making.verdicts.listing():
        making.verdicts.of(making.listed)
        making.make()
    assert making.made == NEWEST_FIRST


def test_those_of_another_page_are_made_instead_when_it_is_asked_for_meanwhile(making):
    def ask():
        making.verdicts.of(making.listed[2:])
        reading.close()

    with ExitStack() as reading:
        reading.enter_context(making.verdicts.listing())
        making.verdicts.of(making.listed)
        making.meanwhile = ask
        making.make()
    assert making.made == NEWEST_FIRST[2:]


def test_none_is_made_for_a_lab_that_was_closed_meanwhile(making):
    with making.verdicts.listing():
        making.verdicts.of(making.listed)
        making.meanwhile = making.verdicts.close
        making.make()
    assert making.made == []
