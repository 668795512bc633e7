"""One pass over an experiment: writes down that it starts, runs it, waits for it, writes down how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.errors import BadInput, PplabError
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.race import after_look, further, is_decided
from pplab.experiments.response_writer import ResponseWriter
from pplab.experiments.scheduler import Scheduler
from pplab.ids import now
from pplab.log import log_error, thread
from pplab.models.prices import unknown_price
from pplab.observe.events import event
from pplab.plan.plan import with_limits
from pplab.plan.settings import ModelAsked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from pplab.experiments.dependencies import Listeners, Progress, RunDependencies
    from pplab.experiments.descriptors import CallLimit
    from pplab.experiments.race import Standing
    from pplab.experiments.reading import Reading
    from pplab.experiments.resume import PendingCalls
    from pplab.experiments.run_control import RunControl
    from pplab.experiments.run_tasks import Engine
    from pplab.experiments.scheduler import RunOutcome
    from pplab.models.event_loop import LoopThread
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan
    from pplab.store.rows import ExperimentRow, ResponseRow, Row
    from pplab.store.run_control import RunOrder

WAIT_SECONDS = 0.1  # how often a waiting user's progress bar is brought up to date
SETTLE_SECONDS = 0.5  # how long an interrupted run is waited for; what it still has to write is written behind the prompt
END_SECONDS = 30.0  # how long whoever must have it ended (a resume, the lab's closing) waits


class Run:
    """One pass over an experiment on the loop's thread, and the experiment's row before and after it.

    Parameters
    ----------
    row
        The experiment as it starts.
    plan, pending
        What is run: the plan, and the calls of this pass.
    dependencies
        What answers, scores, prices and records.
    span
        The operation that runs it.
    lock
        Held from the beginning (by whoever makes this) to the end, so that no other process runs the same experiment meanwhile.
    limit
        How many calls may be under way at once.
    control
        Says how far it is, and takes orders from other processes.
    decide
        Says how a race stands on all that is stored of it, at its looks.
    listeners
        Who follows it: called in the thread that waits (`wait`), or in one of their own (`listen`), never on the loop, so that
        they may take their time.
    engine
        Makes what sends the calls, from what a `Scheduler` is made from; default: a `Scheduler`.
    """

    def __init__(
        self,
        row: ExperimentRow,
        plan: Plan,
        pending: PendingCalls,
        dependencies: RunDependencies,
        span: Span,
        lock: AbstractContextManager[object],
        limit: CallLimit,
        control: RunControl,
        decide: Callable[[], Standing],
        listeners: Listeners,
        engine: Engine | None = None,
    ) -> None:
        self.failure: PplabError | None = None
        self._pid = os.getpid()
        self.caveats = (limit.caveat,) if limit.caveat else ()
        self.failed_listeners: dict[str, str] = {}
        self._row = row
        self._dependencies = dependencies
        self._span = span
        self._lock = lock
        self._limit = limit
        self._control = control
        self._decide = decide
        self._finished = threading.Event()
        self._on = on = listeners.on
        self._callbacks = {
            "on_response": listeners.on_response,
            "on.arrived": on.arrived if on is not None else None,
            "on_text": listeners.on_text,
        }
        self._listener: threading.Thread | None = None
        # No SimpleQueue: a signal at the end of its `get(timeout=)` has it wait for ever (CPython 3.11).
        self._news: queue.Queue[tuple[str, tuple[object, ...]] | None] = queue.Queue()
        self._reading: Reading | None = None
        self._planning = asyncio.Lock()  # a look at a race and new limits both change the plan
        self.scheduler = (engine or Scheduler)(
            ResponseWriter(row.experiment_id, plan, dependencies, span, pending.replaced),
            plan,
            pending,
            dependencies,
            most=limit.calls,
            on_response=self._arrived(self._queued("on.arrived", "on_response"), reads=plan.reader),
            on_text=self._queued("on_text"),
            look=self._look if plan.race else None,
        )

    def _queued(self, *names: str) -> Callable[..., None] | None:
        """Return what the scheduler calls, which must return at once: it queues the news for the callbacks there are."""
        wanted = [name for name in names if self._callbacks[name] is not None]
        if not wanted:
            return None

        def announce(*about: object) -> None:
            for name in wanted:
                self._news.put((name, about))

        return announce

    def _arrived(self, announce: Callable[..., None] | None, *, reads: bool) -> Callable[[ResponseRow], None] | None:
        """Return what the scheduler calls with a response that is safe: the reader reads it, and it is told."""
        if not reads:
            return announce

        def arrived(row: ResponseRow) -> None:
            assert self._reading is not None
            self._reading.add(row)
            if announce is not None:
                announce(row)

        return arrived

    def reading(self, rows: Iterable[ResponseRow]) -> None:
        """Have the reader read the answers of this pass while they arrive, after these stored ones; called before it starts."""

        def note(left: int) -> None:
            self.scheduler.progress.unread = left

        self._reading = self.scheduler.reading(self._span.correlation_id, note)
        for row in rows:
            self._reading.add(row)

    def leave(self, reason: str) -> None:
        """End here, since whoever waits goes; what arrived is kept, and what goes on at a provider is left going."""
        self.scheduler.leave(reason)
        if self._reading is not None:
            self._reading.stop()

    def cancel(self, reason: str = "cancelled by the user") -> None:
        """Send and read nothing more; what arrived is kept."""
        self.scheduler.cancel(reason)
        if self._reading is not None:
            self._reading.stop()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self.scheduler.progress

    async def obey(self, order: RunOrder) -> None:
        """Carry out what another process of the owner wants.

        Raises
        ------
        BadInput
            When it cannot be done.
        """
        if order.action == "limit":
            await self.limit(order.concurrency, order.max_cost)
            return
        {"pause": self.scheduler.pause, "go_on": self.scheduler.go_on, "cancel": self.cancel}[order.action]()
        await self._note_order(order.action)

    async def limit(self, concurrency: int | None, max_cost: float | None) -> None:
        """Go on with other limits; what is ``None`` stays. They are stored with the plan, so that a resume has them, too."""
        async with self._planning:
            plan = with_limits(self.scheduler.plan, concurrency, max_cost)
            if plan.batch and concurrency is not None:
                raise BadInput(
                    "how many calls of a batch are made at once is its provider's affair", hint="leave out concurrency"
                )
            if max_cost is not None:
                self._refuse_unknown_price(plan)
            self.scheduler.limit(plan, min(plan.max_concurrency, self._limit.room or plan.max_concurrency))
            self._row = dataclasses.replace(self._row, revision=self._row.revision + 1, updated_at=now(), plan=plan.as_dict())
            await self._note_order("limit", self._row, concurrency=concurrency, max_cost=max_cost)

    def _refuse_unknown_price(self, plan: Plan) -> None:
        for asked in plan.models or (ModelAsked(plan.model),):
            server = asked.provider or self._dependencies.provider
            if self._dependencies.worst_cost(asked.name, 0, 1, provider=server) is None:
                raise unknown_price(asked.name, server)

    async def _note_order(self, action: str, *rows: Row, concurrency: int | None = None, max_cost: float | None = None) -> None:
        about: dict[str, Any] = {"entity": "experiment", "entity_id": self._row.experiment_id, **self._span.ids()}
        about |= {"action": action, "concurrency": concurrency, "max_cost": max_cost}
        steered: Row = event("run_steered", self._dependencies.recorder.user, **about)
        await asyncio.wrap_future(self._dependencies.recorder.record(*rows, steered, durable=True))

    @property
    def row(self) -> ExperimentRow:
        """The experiment as it stands; a run that is ending already says how."""
        stopping = self.scheduler.stopping
        if stopping is not None and stopping[0] == "interrupted" and not self._finished.is_set():
            return dataclasses.replace(self._row, status=stopping[0], reason=stopping[1])
        return self._row

    @property
    def inherited(self) -> bool:
        """Whether it runs in the process from which this one was forked, and cannot be followed from here."""
        return self._pid != os.getpid()

    @property
    def running(self) -> bool:
        """Whether calls may still be sent."""
        return not self._finished.is_set()

    def start(self, loop: LoopThread) -> None:
        """Write the experiment down as running and send its first calls."""
        self._control.begin(self.progress)
        self._dependencies.recorder.record(self._row, durable=True).result()
        if self._reading is not None:
            self._reading.start()
        loop.submit(self._execute())

    def listen(self) -> None:
        """Call the listeners from a thread of its own, for a run that nobody waits for."""
        if any(callback is not None for callback in self._callbacks.values()):
            self._listener = thread(self._follow, Interrupts(), name="pplab-listener")
            self._listener.start()

    def wait(self, interrupts: Interrupts | None = None) -> None:
        """Return when the run has ended; an interrupt ends it, keeps what arrived and returns within a second."""
        if self._follow(interrupts or Interrupts()):
            self.leave("interrupted")
            self._finished.wait(SETTLE_SECONDS)
        elif self._listener is not None and self._followed_elsewhere:
            self._listener.join(SETTLE_SECONDS)  # so that the listeners have the last answers before whoever waits goes on
        if self.failure is not None:
            raise self.failure

    def _follow(self, interrupts: Interrupts) -> bool:
        """Pass on what arrives until the end; return whether an interrupt came first."""
        going = True
        while going and not interrupts.count:
            going = self._pass_on(interrupts)
            if self._on is not None and not self._followed_elsewhere:
                self._call("on.progress", self._on.progress, (self.scheduler.progress,), interrupts)
        return going

    def ended(self, timeout: float | None = END_SECONDS) -> bool:
        """Wait until everything is written, ``None``: however long that takes; return whether it is."""
        return self._finished.wait(timeout)

    def _pass_on(self, interrupts: Interrupts) -> bool:
        """Pass on what arrives within a moment; return whether more is to come."""
        if self._followed_elsewhere:
            return not self._finished.wait(WAIT_SECONDS)
        until = time.monotonic() + WAIT_SECONDS
        while not interrupts.count and (left := until - time.monotonic()) > 0:
            try:
                news = self._news.get(timeout=left)
            except queue.Empty:
                return True
            if news is None:
                self._news.put(None)  # for whoever else is waiting
                return False
            name, about = news
            callback = self._callbacks[name]
            assert callback is not None
            self._call(name, callback, about, interrupts)
        return True

    @property
    def _followed_elsewhere(self) -> bool:
        return self._listener not in (None, threading.current_thread())

    def _call(self, name: str, callback: Callable[..., None], about: tuple[object, ...], interrupts: Interrupts) -> None:
        """Call a listener's function; when it raises it is not called again, and the run goes on."""
        if name in self.failed_listeners:
            return
        try:
            with interrupts.passing():
                callback(*about)
        except KeyboardInterrupt:
            interrupts.count += 1
        except Exception as error:  # noqa: BLE001 - the user's own code may raise anything; paid-for answers go on arriving
            self.failed_listeners[name] = f"{type(error).__name__}: {error}"
            log_error(f"{name} is not called again", error)

    async def _execute(self) -> None:
        control = asyncio.get_running_loop().create_task(self._control.serve(self))
        try:
            await self._write_end(await self._all_read(await self.scheduler.execute()))
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; nobody else can
            log_error("a run broke off", error)
            words = self._dependencies.scrub(f"the run broke off ({type(error).__name__}: {error})")
            self.failure = error if isinstance(error, PplabError) else PplabError(words, hint="what arrived is kept; resume it")
        finally:
            control.cancel()
            await self._control.end()
            if self._reading is not None:
                with contextlib.suppress(RuntimeError):  # the program ends, and Python begins nothing on threads any more
                    await asyncio.to_thread(self._reading.end)  # so that nobody else reads what it is reading
            self._lock.__exit__(None, None, None)
            self._finished.set()
            self._news.put(None)

    async def _all_read(self, outcome: RunOutcome) -> RunOutcome:
        """Return how a pass ended once the reader has read all that arrived, or says why it has not."""
        if self._reading is None:
            return outcome
        await asyncio.to_thread(self._reading.wait)
        left, why = self._reading.left, self._reading.failure
        if not left:
            return outcome
        words = f"the reader has not read {counted(left, 'answer')}"
        if why:
            return dataclasses.replace(outcome, reason=f"{words}: {self._dependencies.scrub(why)}")
        status = "interrupted" if outcome.status == "completed" else outcome.status
        return dataclasses.replace(outcome, status=status, reason=outcome.reason or words)

    async def _look(self, plan: Plan, answers: int) -> Plan:
        """Look at a race, write down what was decided, and return the plan with the calls that follow."""
        async with self._planning:
            return await self._after_look(plan, answers)

    async def _after_look(self, plan: Plan, answers: int) -> Plan:
        events: list[Row] = []
        if self._reading is not None and plan.basis == "reader":
            await asyncio.to_thread(self._reading.wait)
        if is_decided(plan, answers):
            raced = further(plan)
        else:
            raced = after_look(plan, await asyncio.to_thread(self._decide), answers)
            assert raced.race is not None
            look = raced.race.looks[-1]
            about: dict[str, Any] = {"entity": "experiment", "entity_id": self._row.experiment_id, **self._span.ids()}
            about |= {name: getattr(look, name) for name in ("prompts", "answers", "settled", "headline")}
            events = [event("race_looked_at", self._dependencies.recorder.user, **about, going=list(look.going))]
        if raced != plan:
            revision = self._row.revision + 1
            self._row = dataclasses.replace(
                self._row, revision=revision, updated_at=now(), plan=raced.as_dict(), planned=len(raced)
            )
            await asyncio.wrap_future(self._dependencies.recorder.record(self._row, *events, durable=True))
        return raced

    async def _write_end(self, outcome: RunOutcome) -> None:
        recorder = self._dependencies.recorder
        self._row = dataclasses.replace(
            self._row, revision=self._row.revision + 1, updated_at=now(), status=outcome.status, reason=outcome.reason
        )
        counts = dict(sorted(outcome.counts.items()))
        about = {"entity": "experiment", "entity_id": self._row.experiment_id, **self._span.ids()}
        generated: Row = event(
            "experiment_generated", recorder.user, **about, status=outcome.status, planned=self._row.planned, counts=counts
        )
        await asyncio.wrap_future(recorder.record(self._row, generated, durable=True))
