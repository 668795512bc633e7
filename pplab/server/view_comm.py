"""The comm of a served view: what ipywidgets take for a kernel's comm, and hands a widget's messages to a socket."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.views.widgets.base import LabWidget

    Frame = dict[str, Any]


class ViewComm:
    """The way of a widget's messages without a kernel; it has the methods of ``comm.base_comm.BaseComm`` that ipywidgets use.

    What a widget sends before `begin` is not passed on: it is in the state that begins the conversation.

    Parameters
    ----------
    send
        Called with each frame for the browser, from any thread.

    Notes
    -----
    ipywidgets open no comm where a widget is made with one: they take it, listen to it, and send no state of their own.
    """

    def __init__(self, send: Callable[[Frame], None]) -> None:
        self.comm_id = uuid4().hex
        self._send = send
        self._turn = threading.RLock()
        self._shown: frozenset[str] | None = None
        self._listener: Callable[[dict[str, Any]], None] | None = None

    def begin(self, widget: LabWidget) -> None:
        """Send the state of a widget, and from here on whatever it says."""
        with self._turn:
            self._shown = frozenset(widget.trait_names(shape=lambda shape: shape is not None))
            self._send({"kind": "state", "values": self._of_views(widget.get_state(self._shown))})

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:  # noqa: ARG002 - ipywidgets' signature
        """Pass on what a widget says."""
        with self._turn:
            if self._shown is None or not isinstance(data, dict):
                return
            if data["method"] == "custom":
                self._send({"kind": "custom", "content": data["content"]})
            elif data["method"] == "update" and (values := self._of_views(data["state"])):
                self._send({"kind": "state", "values": values})

    def send_figure(self, reference: str, figure: dict[str, Any]) -> None:
        """Send a figure as a whole."""
        with self._turn:
            if self._shown is not None:
                self._send({"kind": "figure", "reference": reference, "figure": figure})

    def _of_views(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return what views are drawn from, without the code that a kernel sends along."""
        shown = {name: value for name, value in state.items() if self._shown is None or name in self._shown}
        if shown.get("took"):
            shown["took"] = {**shown["took"], "correlation_id": ""}  # looking leaves no trace that could be shown
        return shown

    def hand_in(self, content: dict[str, Any]) -> None:
        """Hand a custom message of the browser to the widget."""
        if self._listener is not None:
            self._listener({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Take the listener: the widget."""
        self._listener = callback

    def close(self, *_arguments: Any, **_options: Any) -> None:
        """Pass nothing on any more; the socket is closed by whoever opened it."""
        with self._turn:
            self._shown, self._listener = None, None
