"""The verbs of a lab by which a model or a person judges stored answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.experiments.selection import id_text
from pplab.operation import check_call, verb
from pplab.plan.ratings import RateRequest

if TYPE_CHECKING:
    import os

    from pplab.analysis.judge_report import JudgeReport
    from pplab.context import LabContext
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.manager import RunManager
    from pplab.experiments.rating import RatingSession


class JudgingVerbs:
    """The part of `pplab.Lab` by which answers are judged."""

    _runs: RunManager
    _context: LabContext

    @check_call
    def judge(
        self,
        experiment: Experiment | str = "latest",
        *,
        model: str | None = None,
        rubric: str | os.PathLike[str] = "helpful",
        pairs: bool = False,
        max_cost: float | None = None,
        on: Listener | None = None,
    ) -> JudgeReport:
        """Have a model judge the answers of an experiment by a rubric; see `Experiment.judge`."""
        asked = self._runs.experiment(id_text(experiment))
        return asked.judge(model, rubric=rubric, pairs=pairs, max_cost=max_cost, on=on)

    @verb
    def rate(self, experiment: Experiment | str = "latest", *, pairs: bool = False, n: int | None = None) -> RatingSession:
        """Show the answers of an experiment one after the other, to be rated blind; begun again, it goes on where it stopped.

        In a notebook the result is shown as a cell to rate in; every choice is stored as soon as it is made. The lab's user is
        who rates. What follows is in `Experiment.ratings`, in its column ``person_rating`` and in its second decisions.

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
        from pplab.experiments.rating import RatingSession

        return RatingSession(self._context, self._runs.stored(id_text(experiment)), RateRequest(pairs, n))
