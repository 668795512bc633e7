"""What a model can be told of a calibration, as HTML and as plain text: each parameter, its range or values, and why."""

from __future__ import annotations

import textwrap
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from pplab.views.escape import escape_text
from pplab.views.text import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplab.calibration import Reason

NOT_SENT: Final = "not sent"
_CELL: Final = "padding:4px 8px;text-align:left;vertical-align:top"
_HEADS: Final = ("parameter", "range or values", "why", "source")


class _Row(NamedTuple):
    names: str
    used: str
    words: str
    source: str


def markup(reasons: Sequence[Reason]) -> str:
    """Return a table of the parameters; those of which the same is to be said stand in one row."""
    head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _HEADS)
    body = "".join(_line(row) for row in _rows(reasons))
    return (
        '<div tabindex="0" style="overflow-x:auto;margin:8px 0">'
        '<table style="border-collapse:collapse;margin:0;table-layout:auto">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _line(row: _Row) -> str:
    cells = "".join(f'<td style="{_CELL};overflow-wrap:anywhere">{_words(cell)}</td>' for cell in row[1:])
    return f'<tr><th scope="row" style="{_CELL}">{_words(row.names)}</th>{cells}</tr>'


def plain(reasons: Sequence[Reason]) -> str:
    """Return the same as text, each row a line with its reason below."""
    rows = [_Row(*map(escape_text, row)) for row in _rows(reasons)]
    parts = []
    for row in rows:
        why = f"{row.words} ({row.source})" if row.source else row.words
        lines = textwrap.wrap(why, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
        parts.append("\n".join([f"{row.names}: {row.used}", *(f"    {line}" for line in lines)]))
    return "\n".join(parts)


def _rows(reasons: Sequence[Reason]) -> list[_Row]:
    """Return a row for each thing to say, in the order of the first parameter of which it is said."""
    said = {reason: (reason.used, reason.words, reason.source, reason.dated) for reason in reasons}
    first = {key: at for at, key in reversed(list(enumerate(said.values())))}
    rows = []
    for key, alike in groupby(sorted(reasons, key=lambda reason: first[said[reason]]), key=said.__getitem__):
        used, words, source, dated = key
        where = ", ".join(part for part in (source, dated) if part)
        rows.append(_Row(", ".join(reason.parameter for reason in alike), used or NOT_SENT, words, where))
    return rows


def _words(words: str) -> str:
    return escape(escape_text(words))
