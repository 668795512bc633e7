"""Passes over files for a server that is run by hand: one writes the requests, another reads the results. Nothing is sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import counted, joined
from pplab.experiments.batch_answers import CHUNK, Arrived, BatchAnswers, results_in
from pplab.experiments.batch_calls import batch_row, by_model, custom_ids, cut_files
from pplab.experiments.dependencies import Progress
from pplab.experiments.open_batch import WRITTEN
from pplab.experiments.reads_here import ReadsHere
from pplab.experiments.response_writer import make_call
from pplab.experiments.scheduler import run_outcome
from pplab.files import write_atomically
from pplab.ids import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.response_writer import ResponseWriter
    from pplab.experiments.resume import PendingCalls
    from pplab.experiments.scheduler import RunOutcome
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan, PlannedCall
    from pplab.store.rows import ResponseRow


class FilePass(ReadsHere):
    """A pass over calls by way of a file; what steers a run has little to do here.

    Parameters
    ----------
    writer, plan, pending, dependencies, on_response
        As in `pplab.experiments.scheduler.Scheduler`.
    experiment_id, span
        The experiment, and the operation that runs it.
    file
        What is written or read.
    """

    def __init__(
        self,
        writer: ResponseWriter,
        plan: Plan,
        pending: PendingCalls,
        dependencies: RunDependencies,
        *,
        experiment_id: str,
        span: Span,
        file: Path,
        on_response: Callable[[ResponseRow], None] | None = None,
    ) -> None:
        self.plan = plan
        self.progress = Progress(pending.count)
        self.stopping: tuple[str, str] | None = None
        self._dependencies = dependencies
        self._experiment_id = experiment_id
        self._span = span
        self._file = file
        self._pending = pending
        self._answers = BatchAnswers(writer, plan, dependencies, self.progress, on_response)

    def pause(self) -> None:
        """Do nothing: nothing is sent."""

    def go_on(self) -> None:
        """Do nothing: nothing waits."""

    def cancel(self, reason: str = "cancelled by the user") -> None:
        """End after the answers that are being stored."""
        self.stopping = self.stopping or ("interrupted", reason)

    def leave(self, reason: str) -> None:
        """End now, as `cancel` does."""
        self.cancel(reason)

    def limit(self, plan: Plan, most: int) -> None:  # noqa: ARG002 - nothing is sent
        """Take note of another plan."""
        self.plan = plan

    async def _calls(self) -> dict[str, PlannedCall]:
        ids = await asyncio.to_thread(custom_ids, self.plan, self._dependencies.provider)
        return {ids[planned]: planned for planned in self._pending.calls}

    async def _end(self, left: dict[str, PlannedCall], status: str, why: str) -> RunOutcome:
        stop = self.stopping or (status, why)
        if self.stopping is not None:
            self._answers.stop()
        await self._answers.end(dict.fromkeys(left.values(), stop[1]))
        return run_outcome(self.plan, self.progress.counts + Counter(self._pending.kept), [stop] if left else [])


class RequestFiles(FilePass):
    """A pass that writes its requests into files, one model a file, and leaves them to whoever runs a server by hand."""

    async def execute(self) -> RunOutcome:
        """Write the files, and say how the experiment goes on."""
        calls = await self._calls()
        names = await asyncio.to_thread(self._write, calls)
        why = f"its requests are in {joined(names)}: have them answered, then resume with the file of results"
        return await self._end(calls, "paused", why)

    def _write(self, calls: dict[str, PlannedCall]) -> list[str]:
        provider = self._dependencies.provider
        written: list[str] = []
        for group in by_model(self.plan, provider, calls):
            call, _ = make_call(self.plan, provider, next(iter(group.values())))
            for file in cut_files(self.plan, provider, group, self._dependencies.batches[call.place]):
                path = _free(self._file, len(written) + 1)
                write_atomically(path, file.content)
                written.append(path.name)
                row = batch_row(self._experiment_id, self.plan, file, WRITTEN, self._span)
                self._dependencies.recorder.record(row, durable=True).result()
        return written


class ResultFile(FilePass):
    """A pass that reads the results of its calls from a file; those it does not hold stay missing."""

    async def execute(self) -> RunOutcome:
        """Store the answers in the file, and say what is missing."""
        calls = await self._calls()
        since, arrived = now(), []
        with self._file.open("rb") as file:
            read = next(iter(self._dependencies.batches.values())).result
            for result in results_in(file, read, calls.__contains__):
                if self.stopping is not None:
                    break
                if result.not_executed:
                    continue
                planned = calls.pop(result.custom_id)
                call, _ = make_call(self.plan, self._dependencies.provider, planned)
                arrived.append(Arrived(planned, result, self._dependencies.batches[call.place], since))
                if len(arrived) >= CHUNK:
                    await self._answers.store(arrived)
                    arrived = []
        await self._answers.store(arrived)
        return await self._end(calls, "paused", f"{self._file.name} has no result of {counted(len(calls), 'request')}")


def _free(file: Path, number: int) -> Path:
    """Return the path of one of several files that takes no other file's place."""
    while (path := numbered(file, number)).exists():
        number += 1
    return path


def numbered(file: Path, number: int) -> Path:
    """Return the path of one of several files, the first under the name that was given.

    Examples
    --------
    >>> from pathlib import Path
    >>> numbered(Path("asked.jsonl"), 1).name, numbered(Path("asked.jsonl"), 2).name
    ('asked.jsonl', 'asked-2.jsonl')
    """
    return file if number == 1 else file.with_name(f"{file.stem}-{number}{file.suffix}")
