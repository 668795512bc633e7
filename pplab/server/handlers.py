"""The handlers: who may ask, what was asked, and the answer or the error as JSON. The reading itself is in other modules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from pplab.errors import BadInput, NotFound, PplabError, StoreBusy, in_words
from pplab.log import log_error
from pplab.server.folders import OutsideRoot
from pplab.server.listing import list_labs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.server.open_labs import OpenLab, OpenLabs

STATUS: Final = ((OutsideRoot, 403), (NotFound, 404), (BadInput, 400), (StoreBusy, 503))
"""The HTTP status of our errors; any other is 500."""


class Arguments:
    """What a request says in its address: the parameters of the path and those of the query.

    Examples
    --------
    >>> Arguments({"limit": "20"}).integer("limit", 50)
    20
    """

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter."""
        return self._values.get(name, default)

    def integer(self, name: str, default: int, *, most: int = 2**31) -> int:
        """Return a whole number of 0 or more; what is above ``most`` is ``most``.

        Raises
        ------
        BadInput
            When it is no such number.
        """
        text = self._values.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit():
            raise BadInput(f"{name}={text!r} is not a number of 0 or more", hint=f"leave it out for {default}")
        return min(int(text[:20]), most)


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
            self.refuse(error)
        except Exception as error:  # noqa: BLE001 - every error is told in the same shape
            log_error(f"{self.request.method} {self.request.path}", error)
            self.refuse(in_words(error, "the request"))
        else:
            self.finish(json.dumps(answer))

    def refuse(self, error: PplabError) -> None:
        """Answer with an error."""
        self.set_status(next((status for kind, status in STATUS if isinstance(error, kind)), 500))
        self.finish(json.dumps({"message": error.message, "hint": error.hint}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002 - the status is set already
        """Answer with an error of the server itself, such as that of a request without a token."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, PplabError):
            self.refuse(error)
            return
        said = error.log_message if isinstance(error, web.HTTPError) else None
        self.finish(json.dumps({"message": said or self._reason, "hint": ""}))


class Labs(Request):
    """``GET labs``: the labs below the server's root folder."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the labs."""
        await self.reply(list_labs, self.labs)


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
