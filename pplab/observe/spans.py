"""Spans: the links of a chain of cause, and which of them is running now."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from pplab.ids import new_span_id, new_trace_id


class Span:
    """One link of a chain of cause: a cell, an operation or a call.

    Its identifiers are made when they are first asked for: most cells cause nothing, and random bytes cost a system call.
    ``children`` counts the operations that named this span as their parent.
    """

    __slots__ = ("_correlation_id", "_parent", "_span_id", "children", "name")

    def __init__(self, name: str, parent: Span | None = None) -> None:
        self.name = name
        self.children = 0
        self._parent = parent
        self._correlation_id: str | None = None
        self._span_id: str | None = None

    @classmethod
    def known(cls, name: str, correlation_id: str, span_id: str) -> Span:
        """Return a link that another process has begun, to be the parent of links here."""
        span = cls(name)
        span._correlation_id, span._span_id = correlation_id, span_id
        return span

    @property
    def correlation_id(self) -> str:
        """The W3C trace id of the whole chain."""
        if self._correlation_id is None:
            self._correlation_id = self._parent.correlation_id if self._parent else new_trace_id()
        return self._correlation_id

    @property
    def span_id(self) -> str:
        """The W3C span id of this link."""
        if self._span_id is None:
            self._span_id = new_span_id()
        return self._span_id

    @property
    def parent_span_id(self) -> str | None:
        """The span id of what caused this link."""
        return self._parent.span_id if self._parent else None

    def ids(self) -> dict[str, Any]:
        """Return the three identifiers as the columns that rows have."""
        return {"correlation_id": self.correlation_id, "span_id": self.span_id, "parent_span_id": self.parent_span_id}


# What caused whatever happens next in this context: the running cell, or the operation that calls another one.
CAUSE: ContextVar[Span | None] = ContextVar("pplab_cause", default=None)


def current_span() -> Span:
    """Return the span of the running operation; every verb is inside one."""
    span = CAUSE.get()
    assert span is not None
    return span
