"""Static charts: small SVG drawings as images, each to stand beside a table of the same values. Layout only, no statistics.

Colours come from `pplab.views.theme`; series differ in shape as well. An image brings its own light panel, because it cannot see
whether the page around it is dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pplab.plan.parameters import parameter
from pplab.views.charts.canvas import SIZE, Canvas, Scale, fold, span, text_width, tick_words
from pplab.views.theme import BAND, BLUE, GREY, TRACK, VERMILLION, series_colour, series_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pplab.plan.settings import Range
    from pplab.views.records import Estimate
    from pplab.views.theme import Mark

    Ends = tuple[float | None, float | None]

_WIDTH: Final = 640
_MOST_ROWS: Final = 24
_LEGEND: Final = 184  # pixels beside a plane for the words of a point


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value of a line at ``x``."""

    x: float
    y: Estimate


@dataclass(frozen=True, slots=True)
class PlanePoint:
    """One setting in the plane of two scores. ``on_front``: no other is better in both."""

    label: str
    x: Estimate
    y: Estimate
    on_front: bool = False


@dataclass(frozen=True, slots=True)
class Behind:
    """One setting as `regret_chart` draws it.

    ``distance`` is how far its mean lies below the highest, ``at_most`` how far it may lie; ``None``: it is out, or that is not
    known. ``mean`` and ``unusable`` are words.
    """

    label: str
    distance: float | None
    at_most: float | None
    standing: Literal["equal", "behind", "open"]
    mean: str
    unusable: str = ""


_STANDINGS: Final[dict[str, tuple[str, Mark, str]]] = {
    "equal": (BLUE, "circle", "within the margin"),
    "open": (GREY, "square", "not told apart"),
    "behind": (VERMILLION, "triangle", "behind"),
}


def regret_chart(settings: Sequence[Behind], *, measure: str, margin: float, title: str) -> str:
    """Return how far behind the best each setting may be in ``measure``: a mark at its mean, a line to its bound, the margin.

    The first 24 settings are drawn; the picture says how many are not.
    """
    shown = settings[:_MOST_ROWS]
    left, right, top, step = _label_room([one.label for one in shown]), _WIDTH - 118, 66, 34
    bottom = top + len(shown) * step
    canvas = Canvas(_WIDTH, bottom + 60)
    ends = [margin, *(end for one in shown for end in (one.distance, one.at_most) if end is not None)]
    across = Scale(*span([0.0, *ends], floor=0.0), left + 10, right - 10)
    canvas.words(18, 26, title, bold=True, room=canvas.width - 30)
    x = 24.0
    for standing in dict.fromkeys(one.standing for one in shown if one.distance is not None):
        colour, mark, words = _STANDINGS[standing]
        canvas.mark(mark, x, 45, colour)
        canvas.words(x + 10, 49, words, quiet=True)
        x += text_width(words) + 32
    canvas.box(across.at(0.0), top, across.at(margin) - across.at(0.0), bottom - top, BAND, radius=0)
    _horizontal_axis(canvas, across, top, bottom, f"behind the best, in {measure}; shaded: the margin, {margin:g}")
    for row, one in enumerate(shown):
        y = top + (row + 0.5) * step
        canvas.label(left - 10, y, one.label, left - 20, anchor="end")
        canvas.words(right + 2, y + (-2 if one.unusable else 4), one.mean, bold=True)
        canvas.words(right + 2, y + 12, one.unusable, quiet=True)
        if one.distance is None:
            continue
        colour, mark, _ = _STANDINGS[one.standing]
        if one.at_most is not None:
            end = across.at(one.at_most)
            canvas.line(across.at(one.distance), y, end, y, colour, 2)
            canvas.line(end, y - 4, end, y + 4, colour, 2)
        canvas.mark(mark, across.at(one.distance), y, colour)
    _left_out(canvas, len(settings) - len(shown), left, bottom + 56)
    words = "; ".join(f"{one.label}: {one.at_most:.2f}" for one in shown if one.at_most is not None)
    return canvas.image(f"{title}. At most behind: {words or 'unknown'}; the margin is {margin:g}. The values are in the table.")


