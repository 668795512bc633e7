"""Wraps every verb of the lab: correlation id and span, timer, audit of start and end, and exceptions turned into words."""

from __future__ import annotations

import functools
import inspect
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from pplab.errors import BadInput, PplabError, did_you_mean
from pplab.ids import new_id, new_span_id, new_trace_id, now
from pplab.observe.events import event
from pplab.store.rows import MetricRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from pplab.store.rows import Row

F = TypeVar("F", bound="Callable[..., Any]")


class Span:
    """One link of a chain of cause: a cell, an operation or a call.

    ``children`` counts the operations that named this span as their parent.
    """

    __slots__ = ("children", "correlation_id", "name", "parent_span_id", "span_id")

    def __init__(self, name: str, parent: Span | None = None) -> None:
        self.name = name
        self.correlation_id: str = parent.correlation_id if parent else new_trace_id()
        self.parent_span_id: str | None = parent.span_id if parent else None
        self.span_id: str = new_span_id()
        self.children = 0

    def ids(self) -> dict[str, Any]:
        """Return the three identifiers as the columns that rows have."""
        return {"correlation_id": self.correlation_id, "span_id": self.span_id, "parent_span_id": self.parent_span_id}


# What caused whatever happens next in this context: the running cell, or the operation that calls another one.
CAUSE: ContextVar[Span | None] = ContextVar("pplab_cause", default=None)


class Recorder(Protocol):
    """What an operation needs of the lab: someone to name, somewhere to write, and a way to remove keys from words."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    def record(self, *rows: Row) -> Future[None]:
        """Queue rows for the journal."""

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""


@dataclass(frozen=True, slots=True)
class LastOperation:
    """The name and duration of the operation that ended last (shown discreetly beside results)."""

    name: str
    duration_ms: float
    correlation_id: str


class Operation:
    """A context manager around one verb.

    Start and end are audited, the duration goes to ``system_metrics``. A `PplabError` gets this operation's correlation id; any
    other exception becomes one (code ``internal``) with the original as its cause. An interrupt passes through untouched.
    """

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.recorder = recorder
        self.name = name

    def __enter__(self) -> Span:
        cause = CAUSE.get()
        if cause is not None:
            cause.children += 1
        self.span = Span(self.name, cause)
        self._token = CAUSE.set(self.span)
        self._audit("operation_started")
        self._start = time.perf_counter_ns()
        return self.span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        duration = time.perf_counter_ns() - self._start
        CAUSE.reset(self._token)
        failure = None
        if error is None:
            self._audit("operation_completed")
        elif isinstance(error, Exception):
            failure = self._in_words(error)
            if failure.correlation_id is None:
                failure.correlation_id = self.span.correlation_id
            words = {"code": failure.code, "message": failure.message, "hint": failure.hint}
            self._audit("operation_failed", **words)
        status = "ok" if error is None else "error" if isinstance(error, Exception) else "interrupted"
        self.recorder.record(
            MetricRow(
                metric_id=new_id(),
                recorded_at=now(),
                kind="operation",
                name=self.name,
                status=status,
                duration_ns=duration,
                **self.span.ids(),
            )
        )
        if failure is not None and failure is not error:
            raise failure from error

    def _audit(self, name: str, **payload: str) -> None:
        self.recorder.record(event(name, self.recorder.user, **self.span.ids(), operation=self.name, **payload))

    def _in_words(self, error: Exception) -> PplabError:
        if isinstance(error, PplabError):
            error.message, error.hint = self.recorder.scrub(error.message), self.recorder.scrub(error.hint)
            return error
        words = self.recorder.scrub(f"{type(error).__name__}: {error}".splitlines()[0])
        return PplabError(
            f"{self.name} met an unexpected fault ({words})", hint="this is a defect of pplab; please report it", code="internal"
        )


def verb(method: F) -> F:
    """Make a method of a `Recorder` one operation, named as the method is; unknown keywords are refused with the nearest one."""
    name = method.__name__
    known = inspect.signature(method).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())

    @functools.wraps(method)
    def operation(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        with Operation(self, name):
            unknown = () if open_ended else kwargs.keys() - known.keys()
            if unknown:
                word = min(unknown)
                options = [k for k in known if k != "self"]
                raise BadInput(
                    f"{name} has no option '{word}'", hint=did_you_mean(word, options) or f"options: {', '.join(options)}"
                )
            return method(self, *args, **kwargs)

    return cast("F", operation)
