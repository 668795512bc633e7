"""Sync: the exchange with a remote in the foreground, until it is interrupted."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.config.remotes import check_seconds, named_remote
from pplab.remote.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.context import LabContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """The outcome of a sync that was interrupted: its remote, and how many records were pushed and pulled."""

    remote: str
    pushed: int
    pulled: int

    @property
    def words(self) -> str:
        """What happened, in a sentence."""
        return f"No more exchange with {self.remote}: {counted(self.pushed, 'record')} pushed, {self.pulled:,} pulled."

    def as_dict(self) -> dict[str, Any]:
        """Return the sync as plain JSON values."""
        return dataclasses.asdict(self)


def sync(context: LabContext, remote: str | None, *, every: float, cells: bool, tell: Callable[[str], object]) -> SyncReport:
    """Push and pull until an interrupt; see `Lab.sync`."""
    context.store.must_be_writable()
    name, seconds = named_remote(context.configuration.remotes, remote), check_seconds(every)
    exchange = Exchange(context, name, every=seconds, cells=cells, tell=tell, warn=lambda words: tell(f"! {words}"))
    exchange.open()
    try:
        tell(f"Exchanging with {name} every {seconds:g} s; Ctrl-C ends it.")
        if not exchange.take_turns():
            tell("Another process of this lab exchanges with it; this one goes on when that one ends.")
        while True:
            exchange.turn()
            time.sleep(exchange.pause)
    except KeyboardInterrupt:  # that is how it ends
        return SyncReport(remote=name, pushed=exchange.pushed, pulled=exchange.pulled)
    finally:
        exchange.close()
