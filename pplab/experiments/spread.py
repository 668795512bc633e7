"""How much answers to one prompt vary in a lab: read from its latest experiments, for what a plan will be able to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.analysis.settling import ENOUGH_PROMPTS, Spread
from pplab.analysis.utility import utility_cells
from pplab.plan.vocabulary import ENDED
from pplab.scoring.surface.distances import distance_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplab.analysis.paired import CellValues
    from pplab.experiments.repository import ExperimentRepository
    from pplab.store.store import Store

LATEST = 10
"""Experiments that are looked through, the latest first."""
MOST_ANSWERS = 2_000
"""A larger experiment is left out: nobody waits for its distances before a run."""


def spread_of_lab(store: Store, models: Sequence[str], precision: float, stored: Callable[[str], ExperimentRepository]) -> Spread:
    """Return the spread of the utility in the latest experiments with these models, until enough prompts were seen.

    ``precision`` is its share in the utility; probes are left out, since they ask at the ends of a parameter.
    """
    found: list[CellValues] = []
    prompts = 0
    listed = store.experiments(model=list(models), limit=LATEST)
    for row in reversed(listed[listed["status"].isin(ENDED) & (listed["planned"] <= MOST_ANSWERS)].to_dict("records")):
        if prompts >= 2 * ENOUGH_PROMPTS:
            break
        experiment = stored(row["experiment_id"]).stored
        if experiment.plan.probes or experiment.plan.replicates < 2:  # a judging has one
            continue
        cells = utility_cells(experiment.matrix, precision, distance_matrix)
        if cells is not None:
            found.append(cells)
            prompts += len(cells.means)
    return Spread.of(found)
