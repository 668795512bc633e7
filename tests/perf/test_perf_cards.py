"""How long the cards of a large experiment take to open: the page that is seen first, and the verdict beside it."""

from __future__ import annotations

import time

import pytest

from pplab.views.widgets.cards import Cards
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at


@pytest.mark.perf
@pytest.mark.serial
def test_opening_the_cards_of_ten_thousand_responses(tmp_path, monkeypatch):
    with FaultServer() as server, lab_at(tmp_path, server, "fast") as lab:
        prompts = [f"Write about lighthouse {number}." for number in range(100)]
        lab.run(prompts, n=25, sweep={"temperature": [0, 0.5, 1, 1.5]}, max_concurrency=200)
        for turn in ("first time", "again"):
            start = time.perf_counter()
            experiment = lab.experiment()
            frame = experiment.responses
            read = time.perf_counter()
            cards = Cards(lab, experiment)
            opened = time.perf_counter()
            told: list[dict] = []
            monkeypatch.setattr(cards, "send", told.append)
            cards._take_ask({"kind": "ask", "wanted": {"page": 50, "sort": "creativity", "status": "", "setting": -1}})
            paged = time.perf_counter()
            assert (told[0]["total"], len(told[0]["cards"])) == (len(frame), 100)
            print(
                f"\n{turn}: {len(frame):,} responses read in {read - start:.2f} s, cards with verdict and chart opened in "
                f"{opened - read:.2f} s (budget 1 s), a page of 100 sorted and sent in {paged - opened:.2f} s"
            )
            cards.close()
