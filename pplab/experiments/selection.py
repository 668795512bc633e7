"""The selection of stored experiments: the ids that a user means, the rows of several, and the comparison of two."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.experiments.repository import LOST, ExperimentRepository
from pplab.inputs.values import as_list
from pplab.plan.vocabulary import SCORES
from pplab.store import history
from pplab.store.arrivals import owners
from pplab.store.run_lock import is_running, run_stamp

if TYPE_CHECKING:
    import pandas as pd

    from pplab.analysis.records import Comparisons
    from pplab.store.rows import ResponseRow
    from pplab.store.store import Store


def id_text(wanted: Any) -> str:
    """Return the id that an experiment, an id or the beginning of one stands for."""
    if hasattr(wanted, "plan"):
        return str(wanted.id)
    if not isinstance(wanted, str):
        raise BadInput(f"{type(wanted).__name__} is not an experiment", hint="give an Experiment or its id")
    return wanted


def experiment_id(store: Store, wanted: Any) -> str:
    """Return the whole id of a stored experiment."""
    return store.find("experiment", id_text(wanted))


def experiment_ids(store: Store, wanted: Any) -> list[str]:
    """Return the whole ids of one experiment or of several, each once: a list of them, or the rows that name them."""
    if hasattr(wanted, "columns") and "experiment_id" in wanted.columns:  # what `Lab.experiments` returned, or rows of it
        wanted = wanted["experiment_id"]
    several = as_list(wanted)
    if not several:
        raise BadInput("no experiment is given: the list is empty", hint="give an Experiment, its id, or a list of them")
    return list(dict.fromkeys(experiment_id(store, one) for one in several))


def experiment_rows(store: Store, **filters: Any) -> pd.DataFrame:
    """Return one row an experiment; one whose process ended without a word is interrupted. See `Lab.experiments`."""
    while True:
        stamp = run_stamp(store.path)
        frame = store.experiments(**filters)
        lost = _without_process(store, frame.loc[frame["status"] == "running", "experiment_id"])
        if not lost:
            return frame
        if stamp == run_stamp(store.path):  # else one may have ended after it was read
            frame.loc[frame["experiment_id"].isin(lost), ["status", "reason"]] = ["interrupted", LOST]
            return frame


def _without_process(store: Store, running: pd.Series) -> list[str]:
    """Return which of these experiments no process of this lab, and no other lab, runs."""
    if running.empty:
        return []
    with store.reading() as cursor:
        elsewhere = owners(cursor, set(running))
    return [id_ for id_ in running if id_ not in elsewhere and not is_running(store.folder, id_)]


def response_rows(store: Store, wanted: Any, **filters: Any) -> pd.DataFrame:
    """Return one row a stored response, of the wanted experiments or (``None``) of all; see `Lab.responses`."""
    if wanted is None:
        return store.responses(**filters)
    import pandas as pd

    with store.reading():
        frames = [store.responses(one, **filters) for one in experiment_ids(store, wanted)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def score_rows(store: Store, wanted: Any) -> pd.DataFrame:
    """Return one row a score besides the four, of the wanted experiments or (``None``) of all; see `Lab.scores`."""
    if wanted is None:
        return store.scores()
    import pandas as pd

    with store.reading():
        frames = [store.scores(one) for one in experiment_ids(store, wanted)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def whole_response(store: Store, wanted: str) -> ResponseRow:
    """Return one response with the values of the user's metrics that count."""
    with store.reading():
        row = store.response(wanted)
        values = history.latest_scores(store, row.experiment_id).by_response.get(row.response_id, {})
    return dataclasses.replace(row, metrics={name: value for name, value in values.items() if name not in SCORES})


def compare_stored(store: Store, a: Any, b: Any) -> Comparisons:
    """Return the paired differences between two experiments; see `Lab.compare`."""
    from pplab.analysis.experiment_comparison import compare_experiments

    with store.reading():
        first, second = (ExperimentRepository(store, experiment_id(store, one)).stored for one in (a, b))
    return compare_experiments(first.frame, second.frame, first.metrics, first.lower_is_better)
