"""The list of labs: what is below the root, and of each lab how much is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pplab
from pplab.config.configuration import CONFIG_FILE, LAB_FOLDER
from pplab.errors import PplabError, in_words
from pplab.experiments.standing_runs import standing_runs
from pplab.log import log_error
from pplab.server.addresses import address
from pplab.server.folders import find_labs
from pplab.server.moments import day_began
from pplab.store.experiment_list import lab_figures
from pplab.store.store import TABLES

if TYPE_CHECKING:
    from pplab.server.arguments import Arguments
    from pplab.server.open_lab import OpenLab
    from pplab.server.open_labs import OpenLabs


def list_labs(labs: OpenLabs, arguments: Arguments) -> dict[str, Any]:  # noqa: ARG001 - as every reading
    """Return the answer to ``GET labs``: pplab's version, the root, and a record of each lab."""
    return {
        "version": pplab.__version__,
        "root": _with_home(labs.root),
        "labs": [_record(labs, folder) for folder in find_labs(labs.root)],
    }


def _with_home(path: Path) -> str:
    """Return a path with ``~`` for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}".removesuffix("/.") if path.is_relative_to(home) else path.as_posix()


def _record(labs: OpenLabs, folder: Path) -> dict[str, Any]:
    """Return what there is to say of a lab; one that cannot be read has a note that says why."""
    where = address(labs.root, folder)
    named = folder.parent if folder.name == LAB_FOLDER else folder
    record = {
        "lab": where,
        "name": named.name or where,
        "readable": True,
        "note": "",
        "experiments": 0,
        "running": 0,
        "spent_today": 0.0,
        "model": "",
        "endpoint": "",
    }
    running = {"running": sum(run.alive for run in standing_runs(folder))}
    stamp = _stamp(folder)
    if (kept := labs.figures.get(folder)) is not None and kept[0] == stamp:
        return record | running | kept[1]
    try:
        with labs.use(where) as opened:
            figures = _figures(opened)
            labs.figures[folder] = (_stamp(folder), figures)  # after what was new has been moved to the tables
            return record | running | figures
    except PplabError as error:
        note = str(error)
    except Exception as error:  # noqa: BLE001 - the other labs are listed all the same
        log_error("a lab could not be listed", error)
        note = str(in_words(error, "opening the lab"))
    return record | {"readable": False, "note": note}


def _stamp(folder: Path) -> tuple[object, ...]:
    """Return a stamp of a lab that differs when its figures do: the day, and the sizes and times of what they are read from."""
    files = [folder / TABLES, folder / f"{TABLES}.wal", folder / CONFIG_FILE, *sorted((folder / "journal").glob("*.jsonl"))]
    return (day_began(), *(_size_and_time(path) for path in files))


def _size_and_time(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except OSError:  # it is not there
        return path.name, 0, 0
    return path.name, about.st_size, about.st_mtime_ns


def _figures(opened: OpenLab) -> dict[str, Any]:
    context = opened.lab.context
    figures = lab_figures(opened.store, context.user, day_began())
    return {
        "experiments": figures.experiments,
        "spent_today": figures.spent,
        "model": context.model,
        "endpoint": context.endpoint or context.provider,
    }
