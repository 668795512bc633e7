"""Where the variance of the scores lies, as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import percent
from pplab.views import html

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pplab.plan.vocabulary import MetricInfo

NAMES = {
    "model_asked": "models",
    "combinations": "factors in combination",
    "prompts_by_settings": "settings by prompt",
}


def variance_table(table: pd.DataFrame, metrics: Sequence[MetricInfo]) -> str:
    """Return the table that `pplab.analysis.variance.variance_table` made as HTML; empty where there are no two sources."""
    labels = {m.name: m.label for m in metrics}
    sources = [name for name in table.columns if name not in {"metric", "sd", "note"} and table[name].notna().any()]
    split = table[table[sources].notna().any(axis=1)] if sources else table[:0]
    if len(sources) < 2 or split.empty:
        return ""
    shares = split[sources].map(lambda share: "-" if math.isnan(share) else percent(share))
    records = shares.to_dict("records")
    cells = [{str(name): cell for name, cell in record.items()} for record in records]
    rows = [{"score": labels[metric], **row} for metric, row in zip(split["metric"], cells, strict=True)]
    headings = {"score": "score", **{name: NAMES.get(name, name.replace("+", ", ")) for name in sources}}
    notes = " ".join(dict.fromkeys(f"{note[:1].upper()}{note[1:]}." for note in split["note"] if note))
    return html.table(rows, headings=headings, caption=f"Shares of the variance of each score. {notes}".strip())
