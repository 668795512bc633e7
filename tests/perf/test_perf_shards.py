"""Several processes against one: a user's metric of 20 ms, and no metric at all. Prints ratios; none fails on time."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pplab.metrics import metric
from pplab.scoring.registry import unregister
from tests.unit.shard_labs import PROMPT, recorded_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.perf


@pytest.fixture
def slow_metric() -> Iterator[None]:
    """A metric that computes for 20 ms."""

    @metric("busy", low=0, high=1, version="1")
    def busy(text: str) -> float:
        "Computes for 20 ms."
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return 1.0

    yield
    unregister("busy")


def measured(folder: Path, calls: int, processes: int) -> float:
    """Return the seconds that a run of recorded answers takes."""
    with recorded_lab(folder, calls) as lab:
        begun = time.perf_counter()
        experiment = lab.run(PROMPT, n=calls, processes=processes)
        took = time.perf_counter() - begun
        assert experiment.progress["counts"] == {"ok": calls}
    return took


def test_two_processes_against_one_with_a_metric_of_20_ms(slow_metric: None, tmp_path: Path) -> None:
    one, two = (measured(tmp_path / str(processes), 1000, processes) for processes in (1, 2))
    print(f"\n1000 answers, a metric of 20 ms: one process {one:.1f} s, two {two:.1f} s, {one / two:.2f} times (target 1.6)")


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_what_processes_cost_where_nothing_takes_long(processes: int, tmp_path: Path) -> None:
    took = measured(tmp_path, 3000, processes)
    cores = min(processes, os.cpu_count() or 1)
    print(f"\n3000 recorded answers, {processes} processes: {3000 / took:.0f} calls/s, {3000 / took / cores:.0f} a core")
