"""A pass that sends its calls in batches: files are submitted, looked at with growing pauses, and read when they are done.

Whoever goes (an interrupt, the lab's closing) leaves the batches at the provider going, for they are paid: a resume reads them.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, TypeVar

from pplab.analysis.phrasing import counted
from pplab.experiments.batch_answers import CHUNK, Arrived, BatchAnswers, results_in
from pplab.experiments.batch_calls import batch_row, by_model, custom_ids, cut_files
from pplab.experiments.budget import Budget, worst_cost
from pplab.experiments.dependencies import Progress
from pplab.experiments.open_batch import (
    CLOSED,
    INTENDED,
    LOST,
    NOT_SUBMITTED,
    SENT_AGAIN,
    WORDS,
    OpenBatch,
    count_of,
    waiting_words,
)
from pplab.experiments.reads_here import ReadsHere
from pplab.experiments.response_writer import make_call
from pplab.experiments.scheduler import run_outcome
from pplab.log import log_error
from pplab.models.queries import QueryError
from pplab.plan.batches import calls_of_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from pplab.experiments.batch_calls import BatchFile
    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.response_writer import ResponseWriter
    from pplab.experiments.resume import PendingCalls
    from pplab.experiments.scheduler import RunOutcome
    from pplab.models.batches import BatchState
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import BatchRow, ResponseRow

T = TypeVar("T")


class _LeftError(Exception):
    """Whoever waited has gone."""


class BatchScheduler(ReadsHere):
    """One pass over the calls of an experiment that are still to be made, in batches.

    ``pause``, ``go_on``, ``cancel`` and ``leave`` may be called from any thread, ``limit`` on the loop's.

    Parameters
    ----------
    writer, plan, pending, dependencies, on_response
        As in `pplab.experiments.scheduler.Scheduler`.
    experiment_id, span
        The experiment, and the operation that runs it.
    stored
        The batches of earlier passes.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        plan: Plan,
        pending: PendingCalls,
        dependencies: RunDependencies,
        *,
        experiment_id: str,
        span: Span,
        stored: Sequence[BatchRow] = (),
        on_response: Callable[[ResponseRow], None] | None = None,
    ) -> None:
        self.plan = plan
        self.progress = Progress(pending.count, max_cost=plan.max_cost)
        self._dependencies = dependencies
        self._recorder = dependencies.recorder
        self._experiment_id = experiment_id
        self._span = span
        self._stored = stored
        self._pending = pending
        self._answers = BatchAnswers(writer, plan, dependencies, self.progress, on_response)
        self._budget = Budget(plan.max_cost)
        self._open: list[OpenBatch] = []
        self._waiting: dict[str, PlannedCall] = {}  # calls in no batch, by id
        self._without: dict[PlannedCall, str] = {}  # calls that will have no answer in this pass, and why
        self._stop: tuple[str, str] | None = None
        self._stops: list[tuple[str, str]] = []
        self._pause = 0.0
        self._leaving = self._cancelling = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._left = asyncio.Event()

    # -- control, from any thread -------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> tuple[str, str] | None:
        """The experiment's status and the reason, once it is decided that this run ends early."""
        return self._stop

    def pause(self) -> None:
        """Submit nothing new until `go_on`; what is at the provider goes on and is read."""
        self.progress.paused = True

    def go_on(self) -> None:
        """Go on after `pause`."""
        self.progress.paused = False
        self._on_loop(self._wake.set)

    def cancel(self, reason: str = "cancelled by the user") -> None:
        """Have the provider end its batches, and end when what they have finished by then is read and kept."""
        self._cancelling = True
        if self._stop is None or self._stop[0] != "interrupted":
            self._stop = ("interrupted", reason)
        self.progress.paused = False  # it ends, which takes a while
        self._on_loop(self._end_early)

    def leave(self, reason: str) -> None:
        """End now and leave the batches at the provider going: a resume reads them."""
        self._leaving = True
        if self._stop is None or self._stop[0] != "interrupted":
            self._stop = ("interrupted", reason)
        self.progress.paused = False
        self._on_loop(self._go)

    def limit(self, plan: Plan, most: int) -> None:  # noqa: ARG002 - a file is not sent call by call
        """Go on within the budget of another plan; on the loop."""
        self.plan = plan
        self._budget.most = self.progress.max_cost = plan.max_cost
        self._wake.set()

    def _end_early(self) -> None:
        self._answers.stop()
        self._wake.set()

    def _go(self) -> None:
        self._answers.stop()
        self._left.set()

    def _on_loop(self, what: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(what)

    # -- the pass, on the loop's thread ---------------------------------------------------------------------------------------

    async def execute(self) -> RunOutcome:
        """Send every call in batches, wait for them, and return how the run ended."""
        self._loop = asyncio.get_running_loop()
        if self._leaving:
            self._left.set()
        ids = await asyncio.to_thread(custom_ids, self.plan, self._dependencies.provider)
        self._waiting = {ids[planned]: planned for planned in self._pending.calls}
        with suppress(_LeftError):  # then the batches that are open stay at the provider
            await self._learn()
            for row in self._stored:
                if row.status not in CLOSED:
                    await self._take_up(row)
            await self._work()
        there = sum(len(batch.calls) for batch in self._open)
        for batch in self._open:
            self._without |= dict.fromkeys(batch.calls.values(), "its batch is at the provider: a resume reads its answer")
        if there:
            words = f"{count_of(self._open)} at the provider: resume reads the answers"
            self._stop = (self._stop[0], f"{self._stop[1]}; {words}") if self._stop else ("paused", words)
        why = self._stop[1] if self._stop else next((why for _, why in self._stops), "never sent")
        self._without |= dict.fromkeys(self._waiting.values(), why)
        await self._answers.end(self._without)
        if (error := self._answers.failure) is not None:
            self._stops.append(("partial", f"the run stopped: {self._dependencies.scrub(str(error))}"))
        stops = [self._stop] if self._stop is not None else []
        return run_outcome(self.plan, self.progress.counts + Counter(self._pending.kept), [*stops, *self._stops])

    async def _work(self) -> None:
        files = self._files()
        file = await asyncio.to_thread(next, files, None)
        while True:
            while file is not None and self._stop is None and not self.progress.paused and await self._submit(file):
                file = await asyncio.to_thread(next, files, None)
            if self._cancelling:
                await self._cancel_there()
            if not self._open and (file is None or self._stop is not None):
                return
            await self._between_looks()
            for batch in list(self._open):
                await self._look(batch)

    async def _learn(self) -> None:
        """Have the servers asked what they are, where a setting cannot be written down without that."""
        for planned in {planned.setting_index: planned for planned in self._pending.calls}.values():
            call, _ = make_call(self.plan, self._dependencies.provider, planned)
            await self._unless_left(self._dependencies.batches[call.place].learn(call))

    def _files(self) -> Iterator[BatchFile]:
        provider = self._dependencies.provider
        for group in by_model(self.plan, provider, dict(self._waiting)):
            call, _ = make_call(self.plan, provider, next(iter(group.values())))
            yield from cut_files(self.plan, provider, group, self._dependencies.batches[call.place])

    # -- submitting -----------------------------------------------------------------------------------------------------------

    async def _submit(self, file: BatchFile) -> bool:
        """Submit a file; return whether that is done with it, and the next one can be."""
        worst = await asyncio.to_thread(self._worst, file)
        if not self._budget.reserve(worst):
            if not self._open:  # else the true cost of those at the provider may leave room
                self._stop = ("paused", self._budget.refusal(worst, f"the next batch of {counted(len(file.calls), 'request')}"))
            return False
        provider = self._dependencies.batches[file.place]
        row = batch_row(self._experiment_id, self.plan, file, INTENDED, self._span)
        await asyncio.wrap_future(self._recorder.record(row, durable=True))
        await asyncio.to_thread(self._answers.announce, file.calls.values())
        batch = OpenBatch(row, provider, dict(file.calls), self._recorder, self._span, worst)

        async def uploaded(file_id: str) -> None:
            await batch.change(file_id=file_id)

        try:
            state = await self._unless_left(provider.submit(row.batch_id, file.content, uploaded))
        except QueryError as error:
            self._budget.settle(worst, 0.0)
            await self._not_submitted(batch, error)
            return False
        for custom_id in file.calls:
            del self._waiting[custom_id]
        await self._submitted(batch, state)
        return True

    def _worst(self, file: BatchFile) -> float:
        return sum(worst_cost(self.plan, self._dependencies, planned) for planned in file.calls.values())

    async def _submitted(self, batch: OpenBatch, state: BatchState) -> None:
        """Write down at once that the provider has a batch, and wait for it."""
        self._open.append(batch)
        self._pause = batch.provider.limits.first_look
        await batch.submitted(state)
        self._note()

    async def _not_submitted(self, batch: OpenBatch, error: QueryError) -> None:
        words = f"a batch could not be submitted to {batch.row.provider}: {error}"
        self._stop = self._stop or ("paused" if error.retry else "partial", words)
        if not error.unknown:  # otherwise the next pass looks whether it is there
            await batch.change(status=NOT_SUBMITTED, error=str(error))

    async def _take_up(self, row: BatchRow) -> None:
        """Wait further for a batch of an earlier pass; one of which nobody knows whether it was submitted is looked for."""
        members = set(calls_of_runs(self.plan, row.calls))
        calls = {custom_id: planned for custom_id, planned in self._waiting.items() if planned in members}
        provider = self._dependencies.batches[row.endpoint, row.provider]
        batch = OpenBatch(row, provider, calls, self._recorder, self._span)
        if row.provider_batch_id is None:
            try:
                state = await self._unless_left(provider.find(row.batch_id))
            except QueryError as error:
                self._stop = ("paused", f"whether a batch was submitted to {row.provider} is not known: {error}")
                self._give_up(batch, "whether its batch was submitted is not known")
                return
            if state is None:
                await batch.change(status=NOT_SUBMITTED)
                return
            await self._submitted(batch, state)
        else:
            self._open.append(batch)
            self._note()
        for custom_id in calls:
            del self._waiting[custom_id]
        self._pause = provider.limits.first_look / 4  # it may have ended long ago

    def _give_up(self, batch: OpenBatch, why: str) -> None:
        """Expect no more answers of a batch in this pass."""
        for custom_id in batch.calls:
            self._waiting.pop(custom_id, None)
        self._without |= {planned: self._without.get(planned, why) for planned in batch.calls.values()}
        batch.calls.clear()

    # -- waiting and reading --------------------------------------------------------------------------------------------------

    async def _between_looks(self) -> None:
        """Wait until the next look, or until somebody wants something; the pause grows."""
        seconds = self._pause if self._open else None
        self.progress.waiting_until = None if seconds is None else time.time() + seconds
        waiting = asyncio.ensure_future(self._wake.wait())
        try:
            await self._unless_left(asyncio.wait({waiting}, timeout=seconds))
        finally:
            waiting.cancel()
            self.progress.waiting_until = None
        if self._wake.is_set():
            self._wake.clear()
        elif self._open:
            self._pause = min(2 * self._pause, *(batch.provider.limits.longest_look for batch in self._open))

    async def _cancel_there(self) -> None:
        for batch in list(self._open):
            if batch.cancelled or batch.row.provider_batch_id is None:
                continue
            batch.cancelled = True
            self._pause = batch.provider.limits.first_look
            try:
                await self._unless_left(batch.provider.cancel(batch.row.provider_batch_id))
            except QueryError as error:  # it would be waited for until it has ended by itself
                self._leave_there(batch, f"a batch at {batch.row.provider} could not be cancelled: {error}")

    async def _look(self, batch: OpenBatch) -> None:
        assert batch.row.provider_batch_id is not None
        try:
            state = await self._unless_left(batch.provider.look(batch.row.provider_batch_id))
            if state is None:
                await self._close(batch, LOST, "")
                return
            counts = state.done, state.failed
            if state.results and batch.calls and (state.ended or counts != batch.counts):
                await self._read(batch, state)
            batch.counts = counts
            batch.failures = 0
        except QueryError as error:
            self._answer_later(batch, error)
            return
        if state.ended:
            await self._close(batch, state.status, state.error, state)
        elif (state.status, *counts) != (batch.row.status, batch.row.done, batch.row.failed):
            await batch.change(durable=False, status=state.status, done=state.done, failed=state.failed)
        self._note()

    def _answer_later(self, batch: OpenBatch, error: QueryError) -> None:
        """Take note that a batch could not be looked at: it is looked at again, where that can help.

        One that was cancelled is not waited for without end.
        """
        batch.failures += 1
        if not error.retry or (batch.cancelled and batch.failures > batch.provider.limits.retries):
            self._leave_there(batch, f"a batch at {batch.row.provider} cannot be looked at: {error}")
        else:
            log_error("a batch could not be looked at, and will be again", error)

    def _leave_there(self, batch: OpenBatch, words: str) -> None:
        """Wait no more for a batch that may be going on: the next pass does."""
        self._stops.append(("paused", words))
        self._give_up(batch, words)
        self._budget.settle(batch.reserved, batch.reserved)
        self._open.remove(batch)
        self._note()

    async def _read(self, batch: OpenBatch, state: BatchState) -> None:
        """Read the results that are there, and store those that are new."""
        for file_id in state.results:
            with tempfile.TemporaryFile() as file:
                there = await self._unless_left(batch.provider.results(file_id, file, whole=state.ended))
                file.seek(0)
                if there:
                    await self._store(batch, file)

    async def _store(self, batch: OpenBatch, file: IO[bytes]) -> None:
        arrived: list[Arrived] = []
        since = batch.row.submitted_at or batch.row.created_at
        for result in results_in(file, batch.provider.result, batch.ids.__contains__):
            planned = batch.calls.get(result.custom_id)
            if planned is None:  # read before
                continue
            if result.not_executed:
                self._without[planned] = f"the provider did not begin it: {result.not_executed}"
                continue
            batch.take(result)
            self._without.pop(planned, None)
            arrived.append(Arrived(planned, result, batch.provider, since))
            if len(arrived) >= CHUNK:
                batch.spent += await self._answers.store(arrived)
                arrived = []
                self._note()
                if self._left.is_set():
                    raise _LeftError
        batch.spent += await self._answers.store(arrived)

    async def _close(self, batch: OpenBatch, status: str, error: str, state: BatchState | None = None) -> None:
        """Write down that a batch has ended, and what becomes of the calls that it has not answered."""
        self._open.remove(batch)
        self._budget.settle(batch.reserved, batch.spent)
        words = f"{WORDS[status]} ({error})" if error else WORDS[status]
        if batch.calls and (self._stop is None or self._stop[0] != "interrupted"):
            said = f"a batch {words}: {counted(len(batch.calls), 'request')} without an answer, which resume sends again"
            self._stops.append(("paused" if status in SENT_AGAIN else "partial", said))
        self._give_up(batch, f"its batch {words}")
        await batch.ended(status, error, state)
        self._note()

    # -- notes ----------------------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        """Say what is waited for."""
        self.progress.in_flight = sum(len(batch.calls) for batch in self._open)
        self.progress.waiting_for = waiting_words(self._open)

    async def _unless_left(self, asked: Coroutine[Any, Any, T]) -> T:
        """Return what something asked for gives, unless whoever waits goes meanwhile."""
        task = asyncio.ensure_future(asked)
        gone = asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _LeftError
            return task.result()
        finally:
            gone.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, QueryError):  # nobody waits for it any more
                    await task
