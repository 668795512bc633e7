"""Addresses: what lies below the server's root folder is named by the way to it, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

from pplab.errors import BadInput


class OutsideRoot(BadInput):
    """An address of a folder that is not below the server's root."""

    code = "outside_root"


def address(root: Path, path: Path) -> str:
    """Return the address of what lies below the root: the way to it, with slashes."""
    return path.relative_to(root).as_posix()


def inside(root: Path, address: str) -> Path:
    """Return the path below the root that an address names.

    Parameters
    ----------
    root
        The server's root folder, without symbolic links.
    address
        A relative path with slashes.

    Raises
    ------
    OutsideRoot
        When it would leave the root: it is absolute, has ``..`` in it, or a symbolic link leads out.

    Examples
    --------
    >>> import tempfile
    >>> inside(Path(tempfile.mkdtemp()).resolve(), "../secret")
    Traceback (most recent call last):
    pplab.server.addresses.OutsideRoot: this path is not below the server's root folder. use a path relative to it
    """
    outside = OutsideRoot("this path is not below the server's root folder", hint="use a path relative to it")
    if "\0" in address:
        raise BadInput("a path cannot hold a NUL", hint="use a path relative to the server's root folder")
    parts = address.replace(os.sep, "/").split("/")
    if not address or ".." in parts or os.path.isabs(address) or Path(address).drive:  # noqa: PTH117 - also of a text
        raise outside
    try:
        path = root.joinpath(*parts).resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        raise outside from None
    if not path.is_relative_to(root):
        raise outside
    return path
