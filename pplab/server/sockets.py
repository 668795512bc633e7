"""The WebSockets: a lab is held open as long as one is connected, and messages are JSON."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from pplab.errors import PplabError
from pplab.server.handlers import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.server.open_labs import OpenLabs
    from pplab.server.watched_lab import WatchedLab


class LabSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A WebSocket of one lab. Subclasses say in `connected` and `disconnected` what happens at its beginning and its end.

    A request that may not connect gets its error as an ordinary answer. Pings keep the connection alive.

    Attributes
    ----------
    opened : WatchedLab
        The lab, which stays open until the end.
    """

    auth_resource = "pplab"
    opened: WatchedLab

    @property
    def labs(self) -> OpenLabs:
        """The labs of this server."""
        labs: OpenLabs = self.settings["pplab_labs"]
        return labs

    @ws_authenticated
    @authorized
    async def get(self, lab: str, **path: str) -> None:
        """Open the lab, connect, and give the lab back when the connection has ended."""
        self._loop = asyncio.get_running_loop()
        with ExitStack() as held:
            try:
                self.opened = await self.labs.call(held.enter_context, self.labs.use(lab))
                await super().get(**path)
            except PplabError as error:
                refuse(self, error)
            finally:
                given_back = held.pop_all()
                await asyncio.to_thread(self._end, given_back)

    def _end(self, held: ExitStack) -> None:
        with held:
            if hasattr(self, "opened"):
                self.disconnected()

    async def open(self, **path: str) -> None:
        """Begin, once the connection stands."""
        super().open(**path)
        await self.labs.call(self.connected)

    def connected(self) -> None:
        """Begin; called in a thread."""

    def disconnected(self) -> None:
        """End; called in a thread."""

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message, from any thread; one for a connection that has ended is dropped."""
        text = json.dumps(message)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._write, text)

    def _write(self, text: str) -> None:
        try:
            self.write_message(text)
        except WebSocketClosedError:  # nobody is there who could miss it
            return

    def on_message(self, message: str | bytes) -> None:
        """Pass over what a browser says; a subclass may listen."""


class ChangesSocket(LabSocket):
    """``labs/{lab}/changes``: the state of the lab at once, and then whatever changes."""

    def connected(self) -> None:
        """Begin to tell."""
        self._listener: Callable[[dict[str, Any]], None] = self.tell
        self.opened.changes.subscribe(self._listener)

    def disconnected(self) -> None:
        """Tell no more."""
        if hasattr(self, "_listener"):
            self.opened.changes.unsubscribe(self._listener)
