"""The outbox of a worker: gathers rows and news of its calls until they are handed to the run."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from pplab.cluster.messages import Report
from pplab.errors import StoreError
from pplab.experiments.response_writer import response_id
from pplab.models.recording_format import masked
from pplab.plan.plan import PlannedCall
from pplab.store.journal_format import encode
from pplab.store.rows import ResponseRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplab.models.types import Reply
    from pplab.secrets import Scrubber
    from pplab.store.rows import Row


class Outbox:
    """The recorder of a worker's engine, and what else the run must hear of. Every method may be called from any thread.

    Parameters
    ----------
    user
        Who is named in the audit.
    experiment_id
        Whose rows they are.
    scrub
        Removes secrets from what leaves the worker.
    """

    def __init__(self, user: str, experiment_id: str, scrub: Scrubber) -> None:
        self.user = user
        self.concurrency = 0
        self.waiting_until: float | None = None
        self._experiment_id = experiment_id
        self._scrub = scrub
        self._changed = threading.Condition()
        self._report = Report()
        self._news = True  # that it is ready
        self._ended: set[str] = set()
        self._failed = False

    def record(self, *rows: Row, durable: bool = False) -> Future[None]:  # noqa: ARG002 - it is the run that writes them
        """Add rows; a call that was never sent has none here, and is given back."""
        future: Future[None] = Future()
        try:
            lines = [encode(row, self._scrub) for row in rows if not _is_unsent(row)]
        except StoreError as error:
            future.set_exception(error)
            return future
        unsent = [PlannedCall(row.prompt_index, row.setting_index, row.replicate) for row in rows if _is_unsent(row)]
        with self._changed:
            self._report.lines += lines
            self._report.unsent += unsent
            self._tell()
        future.set_result(None)
        return future

    def arrived(self, planned: PlannedCall, reply: Reply) -> None:
        """Add the outcome of a call that is not scored yet, with what says whether others will fare as it did."""
        attempts = tuple(replace(attempt, raw=None, headers={}) for attempt in reply.attempts[-1:])
        slim = replace(reply, text="", usage=None, requested={}, sent={}, applied=None, attempts=attempts)
        with self._changed:
            self._report.arrived.append((response_id(self._experiment_id, planned), slim))
            self._tell()

    def told(self, row: ResponseRow) -> None:
        """Add that a response has all its scores."""
        explained = {name: part for name, part in row.detail.items() if name in row.metrics}
        with self._changed:
            self._ended.add(row.response_id)
            self._report.told.append((row.response_id, dict(row.metrics), masked(explained, self._scrub)))
            self._tell()

    def read(self, rows: Iterable[ResponseRow]) -> None:
        """Add that the reader has read some answers, whose scores were recorded before."""
        with self._changed:
            self._report.read += [row.response_id for row in rows]
            self._ended.update(f"read {row.response_id}" for row in rows)
            self._tell()

    def recorded(self, line: str) -> None:
        """Add a line for the recording."""
        with self._changed:
            self._report.recorded.append(line)
            self._tell()

    def waits(self, until: float | None) -> None:
        """Add until when (UNIX seconds) a server wants to be left alone."""
        with self._changed:
            self.waiting_until = until
            self._tell()

    def fail(self, reason: str, *, reader: bool = False) -> None:
        """Add why nothing more comes from here, or nothing more of the reader."""
        with self._changed:
            if reader:
                self._report.reader_failure = self._scrub(reason)
            else:
                self._report.failure = self._scrub(reason)
            self._failed = True
            self._tell()

    def _tell(self) -> None:
        self._news = True
        self._changed.notify_all()

    def wait(self) -> None:
        """Return when there is something to tell."""
        with self._changed:
            self._changed.wait_for(lambda: self._news)

    def take(self) -> Report:
        """Return what there is to tell, which is not told again."""
        with self._changed:
            return self._take()

    def report_after(self, wanted: set[str]) -> Report:
        """Return what there is to tell once all these calls have ended (or ``read ID``: are read), or no more comes.

        What was told of them before is not told again.
        """
        with self._changed:
            self._changed.wait_for(lambda: wanted <= self._ended or self._failed)
            self._ended -= wanted
            return self._take()

    def _take(self) -> Report:
        report, self._report, self._news = self._report, Report(), False
        report.concurrency, report.waiting_until = self.concurrency, self.waiting_until
        return report


def _is_unsent(row: Row) -> TypeGuard[ResponseRow]:
    return isinstance(row, ResponseRow) and row.status == "cancelled" and not row.attempts
