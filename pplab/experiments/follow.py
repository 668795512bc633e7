"""Following a run that another process has under way: its progress and its answers, told to a listener here."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from pplab.experiments.dependencies import Progress
from pplab.experiments.standing_runs import standing_run
from pplab.observe.live import RecordReader
from pplab.store.rows import ResponseRow
from pplab.store.run_lock import is_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pplab.experiments.dependencies import Listener
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.standing_runs import StandingRun
    from pplab.store.store import Store

LOOK_SECONDS: Final = 0.2
"""How often the journal is looked at; a run says as often how far it is."""


def follow(store: Store, experiment_id: str, on: Listener, interrupts: Interrupts) -> None:
    """Tell a listener of the answers that are stored and of those that come, until the run ends or an interrupt comes."""
    reader = RecordReader(store.folder / "journal", "response")  # before what is stored is read, so that none is missed
    told: dict[str, int] = {}

    def tell(rows: Iterable[ResponseRow]) -> None:
        for row in rows:
            if row.experiment_id == experiment_id and told.get(row.response_id, -1) < row.revision and not interrupts.count:
                told[row.response_id] = row.revision
                _call(on.arrived, row, interrupts)

    tell(store.response_rows(experiment_id))
    going = True
    while going and not interrupts.count:
        going = is_running(store.folder, experiment_id)
        tell(change.row for change in reader.poll() if isinstance(change.row, ResponseRow))
        run = standing_run(store.folder, experiment_id)
        if run is not None and not interrupts.count:
            _call(on.progress, _progress(run), interrupts)
        if going:
            time.sleep(LOOK_SECONDS)


def _call(callback: Callable[[Any], None], about: Any, interrupts: Interrupts) -> None:
    """Call a listener's function, which an interrupt ends as it would end any of the user's own code."""
    try:
        with interrupts.passing():
            callback(about)
    except KeyboardInterrupt:
        interrupts.count += 1


def _progress(run: StandingRun) -> Progress:
    known = {field.name for field in fields(Progress)} - {"counts", "race"}
    said = {name: value for name, value in run.said.items() if name in known}
    return Progress(**said, counts=Counter(run.said.get("counts") or {}))
