"""The folder by which a run is followed and steered from other processes: its progress, and the orders it is given.

A run's folder is ``control/ID`` in the lab's folder. It is there while a process runs the experiment, and after that process died
until the experiment is run again, or put aside. Nothing in it is a record: what counts is in the journal.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pplab.errors import StoreError
from pplab.files import replacement
from pplab.ids import new_id
from pplab.store.filesystem import os_refusal

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "control"
PROGRESS: Final = "progress.json"
ORDER: Final = ".order.json"
ANSWER: Final = ".answer.json"
KEPT_SECONDS: Final = 60.0
"""How long the answer to an order is kept for whoever gave it."""

Action = Literal["pause", "go_on", "cancel", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What somebody wants of a run under way.

    Attributes
    ----------
    action : {"pause", "go_on", "cancel", "limit"}
        What to do.
    user : str
        Who wants it.
    concurrency : int or None
        Of ``limit``: the most calls under way at once.
    max_cost : float or None
        Of ``limit``: the US dollars that this pass may spend.
    """

    action: Action
    user: str
    concurrency: int | None = None
    max_cost: float | None = None


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """An order as it lies in the folder; ``foreign``: the file is another system user's."""

    id: str
    order: RunOrder
    foreign: bool


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    lab
        The lab's folder.
    experiment_id
        The experiment.
    """

    def __init__(self, lab: Path, experiment_id: str) -> None:
        self.experiment_id = experiment_id
        self._path = lab / FOLDER / experiment_id

    # -- for the process that runs the experiment -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Make the folder anew, without what a run that died has left."""
        self.remove()
        self._path.mkdir(parents=True, exist_ok=True)

    def publish(self, progress: dict[str, Any]) -> None:
        """Say how far the run is, in place of what was said before."""
        with replacement(self._path / PROGRESS) as part:
            part.write_text(json.dumps(progress), "utf-8")

    def orders(self) -> list[GivenOrder]:
        """Take the orders that are there, in the order in which they were given; each is taken once."""
        taken = []
        for path in sorted(self._path.glob(f"*{ORDER}")):
            foreign = os.name == "posix" and path.stat().st_uid != os.getuid()
            order = _order(path)
            path.unlink()
            if order is not None:
                taken.append(GivenOrder(path.name.removesuffix(ORDER), order, foreign))
        return taken

    def answer(self, order_id: str, refusal: str | None) -> None:
        """Say that an order was carried out, or why not."""
        with replacement(self._path / f"{order_id}{ANSWER}") as part:
            part.write_text(json.dumps({"refusal": refusal}), "utf-8")
        for path in self._path.glob(f"*{ANSWER}"):
            with suppress(FileNotFoundError):  # read by whoever gave the order
                if path.stat().st_mtime < time.time() - KEPT_SECONDS:
                    path.unlink()

    def remove(self) -> None:
        """Remove the folder: nobody runs the experiment any more."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path)

    # -- for everybody else ---------------------------------------------------------------------------------------------------

    def progress(self) -> dict[str, Any] | None:
        """Return how far the run is, as it said last; ``None`` where it has said nothing."""
        try:
            said = json.loads((self._path / PROGRESS).read_text("utf-8"))
        except (OSError, ValueError):  # not there yet, or not any more, or not ours to read
            return None
        return said if isinstance(said, dict) else None

    def give(self, order: RunOrder) -> str:
        """Give an order; return its id.

        Raises
        ------
        StoreError
            When the folder is not there, or another system user's.
        """
        order_id = f"{time.time_ns():020}-{new_id()}"
        try:
            with replacement(self._path / f"{order_id}{ORDER}") as part:
                part.write_text(json.dumps(asdict(order)), "utf-8")
        except PermissionError:
            raise StoreError(
                "this run belongs to another user of this system", hint="ask whoever began it; pplab runs says who that is"
            ) from None
        except OSError as error:
            raise os_refusal("the run cannot be reached", error) from None
        return order_id

    def answered(self, order_id: str) -> dict[str, Any] | None:
        """Return the answer to an order, once, or ``None`` while there is none."""
        path = self._path / f"{order_id}{ANSWER}"
        try:
            said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        with suppress(OSError):
            path.unlink()
        return said


def run_folders(lab: Path) -> list[RunFolder]:
    """Return the folders of all runs that are under way or whose process died."""
    try:
        names = sorted(entry.name for entry in os.scandir(lab / FOLDER) if entry.is_dir())
    except OSError:  # no run has been here yet
        return []
    return [RunFolder(lab, name) for name in names]


def _order(path: Path) -> RunOrder | None:
    try:
        said = json.loads(path.read_text("utf-8"))
        known = {field.name for field in fields(RunOrder)}
        order = RunOrder(**{name: value for name, value in said.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return order if order.action in get_args(Action) else None
