"""The figure of a served dashboard: plain JSON, drawn in the browser by the plotly.js of the installed plotly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pplab.views.charts.figures import CONFIG, MOVING_MS, layout, traces

if TYPE_CHECKING:
    from pplab.server.view_comm import ViewComm
    from pplab.views.charts.figures import Drawing


class ViewFigure:
    """A `pplab.views.charts.figures.LiveFigure` that is sent whole whenever it is drawn or changed.

    Parameters
    ----------
    drawing
        What it shows.
    comm
        By what it is sent.
    """

    def __init__(self, drawing: Drawing, comm: ViewComm) -> None:
        self.model_id = uuid4().hex
        self._drawing = drawing
        self._comm = comm

    def redraw(self, before: Drawing, now: Drawing, *, move: bool) -> None:  # noqa: ARG002 - a live figure's signature
        """Show another drawing."""
        self._drawing = now
        self._send(MOVING_MS if move and not now.look.still else 0)

    def synchronise(self) -> None:
        """Send it as it is."""
        self._send(0)

    def close(self) -> None:
        """Do nothing: it is held by nobody."""

    def _send(self, moving_ms: int) -> None:
        content, look = self._drawing.content, self._drawing.look
        placed: dict[str, Any] = {**layout(content, look), "transition": {"duration": moving_ms}}
        figure = {"data": traces(content), "layout": placed, "config": CONFIG}
        self._comm.send_figure(f"anywidget:{self.model_id}", figure)
