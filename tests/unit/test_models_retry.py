"""How long the client waits: what the server asks for, in all its spellings, and backoff."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.models.retry import LONGEST_BACKOFF_S, backoff, requested_wait

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
        ({"retry-after": "1s"}, 1),
        ({"retry-after": "20ms"}, 0.02),
        ({"retry-after": "2 minutes"}, 120),
        ({"retry-after": str(int(NOW) + 30)}, 30),
        ({"retry-after": datetime.fromtimestamp(NOW + 90, UTC).isoformat()}, 90),
        ({"retry-after-ms": "250ms"}, 0.25),
        ({"x-ratelimit-reset-tokens": datetime.fromtimestamp(NOW + 45, UTC).isoformat().replace("+00:00", "Z")}, 45),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": datetime.fromtimestamp(NOW + 9, UTC).isoformat(),
            },
            9,
        ),
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
    assert requested_wait(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.289s. Visit https://example.invalid", 1.289),
        ("Please try again in 6m0s.", 360),
        ("Please try again in 20ms.", 0.02),
        ("Please retry after 17 seconds.", 17),
        ("Please retry your request in 2 minutes and 3 seconds, thank you", 123),
        ("Please wait 30 seconds", 30),
        ("The limit resets in about 3 hours", 10800),
        ('{"error": {"details": [{"retryDelay": "17s"}]}}', 17),
        ('{"message": "slow down", "retry_after": 2.5}', 2.5),
        (f"try again at {datetime.fromtimestamp(NOW + 30, UTC).isoformat()}", 30),
        ("Please try again later", None),
        ("try again in 5 places", None),
        ("Limit 30000, Used 29893, Requested 751", None),
        ("", None),
    ],
)
def test_a_wish_in_words_is_understood(body, seconds):
    assert requested_wait({}, NOW, body) == (None if seconds is None else pytest.approx(seconds))


def test_what_a_header_says_counts_before_the_words_and_the_words_before_the_resets():
    resets = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}
    assert requested_wait({"retry-after": "4", **resets}, NOW, "try again in 2s") == 4
    assert requested_wait(resets, NOW, "try again in 2s") == 2


def test_a_header_that_cannot_be_understood_leaves_it_to_the_next():
    assert requested_wait({"retry-after": "soon", "x-ratelimit-reset": "3s"}, NOW) == 3


@given(
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-requests"]), st.text(max_size=30)),
    st.text(),
)
def test_no_header_and_no_words_make_a_wait_negative_or_raise(headers, body):
    wait = requested_wait(headers, NOW, body)
    assert wait is None or wait >= 0


@given(st.integers(0, 50), st.floats(0.001, 10), st.randoms(use_true_random=False))
def test_backoff_stays_within_its_bounds(retries, base, draw):
    assert 0 <= backoff(retries, base, draw) <= min(LONGEST_BACKOFF_S, base * 2**retries)


def test_backoff_is_spread_over_its_whole_interval():
    draw = random.Random(1)
    waits = [backoff(2, 0.5, draw) for _ in range(1000)]
    assert min(waits) < 0.05
    assert max(waits) > 1.95
