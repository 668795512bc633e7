"""Exchange with one remote by turns: what is new here is pushed at once, what is new there is looked for every few seconds.

A turn in which nothing is new reads the sizes of this lab's journals and the heads of the other labs, and lists no segments.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pplab.analysis.phrasing import counted
from pplab.errors import PplabError, StoreBusy, in_words
from pplab.ids import now
from pplab.log import log_error
from pplab.remote.exchange_state import ExchangeState, exchange_state, keep_exchange_state
from pplab.remote.head import FILE, MAX_BYTES
from pplab.remote.origin import exchanging
from pplab.remote.pull import pull_from
from pplab.remote.push import push_to, streams_pushed
from pplab.remote.remote_folder import RemoteFolder
from pplab.store.lease import Lease
from pplab.store.origin_chains import OWN, stored_origin
from pplab.store.segments import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplab.context import LabContext

LOOK_S: Final = 0.1
"""How often to look for what is due."""
SHORTEST_PAUSE_S: Final = 0.02
WHOLE_S: Final = 600.0
"""How often everything is listed, as `push` and `pull` do, so that what got lost on a remote is made good."""
AGAIN_S: Final = 60.0
"""How long a lab that has a segment which is not as it should be is left alone."""
_MINUTE: Final = len("2026-11-30T07:00")


@dataclass(slots=True)
class _Direction:
    """One half of an exchange: from when on it is due, and from when on everything is listed."""

    due_at: float = 0.0
    whole_at: float = 0.0
    failing: bool = False

    def begin(self, moment: float, every: float) -> bool:
        """Note that it is done now; return whether to list everything."""
        self.due_at = moment + every
        return moment >= self.whole_at


class Exchange:
    """The exchange of a lab with one remote, by turns.

    Of several processes that would exchange the same lab with the same remote one does, until it ends; the turns of the others
    do nothing.

    Parameters
    ----------
    context
        The lab.
    remote
        The remote's name.
    every
        Seconds from one look at the remote to the next, and at least from one push to the next.
    cells
        Also push cell executions and timings.
    tell
        Is told in one line of each exchange that brought or sent something.
    warn
        Is told, once, of what goes wrong. That it goes well again is told by ``tell``.

    Attributes
    ----------
    pushed, pulled : int
        How many records were exchanged.
    """

    def __init__(
        self,
        context: LabContext,
        remote: str,
        *,
        every: float,
        cells: bool = False,
        tell: Callable[[str], object],
        warn: Callable[[str], object],
    ) -> None:
        self.pushed = self.pulled = 0
        self._context, self._remote, self._every = context, remote, every
        self._streams = streams_pushed(cells=cells)
        self._tell, self._warn = tell, warn
        self._place: RemoteFolder | None = None
        self._lock = Lease(context.folder / OWN / f"{remote}.live.lock")
        self._has_lock = False
        self._pulling, self._pushing = _Direction(), _Direction()
        self._state = exchange_state(context.folder, remote)
        self._problems: tuple[str, ...] = ()
        self._heads: dict[str, bytes] = {}
        self._journals: dict[str, int] = {}
        self._process_ends = False

    def open(self) -> RemoteFolder:
        """Open the remote; asking nothing of it yet, this fails only where the package that reaches it is missing."""
        if self._place is None:
            self._place = RemoteFolder(self._remote, self._context.configuration.remotes[self._remote])
        return self._place

    def take_turns(self) -> bool:
        """Return whether this process is the one that exchanges; where none is, it is from here on."""
        if not self._has_lock:
            self._lock.path.parent.mkdir(exist_ok=True)
            try:
                self._lock.acquire(0)
            except StoreBusy:
                return False
            self._has_lock = True
        return True

    def turn(self) -> None:
        """Pull and push what is due; whatever goes wrong is told, and a later turn tries again."""
        moment = time.monotonic()
        pull = moment >= self._pulling.due_at
        push = moment >= self._pushing.due_at and (moment >= self._pushing.whole_at or self._sizes() != self._journals)
        if not pull and not push:
            return
        if self.take_turns():
            self._do(moment, pull=pull, push=push)
        else:
            self._pulling.due_at = self._pushing.due_at = moment + self._every

    @property
    def pause(self) -> float:
        """How many seconds later to look for what is due."""
        return min(LOOK_S, max(SHORTEST_PAUSE_S, self._pulling.due_at - time.monotonic()))

    def last_turn(self) -> None:
        """Push what is new, if all went well so far: whoever ends does not wait for a remote that cannot be reached."""
        if self._has_lock and self._pushing.whole_at and not (self._pulling.failing or self._pushing.failing):
            self._do(time.monotonic(), pull=False, push=self._sizes() != self._journals)

    def end_with_process(self) -> None:
        """Tell of no failure any more: what the end of the process cuts off, the next exchange has."""
        self._process_ends = True

    def close(self) -> None:
        """Let another process exchange."""
        self._has_lock = False
        self._lock.release()

    def _do(self, moment: float, *, pull: bool, push: bool) -> None:
        direction = self._pulling
        try:
            with exchanging(self._context.folder, wait=0):
                if pull:
                    self._pull(self._pulling.begin(moment, self._every))
                    self._went_well(direction)
                direction = self._pushing
                if push:
                    self._push(self._pushing.begin(moment, self._every))
                    self._went_well(direction)
        except StoreBusy:  # a push or pull by hand, or somebody who reads for long: a later turn tries again
            return
        except Exception as error:  # noqa: BLE001 - it is told, and a later turn may go well
            self._fail(direction, error)

    def _pull(self, whole: bool) -> None:
        place, own = self.open(), stored_origin(self._context.folder)
        heads = {origin: place.read(origin, FILE, MAX_BYTES) or b"" for origin in place.origins() if origin != own}
        changed = [origin for origin, head in heads.items() if whole or head != self._heads.get(origin)]
        if changed:
            report = pull_from(self._context, place, changed, by_head=not whole)
            self._heads = heads
            self.pulled += report.records
            if report.origins:
                labs = ", ".join(one.name for one in report.origins)
                self._tell(f"{counted(report.records, 'record')} of {labs} pulled from {report.remote}.")
            for problem in report.problems:
                if problem not in self._problems:
                    self._warn(problem)
            self._problems = report.problems
        if whole or self._problems:
            self._pulling.whole_at = time.monotonic() + (AGAIN_S if self._problems else WHOLE_S)

    def _push(self, whole: bool) -> None:
        journals = self._sizes()
        report = push_to(self._context, self.open(), self._streams, by_head=not whole)
        self._journals = journals
        self.pushed += report.records
        if report.segments or report.left_out:
            self._tell(report.words)
        else:
            self._pushing.due_at = 0.0  # what tells of a push or pull is no news, and must not delay what is
        if whole:
            self._pushing.whole_at = time.monotonic() + WHOLE_S

    def _sizes(self) -> dict[str, int]:
        """Return how long each journal is that is still written."""
        return _sizes(self._context.folder / "journal")

    def _fail(self, direction: _Direction, error: Exception) -> None:
        if self._process_ends:
            return
        failure = self._context.scrub(str(in_words(error, "the exchange")))
        if not (self._pulling.failing or self._pushing.failing):
            self._warn(failure)
            if not isinstance(error, PplabError):
                log_error("an exchange failed", error, lab=self._context.folder)
        direction.failing = True
        self._keep(ExchangeState(self._state.at, failure))

    def _went_well(self, direction: _Direction) -> None:
        if direction.failing:
            direction.failing = False
            self._tell(f"The remote '{self._remote}' can be {'reached' if direction is self._pulling else 'written'} again.")
        if not (self._pulling.failing or self._pushing.failing):
            self._keep(ExchangeState(now()[:_MINUTE], "; ".join(self._problems)))

    def _keep(self, state: ExchangeState) -> None:
        if state != self._state:
            keep_exchange_state(self._context.folder, self._remote, state)
            self._state = state


def _sizes(journal: Path) -> dict[str, int]:
    with os.scandir(journal) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.name.endswith(OPEN)}
