"""Runs against the bare client: time and memory with everything stored, scored and audited. Prints ratios; none fails on time."""

from __future__ import annotations

import asyncio
import gc
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import openai
import psutil
import pytest

from tests.servers import FaultServer
from tests.unit.experiment_labs import KEY, SOAK, lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.perf
PROMPT = "Describe an evening at a lighthouse."
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(latency_ms=50) as running:
        yield running


async def _bare(base_url: str, calls: int, at_once: int) -> None:
    """What a notebook does without pplab: the default client and gather; answers are thrown away."""
    gate = asyncio.Semaphore(at_once)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=base_url) as client:

        async def one() -> None:
            async with gate:
                await client.chat.completions.create(
                    model="fast", messages=[{"role": "user", "content": PROMPT}], temperature=0.7
                )

        await asyncio.gather(*(one() for _ in range(calls)))


def bare(server: FaultServer, calls: int, at_once: int) -> float:
    begun = time.perf_counter()
    asyncio.run(_bare(server.base_url, calls, at_once))
    return time.perf_counter() - begun


def ours(lab: Any, calls: int, at_once: int) -> float:
    begun = time.perf_counter()
    experiment = lab.run(PROMPT, n=calls, parameters={"temperature": 0.7}, max_concurrency=at_once)
    took = time.perf_counter() - begun
    assert experiment.status == "completed"
    return took


class Memory:
    """The largest resident memory of this process, above what it was at the beginning, in megabytes."""

    def __enter__(self) -> Self:
        gc.collect()
        self._process = psutil.Process()
        self._before = self.largest = self._process.memory_info().rss
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.largest = max(self.largest, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self.grown = (self.largest - self._before) / MEGABYTE


def test_200_calls_at_once_against_the_bare_client(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "fast") as lab:
        bare(server, 200, 200), ours(lab, 200, 200)  # what is imported or opened once is not part of the comparison
        rounds = [(bare(server, 200, 200), ours(lab, 200, 200)) for _ in range(7)]
    theirs, mine = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"\n200 calls of 50 ms, 200 at once: bare {theirs:.3f} s, pplab {mine:.3f} s, ratio {mine / theirs:.2f} (target 1.0)")


def test_3000_calls_256_at_once_against_the_bare_client(server: FaultServer, tmp_path: Path) -> None:
    calls = 3_000
    with lab_at(tmp_path, server, "fast") as lab:
        bare(server, 256, 256), ours(lab, 256, 256)
        theirs = bare(server, calls, 256)
        with Memory() as memory:
            mine = ours(lab, calls, 256)
    print(
        f"\n{calls:,} calls, 256 at once: bare {calls / theirs:,.0f}/s, pplab {calls / mine:,.0f}/s, "
        f"throughput ratio {theirs / mine:.2f} (target 0.8), memory +{memory.grown:.0f} MB (limit 150)"
    )
    assert memory.grown < 150


def test_20000_calls_256_at_once_do_not_fill_the_memory(server: FaultServer, tmp_path: Path) -> None:
    calls = 20_000 if SOAK else 6_000
    with lab_at(tmp_path, server, "fast") as lab:
        ours(lab, 256, 256)
        with Memory() as memory:
            mine = ours(lab, calls, 256)
    print(f"\n{calls:,} calls, 256 at once: {calls / mine:,.0f}/s, memory +{memory.grown:.0f} MB (limit 150)")
    assert memory.grown < 150


EVENINGS = {
    "prompts": {"limit": 200, "rows": 25_000, "n": 4},
    "factors": {  # 4 models x 3 personas x 32 combinations of 5 parameters = 384 settings
        "limit": 150,
        "rows": 260,
        "n": 1,
        "models": ["fast", "fast-1", "fast-2", "fast-3"],
        "systems": {"plain": "Be plain.", "warm": "Be warm.", "none": ""},
        "sweep": {
            "temperature": [0.2, 1.0],
            "top_p": [0.8, 1.0],
            "max_tokens": [100, 200],
            "stop": [["END"], ["\n\n\n"]],
            "reasoning_effort": ["low", "high"],
        },
    },
}


@pytest.mark.parametrize("options", EVENINGS.values(), ids=EVENINGS)
def test_a_plan_of_100000_calls_is_made_and_begun_without_holding_its_answers(
    server: FaultServer, tmp_path: Path, options: dict[str, Any]
) -> None:
    import pandas as pd

    rows, limit = options["rows"], options["limit"]
    frame = pd.DataFrame({"number": range(rows), "group": [i % min(500, rows) for i in range(rows)]})
    options = {name: value for name, value in options.items() if name not in ("rows", "limit")}
    with lab_at(tmp_path, server, "fast") as lab:
        ours(lab, 256, 256)
        with Memory() as memory:
            begun = time.perf_counter()
            experiment = lab.start(
                "Describe evening number {number} at the lighthouse.", data=frame, cluster="group", max_concurrency=256, **options
            )
            planned = time.perf_counter() - begun
            while (SOAK and experiment.running) or experiment.progress["done"] < 4_000:
                time.sleep(0.05)
            experiment.cancel()
            experiment.wait()
        took = time.perf_counter() - begun
        status = experiment.responses["status"]
        assert len(status) == len(experiment.plan) > 99_000
    made = f"{(status == 'ok').sum():,} made, the rest written off"
    print(f"\n{len(status):,} calls planned in {planned:.1f} s; {made}: {took:.0f} s, +{memory.grown:.0f} MB (limit {limit})")
    assert memory.grown < limit
