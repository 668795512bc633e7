"""Live exchange: a thread for each remote that a lab exchanges with by itself, while it is open. It prints nothing."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Final

from pplab.config.exchanges import wanted_exchanges
from pplab.errors import RemoteError
from pplab.log import log_error, thread
from pplab.observe.spans import CAUSE, Span
from pplab.remote.exchange import Exchange

if TYPE_CHECKING:
    from pplab.context import LabContext

    _Wanted = tuple[str, float]

BEGIN_S: Final = 1.0
"""How long a lab is open before its first exchange: a command in a terminal that is done by then does not wait for a remote."""
END_S: Final = 2.0
"""The longest that the closing of a lab waits for its last push."""


def update_exchanges(context: LabContext, running: list[LiveExchange]) -> None:
    """Begin the exchanges of a lab that are wanted, and end those that are not any more, among those that are running."""
    wanted = {} if context.store.read_only else wanted_exchanges(context.configuration)
    for one in [one for one in running if not one.alive or wanted.get(one.remote) != one.wanted]:
        running.remove(one)
        one.end()
    known = {one.remote for one in running}
    running += [LiveExchange(context, name, wanted[name]) for name in wanted if name not in known]


class LiveExchange:
    """The exchange of an open lab with one remote, on a thread of its own, which ends with the lab or with the configuration.

    What goes wrong is one line in the lab's log, and stands in the list of remotes.

    Parameters
    ----------
    context
        The lab.
    remote
        The remote's name.
    wanted
        What `wanted_exchanges` says of it.
    """

    def __init__(self, context: LabContext, remote: str, wanted: _Wanted) -> None:
        self.remote, self.wanted = remote, wanted
        self._context = context
        self._stop = threading.Event()
        self._last_push = True
        self._exchange = Exchange(context, remote, every=wanted[1], tell=str, warn=self._warn)
        self._thread = thread(self._run, name="pplab-exchange")
        self._thread.start()
        atexit.register(self._end_with_process)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Push what is new if the remote answers, and end; after a moment the thread is left to end by itself."""
        atexit.unregister(self._end_with_process)
        self._stop.set()
        self._thread.join(END_S)

    def _end_with_process(self) -> None:
        """End without a last push: no tables can be opened any more."""
        self._last_push = False
        self._exchange.end_with_process()
        self.end()

    def _run(self) -> None:
        if self._stop.wait(BEGIN_S):
            return
        exchange = self._exchange
        try:
            while not self._stop.is_set() and wanted_exchanges(self._context.configuration).get(self.remote) == self.wanted:
                CAUSE.set(Span("exchange"))  # of each turn's events, and of this thread alone
                exchange.turn()
                self._stop.wait(exchange.pause)
            if self._last_push:
                CAUSE.set(Span("exchange"))
                exchange.last_turn()
        finally:
            exchange.close()

    def _warn(self, words: str) -> None:
        log_error(f"the exchange with {self.remote} went wrong", RemoteError(words), lab=self._context.folder)