def line_chart(
    lines: Mapping[str, Sequence[Point]],
    *,
    title: str,
    x_label: str,
    y_label: str = "",
    within: Ends = (0, 1),
    lower_is_better: Collection[str] = (),
    x_words: Mapping[float, str] | None = None,
) -> str:
    """Return lines with intervals, such as each metric against temperature.

    Parameters
    ----------
    lines
        Name of the line to its points in order of ``x``; a point without a value leaves a gap.
    within
        The range of the values, which the axis does not leave unless a value does; ``None`` is no limit.
    lower_is_better
        Names of lines that are best where they are lowest.
    x_words
        What the values of ``x`` are called where they are places of an ordered choice.
    """
    canvas = Canvas(_WIDTH, 340)
    left, right, top, bottom = 56, _WIDTH - 24, 66, 288
    points = [point for line in lines.values() for point in line]
    across = Scale(*span(point.x for point in points), left + 14, right - 14)
    up = Scale(*_limits([point.y for point in points], within), bottom, top)
    _heading(canvas, title, list(lines))
    _frame(canvas, across, up, (left, right, top, bottom), (x_label, y_label), x_words)
    for index, (name, line) in enumerate(lines.items()):
        colour, shift = series_colour(name, index), (index - (len(lines) - 1) / 2) * 5
        placed = [(across.at(p.x) + shift, p.y) for p in line]
        for stretch in _stretches(placed, up):
            canvas.path(stretch, colour)
        for x, estimate in placed:
            _whisker(canvas, x, estimate, up, colour)
        for x, estimate in placed:
            if estimate.value is not None:
                canvas.mark(series_mark(index), x, up.at(estimate.value), colour)
    return canvas.image(f"{title}: {_series_words(lines, lower_is_better, x_words or {})}. The values are in the table.")


def _series_words(lines: Mapping[str, Sequence[Point]], lower_is_better: Collection[str], x_words: Mapping[float, str]) -> str:
    def words(name: str, line: Sequence[Point]) -> str:
        points = [point for point in line if point.y.value is not None]
        if not points:
            return f"{name} has no values"
        sign, end = (-1, "lowest") if name in lower_is_better else (1, "highest")
        best = max(points, key=lambda point: sign * (point.y.value or 0.0))
        return f"{name} is {end}, {best.y.words()}, at {x_words.get(best.x) or f'{best.x:g}'}"

    return "; ".join(words(name, line) for name, line in lines.items()) or "no values"


def _stretches(points: Sequence[tuple[float, Estimate]], up: Scale) -> list[list[tuple[float, float]]]:
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, estimate in points:
        if estimate.value is None:
            stretches.append([])
        else:
            stretches[-1].append((x, up.at(estimate.value)))
    return stretches


def _whisker(canvas: Canvas, x: float, estimate: Estimate, up: Scale, colour: str) -> None:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return
    low, high = up.at(estimate.low), up.at(estimate.high)
    canvas.line(x, low, x, high, colour, 1.5)
    for y in (low, high):
        canvas.line(x - 3, y, x + 3, y, colour, 1.5)


def dot_chart(
    labels: Sequence[str], series: Mapping[str, Sequence[Estimate]], *, title: str, x_label: str = "", within: Ends = (0, 1)
) -> str:
    """Return dots with intervals, one row a label (a setting) and one dot a series (a metric).

    ``series`` maps a name to one estimate for each label. The first 24 labels are drawn; the picture says how many are not.
    """
    rows = min(len(labels), _MOST_ROWS)
    left, right, top = _label_room(labels[:rows]), _WIDTH - 24, 66
    step = max(36, 12 * len(series) + 10)
    bottom = top + max(rows, 1) * step
    canvas = Canvas(_WIDTH, bottom + 52)
    estimates = [estimate for values in series.values() for estimate in values[:rows]]
    across = Scale(*_limits(estimates, within), left + 10, right - 10)
    _heading(canvas, title, list(series))
    _horizontal_axis(canvas, across, top, bottom, x_label)
    for row in range(rows):
        middle = top + (row + 0.5) * step
        canvas.label(left - 10, middle, labels[row], left - 20, anchor="end")
        canvas.line(left, middle + step / 2, right, middle + step / 2)
        for index, (name, values) in enumerate(series.items()):
            y = middle + (index - (len(series) - 1) / 2) * 12
            _sideways_dot(canvas, across, values[row], y, (index, name))
    _left_out(canvas, len(labels) - rows, left, bottom + 42)
    return canvas.image(f"{title}: {len(labels)} settings, {', '.join(series)}. The values are in the table.")


