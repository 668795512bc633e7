"""Live exchange: what each turn does and asks, what is told when a remote goes and comes back, and how it begins and ends."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest

import pplab
from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.errors import RemoteError
from pplab.observe.spans import CAUSE, Span
from pplab.remote import exchange as exchanges
from pplab.remote import live
from pplab.remote.exchange import AGAIN_S, WHOLE_S, Exchange
from pplab.remote.exchange_state import exchange_state
from pplab.remote.remote_folder import RemoteFolder
from tests.unit import forget_labs, meeting_labs
from tests.unit.shard_labs import until


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(exchanges, "time", made)
    return made


@pytest.fixture(autouse=True)
def _operation():
    """A turn is part of something; the thread and the command say of what."""
    token = CAUSE.set(Span("test"))
    yield
    CAUSE.reset(token)


class Half:
    """A lab's exchange, and what it told."""

    def __init__(self, lab, every=2.0):
        self.told, self.warned = [], []
        self.exchange = Exchange(lab.context, "team", every=every, tell=self.told.append, warn=self.warned.append)


@pytest.fixture
def halves(labs):
    made = [Half(lab) for lab in labs]
    yield made
    for half in made:
        half.exchange.close()


def all_turn(clock, *halves, seconds=2.0):
    """Let the time of a turn go by, and everybody take it."""
    clock.now += seconds
    for half in halves:
        half.exchange.turn()


# -- turns ----------------------------------------------------------------------------------------------------------------------


def test_what_is_new_travels_turn_by_turn_and_each_time_is_one_line(labs, halves, clock):
    (ada, bob), (hers, his) = labs, halves
    for number in range(2):
        ada.run(f"Number {number}.", n=1)
        all_turn(clock, hers, his)
        assert len(bob.context.store.experiments()) == number + 1
    assert len(his.told) == 2
    assert all("of ada@ada pulled from team." in line and "\n" not in line for line in his.told)
    assert len(hers.told) == 2
    assert (hers.warned, his.warned) == ([], [])
    assert (his.exchange.pulled, his.exchange.pushed) == (hers.exchange.pushed, 0)
    assert meeting_labs.exchanged(ada) == meeting_labs.exchanged(bob)
    assert ada.verify().ok
    assert bob.verify().ok


def test_a_turn_lists_nothing_after_the_first_and_opens_no_tables_while_nothing_is_new(labs, halves, clock, monkeypatch):
    ada, bob = labs
    ada.run("First.", n=1)
    bob.run("Of bob.", n=1)
    for _ in range(3):
        all_turn(clock, *halves)

    def refuse(*_args):
        raise AssertionError("segments were listed")

    monkeypatch.setattr(RemoteFolder, "files", refuse)
    ada.run("Second.", n=1)
    all_turn(clock, *halves)
    all_turn(clock, *halves)
    assert len(bob.context.store.experiments()) == 3
    asked, read = [], RemoteFolder.read

    def note(place, origin, file, size):
        asked.append(file)
        return read(place, origin, file, size)

    monkeypatch.setattr(RemoteFolder, "read", note)
    monkeypatch.setattr(type(bob.context.store), "reading", refuse)
    monkeypatch.setattr(type(bob.context.store), "drain", refuse)
    for _ in range(5):
        all_turn(clock, *halves)
    assert asked == ["head.json"] * 10
    assert [half.warned for half in halves] == [[], []]


def test_what_is_forgotten_leaves_the_remote_and_the_other_lab_with_their_next_turns(labs, halves, clock, team):
    (ada, bob), (hers, his) = labs, halves
    experiment = forget_labs.run(ada)
    searched = forget_labs.texts(experiment)
    all_turn(clock, hers, his)
    assert forget_labs.holding(bob.folder, searched)
    ada.forget(experiment.id)
    all_turn(clock, hers, his)
    assert forget_labs.holding(team, searched) == []
    assert forget_labs.holding(bob.folder, searched) == []
    assert (hers.warned, his.warned) == ([], [])
    assert bob.verify().ok


def test_what_is_new_is_pushed_at_once_and_then_no_more_often_than_was_asked_for(labs, halves, clock):
    ada, (hers, _) = labs[0], halves
    all_turn(clock, hers)
    sent = len(hers.told)
    for wait, pushed in ((0.3, 1), (0.3, 1), (1.0, 1), (0.8, 2)):
        ada.run("Again.", n=1)
        all_turn(clock, hers, seconds=wait)
        assert len(hers.told) - sent == pushed


