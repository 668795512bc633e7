"""The crew of a run: which worker has which call, what they report is written down, and who takes on what a lost one leaves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from pplab.cluster.messages import Cancel, Limit, Portion, Shard
from pplab.errors import PplabError
from pplab.models.recording_format import from_line
from pplab.store.journal_format import holds, read_row
from pplab.store.rows import AttemptRow, EncodedRow, ResponseRow

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from pplab.cluster.messages import Assignment, Refusal, Report
    from pplab.experiments.dependencies import Recorder
    from pplab.models.recording import Recording
    from pplab.models.types import Reply
    from pplab.store.rows import Row

MOST_LOSSES = 3
"""Workers lost one after the other, without a call that came back meanwhile and without one under way, before the run ends; and
workers lost while they read the same answers before these stay unread."""


class Workers(Protocol):
    """The workers of a run, wherever they are. Every method is called on the run's loop and returns at once, or is awaited."""

    count: int
    """How many there are when all are there."""
    concurrency: int
    """How many calls each may have under way at once."""

    def start(self, crew: Crew) -> None:
        """Begin; each worker joins the crew when it is ready."""

    def send(self, worker: str, message: Shard | Portion | Cancel | Limit) -> None:
        """Hand a message to a worker; one that is lost gets it in vain."""

    def replace(self, worker: str) -> None:
        """Have another worker take the place of one that was lost."""

    async def end(self) -> None:
        """End all workers."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: its stored row (``None``: it was not sent) and its attempts; or in words how its worker was lost."""

    row: ResponseRow | None = None
    attempts: tuple[AttemptRow, ...] = ()
    lost: str = ""


@dataclass(slots=True, eq=False)
class _HandedCall:
    """A call that a worker has; ``arrived`` is called with its outcome, once there is one."""

    assignment: Assignment
    arrived: Callable[[Reply], None]
    ended: asyncio.Future[CallEnd]
    in_flight: bool = True


@dataclass(slots=True, eq=False)
class _HandedPortion:
    """Answers that a worker reads, those that it has not read yet; and how many workers were lost with them."""

    rows: dict[str, ResponseRow]
    read: asyncio.Future[None]
    losses: int = 0


@dataclass(slots=True, eq=False)
class _Member:
    """A worker that is ready, with what it has of the run; a ``reserved`` one takes no more, for a call that is made alone."""

    name: str
    concurrency: int
    calls: dict[str, _HandedCall] = field(default_factory=dict)
    untold: dict[str, ResponseRow] = field(default_factory=dict)
    portions: list[_HandedPortion] = field(default_factory=list)
    outgoing: list[Assignment] = field(default_factory=list)
    waiting_until: float | None = None
    in_flight: int = 0
    reserved: bool = False
    lost: bool = False

    @property
    def has_room(self) -> bool:
        """Whether it takes another call."""
        return not self.reserved and self.in_flight < self.concurrency

    def arrive(self, call: _HandedCall) -> None:
        """Take note that a call has an outcome."""
        self.in_flight -= call.in_flight
        call.in_flight = False


