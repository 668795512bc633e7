"""Arguments of a request: what its address says, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping


class Arguments:
    """What a request says in its address: the parameters of the path and those of the query.

    Parameters
    ----------
    values
        The parameters by name.

    Examples
    --------
    >>> Arguments({"limit": "20"}).integer("limit", 50)
    20
    """

    def __init__(self, values: Mapping[str, str]) -> None:
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
            raise BadInput(f"{name}={text!r} is not a whole number of 0 or more", hint=f"leave it out for {default}")
        return min(int(text[:20]), most)
