"""A server in this process that answers when it is let: calls wait there, so that a test acts while they are under way."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.servers.plain import Answer, PlainServer, answer_well

PATIENCE_S = 60
EVERY = 10**9


class GatedServer(PlainServer):
    """A server at a closed gate; ``arrivals`` are the moments (`time.monotonic`) at which calls came.

    Examples
    --------
    >>> with GatedServer() as server:  # doctest: +SKIP
    ...     exp = lab.start("hello", n=9, max_concurrency=3)
    ...     server.await_calls(3)
    ...     server.let(2)  # of these three, and then two more come
    """

    def __init__(self) -> None:
        super().__init__(reply=self._reply)
        self.arrivals: list[float] = []
        self._changed = threading.Condition()
        self._allowed = 0

    def __exit__(self, *error: object) -> None:
        self.let()
        super().__exit__(*error)

    def let(self, calls: int = EVERY) -> None:
        """Answer so many more calls, or all from here on."""
        with self._changed:
            self._allowed += calls
            self._changed.notify_all()

    def await_calls(self, number: int) -> float:
        """Return the moment at which so many calls had come in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.arrivals) >= number, PATIENCE_S), f"{len(self.arrivals)} calls came"
            return self.arrivals[number - 1]

    def _reply(self, _asked: dict[str, Any]) -> Answer:
        with self._changed:
            self.arrivals.append(time.monotonic())
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._allowed > 0)
            self._allowed -= 1
        return answer_well("")
