"""The JavaScript of the installed plotly, for pages that draw a figure without a kernel. Plotly itself is not imported."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from pplab.errors import NotFound


def plotly_source() -> tuple[str, Path]:
    """Return the version of the installed plotly, and its JavaScript.

    Raises
    ------
    NotFound
        When it is not installed, or without its JavaScript.

    Examples
    --------
    >>> plotly_source()[1].name
    'plotly.min.js'
    """
    found = find_spec("plotly")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return metadata.version("plotly"), path
    raise NotFound("plotly's JavaScript is not installed", hint="run: pip install plotly")
