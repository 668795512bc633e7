"""Corrected means: what a person would give all answers on average, by a cheap score of all and the person's ratings of some.

The mean rating is corrected by what the score says of the answers that were not rated: ``corrected = rating + weight * (score of
all - score of the rated)``, each a mean over a setting's answers. It is right on average whatever the score is worth, if the
rated answers were drawn at random. The weight that makes it most certain is the slope of ratings on scores; it is taken within
settings and is the same for all, for one setting alone has too few ratings. A score that goes against the ratings weighs nothing.

Errors are those of the delete-one-prompt jackknife of all of it, the weight included, with Student's t. Where fewer than
`FEW_PROMPTS` prompts have ratings, each answer is a unit of its own, and the intervals speak of these prompts only. Ratings
crowd at one end of the scale, so the interval of a mean is Wilson's, for as many yes-or-no answers as its error amounts to (that
of Student covers .93 where it claims .95).

References
----------
A. N. Angelopoulos et al., "Prediction-powered inference", Science 382, 2023. A. N. Angelopoulos, J. C. Duchi and T. Zrnic,
"PPI++", arXiv 2311.01453, 2023: the weight. W. G. Cochran, "Sampling Techniques", 3rd ed. 1977, section 12.6: the same estimate
for rated answers that are among all. B. Efron and C. Stein, "The jackknife estimate of variance", Ann. Statist. 9, 1981. E. L.
Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from survey
data", Survey Methodology 24, 1998: Wilson's interval with an effective sample size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.response_matrix import need
from pplab.analysis.statements import ERROR
from pplab.errors import BadInput
from pplab.plan.ratings import GRADES

if TYPE_CHECKING:
    import pandas as pd

    from pplab.analysis.response_matrix import Floats

FEWEST_RATED: Final = 5
"""Rated answers of a setting below which it has no interval."""
_GRADE: Final = 1 / (len(GRADES) - 1)
_NOTHING: Final = 1e-12
# Sums over the answers of a unit under a setting: of all, then of the rated.
_ALL, _SCORE, _RATED, _RATING, _RATED_SCORE, _PRODUCT, _SQUARE = range(7)


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """Answers arranged by unit (a prompt, or an answer) and setting.

    Attributes
    ----------
    settings : list
    sums : array, shape (units, settings, 7)
        Scores are counted from ``origin``.
    origin : float
        The mean score.
    by_prompt : bool
        Whether a unit is a prompt.
    """

    settings: list[Any]
    sums: Floats
    origin: float
    by_prompt: bool

    def rated(self) -> tuple[Floats, Floats]:
        """Return how many answers of each setting are rated, and how many units have some; NaN where too few for an interval."""
        rated = self.sums[..., _RATED]
        answers, units = rated.sum(axis=0), (rated > 0).sum(axis=0)
        enough = (answers >= FEWEST_RATED) & (units >= FEW_PROMPTS)
        return np.where(enough, answers, np.nan), np.where(enough, units, np.nan)


def corrected_means(
    frame: pd.DataFrame, score: str, rating: str, *, setting: str = "setting_index", prompt: str = "prompt_index"
) -> pd.DataFrame:
    """Return the mean rating that the answers of each setting would get, had all been rated.

    Parameters
    ----------
    frame
        One row an answer.
    score
        The column of the cheap score, on any scale; answers without it are left out.
    rating
        The column of the ratings, 0 to 1; NaN where an answer was not rated.
    setting, prompt
        The columns that say of which setting and prompt an answer is.

    Returns
    -------
    pandas.DataFrame
        Indexed by setting: ``answers`` and ``rated``, how many; ``rated_mean`` with ``rated_low`` and ``rated_high`` (95 %), by
        the rated answers alone; ``score_mean``, over all; ``corrected`` with ``low`` and ``high``; ``weight``, in rating per
        score; and ``scope``: ``prompts``, or ``these prompts`` where each answer is a unit. A setting has no interval (NaN) with
        fewer than five rated answers, or in fewer than three prompts where prompts are the units. No interval is narrower than
        if one rating had been one grade off.

    Raises
    ------
    BadInput
        A column does not exist, or a rating is not between 0 and 1.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(k % 10, 0, k % 4 / 4, k % 4 / 4 if k < 10 else None) for k in range(40)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "score", "rating"])
    >>> corrected_means(frame, "score", "rating")[["rated_mean", "score_mean", "corrected", "weight"]].round(3).values.tolist()
    [[0.325, 0.375, 0.375, 1.0]]
    """
    import pandas as pd

    answers = _arranged(frame, score, rating, setting, prompt)
    total = answers.sums.sum(axis=0)
    (by_rated, corrected), (moved_rated, moved) = jackknife(answers.sums)
    rated_low, rated_high = intervals(by_rated, moved_rated, *answers.rated())
    low, high = intervals(corrected, moved, *answers.rated())
    return pd.DataFrame(
        {
            "answers": total[:, _ALL].astype(int),
            "rated": total[:, _RATED].astype(int),
            "rated_mean": by_rated,
            "rated_low": rated_low,
            "rated_high": rated_high,
            "score_mean": answers.origin + _ratio(total[:, _SCORE], total[:, _ALL]),
            "corrected": np.clip(corrected, 0, 1),
            "low": low,
            "high": high,
            "weight": float(_weight(total)),
            "scope": "prompts" if answers.by_prompt else "these prompts",
        },
        index=pd.Index(answers.settings, name=setting),
    )


def jackknife(sums: Floats) -> tuple[Floats, Floats]:
    """Return the means by the rated answers and the corrected means, and by how much each unit moves them when it is left out.

    Parameters
    ----------
    sums : array, shape (..., units, settings, 7)
        Of each unit and setting: answers, their scores, rated answers, their ratings, their scores, the products of these two,
        the squares of these scores. Leading axes are separate experiments.

    Returns
    -------
    means : array, shape (2, ..., settings)
    moved : array, shape (2, ..., units, settings)
    """
    total = sums.sum(axis=-3)
    means = _means(total)
    return means, _means(total[..., None, :, :] - sums) - means[..., None, :]


def errors(moved: Floats, rated: Floats) -> Floats:
    """Return standard errors, each at least that of one rating being one grade off.

    Parameters
    ----------
    moved : array, shape (..., units, settings)
        See `jackknife`.
    rated : array, shape (..., settings)
        Rated answers.
    """
    units = moved.shape[-2]
    return np.asarray(np.maximum(np.sqrt((units - 1) / max(units, 1) * (moved**2).sum(axis=-2)), _GRADE / rated))


def quantiles(units: Floats) -> Floats:
    """Return how many standard errors an interval reaches to each side, by how many units have ratings.

    Examples
    --------
    >>> quantiles(np.array([10.0])).round(2).tolist()
    [2.26]
    """
    from scipy.special import stdtrit

    return np.asarray(stdtrit(units - 1, 1 - ERROR / 2))


def intervals(means: Floats, moved: Floats, rated: Floats, units: Floats) -> tuple[Floats, Floats]:
    """Return the bounds of means of ratings, by Wilson's interval; see `jackknife`, `errors` and `quantiles`."""
    error, t = errors(moved, rated), quantiles(units)
    inside = np.clip(means, _GRADE / rated, 1 - _GRADE / rated)
    spread = inside * (1 - inside)
    size = np.maximum(spread / error**2, 1.0)
    middle = (inside + t**2 / 2 / size) / (1 + t**2 / size)
    half = t / (1 + t**2 / size) * np.sqrt(spread / size + t**2 / 4 / size**2)
    return np.maximum(np.minimum(middle - half, means), 0), np.minimum(np.maximum(middle + half, means), 1)


