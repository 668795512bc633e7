"""The WebSocket of one view: frames of the browser go to the view's thread, and what the view says goes to the browser."""

from __future__ import annotations

import json
from typing import Any

from pplab.log import log_error
from pplab.server.arguments import Arguments
from pplab.server.served_view import ServedView
from pplab.server.sockets import LabSocket


class ViewSocket(LabSocket):
    """``labs/{lab}/views/{view}``: a widget of a cell, without a kernel; the view ends with the connection."""

    _view: ServedView | None = None

    def connected(self) -> None:
        """Begin the view."""
        values = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        self._view = ServedView(self.opened.lab, self.path_kwargs["view"], Arguments(values), self.tell)
        self._view.begin()

    def disconnected(self) -> None:
        """End the view before the lab is given back."""
        if self._view is not None:
            self._view.close().result()

    def on_message(self, message: str | bytes) -> None:
        """Hand in a frame of the browser; what is none is passed over."""
        frame: Any = None
        try:
            frame = json.loads(message)
        except ValueError as error:
            log_error("a view was sent what is no JSON", error)
        if isinstance(frame, dict) and self._view is not None:
            self._view.receive(frame)
