"""How long the server takes for a lab of many experiments, and that its event loop is free meanwhile."""

from __future__ import annotations

import os
import statistics
import threading
import time
import urllib.request

import pytest

from tests.server.conftest import BASE, TOKEN
from tests.server.large_labs import lab_of

ROUNDS = 30 if os.environ.get("PPLAB_SOAK") else 10
GENEROUS_S = 30.0  # on a machine with other work


def timed(server, path):
    began = time.perf_counter()
    page = server.get(path)
    return time.perf_counter() - began, page


def test_a_page_of_a_thousand_experiments_does_not_wait_for_their_verdicts(server):
    folder = server.root / "thousand" / ".pplab"
    lab_of(folder, 1_000)
    seconds, page = timed(server, server.of_lab(folder, "experiments"))
    assert (page["total"], len(page["experiments"])) == (1_000, 50)
    assert seconds < GENEROUS_S
    last = server.get(server.of_lab(folder, "experiments?limit=100&offset=950"))
    assert [one["id"] for one in last["experiments"]] == [f"experiment-{number}" for number in range(49, -1, -1)]
    found = server.get(server.of_lab(folder, "experiments?query=notebook%20777"))
    assert [one["id"] for one in found["experiments"]] == ["experiment-777"]


def beat(server, stopped, waits):
    """Ask for something that costs nothing until told to stop, and note how long each answer took."""
    status = urllib.request.Request(f"http://127.0.0.1:{server.port}{BASE}api", headers={"Authorization": f"token {TOKEN}"})
    while not stopped.is_set():
        began = time.perf_counter()
        urllib.request.urlopen(status).close()
        waits.append(time.perf_counter() - began)
        stopped.wait(0.01)


def while_listing(server, folder, rounds):
    """Return how long the server's heart took to beat while a lab was listed, and how long the lists took."""
    stopped, waits = threading.Event(), []
    heart = threading.Thread(target=beat, args=(server, stopped, waits))
    heart.start()
    try:
        lists = [timed(server, server.of_lab(folder, "experiments?query=notebook"))[0] for _ in range(rounds)]
    finally:
        stopped.set()
        heart.join()
    return waits, lists


def test_the_event_loop_is_free_while_a_lab_is_listed(server):
    folder = server.root / "beats" / ".pplab"
    lab_of(folder, 1_000)
    waits, lists = while_listing(server, folder, 5)
    assert len(waits) > len(lists)  # it beats while a list is made, and not between them only
    assert statistics.median(waits) < statistics.median(lists)


@pytest.mark.perf
@pytest.mark.serial
def test_how_long_ten_thousand_experiments_take(server):
    folder = server.root / "ten-thousand" / ".pplab"
    lab_of(folder, 10_000)
    first, _ = timed(server, server.of_lab(folder, "experiments"))
    pages = [timed(server, server.of_lab(folder, f"experiments?offset={100 * k}"))[0] for k in range(ROUNDS)]
    waits, searches = while_listing(server, folder, ROUNDS)
    print(
        f"\nof 10,000 experiments (300 ms are allowed): the first page {first * 1000:.0f} ms, which opens the lab; another page"
        f" {statistics.median(pages) * 1000:.0f} ms, a search {statistics.median(searches) * 1000:.0f} ms (medians);"
        f" meanwhile another request {statistics.median(waits) * 1000:.1f} ms (median), at most {max(waits) * 1000:.0f} ms"
    )
