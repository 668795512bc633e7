"""The dashboard: live figures over every experiment of the lab, whichever kernel ran it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypedDict

from pplab.errors import BadInput
from pplab.log import log_error, thread
from pplab.observe.events import event
from pplab.observe.live import RecordReader, RecordWatcher
from pplab.operation import Operation
from pplab.plan.vocabulary import ENDED
from pplab.share.export import FORMATS
from pplab.store.dashboard_figures import Filters
from pplab.store.dashboard_queries import Rollup
from pplab.store.rows import ExperimentRow, RatingRow, ScoreRow
from pplab.store.store import open_store
from pplab.views.charts import figures
from pplab.views.charts.figures import Drawing, Look
from pplab.views.widgets.base import LabWidget, chosen, owned
from pplab.views.widgets.dashboard_content import (
    Board,
    DashboardContent,
    Decided,
    dashboard_content,
    decided,
    matches,
    with_experiment,
)
from pplab.views.widgets.download import Part, parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplab.lab import Lab
    from pplab.observe.live import Change
    from pplab.views.charts.figures import LiveFigure
    from pplab.views.records import Display

END_SECONDS: Final = 5.0  # how long a headline that is being made is waited for
FILTERS: Final = ("user", "calibration", "model", "search", "comparison", "factor", "source")


class PageLook(TypedDict):
    """How the page around a view looks."""

    dark: bool
    narrow: bool
    still: bool


class Exporting(TypedDict):
    """How far an export is; ``name`` is the file's, once it is written."""

    state: Literal["working", "done"]
    words: str
    name: str


class Ready(TypedDict):
    """A view is there and wants the figure."""

    kind: Literal["ready"]


class Draw(TypedDict):
    """The figure's JavaScript has loaded: a view asks for the whole figure, and is told when it has all of it."""

    kind: Literal["draw"]
    view: str


class Refresh(TypedDict):
    """The user asks for the figures again."""

    kind: Literal["refresh"]


class Export(TypedDict):
    """The user asks for the experiments with these ids as a file."""

    kind: Literal["export"]
    ids: tuple[str, ...]
    format: str


class Download(TypedDict):
    """A view asks for the bytes of the file that was exported last."""

    kind: Literal["download"]
    view: str


