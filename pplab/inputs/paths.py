"""Paths that a user gives; one that can only be a mistake on this system is refused before anything is created there."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

WINDOWS = re.compile(r"[A-Za-z]:($|[\\/])|.*\\")
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # also with one slash, as pathlib leaves it
VARIABLE = re.compile(r"(\$\{?\w+\}?|%\w+%)($|[\\/])")


def given_path(given: Any, what: str, hint: str) -> Path:
    """Return the path that a user gave, absolute, with ``~`` replaced.

    Parameters
    ----------
    given
        Text or a path.
    what
        The noun for it in an error, such as ``the store``.
    hint
        What to give instead.

    Raises
    ------
    BadInput
        When it is no path, or one that can only be a mistake here: an address, a path of another system, a variable that
        nothing replaced, characters that cannot be seen, the home of nobody.

    Examples
    --------
    >>> given_path("s3://bucket/lab", "the store", "give the path of a folder")
    Traceback (most recent call last):
    pplab.errors.BadInput: the store is at s3://, and only what is on this machine can be opened. give the path of a folder
    """
    try:
        text = os.fsdecode(given)
    except TypeError:
        raise BadInput(f"{what} must be a path, not {type(given).__name__}", hint=hint) from None
    if (scheme := ADDRESS.match(text)) and not _there(text) and not (os.name == "nt" and len(scheme[1]) == 1):
        raise BadInput(f"{what} is at {scheme[1]}://, and only what is on this machine can be opened", hint=hint)  # no password
    shown = (Path(text).name if os.path.isabs(text) else text)[:200]  # noqa: PTH117 - an absolute path would name the machine
    wrong = _wrong(text)
    if wrong:
        raise BadInput(f"{what} {shown!r} {wrong}", hint=hint)
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise BadInput(f"{what} {shown!r} begins with the home of a user who is not known here", hint=hint) from None
    except FileNotFoundError:
        raise no_working_folder() from None


def output_file(given: Any, endings: Sequence[str], *folders: Path) -> Path:
    """Return the file that a user wants written, absolute.

    Parameters
    ----------
    given
        Text or a path.
    endings
        How its name may end, without the dot; the first is suggested.
    *folders
        Where a relative path may lead besides the working folder; an absolute path may lead anywhere.

    Raises
    ------
    BadInput
        When it is no path (see `given_path`), a folder, elsewhere, or has another ending.
    """
    file = given_path(given, "the path", "give the name of a file")
    text = os.fsdecode(given)
    if not (Path(text).is_absolute() or text.startswith("~")):
        file = file.resolve()
        if not any(file.is_relative_to(root.resolve()) for root in (Path.cwd(), *folders)):
            raise BadInput(f"'{file.name}' would be written outside the working folder", hint="give a path inside it")
    if file.is_dir():
        raise BadInput(f"'{file.name}' is a folder", hint="give the name of a file in it")
    if file.suffix.lower() not in [f".{ending}" for ending in endings]:
        allowed = " or ".join(f".{ending}" for ending in endings)
        raise BadInput(f"'{file.name}' does not end in {allowed}", hint=f"name it {file.stem}.{endings[0]}")
    return file


def path_from(folder: Path, file: str) -> str | None:
    """Return how a file is found from a folder: its path relative to it, with ``/`` on every system.

    Parameters
    ----------
    folder
        Where the path begins.
    file
        The file's path, absolute or relative to the working folder. It need not be there: what is told of a file may come from
        another machine.

    Returns
    -------
    str or None
        ``notebooks/a.ipynb`` inside the folder, ``../a.ipynb`` outside of it; ``None`` where no relative path leads, from one
        drive to another, or from a working folder that was removed. Links among the folders are followed on both sides; a file
        that is a link itself keeps its own name.

    Examples
    --------
    >>> path_from(Path("/work"), "/work/notebooks/a.ipynb"), path_from(Path("/work"), "/home/a.ipynb")
    ('notebooks/a.ipynb', '../home/a.ipynb')
    """
    try:
        return _way(folder.absolute(), Path(file).absolute())
    except OSError:  # the working folder is gone
        return None


@lru_cache(maxsize=64)
def _way(folder: Path, file: Path) -> str | None:
    """Return how a file is found from a folder, both absolute: what a working folder decides must not be kept."""
    try:
        relative = os.path.relpath(os.path.realpath(file.parent), os.path.realpath(folder))
    except (ValueError, OSError):
        return None
    return (Path(relative) / file.name).as_posix()


def working_folder() -> Path:
    """Return the working folder."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise no_working_folder() from None


def no_working_folder() -> BadInput:
    """Return the error of a process whose folder was removed under it."""
    return BadInput("the working folder was removed", hint="change into a folder that exists")


def _there(text: str) -> bool:
    return os.path.lexists(text)  # False, not an error, for what cannot be a name


def _wrong(text: str) -> str:
    """Return what is wrong with a path, or an empty string."""
    if not text.strip():
        return "is empty"
    if "\0" in text:
        return "contains a NUL character"
    if _there(text):  # whatever it looks like
        return ""
    if not text.isprintable():
        return "contains characters that cannot be seen"
    if VARIABLE.match(text):
        return "begins with a variable that nothing has replaced"
    if os.name != "nt" and WINDOWS.match(text):
        return "is a Windows path, and this is another system"
    return ""
