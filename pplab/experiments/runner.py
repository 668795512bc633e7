"""Sends the calls of a plan concurrently and records each outcome: order, concurrency, pause, cancel, budget."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pplab.ids import derived_id, new_id, now
from pplab.models.identity import replicate_seed, request_key
from pplab.models.records import Attempt, Call, Reply
from pplab.observe.events import event
from pplab.operation import Span
from pplab.store.rows import AttemptRow, MetricRow, ResponseRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from pplab.experiments.design import Plan, PlannedCall
    from pplab.metrics import Scores
    from pplab.store.rows import Row

ANSWERED = frozenset({"ok", "truncated", "empty", "refused", "filtered", "tool_call"})


class Source(Protocol):
    """Where answers come from: a model's client, or a recording in front of it."""

    async def complete(
        self,
        call: Call,
        *,
        deadline: float,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call; only cancellation is raised."""


class Recorder(Protocol):
    """Who writes rows down (the lab)."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    def record(self, *rows: Row, durable: bool = False) -> Future[None]:
        """Queue rows for the journal; the future resolves when they are safe."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run needs from outside this room."""

    recorder: Recorder
    source: Source
    score: Callable[..., Scores]
    metrics_version: str
    cost: Callable[[str, int | None, int | None], float | None]
    worst_cost: Callable[[str, int, int | None], float | None]
    scrub: Callable[[str], str]
    provider: str


@dataclass(slots=True)
class Progress:
    """Where a run stands; replaced by value at each change so that a reader never sees half of one."""

    planned: int
    done: int = 0
    in_flight: int = 0
    concurrency: int = 0
    cost: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: the experiment's status, why (in words) when it is not complete, and replicates by status."""

    status: str
    reason: str | None
    counts: Mapping[str, int]


class Run:
    """One pass over the calls of an experiment that are still to be made.

    ``pause``, ``resume`` and ``cancel`` may be called from any thread. ``previous`` holds, by response id, the revision of the
    rows that this pass replaces.
    """

    def __init__(
        self,
        experiment_id: str,
        plan: Plan,
        tools: Tools,
        span: Span,
        *,
        calls: Iterable[PlannedCall],
        planned: int,
        previous: Mapping[str, int] | None = None,
        already: Mapping[str, int] | None = None,
        on_response: Callable[[ResponseRow], None] | None = None,
        on_text: Callable[[PlannedCall, str], None] | None = None,
    ) -> None:
        self.experiment_id = experiment_id
        self.plan = plan
        self.progress = Progress(planned)
        self.ended: Ended | None = None
        self._tools = tools
        self._span = span
        self._calls = iter(calls)
        self._previous = previous or {}
        self._already = Counter(already or {})
        self._on_response = on_response
        self._on_text = on_text
        self._limit = float(plan.max_concurrency)
        self._tasks: dict[asyncio.Task[None], PlannedCall] = {}
        self._committed = 0.0
        self._held: list[PlannedCall] = []
        self._exhausted = False
        self._paused = False
        self._stop: tuple[str, str] | None = None  # (experiment status, reason in words)
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- control, from any thread -------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Send nothing new until `resume`; calls under way are finished."""
        self._paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        self._poke()

    def cancel(self, reason: str = "cancelled by the user") -> None:
        """End now: calls under way are abandoned, what arrived is kept."""
        self._stop = ("interrupted", reason)
        self._poke(abandon=True)

    def _poke(self, *, abandon: bool = False) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken, abandon)

    def _woken(self, abandon: bool) -> None:
        if abandon:
            for task in self._tasks:
                task.cancel()
        if self._wake is not None:
            self._wake.set()

    # -- the run itself, on the loop's thread ---------------------------------------------------------------------------------

    async def execute(self) -> Ended:
        """Make every call and return how the run ended."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        while True:
            self._send_what_fits()
            if self._stop is not None or (self._exhausted and not self._tasks):
                break
            self._wake.clear()
            await self._wake.wait()
        if self._stop is not None and self._stop[0] == "interrupted":
            self._woken(abandon=True)
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        if self._stop is not None:
            self._give_up([*self._held, *self._calls], self._stop[1])
        self.ended = self._outcome()
        return self.ended

    def _send_what_fits(self) -> None:
        while not self._paused and self._stop is None and len(self._tasks) < int(self._limit):
            planned = next(self._calls, None)
            if planned is None:
                self._exhausted = True
                return
            if not self._affordable(planned):
                self._held = [planned]
                return
            self._launch(planned)

    def _launch(self, planned: PlannedCall) -> None:
        task = asyncio.ensure_future(self._one(planned))
        self._tasks[task] = planned
        self.progress.in_flight = len(self._tasks)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        planned = self._tasks.pop(task)
        self.progress.in_flight = len(self._tasks)
        if task.cancelled():
            reason = self._stop[1] if self._stop else "cancelled"
            self._give_up([planned], f"{reason}; it was under way and may have been billed")
        elif (error := task.exception()) is not None:
            self._stop = ("partial", f"the run stopped: {self._tools.scrub(str(error))}")
            self._give_up([planned], self._stop[1])
        if self._wake is not None:
            self._wake.set()

    def _affordable(self, planned: PlannedCall) -> bool:
        if self.plan.max_cost is None:
            return True
        worst = self._worst(planned)
        if self.progress.cost + self._committed + worst > self.plan.max_cost + 1e-12:
            spent = f"${self.progress.cost:.4f} spent"
            over = f"the next call could cost up to ${worst:.4f} and take the run over max_cost=${self.plan.max_cost:g}"
            self._stop = ("paused", f"{over} ({spent})")
            return False
        self._committed += worst
        return True

    def _worst(self, planned: PlannedCall) -> float:
        words = sum(len(m["content"]) for m in self.plan.messages(planned))
        setting = self.plan.settings[planned.setting_index]
        return self._tools.worst_cost(self.plan.model, words, setting.max_tokens) or 0.0

    async def _one(self, planned: PlannedCall) -> None:
        asked = self._call(planned)
        call = asked[0]
        span = Span("call", self._span)
        response_id = self._response_id(planned)
        recorder = self._tools.recorder
        about = {"entity": "response", "entity_id": response_id, **span.ids()}
        recorder.record(
            event(
                "llm_request_started",
                recorder.user,
                **about,
                request_key=call.request_key,
                model=call.model,
                replicate=planned.replicate,
            )
        )
        heard = self._on_text
        on_text = None if heard is None else (lambda text: heard(planned, text))
        start = time.perf_counter_ns()
        reply = await self._tools.source.complete(call, deadline=self.plan.deadline, on_attempt=self._attempted, on_text=on_text)
        duration = time.perf_counter_ns() - start
        if reply.resume_at is not None and self._stop is None:
            at = datetime.fromtimestamp(reply.resume_at).astimezone().strftime("%H:%M")
            self._stop = ("paused", f"the server asks to wait: retry at {at}")
            self._poke()
        elif reply.stop_run and self._stop is None:
            self._stop = ("partial", f"the run stopped: {reply.error}")
            self._poke()
        row = self._row(planned, asked, reply, span)
        rows: list[Row] = [self._attempt_row(a, response_id, span) for a in reply.attempts]
        rows.append(row)
        if row.status not in ANSWERED:
            rows.append(
                event(
                    "llm_request_failed",
                    recorder.user,
                    **about,
                    request_key=call.request_key,
                    status=row.status,
                    error_code=reply.error_code,
                    error=row.error,
                    attempts=len(reply.attempts),
                )
            )
        rows.append(
            MetricRow(
                metric_id=new_id(),
                recorded_at=now(),
                kind="call",
                name="llm_request",
                status=row.status,
                duration_ns=duration,
                **span.ids(),
            )
        )
        saved = asyncio.wrap_future(recorder.record(*rows, durable=True))
        try:
            await asyncio.shield(saved)
        except asyncio.CancelledError:  # the answer is already on its way to the journal: let it arrive
            await saved
        if self.plan.max_cost is not None:
            self._committed -= self._worst(planned)
        self._count(row)

    def _call(self, planned: PlannedCall) -> tuple[Call, int | None]:
        parameters: dict[str, Any] = self.plan.settings[planned.setting_index].given()
        seed = None
        if self.plan.seed is not None:
            seed = replicate_seed(self.plan.seed, planned.prompt_index, planned.setting_index, planned.replicate)
            parameters["seed"] = seed
        messages = self.plan.messages(planned)
        key = request_key(self._tools.provider, self.plan.model, messages, parameters, planned.replicate)
        return (
            Call(
                model=self.plan.model,
                messages=messages,
                parameters=parameters,
                replicate=planned.replicate,
                request_key=key,
                stream=self.plan.stream,
            ),
            seed,
        )

    def _attempted(self, attempt: Attempt) -> None:
        """Grow by one call per round of successes, halve when the server says it is too much (additive increase, AIMD)."""
        if attempt.http_status == 429:
            self._limit = max(1.0, self._limit / 2)
        elif attempt.decision == "accept":
            self._limit = min(float(self.plan.max_concurrency), self._limit + 1.0 / max(1.0, self._limit))
        self.progress.concurrency = int(self._limit)

    def _count(self, row: ResponseRow) -> None:
        self.progress.done += 1
        self.progress.counts[row.status] += 1
        self.progress.cost += row.cost or 0.0
        if self._on_response is not None:
            self._on_response(row)

    # -- rows -----------------------------------------------------------------------------------------------------------------

    def _response_id(self, planned: PlannedCall) -> str:
        return response_id(self.experiment_id, planned)

    def _revision(self, rid: str) -> int:
        return self._previous[rid] + 1 if rid in self._previous else 0

    def _row(self, planned: PlannedCall, asked: tuple[Call, int | None], reply: Reply, span: Span) -> ResponseRow:
        call, seed = asked
        setting = self.plan.settings[planned.setting_index]
        prompt = self.plan.prompts[planned.prompt_index]
        status, error = reply.status, reply.error
        if reply.resume_at is not None and self._stop is not None:
            status, error = "cancelled", self._stop[1]
        text = self._tools.scrub(reply.text)
        scores = self._tools.score(text, prompt, finish_reason=reply.finish_reason) if status in ("ok", "truncated") else None
        rid = self._response_id(planned)
        return ResponseRow(
            response_id=rid,
            revision=self._revision(rid),
            experiment_id=self.experiment_id,
            created_at=now(),
            prompt_index=planned.prompt_index,
            prompt=prompt,
            setting_index=planned.setting_index,
            temperature=setting.temperature,
            top_p=setting.top_p,
            max_tokens=setting.max_tokens,
            frequency_penalty=setting.frequency_penalty,
            presence_penalty=setting.presence_penalty,
            seed=seed,
            replicate=planned.replicate,
            status=status,
            text=text,
            error=self._tools.scrub(error) if error else None,
            finish_reason=reply.finish_reason,
            model=reply.model or self.plan.model,
            system_fingerprint=reply.system_fingerprint,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost=self._tools.cost(self.plan.model, reply.input_tokens, reply.output_tokens),
            latency_ms=reply.latency_ms,
            first_token_ms=reply.first_token_ms,
            creativity=scores.creativity if scores else None,
            coherence=scores.coherence if scores else None,
            structure=scores.structure if scores else None,
            completeness=scores.completeness if scores else None,
            metrics=dict(scores.metrics) if scores else {},
            detail=dict(scores.detail) if scores else {},
            metrics_version=self._tools.metrics_version,
            requested=dict(reply.requested) or dict(call.parameters),
            sent=dict(reply.sent),
            rejected=dict(reply.rejected),
            applied=dict(reply.applied) if reply.applied is not None else None,
            usage=dict(reply.usage) if reply.usage is not None else None,
            attempts=len(reply.attempts),
            request_key=call.request_key,
            correlation_id=self._span.correlation_id,
            span_id=span.span_id,
        )

    def _attempt_row(self, attempt: Attempt, rid: str, span: Span) -> AttemptRow:
        raw = None if attempt.raw is None else attempt.raw.decode("utf-8", "backslashreplace")
        return AttemptRow(
            attempt_id=new_id(),
            response_id=rid,
            experiment_id=self.experiment_id,
            attempt=attempt.attempt,
            started_at=attempt.started_at,
            latency_ms=attempt.latency_ms,
            http_status=attempt.http_status,
            headers=dict(attempt.headers),
            decision=attempt.decision,
            wait_s=attempt.wait_s,
            error_code=attempt.error_code,
            error=attempt.error,
            raw=raw,
            raw_size=attempt.raw_size,
            raw_sha256=attempt.raw_sha256,
            **{**span.ids(), "span_id": Span("attempt", span).span_id, "parent_span_id": span.span_id},
        )

    def _give_up(self, calls: list[PlannedCall], reason: str) -> None:
        """Write the row that every planned replicate has, for those that were not answered."""
        empty = Reply(status="cancelled", error=reason)
        for planned in calls:
            row = self._row(planned, self._call(planned), empty, self._span)
            self._tools.recorder.record(row)
            self._count(row)

    def _outcome(self) -> Ended:
        counts = self.progress.counts + self._already
        answered = sum(counts[s] for s in ANSWERED)
        total = sum(counts.values())
        if self._stop is not None and self._stop[0] in ("paused", "interrupted"):
            return Ended(*self._stop, counts=counts)
        reason = self._stop[1] if self._stop else None
        if answered == total:
            return Ended("completed", None, counts)
        words = ", ".join(f"{n} {s}" for s, n in sorted(counts.items()) if s not in ANSWERED)
        return Ended("partial" if answered else "failed", reason or f"{words} of {total} replicates", counts)


def response_id(experiment_id: str, planned: PlannedCall) -> str:
    """Return the id of one replicate's response: the same whenever and wherever it is sent."""
    return derived_id(experiment_id, planned.prompt_index, planned.setting_index, planned.replicate)
