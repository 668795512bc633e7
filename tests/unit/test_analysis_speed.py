"""How long the analysis of a large experiment takes; prints, never fails on time."""

import time

import pytest
from analysis_frames import every_pair, experiment

from pplab.analysis.decision import decide
from pplab.analysis.statistics import compare_pairs
from pplab.analysis.summaries import by_setting


@pytest.mark.perf
def test_large_experiments_are_analysed_while_a_person_waits(capsys):
    sweep, large = experiment(100, 20, 5), experiment(1_000, 20, 5)
    timed = {
        "compare all pairs, 100 prompts x 20 settings x 5, 760 tests (budget 3 s)": lambda: compare_pairs(sweep, every_pair(20)),
        "decision on the same": lambda: decide(sweep),
        "summary by setting, 100,000 rows (budget 1 s)": lambda: by_setting(large),
    }
    with capsys.disabled():
        print()
        for name, work in timed.items():
            start = time.process_time()
            assert work() is not None
            print(f"  {name}: {time.process_time() - start:.2f} s")
