"""The handlers: who may ask, what was asked, and the answer or the error as JSON. The reading itself is in other modules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from pplab.errors import BadInput, NotFound, PplabError, StoreBusy, in_words
from pplab.log import log_error
from pplab.server.addresses import OutsideRoot
from pplab.server.arguments import Arguments
from pplab.views.charts.plotly_source import plotly_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.web import RequestHandler

    from pplab.server.open_lab import OpenLab
    from pplab.server.open_labs import OpenLabs

STATUS: Final = ((OutsideRoot, 403), (NotFound, 404), (BadInput, 400), (StoreBusy, 503))
"""The HTTP status of our errors; any other is 500."""
BUSY: Final = "busy"
"""The code of a run that does not answer."""


def refuse(handler: RequestHandler, error: PplabError) -> None:
    """Answer a request with an error."""
    status = 503 if error.code == BUSY else next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    handler.set_status(status)
    handler.set_header("Content-Type", "application/json")
    handler.finish(json.dumps({"message": error.message, "hint": error.hint}))


class Request(APIHandler):
    """A request of the extension; subclasses answer with `reply`."""

    auth_resource = "pplab"

    @property
    def labs(self) -> OpenLabs:
        """The labs of this server."""
        labs: OpenLabs = self.settings["pplab_labs"]
        return labs

    def arguments_of(self, path: dict[str, str]) -> Arguments:
        """Return what the request says in its address."""
        return Arguments({name: self.get_query_argument(name) for name in self.request.query_arguments} | path)

    async def reply(self, function: Callable[..., Any], *values: Any) -> None:
        """Answer with what a function returns, which is called in a thread."""
        try:
            answer = await self.labs.call(function, *values)
        except PplabError as error:
            refuse(self, error)
        except Exception as error:  # noqa: BLE001 - every error is told in the same shape
            log_error(f"{self.request.method} {self.request.path}", error)
            refuse(self, in_words(error, "the request"))
        else:
            self.finish(json.dumps(answer))

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002 - the status is set already
        """Answer with an error of the server itself, such as that of a request without a token."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, PplabError):
            refuse(self, error)
            return
        said = error.log_message if isinstance(error, web.HTTPError) else None
        self.finish(json.dumps({"message": said or self._reason, "hint": ""}))


class LabReading(Request):
    """``GET labs/{lab}/...``: what a function reads of one lab.

    Parameters
    ----------
    read
        Called in a thread with the opened lab and the request's `Arguments`; what it returns is sent as JSON.
    """

    def initialize(self, read: Callable[[OpenLab, Arguments], dict[str, Any]]) -> None:
        """Take the function that reads."""
        self._read = read

    @web.authenticated
    @authorized
    async def get(self, lab: str, **path: str) -> None:
        """Answer with what the function reads."""
        await self.reply(self._read_lab, lab, self.arguments_of(path))

    def _read_lab(self, lab: str, arguments: Arguments) -> dict[str, Any]:
        with self.labs.use(lab) as opened:
            return self._read(opened, arguments)


class LabAction(Request):
    """``POST labs/{lab}/...``: what a function does in one lab.

    Parameters
    ----------
    act
        Called in a thread with the opened lab, the request's `Arguments` and the body, which is JSON; what it returns is sent as
        JSON.
    """

    def initialize(self, act: Callable[[OpenLab, Arguments, Any], dict[str, Any]]) -> None:
        """Take the function that acts."""
        self._act = act

    @web.authenticated
    @authorized
    async def post(self, lab: str, **path: str) -> None:
        """Answer with what came of it."""
        await self.reply(self._act_in_lab, lab, self.arguments_of(path), self.get_json_body())

    def _act_in_lab(self, lab: str, arguments: Arguments, body: Any) -> dict[str, Any]:
        with self.labs.use(lab) as opened:
            return self._act(opened, arguments, body)


class PlotlySource(Request):
    """``GET plotly.js``: the JavaScript of the installed plotly, which the browser keeps until another version is installed."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the file, or that the browser's own still stands."""
        version, path = await self.labs.call(plotly_source)
        self.set_header("Etag", f'"plotly-{version}"')
        self.set_header("Cache-Control", "private, no-cache")  # kept, and asked for again by its version
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.finish(await self.labs.call(path.read_bytes), set_content_type="text/javascript; charset=utf-8")
