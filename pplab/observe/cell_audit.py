"""Times and audits every cell execution through IPython's events; never disturbs the cell."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pplab.ids import TIME_FORMAT, new_id
from pplab.inputs.paths import path_from
from pplab.log import log_error
from pplab.observe.spans import CAUSE, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from pplab.store.rows import Row

MAX_RUNNING = 100
UNREADABLE = (SyntaxError, ValueError, OverflowError)
INTERRUPTS = ("KeyboardInterrupt", "CancelledError")


class Recorder(Protocol):
    """Writer of the rows of cells."""

    @property
    def user(self) -> str:
        """Who is named in the audit."""

    @property
    def folder(self) -> Path:
        """The lab's folder; notebooks are named as they are found from the one that holds it."""

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""

    def record_later(self, rows: Iterator[Row]) -> None:
        """Queue rows that are made by iterating, away from the user's thread."""


class _FinishedCell(NamedTuple):
    """Facts about a finished cell that the hooks note; none of them keeps the cell's values alive."""

    span: Span
    at: float
    duration: int
    raw: str
    cell_id: str | None
    execution_count: int | None
    status: str
    error_type: str | None
    operations: int
    notebook: str | None
    keep: str


class _RunningCell:
    """Running cell: its info, its span, what it began within, and when."""

    __slots__ = ("at", "info", "outer", "span", "start")

    def __init__(self, info: ExecutionInfo, outer: Span | None) -> None:
        self.info = info
        self.outer = outer
        self.span = Span("cell", outer)
        self.at = time.time()
        self.start = time.perf_counter_ns()


