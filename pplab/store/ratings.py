"""The ratings of stored answers: which of them stand, and the columns in which they are read."""

from __future__ import annotations

from typing import Final

from pplab.plan.ratings import GRADES, UNDONE
from pplab.plan.vocabulary import RATING

COLUMNS: Final = (
    *("rating_id", "experiment_id", "rater", "position", "response_id", "other_id", "choice", "note", "created_at"),
)
"""The columns of a table of ratings."""

STANDING: Final = f"""
SELECT t.* FROM ratings t JOIN responses r ON r.response_id = t.response_id AND r.revision = t.response_revision
LEFT JOIN responses o ON o.response_id = t.other_id AND o.revision = t.other_revision
WHERE t.choice <> '{UNDONE}' AND (t.other_id IS NULL OR o.response_id IS NOT NULL)"""
"""Every rating but those taken back and those of an answer that was replaced since."""

AS_SCORES: Final = f"""
SELECT experiment_id, response_id, '{RATING}', 'person',
    (choice::DOUBLE - 1) / {len(GRADES) - 1}, note, '', rater, NULL, created_at
FROM ({STANDING}) WHERE other_id IS NULL"""
"""The ratings on the scale as scores, with the columns of `pplab.store.scores.ALL_SCORES`."""
