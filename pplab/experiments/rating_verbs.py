"""The verbs of a lab that are about ratings by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.experiments.rating import RatingSession
from pplab.experiments.selection import id_text
from pplab.operation import verb
from pplab.plan.ratings import RateRequest

if TYPE_CHECKING:
    from pplab.analysis.ratings import Ratings
    from pplab.context import LabContext
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.manager import RunManager


class RatingVerbs:
    """The part of `pplab.Lab` by which people rate answers."""

    _runs: RunManager
    _context: LabContext

    @verb
    def rate(self, experiment: Experiment | str = "latest", *, pairs: bool = False, n: int | None = None) -> RatingSession:
        """Show the answers of an experiment one after the other, to be rated blind; begun again, it goes on where it stopped.

        In a notebook the result is shown as a cell to rate in; every choice is stored as soon as it is made. The lab's user is
        who rates. What follows is in `ratings`, in the experiment's column ``person_rating`` and in its second decisions.

        Parameters
        ----------
        experiment : Experiment or str, default "latest"
            Whose answers.
        pairs : bool, default False
            Two answers of two settings side by side (left, right, equal, both bad) in place of one at a time from 1 to 5. Pairs
            are chosen where they tell most of which setting is preferred.
        n : int, optional
            How many items in all, those rated before included; a tenth of them comes twice. Default: 40, or all there are.

        Returns
        -------
        RatingSession
            ``rate(choice)`` and ``undo()`` do without a notebook what its keys do.

        Raises
        ------
        BadInput
            When there is nothing to rate, or the experiment is still running.

        Examples
        --------
        >>> lab.rate("latest", n=40)  # doctest: +SKIP
        """
        return RatingSession(self._context, self._runs.stored(id_text(experiment)), RateRequest(pairs, n))

    @verb
    def ratings(self, experiment: Experiment | str = "latest") -> Ratings:
        """Return what people's ratings say of an experiment: its settings, its scores, and the raters themselves.

        See ``docs/rating.md``. `calibrate` takes it, and narrows the ranges to what was chosen.
        """
        return self._runs.stored(id_text(experiment)).stored.ratings
