"""The labs that a server holds open: how many, for how long, and that nothing of them is left when it ends."""

from __future__ import annotations

import asyncio
import shutil
import threading

import pytest

import pplab
from pplab.errors import StoreError
from pplab.server import open_lab, open_labs
from pplab.server.arguments import Arguments
from pplab.server.listing import list_labs
from pplab.server.open_labs import MOST_OPEN, OpenLabs
from tests.server.conftest import PATIENCE


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a lab with a calibration, which nobody has open."""
    with pplab.Lab(store=tmp_path_factory.mktemp("made") / ".pplab") as lab:
        lab.calibrate("balanced")
    return lab.folder


@pytest.fixture
def labs(made, tmp_path):
    for number in range(MOST_OPEN + 2):
        shutil.copytree(made, tmp_path / f"lab-{number}" / ".pplab")
    labs = OpenLabs(tmp_path)
    yield labs
    asyncio.run(labs.close())


@pytest.fixture
def opened(monkeypatch):
    """The folders of the labs that were opened, in that order."""
    folders = []
    check = open_lab.check_version
    monkeypatch.setattr(open_lab, "check_version", lambda folder: (folders.append(folder.parent.name), check(folder)))
    return folders


def test_the_few_labs_used_last_stay_open(labs, opened):
    for number in range(MOST_OPEN + 2):
        with labs.use(f"lab-{number}/.pplab"):
            pass
    before = len(opened)
    with labs.use(f"lab-{MOST_OPEN + 1}/.pplab"), labs.use("lab-2/.pplab"):
        assert len(opened) == before
    with labs.use("lab-0/.pplab"):
        assert opened[before:] == ["lab-0"]


def test_a_lab_that_nobody_used_lately_is_closed_and_one_in_use_is_not(labs, opened, monkeypatch):
    with labs.use("lab-0/.pplab") as first:
        with labs.use("lab-1/.pplab") as second:
            pass
        monkeypatch.setattr(open_labs, "IDLE_S", -1)
        labs.close_idle()
        assert first.store.calibrations().shape[0] == 1
        with pytest.raises(StoreError, match="closed"):
            second.store.calibrations()


def test_a_list_opens_only_the_labs_in_which_something_changed(labs, opened, tmp_path):
    first = list_labs(labs, Arguments({}))
    assert len(opened) == len(first["labs"]) == MOST_OPEN + 2
    assert list_labs(labs, Arguments({})) == first
    assert len(opened) == MOST_OPEN + 2
    with pplab.Lab(store=tmp_path / "lab-0" / ".pplab") as lab:
        lab.run("Why does it rain?", n=1)
    again = list_labs(labs, Arguments({}))
    assert [one["experiments"] for one in again["labs"]] == [1, *[0] * (MOST_OPEN + 1)]
    assert opened[MOST_OPEN + 2 :] == ["lab-0"]


def test_nothing_is_left_when_the_server_ends(labs):
    before = threading.active_count()
    told = []
    with labs.use("lab-0/.pplab") as watched:
        watched.changes.subscribe(told.append)
        assert len(told) == 1
        assert threading.active_count() > before
        asyncio.run(labs.close())
        with pytest.raises(StoreError, match="closed"):
            watched.store.calibrations()
    for thread in threading.enumerate():
        if thread.name.startswith(("pplab-live", "pplab-server")):
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread.name
