"""The verbs of a lab by which it meets others: remotes, push, pull and sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.operation import verb

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from pplab.context import LabContext
    from pplab.remote.live import LiveExchange
    from pplab.remote.pull import PullReport
    from pplab.remote.push import PushReport
    from pplab.remote.sync import SyncReport


class MeetingVerbs:
    """The part of `pplab.Lab` by which labs share what they hold, without a server."""

    _context: LabContext
    _live: list[LiveExchange]

    @property
    def remotes(self) -> dict[str, str]:
        """Where this lab meets others: folders and object stores, by name."""
        return dict(self._context.configuration.remotes)

    @verb
    def add_remote(self, name: str, url: str | os.PathLike[str], *, every: float | None = None) -> dict[str, str]:
        """Remember a place where labs meet, in the lab's own configuration, and return all of them.

        Parameters
        ----------
        name
            How to call it.
        url
            A folder that is there, or the address of an object store: ``s3://bucket/lab``, ``gs://``, ``abfs://``. No key may
            stand in it: those come from the environment or the provider's own configuration.
        every
            Seconds: push and pull by itself, so often, whenever this lab is open. Without it only `push` and `pull` do.

        Raises
        ------
        BadInput
            When there is one of this name, or nothing could be kept there.
        """
        from pplab.remote.remotes import add_remote

        remotes = add_remote(self._context, name, url, every)
        self._update_live()
        return remotes

    @verb
    def remove_remote(self, name: str) -> dict[str, str]:
        """Forget a remote, and return those that are left; what lies there stays, and so does what was pulled from it."""
        from pplab.remote.remotes import remove_remote

        remotes = remove_remote(self._context, name)
        self._update_live()
        return remotes

    def _update_live(self) -> None:
        """Exchange with the remotes that are configured to be live, and with no others; without any, nothing is imported."""
        if self._live or self._context.configuration.live:
            from pplab.remote.live import update_exchanges

            update_exchanges(self._context, self._live)

    def _end_live(self) -> None:
        while self._live:
            self._live.pop().end()

    @verb
    def push(self, remote: str | None = None, *, cells: bool = False) -> PushReport:
        """Put onto a remote what this lab recorded since the last push, for other labs to pull.

        Experiments, answers, attempts, scores, ratings, names, calibrations and the audit are pushed. What was done here to an
        experiment of another lab, its scores, ratings and names aside, stays here, and so does what was pulled.

        Parameters
        ----------
        remote
            Its name; without one, the only remote there is.
        cells
            Also push cell executions and timings, those from before included.

        Raises
        ------
        RemoteError
            When it cannot be reached or written. Nothing is lost: the next push puts the same there.
        """
        from pplab.remote.push import push

        return push(self._context, remote, cells=cells)

    @verb
    def pull(self, remote: str | None = None) -> PullReport:
        """Take from a remote what other labs pushed since the last pull.

        Each segment is checked before anything of it enters: its hash, its place behind the one before, every record in it. What
        is refused is named in ``problems``, and the other labs' segments are taken all the same. Nothing here is overwritten.

        Parameters
        ----------
        remote
            Its name; without one, the only remote there is.

        Raises
        ------
        RemoteError
            When it cannot be reached.
        """
        from pplab.remote.pull import pull

        return pull(self._context, remote)

    @verb
    def sync(
        self, remote: str | None = None, *, every: float = 2, cells: bool = False, tell: Callable[[str], object] = print
    ) -> SyncReport:
        """Push and pull until an interrupt: what is new here at once, what is new there every few seconds.

        A remote that cannot be reached or written is told of once, and tried again until it can. Of several processes that would
        exchange this lab with the same remote one does.

        Parameters
        ----------
        remote
            Its name; without one, the only remote there is.
        every
            Seconds from one look at the remote to the next, and at least from one push to the next.
        cells
            Also push cell executions and timings, those from before included.
        tell
            Is told, in one line, of each exchange that brought or sent something, and of what goes wrong.
        """
        from pplab.remote.sync import sync

        self._end_live()
        try:
            return sync(self._context, remote, every=every, cells=cells, tell=tell)
        finally:
            self._update_live()
