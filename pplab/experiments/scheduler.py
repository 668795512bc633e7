"""The scheduler of a run: sends its calls concurrently and hands each outcome to the journal; pause, cancel, budget.

Each endpoint has a lane of its own, so that trouble with one leaves the calls to the others going.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from pplab.experiments.answer_scorer import AnswerScorer
from pplab.experiments.awaited_scores import AwaitedScores
from pplab.experiments.budget import Budget, worst_cost
from pplab.experiments.dependencies import Progress
from pplab.experiments.lanes import lanes
from pplab.experiments.race import new_calls
from pplab.experiments.reads_here import ReadsHere
from pplab.ids import now
from pplab.models.types import Attempt, Reply
from pplab.plan.vocabulary import ANSWERED, SCORED, SUSPENDED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.lanes import Lane
    from pplab.experiments.response_writer import OutgoingCall, ResponseWriter
    from pplab.experiments.resume import PendingCalls
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import ResponseRow

BACKLOG = 256  # answers that may wait for the disk before new calls wait for them
BATCH = 500  # rows of calls never sent that are written together
BILLED_BY_NOBODY = frozenset({"unreachable"})
MAY_BE_BILLED = "it was under way and may have been billed"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of a run: the experiment's status, why (in words) when it is not complete, and replicates by status."""

    status: str
    reason: str | None
    counts: Mapping[str, int]


@dataclass(slots=True)
class CallInFlight:
    """A call that was sent and has no outcome yet."""

    outgoing: OutgoingCall
    lane: Lane
    worst: float
    reserved: float
    began: float
    attempts: list[Attempt] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    arrived: bool = False
    vetoed: str | None = None


