"""The answers that come in files: read into the rows that single calls have, scored, stored some at a time, and then told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from pplab.experiments.answer_scorer import AnswerScorer
from pplab.experiments.awaited_scores import AwaitedScores
from pplab.log import log_error
from pplab.models.types import Reply
from pplab.plan.vocabulary import SCORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import IO

    from pplab.experiments.dependencies import Progress, RunDependencies, ScoreRecord
    from pplab.experiments.response_writer import OutgoingCall, ResponseWriter
    from pplab.models.batch_format import Result
    from pplab.models.batches import BatchProvider
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import ResponseRow

CHUNK = 200  # answers that one fsync makes safe
ROWS = 500  # rows of calls without an answer that are written together


@dataclass(frozen=True, slots=True)
class Arrived:
    """A result that came for a planned call, and since when it was waited for (ISO 8601 UTC)."""

    planned: PlannedCall
    result: Result
    provider: BatchProvider
    since: str


class BatchAnswers:
    """Stores the answers of one pass whose calls go in files.

    Parameters
    ----------
    writer, plan, dependencies
        As in `pplab.experiments.scheduler.Scheduler`.
    progress
        Counts what is stored.
    on_response
        Told of each response after it is safe in the journal; must return at once and not raise.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        plan: Plan,
        dependencies: RunDependencies,
        progress: Progress,
        on_response: Callable[[ResponseRow], None] | None,
    ) -> None:
        self.failure: BaseException | None = None
        self._writer = writer
        self._plan = plan
        self._recorder = dependencies.recorder
        self._progress = progress
        self._on_response = on_response
        self._scorer = AnswerScorer(dependencies)
        self._awaited = AwaitedScores(plan, dependencies.recorder, self._count, self._failed)

    def announce(self, calls: Iterable[PlannedCall]) -> None:
        """Write down that calls are about to be sent."""
        for planned in calls:
            self._recorder.record(self._writer.start_event(self._writer.prepare(planned)))

    async def store(self, arrived: Iterable[Arrived]) -> float:
        """Store answers, and tell of them when they are safe; return what they cost, as far as that is known (US dollars)."""
        written, rows = [], []
        for one in arrived:
            outgoing = self._writer.prepare(one.planned)
            waited = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(one.since).replace(tzinfo=UTC)).total_seconds())
            reply = one.provider.reply(outgoing.call, one.result, started_at=one.since, latency_ms=1000 * waited)
            scores = await self._scored(outgoing, reply)
            row, of_one = self._writer.rows(outgoing, reply, reply.attempts, scores, round(1e9 * waited))
            written.append((row, scores is not None))
            rows += of_one
            await asyncio.sleep(0)  # others on this loop wait for one answer at most
        if rows:
            await asyncio.wrap_future(self._recorder.record(*rows, durable=True))
        for row, scored in written:
            if scored:
                self._awaited.add(self._plan, row)
            else:
                self._count(row)
        return sum(row.cost or 0.0 for row, _ in written)

    async def _scored(self, outgoing: OutgoingCall, reply: Reply) -> ScoreRecord | None:
        return await self._scorer.score(self._plan, outgoing.planned, reply) if reply.status in SCORED else None

    async def end(self, without: Mapping[PlannedCall, str]) -> None:
        """Wait for async metrics, and write the row that every planned replicate has for calls without an answer, with why."""
        await self._awaited.wait()
        self._scorer.close()
        rows = (
            self._writer.response(self._writer.prepare(planned), Reply(status="cancelled", error=why, error_code="cancelled"))
            for planned, why in without.items()
        )
        while batch := list(islice(rows, ROWS)):
            await asyncio.wrap_future(self._recorder.record(*batch))
            for row in batch:
                self._count(row)

    def stop(self) -> None:
        """Await no more metrics."""
        self._awaited.stop()

    def _failed(self, error: BaseException) -> None:
        self.failure = self.failure or error

    def _count(self, row: ResponseRow) -> None:
        self._progress.done += 1
        self._progress.counts[row.status] += 1
        self._progress.cost += row.cost or 0.0
        if self._on_response is not None:
            self._on_response(row)


def results_in(file: IO[bytes], read: Callable[[bytes], Result | None], known: Callable[[str], bool]) -> Iterator[Result]:
    """Yield the results in a file, each request's first; what is none, or of an unknown request, leaves a line in the log.

    A last line that is cut off is left out.
    """
    seen: set[str] = set()
    unknown = twice = unreadable = 0
    for line in file:
        result = read(line) if line.strip() else None
        if result is None:
            unreadable += bool(line.strip()) and line.endswith(b"\n")
        elif not known(result.custom_id):
            unknown += 1
        elif result.custom_id in seen:
            twice += 1
        else:
            seen.add(result.custom_id)
            yield result
    if unknown or twice or unreadable:
        words = f"{unknown:,} of requests that are not waited for, {twice:,} of a request that had one, {unreadable:,} unreadable"
        log_error("lines in a file of results were passed over", ValueError(words))
