"""A batch at a provider as a pass knows it: its row, the calls that it has not answered, and what is written down of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.ids import now
from pplab.models.batches import ENDED
from pplab.observe.events import event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.experiments.dependencies import Recorder
    from pplab.models.batch_format import Result
    from pplab.models.batches import BatchProvider, BatchState
    from pplab.observe.spans import Span
    from pplab.plan.plan import PlannedCall
    from pplab.store.rows import BatchRow

INTENDED, NOT_SUBMITTED, LOST, WRITTEN = "intended", "not_submitted", "lost", "written"
"""The statuses that are ours; the others are the provider's words. See `pplab.store.rows.BatchRow`."""
WORDS = {
    "completed": "came back without every result",
    "failed": "failed as a whole",
    "expired": "expired",
    "cancelled": "was cancelled",
    LOST: "is not known to the provider any more",
}
"""What became of a batch that has ended with calls unanswered."""
SENT_AGAIN = frozenset({"expired", "cancelled", LOST})  # where sending the rest again helps; else something must be put right
CLOSED = ENDED | {NOT_SUBMITTED, LOST, WRITTEN}
"""The statuses of batches that nothing is expected of any more."""


class OpenBatch:
    """A batch that answers are expected of.

    Attributes
    ----------
    row : BatchRow
        Its latest row.
    provider : BatchProvider
    calls : dict
        Its calls that have no outcome, by id; ``ids`` are those of all that this pass waits for.
    reserved, spent : float
        US dollars: set aside for it, and what its answers have cost.
    counts : tuple of int
        How many requests were done and failed when it was last read.
    cancelled : bool
        Whether the provider was asked to end it.
    failures : int
        How often in a row it could not be looked at.
    """

    def __init__(
        self,
        row: BatchRow,
        provider: BatchProvider,
        calls: dict[str, PlannedCall],
        recorder: Recorder,
        span: Span,
        reserved: float = 0.0,
    ) -> None:
        self.row = row
        self.provider = provider
        self.calls = calls
        self.ids = frozenset(calls)
        self.reserved = reserved
        self.spent = 0.0
        self.counts = (0, 0)
        self.cancelled = False
        self.failures = 0
        self._recorder = recorder
        self._span = span
        self._done = self._failed = 0

    def take(self, result: Result) -> None:
        """Count the outcome of one of its calls."""
        del self.calls[result.custom_id]
        self._done += result.http_status < 300
        self._failed += result.http_status >= 300

    async def submitted(self, state: BatchState) -> None:
        """Write down that the provider has it."""
        about = {name: getattr(self.row, name) for name in ("provider", "model", "requests", "sha256")}
        await self.change(
            self._event("batch_submitted", **about),
            status=state.status,
            provider_batch_id=state.id,
            file_id=state.file_id or self.row.file_id,
            submitted_at=self.row.submitted_at or now(),
            ends_at=state.ends_at,
        )

    async def ended(self, status: str, error: str, state: BatchState | None) -> None:
        """Write down that nothing is expected of it any more; called when all of its answers are stored."""
        done = max(self._done, state.done if state else 0)
        failed = max(self._failed, state.failed if state else 0)
        about: dict[str, Any] = {"status": status, "done": done, "failed": failed}
        await self.change(self._event("batch_ended", **about), **about, error=error or None)

    async def change(self, *events: Any, durable: bool = True, **changes: Any) -> None:
        """Write down a change of its row."""
        self.row = replace(self.row, revision=self.row.revision + 1, **changes)
        await asyncio.wrap_future(self._recorder.record(self.row, *events, durable=durable))

    def _event(self, name: str, **payload: Any) -> Any:
        return event(name, self._recorder.user, entity="batch", entity_id=self.row.batch_id, **self._span.ids(), **payload)


def count_of(batches: Sequence[OpenBatch]) -> str:
    """Return how many batches there are, in words."""
    return "1 batch" if len(batches) == 1 else f"{len(batches):,} batches"


def waiting_words(batches: Sequence[OpenBatch]) -> str:
    """Return which batches are waited for, and how far they are; empty where there are none."""
    if not batches:
        return ""
    hosts = ", ".join(dict.fromkeys(batch.row.provider for batch in batches))
    done = sum(sum(batch.counts) for batch in batches)
    total = sum(batch.row.requests for batch in batches)
    return f"{'a batch' if len(batches) == 1 else count_of(batches)} at {hosts}: {done:,} of {counted(total, 'request')} done"
