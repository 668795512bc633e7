"""Structure: the form a prompt asks for is met and the markup is well-formed; otherwise, orderly paragraphs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pplab.scoring.surface import markup
from pplab.scoring.surface.scales import linear_ramp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.scoring.surface.requirement import Verdict
    from pplab.scoring.surface.text import Reading

BLOCK = 150
"""Words up to which a paragraph of prose is comfortable; from three times that on it is a wall."""

_BLANK_LINE = re.compile(r"\n\s{0,200}\n")


def structure(reading: Reading, verdicts: Sequence[Verdict]) -> tuple[float | None, dict[str, Any]]:
    """Return the score and its parts; the formula and its reasons are in ``docs/structure.md``."""
    if not reading.raw.strip() or (not reading.words and not reading.code and not verdicts):
        return None, {"reason": "no words" if reading.raw.strip() else "empty"}
    shape = markup.inspect(reading.raw)
    well_formed = 0.5 ** len(shape.faults)
    order = organisation(reading, shape)
    detail: dict[str, Any] = {"well_formed": well_formed, "organisation": order}
    merit = order
    if verdicts:
        met = sum(verdict.met for verdict in verdicts) / len(verdicts)
        detail["requirements_met"] = met
        merit = 0.8 * met + 0.2 * order
    detail["raw"] = {
        "requirements": [
            {"kind": v.requirement.kind, "asked": v.requirement.wording, "met": v.met, "found": v.found} for v in verdicts
        ],
        "faults": list(shape.faults),
        "headings": shape.headings,
        "bullets": shape.bullets,
        "numbered": shape.numbered,
        "tables": shape.tables,
        "code_blocks": shape.code_blocks,
    }
    return (0.5 + 0.5 * well_formed) * merit, detail


def organisation(reading: Reading, shape: markup.Markup) -> float:
    """Return how orderly the text is laid out: no walls of text, no trail of one-line paragraphs.

    A short text needs no paragraphs. Lists and headings are neither better nor worse than prose.
    """
    if shape.json or not reading.words:
        return 1.0
    if "\n" in reading.prose:
        blocks = [len(block.split()) for block in _BLANK_LINE.split(reading.prose) if block.strip()]
    else:
        blocks = [len(reading.words)]
    listed = shape.bullets + shape.numbered + shape.headings + shape.tables
    total = sum(blocks)
    walls = sum(n * (1 - linear_ramp(n, 3 * BLOCK, BLOCK)) for n in blocks) / total if total else 0.0
    scraps = sum(n < 5 for n in blocks) / len(blocks) if len(blocks) > 5 and not listed else 0.0
    return 1.0 - 0.6 * walls - 0.3 * scraps
