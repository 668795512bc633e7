"""The extension application: it puts our routes below the server's base URL, and closes the labs when the server ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import PeriodicCallback

from pplab.server.open_labs import OpenLabs
from pplab.server.routes import ROUTES

SWEEP_MS: Final = 60_000
"""How often labs that nobody used lately are closed."""


class PPLabServer(ExtensionApp):
    """The server extension ``pplab.server``.

    It finds the labs below the server's root folder and reads them in threads of its own; see ``docs/server.md``.
    """

    name = "pplab"
    description = "Shows the labs below the server's root folder."
    _labs: OpenLabs | None = None
    _sweep: PeriodicCallback | None = None

    def initialize_settings(self) -> None:
        """Give the handlers the labs."""
        assert self.serverapp is not None
        self._labs = OpenLabs(Path(self.serverapp.root_dir))
        self.settings["pplab_labs"] = self._labs

    def initialize_handlers(self) -> None:
        """Give the server our routes."""
        self.handlers.extend(route.rule() for route in ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:  # noqa: ARG002 - the hook's signature
        """Begin, with the event loop, to close what is not used."""
        labs = self._labs
        assert labs is not None
        self._sweep = PeriodicCallback(lambda: labs.in_thread(labs.close_idle), SWEEP_MS)
        self._sweep.start()

    async def stop_extension(self) -> None:
        """Close every lab: the server ends."""
        if self._sweep is not None:
            self._sweep.stop()
        if self._labs is not None:
            await self._labs.close()
