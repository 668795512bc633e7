"""A calibration's table of answers by parameters, as HTML and as plain text: each column adds up to a range or a score."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from pplab.views.escape import clip, display_width, escape_text
from pplab.views.theme import LINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.calibration import AnswerTable
    from pplab.calibration.answer_table import AnswerRow
    from pplab.plan.settings import Range

CAPTION: Final = "What each answer added to the low and the high end of each range"
START, RESULT, POINTS = "start", "result", "values to try"
START_SCORE: Final = 50
_LABEL: Final = 40  # columns of text that an answer may take
_NAME: Final = 12  # and a heading
_CELL: Final = "padding:3px 7px;text-align:right;white-space:nowrap"
_CENTRE: Final = "padding:3px 7px;text-align:center;white-space:nowrap"
_LEFT: Final = "padding:3px 7px;text-align:left"
_EDGE: Final = f";border-left:1px solid {LINE}"
_RULE: Final = f";border-top:1px solid {LINE}"


def markup(table: AnswerTable, points: Mapping[str, Sequence[float]]) -> str:
    """Return the table as HTML, the scores beside the ranges; ``points`` are the values to try of each parameter."""
    parameters = list(table.ranges)
    heads = "".join(
        f'<th scope="colgroup" colspan="2" style="{_CENTRE}{_EDGE}">{"<br>".join(map(_words, _folded(name)))}</th>'
        for name in parameters
    )
    heads += "".join(f'<th scope="col" rowspan="2" style="{_CELL}{_EDGE}">{_words(name)}</th>' for name in table.scores)
    ends = f'<th scope="col" style="{_CELL}{_EDGE}">low</th><th scope="col" style="{_CELL}">high</th>' * len(parameters)
    rows = [
        _row(START, [_number(end) for name in parameters for end in _ends(table.starts, name)], table, [f"{START_SCORE}"] * 2),
        *(_row(_label(row), _added(row, parameters), table, _scored(row, table)) for row in table.rows),
    ]
    results = [_number(end) for name in parameters for end in _ends(table.ranges, name)]
    foot = _row(RESULT, results, table, [_number(score) for score in table.scores.values()], emphasis=f";font-weight:600{_RULE}")
    tried = "".join(f'<td colspan="2" style="{_CENTRE}{_EDGE}">{_words(_list(points.get(name, ())))}</td>' for name in parameters)
    tried += f'<td style="{_CELL}{_EDGE}"></td>' * len(table.scores)
    foot += f'<tr><th scope="row" style="{_LEFT};font-weight:400">{POINTS}</th>{tried}</tr>'
    return (
        '<div tabindex="0" style="overflow-x:auto;margin:8px 0">'
        '<table style="border-collapse:collapse;margin:0;table-layout:auto;font-variant-numeric:tabular-nums">'
        f'<caption style="text-align:left">{CAPTION}, and to the two scores</caption>'
        f'<thead><tr><th scope="col" rowspan="2" style="{_LEFT}">answer</th>{heads}</tr><tr>{ends}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def plain(table: AnswerTable, points: Mapping[str, Sequence[float]]) -> str:
    """Return the table as aligned text, without the scores, so that it stays narrow."""
    parameters = list(table.ranges)
    rows = [
        (START, [_number(end) for name in parameters for end in _ends(table.starts, name)]),
        *((clip(escape_text(_label(row)), _LABEL), _added(row, parameters)) for row in table.rows),
        (RESULT, [_number(end) for name in parameters for end in _ends(table.ranges, name)]),
    ]
    first = max(display_width(label) for label, _ in [*rows, (POINTS, [])])
    pairs = [_pairs([cells[2 * at : 2 * at + 2] for _, cells in rows]) for at in range(len(parameters))]
    tried = [_list(points.get(name, ())) for name in parameters]
    heads = [_folded(name) for name in parameters]
    height = max(map(len, heads))
    heads = [[""] * (height - len(head)) + head for head in heads]
    widths = [max(map(display_width, [*head, *pair, points_])) for head, pair, points_ in zip(heads, pairs, tried, strict=True)]

    def line(label: str, cells: Sequence[str]) -> str:
        padded = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
        return "  ".join([label + " " * (first - display_width(label)), *padded]).rstrip()

    lines = [
        *(line("", [head[at] for head in heads]) for at in range(height)),
        line("answer", [pair[0] for pair in pairs]),
        rule := line("-" * first, ["-" * width for width in widths]),
        *(line(label, [pair[at + 1] for pair in pairs]) for at, (label, _) in enumerate(rows[:-1])),
        rule,
        line(RESULT, [pair[-1] for pair in pairs]),
        line(POINTS, tried),
    ]
    return "\n".join([CAPTION, *lines])


def _row(label: str, cells: Sequence[str], table: AnswerTable, scores: Sequence[str], emphasis: str = "") -> str:
    edges = [_EDGE, ""] * len(table.ranges) + [_EDGE] * len(scores)
    drawn = "".join(
        f'<td style="{_CELL}{edge}{emphasis}">{_words(cell)}</td>' for cell, edge in zip([*cells, *scores], edges, strict=True)
    )
    return f'<tr><th scope="row" style="{_LEFT}{emphasis or ";font-weight:400"}">{_words(label)}</th>{drawn}</tr>'


def _pairs(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the two ends of each row beside each other and in line, below their names."""
    rows = [["low", "high"], *cells]
    low, high = (max(display_width(row[at]) for row in rows) for at in (0, 1))
    return [f"{row[0]:>{low}}  {row[1]:>{high}}" for row in rows]


def _folded(name: str) -> list[str]:
    """Return a long name in two lines, the second being its last word."""
    head, mark, tail = name.rpartition("_")
    return [head + mark, tail] if mark and len(name) > _NAME else [name]


def _label(row: AnswerRow) -> str:
    return f"{row.question_id}: {row.answer}"


def _ends(ranges: Mapping[str, Range], name: str) -> tuple[float, float]:
    range_ = ranges[name]
    return range_.low, range_.high


def _added(row: AnswerRow, parameters: Sequence[str]) -> list[str]:
    return [_change(end) for name in parameters for end in row.ends.get(name, (0, 0))]


def _scored(row: AnswerRow, table: AnswerTable) -> list[str]:
    return [_change(row.scores.get(name, 0)) for name in table.scores]


def _change(value: float) -> str:
    return f"{value:+,g}" if value else ""


def _number(value: float) -> str:
    return f"{value:,g}"


def _list(values: Sequence[float]) -> str:
    return ", ".join(map(_number, values))


def _words(words: str) -> str:
    return escape(escape_text(words))
