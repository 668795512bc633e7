"""The onlooker: a lab as a view reads it that stands for no kernel. What it does to be up to date leaves no record."""

from __future__ import annotations

from concurrent.futures import Future
from contextvars import Context
from typing import TYPE_CHECKING

from pplab.errors import PplabError

if TYPE_CHECKING:
    from pathlib import Path

    from pplab.context import LabContext
    from pplab.experiments.manager import RunManager
    from pplab.lab import Lab
    from pplab.server.view_comm import ViewComm
    from pplab.share.export import Export
    from pplab.store.rows import Row
    from pplab.store.trace import Trace
    from pplab.store.verify import VerifyReport


class NeedsKernel(PplabError):
    """Something that is done in a notebook, and not by the server."""

    code = "needs_kernel"

    def __init__(self, action: str) -> None:
        super().__init__(f"{action} needs a notebook's kernel", hint="Open a notebook on this lab and do it there.")


class Onlooker:
    """A lab that is looked at: it can be read and exported from, and keeps no record of having been read.

    Parameters
    ----------
    lab
        The lab.
    comm
        By what the messages of a widget on it go.

    Notes
    -----
    An export is recorded as it is everywhere: it is no look, a person asks for it and takes answers with them.
    """

    def __init__(self, lab: Lab, comm: ViewComm) -> None:
        self._lab = lab
        self.comm = comm

    @property
    def context(self) -> LabContext:
        """What stands below the verbs."""
        return self._lab.context

    @property
    def manager(self) -> RunManager:
        """Who reads stored experiments, below the verbs."""
        return self._lab.manager

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return self._lab.folder

    @property
    def user(self) -> str:
        """Who is named in the audit."""
        return self._lab.user

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""
        return self._lab.scrub(text)

    def record(self, *_rows: Row, durable: bool = False) -> Future[None]:  # noqa: ARG002 - the signature of a recorder
        """Keep no record of having looked."""
        kept: Future[None] = Future()
        kept.set_result(None)
        return kept

    def trace(self, record_id: str) -> Trace:
        """Walk the chain of cause from any id, both ways."""
        return self.context.store.trace(record_id)

    def verify(self) -> VerifyReport:
        """Check the chain."""
        return self.context.store.verify()

    def export(self, ids: list[str], format: str) -> Export:
        """Export experiments, which is recorded as an operation of its own."""
        return Context().run(self._lab.export, ids, format)
