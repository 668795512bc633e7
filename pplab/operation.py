"""Wraps every verb of the lab: correlation id and span, timer, audit of start and end, and exceptions turned into words."""

from __future__ import annotations

import functools
import inspect
import re
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from pplab.errors import BadInput, did_you_mean, in_words
from pplab.ids import new_id, now
from pplab.inputs.values import natural
from pplab.log import caught
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
            caught(f"that {self.name} failed was not noted", error)  # beside the failure the lesser news

    def _event(self, name: str, **payload: str) -> EventRow:
        from pplab.observe.events import event

        return event(name, self.recorder.user, **self.span.ids(), operation=self.name, **payload)


class _Call:
    """How a method is called, in words for who called it wrongly."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.name = method.__name__
        self._signature = inspect.signature(method)
        parameters = self._signature.parameters
        self._passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        self._known = [p for p in parameters if p not in ("self", "filters", "options")]
        if self._passes_on:  # what it passes on is listed in its docstring
            self._known += re.findall(r"``(\w+)``", method.__doc__ or "")

    def refusal(self, *args: Any, **kwargs: Any) -> BadInput | None:
        """Return what is wrong with a call, if anything is."""
        unknown = () if self._passes_on else kwargs.keys() - self._signature.parameters.keys()
        if unknown:
            return self.unknown(min(unknown))
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            return BadInput(f"{self.name}: {error}", hint=f"write {self.name}({', '.join(self._known)})")
        return None

    def unknown(self, word: str) -> BadInput:
        hint = did_you_mean(word, self._known) or f"options: {', '.join(self._known)}"
        return BadInput(f"{self.name} has no option '{word}'", hint=hint)


def checked(method: F) -> F:
    """Let a method that is an operation in its own way refuse a call it does not know as `verb` does."""
    call = _Call(method)

    @functools.wraps(method)
    def operation(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = natural(args), natural(kwargs)
        refusal = call.refusal(self, *args, **kwargs)
        if refusal is not None:
            with Operation(self, call.name):
                raise refusal
        return method(self, *args, **kwargs)

    return cast("F", operation)


def verb(method: F) -> F:
    """Make a method of a `Recorder` one operation, named as the method is; unknown keywords are refused with the nearest one."""
    call = _Call(method)

    @functools.wraps(method)
    def operation(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = natural(args), natural(kwargs)
        with Operation(self, call.name):
            refusal = call.refusal(self, *args, **kwargs)
            if refusal is not None:
                raise refusal
            try:
                return method(self, *args, **kwargs)
            except TypeError as error:
                strange = re.search(r"unexpected keyword argument '(\w+)'", str(error))
                if strange and strange[1] in kwargs:
                    raise call.unknown(strange[1]) from None
                raise

    return cast("F", operation)
