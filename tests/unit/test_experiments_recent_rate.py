"""The rate of a run, from which its time to go is told: steady where answers are slow, quick to follow where they are not."""

from __future__ import annotations

import pytest

from pplab.experiments.recent_rate import RecentRate


def rates(counts, step):
    rate = RecentRate()
    return [rate.update(place * step, done) for place, done in enumerate(counts)]


def test_four_answers_at_once_each_half_minute_are_one_rate_and_no_jumping_time_to_go():
    counts = [4 * (place // 150) for place in range(1500)]  # looked at every 0.2 s
    steady = rates(counts, 0.2)[450:]
    assert min(steady) > 0.75 * 4 / 30
    assert max(steady) < 1.5 * 4 / 30


def test_a_quick_run_is_followed_within_ten_seconds():
    slow_then_quick = [*range(100), *range(100, 100 + 50 * 20, 20)]
    assert rates(slow_then_quick, 0.2)[-1] > 95


def test_a_run_that_stalls_slows_down_and_one_without_answers_has_no_rate():
    stalled = rates([*range(100), *[99] * 300], 0.2)
    assert stalled[99] == pytest.approx(5)
    assert 0 < stalled[-1] < 0.5
    assert rates([0] * 50, 0.2)[-1] == 0


def test_a_pause_is_no_part_of_it():
    rate = RecentRate()
    rate.update(0, 0)
    assert rate.update(2, 4) == 2
    assert rate.update(3, 4, paused=True) == 0
    rate.update(1000, 4)
    assert rate.update(1001, 6) == 2
