"""What people's ratings say, as tables: of the settings, and of the scores that agree with people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.plan.vocabulary import UTILITY
from pplab.views.records import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.ratings import Ratings


def setting_rows(ratings: Ratings) -> list[dict[str, Any]]:
    """Return one row a setting: its mean rating, that corrected by the score of all answers, and how often it is preferred."""
    rows = []
    for record in ratings.settings.to_dict("records"):
        row: dict[str, Any] = {"setting": record["setting"]}
        if ratings.graded:
            row["rated"] = f"{_count(record['rated'])} of {_count(record['answers'])}"
            row["mean rating"] = _estimate(record, "rated_mean", "rated_")
            corrected = _estimate(record, "corrected", "")
            row["corrected"] = corrected if corrected.low is not None else Estimate(None)
        if ratings.compared:
            row["comparisons"] = _count(record["comparisons"])
            row["preferred"] = _estimate(record, "preferred", "preferred_")
        rows.append(row)
    return rows


def caption(ratings: Ratings) -> str:
    """Return what the table of settings shows, in words."""
    said = []
    if ratings.graded:
        score = "the part of the utility that one answer has" if ratings.score == UTILITY else ratings.score
        said.append(f"Ratings: 0 is 1, the worst, 1 is 5, the best; corrected: what all answers would get, by {score} of all.")
    if ratings.compared:
        said.append("Preferred: the share of comparisons with the other settings that it is expected to win.")
    return f"{' '.join(said)} 95 % intervals."


def agreement_rows(ratings: Ratings) -> list[dict[str, Any]]:
    """Return one row a score and way of rating: how often it orders two answers as people do, and what length alone does."""
    return [
        {
            "score": record["score"],
            "by": record["by"],
            "pairs": _count(record["n"]),
            "agreement": _estimate(record, "agreement", ""),
            "length alone": Estimate(_known(record["length"])),
        }
        for record in ratings.agreement.to_dict("records")
        if record["n"]
    ]


def _estimate(record: Mapping[Any, Any], value: str, ends: str) -> Estimate:
    return Estimate(*(_known(record[name]) for name in (value, f"{ends}low", f"{ends}high")))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _count(value: float) -> int:
    return 0 if math.isnan(value) else int(value)
