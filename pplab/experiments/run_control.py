"""The control of a run by the process that runs it: it says how far it is, and takes orders from other processes of its owner."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol

from pplab.errors import PplabError, in_words
from pplab.experiments.recent_rate import RecentRate
from pplab.ids import now
from pplab.log import log_error

if TYPE_CHECKING:
    from pplab.experiments.dependencies import Progress
    from pplab.store.run_control import GivenOrder, RunFolder, RunOrder

LOOK_SECONDS: Final = 0.2
"""How often a run looks for orders and says how far it is."""


class Controlled(Protocol):
    """A run as its control sees it."""

    @property
    def progress(self) -> Progress:
        """How far it is."""

    async def obey(self, order: RunOrder) -> None:
        """Carry out an order; raise `PplabError` where it cannot be."""


class RunControl:
    """What says how far a run is and takes orders for it, on the run's loop.

    Whatever goes wrong here is logged and leaves the run going. Files are written and read in a thread of its own, one after the
    other: to replace one takes milliseconds on a busy disk, and longer on a slow share, and the run's loop has answers to take.

    Parameters
    ----------
    folder
        Where it says so, and where the orders lie.
    owner
        Whose orders are taken; those of other users, and files of other users of the system, are refused.
    detached
        Whether the run has a process of its own.
    """

    def __init__(self, folder: RunFolder, owner: str, *, detached: bool) -> None:
        self._folder = folder
        self._about = {
            "user": owner,
            "detached": detached,
            "process": os.getpid(),
            "machine": platform.node(),
            "started_at": now(),
        }
        self._owner = owner
        self._rate = RecentRate()
        self._files = ThreadPoolExecutor(1, thread_name_prefix="pplab-control")

    def begin(self, progress: Progress) -> None:
        """Show the run, which from here on can be given orders."""
        self._quietly("the progress of a run cannot be shown", self._folder.begin)
        self._quietly("the progress of a run cannot be shown", self._folder.publish, self._said(progress))

    async def serve(self, run: Controlled) -> None:
        """Say how far the run is and carry out orders until cancelled.

        An order that must wait, such as new limits while a race is looked at, keeps none that comes after it waiting.
        """
        async with asyncio.TaskGroup() as orders:
            while True:
                for given in await self._aside("orders for a run cannot be read", self._folder.orders) or ():
                    orders.create_task(self._take(run, given))
                await self._publish(run.progress)
                await asyncio.sleep(LOOK_SECONDS)

    async def end(self) -> None:
        """Take away what showed the run, after whatever of it was still being written."""
        await self._aside("the folder of a run was left", self._folder.remove)
        self._files.shutdown(wait=False)

    async def _publish(self, progress: Progress) -> None:
        await self._aside("the progress of a run cannot be shown", self._folder.publish, self._said(progress))

    async def _take(self, run: Controlled, given: GivenOrder) -> None:
        refusal = await self._obey(run, given)
        await self._publish(run.progress)  # so that whoever gave it sees what came of it
        await self._aside("an order for a run was not answered", self._folder.answer, given.id, refusal)

    async def _obey(self, run: Controlled, given: GivenOrder) -> str | None:
        """Carry out an order; return why not, if it was not."""
        if given.foreign or given.order.user != self._owner:
            return f"this run belongs to {self._owner}"
        try:
            await run.obey(given.order)
        except PplabError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever came of an order, the run goes on
            log_error("an order for a run was not carried out", error)
            return str(in_words(error, given.order.action))
        return None

    def _said(self, progress: Progress) -> dict[str, Any]:
        rate = self._rate.update(time.monotonic(), progress.done, paused=progress.paused)
        said = {f.name: getattr(progress, f.name) for f in dataclasses.fields(progress) if f.name != "race"}
        return {**self._about, **said, "counts": dict(progress.counts), "rate": rate}

    async def _aside(self, what: str, do: Any, *about: Any) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._files, self._quietly, what, do, *about)
        except RuntimeError:  # the program ends, and Python begins nothing on threads any more
            return self._quietly(what, do, *about)

    @staticmethod
    def _quietly(what: str, do: Any, *about: Any) -> Any:
        try:
            return do(*about)
        except Exception as error:  # noqa: BLE001 - a full disk, a file that somebody else made: the run says what matters
            log_error(what, error)
            return None
