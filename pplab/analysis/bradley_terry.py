"""A Bradley-Terry ranking: how strong each setting is, by which of two answers people preferred.

The chance that an answer of setting a is preferred to one of b is ``1 / (1 + exp(s_b - s_a))``, with a strength s for each
setting, in log-odds. The strengths have the highest likelihood; "equal" and "both bad" are half a win for each side. Each setting
also has half a win and half a loss against an average one, so that a setting that won all has a finite strength.

The error is of prompts like these. It joins two estimates with the weights of their degrees of freedom, as the decision does (see
`pplab.analysis.paired`): the delete-one-prompt jackknife, and the error of the model where what a setting does to single prompts
varies by `INTERACTION`. With one or two prompts the model's error alone speaks, of these prompts only.

References
----------
R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs I", Biometrika 39, 1952: the model. P. V. Rao and L. L.
Kupper, JASA 62, 1967, and W. H. Batchelder and N. J. Bershad, J. Math. Psychol. 19, 1979: ties as half a win. D. Firth, "Bias
reduction of maximum likelihood estimates", Biometrika 80, 1993: of a finite estimate under separation. B. Efron and C. Stein,
"The jackknife estimate of variance", Ann. Statist. 9, 1981.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from pplab.analysis.paired import FEW_PROMPTS
from pplab.analysis.response_matrix import need
from pplab.analysis.statements import ERROR
from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pplab.analysis.response_matrix import Floats

PRIOR_GAMES: Final = 1.0
"""Comparisons with an average setting that each setting is given: half a win and half a loss."""
INTERACTION: Final = 0.35
"""Standard deviation, in log-odds, of what a setting does to single prompts, before anything is known of it."""
PRIOR_FREEDOM: Final = 4
"""Degrees of freedom that the error under `INTERACTION` counts for."""
_MOST_STEPS: Final = 50
_LONGEST_STEP: Final = 2.0
_STEADY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class StrengthDifference:
    """The strength of one setting less that of another.

    Attributes
    ----------
    value : float
        In log-odds: the first is preferred to the second with a chance of ``1 / (1 + exp(-value))``.
    low, high : float
        The interval (95 %, Student's t).
    p : float
        Of the two-sided t test against equal strengths.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BradleyTerry:
    """Settings ranked by comparisons. Returned by `bradley_terry`.

    Attributes
    ----------
    table : DataFrame
        Indexed by setting: ``comparisons`` it took part in, ``wins`` (ties half), ``strength`` (log-odds, mean 0 over the ranked
        settings) with ``low`` and ``high`` (95 %), and ``preferred``, the share of comparisons it is expected to win against the
        other settings, each as often, with ``preferred_low`` and ``preferred_high``. NaN for a setting that no comparison
        connects with those ranked.
    comparisons, prompts : int
        What the ranking rests on.
    scope : {"prompts", "these prompts"}
        Whether the intervals speak of prompts like these, or of the answers to these only.
    covariance : DataFrame
        Of the strengths, by setting.
    freedom : float
        Degrees of freedom of Student's t; infinite where the scope is ``these prompts``.
    """

    table: pd.DataFrame
    comparisons: int
    prompts: int
    scope: Literal["prompts", "these prompts"]
    covariance: pd.DataFrame
    freedom: float

    @property
    def order(self) -> tuple[int, ...]:
        """The ranked settings, the strongest first; of equals the first in the table."""
        ranked = self.table["strength"].dropna()
        return tuple(int(setting) for setting in ranked.sort_values(ascending=False, kind="stable").index)

    @property
    def unranked(self) -> tuple[int, ...]:
        """Settings that no comparison connects with those ranked."""
        return tuple(int(setting) for setting in self.table.index[self.table["strength"].isna()])

    def difference(self, a: int, b: int) -> StrengthDifference:
        """Return the strength of setting ``a`` less that of ``b``; NaN where one of them is not ranked.

        Raises
        ------
        BadInput
            A setting is not in the table, or is compared with itself.
        """
        from scipy.special import stdtr

        if a == b:
            raise BadInput(f"setting {a} is compared with itself", hint="name two different settings")
        for setting in (a, b):
            if setting not in self.table.index:
                raise BadInput(f"there is no setting {setting}", hint=f"settings: {', '.join(map(str, self.table.index))}")
        cells = self.covariance.loc[[a, b], [a, b]].to_numpy()
        first, second = self.table.loc[[a, b], "strength"].to_numpy()
        value = float(first - second)
        error = float(np.sqrt(cells[0, 0] + cells[1, 1] - 2 * cells[0, 1]))
        reach = quantile(self.freedom) * error
        return StrengthDifference(value, value - reach, value + reach, float(2 * stdtr(self.freedom, -abs(value) / error)))


def bradley_terry(comparisons: pd.DataFrame, settings: Sequence[int]) -> BradleyTerry:
    """Rank settings by comparisons of their answers.

    Parameters
    ----------
    comparisons
        One row a comparison: ``prompt``, ``left`` and ``right`` (settings), and ``value``, what it is worth for the left: 1 where
        it won, 0 where the right won, 0.5 where neither did. Other columns do not matter.
    settings
        All settings, also those that were never compared.

    Raises
    ------
    BadInput
        A column is missing, a setting is unknown or compared with itself, or a value is not between 0 and 1.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(prompt, 0, 1, float(prompt < 4)) for prompt in range(16)]
    >>> ranked = bradley_terry(pd.DataFrame(rows, columns=["prompt", "left", "right", "value"]), [0, 1, 2])
    >>> ranked.order, ranked.unranked
    ((1, 0), (2,))
    >>> ranked.table.loc[1, ["preferred", "preferred_low", "preferred_high"]].astype(float).round(2).tolist()
    [0.74, 0.46, 0.91]
    """
    import pandas as pd

    points = _points(comparisons, list(settings))
    games = points.sum(axis=0) + points.sum(axis=0).T
    ranked = _connected(games)
    used = points[:, ranked[:, None], ranked]
    used = used[used.any(axis=(1, 2))]
    prompts = len(used)
    scope: Literal["prompts", "these prompts"] = "prompts" if prompts >= FEW_PROMPTS else "these prompts"
    freedom = PRIOR_FREEDOM + prompts - 1 if scope == "prompts" else float("inf")
    strength, covariance = strengths(used)
    table = pd.DataFrame(
        {"comparisons": games.sum(axis=1).round().astype(int), "wins": points.sum(axis=(0, 2))}, index=list(settings)
    )
    members = table.index[ranked]
    return BradleyTerry(
        table=table.join(pd.DataFrame(_intervals(strength, covariance, freedom), index=members)),
        comparisons=round(float(used.sum())),
        prompts=prompts,
        scope=scope,
        covariance=pd.DataFrame(covariance, members, members).reindex(index=table.index, columns=table.index),
        freedom=freedom,
    )


def strengths(points: Floats) -> tuple[Floats, Floats]:
    """Return the strengths and their covariance.

    Parameters
    ----------
    points : array, shape (..., prompts, settings, settings)
        How many comparisons the setting of the row won against that of the column, ties half. Leading axes are separate rankings.

    Returns
    -------
    strength : array, shape (..., settings)
        In log-odds, mean 0.
    covariance : array, shape (..., settings, settings)
    """
    prompts, settings = points.shape[-3], points.shape[-1]
    total = points.sum(axis=-3)
    strength = _fit(total)
    chance = _chances(strength)
    parts = _information(points + np.swapaxes(points, -1, -2), chance[..., None, :, :])
    inverse = np.linalg.inv(parts.sum(axis=-3) + _prior_information(strength))
    centre = np.eye(settings) - 1 / max(settings, 1)
    spread = parts.sum(axis=-3)
    if prompts < FEW_PROMPTS:
        return strength @ centre, centre @ inverse @ spread @ inverse @ centre
    spread = spread + INTERACTION**2 * (parts @ parts).sum(axis=-3)
    model = centre @ inverse @ spread @ inverse @ centre
    moved = (_fit(total[..., None, :, :] - points) - strength[..., None, :]) @ centre
    jackknife = (prompts - 1) / prompts * np.swapaxes(moved, -1, -2) @ moved
    freedom = PRIOR_FREEDOM + prompts - 1
    return strength @ centre, (PRIOR_FREEDOM * model + (prompts - 1) * jackknife) / freedom


def informed(points: Floats, games: float) -> tuple[Floats, Floats]:
    """Return the strengths, and their covariance as far as the model alone knows them, prior included.

    Parameters
    ----------
    points : array, shape (settings, settings)
        How many comparisons the setting of the row won against that of the column, ties half. One that was never compared has the
        strength 0 and the prior's variance.
    games
        Comparisons with an average setting that each is given: the prior's variance is 4 / ``games``.
    """
    strength = _fit(points, games)
    information = _information(points + points.T, _chances(strength)) + _prior_information(strength, games)
    return strength, np.asarray(np.linalg.inv(information), dtype=np.float64)


def quantile(freedom: float) -> float:
    """Return how many standard errors an interval reaches to each side.

    Examples
    --------
    >>> round(quantile(10), 2), round(quantile(float("inf")), 2)
    (2.23, 1.96)
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - ERROR / 2))


def expected_shares(strength: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Return how often each setting is expected to win against the others, each as often, in log-odds, and the error of that.

    The error is by the delta method, in log-odds, so that an interval stays between 0 and 1.
    """
    settings = strength.shape[-1]
    other = 1 - np.eye(settings)
    chance = _chances(strength)
    share = (chance * other).sum(axis=-1) / (settings - 1)
    slope = _information(other / (settings - 1), chance) / (share * (1 - share))[..., None]
    variance = np.einsum("...ij,...jk,...ik->...i", slope, covariance, slope)
    return np.log(share / (1 - share)), np.sqrt(np.maximum(variance, 0))


def _points(comparisons: pd.DataFrame, settings: list[int]) -> Floats:
    """Return what each setting won against each other, by prompt: shape (prompts, settings, settings)."""
    import pandas as pd

    need(comparisons, ["prompt", "left", "right", "value"])
    values = comparisons["value"].to_numpy(dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise BadInput(
            "a comparison is worth less than 0, more than 1, or nothing", hint="1: left won, 0: right won, 0.5: neither"
        )
    index = pd.Index(settings)
    left, right = (index.get_indexer(pd.Index(comparisons[side])) for side in ("left", "right"))
    for side, place in (("left", left), ("right", right)):
        if (place < 0).any():
            unknown = comparisons[side].to_numpy()[place < 0][0]
            raise BadInput(f"setting {unknown} is compared but not listed", hint=f"settings: {', '.join(map(str, settings))}")
    if (left == right).any():
        raise BadInput("a setting is compared with itself", hint="compare answers of two different settings")
    prompt, prompts = pd.factorize(comparisons["prompt"])
    points = np.zeros((len(prompts), len(settings), len(settings)))
    np.add.at(points, (prompt, left, right), values)
    np.add.at(points, (prompt, right, left), 1 - values)
    return points


def _connected(games: Floats) -> Any:
    """Return the places of the settings that comparisons connect; of several such groups that with the most comparisons."""
    from scipy.sparse.csgraph import connected_components

    if not games.any():
        return np.array([], dtype=np.intp)
    _, group = connected_components(games > 0, directed=False)
    return np.flatnonzero(group == np.argmax(np.bincount(group, weights=games.sum(axis=1))))


def _intervals(strength: Floats, covariance: Floats, freedom: float) -> dict[str, Floats]:
    from scipy.special import expit

    if not strength.size:
        return dict.fromkeys(("strength", "low", "high", "preferred", "preferred_low", "preferred_high"), strength)
    t = quantile(freedom)
    reach = t * np.sqrt(np.diagonal(covariance))
    share, error = expected_shares(strength, covariance)
    return {
        "strength": strength,
        "low": strength - reach,
        "high": strength + reach,
        "preferred": expit(share),
        "preferred_low": expit(share - t * error),
        "preferred_high": expit(share + t * error),
    }


def _fit(points: Floats, prior: float = PRIOR_GAMES) -> Floats:
    """Return the strengths of the highest posterior density, by Newton's method; shape (..., settings)."""
    games = points + np.swapaxes(points, -1, -2)
    strength = np.zeros(points.shape[:-1])
    for _ in range(_MOST_STEPS):
        chance = _chances(strength)
        slope = (points - games * chance).sum(axis=-1) + prior * (0.5 - _chance(strength))
        step = np.linalg.solve(_information(games, chance) + _prior_information(strength, prior), slope[..., None])[..., 0]
        longest = np.abs(step).max(axis=-1, keepdims=True, initial=0.0)
        strength += step / np.maximum(1.0, longest / _LONGEST_STEP)
        if longest.max(initial=0.0) < _STEADY:
            break
    return strength


def _information(games: Floats, chance: Floats) -> Floats:
    """Return the Fisher information of the strengths in so many comparisons."""
    weight = games * chance * (1 - chance)
    return np.asarray(np.eye(weight.shape[-1]) * weight.sum(axis=-1)[..., None] - weight)


def _prior_information(strength: Floats, prior: float = PRIOR_GAMES) -> Floats:
    chance = _chance(strength)
    return np.asarray(np.eye(strength.shape[-1]) * (prior * chance * (1 - chance))[..., None])


def _chances(strength: Floats) -> Floats:
    """Return with what chance each setting is preferred to each other."""
    return _chance(strength[..., :, None] - strength[..., None, :])


def _chance(strength: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(strength))
