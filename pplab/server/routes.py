"""The routes: every address of the extension and what answers it. Another endpoint is another line here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pplab.server.experiments import list_experiments, read_experiment
from pplab.server.file_handlers import FileAction, FileReading
from pplab.server.files import describe_package, import_package, preview_file
from pplab.server.handlers import LabAction, LabReading, Labs, PlotlySource
from pplab.server.records import list_calibrations, list_cells, list_packages
from pplab.server.runs import list_runs, order_run
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
        What the handler is initialized with, such as the function that a `LabReading` or a `LabAction` calls.

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
    Route("labs", Labs),
    Route("labs/{lab}/experiments", LabReading, {"read": list_experiments}),
    Route("labs/{lab}/experiments/{id}", LabReading, {"read": read_experiment}),
    Route("labs/{lab}/calibrations", LabReading, {"read": list_calibrations}),
    Route("labs/{lab}/packages", LabReading, {"read": list_packages}),
    Route("labs/{lab}/cells", LabReading, {"read": list_cells}),
    Route("labs/{lab}/runs", LabReading, {"read": list_runs}),
    Route("labs/{lab}/runs/{id}", LabAction, {"act": order_run}),
    Route("labs/{lab}/changes", ChangesSocket),
    Route("labs/{lab}/views/{view}", ViewSocket),
    Route("package", FileReading, {"read": describe_package}),
    Route("package/import", FileAction, {"act": import_package}),
    Route("preview", FileReading, {"read": preview_file}),
    Route("plotly.js", PlotlySource),
)
"""Of two routes that fit an address the first answers."""
