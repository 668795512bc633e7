"""One pass over an experiment: writes down that it starts, runs it, waits for it, writes down how it ended."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import queue
import threading
import time
from typing import TYPE_CHECKING

from pplab.errors import PplabError
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.response_writer import ResponseWriter
from pplab.experiments.scheduler import Scheduler
from pplab.ids import now
from pplab.log import caught, thread
from pplab.observe.events import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from pplab.experiments.dependencies import Listener, RunDependencies
    from pplab.experiments.scheduler import Ended
    from pplab.models.event_loop import LoopThread
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import ExperimentRow, ResponseRow, Row

WAIT_SECONDS = 0.1  # how often a waiting user's progress bar is brought up to date
SETTLE_SECONDS = 0.5  # how long an interrupted run is waited for; what it still has to write is written behind the prompt
END_SECONDS = 30.0  # how long whoever must have it ended (a resume, the lab's closing) waits


class Run:
    """A run on the loop's thread, and the experiment's row before and after it.

    Parameters
    ----------
    row
        The experiment as it starts.
    plan, tools, span
        What is run, with what, under which operation.
    claim
        Held from the beginning (by whoever makes this) to the end, so that no other process runs the same experiment meanwhile.
    calls, planned, already, previous
        The calls of this pass and how many, the replicates that stay, and the revisions that give way; see `Run` and `Writer`.
    most, caveats
        How many calls the system has room for, and what that means to who reads the results.
    on
        Who is told of progress and arrivals.
    on_response, on_text
        The user's functions. They and ``on`` are called in the thread that waits (`wait`), or in one of their own (`listen`),
        never on the loop, so that they may take their time.
    """

    def __init__(
        self,
        row: ExperimentRow,
        plan: Plan,
        tools: RunDependencies,
        span: Span,
        claim: AbstractContextManager[object],
        *,
        calls: Iterable[PlannedCall],
        planned: int,
        already: Mapping[str, int] | None = None,
        previous: Mapping[str, int] | None = None,
        most: int | None = None,
        caveats: tuple[str, ...] = (),
        on: Listener | None = None,
        on_response: Callable[[ResponseRow], None] | None = None,
        on_text: Callable[[PlannedCall, str], None] | None = None,
    ) -> None:
        self.failure: PplabError | None = None
        self._pid = os.getpid()
        self.caveats = caveats
        self.failed_listeners: dict[str, str] = {}
        self._row = row
        self._tools = tools
        self._span = span
        self._claim = claim
        self._finished = threading.Event()
        self._on = on
        self._hears = {"on_response": on_response, "on.arrived": on.arrived if on is not None else None, "on_text": on_text}
        self._listener: threading.Thread | None = None
        self._news: queue.SimpleQueue[tuple[str, tuple[object, ...]] | None] = queue.SimpleQueue()
        self.run = Scheduler(
            ResponseWriter(row.experiment_id, plan, tools, span, previous or {}),
            plan,
            tools,
            calls=calls,
            planned=planned,
            already=already,
            most=most,
            on_response=self._announced("on.arrived", "on_response"),
            on_text=self._announced("on_text"),
        )

    def _announced(self, *names: str) -> Callable[..., None] | None:
        """Return what the run calls, which must return at once: it queues the news for those who want to hear it."""
        heard = [name for name in names if self._hears[name] is not None]
        if not heard:
            return None

        def announce(*about: object) -> None:
            for name in heard:
                self._news.put((name, about))

        return announce

    @property
    def row(self) -> ExperimentRow:
        """The experiment as it stands; a run that is ending already says how."""
        stopping = self.run.stopping
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
        self._tools.recorder.record(self._row, durable=True).result()
        loop.submit(self._whole())

    def listen(self) -> None:
        """Tell whoever listens from a thread of its own, for a run that nobody waits for."""
        if any(hears is not None for hears in self._hears.values()):
            self._listener = thread(self._follow, Interrupts(), name="pplab-listener")
            self._listener.start()

    def wait(self, interrupts: Interrupts | None = None) -> None:
        """Return when the run has ended; an interrupt ends it, keeps what arrived and returns within a second."""
        if self._follow(interrupts or Interrupts()):
            self.run.cancel("interrupted")
            self._finished.wait(SETTLE_SECONDS)
        elif self._listener is not None and self._heard_elsewhere:
            self._listener.join(SETTLE_SECONDS)  # so that the last answers are told before whoever waits goes on
        if self.failure is not None:
            raise self.failure

    def _follow(self, interrupts: Interrupts) -> bool:
        """Pass on what arrives until the end; return whether an interrupt came first."""
        going = True
        while going and not interrupts.count:
            going = self._hear(interrupts)
            if self._on is not None and not self._heard_elsewhere:
                self._tell("on.progress", self._on.progress, (self.run.progress,), interrupts)
        return going

    def ended(self, timeout: float = END_SECONDS) -> bool:
        """Wait until everything is written; return whether it is."""
        return self._finished.wait(timeout)

    def _hear(self, interrupts: Interrupts) -> bool:
        """Pass on what arrives within a moment; return whether more is to come."""
        if self._heard_elsewhere:
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
            hears = self._hears[name]
            assert hears is not None
            self._tell(name, hears, about, interrupts)
        return True

    @property
    def _heard_elsewhere(self) -> bool:
        return self._listener not in (None, threading.current_thread())

    def _tell(self, name: str, hears: Callable[..., None], about: tuple[object, ...], interrupts: Interrupts) -> None:
        """Call a listener's function; when it raises it is not called again, and the run goes on."""
        if name in self.failed_listeners:
            return
        try:
            with interrupts.passing():
                hears(*about)
        except KeyboardInterrupt:
            interrupts.count += 1
        except Exception as error:  # noqa: BLE001 - the user's own code may raise anything; paid-for answers go on arriving
            self.failed_listeners[name] = f"{type(error).__name__}: {error}"
            caught(f"{name} is not called again", error)

    async def _whole(self) -> None:
        try:
            await self._write_end(await self.run.execute())
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it; nobody else can
            caught("a run broke off", error)
            words = self._tools.scrub(f"the run broke off ({type(error).__name__}: {error})")
            self.failure = error if isinstance(error, PplabError) else PplabError(words, hint="what arrived is kept; resume it")
        finally:
            self._claim.__exit__(None, None, None)
            self._finished.set()
            self._news.put(None)

    async def _write_end(self, ended: Ended) -> None:
        recorder = self._tools.recorder
        self._row = dataclasses.replace(
            self._row, revision=self._row.revision + 1, updated_at=now(), status=ended.status, reason=ended.reason
        )
        counts = dict(sorted(ended.counts.items()))
        about = {"entity": "experiment", "entity_id": self._row.experiment_id, **self._span.ids()}
        done: Row = event(
            "experiment_generated", recorder.user, **about, status=ended.status, planned=self._row.planned, counts=counts
        )
        await asyncio.wrap_future(recorder.record(self._row, done, durable=True))
