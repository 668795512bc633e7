"""People's ratings as numbers: grades as scores of answers, and comparisons of two answers as comparisons of their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.plan.ratings import GRADES, PREFERENCES, grade_value
from pplab.plan.vocabulary import PERSON_RATING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def grades(given: pd.DataFrame) -> pd.DataFrame:
    """Return the ratings on the scale with ``value``, their grade from 0 (worst) to 1 (best), in the order in which they came."""
    rows = given[given["other_id"].isna() & given["choice"].isin(GRADES)]
    return rows.assign(value=rows["choice"].map(grade_value).astype("float64")).sort_values(["rater", "position"], kind="stable")


def comparisons(given: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Return the ratings of two side by side as comparisons of settings.

    Parameters
    ----------
    given
        Ratings, as a lab stores them.
    answers
        ``response_id``, ``prompt_index`` and ``setting_index`` of the answers.

    Returns
    -------
    DataFrame
        ``rater, position, left_id, right_id, prompt, left, right`` (settings) and ``value``: 1 where the left one won, 0 where
        the right one did, 0.5 where both are equal or bad.
    """
    rows = given[given["other_id"].notna() & given["choice"].isin(PREFERENCES)].sort_values(["rater", "position"], kind="stable")
    of = answers.drop_duplicates("response_id").set_index("response_id")
    rows = rows[rows["response_id"].isin(of.index) & rows["other_id"].isin(of.index)]
    return rows.assign(
        left_id=rows["response_id"],
        right_id=rows["other_id"],
        prompt=rows["response_id"].map(of["prompt_index"]),
        left=rows["response_id"].map(of["setting_index"]),
        right=rows["other_id"].map(of["setting_index"]),
        value=rows["choice"].map(PREFERENCES).astype("float64"),
    )[["rater", "position", "left_id", "right_id", "prompt", "left", "right", "value"]]


def person_ratings(given: pd.DataFrame, answers: pd.DataFrame) -> dict[str, float]:
    """Return the rating of each answer on the scale, by response id: the mean over people of each one's mean.

    Of answers to one prompt that are word for word the same one was shown for all: they share its rating.
    """
    said = grades(given)
    if said.empty:
        return {}
    texts = answers.drop_duplicates("response_id").set_index("response_id")[["prompt_index", "text"]]
    said = said[said["response_id"].isin(texts.index)].join(texts, on="response_id")
    by_text = said.groupby(["prompt_index", "text", "rater"])["value"].mean().groupby(["prompt_index", "text"]).mean()
    shared = texts.join(by_text, on=["prompt_index", "text"])["value"].dropna()
    return {str(response): float(value) for response, value in shared.items()}


def with_ratings(
    scores: Mapping[str, Mapping[str, float | None]], given: pd.DataFrame, answers: pd.DataFrame
) -> dict[str, dict[str, float | None]]:
    """Return scores by response id and column, those of people's ratings among them."""
    of_each = {response: dict(of_one) for response, of_one in scores.items()}
    for response, value in person_ratings(given, answers).items():
        of_each.setdefault(response, {})[PERSON_RATING] = value
    return of_each
