"""One pass over an experiment: writes down that it starts, runs it, waits for it, writes down how it ended."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

from pplab.errors import PplabError
from pplab.ids import now
from pplab.observe.events import event

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pplab.experiments.runner import Ended, Progress, Run, Tools
    from pplab.loop import LoopThread
    from pplab.operation import Span
    from pplab.store.rows import ExperimentRow

WAIT_SECONDS = 0.1  # how often a waiting user's progress bar is brought up to date
SETTLE_SECONDS = 0.8  # how long an interrupted run may take to write down what it was doing


class Execution:
    """A run on the loop's thread, and the experiment's row before and after it.

    ``claim`` is held from start to end, so that no other process runs the same experiment meanwhile.
    """

    def __init__(self, row: ExperimentRow, run: Run, tools: Tools, span: Span, claim: AbstractContextManager[object]) -> None:
        self.row = row
        self.run = run
        self.failure: BaseException | None = None
        self._tools = tools
        self._span = span
        self._claim = claim
        self._finished = threading.Event()

    def start(self, loop: LoopThread) -> None:
        """Write the experiment down as running and send its first calls."""
        self._claim.__enter__()
        try:
            self._tools.recorder.record(self.row, durable=True).result()
        except BaseException:
            self._claim.__exit__(None, None, None)
            raise
        loop.submit(self._whole())

    def wait(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Return when the run has ended; an interrupt ends it, keeps what arrived and returns within a second."""
        try:
            while not self._finished.wait(WAIT_SECONDS):
                if progress is not None:
                    progress(self.run.progress)
        except KeyboardInterrupt:
            self.run.cancel("interrupted")
            self._finished.wait(SETTLE_SECONDS)
        if self.failure is not None:
            raise self.failure

    @property
    def running(self) -> bool:
        """Whether calls may still be sent."""
        return not self._finished.is_set()

    async def _whole(self) -> None:
        try:
            ended = await self.run.execute()
            self._write_end(ended)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; nobody else can
            self.failure = (
                error if isinstance(error, PplabError) else PplabError(f"the run broke off: {error!r}", code="internal")
            )
        finally:
            self._claim.__exit__(None, None, None)
            self._finished.set()

    def _write_end(self, ended: Ended) -> None:
        recorder = self._tools.recorder
        self.row = dataclasses.replace(
            self.row, revision=self.row.revision + 1, updated_at=now(), status=ended.status, reason=ended.reason
        )
        done = event(
            "experiment_generated",
            recorder.user,
            entity="experiment",
            entity_id=self.row.experiment_id,
            **self._span.ids(),
            status=ended.status,
            planned=self.row.planned,
            counts=dict(sorted(ended.counts.items())),
        )
        recorder.record(self.row, done, durable=True).result()
