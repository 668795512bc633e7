"""The scores of a run's answers by the user's async metrics, awaited once the answers are stored."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pplab.experiments.score_rows import user_rows
from pplab.ids import now
from pplab.plan.plan import PlannedCall
from pplab.scoring.awaited import AwaitedMetrics
from pplab.scoring.registry import async_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.experiments.dependencies import Recorder
    from pplab.plan.plan import Plan
    from pplab.store.rows import ResponseRow


class AwaitedScores:
    """The async metrics of one run: scores its answers as they come, holds up none of them, and stores each score.

    Everything here is called on the run's loop.

    Parameters
    ----------
    plan
        Whose ``deadline`` holds for each value, too.
    recorder
        Where the scores go.
    told
        Called with each answer once its scores are safe, or will not come: then the answer lacks them until `Experiment.score`.
    failed
        Called with what kept scores from being stored.
    """

    def __init__(
        self, plan: Plan, recorder: Recorder, told: Callable[[ResponseRow], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._metrics = AwaitedMetrics(plan.deadline)
        self._recorder = recorder
        self._told = told
        self._failed = failed
        self._tasks: set[asyncio.Task[ResponseRow]] = set()

    def add(self, plan: Plan, row: ResponseRow) -> None:
        """Score an answer that is stored; where no metric is async, it is told at once."""
        if not async_metrics():
            self._told(row)
            return
        task = asyncio.get_running_loop().create_task(self._score(plan, row))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Cancel what is awaited, and await nothing more."""
        self._metrics.stop()

    async def wait(self) -> None:
        """Return when every answer has its scores, or will not get them now."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _score(self, plan: Plan, row: ResponseRow) -> ResponseRow:
        call = PlannedCall(row.prompt_index, row.setting_index, row.replicate)
        scores = await self._metrics.scores(row.text, plan.question(call), plan.row(call))
        if not scores:
            return row
        rows = user_rows(row, scores, created_at=now(), correlation_id=row.correlation_id)
        await asyncio.wrap_future(self._recorder.record(*rows, durable=True))
        values = {name: score.value for name, score in scores.items()}
        detail = {name: part for name, score in scores.items() if (part := score.detail)}
        return replace(row, metrics={**row.metrics, **values}, detail={**row.detail, **detail})

    def _ended(self, task: asyncio.Task[ResponseRow]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._told(task.result())
        else:
            self._failed(error)
