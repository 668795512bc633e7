"""Views without a kernel: the widgets of cells, made by the server and heard in a thread, one message at a time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import NotFound, PplabError, in_words
from pplab.log import log_error
from pplab.server.onlooker import NeedsKernel, Onlooker
from pplab.server.view_comm import ViewComm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.lab import Lab
    from pplab.server.arguments import Arguments
    from pplab.views.widgets.base import LabWidget

    Frame = dict[str, Any]

NEEDS_KERNEL: Final = {"resend": "asking for an answer again"}
"""What a view asks for that is done in notebooks only: the kind of the message, and what to call it."""


def _calibration(lab: Any, arguments: Arguments) -> LabWidget:
    from pplab.views.widgets.calibration import StoredCalibration

    return StoredCalibration(lab, arguments.text("id", "latest"))


def _cards(lab: Any, arguments: Arguments) -> LabWidget:
    from pplab.server.live_cards import LiveCards

    return LiveCards(lab, arguments.text("id", "latest"))


def _console(lab: Any, arguments: Arguments) -> LabWidget:
    from pplab.views.widgets.console import Console

    filters: dict[str, Any] = {name: arguments.text(name) or None for name in ("event", "actor", "correlation")}
    return Console(lab, **filters)


def _dashboard(lab: Any, _arguments: Arguments) -> LabWidget:
    from pplab.server.view_figure import ViewFigure
    from pplab.views.widgets.dashboard import Dashboard

    return Dashboard(lab, make_figure=lambda drawing: ViewFigure(drawing, lab.comm))


def _timing(lab: Any, _arguments: Arguments) -> LabWidget:
    from pplab.views.widgets.timing import Timing

    return Timing(lab)


def _trace(lab: Any, arguments: Arguments) -> LabWidget:
    from pplab.views.widgets.timing import Timing

    return Timing(lab, reach="all", trace=arguments.text("id") or None)


VIEWS: Final[dict[str, Callable[[Any, Arguments], LabWidget]]] = {
    "calibration": _calibration,
    "cards": _cards,
    "console": _console,
    "dashboard": _dashboard,
    "timing": _timing,
    "trace": _trace,
}
"""What makes the widget of each view, given the lab that is looked at and the arguments of the request."""


class ServedView:
    """One view of a lab in one browser, from `begin` to `close`.

    Whatever the widget does, it does in a thread of the view's own, in the order in which it was asked for. What it says, and
    what it shows when something changes, goes to ``send`` as frames: ``state``, ``custom`` and ``figure``, or ``error`` where
    there is no view to begin with.

    Parameters
    ----------
    lab
        What is looked at.
    view
        A name of `VIEWS`.
    arguments
        What the request says about the view, such as an experiment's ``id``.
    send
        Called with each frame, from any thread; must not block.
    """

    def __init__(self, lab: Lab, view: str, arguments: Arguments, send: Callable[[Frame], None]) -> None:
        self._view, self._arguments, self._send = view, arguments, send
        self._comm = ViewComm(send)
        self._onlooker = Onlooker(lab, self._comm)
        self._widget: LabWidget | None = None
        self._closed: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pplab-view")

    def begin(self) -> Future[None]:
        """Make the widget and send its state; the future resolves when that is done."""
        return self._thread.submit(self._begin)

    def receive(self, frame: Frame) -> Future[None]:
        """Hand in a frame of the browser: an ``update`` of what the user chose, or a ``custom`` message."""
        return self._thread.submit(self._receive, frame)

    def close(self) -> Future[None]:
        """End the widget after what was asked for before; closing twice does nothing."""
        if self._closed is None:
            self._closed = self._thread.submit(self._close)
            self._thread.shutdown(wait=False)
        return self._closed

    def _begin(self) -> None:
        try:
            self._widget = self._made()
            self._comm.begin(self._widget)
        except Exception as error:  # noqa: BLE001 - shown where the view would be
            if not isinstance(error, PplabError):
                log_error(f"the view {self._view} could not be opened", error)
            problem = in_words(error, "opening the view")
            problem.scrub(self._onlooker.scrub)
            self._send({"kind": "error", "message": problem.message, "hint": problem.hint})

    def _made(self) -> LabWidget:
        if self._view not in VIEWS:
            raise NotFound(f"there is no view '{self._view}'", hint=f"views: {', '.join(VIEWS)}")
        return VIEWS[self._view](self._onlooker, self._arguments)

    def _receive(self, frame: Frame) -> None:
        widget = self._widget
        if widget is None:
            return
        try:
            self._hand_in(widget, frame)
        except Exception as error:  # noqa: BLE001 - shown in the view
            widget.show(error)

    def _hand_in(self, widget: LabWidget, frame: Frame) -> None:
        if frame["kind"] == "update":
            chosen = widget.trait_names(shape=lambda shape: shape is not None, echo_update=lambda echo: echo is None)
            widget.set_state({name: value for name, value in frame["values"].items() if name in chosen})
        elif frame["kind"] == "custom":
            if action := NEEDS_KERNEL.get(frame["content"]["kind"]):
                raise NeedsKernel(action)
            self._comm.hand_in(frame["content"])

    def _close(self) -> None:
        widget, self._widget = self._widget, None
        if widget is not None:
            try:
                widget.close()
            except Exception as error:  # noqa: BLE001 - nobody looks any more
                log_error(f"the view {self._view} could not be closed", error)