def test_what_got_lost_on_a_remote_is_made_good_after_a_while(labs, halves, clock, team):
    ada, (hers, _) = labs[0], halves
    ada.run("First.", n=1)
    all_turn(clock, hers)
    (segment,) = team.glob("*/*.gz")
    segment.unlink()
    all_turn(clock, hers, seconds=WHOLE_S)
    assert segment.exists()


def test_a_lab_that_was_away_takes_all_that_it_missed(labs, halves, clock):
    (ada, bob), (hers, his) = labs, halves
    ada.run("First.", n=1)
    all_turn(clock, hers, his)
    for number in range(2):
        ada.run(f"Number {number}.", n=1)
        all_turn(clock, hers)
    all_turn(clock, his)
    assert len(bob.context.store.experiments()) == 3


# -- what goes wrong ------------------------------------------------------------------------------------------------------------


def test_a_remote_that_cannot_be_reached_is_one_line_and_so_is_its_return(labs, halves, clock, team, tmp_path):
    (ada, bob), (_, his) = labs, halves
    all_turn(clock, *halves)
    team.rename(tmp_path / "elsewhere")
    for _ in range(3):
        ada.run("While it is away.", n=1)
        all_turn(clock, *halves)
    for half in halves:
        (line,) = half.warned
        assert "cannot be reached: its folder is not there" in line
        assert "\n" not in line
    assert "not there" in exchange_state(ada.folder, "team").failure
    (tmp_path / "elsewhere").rename(team)
    all_turn(clock, *halves)
    assert his.told.count("The remote 'team' can be reached again.") == 1
    assert len(bob.context.store.experiments()) == 3
    assert exchange_state(ada.folder, "team").failure == ""
    assert exchange_state(ada.folder, "team").at
    assert [len(half.warned) for half in halves] == [1, 1]


def test_a_remote_that_cannot_be_written_is_one_line_and_is_still_pulled_from(labs, halves, clock, monkeypatch):
    (ada, bob), (hers, his) = labs, halves
    with monkeypatch.context() as patch:

        def refuse(*_args):
            raise RemoteError("the remote 'team' cannot be written: Read-only file system")

        write = RemoteFolder.write
        patch.setattr(RemoteFolder, "write", refuse)
        for _ in range(2):
            bob.run("Of bob.", n=1)
            all_turn(clock, his)
            patch.setattr(RemoteFolder, "write", write)
            ada.run("Of ada.", n=1)
            all_turn(clock, hers)
            patch.setattr(RemoteFolder, "write", refuse)
            all_turn(clock, his)
    assert his.warned == ["the remote 'team' cannot be written: Read-only file system"]
    assert len(bob.context.store.experiments(user="ada")) == 2
    all_turn(clock, his)
    assert "The remote 'team' can be written again." in his.told
    all_turn(clock, hers)
    assert len(ada.context.store.experiments(user="bob")) == 2


def test_a_segment_that_was_altered_is_told_once_and_taken_when_it_was_put_right(labs, halves, clock, team):
    (ada, bob), (hers, his) = labs, halves
    ada.run("First.", n=1)
    all_turn(clock, hers)
    (segment,) = team.glob("*/*.gz")
    intact = segment.read_bytes()
    segment.write_bytes(intact[:-1])
    for _ in range(3):
        all_turn(clock, his)
    (line,) = his.warned
    assert "was altered" in line
    assert "was altered" in exchange_state(bob.folder, "team").failure
    segment.write_bytes(intact)
    all_turn(clock, his, seconds=AGAIN_S)
    assert len(bob.context.store.experiments()) == 1
    assert exchange_state(bob.folder, "team").failure == ""


def test_a_turn_does_not_wait_for_a_push_by_hand(labs, halves, clock):
    ada, (hers, _) = labs[0], halves
    ada.run("First.", n=1)
    with exchanges.exchanging(ada.folder):
        began = time.perf_counter()
        all_turn(clock, hers)
        assert time.perf_counter() - began < 10, "it would have waited a minute"
    assert (hers.told, hers.warned) == ([], [])
    hers.exchange.turn()
    assert len(hers.told) == 1


def test_of_two_that_exchange_one_lab_one_does_until_it_ends(labs, halves, clock):
    ada, (hers, _) = labs[0], halves
    other = Half(ada)
    all_turn(clock, hers, other)
    ada.run("First.", n=1)
    all_turn(clock, other)
    assert other.told == []
    all_turn(clock, hers)
    assert len(hers.told) == 1
    hers.exchange.close()
    ada.run("Second.", n=1)
    all_turn(clock, other)
    assert len(other.told) == 1
    other.exchange.close()


# -- while a lab is open --------------------------------------------------------------------------------------------------------


