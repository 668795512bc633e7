"""The rate at which answers arrive, from which the time to go is told."""

from __future__ import annotations

from collections import deque
from typing import Final

RATE_SECONDS: Final = 10.0
"""The rate is that of at least this last while."""
RATE_ANSWERS: Final = 10
"""And of at least so many answers: a slow model gives hardly one in ten seconds, and the time to go would jump with each."""


class RecentRate:
    """The answers a second of a run's last while: ten seconds, or as long as the last ten answers took.

    Examples
    --------
    >>> rate = RecentRate()
    >>> [rate.update(at, at // 5) for at in range(0, 25, 5)][-1]
    0.2
    """

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()  # when the count became what it is

    def update(self, at: float, done: int, *, paused: bool = False) -> float:
        """Take the count at a moment (in seconds) and return the rate; a pause is no part of it, after which it begins anew."""
        counts = self._counts
        if paused:
            counts.clear()
            return 0.0
        if not counts or counts[-1][1] != done:
            counts.append((at, done))
        while len(counts) > 1 and counts[1][0] <= at - RATE_SECONDS and done - counts[1][1] >= RATE_ANSWERS:
            counts.popleft()
        began, before = counts[0]
        return (done - before) / (at - began) if at > began else 0.0
