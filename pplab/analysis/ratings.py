"""What people's ratings say of an experiment: of its settings, of the scores that stand beside them, and of the raters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pplab.analysis.bradley_terry import bradley_terry
from pplab.analysis.corrected_means import corrected_means
from pplab.analysis.person_ratings import comparisons, grades
from pplab.analysis.phrasing import counted, joined, percent
from pplab.analysis.preference import preference
from pplab.analysis.rating_agreement import choice_agreement, rater_agreement, score_agreement, self_agreement
from pplab.analysis.records import Report
from pplab.analysis.statements import ERROR
from pplab.analysis.utility import PERSONALITY
from pplab.plan.vocabulary import PERSON_RATING, PRECISION_SCORES, SCORED, UTILITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from pplab.analysis.decision import Decision
    from pplab.analysis.preference import Preference

OWN: Final = "own_score"
BY_CHANCE: Final = 0.5
FEWEST: Final = 10
"""Pairs of answers below which a score's agreement with people is not named in words."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Ratings(Report):
    """What people's ratings of an experiment's answers say. Returned by `ratings_report`.

    Attributes
    ----------
    experiment_id : str
        Whose answers were rated.
    raters : int
        How many people rated.
    graded, compared : int
        Ratings on the scale and of two side by side, those of items that came twice included.
    settings : DataFrame
        Indexed by setting, with its ``setting`` in words: where answers were graded, how many ``answers`` it has and were
        ``rated``, ``rated_mean`` with interval, ``score_mean``, and the ``corrected`` mean with interval (see
        `pplab.analysis.corrected_means`); where answers were compared, its ``comparisons``, the share ``preferred`` with interval
        and its ``strength`` (see `pplab.analysis.bradley_terry`).
    score : str
        The score of all answers that corrected the mean rating: the one that the experiment is decided on.
    agreement : DataFrame
        One row a ``score`` and way of rating (``by``: ratings or comparisons): in ``n`` pairs of answers, how often it puts the
        two in the order in which people do (``agreement`` with interval), and what ``length`` does alone; see
        `pplab.analysis.rating_agreement`.
    repeated, same : int
        Items that came twice, and those of which the person said the same both times.
    side : int
        Pairs that came twice of which the answer on the same side won both times.
    between : float or None
        Agreement of several raters beyond chance (Krippendorff's alpha, at most 1); ``None`` where fewer than two rated the same.
    decision : str
        Which setting to use by the grades; empty where none were given.
    preference : str
        Which setting is preferred by the comparisons; empty where none were made.
    chosen : tuple of int
        The settings that people chose, where the ratings tell any apart.
    """

    experiment_id: str
    raters: int
    graded: int
    compared: int
    settings: pd.DataFrame
    score: str
    agreement: pd.DataFrame
    repeated: int
    same: int
    side: int
    between: float | None
    decision: str
    preference: str
    chosen: tuple[int, ...]

    @property
    def size(self) -> str:
        """How many there are, and of how many people: ``40 ratings and 30 comparisons by one person``; empty for none."""
        if not self.raters:
            return ""
        sizes = {"rating": self.graded, "comparison": self.compared}
        people = "one person" if self.raters == 1 else f"{self.raters:,} people"
        return f"{joined(counted(size, what) for what, size in sizes.items() if size)} by {people}"

    @property
    def headlines(self) -> tuple[str, ...]:
        """What the comparisons and the ratings say of the settings, a line each."""
        said = {"comparisons": self.preference, "ratings": self.decision}
        return tuple(f"By the {way}: {words}" for way, words in said.items() if words)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is known of the scores and the raters, a sentence or two each."""
        return tuple(filter(None, (self._itself(), self._between(), self._agrees())))

    @property
    def words(self) -> str:
        """All of it, the settings first."""
        if not self.size:
            return "Nobody has rated these answers. In a notebook, %pplab rate shows them, blind."
        return "\n".join((*self.headlines, f"{self.size}.", *self.lines))

    def _itself(self) -> str:
        if not self.repeated:
            return ""
        side = f"; {counted(self.side, 'time')} the same side won both times" if self.side else ""
        return f"Of {counted(self.repeated, 'item')} that came twice, {self.same:,} were rated the same{side}."

    def _between(self) -> str:
        if self.between is None:
            return ""
        return f"The raters agree with each other to {self.between:.2f} (Krippendorff's alpha: 1 is always, 0 is by chance)."

    def _agrees(self) -> str:
        known = self.agreement[self.agreement["n"] >= FEWEST]
        said = []
        for way, rows in known.groupby("by", sort=False):
            best = rows.iloc[int(rows["agreement"].argmax())]
            if best["agreement"] <= BY_CHANCE:
                said.append(f"By the {way}, no score orders answers as people do more often than by chance.")
                continue
            said.append(
                f"By the {way}, {best['score']} agrees with people most: it orders {percent(float(best['agreement']))} of "
                f"{counted(int(best['n']), 'pair')} of answers as they do; length alone {percent(float(best['length']))}."
            )
        return " ".join(said)


def ratings_report(
    given: pd.DataFrame,
    frame: pd.DataFrame,
    *,
    experiment_id: str,
    settings: Mapping[int, str],
    scores: Sequence[str],
    own: str,
    precision: float,
    lower_is_better: Sequence[str] = (),
    decision: Decision | None = None,
    error: float = ERROR,
) -> Ratings:
    """Return what ratings say.

    Parameters
    ----------
    given
        The ratings that stand, as a lab stores them.
    frame
        The responses with their scores, ``person_rating`` among them where answers were graded.
    experiment_id
        Whose they are.
    settings
        What each setting is called, by index.
    scores
        The scores whose agreement with people is asked for.
    own, precision
        What the experiment is decided on, and the share of precision in its utility.
    lower_is_better
        Scores of which less is better.
    decision
        That by the grades.
    error
        How often the preference may be wrong.
    """
    if given.empty:
        return _of_nothing(experiment_id, settings, own)
    graded, compared = grades(given), comparisons(given, frame)
    answers = _with_own_score(frame[frame["status"].isin(SCORED)], own, precision)
    answers = answers.assign(**{name: -answers[name] for name in lower_is_better if name in scores})
    table, agreement = _empty(settings), []
    if len(graded):
        means = corrected_means(answers, OWN, PERSON_RATING)
        table = table.join(means.drop(columns=["weight", "scope"]))
        agreement.append(score_agreement(answers, scores, PERSON_RATING).assign(by="ratings"))
    ranked = bradley_terry(compared, list(settings)) if len(compared) else None
    if ranked is not None:
        table = table.join(ranked.table.drop(columns=["low", "high", "wins"]))
        values = answers.set_index("response_id")
        values = values[list(scores)].assign(words=[len(str(text).split()) for text in values["text"]])
        agreement.append(choice_agreement(compared, values).assign(by="comparisons"))
    found = preference(ranked, error) if ranked is not None else None
    repeated, same, side = _itself(given)
    raters = int(given["rater"].nunique())
    return Ratings(
        experiment_id=experiment_id,
        raters=raters,
        graded=len(graded),
        compared=len(compared),
        settings=table,
        score=own,
        agreement=_agreement(agreement),
        repeated=repeated,
        same=same,
        side=side,
        between=_between(given) if raters > 1 else None,
        decision=decision.headline if decision else "",
        preference=found.headline(settings) if found else "",
        chosen=_chosen(found, decision),
    )


def _of_nothing(experiment_id: str, settings: Mapping[int, str], own: str) -> Ratings:
    """Return what is known where nobody rated."""
    return Ratings(
        experiment_id=experiment_id,
        raters=0,
        graded=0,
        compared=0,
        settings=_empty(settings),
        score=own,
        agreement=_agreement([]),
        repeated=0,
        same=0,
        side=0,
        between=None,
        decision="",
        preference="",
        chosen=(),
    )


def _with_own_score(answers: pd.DataFrame, own: str, precision: float) -> pd.DataFrame:
    """Return answers with the score that the experiment is decided on; of the utility what a single answer has of it."""
    if own != UTILITY:
        return answers.assign(**{OWN: answers.get(own, np.nan)})
    precise = answers[list(PRECISION_SCORES)].mean(axis=1)
    return answers.assign(**{OWN: precision * precise + (1 - precision) * answers[PERSONALITY[0]]})


def _empty(settings: Mapping[int, str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"setting": list(settings.values())}, index=pd.Index(list(settings), name="setting_index"))


def _agreement(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    columns = ["score", "by", "n", "agreement", "low", "high", "length"]
    rows = [part.rename_axis("score").reset_index() for part in parts]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _itself(given: pd.DataFrame) -> tuple[int, int, int]:
    """Return how many items came twice to one person, how many were rated the same, and of how many the side decided."""
    found = []
    for rows in _by_way(given):
        twice = [mine["choice"].astype(str) for _, mine in rows.groupby(["rater", "item"], sort=False) if len(mine) == 2]
        found.append(self_agreement([choices.iloc[0] for choices in twice], [choices.iloc[1] for choices in twice]))
    return sum(one.items for one in found), sum(one.same for one in found), sum(one.by_side or 0 for one in found)


def _between(given: pd.DataFrame) -> float | None:
    """Return how far several people agree on the answers that each graded, else on the pairs that each compared."""
    for rows in _by_way(given):
        once = rows.drop_duplicates(["rater", "item"])
        turned = once["other_id"].notna() & (once["response_id"] > once["other_id"].fillna(""))
        choice = once["choice"].where(~turned, once["choice"].replace({"left": "right", "right": "left"}))
        alpha = rater_agreement(once.assign(choice=choice)) if len(once) else None
        if alpha is not None:
            return alpha
    return None


def _by_way(given: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the ratings of one answer, then those of two, with the ``item`` that is the same whichever of the two stands left."""
    rows = given.sort_values(["rater", "position"], kind="stable")
    items = [" ".join(sorted(filter(None, ids))) for ids in zip(rows["response_id"], rows["other_id"].fillna(""), strict=True)]
    rows = rows.assign(item=items)
    yield rows[rows["other_id"].isna()]
    yield rows[rows["other_id"].notna()]


def _chosen(found: Preference | None, decision: Decision | None) -> tuple[int, ...]:
    """Return the settings that people chose: by the comparisons where these tell any apart, else by the grades."""
    if found is not None and found.outcome in ("best", "leave_out"):
        return found.best or tuple(setting for setting in found.ranked if setting not in found.behind)
    if decision is None or decision.outcome in ("open", "none"):
        return ()
    if decision.best or decision.equally_good:
        return tuple(sorted(decision.best or decision.equally_good))
    left_out = {*decision.behind, *decision.ruled_out}
    return tuple(sorted(int(setting) for setting in decision.utility.index if setting not in left_out))
