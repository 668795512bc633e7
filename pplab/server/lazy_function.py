"""Functions that are imported when they are called: the server starts without what only its requests need."""

from __future__ import annotations

from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any


@dataclass(frozen=True, slots=True)
class LazyFunction:
    """A function whose module is imported by the first call, in the thread that calls it.

    Attributes
    ----------
    name : str
        The module and the function in it, such as ``pplab.server.runs:list_runs``.

    Examples
    --------
    >>> LazyFunction("pplab.server.moments:utc_of")(1.5)
    '1970-01-01T00:00:01.500Z'
    """

    name: str

    def __call__(self, *values: Any) -> Any:
        """Return what the function returns."""
        return resolve_name(self.name)(*values)
