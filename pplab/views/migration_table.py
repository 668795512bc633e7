"""A migration as it is shown: its three lines, the old setting beside the new ones, and the answers that show what is lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import dollars, percent
from pplab.plan.vocabulary import SCORES
from pplab.views import html, text
from pplab.views.records import Card, Estimate

if TYPE_CHECKING:
    from pplab.analysis.migration import MigrationDecision

CAPTION = "The old setting, and each new one with what it gains on it."
LOST = "What is lost, where it is most: the old answer, then the new one."


def parts(decided: MigrationDecision) -> tuple[str, str]:
    """Return the table and the pairs of answers as HTML and as plain text, empty where nothing was compared."""
    if not len(decided.table):
        return "", ""
    table, pairs = _rows(decided), _cards(decided)
    markup, plain = html.table(table, caption=CAPTION), text.table(table, caption=CAPTION)
    if pairs:
        markup += f"<p>{LOST}</p>{html.cards(pairs)}"
        plain += f"\n\n{LOST}\n\n{text.cards(pairs)}"
    return markup, plain


def _rows(decided: MigrationDecision) -> list[dict[str, Any]]:
    """Return the table: one row a setting, the old one first; without latencies, which differ from run to run."""
    out = []
    for setting, record in decided.table.to_dict("index").items():
        row: dict[str, Any] = {"setting": record["setting"], "utility": Estimate(_known(record["utility"]))}
        row["gain"] = Estimate(*(_known(record[name]) for name in ("gain", "low", "high")))
        row |= {name: Estimate(_known(record[name])) for name in SCORES}
        row["usable"] = "-" if math.isnan(record["usable"]) else percent(record["usable"])
        row["cost"] = "-" if math.isnan(record["cost"]) else dollars(record["cost"])
        row["decision"] = "use" if setting == decided.setting else ""
        out.append(row)
    return out


def _cards(decided: MigrationDecision) -> list[Card]:
    """Return the pairs of answers as cards, the old one before the new one."""
    if decided.nearest is None:
        return []
    names = (str(decided.table["setting"].iloc[0]), str(decided.table.loc[decided.nearest, "setting"]))
    return [
        Card(status="ok", text=answer, prompt=pair.prompt, setting=name)
        for pair in decided.pairs
        for name, answer in zip(names, (pair.old, pair.new), strict=True)
    ]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
