"""The servers of a run as one source: each call goes to the client of its own endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplab.models.types import Attempt, Call, Place, Reply, Source


class Servers:
    """A source of replies that hands each call to the client of its endpoint, and to no other.

    Parameters
    ----------
    clients
        By `Call.place`.
    """

    def __init__(self, clients: Mapping[Place, Source]) -> None:
        self._clients = clients

    async def complete(
        self,
        call: Call,
        *,
        deadline: float,
        on_attempt: Callable[[Attempt], None] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Return the outcome of one call."""
        client = self._clients[call.place]
        return await client.complete(call, deadline=deadline, on_attempt=on_attempt, on_text=on_text)
