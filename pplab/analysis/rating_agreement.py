"""Agreement with people: of scores with their ratings, of raters with themselves, and of several raters with each other.

The agreement of a score is the share of pairs of answers to one prompt that it puts in the order in which people put them; a pair
that it cannot tell apart is half. It is 0.5 by chance. Length in words stands beside it, for a score that does no better than the
longer answer says nothing of its own.

Its interval (95 %) is of prompts like these, by the delete-one-prompt jackknife with Student's t, in Wilson's form; with fewer
than `FEW_PROMPTS` prompts single answers, or comparisons, take their place, and it is of these prompts only.

References
----------
M. G. Kendall, "A new measure of rank correlation", Biometrika 30, 1938: pairs in the same order. D. Deutsch, G. Foster and M.
Freitag, "Ties matter", EMNLP 2023: pairwise accuracy of metrics. K. Krippendorff, "Computing Krippendorff's alpha-reliability",
University of Pennsylvania, 2011. E. L. Korn and B. I. Graubard, Survey Methodology 24, 1998: Wilson's interval with an effective
sample size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.response_matrix import need
from pplab.analysis.statements import ERROR
from pplab.errors import BadInput
from pplab.plan.ratings import GRADES, PREFERENCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pplab.analysis.response_matrix import Floats

FEWEST_SHARED: Final = 5
"""Items that several raters rated below which nothing is said of their agreement."""
WORDS: Final = "words"
"""The column of lengths in words."""
_SWAPPED: Final = {"left": "right", "right": "left"}


@dataclass(frozen=True, slots=True)
class SelfAgreement:
    """How far a rater says the same of an item that comes twice.

    Attributes
    ----------
    items : int
        Items that came twice.
    same : int
        Those of which the choice was the same: the same grade, or for two answers the same answer, whichever side it was on.
    apart : float or None
        By how many grades the two differ on average; of pairs ``None``.
    by_side : int or None
        Pairs of which the same side won both times, though the answers had changed sides; of grades ``None``.
    """

    items: int
    same: int
    apart: float | None = None
    by_side: int | None = None

    @property
    def share(self) -> float:
        """The share of items of which the choice was the same; NaN without items."""
        return self.same / self.items if self.items else float("nan")


def score_agreement(
    frame: pd.DataFrame, columns: Sequence[str], rating: str = "rating", prompt: str = "prompt_index"
) -> pd.DataFrame:
    """Return how far scores put answers to one prompt in the order of their grades.

    Parameters
    ----------
    frame
        One row an answer, with ``text``, the scores and the grades; NaN where one is missing.
    columns
        The scores.
    rating, prompt
        The columns of the grades and of the prompts.

    Returns
    -------
    pandas.DataFrame
        Indexed by score: ``n``, the pairs of answers with different grades and both scores; ``agreement`` with ``low`` and
        ``high``; ``length``, the agreement of length in words on the same pairs. NaN where there is nothing to go by.

    Raises
    ------
    BadInput
        A column does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(0, "a b", 0.0, 0.1), (0, "a", 0.5, 0.3), (0, "a b c", 1.0, 0.2), (1, "a", 1.0, 0.2)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "text", "rating", "coherence"])
    >>> score_agreement(frame, ["coherence"])[["n", "agreement", "length"]].round(2).values.tolist()
    [[3.0, 0.67, 0.67]]
    """
    need(frame, [rating, prompt, "text", *columns])
    frame = frame[frame[rating].notna()]
    words = np.array([len(str(text).split()) for text in frame["text"]], dtype=np.float64)
    grades = frame[rating].to_numpy(dtype=np.float64)
    first, second = _pairs_within(frame[prompt])
    order = np.asarray(np.sign(grades[first] - grades[second]), dtype=np.float64)
    scores = {column: frame[column].to_numpy(dtype=np.float64) for column in columns}
    groups = frame[prompt].to_numpy()[first]
    return _table(
        {c: _Pairs(order, x[first] - x[second], words[first] - words[second], groups, (first, second)) for c, x in scores.items()}
    )


def choice_agreement(comparisons: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Return how often scores prefer the answer that a person preferred.

    Parameters
    ----------
    comparisons
        One row a comparison: ``left_id`` and ``right_id``, ``prompt``, and ``value``: 1 where the left won, 0 where the right
        won; others are left out.
    values
        Indexed by the id of an answer: the scores, and ``words``, its length.

    Returns
    -------
    pandas.DataFrame
        As of `score_agreement`; ``n`` counts comparisons that somebody won, of two answers with the score.

    Raises
    ------
    BadInput
        A column or an answer does not exist.
    """
    import pandas as pd

    need(comparisons, ["left_id", "right_id", "prompt", "value"])
    need(values, [WORDS])
    ids = pd.concat([comparisons["left_id"], comparisons["right_id"]])
    if not ids.isin(values.index).all():
        raise BadInput(f"answer {ids[~ids.isin(values.index)].iloc[0]} was compared but has no scores", hint="score it first")
    value = comparisons["value"].to_numpy(dtype=np.float64)
    order = np.select([value == 1, value == 0], [1.0, -1.0], 0.0)
    left, right = (values.loc[comparisons[side]].astype(float) for side in ("left_id", "right_id"))
    apart = {column: left[column].to_numpy() - right[column].to_numpy() for column in values.columns}
    groups, each = comparisons["prompt"].to_numpy(), np.arange(len(comparisons))
    return _table({c: _Pairs(order, x, apart[WORDS], groups, (each,)) for c, x in apart.items() if c != WORDS})