class CellAudit:
    """Recorder of cells: writes one `CellRow` and one ``cell_executed`` event for each cell of a shell.

    Parameters
    ----------
    shell
        The shell whose events are followed.
    recorder
        Where rows go.
    source
        Says what is kept of the source: ``hash``, ``redacted`` (its text without keys) or ``off``.

    Notes
    -----
    ``pre_run_cell`` is not fired for the cell that loads the extension nor for an empty one; nested cells begin and end inside
    each other; cells of kernel subshells overlap; and an interrupted cell may end with another ``info`` than it began with, or
    with none. So cells under way are found again by the identity of their ``info``, else by their text, else they began now.

    The hooks only note what is lost later; everything else is done where the rows are written.
    """

    def __init__(self, shell: InteractiveShell, recorder: Recorder, source: Callable[[], str]) -> None:
        self._shell = shell
        self._recorder = recorder
        self._source = source
        self._session = new_id()
        self._begun_in = _working_folder()
        self._running: dict[int, _RunningCell] = {}
        self._registered = False

    def register(self) -> None:
        """Begin; a second call does nothing. The cell that is running now is recorded from here on."""
        if self._registered:
            return
        self._registered = True
        loading = self._shell.displayhook.exec_result
        if loading is not None and not loading.info.silent:
            CAUSE.set(self._start(loading.info, None).span)
        self._shell.events.register("pre_run_cell", self._pre)
        self._shell.events.register("post_run_cell", self._post)

    def unregister(self) -> None:
        """End; the shell is as it was before `register`."""
        if not self._registered:
            return
        self._registered = False
        self._shell.events.unregister("pre_run_cell", self._pre)
        self._shell.events.unregister("post_run_cell", self._post)
        self._running.clear()
        CAUSE.set(None)

    def _start(self, info: ExecutionInfo, outer: Span | None) -> _RunningCell:
        if len(self._running) == MAX_RUNNING:  # cells that never ended
            del self._running[next(iter(self._running))]
        cell = self._running[id(info)] = _RunningCell(info, outer)
        return cell

    # Whatever goes wrong in a hook, an interrupt that lands in it included, must not show in the user's cell.

    def _pre(self, info: ExecutionInfo) -> None:
        try:
            # A cell that the user entered has no outer one, whatever an earlier cell may have left behind by never ending.
            CAUSE.set(self._start(info, None if info.store_history else CAUSE.get()).span)
        except BaseException as error:  # noqa: BLE001
            log_error("the start of a cell was not recorded", error)

    def _post(self, result: ExecutionResult | None) -> None:
        end = time.perf_counter_ns()
        try:
            cell = self._pop_running(None if result is None else result.info)
            if cell is not None:
                CAUSE.set(cell.outer)
                self._recorder.record_later(self._rows(self._finished(cell, result, end)))
        except BaseException as error:  # noqa: BLE001
            log_error("a cell was not recorded", error)

    def _finished(self, cell: _RunningCell, result: ExecutionResult | None, end: int) -> _FinishedCell:
        status, error_type = _status(result)
        return _FinishedCell(
            cell.span,
            cell.at,
            end - cell.start,
            cell.info.raw_cell or "",
            cell.info.cell_id,
            None if result is None else result.execution_count,
            status,
            error_type,
            cell.span.children,
            notebook_file(self._shell.user_ns),
            self._source(),
        )

    def _pop_running(self, info: ExecutionInfo | None) -> _RunningCell | None:
        """Return the cell that has just ended; ``None`` for ``info`` means the one that began last."""
        if info is None:
            return self._running.popitem()[1] if self._running else None
        cell = self._running.pop(id(info), None)
        if cell is not None:
            return cell
        for key, other in reversed(self._running.items()):
            if other.info.raw_cell == info.raw_cell:
                return self._running.pop(key)
        return _RunningCell(info, CAUSE.get())

    def _rows(self, cell: _FinishedCell) -> Iterator[Row]:
        """Make the rows of an ended cell; on the thread that writes them."""
        from pplab.observe.events import event
        from pplab.store.rows import CellRow

        notebook = cell.notebook and path_from(self._recorder.folder.parent, os.path.join(self._begun_in, cell.notebook))  # noqa: PTH118 - a text
        row = CellRow(
            execution_id=new_id(),
            started_at=datetime.fromtimestamp(cell.at, UTC).strftime(TIME_FORMAT),
            user=self._recorder.user,
            session_id=self._session,
            notebook=notebook and self._recorder.scrub(notebook),
            cell_id=cell.cell_id,
            execution_count=cell.execution_count,
            source_sha256="" if cell.keep == "off" else hashlib.sha256(cell.raw.encode("utf-8", "surrogatepass")).hexdigest(),
            source=self._recorder.scrub(cell.raw) if cell.keep == "redacted" else None,
            status=cell.status,
            error_type=cell.error_type,
            duration_ns=cell.duration,
            operations=cell.operations,
            correlation_id=cell.span.correlation_id,
            span_id=cell.span.span_id,
        )
        yield row
        yield event(
            "cell_executed",
            row.user,
            entity="cell",
            entity_id=row.execution_id,
            **cell.span.ids(),
            status=row.status,
            source_sha256=row.source_sha256,
            operations=row.operations,
        )


def _working_folder() -> str:
    """Return the working folder, which cells may change; empty where it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - joined to a text
    except FileNotFoundError:  # a notebook that is named from it has no path then
        return ""


def notebook_file(user_ns: Mapping[str, Any]) -> str | None:
    """Return the notebook's path as the front end tells it (Jupyter Server, VS Code), if it does.

    It is absolute where both are on this machine; a relative one counts from the working folder, in which a kernel begins.

    Parameters
    ----------
    user_ns
        The names of the user's main module, among which VS Code puts its own.
    """
    path = os.environ.get("JPY_SESSION_NAME") or user_ns.get("__vsc_ipynb_file__")
    return path if isinstance(path, str) and path.endswith(".ipynb") else None


def notebook_name(user_ns: Mapping[str, Any]) -> str | None:
    """Return the notebook's file name alone, see `notebook_file`."""
    path = notebook_file(user_ns)
    return path and os.path.basename(path)  # noqa: PTH119 - a path of any system


def _status(result: ExecutionResult | None) -> tuple[str, str | None]:
    if result is None:
        return "interrupted", None
    before, during = result.error_before_exec, result.error_in_exec
    if before is not None:
        return "syntax error" if isinstance(before, UNREADABLE) else "error", type(before).__name__
    if during is None:
        return "ok", None
    name = type(during).__name__  # by name, because a cell with top-level await is cancelled, and asyncio is dear to import
    return "interrupted" if name in INTERRUPTS else "error", name
