"""Folders of labs: which there are below a root. Nothing is opened here."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Final

from pplab.config.configuration import LAB_FOLDER
from pplab.errors import NotFound
from pplab.server.addresses import inside
from pplab.store.store import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_FOLDERS: Final = 20_000
"""Folders that are looked into for labs, the highest first."""
DEEPEST: Final = 8
"""How many folders below the root a lab may lie."""
PASSED_OVER: Final = frozenset({"node_modules", "__pycache__", "site-packages"})
"""Folders with many files and no labs; nor is there one in a hidden folder, other than the lab's own."""


def is_lab(folder: Path) -> bool:
    """Return whether a folder is a lab's: it has tables, or by its name and journal will have some."""
    return (folder / TABLES).is_file() or (folder.name == LAB_FOLDER and (folder / "journal").is_dir())


def find_labs(root: Path) -> list[Path]:
    """Return the folders of the labs below a root, the highest first, and by name where they are as high.

    Symbolic links are not followed. Of a root with very many folders only the `MOST_FOLDERS` highest are looked into.
    """
    found: list[Path] = []
    waiting = deque([(root, 0)])
    looked = 0
    while waiting and looked < MOST_FOLDERS:
        folder, depth = waiting.popleft()
        looked += 1
        if is_lab(folder):
            found.append(folder)
        elif depth < DEEPEST:
            waiting.extend((inner, depth + 1) for inner in _folders(folder))
    return found


def _folders(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:  # it may not be read, or is gone
        return
    for name in names:
        if name == LAB_FOLDER or not (name.startswith(".") or name in PASSED_OVER):
            yield folder / name


def lab_folder(root: Path, address: str) -> Path:
    """Return the folder of the lab that an address names; see `inside`.

    Raises
    ------
    NotFound
        When there is no lab.
    """
    folder = inside(root, address)
    if not is_lab(folder):
        raise NotFound(f"there is no lab at '{address}'", hint="list the labs again: it may have been moved")
    return folder
