"""How long one stored experiment takes to show, and how often its tables are opened for that. Prints both; none fails on time."""

from __future__ import annotations

import statistics
import time

import pytest

from pplab.commands import command_table
from pplab.commands.session import Session
from pplab.views import static
from pplab.views.widgets.cards import Cards
from tests.openings import Openings
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at


@pytest.mark.perf
@pytest.mark.serial
def test_showing_an_experiment_of_a_thousand_responses(tmp_path, monkeypatch):
    openings = Openings(monkeypatch)
    with FaultServer() as server, lab_at(tmp_path, server, "fast") as lab:
        prompts = [f"Write about lighthouse {number}." for number in range(50)]
        lab.run(prompts, n=5, sweep={"temperature": [0, 0.5, 1, 1.5]}, max_concurrency=100)
        ways = {
            "the command and its static form": lambda: static.experiment(_command(lab)),
            "the command and its live cards": lambda: Cards(lab, _command(lab)).close(),
            "verdict, summary, recommendation and warnings": lambda: _statements(lab.experiment()),
        }
        for name, show in ways.items():
            show()  # what is imported once is no part of it
            took, computed, opened = [], [], []
            for _ in range(5):
                openings.clear()
                start, busy = time.perf_counter(), time.thread_time()
                show()
                took.append(time.perf_counter() - start)
                computed.append(time.thread_time() - busy)
                opened.append(len(openings))
            whole, work = (statistics.median(times) * 1000 for times in (took, computed))
            print(
                f"\n{name}: {whole:.0f} ms (budget 150), of them {work:.0f} at work, the rest waiting for a busy machine; "
                f"tables opened {max(opened)} time(s) (budget 1)"
            )


def _command(lab):
    return command_table.perform(["results"], Session(lambda: lab, "notebook")).value


def _statements(experiment):
    return experiment.verdict(), experiment.summary(), experiment.recommend(), experiment.warnings