class Crew:
    """The workers of one run. Everything here happens on the run's loop.

    Parameters
    ----------
    workers
        Where they are.
    recorder, recording
        Where their rows, and what they recorded, are written.
    told
        Called with each response that is stored and has all its scores.
    failed
        Called with what keeps the run from going on.
    changed
        Called when a worker may have room, or waits for a server.
    """

    def __init__(
        self,
        workers: Workers,
        recorder: Recorder,
        recording: Recording | None,
        *,
        told: Callable[[ResponseRow], None],
        failed: Callable[[BaseException], None],
        changed: Callable[[], None],
    ) -> None:
        self._workers = workers
        self._recorder = recorder
        self._recording = recording
        self._told = told
        self._failed = failed
        self._on_change = changed
        self._members: dict[str, _Member] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unread: list[_HandedPortion] = []
        self._change = asyncio.Event()
        self._limit: Limit | None = None
        self._losses = 0
        self._over = False

    # -- what the run asks ----------------------------------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether a worker takes another call."""
        return any(member.has_room for member in self._members.values())

    @property
    def concurrency(self) -> int:
        """How many calls may be under way at once."""
        return sum(member.concurrency for member in self._members.values())

    @property
    def waiting_until(self) -> float | None:
        """When a server is asked again (UNIX seconds) that a worker waits for."""
        return min((m.waiting_until for m in self._members.values() if m.waiting_until is not None), default=None)

    def start(self) -> None:
        """Begin."""
        self._workers.start(self)

    async def make(
        self, response_id: str, assignment: Assignment, arrived: Callable[[Reply], None], *, alone: bool = False
    ) -> CallEnd:
        """Have a worker make a call, ``alone`` with nothing else under way there, and return how it ended."""
        member = await (self._idle_member() if alone else self._free_member())
        if member is None:
            return CallEnd()
        loop = asyncio.get_running_loop()
        call = _HandedCall(assignment, arrived, loop.create_future())
        member.calls[response_id] = call
        member.in_flight += 1
        if not member.outgoing:
            loop.call_soon(self._send, member)
        member.outgoing.append(assignment)
        try:
            return await call.ended
        finally:
            if alone:
                member.reserved = False
                self._changed()

    async def _free_member(self) -> _Member | None:
        """Return the worker with room that has the fewest calls; ``None`` once no more are made."""
        while not self._over:
            if ready := [member for member in self._members.values() if member.has_room]:
                return min(ready, key=lambda member: len(member.calls))
            await self._change.wait()
        return None

    async def _idle_member(self) -> _Member | None:
        """Return a worker that takes nothing else and has nothing left to do; ``None`` once no more calls are made."""
        while not self._over:
            ready = [member for member in self._members.values() if not member.reserved]
            if ready:
                member = min(ready, key=lambda member: len(member.calls))
                member.reserved = True
                while member.calls and not self._over:
                    await self._change.wait()
                if not member.lost:
                    return None if self._over else member
            else:
                await self._change.wait()
        return None

    def _send(self, member: _Member) -> None:
        """Hand a worker at once all calls that it was given in one step of the loop."""
        calls, member.outgoing = member.outgoing, []
        self._workers.send(member.name, Shard(tuple(calls)))

    def cancel(self, reason: str) -> None:
        """Have every worker abandon what is under way."""
        for name in self._members:
            self._workers.send(name, Cancel(reason))

    def limit(self, concurrency: int, max_cost: float | None) -> None:
        """Give every worker, and those that join later, another share of the calls under way at once; see `Limit`."""
        self._limit = Limit(concurrency, max_cost)
        self._workers.concurrency = concurrency
        for member in self._members.values():
            member.concurrency = concurrency
            self._workers.send(member.name, self._limit)
        self._changed()

    def stop(self) -> None:
        """Have no more calls made than those that workers have."""
        self._over = True
        self._changed()

    async def read(self, rows: Sequence[ResponseRow]) -> None:
        """Have a worker read some answers; return when their scores are stored."""
        portion = _HandedPortion({row.response_id: row for row in rows}, asyncio.get_running_loop().create_future())
        self._hand_portion(portion)
        await portion.read

    def _hand_portion(self, portion: _HandedPortion) -> None:
        member = min(self._members.values(), key=lambda member: len(member.portions), default=None)
        if member is None:
            self._unread.append(portion)
            return
        member.portions.append(portion)
        self._workers.send(member.name, Portion(tuple(portion.rows.values())))

    async def all_told(self) -> None:
        """Return when every stored response has its scores, or will not get them now."""
        while self._tasks or any(member.untold for member in self._members.values()):
            await self._change.wait()

    async def end(self) -> None:
        """End all workers, once what they reported is written."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        for portion in [*self._unread, *(portion for member in self._members.values() for portion in member.portions)]:
            portion.read.cancel()
        self._members = {}
        self.stop()
        await self._workers.end()
        if self._recording is not None:
            await asyncio.to_thread(self._recording.sort_lines)

    def _changed(self) -> None:
        change, self._change = self._change, asyncio.Event()
        change.set()
        self._on_change()

    # -- what the workers say -------------------------------------------------------------------------------------------------

    def joined(self, name: str) -> None:
        """Take note of a worker that is ready."""
        if self._over:
            return
        self._members[name] = _Member(name, self._workers.concurrency)
        if self._limit is not None:
            self._workers.send(name, self._limit)
        unread, self._unread = self._unread, []
        for portion in unread:
            self._hand_portion(portion)
        self._changed()

    def refused(self, refusal: Refusal) -> None:
        """Take note that no worker can work for this run, and why."""
        self.failed(PplabError(refusal.message, hint=refusal.hint, code=refusal.code))

    def gone(self, refusal: Refusal) -> None:
        """Take note that none of the workers is there any more, and why."""
        self.refused(refusal)
        for name in list(self._members):
            self.lost(name, refusal.message)

    def failed(self, error: BaseException) -> None:
        """Take note of what keeps the run from going on: no more calls are made."""
        self._failed(error)
        for portion in self._unread:
            portion.read.cancel()
        self.stop()

    def lost(self, name: str, how: str) -> None:
        """Take note that a worker is no longer there: what it has not reported is undone."""
        member = self._members.pop(name, None)
        if member is None:
            return
        member.lost = True
        self._losses = 0 if member.calls or member.portions else self._losses + 1
        for call in member.calls.values():
            _resolve(call.ended, CallEnd(lost=how))
        member.calls = {}
        for portion in member.portions:
            portion.losses += 1
            if portion.losses < MOST_LOSSES:
                self._hand_portion(portion)
            elif not portion.read.done():
                portion.read.set_exception(
                    PplabError(f"{portion.losses} workers were lost while they read the same answers: {how}")
                )
        self._spawn(self._tell_rest(member, list(self._tasks)))
        if self._losses >= MOST_LOSSES:
            self.failed(PplabError(f"{self._losses} workers were lost one after the other: {how}"))
        elif not self._over:
            self._workers.replace(name)
        self._changed()

    def reported(self, name: str, report: Report) -> None:
        """Take note of what happened in a worker: its rows are written, and only then counted."""
        member = self._members.get(name)
        if member is None:
            return
        member.concurrency = report.concurrency or member.concurrency
        member.waiting_until = report.waiting_until
        for response_id, reply in report.arrived:
            if (call := member.calls.get(response_id)) is not None:
                member.arrive(call)
                call.arrived(reply)
        rows = [read_row(line) for line in report.lines if holds(line, "response", "attempt")]
        ended = _ended_calls(member, rows)
        for planned in report.unsent:
            for response_id in [key for key, call in member.calls.items() if call.assignment.planned == planned]:
                member.arrive(call := member.calls.pop(response_id))
                _resolve(call.ended, CallEnd())
        if self._recording is not None:
            self._note_recorded(self._recording, report.recorded, [row for _, end in ended if (row := end.row) is not None])
        if report.lines or report.told or report.read:
            self._spawn(self._write(member, report, ended))
        if report.reader_failure:
            for portion in member.portions:
                if not portion.read.done():
                    portion.read.set_exception(PplabError(report.reader_failure))
        if report.failure:
            self.failed(PplabError(report.failure))
            self.lost(name, report.failure)
        self._changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)
        self._changed()

    async def _write(self, member: _Member, report: Report, ended: Sequence[tuple[_HandedCall, CallEnd]]) -> None:
        lines = map(EncodedRow, report.lines)
        written = self._recorder.record(*lines, durable=bool(ended or report.told or report.read))
        try:
            await asyncio.wrap_future(written)
        except Exception as error:
            for call, _ in ended:
                if not call.ended.done():
                    call.ended.set_exception(error)
            raise
        for call, end in ended:
            assert end.row is not None
            self._losses = 0
            member.untold[end.row.response_id] = end.row
            _resolve(call.ended, end)
        for response_id, metrics, detail in report.told:
            if (row := member.untold.pop(response_id, None)) is not None:
                self._told(replace(row, metrics=dict(metrics), detail={**row.detail, **detail}) if metrics else row)
        _note_read(member, report.read)

    async def _tell_rest(self, member: _Member, before: Sequence[asyncio.Task[None]]) -> None:
        """Tell what a lost worker has not: its stored responses lack the scores that were awaited there."""
        if before:
            await asyncio.wait(before)
        for row in member.untold.values():
            self._told(row)
        member.untold = {}

    def _note_recorded(self, recording: Recording, lines: Sequence[str], rows: Sequence[ResponseRow]) -> None:
        """Add to the recording what a worker recorded, and take note of what it answered from it."""
        added = set()
        for recorded in map(from_line, lines):
            recording.add(recorded)
            added.add(recorded.request.key)
        for row in rows:
            if row.request_key not in added:
                recording.used(row.request_key)


def _ended_calls(member: _Member, rows: Sequence[Row]) -> list[tuple[_HandedCall, CallEnd]]:
    """Return the calls whose rows have come: whatever becomes of their worker now, they were made."""
    attempts = [row for row in rows if isinstance(row, AttemptRow)]
    ended = []
    for row in rows:
        if isinstance(row, ResponseRow) and (call := member.calls.pop(row.response_id, None)) is not None:
            member.arrive(call)
            ended.append((call, CallEnd(row, tuple(one for one in attempts if one.response_id == row.response_id))))
    return ended


def _note_read(member: _Member, response_ids: Sequence[str]) -> None:
    for portion in [*member.portions]:
        for response_id in response_ids:
            portion.rows.pop(response_id, None)
        if not portion.rows:
            member.portions.remove(portion)
            _resolve(portion.read, None)


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
