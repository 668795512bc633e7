"""How far an answer is from the other answers of its setting to the same prompt: its share in their diversity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pplab.analysis.diversity import Texts
from pplab.analysis.phrasing import counted
from pplab.plan.vocabulary import ORIGINALITY, SCORED

if TYPE_CHECKING:
    import pandas as pd

    from pplab.analysis.diversity import Distance
    from pplab.analysis.response_matrix import Floats, ResponseMatrix

MOST_ANSWERS = 2_000
"""Up to this many answers are compared for a table alone; of more, only those that are looked at, or that are compared anyway."""


@dataclass(frozen=True, slots=True)
class Distant:
    """How far one answer is from the others.

    Attributes
    ----------
    value : float
        Mean distance to the others, in [0, 1]: 0 when it says the same as they do, 1 when it shares no wording with any.
    others : int
        How many there are.
    """

    value: float
    others: int

    @property
    def words(self) -> str:
        """The distance as a sentence.

        Examples
        --------
        >>> Distant(0.4117, 4).words
        'Originality 0.41: how far it is from the 4 other answers of its setting to this prompt.'
        >>> Distant(0.4117, 1).words
        'Originality 0.41: how far it is from the other answer of its setting to this prompt.'
        """
        others = counted(self.others, "other answer") if self.others > 1 else "other answer"
        return f"Originality {self.value:.2f}: how far it is from the {others} of its setting to this prompt."


class Originality:
    """The originality of the answers of every setting that is complete, worked out where it is asked for, and then kept.

    A setting is complete when each of its replicates has ended: none was cancelled or is still to come. Answers count that are
    ok or were cut at ``max_tokens``; there must be two of them to a prompt. The mean over them is their diversity, as
    `pplab.analysis.diversity` has it. It is no score: no decision and no utility rests on it, and it is not stored.

    Parameters
    ----------
    plan
        The arranged responses, with columns ``response_id`` and ``text``.
    distance
        From n texts to their distances in [0, 1], as in `pplab.analysis.diversity.compare_diversity`.
    """

    def __init__(self, plan: ResponseMatrix, distance: Distance) -> None:
        complete = np.array(["cancelled" not in counts for counts in plan.counts], dtype=bool)
        scored = plan.frame["status"].isin(SCORED).to_numpy(dtype=bool)
        self._plan = plan
        self._texts = Texts(replace(plan, usable=scored & complete[plan.setting_of_row], _cells={}), distance)
        self._row_of = {response: row for row, response in enumerate(plan.frame["response_id"])}
        self._of_rows: dict[int, Distant] = {}

    def of(self, response_id: str) -> Distant | None:
        """Return the originality of an answer; ``None`` where it has none."""
        row = self._row_of.get(response_id)
        if row is None:
            return None
        if row not in self._of_rows:
            self._compare(int(self._plan.prompt_of_row[row]), int(self._plan.setting_of_row[row]))
        return self._of_rows.get(row)

    def beside_creativity(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return a summary with each setting's mean over the answers that are ok, after creativity.

        The bounds ``originality_low`` and ``originality_high`` speak for prompts like these. There are none from fewer than six
        prompts: one answer then sits in the distances of all others, so they are no sample. A summary stays as it is where no
        setting has any, and where a metric of the user's has the name.

        Parameters
        ----------
        summary
            One row a setting, as `pplab.analysis.summaries.by_setting` returns it.
        """
        from pplab.analysis.statistics import mean_intervals

        values = self._of_all()
        if ORIGINALITY in summary.columns or not np.isfinite(values[self._plan.usable]).any():
            return summary
        measured = replace(self._plan, frame=self._plan.frame.assign(**{ORIGINALITY: values}), _cells={})
        found = mean_intervals(measured, [ORIGINALITY])
        bounds = [(one.low, one.high) if one.scope == "prompts" else (None, None) for one in found]
        columns = {
            ORIGINALITY: [one.mean for one in found],
            f"{ORIGINALITY}_low": [low for low, _ in bounds],
            f"{ORIGINALITY}_high": [high for _, high in bounds],
        }
        summary = summary.copy()
        place = list(summary.columns).index("creativity_high") + 1
        for after, (name, column) in enumerate(columns.items()):
            summary.insert(place + after, name, np.array(column, dtype=np.float64))
        return summary

    def _of_all(self) -> Floats:
        """Return the originality of every row of which a mean is made; NaN where it has none."""
        for (prompt, setting), rows in self._texts.rows.items():
            if self._plan.usable[rows].any():
                self._compare(prompt, setting)
        values = np.full(len(self._plan.frame), np.nan)
        for row, found in self._of_rows.items():
            values[row] = found.value
        return values

    def _compare(self, prompt: int, setting: int) -> None:
        rows = self._texts.rows[prompt, setting]
        if len(rows) < 2 or rows[0] in self._of_rows:
            return
        others = len(rows) - 1
        for row, total in zip(rows, self._texts.between(rows).sum(axis=1), strict=True):
            self._of_rows[row] = Distant(float(total) / others, others)