class Scheduler(ReadsHere):
    """One pass over the calls of an experiment that are still to be made.

    ``pause``, ``go_on`` and ``cancel`` may be called from any thread, ``limit`` on the loop's.

    Parameters
    ----------
    writer
        Makes the rows.
    plan, pending
        The plan, and the calls of this pass.
    dependencies
        What answers, scores, prices and records.
    most
        How many calls may be under way at once, where that is less than the plan wants.
    on_response
        Told of each response after it is safe in the journal, on the loop's thread; must return at once and not raise.
    on_text
        Told of each piece of a streamed answer, likewise.
    look
        Of a race: given how many calls are answered, it looks at the answers and returns the plan with the calls that follow.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        plan: Plan,
        pending: PendingCalls,
        dependencies: RunDependencies,
        *,
        most: int | None = None,
        on_response: Callable[[ResponseRow], None] | None = None,
        on_text: Callable[[PlannedCall, str], None] | None = None,
        look: Callable[[Plan, int], Awaitable[Plan]] | None = None,
    ) -> None:
        self.plan = plan
        self.progress = Progress(pending.count, race=plan.race, max_cost=plan.max_cost)
        self._writer = writer
        self._dependencies = dependencies
        self._kept = Counter(pending.kept)
        self._on_response = on_response
        self._on_text = on_text
        self._look = look
        self._most = most or plan.max_concurrency
        self._lanes = lanes(plan, pending.calls, self._most, dependencies.endpoint_limits)
        self._note_concurrency()
        self._budget = Budget(plan.max_cost)
        self._tasks: dict[asyncio.Task[None], CallInFlight] = {}
        self._waiting: dict[int, float] = {}  # until when a lane waits (UNIX seconds), by its identity
        self._stop: tuple[str, str] | None = None  # (experiment status, reason in words)
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scorer = AnswerScorer(dependencies)
        self._awaited = AwaitedScores(plan, dependencies.recorder, self._count, self._break_off)

    # -- control, from any thread -------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> tuple[str, str] | None:
        """The experiment's status and the reason, once it is decided that this run ends early."""
        if self._stop is None and all(lane.stop for lane in self._lanes):
            return self._lanes[0].stop
        return self._stop

    def pause(self) -> None:
        """Send nothing new until `go_on`; calls under way are finished."""
        self.progress.paused = True

    def go_on(self) -> None:
        """Go on after `pause`."""
        self.progress.paused = False
        self._on_loop(self._wake_up)

    def cancel(self, reason: str = "cancelled by the user") -> None:
        """End now: calls under way are abandoned, what arrived is kept."""
        if self._stop is None or self._stop[0] != "interrupted":
            self._stop = ("interrupted", reason)
        self.progress.paused = False  # it ends now, which takes a while where many calls were never sent
        self._on_loop(self._abandon)

    def leave(self, reason: str) -> None:
        """End now, since whoever waits goes: the same as `cancel`, for nothing goes on elsewhere."""
        self.cancel(reason)

    def limit(self, plan: Plan, most: int) -> None:
        """Go on within the concurrency and the budget of another plan, ``most`` calls at once at most; on the loop."""
        self.plan = plan
        self._budget.most = self.progress.max_cost = plan.max_cost
        self._allow(most)

    def _allow(self, most: int) -> None:
        """Have so many calls under way at once at most from here on."""
        self._most = most
        for lane in self._lanes:
            lane.limit.allow(min(most, lane.most or most))
        self._note_concurrency()
        self._wake_up()

    def _on_loop(self, what: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(what)

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _abandon(self) -> None:
        for task, in_flight in self._tasks.items():
            if not in_flight.arrived:  # an answer that has arrived is scored and stored first
                task.cancel()
        self._awaited.stop()
        self._wake_up()

    # -- the run itself, on the loop's thread ---------------------------------------------------------------------------------

    async def execute(self) -> RunOutcome:
        """Make every call and return how the run ended."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        try:
            while True:
                self._send_what_fits()
                if self._stop is not None or not (self._tasks or any(lane.going for lane in self._lanes)):
                    if self._stop is not None or not await self._further_calls():
                        break
                    continue
                self._wake.clear()
                await self._wake.wait()
            if self._stop is not None and self._stop[0] == "interrupted":
                self._abandon()
            while self._tasks:
                await asyncio.wait(list(self._tasks))
            await self._awaited.wait()
            for lane in self._lanes:
                await self._cancel_unsent(lane.unsent(self._stop[1] if self._stop else ""))
        finally:
            self._scorer.close()
        return self._outcome()

    async def _further_calls(self) -> bool:
        """Return whether more is to be sent, once all calls have come back."""
        return self._look is not None and await self._race_on(self._look)

    async def _race_on(self, look: Callable[[Plan, int], Awaitable[Plan]]) -> bool:
        """Look at a race whose calls have all come back; return whether more of them are to be sent.

        While the server asks to wait, the answers that are missing are waited for; where a server fails for good, the race ends
        as soon as one of its settings would be asked further.
        """
        if any(lane.stop is not None and lane.stop[0] in SUSPENDED for lane in self._lanes):
            return False
        await self._awaited.wait()
        before, self.plan = self.plan, await look(self.plan, self._answered())
        calls = new_calls(before, self.plan)
        self.progress.race = self.plan.race
        self.progress.planned += len(calls)
        for lane in self._lanes:
            lane.add(calls)
            if lane.stop is not None and any(call.setting_index in lane.settings for call in calls):
                self._stop = lane.stop
        return bool(calls)

    def _send_what_fits(self) -> None:
        while not self.progress.paused and self._stop is None and (lane := self._next_lane()) is not None:
            planned = lane.next()
            if planned is None:
                continue
            worst = worst_cost(self.plan, self._dependencies, planned)
            if not self._budget.reserve(worst):
                lane.postpone(planned)
                if not self._tasks:  # else the true cost of those under way may leave room
                    self._stop = ("paused", self._budget.refusal(worst, "the next call"))
                return
            self._launch(planned, worst, lane)

    def _next_lane(self) -> Lane | None:
        """Return the lane to send the next call in: of those with room the one with the fewest under way, so that none starves.

        Answers that wait for the disk take no room, up to a point.
        """
        if self.progress.in_flight >= self._most or len(self._tasks) >= self.progress.concurrency + BACKLOG:
            return None
        ready = [lane for lane in self._lanes if lane.going and lane.in_flight < lane.limit.limit and not self._waits(lane)]
        return min(ready, key=lambda lane: lane.in_flight, default=None)

    def _waits(self, lane: Lane) -> bool:
        """Return whether the lane's server asked to be left alone for now; what is sent there goes on when that is over."""
        assert self._loop is not None
        wait = lane.limit.not_before - self._loop.time()
        if wait > 0 and id(lane) not in self._waiting:
            self._waiting[id(lane)] = time.time() + wait
            self._loop.call_later(wait, self._wait_is_over, lane)
            self._note_waiting()
        return wait > 0

    def _wait_is_over(self, lane: Lane) -> None:
        self._waiting.pop(id(lane))
        self._note_waiting()
        self._wake_up()

    def _note_waiting(self) -> None:
        self.progress.waiting_until = min(self._waiting.values(), default=None)

    def _note_concurrency(self) -> None:
        self.progress.concurrency = min(self._most, sum(lane.limit.limit for lane in self._lanes))

    def _launch(self, planned: PlannedCall, worst: float, lane: Lane) -> None:
        assert self._loop is not None
        in_flight = CallInFlight(self._writer.prepare(planned), lane, worst, worst, self._loop.time())
        task = self._loop.create_task(self._call(in_flight))
        self._tasks[task] = in_flight
        lane.in_flight += 1
        self.progress.in_flight += 1
        task.add_done_callback(self._call_ended)

    def _call_ended(self, task: asyncio.Task[None]) -> None:
        call = self._tasks.pop(task)
        self._note_arrival(call)
        if task.cancelled():  # before it began
            call.lane.postpone(call.outgoing.planned)
        elif (error := task.exception()) is not None:
            self._break_off(error)
        self._wake_up()

    def _break_off(self, error: BaseException) -> None:
        self._stop = self._stop or ("partial", f"the run stopped: {self._dependencies.scrub(str(error))}")
        self._wake_up()

    def _note_arrival(self, call: CallInFlight) -> None:
        if not call.arrived:
            call.arrived = True
            call.lane.in_flight -= 1
            self.progress.in_flight -= 1
            self._wake_up()

    async def _call(self, call: CallInFlight) -> None:
        recorder, outgoing = self._dependencies.recorder, call.outgoing
        recorder.record(self._writer.start_event(outgoing))
        start = time.perf_counter_ns()
        try:
            reply = await self._dependencies.source.complete(
                outgoing.call,
                deadline=self.plan.deadline,
                on_attempt=partial(self._note_attempt, call),
                on_text=self._text_callback(call),
            )
            call.attempts = list(reply.attempts)
        except asyncio.CancelledError:
            reply = self._abandoned(call, (time.perf_counter_ns() - start) / 1e6)
        self._note_arrival(call)
        duration = time.perf_counter_ns() - start
        self._stop_if_hopeless(reply, outgoing.planned, call.lane)
        scores = await self._scorer.score(self.plan, outgoing.planned, reply) if reply.status in SCORED else None
        row, rows = self._writer.rows(outgoing, reply, call.attempts, scores, duration)
        await asyncio.wrap_future(recorder.record(*rows, durable=True))
        self._budget.settle(call.reserved, self._spent(call, row))
        if scores is not None:
            self._awaited.add(self.plan, row)
        else:
            self._count(row)

    def _text_callback(self, call: CallInFlight) -> Callable[[str], None] | None:
        if not self.plan.stream:
            return None
        on_text = self._on_text

        def arrive(text: str) -> None:
            call.pieces.append(text)
            if on_text is not None:
                on_text(call.outgoing.planned, text)

        return arrive

    def _note_attempt(self, call: CallInFlight, attempt: Attempt) -> None:
        """Take note of an attempt: how the server bears so many calls, and whether another one can be paid for."""
        assert self._loop is not None
        at = self._loop.time()
        call.attempts.append(attempt)
        call.pieces.clear()
        if attempt.http_status == 429 and not attempt.replayed:
            call.lane.limit.refused(call.began, at, attempt.wait_s if attempt.decision == "retry" else None)
        elif attempt.decision == "accept":
            call.lane.limit.accepted()
        self._note_concurrency()
        call.began = at + (attempt.wait_s or 0.0)
        if attempt.decision == "retry" and _may_be_billed(attempt):
            if self._affords(call):
                call.reserved += call.worst
            else:
                call.vetoed = self._veto(call)
                task = asyncio.current_task()
                assert task is not None
                task.cancel()

    def _abandoned(self, call: CallInFlight, elapsed_ms: float) -> Reply:
        """Return the outcome of a call that was given up, with what is known of the attempt under way."""
        assert self._loop is not None
        stop = self._stop or call.lane.stop
        reason = call.vetoed or (stop[1] if stop else "cancelled")
        in_flight = call.vetoed is None and self._loop.time() >= call.began
        if in_flight:
            reason = f"{reason}; {MAY_BE_BILLED}"
            before = sum(a.latency_ms + 1000 * (a.wait_s or 0.0) for a in call.attempts)
            number = len(call.attempts) + 1
            latency = max(0.0, elapsed_ms - before)
            call.attempts.append(
                Attempt(
                    attempt=number, started_at=now(), latency_ms=latency, decision="abandon", error_code="abandoned", error=reason
                )
            )
        elif any(_may_be_billed(attempt) for attempt in call.attempts):
            reason = f"{reason}; an earlier attempt may have been billed"
        return Reply(status="cancelled", text="".join(call.pieces), error=reason, error_code="cancelled")

    def _stop_if_hopeless(self, reply: Reply, planned: PlannedCall, lane: Lane) -> None:
        """End a lane when an outcome says that further calls in it cannot succeed, now or ever."""
        failure = lane.failures.take(reply, planned)
        if lane.stop is not None or self._stop is not None:
            return
        if reply.resume_at is not None:
            at, today = datetime.fromtimestamp(reply.resume_at).astimezone(), datetime.now().astimezone().date()
            words = at.strftime("%H:%M" if at.date() == today else "%H:%M on %Y-%m-%d")
            lane.stop = ("paused", f"{lane.name or 'the server'} asks to wait: retry at {words}")
        elif failure is not None:
            lane.stop = ("partial", failure)
        self._wake_up()

    def _count(self, row: ResponseRow) -> None:
        self.progress.done += 1
        self.progress.counts[row.status] += 1
        self.progress.cost += row.cost or 0.0
        if self._on_response is not None:
            self._on_response(row)

    # -- money ----------------------------------------------------------------------------------------------------------------

    def _affords(self, call: CallInFlight) -> bool:
        """Set aside what another attempt of a call can cost, if it is left."""
        return self._budget.reserve(call.worst)

    def _veto(self, call: CallInFlight) -> str:
        """Return in words why another attempt of a call is not paid for."""
        return self._budget.refusal(call.worst, "another attempt")

    def _spent(self, call: CallInFlight, row: ResponseRow) -> float:
        """Return what a call cost: as the server counted its last attempt, at worst for all that may have been billed unseen."""
        unseen = sum(_may_be_billed(a) for a in (call.attempts if row.cost is None else call.attempts[:-1]))
        return (row.cost or 0.0) + unseen * call.worst

    # -- the end --------------------------------------------------------------------------------------------------------------

    async def _cancel_unsent(self, calls: Iterator[tuple[PlannedCall, str]]) -> None:
        """Write the row that every planned replicate has, for those that were never sent, each with its reason."""
        rows = (
            self._writer.response(self._writer.prepare(planned), Reply(status="cancelled", error=why, error_code="cancelled"))
            for planned, why in calls
        )
        while batch := list(islice(rows, BATCH)):
            await asyncio.wrap_future(self._dependencies.recorder.record(*batch))
            for row in batch:
                self._count(row)

    def _answered(self) -> int:
        return sum((self.progress.counts + self._kept)[s] for s in ANSWERED)

    def _outcome(self) -> RunOutcome:
        stops = [self._stop] if self._stop is not None else []
        if not stops or stops[0][0] != "interrupted":
            stops += [lane.stop for lane in self._lanes if lane.stop is not None]
        return run_outcome(self.plan, self.progress.counts + self._kept, stops)


def run_outcome(plan: Plan, counts: Counter[str], stops: Sequence[tuple[str, str]]) -> RunOutcome:
    """Return how a pass ended.

    Parameters
    ----------
    plan, counts
        What was asked, and the replicates of the experiment by status.
    stops
        What ended the pass early: the experiment's status for it, and why.
    """
    answered = sum(counts[s] for s in ANSWERED)
    if answered == len(plan):
        return RunOutcome("completed", None, counts)
    words = ", ".join(f"{n} {s}" for s, n in sorted(counts.items()) if s not in ANSWERED)
    reason = "; ".join(dict.fromkeys(why for _, why in stops)) or f"{words} of {len(plan)} replicates"
    suspended = next((status for status, _ in stops if status in SUSPENDED), None)
    return RunOutcome(suspended or ("partial" if answered else "failed"), reason, counts)


def _may_be_billed(attempt: Attempt) -> bool:
    """Return whether the server may have answered: it said so, or was asked and nothing is known of its answer."""
    if attempt.http_status is None:
        return attempt.error_code not in BILLED_BY_NOBODY
    return attempt.http_status < 300
