"""The scores of answers as they arrive: short ones between two answers, long ones aside, and none that loses an answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from pplab.experiments.response_writer import MissingScores
from pplab.log import log_error

if TYPE_CHECKING:
    from pplab.experiments.dependencies import RunDependencies, ScoreRecord
    from pplab.models.types import Reply
    from pplab.plan.plan import Plan, PlannedCall

INLINE_CHARS = 6_000  # text and prompt up to this long are scored between two answers (about 2 ms); longer ones aside
SCORERS = 4


class AnswerScorer:
    """Scores the answers of one run, on its loop.

    Parameters
    ----------
    dependencies
        The scorer of the run, and whether it may take long.
    """

    def __init__(self, dependencies: RunDependencies) -> None:
        self._dependencies = dependencies
        self._scorers: ThreadPoolExecutor | None = None

    async def score(self, plan: Plan, planned: PlannedCall, reply: Reply) -> ScoreRecord:
        """Return the scores of an answer; where it could not be scored, none and the reason."""
        job = partial(self._dependencies.score, plan, planned, reply.text, finish_reason=reply.finish_reason)
        try:
            length = len(reply.text) + len(plan.question(planned))
            if not self._dependencies.score_aside and length <= INLINE_CHARS:
                return job()
            if self._scorers is None:
                self._scorers = ThreadPoolExecutor(SCORERS, thread_name_prefix="pplab-score")
            return await asyncio.get_running_loop().run_in_executor(self._scorers, job)
        except Exception as error:  # noqa: BLE001 - an answer that was paid for is stored, whatever a metric makes of it
            log_error("an answer could not be scored", error)
            return MissingScores(f"scoring failed: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Begin no more; what is being scored is finished by itself."""
        if self._scorers is not None:
            self._scorers.shutdown(wait=False)
