"""Folders of Jupyter's own files: looked into, never written to; of a user without a home folder there are none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def data_folders(name: str) -> list[Path]:
    """Return the folders of this name in Jupyter's data, such as ``lab``; what stands in an earlier one goes before."""
    from jupyter_core.paths import jupyter_path

    return _folders(lambda: jupyter_path(name))


def config_folders() -> list[Path]:
    """Return the folders of Jupyter's configuration; what stands in an earlier one goes before."""
    from jupyter_core.paths import jupyter_config_path

    return _folders(jupyter_config_path)


def own_config_folder() -> Path | None:
    """Return the folder of this user's configuration of Jupyter, if they can have one."""
    from jupyter_core.paths import jupyter_config_dir

    return next(iter(_folders(lambda: [jupyter_config_dir()])), None)


def json_files(folder: Path) -> list[Path]:
    """Return the JSON files in a folder, by name; none where it is not there or may not be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError:
        return []


def _folders(ask: Callable[[], list[str]]) -> list[Path]:
    try:
        return [Path(folder) for folder in ask()]
    except RuntimeError:  # there is no home folder, which Jupyter itself needs
        return []
