"""The limit of concurrent calls that a server's answers set. Nothing is sent here."""

from __future__ import annotations

SMALLEST = 1.0


class ConcurrencyLimit:
    """A limit of calls under way that grows by one a round while calls succeed and halves when the server says "too many".

    Additive increase, multiplicative decrease, as in congestion control. A burst of refusals counts once: only a refusal of an
    attempt that began after the last decrease halves again. After a refusal nothing new begins until the wait that the server
    asked for is over.

    Parameters
    ----------
    most
        The largest limit; the run begins with it.

    References
    ----------
    D.-M. Chiu and R. Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", Computer Networks and
    ISDN Systems 17(1), 1989.

    Examples
    --------
    >>> pace = ConcurrencyLimit(32)
    >>> for _ in range(32):  # one burst
    ...     pace.refused(began=0.0, now=1.0)
    >>> pace.limit
    16
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._lowered_at = float("-inf")
        self.not_before = float("-inf")

    @property
    def limit(self) -> int:
        """How many calls may be under way."""
        return int(self._limit)

    def allow(self, most: int) -> None:
        """Let the limit grow up to another value: at once where no server has lowered it, else by and by."""
        at_most = self._limit == self._most
        self._most = float(most)
        self._limit = self._most if at_most else min(self._limit, self._most)

    def accepted(self) -> None:
        """Take note that an attempt was answered."""
        self._limit = min(self._most, self._limit + 1.0 / self._limit)

    def refused(self, began: float, now: float, wait: float | None = None) -> None:
        """Take note that an attempt that began at ``began`` was refused as one too many; all times on one clock, in seconds.

        ``wait`` is how long the server wants to be left alone.
        """
        if began >= self._lowered_at:
            self._limit = max(SMALLEST, self._limit / 2)
            self._lowered_at = now
        if wait is not None:
            self.not_before = max(self.not_before, now + wait)
