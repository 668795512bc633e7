"""The runs under way in a lab, whichever process they are in: how far they are, and how they are steered from here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput, PplabError
from pplab.store.run_control import RunFolder, RunOrder, run_folders
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pplab.store.store import Store

ANSWER_SECONDS: Final = 10.0
"""How long an order may wait for its answer; a run looks five times a second."""
POLL_SECONDS: Final = 0.02
COLUMNS: Final = (
    *("experiment_id", "name", "user", "state", "planned", "done", "failed", "in_flight", "concurrency", "cost", "max_cost"),
    *("rate", "seconds_left", "waiting_until", "waiting_for", "started_at", "detached", "process", "machine"),
)
"""The columns of `Lab.runs`."""


@dataclass(frozen=True, slots=True)
class StandingRun:
    """A run that some process has under way, or had when it died: what it said last."""

    experiment_id: str
    said: dict[str, Any]
    alive: bool

    @property
    def state(self) -> str:
        """``running``, ``waiting`` (the server asked for it), ``paused``, or ``interrupted``: its process is gone."""
        if not self.alive:
            return "interrupted"
        if self.said.get("paused"):
            return "paused"
        waits = self.said.get("waiting_until") and not self.said.get("in_flight")
        return "waiting" if waits else "running"

    @property
    def seconds_left(self) -> float | None:
        """The seconds that the rest takes at the present rate, if it is known."""
        rate, left = self.said.get("rate") or 0.0, self.said.get("planned", 0) - self.said.get("done", 0)
        return left / rate if rate > 0 and self.state == "running" else None


def standing_run(lab: Path, experiment_id: str) -> StandingRun | None:
    """Return the run of an experiment, or ``None`` where there is none."""
    alive = is_running(lab, experiment_id)
    said = RunFolder(lab, experiment_id).progress()  # read after: one that has ended since is gone, and was not interrupted
    return None if said is None else StandingRun(experiment_id, said, alive)


def standing_runs(lab: Path) -> list[StandingRun]:
    """Return every run under way in a lab, and those whose process died, in the order in which they began."""
    found = [standing_run(lab, folder.experiment_id) for folder in run_folders(lab)]
    return sorted((run for run in found if run is not None), key=lambda run: str(run.said.get("started_at")))


def runs_frame(store: Store) -> pd.DataFrame:
    """Return one row a run, see `Lab.runs`."""
    import pandas as pd

    rows = []
    for run in standing_runs(store.folder):
        label = store.label(run.experiment_id)
        said = run.said
        own = {"experiment_id": run.experiment_id, "name": label.name if label else None, "state": run.state}
        counted = {"failed": _failed(said.get("counts") or {}), "seconds_left": run.seconds_left}
        rows.append({name: said.get(name) for name in COLUMNS} | own | counted)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    moments = {"waiting_until": pd.to_datetime(frame["waiting_until"], unit="s", utc=True, errors="coerce")}
    moments["started_at"] = pd.to_datetime(frame["started_at"], utc=True, errors="coerce")
    floats = {name: frame[name].astype("float64") for name in ("cost", "max_cost", "rate", "seconds_left")}
    return frame.assign(**{name: values.dt.tz_localize(None) for name, values in moments.items()}, **floats)


def _failed(counts: dict[str, int]) -> int:
    from pplab.plan.vocabulary import FAILED

    return sum(counts.get(status, 0) for status in FAILED)


def steer(lab: Path, experiment_id: str, order: RunOrder) -> bool:
    """Have the process that runs an experiment carry out an order; return when it has, ``False`` where the run ended first.

    Raises
    ------
    BadInput
        When it is no run of this user, or the order makes no sense for it.
    PplabError
        When its process does not answer.
    """
    folder = RunFolder(lab, experiment_id)
    said = folder.progress()
    if said is None or not is_running(lab, experiment_id):
        raise BadInput("this experiment is not running", hint="pplab runs lists what is; an interrupted one is resumed")
    if said.get("user") != order.user:
        raise BadInput(f"this run belongs to {said.get('user')}", hint="only who began a run can steer it")
    if (order_id := folder.give(order)) is None:
        return False
    answer = None
    ends = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < ends:
        if answer is None:
            answer = folder.answered(order_id)
        if answer is not None and answer.get("refusal"):
            raise BadInput(str(answer["refusal"]))
        if answer is not None and order.action != "cancel":  # a run that is cancelled still writes what it has
            return True
        if folder.progress() is None or not is_running(lab, experiment_id):
            return answer is not None  # it has ended, by itself or by this order
        time.sleep(POLL_SECONDS)
    if answer is not None:
        return True  # a metric or the reader may take its time
    raise PplabError(
        f"process {said.get('process')} on {said.get('machine')}, which runs this experiment, does not answer",
        hint="it may be stopped or overloaded; the order stays until it goes on",
        code="busy",
    )


def put_aside(lab: Path, experiment_id: str) -> None:
    """Take a run whose process died out of the list; what it stored stays, and can be resumed."""
    if not is_running(lab, experiment_id):
        RunFolder(lab, experiment_id).remove()
