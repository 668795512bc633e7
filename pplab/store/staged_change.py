"""A change of many files of a lab that happens as a whole: made ready in a folder, decided by one rename, then carried out.

Until the plan is in place nothing has changed, and what was made ready is thrown away; once it is, whoever opens the lab next
carries it out to the end, however often that is interrupted.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from typing import TYPE_CHECKING

from pplab.errors import StoreError
from pplab.files import write_atomically
from pplab.store.journal import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "forgetting"
PLAN = "plan.json"


class StagedChange:
    """A change that is being made ready; the caller holds the lease.

    Parameters
    ----------
    lab
        The lab's folder.
    """

    def __init__(self, lab: Path) -> None:
        self._lab = lab
        self._folder = lab / FOLDER
        self._moves: list[tuple[str, str]] = []
        self._removed: list[str] = []
        self.discard()

    def put(self, path: Path, data: bytes) -> None:
        """Make ready what a file of the lab will hold."""
        ready = str(len(self._moves))
        write_atomically(self._folder / ready, data)
        self._moves.append((ready, path.relative_to(self._lab).as_posix()))

    def remove(self, path: Path) -> None:
        """Note a file of the lab that will be gone."""
        self._removed.append(path.relative_to(self._lab).as_posix())

    def discard(self) -> None:
        """Throw away what was made ready and not decided."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def carry_out(self) -> None:
        """Decide the change, and do it."""
        plan = json.dumps({"moves": self._moves, "removed": self._removed})
        write_atomically(self._folder / PLAN, plan.encode())
        sync_folder(self._folder)
        finish(self._lab)


def finish(lab: Path) -> None:
    """Carry out a change that was decided, if there is one; the caller holds the lease."""
    folder = lab / FOLDER
    try:
        plan = json.loads((folder / PLAN).read_bytes())
    except FileNotFoundError:
        return
    touched = set()
    for ready, name in plan["moves"]:
        target = _inside(lab, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # moved before this was interrupted
            _inside(folder, ready).replace(target)
        touched.add(target.parent)
    for name in plan["removed"]:
        target = _inside(lab, name)
        target.unlink(missing_ok=True)
        touched.add(target.parent)
    for place in touched:
        if place.is_dir():
            sync_folder(place)
    (folder / PLAN).unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _inside(folder: Path, name: str) -> Path:
    """Return a path in a folder; a plan that leads out of it is none of ours."""
    path = folder / name
    if ".." in path.parts or not path.is_relative_to(folder):
        raise StoreError(f"{FOLDER}/{PLAN} names a file outside of the lab", hint=f"remove the folder {FOLDER}")
    return path
