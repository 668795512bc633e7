"""Values to the words of a table: how a number, a missing value and a long text look. No markup is made here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, cast

from pplab.views.escape import clip, escape_text
from pplab.views.records import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pplab.views.records import Card

    Rows = pd.DataFrame | Sequence[Mapping[str, Any]]

_LONGEST: Final = 160


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, ready to draw: ``cells`` are clean, single-line words."""

    heading: str
    cells: tuple[str, ...]
    numeric: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns of a table and how many rows it leaves out."""

    columns: tuple[Column, ...]
    shown: int
    left_out: int

    @property
    def remainder(self) -> str:
        """Say how many rows are not shown; empty when all are."""
        return f"and {self.left_out:,} more" if self.left_out else ""


def grid(rows: Rows, *, headings: Mapping[str, str] | None = None, limit: int = 50) -> Grid:
    """Lay out the first ``limit`` rows of a frame or of a sequence of mappings.

    ``headings`` chooses the columns and their order and names them; without it every column is shown, underscores as spaces.

    Examples
    --------
    >>> grid([{"temperature": 0.7, "n": 5}, {"temperature": 1, "n": 5}], limit=1).columns[0].cells
    ('0.7',)
    """
    records, total = _records(rows, limit)
    if headings is None:
        keys = list(dict.fromkeys(key for record in records for key in record)) or _column_names(rows)
        headings = {key: str(key).replace("_", " ") for key in keys}
    columns = (_column(heading, [record.get(key) for record in records]) for key, heading in headings.items())
    return Grid(tuple(columns), len(records), total - len(records))


def _records(rows: Rows, limit: int) -> tuple[list[Mapping[str, Any]], int]:
    if isinstance(rows, Sequence):
        return list(rows[:limit]), len(rows)
    frame = rows.head(limit).astype(object)
    return cast("list[Mapping[str, Any]]", frame.where(frame.notna(), None).to_dict("records")), len(rows)


def _column_names(rows: Rows) -> list[str]:
    return [str(name) for name in getattr(rows, "columns", ())]


def _column(heading: str, values: list[Any]) -> Column:
    present = [value for value in values if not _missing(value)]
    numeric = bool(present) and all(isinstance(value, Real) and not isinstance(value, bool) for value in present)
    digits = decimals(present) if numeric else 0
    cells = tuple("n/a" if _missing(value) else number(value, digits) if numeric else _words(value) for value in values)
    return Column(clip(escape_text(heading), _LONGEST), cells, numeric)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Estimate):
        return value.words()
    if isinstance(value, Real):
        return number(float(value), decimals([float(value)]))
    if isinstance(value, list | tuple):
        return clip(", ".join(map(_words, value)), _LONGEST)
    return clip(escape_text(str(value)), _LONGEST)


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals show these values to about three digits, and no more than they need.

    Examples
    --------
    >>> decimals([0.0, 0.7, 1.2]), decimals([0.61234, 0.5]), decimals([1520.25]), decimals([0.00012])
    (1, 3, 0, 5)
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    if largest == 0:
        return 0
    magnitude = math.floor(math.log10(largest))
    most = max(0, min(3 - max(magnitude, 0), 3)) if magnitude >= -1 else min(2 - magnitude, 12)
    return next(d for d in range(most + 1) if d == most or all(math.isclose(round(v, d), v, abs_tol=1e-12) for v in finite))


def number(value: float, digits: int) -> str:
    """Return ``value`` with this many decimals and thousands separated.

    Examples
    --------
    >>> number(12345.6, 1)
    '12,345.6'
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def score_words(card: Card, name: str) -> str:
    """Return a score of a card in words, with a remark where it lies outside its metric's range."""
    value, scale = card.scores[name], card.scales.get(name)
    if value is None:
        return "n/a"
    words = number(value, 2 if scale is None else max(2, decimals([value])))
    return words if scale is None or scale.holds(value) else f"{words} (outside its range, {scale.range_words})"