def _arranged(frame: pd.DataFrame, score: str, rating: str, setting: str, prompt: str) -> _Answers:
    import pandas as pd

    need(frame, [score, rating, setting, prompt])
    settings = sorted(frame[setting].unique().tolist())
    frame = frame[np.isfinite(frame[score].to_numpy(dtype=np.float64))]
    scores, ratings = (frame[column].to_numpy(dtype=np.float64) for column in (score, rating))
    rated = ~np.isnan(ratings)
    if not ((ratings[rated] >= 0) & (ratings[rated] <= 1)).all():
        raise BadInput(
            f"a rating in '{rating}' is not between 0 and 1", hint="pplab.plan.ratings.grade_value makes one of a grade"
        )
    by_prompt = frame.loc[rated, prompt].nunique() >= FEW_PROMPTS
    unit, _ = pd.factorize(frame[prompt]) if by_prompt else (np.arange(len(frame)), None)
    origin = float(scores.mean()) if len(scores) else 0.0
    scores = scores - origin
    y, x = np.where(rated, ratings, 0.0), np.where(rated, scores, 0.0)
    columns = np.stack([np.ones(len(frame)), scores, rated, y, x, x * y, x * x], axis=-1)
    sums = np.zeros((int(unit.max(initial=-1)) + 1, len(settings), columns.shape[1]))
    np.add.at(sums, (unit, pd.Index(settings).get_indexer(pd.Index(frame[setting]))), columns)
    return _Answers(settings, sums, origin, bool(by_prompt))


def _means(total: Floats) -> Floats:
    """Return the means by the rated answers and the corrected ones, stacked; of sums of shape (..., settings, 7)."""
    by_rated = _ratio(total[..., _RATING], total[..., _RATED])
    apart = _ratio(total[..., _SCORE], total[..., _ALL]) - _ratio(total[..., _RATED_SCORE], total[..., _RATED])
    return np.stack([by_rated, by_rated + _weight(total)[..., None] * apart])


def _weight(total: Floats) -> Floats:
    """Return the slope of ratings on scores within settings, at least 0; of sums of shape (..., settings, 7)."""
    rated = np.maximum(total[..., _RATED], 1)
    product = (total[..., _PRODUCT] - total[..., _RATED_SCORE] * total[..., _RATING] / rated).sum(axis=-1)
    square = (total[..., _SQUARE] - total[..., _RATED_SCORE] ** 2 / rated).sum(axis=-1)
    varies = square > _NOTHING * total[..., _SQUARE].sum(axis=-1)
    return np.where(varies, np.maximum(product, 0) / np.where(varies, square, 1.0), 0.0)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
