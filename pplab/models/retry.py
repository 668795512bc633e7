"""Waits between attempts: what the server asks for, otherwise exponential backoff with full jitter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

LONGEST_BACKOFF_S = 20.0
EPOCH_S, EPOCH_MS = 1e9, 1e12  # numbers this large are instants, not durations
READ_CHARS = 20_000  # of a body, searched for a wait
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_UNIT_WORDS = {
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "h"),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), "m"),
    **dict.fromkeys(("second", "seconds", "sec", "secs"), "s"),
    **dict.fromkeys(("millisecond", "milliseconds", "msec", "msecs"), "ms"),
}
_UNIT = "|".join(sorted({*_UNITS, *_UNIT_WORDS}, key=len, reverse=True))
_PART = rf"\d{{1,15}}(?:\.\d{{1,9}})?\s*(?:{_UNIT})(?![a-zµ])"
_PARTS = re.compile(rf"(\d[\d.]*)\s*({_UNIT})(?![a-zµ])")
_DURATION = rf"{_PART}(?:(?:\s|,|and\b)*{_PART})*"
_INSTANT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
_WAIT_IN_TEXT = re.compile(
    r"(?:\b(?:retry|try|wait|available|resets?|resume)\w*(?: (?:again|your request|the request))?"
    r"(?: (?:in|after|at|for|until|on))?(?: (?:about|approximately|at least))?:? "
    rf"|[\"']retry_?(?:delay|after|in)[\"']\s*:\s*[\"']?)({_INSTANT}|{_DURATION})"
    r"|[\"']retry_?after(?:_seconds)?[\"']\s*:\s*[\"']?(\d{1,9}(?:\.\d{1,9})?)\b",
    re.IGNORECASE,
)


def requested_wait(headers: Mapping[str, str], now: float, body: str = "") -> float | None:
    """Return the seconds that the server asks to wait, or ``None`` if it does not say.

    The first of these that can be understood: ``retry-after-ms`` (milliseconds), ``retry-after`` (seconds or an HTTP date, RFC
    9110 section 10.2.3; also ``1s``), the words of the refusal ("Please try again in 1.289s"), then the longest reset time among
    the rate limits of which nothing remains.

    Parameters
    ----------
    headers
        Response headers, names in lower case.
    now
        The current time, in UNIX seconds, for headers that name an instant.
    body
        The body of the refusal.

    Examples
    --------
    >>> requested_wait({"retry-after": "2"}, 0.0)
    2.0
    >>> requested_wait({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30s"}, 0.0)
    90.0
    >>> requested_wait({}, 0.0, "Rate limit reached. Please try again in 1.289s.")
    1.289
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    for value in (headers.get("retry-after-ms"), headers.get("retry-after")):
        if value is not None and (wait := _seconds_until(value, now)) is not None:
            return wait
    if (match := _WAIT_IN_TEXT.search(body[:READ_CHARS])) is not None and (
        wait := _seconds_until(match[1] or match[2], now)
    ) is not None:
        return wait
    waits = [
        wait
        for name, value in headers.items()
        if "ratelimit" in name
        and "reset" in name
        and _number(headers.get(name.replace("reset", "remaining"), "0")) == 0
        and (wait := _seconds_until(value, now)) is not None
    ]
    return max(waits, default=None)


def backoff(retries: int, base: float, draw: random.Random) -> float:
    """Return how many seconds to wait after ``retries`` retries: uniform on ``[0, base * 2**retries]``, at most 20.

    "Full jitter" (Brooker 2015, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): clients that
    failed together do not come back together.
    """
    return draw.uniform(0, min(LONGEST_BACKOFF_S, base * 2**retries))


def _number(text: str | None) -> float | None:
    """Return a non-negative decimal number, or ``None`` if ``text`` is not one."""
    return float(text) if text is not None and re.fullmatch(r"\s*\d{1,15}(?:\.\d{1,9})?\s*", text) else None


def _seconds_until(text: str, now: float) -> float | None:
    """Return the seconds until a time given as seconds, ``6m0s``, ``20 seconds``, UNIX seconds or milliseconds, or a date."""
    if (number := _number(text)) is not None:
        return number if number < EPOCH_S else max(0.0, (number / 1000 if number >= EPOCH_MS else number) - now)
    if re.fullmatch(_DURATION, text.strip(), re.IGNORECASE):
        return sum(float(count) * _UNITS[_UNIT_WORDS.get(unit, unit)] for count, unit in _PARTS.findall(text.lower()))
    instant = _date(text.strip())
    if instant is None:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return max(0.0, instant.timestamp() - now)


def _date(text: str) -> datetime | None:
    """Return the instant that an HTTP date or one of ISO 8601 names."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text)
        except (ValueError, TypeError, IndexError, OverflowError):  # not of this form
            continue
    return None
