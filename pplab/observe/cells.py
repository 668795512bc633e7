"""Times and audits every cell execution through IPython's events; never disturbs the cell."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pplab.ids import new_id, now
from pplab.observe.events import event
from pplab.operation import CAUSE, Span
from pplab.store.rows import CellRow

if TYPE_CHECKING:
    from concurrent.futures import Future

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from pplab.store.rows import Row

SYNTAX_ERRORS = (SyntaxError, UnicodeError)


class Recorder(Protocol):
    """Who writes rows down (the lab)."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    def record(self, *rows: Row) -> Future[None]:
        """Queue rows for the journal."""

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""


class _Begun:
    """A cell that has begun: its info object, span, and when."""

    __slots__ = ("at", "info", "span", "start")

    def __init__(self, info: object) -> None:
        self.info = info
        self.span = Span("cell")
        self.at = now()
        self.start = time.perf_counter_ns()


class CellAudit:
    """Writes one `CellRow` and one ``cell_executed`` event for each cell of a shell.

    Parameters
    ----------
    shell
        The shell whose events are followed.
    recorder
        Where rows go.
    source
        What is kept of the source: ``hash``, ``redacted`` (its text without keys) or ``off``.

    Notes
    -----
    ``pre_run_cell`` is not fired for the cell that loads the extension nor for an empty one, nested cells are fired inside each
    other, and an interrupted cell may end with another ``info`` object than it began with: so cells under way are a stack, found
    again by identity, else by their text.
    """

    def __init__(self, shell: InteractiveShell, recorder: Recorder, *, source: str = "hash") -> None:
        self._shell = shell
        self._recorder = recorder
        self._source = source
        self._stack: list[_Begun] = []
        self._loading: _Begun | None = None
        self._session = new_id()
        self._registered = False

    def register(self) -> None:
        """Begin; a second call does nothing. The cell that is running now is recorded from here on."""
        if self._registered:
            return
        self._registered = True
        self._loading = _Begun(None)
        CAUSE.set(self._loading.span)
        self._shell.events.register("pre_run_cell", self._pre)
        self._shell.events.register("post_run_cell", self._post)

    def unregister(self) -> None:
        """End; the shell is as it was before `register`."""
        if not self._registered:
            return
        self._registered = False
        self._shell.events.unregister("pre_run_cell", self._pre)
        self._shell.events.unregister("post_run_cell", self._post)
        self._stack.clear()
        CAUSE.set(None)

    def _pre(self, info: ExecutionInfo) -> None:
        try:
            begun = _Begun(info)
            self._stack.append(begun)
            CAUSE.set(begun.span)
        except Exception:  # noqa: BLE001, S110 - whatever happens here must not show in the user's cell
            pass

    def _post(self, result: ExecutionResult | None) -> None:
        end = time.perf_counter_ns()
        try:
            if result is not None and result.info is not None:
                begun = self._take(result.info)
                self._write(begun, result, result.info, end - begun.start)
            CAUSE.set(self._stack[-1].span if self._stack else None)
        except Exception:  # noqa: BLE001, S110 - see _pre
            pass

    def _take(self, info: ExecutionInfo) -> _Begun:
        stack = self._stack
        for i in range(len(stack) - 1, -1, -1):
            if stack[i].info is info:
                begun = stack[i]
                del stack[i:]  # what began inside it and never ended is given up
                return begun
        if self._loading is not None:
            begun, self._loading = self._loading, None
            return begun
        for i in range(len(stack) - 1, -1, -1):
            if stack[i].info.raw_cell == info.raw_cell:  # type: ignore[attr-defined]
                begun = stack[i]
                del stack[i:]
                return begun
        return _Begun(info)

    def _write(self, begun: _Begun, result: ExecutionResult, info: ExecutionInfo, duration: int) -> None:
        raw = info.raw_cell or ""
        status, error_type = _status(result)
        keep = self._source
        digest = "" if keep == "off" else hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
        row = CellRow(
            execution_id=new_id(),
            started_at=begun.at,
            user=self._recorder.user,
            session_id=self._session,
            notebook=self._notebook(),
            cell_id=info.cell_id,
            execution_count=result.execution_count,
            source_sha256=digest,
            source=self._recorder.scrub(raw) if keep == "redacted" else None,
            status=status,
            error_type=error_type,
            duration_ns=duration,
            operations=begun.span.children,
            correlation_id=begun.span.correlation_id,
            span_id=begun.span.span_id,
        )
        done = event(
            "cell_executed",
            row.user,
            entity="cell",
            entity_id=row.execution_id,
            **begun.span.ids(),
            status=status,
            source_sha256=digest,
            operations=row.operations,
        )
        self._recorder.record(row, done)

    def _notebook(self) -> str | None:
        """Return the notebook's file name as the front end tells it (Jupyter Server, VS Code), if it does."""
        path: Any = os.environ.get("JPY_SESSION_NAME") or self._shell.user_ns.get("__vsc_ipynb_file__")
        return Path(path).name if isinstance(path, str) and path.endswith(".ipynb") else None


def _status(result: ExecutionResult) -> tuple[str, str | None]:
    before, during = result.error_before_exec, result.error_in_exec
    if before is not None:
        kind = "syntax error" if isinstance(before, SYNTAX_ERRORS) else "error"
        return kind, type(before).__name__
    if during is None:
        return "ok", None
    return ("interrupted" if isinstance(during, KeyboardInterrupt) else "error"), type(during).__name__
