"""A run that is steered from elsewhere, through the lab's folder: what it obeys, whom, how soon, and what it survives."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pplab
from pplab.config.configuration import PPLab
from pplab.errors import BadInput, StoreError
from pplab.experiments import race
from pplab.experiments import standing_runs as standing
from pplab.experiments.standing_runs import standing_run, standing_runs, steer
from pplab.files import replacement
from pplab.store.run_control import ANSWER, ORDER, PROGRESS, RunFolder, RunOrder
from tests.servers.gated import GatedServer
from tests.unit.experiment_labs import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplab import Experiment, Lab

SOON_S = 8.0  # a run looks five times a second; the rest is for a machine with other work
DOLLAR = 1_000_000.0  # dollars for a million tokens: one a token


@pytest.fixture
def server() -> Iterator[GatedServer]:
    with GatedServer() as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, server: GatedServer) -> Iterator[Lab]:
    configuration = PPLab(prices={"m": [0.0, DOLLAR]})
    options: dict[str, Any] = {"user": "ada", "model": "m", "base_url": server.base_url, "api_key": KEY}
    with pplab.Lab(store=tmp_path / "lab", configuration=configuration, **options) as opened:
        yield opened


def until(condition: Callable[[], Any]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.05)


def elsewhere(lab: Lab, experiment: Experiment) -> Experiment:
    """Return the experiment as any other process of its owner has it: without the run."""
    return lab.experiment(experiment.id)


def folder_of(lab: Lab, experiment: Experiment) -> Path:
    return lab.folder / "control" / experiment.id


# -- what it obeys --------------------------------------------------------------------------------------------------------------


def test_a_run_is_listed_with_its_progress_from_the_moment_it_is_begun_until_it_ends(lab: Lab, server: GatedServer) -> None:
    begun = lab.start("hello", n=6, max_concurrency=2, name="first", max_cost=1e6)
    row = lab.runs().iloc[0]
    assert (row["experiment_id"], row["name"], row["user"], row["state"]) == (begun.id, "first", "ada", "running")
    assert (row["planned"], row["done"], row["max_cost"], row["process"]) == (6, 0, 1e6, os.getpid())
    assert not row["detached"]
    server.let(4)
    server.await_calls(6)
    until(lambda: lab.runs().iloc[0]["done"] == 4)
    row = lab.runs().iloc[0]
    assert (row["in_flight"], row["cost"]) == (2, 4 * 60.0)
    assert row["rate"] > 0
    assert row["seconds_left"] > 0
    server.let()
    begun.wait()
    assert lab.runs().empty
    assert list((lab.folder / "control").iterdir()) == []


def test_pause_limits_and_cancel_from_elsewhere_take_effect_at_once(lab: Lab, server: GatedServer) -> None:
    begun = lab.start("hello", n=16, max_concurrency=2)
    other = elsewhere(lab, begun)
    server.await_calls(2)
    before = time.monotonic()
    other.limit(concurrency=np.int64(5))
    assert server.await_calls(5) - before < SOON_S
    other.pause()
    assert time.monotonic() - before < SOON_S
    assert (other.progress["concurrency"], other.progress["paused"]) == (5, True)  # as it is when the order is answered
    server.let(5)
    until(lambda: other.progress["done"] == 5)
    other.limit(concurrency=3)  # which has the run look whether it may send more
    assert len(server.arrivals) == 5
    assert lab.runs().iloc[0]["state"] == "paused"
    before = time.monotonic()
    other.go_on()
    assert server.await_calls(8) - before < SOON_S
    assert other.progress["concurrency"] == 3
    before = time.monotonic()
    other.cancel()
    assert other.wait().status == "interrupted"
    assert time.monotonic() - before < SOON_S
    assert len(server.arrivals) == 8
    assert other.reason == "cancelled by the user"
    assert other.plan.max_concurrency == 3  # as a resume has it, too
    server.let()
    assert other.resume().status == "completed"
    assert len(server.arrivals) == 8 + 11
    assert not begun.progress["paused"]
    steered = lab.audit("run_steered")
    actions = [json.loads(payload)["action"] for payload in steered["payload"]]
    assert actions == ["limit", "pause", "limit", "go_on", "cancel"]
    assert set(steered["entity_id"]) == {begun.id}
    assert set(steered["correlation_id"]) == {begun.correlation_id}
    assert lab.verify().ok


def test_a_budget_lowered_below_what_is_spent_pauses_the_run_and_one_raised_in_time_does_not(
    lab: Lab, server: GatedServer
) -> None:
    begun = lab.start("hello", n=6, max_concurrency=1, parameters={"max_tokens": 100})
    other = elsewhere(lab, begun)
    server.await_calls(1)
    other.limit(max_cost=10)
    other.limit(max_cost=1000)
    server.let(1)
    server.await_calls(2)
    other.limit(max_cost=20)
    server.let(1)
    assert other.wait().status == "paused"
    assert len(server.arrivals) == 2
    assert "max_cost=$20 ($120.0000 spent)" in other.reason
    server.let()
    assert other.resume(max_cost=1000).status == "completed"


def test_limits_that_make_no_sense_are_refused_in_one_line_and_change_nothing(lab: Lab, server: GatedServer) -> None:
    begun = lab.start("hello", n=2, max_concurrency=1)
    other = elsewhere(lab, begun)
    for limits, words in (
        ({}, "no limit to change"),
        ({"concurrency": 0}, "out of range"),
        ({"concurrency": "many"}, "not a whole number"),
        ({"max_cost": -1}, "not a positive number"),
        ({"max_cost": float("nan")}, "not a positive number"),
    ):
        with pytest.raises(BadInput, match=words):
            other.limit(**limits)
    lab.configuration.prices = {}
    with pytest.raises(BadInput, match=r"the price of m at .* is unknown, so max_cost cannot be kept") as refused:
        other.limit(max_cost=5)
    assert "\n" not in str(refused.value)
    server.let()
    assert begun.wait().plan.max_cost is None
    with pytest.raises(BadInput, match="not running"):
        other.limit(concurrency=3)
    assert lab.audit("run_steered").empty


def test_new_limits_hold_for_all_endpoints_together_and_leave_each_its_own(lab: Lab, server: GatedServer, tmp_path: Path) -> None:
    where = {"base_url": server.base_url}
    endpoints = {"a": where, "b": where | {"max_concurrency": 1}}
    with pplab.Lab(tmp_path / "two", "ada", configuration=PPLab(endpoints=endpoints)) as two:
        begun = two.start("hello", n=9, models=["m@a", "n@b"], max_concurrency=2)
        server.await_calls(2)
        elsewhere(two, begun).limit(concurrency=5)
        server.await_calls(5)
        assert Counter(body["model"] for body in server.bodies) == {"m": 4, "n": 1}
        assert begun.progress["in_flight"] == begun.progress["concurrency"] == 5
        elsewhere(two, begun).limit(concurrency=9)
        server.await_calls(9)
        assert Counter(body["model"] for body in server.bodies) == {"m": 8, "n": 1}
        server.let()
        assert begun.wait().status == "completed"


@pytest.mark.soak
def test_new_limits_wait_for_a_look_at_a_race_and_an_order_after_them_does_not(
    lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = threading.Event(), threading.Event()
    look = race.standing

    def slowly(stored: Any) -> Any:
        looking.set()
        assert go_on.wait(60)
        return replace(look(stored), settled=False, going=(0, 1), out={})

    monkeypatch.setattr(race, "standing", slowly)
    prompts = [f"Describe {word}." for word in ("rain", "snow", "wind", "sun", "moon", "stars", "fog")]
    server.let()
    begun = lab.start(prompts, n=1, sweep={"temperature": [0, 1]}, until="settled", max_concurrency=4)
    assert looking.wait(60)
    folder = RunFolder(lab.folder, begun.id)
    limit = folder.give(RunOrder(action="limit", user="ada", concurrency=3))
    before = time.monotonic()
    elsewhere(lab, begun).pause()
    assert time.monotonic() - before < SOON_S
    assert folder.answered(limit) is None
    go_on.set()
    until(lambda: folder.answered(limit) == {"refusal": None})
    elsewhere(lab, begun).go_on()
    begun.wait()
    assert begun.plan.max_concurrency == elsewhere(lab, begun).plan.max_concurrency == 3
    assert begun.plan.race.looks
    assert begun.status == "completed"


# -- whom it obeys --------------------------------------------------------------------------------------------------------------


def test_only_its_owner_steers_a_run(lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = lab.start("hello", n=2, max_concurrency=1)
    with pplab.Lab(store=lab.folder, user="bob") as of_bob:
        for steering in ("pause", "go_on", "cancel"):
            with pytest.raises(BadInput, match="this run belongs to ada"):
                getattr(of_bob.experiment(begun.id), steering)()
        with pytest.raises(BadInput, match="this run belongs to ada"):
            of_bob.experiment(begun.id).limit(concurrency=5)
        assert of_bob.runs().iloc[0]["user"] == "ada"
    forged = RunFolder(lab.folder, begun.id)
    by_bob = forged.give(RunOrder(action="cancel", user="bob"))
    until(lambda: forged.answered(by_bob) == {"refusal": "this run belongs to ada"})
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)  # as if the file were another system user's
    with pytest.raises(BadInput, match="this run belongs to ada"):
        steer(lab.folder, begun.id, RunOrder(action="cancel", user="ada"))
    server.let()
    assert begun.wait().status == "completed"
    assert lab.audit("run_steered").empty


def test_what_is_no_order_is_passed_over_and_keeps_no_order_waiting(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "run")
    folder.begin()
    order = RunOrder(action="limit", user="ada", concurrency=3)
    there = tmp_path / "control" / "run"
    said = json.dumps({"action": "limit", "user": "ada", "concurrency": 3, "later": "added"})
    (tmp_path / "aim").write_text(said)
    (there / f"00{ORDER}").mkdir()
    os.mkfifo(there / f"01{ORDER}")  # reading it would wait for ever
    (there / f"02{ORDER}").symlink_to(tmp_path / "aim")
    (there / f"03{ORDER}").write_text(said + " " * 20_000)
    for number, text in enumerate(("", "{", "[]", "7", "[" * 9_000, '{"action": "limit"}', '{"action": "rm", "user": "ada"}'), 4):
        (there / f"0{number}{ORDER}" if number < 10 else there / f"0a{ORDER}").write_text(text)
    (there / f"0b{ORDER}").write_bytes(b"\xff\xfe")
    (there / f"0c{ORDER}").write_text(said)
    given = folder.give(order)
    assert [(one.id, one.order) for one in folder.orders()] == [(given, order), ("0c", order)]
    assert [path.name for path in there.iterdir()] == [f"00{ORDER}"]
    assert (tmp_path / "aim").exists()
    assert folder.orders() == []


def test_an_order_of_the_wrong_types_is_refused_and_the_run_goes_on(lab: Lab, server: GatedServer) -> None:
    begun = lab.start("hello", n=2, max_concurrency=1)
    for number, order in enumerate(({"concurrency": [1]}, {"max_cost": {}}, {"concurrency": 3, "user": ["ada"]})):
        path = folder_of(lab, begun) / f"{number}{ORDER}"
        with replacement(path) as part:
            part.write_text(json.dumps({"action": "limit", "user": "ada"} | order))
        answer = path.with_name(f"{number}{ANSWER}")
        until(answer.exists)
        assert json.loads(answer.read_text())["refusal"]
    server.let()
    assert begun.wait().status == "completed"


def test_progress_that_somebody_forged_is_not_shown_and_breaks_no_list(lab: Lab) -> None:
    good = {"planned": 2, "done": 1, "in_flight": 0, "concurrency": 1, "cost": 0.0, "rate": 0.0, "user": "ada"}
    good |= {"started_at": "2026-11-25T10:00:00", "counts": {"ok": 1}}
    forged: list[Any] = ["", "7", "[" * 9_000, {}, good | {"planned": "two"}, good | {"counts": 3}, good | {"user": None}]
    odd = [good | {"started_at": "soon"}, good | {"waiting_until": 1e300}]
    for number, said in enumerate([*forged, *odd]):
        path = lab.folder / "control" / f"run-{number}" / PROGRESS
        path.parent.mkdir(parents=True)
        path.write_text(said if isinstance(said, str) else json.dumps(said))
    assert set(lab.runs()["experiment_id"]) == {"run-7", "run-8"}
    assert lab.runs()["state"].tolist() == ["interrupted"] * 2


# -- what it survives -----------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_run_whose_folder_was_removed_goes_on_and_is_shown_and_steered_again(lab: Lab, server: GatedServer) -> None:
    begun = lab.start("hello", n=2, max_concurrency=1)
    shutil.rmtree(lab.folder / "control")
    until(lambda: len(lab.runs()) == 1)
    elsewhere(lab, begun).limit(concurrency=2)
    server.let()
    assert begun.wait().status == "completed"
    assert lab.runs().empty


@pytest.mark.parametrize("publish", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("unforeseen")])
def test_a_run_that_cannot_say_how_far_it_is_goes_on_and_logs_why(
    lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch, publish: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise publish

    monkeypatch.setattr(RunFolder, "publish", refuse)
    begun = lab.start("hello", n=3, max_concurrency=1)
    server.let()
    assert begun.wait().status == "completed"
    assert str(publish.args[-1]) in (lab.folder / "pplab.log").read_text("utf-8")


@pytest.mark.soak
def test_where_the_folder_cannot_be_made_a_run_goes_on_and_orders_are_refused_in_one_line(lab: Lab, server: GatedServer) -> None:
    (lab.folder / "control").write_text("in the way")
    begun = lab.start("hello", n=2, max_concurrency=1)
    with pytest.raises(BadInput, match="not running"):
        elsewhere(lab, begun).pause()
    server.let()
    assert begun.wait().status == "completed"


def test_a_full_disk_refuses_an_order_in_one_line(lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = lab.start("hello", n=2, max_concurrency=1)
    folder = folder_of(lab, begun)
    until((folder / PROGRESS).exists)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pplab.store.run_control.replacement", full)
        with pytest.raises(StoreError, match="the run cannot be reached: No space left on device"):
            steer(lab.folder, begun.id, RunOrder(action="pause", user="ada"))
    server.let()
    assert begun.wait().status == "completed"


@pytest.mark.soak
def test_an_order_at_the_moment_the_run_ends_is_no_error_and_new_limits_say_that_there_is_no_run(
    lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = lab.start("hello", n=1)
    give = RunFolder.give

    def too_late(folder: RunFolder, order: RunOrder) -> str | None:
        server.let()
        begun.wait()
        return give(folder, order)

    monkeypatch.setattr(RunFolder, "give", too_late)
    assert steer(lab.folder, begun.id, RunOrder(action="pause", user="ada")) is False
    again = lab.start("hello again", n=1)
    with pytest.raises(BadInput, match="not running"):
        elsewhere(lab, again).limit(concurrency=2)
    again.wait()
    for steering in ("pause", "go_on", "cancel"):
        getattr(elsewhere(lab, again), steering)()
    assert elsewhere(lab, again).status == "completed"


def test_a_run_that_ends_while_it_is_listed_is_not_called_interrupted(
    lab: Lab, server: GatedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_running = standing.is_running
    begun = lab.start("hello", n=1)

    def end_then_ask(*about: Any) -> bool:
        server.let()
        begun.wait()
        return is_running(*about)

    monkeypatch.setattr(standing, "is_running", end_then_ask)
    assert standing_run(lab.folder, begun.id) is None
    assert standing_runs(lab.folder) == []


def test_one_who_follows_hears_of_each_answer_once_and_a_listener_that_is_interrupted_ends_that_only(
    lab: Lab, server: GatedServer
) -> None:
    class Heard:
        def __init__(self, stop_at: int) -> None:
            self.ids: list[str] = []
            self.done: list[int] = []
            self._stop_at = stop_at

        def arrived(self, row: Any) -> None:
            self.ids.append(row.response_id)
            server.let(1)
            if len(self.ids) == self._stop_at:
                raise KeyboardInterrupt

        def progress(self, progress: Any) -> None:
            self.done.append(progress.done)

    begun = lab.start("hello", n=9, max_concurrency=2)
    server.let(2)
    until(lambda: elsewhere(lab, begun).progress["done"] == 2)
    first, second = Heard(5), Heard(99)
    assert elsewhere(lab, begun).wait(on=first).status == "running"
    assert len(first.ids) == len(set(first.ids)) == 5
    ended = elsewhere(lab, begun).wait(on=second)
    assert ended.status == "completed"
    assert sorted(second.ids) == sorted(ended.responses["response_id"])
    assert second.done == sorted(second.done)
    assert second.done
