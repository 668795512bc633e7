"""The routes: every address of the extension and what answers it. Another endpoint is another line here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pplab.server.file_handlers import FileAction, FileReading
from pplab.server.handlers import LabAction, LabReading, PlotlySource
from pplab.server.lazy_function import LazyFunction
from pplab.server.sockets import ChangesSocket
from pplab.server.view_socket import ViewSocket

PREFIX: Final = "pplab/api"
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """An address below ``pplab/api/`` and its handler.

    Attributes
    ----------
    path : str
        The address, with parameters in braces. ``{lab}`` takes slashes too: some proxies decode ``%2F`` on the way.
    handler : type
        A `pplab.server.handlers.Request` or a `pplab.server.sockets.LabSocket`.
    options : dict
        What the handler is initialized with, such as the function that a `LabReading` or a `LabAction` calls. It is lazy, so that
        its module is imported in the thread that answers the first request and not while the server starts.

    Examples
    --------
    >>> Route("labs/{lab}/runs/{id}", LabReading).pattern
    '/pplab/api/labs/(?P<lab>.+)/runs/(?P<id>[^/]+)'
    """

    path: str
    handler: type
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        """The address as tornado matches it, below the base URL."""
        parts = _PARAMETER.split(self.path)  # text, name, text, name, text
        names = (f"(?P<{name}>{'.+' if name == 'lab' else '[^/]+'})" for name in parts[1::2])
        texts = (re.escape(text) for text in parts[::2])
        return f"/{PREFIX}/" + next(texts) + "".join(name + text for name, text in zip(names, texts, strict=True))

    def rule(self) -> tuple[str, type, dict[str, Any]]:
        """Return what jupyter_server takes as a handler."""
        return self.pattern, self.handler, self.options


ROUTES: Final = (
    Route("labs", FileReading, {"read": LazyFunction("pplab.server.listing:list_labs")}),
    Route("labs/{lab}/experiments", LabReading, {"read": LazyFunction("pplab.server.experiments:list_experiments")}),
    Route("labs/{lab}/experiments/{id}", LabReading, {"read": LazyFunction("pplab.server.experiments:read_experiment")}),
    Route("labs/{lab}/calibrations", LabReading, {"read": LazyFunction("pplab.server.records:list_calibrations")}),
    Route("labs/{lab}/packages", LabReading, {"read": LazyFunction("pplab.server.records:list_packages")}),
    Route("labs/{lab}/cells", LabReading, {"read": LazyFunction("pplab.server.records:list_cells")}),
    Route("labs/{lab}/runs", LabReading, {"read": LazyFunction("pplab.server.runs:list_runs")}),
    Route("labs/{lab}/runs/{id}", LabAction, {"act": LazyFunction("pplab.server.runs:order_run")}),
    Route("labs/{lab}/changes", ChangesSocket),
    Route("labs/{lab}/views/{view}", ViewSocket),
    Route("package", FileReading, {"read": LazyFunction("pplab.server.files:describe_package")}),
    Route("package/import", FileAction, {"act": LazyFunction("pplab.server.files:import_package")}),
    Route("preview", FileReading, {"read": LazyFunction("pplab.server.files:preview_file")}),
    Route("plotly.js", PlotlySource),
)
"""Of two routes that fit an address the first answers."""
