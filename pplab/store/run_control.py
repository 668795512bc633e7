"""The folder by which a run is followed and steered from other processes: its progress, and the orders it is given.

A run's folder is ``control/ID`` in the lab's folder. It is there while a process runs the experiment, and after that process died
until the experiment is run again, or put aside. Nothing in it is a record: what counts is in the journal.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from types import NoneType
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
MOST_BYTES: Final = 10_000
"""What is longer is no order."""
AS_IT_IS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Follow no link, and wait for no other end of a pipe: others may write to a folder that is shared."""
SAID: Final[dict[str, Any]] = {
    **dict.fromkeys(("planned", "done", "in_flight", "concurrency"), int),
    **dict.fromkeys(("cost", "rate"), (int, float)),
    **dict.fromkeys(("max_cost", "waiting_until"), (int, float, NoneType)),
    **dict.fromkeys(("user", "started_at"), str),
    "counts": dict,
}
"""What a run says of itself, at least, and of which type."""

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
        self._path.mkdir(parents=True, exist_ok=True)  # whoever tidied up in the lab may have removed it
        with replacement(self._path / PROGRESS) as part:
            part.write_text(json.dumps(progress), "utf-8")

    def orders(self) -> list[GivenOrder]:
        """Take the orders that are there, in the order in which they were given; each is taken once.

        What is no order is passed over, and removed where that is possible.
        """
        taken = []
        for path in sorted(self._path.glob(f"*{ORDER}")):
            given = _given(path)
            with suppress(OSError):  # a folder of that name
                path.unlink()
                if given is not None:
                    taken.append(given)
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
        with suppress(FileNotFoundError):  # it is gone already
            shutil.rmtree(self._path)

    # -- for everybody else ---------------------------------------------------------------------------------------------------

    def progress(self) -> dict[str, Any] | None:
        """Return how far the run is, as it said last; ``None`` where it has said nothing."""
        try:
            said = json.loads((self._path / PROGRESS).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):  # not there yet, or not any more, or not ours to read
            return None
        known = isinstance(said, dict) and all(isinstance(said.get(name), kind) for name, kind in SAID.items())
        return said if known else None

    def give(self, order: RunOrder) -> str | None:
        """Give an order; return its id, or ``None`` where the folder is gone: the run has ended.

        Raises
        ------
        StoreError
            When the folder is another system user's, or the disk is full.
        """
        order_id = f"{time.time_ns():020}-{new_id()}"
        try:
            with replacement(self._path / f"{order_id}{ORDER}") as part:
                part.write_text(json.dumps(asdict(order)), "utf-8")
        except FileNotFoundError:
            return None
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
        with suppress(OSError):  # whoever runs it removes it in a while
            path.unlink()
        return said


def run_folders(lab: Path) -> list[RunFolder]:
    """Return the folders of all runs that are under way or whose process died."""
    try:
        names = sorted(entry.name for entry in os.scandir(lab / FOLDER) if entry.is_dir())
    except OSError:  # no run has been here yet
        return []
    return [RunFolder(lab, name) for name in names]


def _given(path: Path) -> GivenOrder | None:
    """Return the order that a file holds, or ``None`` where it is no file, or holds none."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | AS_IT_IS), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_BYTES:
                return None
            said = json.loads(file.read())
        known = {field.name for field in fields(RunOrder)}
        order = RunOrder(**{name: value for name, value in said.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    if order.action not in get_args(Action):
        return None
    foreign = os.name == "posix" and about.st_uid != os.getuid()
    return GivenOrder(path.name.removesuffix(ORDER), order, foreign)
