"""How long the client waits: the server's wish in all its spellings, and backoff."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.models.waiting import LONGEST_BACKOFF_S, asked_wait, backoff

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "3", "x-ratelimit-reset-requests": "60s"}, 3),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-reset-requests": "17"}, 17),
        ({"x-ratelimit-reset": str(int(NOW) + 30)}, 30),
        ({"x-ratelimit-reset": str(int(NOW + 30) * 1000)}, 30),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "900"}, None),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-requests": "1s"}, 360),
        ({"x-ratelimit-reset-tokens": "later today"}, None),
    ],
)
def test_the_servers_wish_is_understood_in_every_spelling(headers, seconds):
    assert asked_wait(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-requests"]), st.text(max_size=30)))
def test_no_header_makes_a_wait_negative_or_raises(headers):
    wait = asked_wait(headers, NOW)
    assert wait is None or wait >= 0


@given(st.integers(0, 50), st.floats(0.001, 10), st.randoms(use_true_random=False))
def test_backoff_stays_within_its_bounds(retries, base, draw):
    assert 0 <= backoff(retries, base, draw) <= min(LONGEST_BACKOFF_S, base * 2**retries)


def test_backoff_is_spread_over_its_whole_interval():
    draw = random.Random(1)
    waits = [backoff(2, 0.5, draw) for _ in range(1000)]
    assert min(waits) < 0.05
    assert max(waits) > 1.95