def _sideways_dot(canvas: Canvas, across: Scale, estimate: Estimate, y: float, series: tuple[int, str]) -> None:
    if estimate.value is None:
        return
    index, name = series
    colour = series_colour(name, index)
    if estimate.low is not None and estimate.high is not None:
        canvas.line(across.at(estimate.low), y, across.at(estimate.high), y, colour, 2)
    canvas.mark(series_mark(index), across.at(estimate.value), y, colour)


def range_chart(ranges: Mapping[str, Range], *, points: Mapping[str, Sequence[float]] | None = None, title: str) -> str:
    """Return the calibrated range of each parameter inside its legal values, with the points suggested for a sweep.

    ``max_tokens`` is drawn on a logarithmic scale.
    """
    left, right, top, step = 160, _WIDTH - 110, 52, 38
    canvas = Canvas(_WIDTH, top + step * len(ranges) + 18)
    _heading(canvas, title, [])
    for row, (name, chosen) in enumerate(ranges.items()):
        legal, y = parameter(name), top + (row + 0.5) * step
        wide = legal.low > 0 and legal.high / legal.low > 1000
        across = Scale(legal.low, legal.high, left, right, logarithmic=wide)
        canvas.words(left - 12, y + 4, name, anchor="end")
        canvas.box(left, y - 3, right - left, 6, TRACK)
        start, end = across.at(chosen.low), across.at(chosen.high)
        canvas.box(start - 6, y - 6, end - start + 12, 12, BLUE, radius=6)
        for value in (points or {}).get(name, ()):
            canvas.mark("circle", across.at(value), y, "#FFFFFF", 3)
        canvas.words(left, y + 18, tick_words(legal.low), quiet=True, anchor="middle")
        canvas.words(right, y + 18, tick_words(legal.high), quiet=True, anchor="middle")
        canvas.words(right + 16, y + 4, _interval_words(chosen), bold=True)
    ranges_in_words = "; ".join(f"{name} {chosen.low:g} to {chosen.high:g}" for name, chosen in ranges.items())
    return canvas.image(f"{title}: {ranges_in_words}.")


def _interval_words(chosen: Range) -> str:
    return f"{chosen.low:g} to {chosen.high:g}" if chosen.high > chosen.low else f"{chosen.low:g}"


def plane_chart(points: Sequence[PlanePoint], *, title: str, x_label: str, y_label: str) -> str:
    """Return settings in the plane of two scores with their intervals, and the Pareto front joined by a line.

    Points are numbered and the numbers explained on the right, so that words never cover data. The first 24 are drawn.
    """
    placed = [point for point in points[:_MOST_ROWS] if point.x.value is not None and point.y.value is not None]
    left, right, top = 56, 400, 56
    step = 36 if any(len(fold(point.label, _LEGEND)) > 1 for point in placed) else 22
    bottom = max(330, top + step * (len(placed) + 2))
    canvas = Canvas(_WIDTH, bottom + 52)
    across = Scale(*_limits([point.x for point in placed], (0, 1)), left + 14, right - 14)
    up = Scale(*_limits([point.y for point in placed], (0, 1)), bottom - 14, top + 14)
    _heading(canvas, title, [])
    _frame(canvas, across, up, (left, right, top, bottom), (x_label, y_label))
    places = [(across.at(point.x.value or 0.0), up.at(point.y.value or 0.0)) for point in placed]
    front = sorted(place for place, point in zip(places, placed, strict=True) if point.on_front)
    canvas.path(front, VERMILLION, width=1.5, dash="5 4")
    for (x, y), point in zip(places, placed, strict=True):
        colour = VERMILLION if point.on_front else GREY
        _whisker(canvas, x, point.y, up, colour)
        if point.x.low is not None and point.x.high is not None:
            canvas.line(across.at(point.x.low), y, across.at(point.x.high), y, colour, 1.5)
    for number, ((x, y), point) in enumerate(zip(places, placed, strict=True), start=1):
        _numbered(canvas, x, y, number, point)
        row = top + step * (number - 0.5)
        _numbered(canvas, right + 28, row, number, point)
        canvas.label(right + 46, row, point.label, _LEGEND)
    if front:
        canvas.mark("circle", right + 28, bottom - 2, VERMILLION, 8.5)
        canvas.words(right + 46, bottom + 2, "Pareto front", quiet=True)
    _left_out(canvas, len(points) - len(placed), right + 20, bottom + 46)
    best = ", ".join(point.label for point in placed if point.on_front) or "none"
    return canvas.image(f"{title}: {len(placed)} settings; on the Pareto front: {best}. The values are in the table.")


