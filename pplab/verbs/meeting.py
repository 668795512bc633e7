"""The verbs of a lab by which it meets others: remotes, push and pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.operation import verb

if TYPE_CHECKING:
    import os

    from pplab.context import LabContext
    from pplab.remote.pull import PullReport
    from pplab.remote.push import PushReport


class MeetingVerbs:
    """The part of `pplab.Lab` by which labs share what they hold, without a server."""

    _context: LabContext

    @property
    def remotes(self) -> dict[str, str]:
        """Where this lab meets others: folders and object stores, by name."""
        return dict(self._context.configuration.remotes)

    @verb
    def add_remote(self, name: str, url: str | os.PathLike[str]) -> dict[str, str]:
        """Remember a place where labs meet, in the lab's own configuration, and return all of them.

        Parameters
        ----------
        name
            How to call it.
        url
            A folder that is there, or the address of an object store: ``s3://bucket/lab``, ``gs://``, ``abfs://``. No key may
            stand in it: those come from the environment or the provider's own configuration.

        Raises
        ------
        BadInput
            When there is one of this name, or nothing could be kept there.
        """
        from pplab.remote.remotes import add_remote

        return add_remote(self._context, name, url)

    @verb
    def remove_remote(self, name: str) -> dict[str, str]:
        """Forget a remote, and return those that are left; what lies there stays, and so does what was pulled from it."""
        from pplab.remote.remotes import remove_remote

        return remove_remote(self._context, name)

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