def live_lab(tmp_path, user, team, every=0.5):
    lab = pplab.Lab(store=tmp_path / user / ".pplab", user=user)
    lab.add_remote("team", team, every=every)
    return lab


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "pplab-exchange"]


def test_open_labs_exchange_by_themselves_print_nothing_and_end_with_a_last_push(tmp_path, team, monkeypatch):
    monkeypatch.setattr(live, "BEGIN_S", 0.0)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        ada, bob = (live_lab(tmp_path, user, team) for user in ("ada", "bob"))
        for number in range(2):
            ada.run(f"Number {number}.", n=1)
            until(lambda number=number: len(bob.context.store.experiments()) == number + 1)
        assert bob.verify().ok
        ada.run("Just before the end.", n=1)
        ada.close()
        until(lambda: len(bob.context.store.experiments()) == 3)
        team.rename(tmp_path / "elsewhere")
        until(lambda: exchange_state(bob.folder, "team").failure)
        bob.close()
    assert threads() == []
    assert (out.getvalue(), err.getvalue()) == ("", "")
    (line,) = [line for line in (bob.folder / "pplab.log").read_text().splitlines() if "team" in line]
    assert "the exchange with team went wrong" in line


def test_a_remote_that_hangs_delays_neither_a_run_nor_the_end_of_a_lab(tmp_path, team, monkeypatch):
    monkeypatch.setattr(live, "BEGIN_S", 0.0)
    monkeypatch.setattr(live, "END_S", 0.2)
    asked, answer = threading.Event(), threading.Event()

    def hang(*_args):
        asked.set()
        answer.wait(60)
        raise RemoteError("the remote 'team' cannot be read: Connection timed out")

    monkeypatch.setattr(RemoteFolder, "origins", hang)
    lab = live_lab(tmp_path, "ada", team)
    assert asked.wait(30)
    assert lab.run("Meanwhile.", n=2).status == "completed"
    began = time.perf_counter()
    lab.close()
    assert time.perf_counter() - began < 30, "it would have waited a minute"
    assert not answer.is_set()
    (thread,) = threads()
    answer.set()
    thread.join(30)
    assert not thread.is_alive()


def test_what_is_configured_while_a_lab_is_open_counts_at_once(tmp_path, team):
    lab = live_lab(tmp_path, "ada", team)
    assert len(threads()) == 1
    assert lab.configuration.live == {"team": 0.5}
    lab.remove_remote("team")
    assert (threads(), lab.configuration.live) == ([], {})
    lab.add_remote("team", team, every=1)
    lab.close()
    assert threads() == []
    with pplab.Lab(store=lab.folder, user="ada"):
        assert len(threads()) == 1
    assert threads() == []


def test_a_folder_of_somebody_else_sends_nothing_away_before_this_user_asks_for_it(tmp_path, team, monkeypatch):
    live_lab(tmp_path, "ada", team).close()
    folder = tmp_path / "ada" / ".pplab"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another-user"))
    with pplab.Lab(store=folder, user="bob") as lab:
        assert threads() == []
        words = found(lab)["team"]
        assert words[0] == "problem"
        assert "you have not: remove the remote, and add it again with --every" in words[1]
        assert words[1].endswith(run(lab, "remote").value.failure[0])
        lab.add_remote("other", tmp_path, every=3)
        assert len(threads()) == 1, "what was there before is not approved by adding another"
        lab.remove_remote("team")
        lab.add_remote("team", team, every=2)
        assert len(threads()) == 2
    with pplab.Lab(store=folder, user="bob"):
        assert len(threads()) == 2


IN_A_PROCESS = """
import sys, threading, pplab
not_live, is_live = sys.argv[1:]
with pplab.Lab(store=not_live, user="bob") as lab:
    assert lab.remotes
    lab.run("hello", n=1)
    assert not [thread for thread in threading.enumerate() if thread.name == "pplab-exchange"]
assert not [name for name in sys.modules if name.partition(".")[0] == "fsspec" or name.startswith("pplab.remote")]
from pplab.remote import live
live.BEGIN_S = 0.0
lab = pplab.Lab(store=is_live, user="ada")
lab.run("Never pushed, for the next exchange has it.", n=1)
"""


def test_remotes_that_are_not_live_cost_nothing_and_a_live_lab_that_is_not_closed_ends_well_and_loses_nothing(tmp_path, team):
    live_lab(tmp_path, "ada", team).close()
    folder = tmp_path / "ada" / ".pplab"
    with meeting_labs.lab(tmp_path, "bob", team) as bob:
        meeting_labs.ended(meeting_labs.start(IN_A_PROCESS, bob.folder, folder))
        assert not (folder / "pplab.log").exists()
        with pplab.Lab(store=folder, user="ada") as ada:
            ada.push()
            assert bob.pull().ok
            assert len(bob.context.store.experiments(user="ada")) == 1


