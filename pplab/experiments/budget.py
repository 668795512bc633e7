"""The budget of a run: money set aside before a call is sent, and given back when its true cost is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplab.experiments.dependencies import RunDependencies
    from pplab.plan.plan import Plan, PlannedCall

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

    def refusal(self, worst: float, what: str) -> str:
        """Return in words why something is not paid for."""
        return f"{what} could cost up to ${worst:.4f} and take the run over max_cost=${self.most:g} (${self.spent:.4f} spent)"


def worst_cost(plan: Plan, dependencies: RunDependencies, planned: PlannedCall) -> float:
    """Return the most that a call can cost, in US dollars; 0 where no limit is to be kept."""
    if plan.max_cost is None:
        return 0.0
    size = sum(len(m["content"].encode()) for m in plan.messages(planned))
    asked, longest = plan.asked(planned.setting_index), plan.settings[planned.setting_index].value("max_tokens")
    server = asked.provider or dependencies.provider
    return dependencies.worst_cost(asked.name, size, longest, provider=server) or 0.0
