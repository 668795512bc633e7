"""The reading of a pass's answers by this process, for whatever makes its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.reading import Reading
    from pplab.plan.plan import Plan


class ReadsHere:
    """The part of what makes the calls of a pass by which its answers are read."""

    plan: Plan
    _dependencies: RunDependencies

    def reading(self, correlation_id: str, note: Callable[[int], None]) -> Reading:
        """Return what reads the answers of this pass; ``note`` is told how many are unread."""
        from pplab.experiments.reading import Reading

        return Reading(self.plan, self._dependencies.recorder, correlation_id, self._dependencies.reader, note)
