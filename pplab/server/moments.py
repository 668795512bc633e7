"""Moments as the front end takes them: ISO 8601 with the zone, which is UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(text: str) -> str:
    """Return a stored time, which has no offset, with its zone.

    Examples
    --------
    >>> utc("2026-11-23T01:23:49.123456")
    '2026-11-23T01:23:49.123456Z'
    """
    return f"{text}Z"


def utc_of(seconds: float) -> str:
    """Return seconds since 1970 as a moment.

    Examples
    --------
    >>> utc_of(1.5)
    '1970-01-01T00:00:01.500Z'
    """
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 1000):03}Z"


def day_began() -> datetime:
    """Return when the present day of UTC began, without an offset, as the tables have it."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
