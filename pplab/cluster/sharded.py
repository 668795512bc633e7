"""The scheduler of a run whose calls are made by workers: which call next and for how much money is decided here, for all."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from pplab.cluster.crew import CallEnd, Crew
from pplab.cluster.messages import Assignment
from pplab.cluster.sharded_reading import ShardedReading
from pplab.experiments.scheduler import MAY_BE_BILLED, Scheduler
from pplab.models.types import Attempt, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pplab.cluster.crew import Workers
    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.lanes import Lane
    from pplab.experiments.reading import Reading
    from pplab.experiments.response_writer import ResponseWriter
    from pplab.experiments.resume import PendingCalls
    from pplab.experiments.scheduler import CallInFlight, RunOutcome
    from pplab.models.recording import Recording
    from pplab.plan.plan import Plan
    from pplab.store.rows import AttemptRow, ResponseRow

PATIENCE_S = 1.0
"""How long workers have to report what they abandoned, before it is written without them."""
ALONE_AFTER = 2
"""Workers lost with a call under way before it is made with nothing else under way, so that no other call is given up for it."""
MOST_LOSSES = 3
"""Workers lost with a call under way, the last with nothing else, before it is given up."""
FURTHER_ATTEMPTS = 3
"""Attempts of a call that may be billed, besides the first, for which money is set aside where there is plenty."""
PORTIONS_EACH = 2
"""Portions of answers that each worker has to read at once: one that it reads, one that waits."""
WORKER_LOST = "worker_lost"


class ShardedScheduler(Scheduler):
    """One pass over the calls of an experiment, made by workers.

    Parameters
    ----------
    workers
        What makes them.
    recording
        Where what they record is written.
    **options
        Those of a `Scheduler`.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        plan: Plan,
        pending: PendingCalls,
        dependencies: RunDependencies,
        *,
        workers: Workers,
        recording: Recording | None,
        **options: Any,
    ) -> None:
        super().__init__(writer, plan, pending, dependencies, **options)
        self._workers = workers
        self._recording = recording
        self._crew: Crew | None = None
        self._reading: ShardedReading | None = None
        self._begun = threading.Event()

    def reading(self, correlation_id: str, note: Callable[[int], None]) -> Reading:
        """Return what has the workers read the answers of this pass."""
        recorder, reader = self._dependencies.recorder, self._dependencies.reader
        width = PORTIONS_EACH * self._workers.count
        self._reading = ShardedReading(self._have_read, width, self.plan, recorder, correlation_id, reader, note)
        return self._reading

    def _have_read(self, rows: list[ResponseRow]) -> Future[None]:
        """Have a worker read some answers; called on the thread of the reading."""
        self._begun.wait()
        assert self._crew is not None
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self._crew.read(rows), self._loop)

    def limit(self, plan: Plan, most: int) -> None:
        """Go on within the concurrency and the budget of another plan; on the loop."""
        super().limit(plan, most)
        if self._crew is not None:
            self._crew.limit(-(-most // self._workers.count), plan.max_cost)

    def _abandon(self) -> None:
        """Have the workers abandon what is under way; what they do not report in time is abandoned here."""
        assert self._crew is not None
        assert self._loop is not None
        assert self._stop is not None
        self._crew.cancel(self._stop[1])
        self._crew.stop()
        self._loop.call_later(PATIENCE_S, super()._abandon)

    # -- the run itself, on the loop's thread ---------------------------------------------------------------------------------

    async def execute(self) -> RunOutcome:
        """Make every call and return how the run ended."""
        self._loop = asyncio.get_running_loop()
        self._crew = Crew(
            self._workers,
            self._dependencies.recorder,
            self._recording,
            told=self._count,
            failed=self._break_off,
            changed=self._crew_changed,
        )
        self._awaited = _AwaitedElsewhere(self._crew)  # type: ignore[assignment]
        self._begun.set()
        self._crew.start()
        try:
            outcome = await super().execute()
            if self._reading is not None:
                await asyncio.to_thread(self._reading.wait)
            return outcome
        finally:
            await self._crew.end()

    def _crew_changed(self) -> None:
        assert self._crew is not None
        self.progress.concurrency = min(self._most, self._crew.concurrency)
        self.progress.waiting_until = self._crew.waiting_until
        self._wake_up()

    def _next_lane(self) -> Lane | None:
        assert self._crew is not None
        return super()._next_lane() if self._crew.has_room else None

    async def _call(self, call: CallInFlight) -> None:
        assert self._crew is not None
        outgoing, losses = call.outgoing, 0
        while True:
            if losses and (self._stop is not None or call.lane.stop is not None):
                end = CallEnd()
                break
            self._set_aside_more(call)
            replaces = outgoing.revision - 1 if outgoing.revision else None
            assignment = Assignment(outgoing.planned, replaces, call.reserved)
            began = time.perf_counter_ns()

            def arrived(reply: Reply) -> None:
                self._note_arrival(call)
                self._stop_if_hopeless(reply, outgoing.planned, call.lane)

            try:
                end = await self._crew.make(outgoing.response_id, assignment, arrived, alone=losses >= ALONE_AFTER)
            except asyncio.CancelledError:
                duration = time.perf_counter_ns() - began
                await self._give_up(call, self._abandoned(call, duration / 1e6), duration)
                return
            duration = time.perf_counter_ns() - began
            if not end.lost:
                break
            losses += 1
            if (reply := self._lost(call, end.lost, losses)) is not None:
                await self._give_up(call, reply, duration)
                return
        if end.row is None:
            self._budget.settle(call.reserved, 0.0)
            call.lane.postpone(outgoing.planned)
            return
        self._note_arrival(call)
        self._settle(call, end)

    def _set_aside_more(self, call: CallInFlight) -> None:
        """Set money aside for further attempts of a call, as long as it is not missed for as many others as may be under way."""
        if self.plan.max_cost is None:
            return
        for _ in range(FURTHER_ATTEMPTS):
            if not self._budget.leaves(call.worst * (1 + self._most)) or not self._budget.reserve(call.worst):
                return
            call.reserved += call.worst

    def _settle(self, call: CallInFlight, end: CallEnd) -> None:
        assert end.row is not None
        call.attempts = [_attempt(row) for row in end.attempts]
        self._budget.settle(call.reserved, self._spent(call, end.row))

    def _lost(self, call: CallInFlight, how: str, losses: int) -> Reply | None:
        """Return the outcome of a call whose worker was lost, or ``None`` where it is made again; what it cost is not known."""
        self._budget.settle(call.reserved, call.worst)
        call.reserved = 0.0
        if losses >= MOST_LOSSES:
            words = f"given up, because {losses} workers were lost while it was under way, the last with no other call: {how}"
            return Reply(status="failed", error=words, error_code=WORKER_LOST)
        if self._stop is not None:
            words = f"{self._stop[1]}; its worker was lost ({how}), and {MAY_BE_BILLED}"
        elif not self._budget.reserve(call.worst):
            words = f"its worker was lost ({how}); {self._budget.refusal(call.worst, 'making it again')}"
        else:
            call.reserved = call.worst
            if call.arrived:  # it is under way again
                call.arrived = False
                call.lane.in_flight += 1
                self.progress.in_flight += 1
            return None
        return Reply(status="cancelled", error=words, error_code="cancelled")

    async def _give_up(self, call: CallInFlight, reply: Reply, duration: int) -> None:
        """Write the rows of a call that no worker reports."""
        self._note_arrival(call)
        row, rows = self._writer.rows(call.outgoing, reply, call.attempts, None, duration)
        await asyncio.wrap_future(self._dependencies.recorder.record(*rows, durable=True))
        self._budget.settle(call.reserved, self._spent(call, row) if call.reserved else 0.0)
        self._count(row)


class _AwaitedElsewhere:
    """The scores by async metrics, which the workers await, as a scheduler asks for them."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def stop(self) -> None:
        """Do nothing: the workers are told themselves."""

    async def wait(self) -> None:
        """Return when every answer has its scores, or will not get them now."""
        await self._crew.all_told()


def _attempt(row: AttemptRow) -> Attempt:
    """Return of a stored attempt what says whether it was billed."""
    return Attempt(
        attempt=row.attempt,
        started_at=row.started_at,
        latency_ms=row.latency_ms,
        http_status=row.http_status,
        decision=row.decision,
        error_code=row.error_code,
    )
