"""The worker of a run: makes the calls it is handed with the engine of every run, and reports rows instead of writing them."""

from __future__ import annotations

import queue
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pplab.cluster.messages import Cancel, Limit, Portion, Shard
from pplab.cluster.outbox import Outbox
from pplab.context import ModelContext
from pplab.experiments.reading import open_reader, read_portion
from pplab.experiments.response_writer import ResponseWriter, response_id
from pplab.experiments.resume import PendingCalls
from pplab.experiments.run_setup import run_dependencies
from pplab.experiments.scheduler import Scheduler
from pplab.log import log_error, thread
from pplab.models.recording import CarriedRecording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.cluster.messages import Report, Work
    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.lanes import Lane
    from pplab.experiments.scheduler import CallInFlight
    from pplab.models.types import Reply
    from pplab.plan.plan import Plan, PlannedCall


class ShardScheduler(Scheduler):
    """The scheduler of the calls of one worker: it is given more while it runs, and ends only when it is cancelled.

    Whether more of the run is sent is decided where all its outcomes are known; a worker learns its own pace.
    """

    def __init__(self, writer: ResponseWriter, plan: Plan, dependencies: RunDependencies, most: int, outbox: Outbox) -> None:
        self._outbox = outbox
        pending = PendingCalls(calls=(), count=0)
        super().__init__(writer, plan, pending, dependencies, most=most, on_response=outbox.told)
        self._experiment_id = writer.experiment_id
        self._allowances: dict[str, float] = {}
        self._budget.most = None  # each call has its allowance

    def take(self, calls: Sequence[PlannedCall], allowances: Sequence[float]) -> None:
        """Take on further calls; on the loop."""
        ids = [response_id(self._experiment_id, call) for call in calls]
        self._allowances.update(zip(ids, allowances, strict=True))
        for lane in self._lanes:
            lane.add(calls)
        self._wake_up()

    def share(self, most: int, max_cost: float | None) -> None:
        """Go on with another share of the calls under way at once, and another limit of money for all; on the loop."""
        self.plan = replace(self.plan, max_cost=max_cost)
        self._allow(most)

    async def _further_calls(self) -> bool:
        assert self._wake is not None
        self._wake.clear()
        await self._wake.wait()
        return True

    def _affords(self, call: CallInFlight) -> bool:
        allowed = self._allowances[call.outgoing.response_id]
        return self.plan.max_cost is None or call.reserved + call.worst <= allowed

    def _veto(self, call: CallInFlight) -> str:
        return f"another attempt could cost up to ${call.worst:.4f} and take the run over max_cost=${self.plan.max_cost:g}"

    def _stop_if_hopeless(self, reply: Reply, planned: PlannedCall, lane: Lane) -> None:  # noqa: ARG002 - the run decides it
        self._outbox.arrived(planned, reply)

    def _note_concurrency(self) -> None:
        super()._note_concurrency()
        self._outbox.concurrency = self.progress.concurrency

    def _note_waiting(self) -> None:
        super()._note_waiting()
        self._outbox.waits(self.progress.waiting_until)


class ShardWorker:
    """A worker at work for one run.

    Parameters
    ----------
    work
        The run.

    Raises
    ------
    PplabError
        When it cannot ask here what the run asks.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        effective = work.address.effective()
        self._context = context = ModelContext(replace(effective, offline=effective.offline or work.offline))
        self.outbox = Outbox(context.user, work.experiment_id, context.scrub)
        if work.recording is not None:
            context.use(CarriedRecording(work.recording, scrub=context.scrub, hand_back=self.outbox.recorded))
        work.address.check(context)
        dependencies = run_dependencies(context, work.plan, None, self.outbox)
        self._replaced: dict[str, int] = {}
        writer = ResponseWriter(work.experiment_id, work.plan, dependencies, work.span, self._replaced)
        self._scheduler = ShardScheduler(writer, work.plan, dependencies, work.concurrency, self.outbox)
        self._portions: queue.SimpleQueue[Portion] = queue.SimpleQueue()
        self._reads = False
        self._cancelled = False
        context.access.loop.submit(self._execute())

    def take(self, message: Any) -> None:
        """Take a message of the run; returns at once."""
        self._context.access.loop.loop().call_soon_threadsafe(self._take, message)

    def finish(self, message: Shard | Portion) -> Report:
        """Take calls, or answers to read, and return when all of these have come to their end, with all there is to report."""
        if isinstance(message, Portion):
            wanted = {f"read {row.response_id}" for row in message.rows}
        else:
            wanted = {response_id(self._work.experiment_id, one.planned) for one in message.calls}
        self.take(message)
        return self.outbox.report_after(wanted)

    def _take(self, message: Any) -> None:
        if isinstance(message, Shard):
            calls = [one.planned for one in message.calls]
            for one in message.calls:
                if one.replaces is not None:
                    self._replaced[response_id(self._work.experiment_id, one.planned)] = one.replaces
            self._scheduler.take(calls, [one.allowance for one in message.calls])
        elif isinstance(message, Portion):
            self._portions.put(message)
            if not self._reads:
                self._reads = True
                thread(self._read, name="pplab-reader").start()
        elif isinstance(message, Limit):
            self._scheduler.share(message.concurrency, message.max_cost)
        elif isinstance(message, Cancel):
            self._cancelled = True
            self._scheduler.cancel(message.reason)

    async def _execute(self) -> None:
        try:
            outcome = await self._scheduler.execute()
        except BaseException as error:  # noqa: BLE001 - the run must hear of it; nobody else can
            log_error("a worker broke off", error)
            self.outbox.fail(f"{type(error).__name__}: {error}")
        else:
            if not self._cancelled:
                self.outbox.fail(outcome.reason or outcome.status)

    def _read(self) -> None:
        """Read portion after portion, as long as the process lives."""
        work = self._work
        try:
            with open_reader(self._context.configuration.reader, share=work.workers) as reader:
                while True:
                    rows = self._portions.get().rows
                    read_portion(reader, rows, work.plan, self.outbox, work.span.correlation_id)
                    self.outbox.read(rows)
        except Exception as error:  # noqa: BLE001 - the run must hear of it
            log_error("the reader gave up", error)
            self.outbox.fail(str(error) or type(error).__name__, reader=True)

    def close(self) -> None:
        """Give up the model's connections."""
        self._context.access.close()