def self_agreement(first: Sequence[str], again: Sequence[str]) -> SelfAgreement:
    """Return how far a rater says the same again.

    Parameters
    ----------
    first, again
        What was chosen of each item when it came first and again: a grade, or a preference between two answers that had changed
        sides in between; see `pplab.plan.ratings`.

    Raises
    ------
    BadInput
        The two are not equally long, or a choice is none, or grades and preferences are mixed.

    Examples
    --------
    >>> self_agreement(["4", "2"], ["4", "3"])
    SelfAgreement(items=2, same=1, apart=0.5, by_side=None)
    >>> self_agreement(["left", "left", "equal"], ["right", "left", "equal"])
    SelfAgreement(items=3, same=2, apart=None, by_side=1)
    """
    if len(first) != len(again):
        raise BadInput(f"{len(first)} choices the first time and {len(again)} again", hint="give both choices of each item")
    chosen = {*first, *again}
    both = list(zip(first, again, strict=True))
    if chosen <= set(GRADES):
        apart = [abs(GRADES.index(a) - GRADES.index(b)) for a, b in both]
        return SelfAgreement(len(both), apart.count(0), apart=float(np.mean(apart)) if apart else None)
    if not chosen <= set(PREFERENCES):
        raise BadInput(f"these are no choices of one kind: {', '.join(sorted(chosen))}", hint=f"{GRADES} or {tuple(PREFERENCES)}")
    same = sum(_SWAPPED.get(a, a) == b for a, b in both)
    return SelfAgreement(len(both), same, by_side=sum(a == b and a in _SWAPPED for a, b in both))


def rater_agreement(ratings: pd.DataFrame) -> float | None:
    """Return Krippendorff's alpha of several raters: 1 where they agree, 0 where they agree as often as by chance.

    ``alpha = 1 - observed / expected disagreement``, over all pairs of ratings of one item and over all pairs of ratings. Grades
    differ by the ratings that lie between them (ordinal), preferences differ or do not (nominal).

    Parameters
    ----------
    ratings
        One row a rating: ``item``, ``rater``, and ``choice`` as in `pplab.plan.ratings`; of a pair as if all raters had seen it
        with the same answer on the left. A rater rates an item once.

    Returns
    -------
    float or None
        ``None`` where fewer than five items have several ratings, or where these are all the same.

    Raises
    ------
    BadInput
        A column does not exist, a choice is none, grades and preferences are mixed, or a rater rated an item twice.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(item, rater, str(1 + item % 5)) for item in range(10) for rater in ("ann", "bob")]
    >>> rater_agreement(pd.DataFrame(rows, columns=["item", "rater", "choice"]))
    1.0
    """
    import pandas as pd

    need(ratings, ["item", "rater", "choice"])
    if ratings.duplicated(["item", "rater"]).any():
        raise BadInput("a rater rated an item twice", hint="keep one rating of each item and rater")
    ordinal = ratings["choice"].isin(GRADES).all()
    choices = list(GRADES if ordinal else PREFERENCES)
    if not ratings["choice"].isin(choices).all():
        raise BadInput("these are no choices of one kind", hint=f"{GRADES} or {tuple(PREFERENCES)}")
    counts = pd.crosstab(ratings["item"], ratings["choice"]).reindex(columns=choices, fill_value=0).to_numpy(dtype=np.float64)
    shared = counts[counts.sum(axis=1) > 1]
    if len(shared) < FEWEST_SHARED:
        return None
    raters = shared.sum(axis=1)
    coincidences = np.einsum("ij,ik,i->jk", shared, shared, 1 / (raters - 1)) - np.diag(
        (shared / (raters - 1)[:, None]).sum(axis=0)
    )
    totals = coincidences.sum(axis=0)
    distance = _between(totals) ** 2 if ordinal else 1 - np.eye(len(totals))
    expected = float((np.outer(totals, totals) * distance).sum() / (totals.sum() - 1))
    return 1 - float((coincidences * distance).sum()) / expected if expected else None


