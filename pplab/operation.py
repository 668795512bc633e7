"""Wraps every verb of the lab: correlation id and span, timer, audit of start and end, and exceptions turned into words."""

from __future__ import annotations

import functools
import inspect
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from pplab.errors import BadInput, did_you_mean, in_words
from pplab.ids import new_id, now
from pplab.inputs.values import python_value
from pplab.log import log_error
from pplab.observe.spans import CAUSE, Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from pplab.store.rows import EventRow, Row

F = TypeVar("F", bound="Callable[..., Any]")


class Recorder(Protocol):
    """What an operation needs of the lab: someone to name, somewhere to write, and a way to remove keys from words."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    def record(self, *rows: Row) -> Future[None]:
        """Queue rows for the journal."""

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""


class Operation:
    """A context manager around one verb.

    Start and end are audited, the duration goes to ``system_metrics``. A `PplabError` gets this operation's correlation id; any
    other exception becomes one (see `pplab.errors.in_words`) with the original as its cause. An interrupt is noted and passes
    through untouched.
    """

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.recorder = recorder
        self.name = name

    def __enter__(self) -> Span:
        cause = CAUSE.get()
        self.span = Span(self.name, cause)
        self.recorder.record(self._event("operation_started"))
        if cause is not None:
            cause.children += 1
        self._token = CAUSE.set(self.span)
        self._start = time.perf_counter_ns()
        return self.span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        from pplab.store.rows import MetricRow

        duration = time.perf_counter_ns() - self._start
        CAUSE.reset(self._token)
        failure = None
        if error is None:
            status, ended = "ok", self._event("operation_completed")
        elif isinstance(error, Exception):
            failure = in_words(error, self.name)
            failure.scrub(self.recorder.scrub)
            failure.correlation_id = failure.correlation_id or self.span.correlation_id
            status = "error"
            ended = self._event("operation_failed", code=failure.code, message=failure.message, hint=failure.hint)
        else:
            status = "interrupted"
            ended = self._event(
                "operation_failed", code=status, message=f"{self.name} was interrupted", hint="what had arrived is kept"
            )
        timed = MetricRow(
            metric_id=new_id(),
            recorded_at=now(),
            kind="operation",
            name=self.name,
            status=status,
            duration_ns=duration,
            **self.span.ids(),
        )
        self._record(ended, timed, failing=error is not None)
        if failure is not None and failure is not error:
            raise failure from error

    def _record(self, *rows: Row, failing: bool) -> None:
        try:
            self.recorder.record(*rows)
        except Exception as error:
            if not failing:
                raise
            log_error(f"the failure of {self.name} was not recorded", error)  # the failure itself matters more

    def _event(self, name: str, **payload: str) -> EventRow:
        from pplab.observe.events import event

        return event(name, self.recorder.user, **self.span.ids(), operation=self.name, **payload)


class _Signature:
    """The signature of a method, and the words for a call that does not fit it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.name = method.__name__
        self._signature = inspect.signature(method)
        self._parameters = [name for name in self._signature.parameters if name != "self"]

    def refusal(self, *args: Any, **kwargs: Any) -> BadInput | None:
        """Return what is wrong with a call, if anything is."""
        unknown = kwargs.keys() - set(self._parameters)
        if unknown:
            word, names = min(unknown), ", ".join(self._parameters)
            options = f"options: {names}" if names else "it takes none"
            return BadInput(f"{self.name} has no option '{word}'", hint=did_you_mean(word, self._parameters) or options)
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            return BadInput(f"{self.name}: {error}", hint=f"write {self.name}({', '.join(self._parameters)})")
        return None


def check_call(method: F) -> F:
    """Make a method that opens its operation itself refuse, as `verb` does, a call that does not fit its signature."""
    signature = _Signature(method)

    @functools.wraps(method)
    def operation(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = python_value(args), python_value(kwargs)
        refusal = signature.refusal(self, *args, **kwargs)
        if refusal is not None:
            with Operation(self, signature.name):
                raise refusal
        return method(self, *args, **kwargs)

    return cast("F", operation)


def verb(method: F) -> F:
    """Make a method of a `Recorder` one operation, named as the method is; unknown keywords are refused with the nearest one."""
    signature = _Signature(method)

    @functools.wraps(method)
    def operation(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = python_value(args), python_value(kwargs)
        with Operation(self, signature.name):
            refusal = signature.refusal(self, *args, **kwargs)
            if refusal is not None:
                raise refusal
            return method(self, *args, **kwargs)

    return cast("F", operation)
