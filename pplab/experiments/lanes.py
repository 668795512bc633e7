"""The lanes of a run: the calls to one endpoint, how many may be under way, and why no more of them are sent."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pplab.experiments.concurrency import ConcurrencyLimit
from pplab.experiments.same_failure import SameFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pplab.models.types import Place
    from pplab.plan.plan import Plan, PlannedCall


@dataclass(slots=True, kw_only=True)
class Lane:
    """The calls of a run to one endpoint, with a limit, a wait and failures of their own.

    ``settings`` are those that ask there. ``name`` is the endpoint's name, or the host of its server; empty where the run has one
    lane only. ``most`` is how many calls the endpoint takes at once, where it is known to take fewer. ``stop`` is the
    experiment's status and the reason, once it is decided that no more is sent here.
    """

    name: str
    settings: frozenset[int]
    calls: Iterator[PlannedCall]
    limit: ConcurrencyLimit
    failures: SameFailure
    most: int | None = None
    in_flight: int = 0
    exhausted: bool = False
    stop: tuple[str, str] | None = None
    postponed: deque[PlannedCall] = field(default_factory=deque)
    skipped: deque[PlannedCall] = field(default_factory=deque)

    @property
    def going(self) -> bool:
        """Whether there may be more to send."""
        return self.stop is None and not self.exhausted

    def next(self) -> PlannedCall | None:
        """Take the next call to be sent; those under a setting that the server rejects are put aside."""
        while (call := self._take()) is not None:
            if self.failures.rejected_setting(call.setting_index) is None:
                return call
            self.skipped.append(call)
        self.exhausted = True
        return None

    def _take(self) -> PlannedCall | None:
        return self.postponed.popleft() if self.postponed else next(self.calls, None)

    def postpone(self, call: PlannedCall) -> None:
        """Put back a call that was taken and not sent."""
        self.postponed.append(call)
        self.exhausted = False

    def add(self, calls: Iterable[PlannedCall]) -> None:
        """Take on those of further calls that are sent here, after all the others."""
        own = [call for call in calls if call.setting_index in self.settings]
        if own:
            self.calls = itertools.chain(self.calls, own)
            self.exhausted = False

    def unsent(self, reason: str) -> Iterator[tuple[PlannedCall, str]]:
        """Yield every call that was never sent, and why: ``reason``, where this lane has none of its own."""
        why = self.stop[1] if self.stop else reason
        for skipped in self.skipped:
            yield skipped, self.failures.rejected_setting(skipped.setting_index) or why
        while (call := self._take()) is not None:
            yield call, why


def lanes(plan: Plan, calls: Iterable[PlannedCall], most: int, limits: Mapping[Place, int]) -> list[Lane]:
    """Return the lanes of a run.

    Parameters
    ----------
    plan
        What is asked.
    calls
        The calls of this pass; gone through once for each lane.
    most
        How many calls may be under way at once, all lanes together.
    limits
        How many may be at an endpoint that takes fewer, by `Call.place`.
    """
    settings: dict[Place, set[int]] = {}
    for index in range(len(plan.settings)):
        settings.setdefault(plan.asked(index).place, set()).add(index)
    if len(settings) == 1:
        fewest = min(limits.values(), default=None)
        limit = ConcurrencyLimit(min(most, fewest or most))
        everywhere = frozenset(range(len(plan.settings)))
        failures = SameFailure(plan)
        return [Lane(name="", settings=everywhere, calls=iter(calls), limit=limit, most=fewest, failures=failures)]
    return [
        Lane(
            name=(name := place[0] or place[1] or plan.model),
            settings=frozenset(indices),
            calls=_under(indices, calls),
            limit=ConcurrencyLimit(min(most, limits.get(place, most))),
            most=limits.get(place),
            failures=SameFailure(plan, indices, f"asking {name}"),
        )
        for place, indices in settings.items()
    ]


def _under(settings: set[int], calls: Iterable[PlannedCall]) -> Iterator[PlannedCall]:
    return (call for call in calls if call.setting_index in settings)