def _numbered(canvas: Canvas, x: float, y: float, number: int, point: PlanePoint) -> None:
    canvas.mark("circle", x, y, VERMILLION if point.on_front else GREY, 8.5)
    canvas.numeral(x, y, number)


# --- what the charts share --------------------------------------------------------------------------------------------


def _limits(estimates: Sequence[Estimate], within: Ends) -> tuple[float, float]:
    values = [edge for e in estimates if e.value is not None for edge in (e.value, e.low, e.high) if edge is not None]
    low, high = within
    floor = low if low is not None and min(values, default=low) >= low else None
    ceiling = high if high is not None and max(values, default=high) <= high else None
    return span(values, floor=floor, ceiling=ceiling)


def _label_room(labels: Sequence[str]) -> int:
    return int(min(max((text_width(label) for label in labels), default=0) + 26, 250))


def _heading(canvas: Canvas, title: str, series: Sequence[str]) -> None:
    canvas.words(18, 26, title, bold=True, room=canvas.width - 30)
    x = 24.0
    for index, name in enumerate(series):
        canvas.mark(series_mark(index), x, 45, series_colour(name, index))
        canvas.words(x + 10, 49, name, quiet=True)
        x += text_width(name) + 32


def _frame(
    canvas: Canvas,
    across: Scale,
    up: Scale,
    edges: tuple[float, float, float, float],
    labels: tuple[str, str],
    x_words: Mapping[float, str] | None = None,
) -> None:
    left, right, top, bottom = edges
    x_label, y_label = labels
    for value in up.ticks():
        y = up.at(value)
        canvas.line(left, y, right, y)
        canvas.words(left - 8, y + 4, tick_words(value), anchor="end", quiet=True)
    if y_label:
        canvas.rotated(16, (top + bottom) / 2, y_label)
    canvas.line(left, bottom, right, bottom, TRACK)
    for value in x_words or across.ticks(8):
        word = (x_words or {}).get(value) or tick_words(value)
        canvas.line(across.at(value), bottom, across.at(value), bottom + 4, TRACK)
        canvas.words(across.at(value), bottom + SIZE + 6, word, anchor="middle", quiet=True)
    canvas.words((left + right) / 2, bottom + SIZE + 26, x_label, anchor="middle", quiet=True)


def _horizontal_axis(canvas: Canvas, across: Scale, top: float, bottom: float, label: str) -> None:
    for value in across.ticks():
        canvas.line(across.at(value), top, across.at(value), bottom)
        canvas.words(across.at(value), bottom + SIZE + 5, tick_words(value), anchor="middle", quiet=True)
    canvas.words((across.start + across.end) / 2, bottom + SIZE + 24, label, anchor="middle", quiet=True)


def _left_out(canvas: Canvas, count: int, x: float, y: float) -> None:
    if count > 0:
        canvas.words(x, y, f"and {count:,} more in the table", quiet=True)
