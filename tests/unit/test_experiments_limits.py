"""The limit of calls under way, and the money set aside for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pplab.experiments.budget import Budget
from pplab.experiments.concurrency import ConcurrencyLimit


def test_a_burst_of_refusals_halves_the_limit_once() -> None:
    pace = ConcurrencyLimit(64)
    for _ in range(64):
        pace.refused(began=0.0, now=1.0)
    assert pace.limit == 32
    pace.refused(began=1.5, now=2.0)
    assert pace.limit == 16


def test_the_limit_grows_by_one_a_round_of_successes() -> None:
    pace = ConcurrencyLimit(64)
    pace.refused(began=0.0, now=1.0)
    for _ in range(32):
        pace.accepted()
    assert 32.98 < pace._limit <= 33.0


def test_nothing_is_sent_before_the_wait_the_server_asked_for_is_over() -> None:
    pace = ConcurrencyLimit(8)
    pace.refused(began=0.0, now=10.0, wait=5.0)
    pace.refused(began=0.0, now=11.0, wait=1.0)
    assert pace.not_before == 15.0


@given(st.integers(1, 500), st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=200))
def test_the_limit_stays_between_one_and_the_most(most: int, answers: list[tuple[bool, float]]) -> None:
    pace, clock = ConcurrencyLimit(most), 0.0
    for accepted, step in answers:
        clock += step
        if accepted:
            pace.accepted()
        else:
            pace.refused(began=clock - step / 2, now=clock)
        assert 1 <= pace.limit <= most


@given(
    st.floats(0, 100),
    st.lists(st.tuples(st.floats(0.001, 10), st.floats(0, 1), st.integers(0, 5)), max_size=100),
)
def test_what_is_spent_never_passes_the_budget_when_no_call_costs_more_than_its_worst(
    most: float, calls: list[tuple[float, float, int]]
) -> None:
    budget, under_way = Budget(most), []
    for worst, share, settled in calls:
        if budget.reserve(worst):
            under_way.append((worst, worst * share))
        for _ in range(min(settled, len(under_way))):
            budget.settle(*under_way.pop(0))
        assert budget.spent <= most + 1e-6
    for reserved, spent in under_way:
        budget.settle(reserved, spent)
    assert budget.spent <= most + 1e-6


def test_without_a_limit_everything_is_affordable() -> None:
    budget = Budget(None)
    assert budget.reserve(1e9)
    budget.settle(1e9, 12.5)
    assert budget.spent == 12.5
