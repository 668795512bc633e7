"""A package's contents: the stored rows of some experiments, read from a store and written as lines. No file is opened."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.experiments.response_writer import make_call
from pplab.models.recording_format import RecordedCall, RecordedRequest, masked
from pplab.models.types import Attempt, Reply
from pplab.plan.plan import Plan, PlannedCall
from pplab.store.drain_log import DrainLog
from pplab.store.record_types import RECORD_TYPE_OF, RECORD_TYPES, canonical_json, time_text
from pplab.store.rows import AttemptRow, CalibrationRow, ExperimentRow, LabelRow, RatingRow, ResponseRow, ScoreRow
from pplab.store.scores import LatestScores, given_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from pplab.store.store import Store

FIRST_TABLES = {"calibrations": CalibrationRow, "experiments": ExperimentRow, "responses": ResponseRow, "attempts": AttemptRow}
"""The tables that every package has."""

TABLES = {**FIRST_TABLES, "scores": ScoreRow, "labels": LabelRow, "ratings": RatingRow}
"""The tables of a package and their records, in the order in which one refers to those before. One without rows is left out
where it is none of the first."""

LOCAL = frozenset({"origin"})
"""Columns that say how a row came into a lab and are no part of what is shared."""


@dataclass(frozen=True, slots=True)
class PackageContents:
    """The rows of some experiments, each table in an order that depends on the rows alone."""

    calibrations: tuple[CalibrationRow, ...]
    experiments: tuple[ExperimentRow, ...]
    responses: tuple[ResponseRow, ...]
    attempts: tuple[AttemptRow, ...]
    scores: tuple[ScoreRow, ...] = ()
    labels: tuple[LabelRow, ...] = ()
    ratings: tuple[RatingRow, ...] = ()

    def table(self, name: str) -> Sequence[Any]:
        """Return the rows of one of `TABLES`."""
        rows: Sequence[Any] = getattr(self, name)
        return rows

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tables, in the order of `TABLES`."""
        return tuple(name for name in TABLES if name in FIRST_TABLES or self.table(name))

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(len(self.table(name)) for name in TABLES)

    @property
    def plans(self) -> dict[str, Plan]:
        """The plan of each experiment, by its id."""
        return {row.experiment_id: Plan.from_dict(row.plan) for row in self.experiments}

    def latest_scores(self, experiment_id: str) -> LatestScores:
        """Return the scores of one experiment, besides the four, that count."""
        return LatestScores.of(
            given_scores(
                (r for r in self.responses if r.experiment_id == experiment_id),
                (s for s in self.scores if s.experiment_id == experiment_id),
            )
        )

    def frame(self, experiment_id: str) -> pd.DataFrame:
        """Return the responses of one experiment in plan order, as a table with every column."""
        import pandas as pd

        names = [column.name for column in RECORD_TYPES["response"].columns]
        rows = [[getattr(r, n) for n in names] for r in self.responses if r.experiment_id == experiment_id]
        return pd.DataFrame(rows, columns=names)


def read_store(store: Store, ids: Sequence[str]) -> PackageContents:
    """Return everything stored of these experiments."""
    with store.reading():
        experiments = sorted((store.experiment(i) for i in ids), key=lambda e: (e.created_at, e.experiment_id))
        wanted = sorted({e.calibration_id for e in experiments if e.calibration_id})
        calibrations = sorted((store.calibration(c) for c in wanted), key=lambda c: (c.created_at, c.calibration_id))
        responses = [r for e in experiments for r in store.response_rows(e.experiment_id)]
        frames = [store.attempts(e.experiment_id) for e in experiments]
        scores = [s for e in experiments for s in store.score_rows(e.experiment_id)]
        labels = [label for e in experiments if (label := store.label(e.experiment_id)) is not None]
        ratings = [rating for e in experiments for rating in store.rating_rows(e.experiment_id)]
    place = {r.response_id: i for i, r in enumerate(responses)}
    attempts = [a for frame in frames for a in _attempts(frame)]
    attempts.sort(key=lambda a: (place.get(a.response_id, len(place)), a.started_at, a.attempt, a.attempt_id))
    scores.sort(key=lambda s: (place.get(s.response_id, len(place)), s.metric, s.created_at, s.score_id))
    return PackageContents(
        tuple(calibrations), tuple(experiments), tuple(responses), tuple(attempts), tuple(scores), tuple(labels), tuple(ratings)
    )


def plain(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a stored table as Python values: times as text, what is missing as ``None``."""
    for record in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        yield {
            str(k): time_text(v.to_pydatetime()) if hasattr(v, "to_pydatetime") else v.item() if hasattr(v, "item") else v
            for k, v in record.items()
        }


def _attempts(frame: pd.DataFrame) -> Iterator[AttemptRow]:
    for record in plain(frame):
        yield AttemptRow(**{**record, "headers": json.loads(record["headers"])})


def to_json_line(row: Any, scrub: Callable[[str], str]) -> str:
    """Return a row as one line of canonical JSON, without what is local to a lab and without secrets."""
    values = {c.name: getattr(row, c.name) for c in RECORD_TYPE_OF[type(row)].columns if c.name not in LOCAL}
    return canonical_json(masked(values, scrub))


def row_sha256(line: str) -> str:
    """Return the hash of one row's line."""
    return hashlib.sha256(line.encode()).hexdigest()


def recorded_calls(contents: PackageContents) -> Iterator[RecordedCall]:
    """Yield every answered or failed call as a recording has it, so that a plan can be run again without the model.

    A call that two experiments made has an attempt for each.
    """
    plans = contents.plans
    providers = {e.experiment_id: e.provider for e in contents.experiments}
    attempts_of: dict[str, list[AttemptRow]] = {}
    for attempt in contents.attempts:
        attempts_of.setdefault(attempt.response_id, []).append(attempt)
    attempt_counts: dict[str, int] = {}
    for row in contents.responses:
        if not row.attempts:
            continue  # never sent
        plan, provider = plans[row.experiment_id], providers[row.experiment_id]
        call, _ = make_call(plan, provider, PlannedCall(row.prompt_index, row.setting_index, row.replicate))
        request = RecordedRequest(
            provider=call.provider,
            model=call.model,
            messages=call.messages,
            parameters=call.parameters,
            replicate=call.replicate,
        )
        number = attempt_counts.get(call.request_key, 0)
        attempt_counts[call.request_key] = number + 1
        attempts = tuple(map(_attempt, attempts_of.get(row.response_id, [])[-row.attempts :]))  # not those of an earlier pass
        yield RecordedCall(request=request, reply=_reply(row, attempts), recorded_at=row.created_at, attempt=number)


def _reply(row: ResponseRow, attempts: tuple[Attempt, ...]) -> Reply:
    shared = {f.name: getattr(row, f.name) for f in dataclasses.fields(Reply) if hasattr(row, f.name)}
    code = attempts[-1].error_code if attempts else None
    return Reply(**{**shared, "attempts": attempts, "error_code": code})


def _attempt(row: AttemptRow) -> Attempt:
    shared = {f.name: getattr(row, f.name) for f in dataclasses.fields(Attempt) if hasattr(row, f.name)}
    return Attempt(**{**shared, "raw": None if row.raw is None else row.raw.encode("utf-8", "replace")})


def lab_id(store: Store) -> str:
    """Return what tells this lab from every other: the chain's head after its first drain, shortened; empty in a new lab."""
    first = next((entry.hash for entry in DrainLog(store.folder / "ledger.jsonl").entries() if entry.seq), "")
    return first[:16]
