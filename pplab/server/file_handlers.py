"""The handlers of requests that are about the server's files rather than about one lab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from pplab.server.handlers import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.server.arguments import Arguments
    from pplab.server.open_labs import OpenLabs


class FileReading(Request):
    """``GET``: what a function reads below the root.

    Parameters
    ----------
    read
        Called in a thread with the labs and the request's `Arguments`; what it returns is sent as JSON.
    """

    def initialize(self, read: Callable[[OpenLabs, Arguments], dict[str, Any]]) -> None:
        """Take the function that reads."""
        self._read = read

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with what the function reads."""
        await self.reply(self._read, self.labs, self.arguments_of({}))


class FileAction(Request):
    """``POST``: what a function does with a file.

    Parameters
    ----------
    act
        Called in a thread with the labs and the body, which is JSON; what it returns is sent as JSON.
    """

    def initialize(self, act: Callable[[OpenLabs, Any], dict[str, Any]]) -> None:
        """Take the function that acts."""
        self._act = act

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer with what came of it."""
        await self.reply(self._act, self.labs, self.get_json_body())