class Dashboard(LabWidget):
    """Tiles, charts, recent experiments and their export, up to date by itself.

    Parameters
    ----------
    lab
        Whose experiments are shown, those of other kernels included.
    make_figure
        What makes the figure of a drawing; default: plotly's widget.

    Attributes
    ----------
    user, calibration, model : str or None
        Only the experiments of this user, calibration (an id) and model; ``None`` for all. Setting one reads the figures again.
    search : str
        Only the experiments with this in their name, tags, note, model or notebook, or at the beginning of their id.
    comparison : str or None
        The id of the experiment that the charts show; ``prompts:`` and an id for all with the prompts of that one; ``None`` for
        all with those of the latest one. Experiments with different prompts are never averaged together.
    factor : str or None
        Along which factor the scores are drawn, such as ``model``, ``system`` or ``temperature``; ``None`` for the first that
        varies.
    source : str or None
        Whose scores are shown: ``surface``, ``check``, ``reader``, ``judge`` or ``person``. ``None``, and where there is none of
        it: those of checks where there are any, else those of the surface. Different sources are never averaged together.
    selected : tuple of str
        Ids of the experiments that are ticked.

    Examples
    --------
    >>> import pplab
    >>> lab = pplab.Lab(store=":temp:")
    >>> dashboard = Dashboard(lab)
    >>> dashboard.factor = "top_p"
    >>> dashboard.close()
    >>> lab.close()
    """

    bundle: ClassVar[str] = "dashboard"
    takes: ClassVar[tuple[type, ...]] = (Ready, Draw, Refresh, Export, Download)
    sends: ClassVar[tuple[type, ...]] = (Part, Draw)

    board = owned(Board)
    headline = owned(str, default="")
    dropped = owned(tuple[str, ...], default=())
    figure = owned(str, default="")
    height = owned(int, default=0)
    formats = owned(tuple[str, ...], default=FORMATS)
    exporting = owned(Exporting | None)
    user = chosen(str | None)
    calibration = chosen(str | None)
    model = chosen(str | None)
    search = chosen(str, default="")
    comparison = chosen(str | None)
    factor = chosen(str | None)
    source = chosen(str | None)
    selected = chosen(tuple[str, ...], default=())
    look = chosen(PageLook, default=PageLook(dark=False, narrow=False, still=False))

    def __init__(self, lab: Lab, *, make_figure: Callable[[Drawing], LiveFigure] | None = None) -> None:
        self.lab = lab
        self._make_figure = make_figure
        self._figure: LiveFigure | None = None
        self._heir: Dashboard | None = None
        self._drawing: threading.Thread | None = None
        self._exported: Path | None = None
        self._live: RecordWatcher[Change] | None = None
        self._closed = False
        self._deciding: threading.Thread | None = None
        self._decided: tuple[tuple[str, int] | None, Decided] = (None, Decided())
        self._board_turn = threading.Lock()
        self._journal_lines: dict[str, ExperimentRow] = {}
        self._store = open_store(lab.folder)
        try:
            self._rollup = Rollup(self._store)
            records = RecordReader(lab.folder / "journal", "experiment", "score", "rating")
            self._content: DashboardContent = self._read(Filters())
            self._drawn = Drawing(self._content.content, Look())
            super().__init__(lab, board=self._content.board, height=figures.height(self._drawn))
        except BaseException:
            self._store.close()
            raise
        self._adopt()
        self.observe(self._filtered, FILTERS)
        self.observe(self._looked, "look")
        self._live = RecordWatcher(records, on_change=self._on_change, on_batch=self._on_batch)
        self._decide()

    def static(self) -> Display:
        """Return counts, charts and tables that do not vary between two runs."""
        return self._content.static(self._decision(self._content))

    def close(self) -> None:
        """Stop following the lab, and free the figure's models and our own; closing twice does nothing."""
        with self._turn:
            closed, self._closed = self._closed, True
            figure, self._figure = self._figure, None
        if self._deciding is not None and not closed:
            self._deciding.join(END_SECONDS)
        if self._live is not None and not closed:
            self._live.close()
            self._store.close()
        if figure is not None:
            figure.close()
        super().close()

    def inherit(self, predecessor: LabWidget) -> None:
        """Take over the figure of an earlier run of the cell, also one that is being made: making one takes seconds."""
        if isinstance(predecessor, Dashboard):
            predecessor.give_way_to(self)

    def give_way_to(self, heir: Dashboard) -> None:
        """Give the figure to the dashboard that takes this one's place, now or when it is made."""
        with self._turn:
            self._heir = heir
            figure, self._figure = self._figure, None
            heir.succeed(figure, self._drawn, self._drawing)

    def succeed(self, figure: LiveFigure | None, drawing_of_figure: Drawing, drawing: threading.Thread | None) -> None:
        """Take the figure of the dashboard that gives way, or the thread that makes it."""
        self._figure, self._drawn, self._drawing = figure, drawing_of_figure, drawing

    def _adopt(self) -> None:
        with self._turn:
            if self._figure is not None:
                self._take_figure(self._figure, self._drawn)

    # -- reading and drawing --------------------------------------------------------------------------------------------------

    def _read(self, filters: Filters) -> DashboardContent:
        return dashboard_content(self._rollup.read(filters), filters)

    @property
    def _filters(self) -> Filters:
        return Filters(
            user=self.user,
            calibration_id=self.calibration,
            model=self.model,
            search=self.search,
            comparison=self.comparison,
            factor=self.factor,
            source=self.source,
        )

    def _refresh(self, *, move: bool) -> None:
        """Read the figures and show them, in the tables and in the chart."""
        with self._turn:
            lines = dict(self._journal_lines)
            content = self._read(self._filters)
            with self._board_turn:
                self._content = content
                self._journal_lines = {i: row for i, row in self._journal_lines.items() if lines.get(i) is not row}
                self._show_board(content.board)
            self._redraw(move=move)
        self._decide()

    def _decide(self) -> None:
        """Say what is decided on the experiment that the charts show, on a thread of its own: its answers are read for that."""
        if self._deciding is None or not self._deciding.is_alive():
            deciding = thread(self._show_headline, name="pplab-decision")
            deciding.start()
            self._deciding = deciding

    def _show_headline(self) -> None:
        shown: DashboardContent | None = None
        while shown is not self._content and not self._closed:
            shown = self._content
            try:
                now = self._decision(shown)
            except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it; the charts stand without it
                log_error("the dashboard has no headline", error)
                now = Decided()
            if not self._closed:
                self.headline, self.dropped = now.headline, now.dropped

    def _decision(self, content: DashboardContent) -> Decided:
        if self._decided[0] != content.decided or content.decided is None:
            self._decided = (content.decided, decided(self.lab, content))
        return self._decided[1]

    def _redraw(self, *, move: bool) -> None:
        self.height = figures.height(self._drawing_now)
        if self._figure is not None:
            before, self._drawn = self._drawn, self._drawing_now
            self._figure.redraw(before, self._drawn, move=move)

    @property
    def _drawing_now(self) -> Drawing:
        return Drawing(self._content.content, Look(**self.look))

    def _draw(self) -> None:
        """Make the figure, on a thread of its own: importing plotly takes a second or two."""
        drawing = self._drawing_now
        try:
            figure = (self._make_figure or figures.figure_widget)(drawing)
        except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
            self._fail(error, Ready(kind="ready"))
        else:
            self.hand_over(figure, drawing)

    def hand_over(self, figure: LiveFigure, drawing: Drawing) -> None:
        """Give the figure to whoever shows it by now."""
        with self._turn:
            heir = self._heir
            if heir is None and self._closed:
                figure.close()
            elif heir is None:
                self._take_figure(figure, drawing)
        if heir is not None:
            heir.hand_over(figure, drawing)

    def _take_figure(self, figure: LiveFigure, drawing: Drawing) -> None:
        self._figure, self._drawn = figure, drawing
        self._redraw(move=False)  # content and look may have changed since it was made
        self.figure = f"anywidget:{figure.model_id}"

    def _fail(self, error: Exception, message: Any) -> None:
        """Show an error with a Retry that hands in ``again``."""
        with self._turn:
            self._failed = dict(message)
            self.show(error)

    # -- what changed ---------------------------------------------------------------------------------------------------------

    def _on_change(self, changes: tuple[Change, ...]) -> None:
        """Show what journal lines say, before the tables are read."""
        with self._board_turn:  # not behind a reading of the tables
            self._journal_lines |= {c.row.experiment_id: c.row for c in changes if isinstance(c.row, ExperimentRow)}
            self._show_board(self.board)

    def _show_board(self, board: Board) -> None:
        """Show a board with the lines that were heard since it was read."""
        for row in self._journal_lines.values():
            if matches(self._filters, row):
                board = with_experiment(board, row)
        self.board = board

    def _on_batch(self, changes: tuple[Change, ...]) -> None:
        """Show what the tables say, and note in the audit that results of other kernels were shown.

        The scores of a run that is under way wait for its next line.
        """
        running = {line["id"] for line in self.board["recent"] if line["status"] == "running"}
        if not any(isinstance(c.row, ExperimentRow) or _experiment(c) not in running for c in changes):
            return
        try:
            self._refresh(move=True)
            ids = [
                c.row.experiment_id for c in changes if isinstance(c.row, ExperimentRow) and c.elsewhere and c.row.status in ENDED
            ]
            if ids:
                self.lab.record(event("realtime_update_received", self.lab.user, entity="dashboard", experiments=ids))
        except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
            self._fail(error, Refresh(kind="refresh"))

    # -- what the user does ---------------------------------------------------------------------------------------------------

    def _filtered(self, _change: Any) -> None:
        try:
            self._take_refresh(Refresh(kind="refresh"))
        except Exception as error:  # noqa: BLE001 - shown in the widget
            self._fail(error, Refresh(kind="refresh"))
        else:
            self.problem = None

    def _looked(self, _change: Any) -> None:
        with self._turn:
            self._redraw(move=False)

    def _take_ready(self, _message: Ready) -> None:
        if self._figure is None and (self._drawing is None or not self._drawing.is_alive()):
            self._drawing = thread(self._draw, name="pplab-figure")
            self._drawing.start()

    def _take_draw(self, message: Draw) -> None:
        if self._figure is not None:
            self._figure.synchronise()
            self.tell(message)

    def _take_refresh(self, _message: Refresh) -> None:
        with self.timed("dashboard") as timing, Operation(self.lab, "dashboard") as span:
            timing["correlation_id"] = span.correlation_id
            self._refresh(move=True)

    def _take_export(self, message: Export) -> None:
        if not message["ids"]:
            raise BadInput("no experiment is selected", hint="tick the experiments to export")
        self.exporting = Exporting(state="working", words=f"Writing {_counted(len(message['ids']), 'experiment')}", name="")
        thread(self._export, message, name="pplab-export").start()

    def _export(self, message: Export) -> None:
        try:
            with self.timed("export") as timing, Operation(self.lab, "dashboard") as span:
                timing["correlation_id"] = span.correlation_id
                export = self.lab.export(list(message["ids"]), message["format"])
        except Exception as error:  # noqa: BLE001 - on a thread nobody else would hear of it
            self.exporting = None
            self._fail(error, message)
            return
        self._exported = export.path
        words = f"{_counted(export.rows, 'answer')} of {_counted(len(message['ids']), 'experiment')} exported as {export.format}."
        self.exporting = Exporting(state="done", words=f"{words} {export.note}".strip(), name=export.path.name)

    def _take_download(self, message: Download) -> None:
        path = self._exported
        if path is None:
            raise BadInput("nothing was exported yet", hint="export first")
        for part in parts(path.name, path.read_bytes(), message["view"]):
            self.tell(part)


def _experiment(change: Change) -> str:
    return change.row.experiment_id if isinstance(change.row, ScoreRow | RatingRow) else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
