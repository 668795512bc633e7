"""How long to wait before asking again: what the server asks for, otherwise exponential backoff with full jitter."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

LONGEST_BACKOFF_S = 20.0
EPOCH_S, EPOCH_MS = 1e9, 1e12  # numbers this large are instants, not durations
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return for how many seconds the server asks to be left alone, or ``None`` if it does not say.

    In this order: ``retry-after-ms`` (milliseconds), ``retry-after`` (seconds or an HTTP date, RFC 9110 section 10.2.3), then the
    longest ``x-ratelimit-reset-*`` among the limits of which nothing remains.

    Parameters
    ----------
    headers
        Response headers, names in lower case.
    now
        The present, in UNIX seconds, for headers that name an instant.

    Examples
    --------
    >>> asked_wait({"retry-after": "2"}, 0.0)
    2.0
    >>> asked_wait({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30s"}, 0.0)
    90.0
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if (value := headers.get("retry-after")) is not None:
        seconds = _number(value)
        return seconds if seconds is not None else _until_date(value, now)
    waits = [
        wait
        for name, value in headers.items()
        if name.startswith("x-ratelimit-reset")
        and _number(headers.get(name.replace("reset", "remaining"), "0")) == 0
        and (wait := _until_reset(value, now)) is not None
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


def _until_date(text: str, now: float) -> float | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return max(0.0, instant.timestamp() - now)


def _until_reset(text: str, now: float) -> float | None:
    """Return the seconds until a reset given as ``6m0s``, ``120ms``, seconds, or UNIX seconds or milliseconds."""
    number = _number(text)
    if number is not None:
        if number >= EPOCH_S:
            return max(0.0, (number / 1000 if number >= EPOCH_MS else number) - now)
        return number
    parts = _PARTS.findall(text)
    if not parts or "".join(count + unit for count, unit in parts) != text.strip():
        return None
    return sum(float(count) * _UNITS[unit] for count, unit in parts)
