"""The budget of a run: money set aside before a call is sent, and given back when its true cost is known."""

from __future__ import annotations

TOLERANCE = 1e-12  # dollars: sums of floats may differ by this much


class Budget:
    """US dollars that may be spent; ``None`` is no limit.

    Whatever may have been billed and whose cost stays unknown counts with the most it can have cost.

    Examples
    --------
    >>> budget = Budget(0.10)
    >>> budget.reserve(0.06), budget.reserve(0.06)
    (True, False)
    >>> budget.settle(0.06, 0.01)
    >>> budget.reserve(0.06), round(budget.spent, 2)
    (True, 0.01)
    """

    def __init__(self, most: float | None) -> None:
        self.most = most
        self.spent = 0.0
        self._reserved = 0.0

    def reserve(self, worst: float) -> bool:
        """Set ``worst`` aside, if it is left."""
        if not self.leaves(worst):
            return False
        self._reserved += worst
        return True

    def leaves(self, amount: float) -> bool:
        """Return whether ``amount`` could be set aside now."""
        return self.most is None or self.spent + self._reserved + amount <= self.most + TOLERANCE

    def settle(self, reserved: float, spent: float) -> None:
        """Give back what was set aside and count what was spent."""
        self._reserved -= reserved
        self.spent += spent
