"""The routes: every address of the extension and what answers it. Another endpoint is another line here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pplab.server.handlers import Labs

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
        A subclass of `pplab.server.handlers.Request`.
    options : dict
        What the handler is initialized with, such as the function that a `LabReading` calls.

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


ROUTES: Final = (Route("labs", Labs),)
"""Of two routes that fit an address the first answers."""
