"""The choice of a pass for a plan whose calls go in files: at a provider, or by hand through files of the user's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from pplab.errors import BadInput
from pplab.experiments.batch_by_hand import RequestFiles, ResultFile
from pplab.experiments.batch_scheduler import BatchScheduler
from pplab.inputs.paths import given_path, output_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pplab.experiments.dependencies import RunDependencies
    from pplab.experiments.response_writer import ResponseWriter
    from pplab.experiments.resume import PendingCalls
    from pplab.observe.spans import Span
    from pplab.plan.plan import Plan
    from pplab.store.rows import BatchRow, ResponseRow

BatchPass: TypeAlias = BatchScheduler | RequestFiles | ResultFile
ENDINGS = ("jsonl",)


@dataclass(frozen=True, slots=True)
class ByHand:
    """The file of a pass whose server is run by hand: of requests, which is written, or of results, which is read."""

    file: Path
    results: bool


def requests_file(given: Any) -> ByHand | None:
    """Return the file that requests are to be written to, ``None`` where they are to be sent (`True`).

    Raises
    ------
    BadInput
        When it is there already, or no file that may be written.
    """
    if given is True:
        return None
    if not isinstance(given, (str, os.PathLike)):
        raise BadInput(f"batch={given!r} is neither True nor a file", hint="write batch=True, or batch='requests.jsonl'")
    file = output_file(given, ENDINGS)
    if os.path.lexists(file):
        raise BadInput(f"'{file.name}' is there already", hint="name another file for the requests")
    return ByHand(file, results=False)


def results_file(given: Any) -> ByHand:
    """Return the file that results are to be read from, or refuse it."""
    file = given_path(given, "the file of results", "give the path of the file that the server wrote")
    if not file.is_file():
        raise BadInput(f"there is no file '{file.name}'", hint="give the path of the file that the server wrote")
    return ByHand(file, results=True)


def batch_pass(experiment_id: str, span: Span, stored: Sequence[BatchRow], by_hand: ByHand | None) -> Callable[..., BatchPass]:
    """Return what makes the pass."""
    about: dict[str, Any] = {"experiment_id": experiment_id, "span": span}
    if by_hand is not None:
        kind: Any = partial(ResultFile if by_hand.results else RequestFiles, file=by_hand.file)
    else:
        kind = partial(BatchScheduler, stored=stored)

    def make(
        writer: ResponseWriter,
        plan: Plan,
        pending: PendingCalls,
        dependencies: RunDependencies,
        *,
        on_response: Callable[[ResponseRow], None] | None,
        **_: Any,
    ) -> BatchPass:
        made: BatchPass = kind(writer, plan, pending, dependencies, on_response=on_response, **about)
        return made

    return make