def test_the_list_of_remotes_and_the_doctor_say_how_it_goes(labs, halves, clock, team, tmp_path):
    ada, (hers, _) = labs[0], halves
    listed = run(ada, "remote list").value
    assert list(listed.columns) == ["name", "url"]
    ada.configuration.live = {"team": 2, "gone": 5}
    all_turn(clock, hers)
    ((name, _, every, at, failure),) = run(ada, "remote").value.itertuples(index=False)
    assert (name, every, failure) == ("team", 2, None)
    assert at.startswith("20")
    assert found(ada)["team"] == ("ok", f"team: every 2 s while the lab is open, last on {at.replace('T', ' at ')} UTC")
    assert found(ada)["gone"] == ("problem", "gone: there is no such remote")
    team.rename(tmp_path / "elsewhere")
    all_turn(clock, hers)
    assert "not there" in run(ada, "remote").value.failure[0]
    assert found(ada)["team"][0] == "problem"


def run(lab, line, front_end="terminal"):
    return command_table.perform(line.split(), Session(lambda: lab, front_end))


def found(lab):
    """Return what the doctor says of each exchange."""
    checks = [check for check in run(lab, "doctor").data if check["check"] == "exchange"]
    return {check["found"].partition(":")[0]: (check["state"], check["found"]) for check in checks}


# -- the command ----------------------------------------------------------------------------------------------------------------


def test_sync_tells_a_line_an_exchange_and_an_interrupt_ends_it_well(labs, team, halves, clock):
    (ada, bob), (hers, his) = labs, halves
    bob.run("Of bob.", n=1)
    all_turn(clock, his)
    ada.run("Of ada.", n=1)
    program = [sys.executable, "-W", "error", "-m", "pplab", "remote", "sync", "team", "--every", "0.5", "--cells"]
    syncing = subprocess.Popen(
        [*program, "--store", str(ada.folder)],
        env=os.environ | {"PYTHONPATH": str(meeting_labs.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert syncing.stderr.readline() == "pplab: Exchanging with team every 0.5 s; Ctrl-C ends it.\n"
    lines = [syncing.stderr.readline() for _ in range(2)]
    assert "of bob@bob pulled from team." in lines[0]
    assert "pushed to team." in lines[1]
    assert list(team.glob("*/cells-*.gz"))
    all_turn(clock, hers)
    assert hers.told == [], "another process has this lab's turns"
    syncing.send_signal(signal.SIGINT)
    out, err = syncing.communicate(timeout=60)
    assert (syncing.returncode, err) == (0, "")
    (last,) = out.splitlines()
    assert last.startswith("No more exchange with team: ")
    all_turn(clock, hers)
    assert hers.exchange.take_turns()
    assert ada.verify().ok


BESIDE = """
import sys, threading, pplab
from pplab.remote import live
live.BEGIN_S = 0.0
with pplab.Lab(store=sys.argv[1], user="ada") as lab:
    print("open", flush=True)
    for line in sys.stdin:
        lab.run(line.strip(), n=1)
        print("run", flush=True)
"""


@pytest.mark.soak
def test_two_processes_of_one_lab_exchange_once_and_lose_nothing(tmp_path, team, monkeypatch):
    monkeypatch.setattr(live, "BEGIN_S", 0.0)
    live_lab(tmp_path, "ada", team).close()
    folder = tmp_path / "ada" / ".pplab"
    beside = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", BESIDE, str(folder)],
            env=os.environ | {"PYTHONPATH": str(meeting_labs.ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    bob = live_lab(tmp_path, "bob", team)
    for one in beside:
        assert one.stdout.readline() == "open\n"
    for count in (1, 2):
        for one in beside:
            one.stdin.write("Say hello.\n")
            one.stdin.flush()
            assert one.stdout.readline() == "run\n"
        until(lambda count=count: len(bob.context.store.experiments()) == 2 * count)
    beside[0].stdin.close()
    assert beside[0].wait(60) == 0
    beside[1].stdin.write("After the other one ended.\n")
    beside[1].stdin.flush()
    until(lambda: len(bob.context.store.experiments()) == 5)
    beside[1].stdin.close()
    assert beside[1].wait(60) == 0
    for one in beside:
        one.stdout.close()
    bob.close()
    assert len(list(team.glob("*/head.json"))) == 1, "one lab, whichever process pushes"
    with pplab.Lab(store=folder, user="ada") as ada:
        assert ada.verify().ok
        assert ada.pull().ok
