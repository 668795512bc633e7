"""What the server says of a lab besides its experiments: calibrations, packages, and the cells of a notebook."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput
from pplab.plan.parameters import in_order
from pplab.server.addresses import address, inside
from pplab.server.moments import utc, utc_of
from pplab.share.archive import BAGIT
from pplab.share.export import FOLDER as EXPORTS
from pplab.store.notebook_cells import cells_of_notebook
from pplab.store.record_types import time_text

if TYPE_CHECKING:
    from pathlib import Path

    from pplab.server.arguments import Arguments
    from pplab.server.open_lab import OpenLab

MOST_PACKAGES: Final = 200
"""Packages in one answer, the newest."""


def list_calibrations(opened: OpenLab, arguments: Arguments) -> dict[str, Any]:  # noqa: ARG001 - as every reading
    """Return the calibrations, the newest first; a calibration is called by its scores."""
    frame = opened.store.calibrations()
    rows = [
        {
            "id": row["calibration_id"],
            "name": f"precision {row['precision_score']:g}, personality {row['personality_score']:g}",
            "created_at": utc(time_text(row["created_at"])),
            "user": row["user"],
            "ranges": _in_order(json.loads(row["ranges"])),
        }
        for row in frame.to_dict("records")
    ]
    return {"calibrations": rows[::-1]}


def _in_order(ranges: dict[str, Any]) -> dict[str, Any]:
    return {name: ranges[name] for name in in_order(ranges)}


def list_packages(opened: OpenLab, arguments: Arguments) -> dict[str, Any]:  # noqa: ARG001 - as every reading
    """Return the packages beside the lab and in the folders of its exports, the newest first."""
    beside = opened.folder.parent
    folders = {folder for folder in (opened.folder / EXPORTS, beside / EXPORTS, beside) if folder.is_relative_to(opened.root)}
    found = sorted((path for folder in folders for path in _packages(folder)), key=_written_at, reverse=True)
    return {
        "packages": [
            {
                "path": address(opened.root, path),
                "name": path.name,
                "size": path.stat().st_size,
                "modified_at": utc_of(_written_at(path)),
            }
            for path in found[:MOST_PACKAGES]
        ]
    }


def _packages(folder: Path) -> list[Path]:
    """Return the packages in a folder; a symbolic link is none, since it may lead out of the root."""
    return [path for path in folder.glob("*.zip") if path.is_file() and not path.is_symlink() and _is_package(path)]


def _is_package(path: Path) -> bool:
    """Return whether a file says that it is a package; whether it is intact, verifying says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {BAGIT, "data/experiments.jsonl"} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):  # it is no zip, or may not be read
        return False


def _written_at(path: Path) -> float:
    return path.stat().st_mtime


def list_cells(opened: OpenLab, arguments: Arguments) -> dict[str, Any]:
    """Return the latest run of each cell of a notebook, which is given relative to the server's root."""
    given = arguments.text("notebook")
    if not given:
        raise BadInput("which notebook is not said", hint="add ?notebook= with its path relative to the server's root")
    inside(opened.root, given)
    runs = cells_of_notebook(opened.store, opened.root / given)
    return {"cells": [{**dataclasses.asdict(run), "started_at": utc(run.started_at)} for run in runs]}