def _between(totals: Floats) -> Floats:
    """Return how many ratings lie between each two grades, those of the two by half: Krippendorff's ordinal distance."""
    middle = np.cumsum(totals) - totals / 2
    return np.abs(middle[:, None] - middle)


# -- shares of pairs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of answers: how people order them (1, -1, or 0 for not at all), and by how much a score and length put them apart.

    ``groups`` are the prompts of the pairs; ``members`` hold what stands for a prompt where these are too few: what each pair is
    made of.
    """

    order: Floats
    apart: Floats
    longer: Floats
    groups: NDArray[Any]
    members: tuple[NDArray[np.intp], ...]


def _pairs_within(groups: pd.Series[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of all pairs of rows of one group."""
    same = [np.sort(places) for places in groups.groupby(groups).indices.values()]
    pairs = [(places[i], places[j]) for places in same for i, j in [np.triu_indices(len(places), 1)]]
    empty = np.array([], dtype=np.intp)
    first, second = (np.concatenate([empty, *(pair[k] for pair in pairs)]) for k in (0, 1))
    return first, second


def _table(pairs: dict[str, _Pairs]) -> pd.DataFrame:
    import pandas as pd

    rows = {column: _agreement(one) for column, one in pairs.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["n", "agreement", "low", "high", "length"])


def _agreement(pairs: _Pairs) -> tuple[int, float, float, float, float]:
    """Return the pairs that count, the share in the same order with its interval, and that of length."""
    import pandas as pd

    kept = (pairs.order != 0) & np.isfinite(pairs.apart)
    if not kept.any():
        return 0, np.nan, np.nan, np.nan, np.nan
    order = pairs.order[kept]
    right, longer = (0.5 + 0.5 * order * np.sign(apart[kept]) for apart in (pairs.apart, pairs.longer))
    units = [pairs.groups[kept]] if len(set(pairs.groups[kept])) >= FEW_PROMPTS else [m[kept] for m in pairs.members]
    codes = pd.factorize(np.concatenate(units))[0].reshape(len(units), -1)
    total, won = (sum(np.bincount(code, w, codes.max() + 1) for code in codes) for w in (np.ones(len(right)), right))
    low, high = _interval(np.asarray(won), np.asarray(total), right)
    return len(right), float(right.mean()), low, high, float(longer.mean())


def _interval(won: Floats, total: Floats, right: Floats) -> tuple[float, float]:
    """Return the bounds of a share by Wilson's interval, its error by leaving out one unit at a time; NaN for too few units.

    ``won`` and ``total`` are the sums over the pairs of each unit. The error is at least that of as many pairs on their own.
    """
    from scipy.special import stdtrit

    share, left, units = float(right.mean()), len(right) - total, len(won)
    if units < FEW_PROMPTS or not left.all():
        return float("nan"), float("nan")
    moved = (right.sum() - won) / left - share
    variance = (units - 1) / units * float((moved**2).sum())
    binomial = share * (1 - share)
    size = min(max(binomial / variance, 1.0), len(right)) if min(binomial, variance) > 0 else min(units, len(right))
    t = float(stdtrit(units - 1, 1 - ERROR / 2))
    middle = (share + t * t / 2 / size) / (1 + t * t / size)
    half = t / (1 + t * t / size) * float(np.sqrt(binomial / size + t * t / 4 / size**2))
    return max(0.0, middle - half), min(1.0, middle + half)
