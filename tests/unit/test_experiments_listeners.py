"""Who hears how a run goes: each run tells its own listener, and none can stop it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(latency_ms=20) as running:
        yield running


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.planned: set[int] = set()
        self.prompts: list[str] = []
        self.done = 0

    def progress(self, progress: Any) -> None:
        self.planned.add(progress.planned)
        self.done = progress.done

    def arrived(self, row: Any) -> None:
        self.prompts.append(row.prompt)


def test_two_runs_at_once_tell_each_its_own_listener(server: FaultServer, tmp_path: Path) -> None:
    first, second = Notes(), Notes()
    with lab_at(tmp_path, server, "fast") as lab:
        work = [
            threading.Thread(target=lab.run, args=(prompt,), kwargs={"n": n, "max_concurrency": 2, "on": notes})
            for prompt, n, notes in (("one", 20, first), ("two", 30, second))
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(PATIENCE)
        lab.run("three", n=2)
    assert (first.planned, first.done, first.prompts) == ({20}, 20, ["one"] * 20)
    assert (second.planned, second.done, second.prompts) == ({30}, 30, ["two"] * 30)


@pytest.mark.soak
def test_a_run_that_nobody_waits_for_tells_its_listener_too(server: FaultServer, tmp_path: Path) -> None:
    notes = Notes()
    with lab_at(tmp_path, server, "fast") as lab:
        lab.start("one", n=5, on=notes).wait()
        assert (notes.planned, notes.done, notes.prompts) == ({5}, 5, ["one"] * 5)


@pytest.mark.parametrize("again", ["top_up", pytest.param("check", marks=pytest.mark.soak)])
def test_later_runs_of_an_experiment_have_listeners_of_their_own(server: FaultServer, tmp_path: Path, again: str) -> None:
    first, second = Notes(), Notes()
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.run("one", n=5, on=first)
        if again == "top_up":
            experiment.top_up(8, on=second)
        else:
            lab.check(experiment, n=3, on=second)
    assert (len(first.prompts), len(second.prompts)) == (5, 3)


class Failing(Notes):
    """Cannot bear its first news."""

    def __init__(self, deaf_to: str) -> None:
        super().__init__()
        self.deaf_to = deaf_to
        self.called = 0

    def _fail(self, name: str) -> None:
        if name == self.deaf_to:
            self.called += 1
            raise RuntimeError("no")

    def progress(self, progress: Any) -> None:
        self._fail("progress")
        super().progress(progress)

    def arrived(self, row: Any) -> None:
        self._fail("arrived")
        super().arrived(row)


@pytest.mark.parametrize("what", ["progress", "arrived"])
def test_a_listener_that_fails_is_not_called_again_and_silences_no_other(server: FaultServer, tmp_path: Path, what: str) -> None:
    failing, heard = Failing(what), []
    with lab_at(tmp_path, server, "fast") as lab:
        experiment = lab.run("one", n=8, max_concurrency=1, on=failing, on_response=heard.append)
        assert (experiment.status, len(heard), failing.called) == ("completed", 8, 1)
        assert experiment.warnings == (f"on.{what} failed and was not called again: RuntimeError: no",)


def test_an_interrupted_listener_is_an_interrupted_run(server: FaultServer, tmp_path: Path) -> None:
    class Impatient(Notes):
        def arrived(self, row: Any) -> None:
            raise KeyboardInterrupt

    with lab_at(tmp_path, server, "fast") as lab:
        begun = time.monotonic()
        assert lab.run("one", n=60, max_concurrency=1, on=Impatient()).status == "interrupted"
        assert time.monotonic() - begun < PATIENCE
