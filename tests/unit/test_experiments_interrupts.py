"""Ctrl-C at any moment of a run: the prompt is back within a second, what arrived is kept, a resume sends what is missing."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplab.experiments.interrupts import Interrupts
from pplab.experiments.run import WAIT_SECONDS
from tests.servers import FaultServer
from tests.unit.experiment_labs import SOAK, lab_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from pplab import Lab
    from pplab.experiments.experiment import Experiment

ROUNDS = 100 if SOAK else 2
CALLS = 120 if SOAK else 60


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(latency_ms=30) as running:
        yield running


class Interrupt:
    """Sends this process an interrupt after some seconds or when something has come true, and knows when it did."""

    def __init__(self, when: float | Callable[[], bool]) -> None:
        self.at = float("inf")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, args=(when,))
        self._thread.start()

    def _send(self, when: float | Callable[[], bool]) -> None:
        if callable(when):
            while not when() and not self._over.wait(0.005):
                pass
        else:
            self._over.wait(when)
        if not self._over.is_set():
            self.at = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)

    def over(self) -> None:
        self._over.set()
        self._thread.join()


def interrupted_run(lab: Lab, when: float | Callable[[], bool], **options: Any) -> tuple[Experiment | None, float]:
    """Run and interrupt; return the experiment (``None``: it had not begun) and how long the prompt took to come back."""
    known = set(lab.experiments()["experiment_id"])
    interrupt = Interrupt(when)
    try:
        experiment = lab.run("interrupt me", n=CALLS, max_concurrency=8, **options)
    except KeyboardInterrupt:  # before anything was sent: there is nothing to keep
        experiment = None
    back = time.monotonic()
    interrupt.over()
    if experiment is None:
        assert set(lab.experiments()["experiment_id"]) == known
    return experiment, back - interrupt.at


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_interrupt_at_a_random_moment_gives_the_prompt_back_and_loses_nothing(
    server: FaultServer, tmp_path: Path, seed: int
) -> None:
    heard: list[str] = []
    with lab_at(tmp_path, server, "fast") as lab:
        lab.run("warm up", n=1)
        after = random.Random(seed).uniform(0, 0.5)
        experiment, took = interrupted_run(lab, after, on_response=lambda r: heard.append(r.response_id))
        if experiment is None:
            return
        assert took < 1
        rows = experiment.responses
        assert experiment.status in ("interrupted", "completed")
        assert len(rows) == CALLS
        arrived = rows.loc[rows["status"] == "ok", "response_id"]
        assert set(heard) <= set(arrived)
        before = server.counts()["requests"]
        experiment.resume()
        assert server.counts()["requests"] - before == CALLS - len(arrived)
        assert experiment.status == "completed"
        assert set(lab.responses(experiment)["status"]) == {"ok"}


def test_an_interrupted_run_is_returned_as_interrupted_with_what_arrived(server: FaultServer, tmp_path: Path) -> None:
    answered = 16
    with lab_at(tmp_path, server, "play:" + "ok," * answered + "hang") as lab:
        lab.run("warm up", n=1)
        before = server.counts()["requests"]
        experiment, _ = interrupted_run(lab, lambda: server.counts()["requests"] - before > answered)
        assert experiment is not None
        assert (experiment.status, experiment.reason) == ("interrupted", "interrupted")
        assert set(experiment.responses["status"]) == {"ok", "cancelled"}
        cancelled = experiment.responses.loc[experiment.responses["status"] == "cancelled", "error"]
        assert set(cancelled) == {"interrupted", "interrupted; it was under way and may have been billed"}
        assert (cancelled != "interrupted").sum() <= 8
        assert list(lab.timing(name="run")["status"]) == ["ok", "ok"]


@pytest.mark.timeout(60)
def test_an_interrupt_that_is_taken_only_when_the_wait_is_over_ends_the_run_too(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Interrupts._interrupted

    def take_late(interrupts: Interrupts, number: int, frame: FrameType | None) -> None:
        time.sleep(2 * WAIT_SECONDS)
        take(interrupts, number, frame)

    monkeypatch.setattr(Interrupts, "_interrupted", take_late)
    with lab_at(tmp_path, server, "play:hang") as lab:
        experiment, _ = interrupted_run(lab, 0.5)
        assert experiment is not None
        assert experiment.status == "interrupted"


def test_an_interrupt_in_the_users_own_function_ends_the_run_too(server: FaultServer, tmp_path: Path) -> None:
    called = threading.Event()

    def take_long(_: object) -> None:
        called.set()
        time.sleep(20)

    with lab_at(tmp_path, server, "fast") as lab:
        lab.run("warm up", n=1)
        experiment, took = interrupted_run(lab, called.is_set, on_response=take_long)
        assert experiment is not None
        assert experiment.status in ("interrupted", "completed")
        assert took < 1


def test_the_text_of_an_interrupted_stream_is_kept_as_far_as_it_came(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:stream_trickle") as lab:
        arriving = threading.Event()
        experiment = lab.start("stream", n=1, stream=True, on_text=lambda _, text: arriving.set())
        assert arriving.wait(20)
        experiment.cancel()
        row = experiment.wait().responses.iloc[0]
        assert row["status"] == "cancelled"
        assert row["text"].startswith("0 ")
        assert row["error"] == "cancelled by the user; it was under way and may have been billed"


def test_a_hundred_thousand_calls_are_interrupted_as_fast_and_all_have_a_row(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        lab.run("warm up", n=1)
        many = 100_000 if SOAK else 1_000
        interrupt = Interrupt(1.0 if SOAK else 0.3)
        experiment = lab.run("many", n=many, max_concurrency=32)
        took = time.monotonic() - interrupt.at
        interrupt.over()
        assert took < 1
        assert experiment.status == "interrupted"
        assert len(experiment.responses) == many


def test_the_programs_own_handler_of_interrupts_is_put_back(server: FaultServer, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with lab_at(tmp_path, server, "fast") as lab:
        lab.run("polite", n=1)
        assert signal.getsignal(signal.SIGINT) is before
        with pytest.raises(ValueError, match="n=0"):
            lab.run("refused", n=0)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_outside_the_main_thread_works_without_signals(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        done: list[str] = []
        thread = threading.Thread(target=lambda: done.append(lab.run("elsewhere", n=2).status))
        thread.start()
        thread.join()
        assert done == ["completed"]
