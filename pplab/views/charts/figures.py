"""The dashboard's plotly figure: what it shows as plain values, and the one live figure that is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from pplab.store.dashboard_figures import MOST_SCORES
from pplab.views.escape import clip
from pplab.views.theme import GREY, VERMILLION, series_colour, series_mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplab.views.records import Estimate

MOST_ROWS: Final = 12
"""Settings that are drawn; the table beside the figure has all."""
SPREAD: Final = 0.14
"""Distance between the marks of two metrics in one row, in rows."""
MOVING_MS: Final = 300
CONFIG: Final = {"responsive": True, "displayModeBar": False}
"""How plotly shows the figure."""
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_SYMBOLS: Final = {"circle": "circle", "square": "square", "triangle": "triangle-up", "diamond": "diamond"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingPoint:
    """One setting as the figure draws it."""

    label: str
    scores: dict[str, Estimate]
    precision: Estimate
    personality: Estimate
    on_front: bool
    latency: float | None
    latency_p90: float | None
    output_tokens: float | None


@dataclass(frozen=True, slots=True)
class LevelPoint:
    """One level of the factor along which scores are drawn; ``number`` is its place on the axis, ``None`` for a category."""

    label: str
    number: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that the figure shows. ``curve`` maps each score to its estimates, one for each of ``levels``; ``title`` names all."""

    title: str
    settings: tuple[SettingPoint, ...]
    factor: str
    levels: tuple[LevelPoint, ...]
    curve: dict[str, tuple[Estimate, ...]]


@dataclass(frozen=True, slots=True)
class Look:
    """How the page looks: its theme, whether panels stand one below the other, whether nothing may move."""

    dark: bool = False
    narrow: bool = False
    still: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a figure shows, and how."""

    content: Content
    look: Look


class LiveFigure(Protocol):
    """A figure that somebody is looking at."""

    @property
    def model_id(self) -> str:
        """What a front end calls it by."""

    def redraw(self, before: Drawing, now: Drawing, *, move: bool) -> None:
        """Show another drawing in a figure that shows ``before``; with ``move`` marks may travel to their new places."""

    def synchronise(self) -> None:
        """Send the whole figure to a page that is about to show it."""

    def close(self) -> None:
        """Free it."""


def figure_widget(drawing: Drawing) -> Any:
    """Return a new ``plotly.graph_objects.FigureWidget``, which is a `LiveFigure`.

    Its first import takes a second or two, so do it in a thread.
    """
    from plotly import graph_objects as go

    class Figure(go.FigureWidget):  # type: ignore[misc]  # plotly is not typed
        _set_trace_uid = False  # ours are the same in every run

        def __init__(self, **content: Any) -> None:
            super().__init__(**content)
            self._config = CONFIG  # plotly 7 has no public way to a live figure's

        def redraw(self, before: Drawing, now: Drawing, *, move: bool) -> None:
            _redraw(self, before, now, move=move)

        def synchronise(self) -> None:
            # Plotly sends differences only, and those that arrive before its 5 MB of JavaScript are loaded are lost. What it
            # puts together when a notebook displays a figure is the whole. That is sent also where the kernel takes the page to
            # have it: anywidget drops what a model is sent that takes longer than two seconds to load.
            self._repr_mimebundle_()
            self.send_state(("_widget_data", "_widget_layout", "_config"))

    return Figure(data=traces(drawing.content), layout=layout(drawing.content, drawing.look))


def _redraw(figure: Any, before: Drawing, now: Drawing, *, move: bool) -> None:
    # Plotly checks whatever it is given, which costs more than finding out what differs.
    layout_changes = _differing(layout(before.content, before.look), layout(now.content, now.look))
    changes = [_differing(old, new) for old, new in zip(traces(before.content), traces(now.content), strict=True)]
    with figure.batch_update():
        figure.layout.update(layout_changes, overwrite=True)  # an animation leaves titles and ticks as they are
    travelling = move and not now.look.still
    with figure.batch_animate(duration=MOVING_MS) if travelling else figure.batch_update():
        for trace, new in zip(figure.data, changes, strict=True):
            trace.update(new, overwrite=True)


def _differing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in new.items() if value != old[name]}


# -- traces: always the same ones in the same order, so that an update never adds or removes any; some are empty --------------


def traces(content: Content) -> list[dict[str, Any]]:
    """Return the figure's traces as plain values, each with a ``uid`` that is the same in every run."""
    settings = content.settings[:MOST_ROWS]
    names = [*content.curve, *[None] * (MOST_SCORES - len(content.curve))]
    return [
        *(_of_settings(name, index, content) for index, name in enumerate(names)),
        *(_of_factor(name, index, content) for index, name in enumerate(names)),
        _front(settings),
        _plane(settings),
        _latency(settings),
        _tokens(settings),
    ]


def _base(uid: str, axes: str, **more: Any) -> dict[str, Any]:
    return {"type": "scatter", "uid": f"pplab-{uid}", "xaxis": f"x{axes}", "yaxis": f"y{axes}", **more}


def _of_settings(name: str | None, index: int, content: Content) -> dict[str, Any]:
    colour = series_colour(name or "", index)
    offset = _offset(index, content)
    settings = content.settings[:MOST_ROWS] if name else ()
    estimates = [point.scores[name] for point in settings if name]
    return _base(
        f"settings-{index}",
        "",
        name=_plain(name or ""),
        mode="markers",
        x=[e.value for e in estimates],
        y=[row + offset for row in range(len(settings))],
        error_x=_reach(estimates, colour),
        marker={"color": colour, "symbol": _SYMBOLS[series_mark(index)], "size": 8},
        customdata=[[_plain(point.label), e.words()] for point, e in zip(settings, estimates, strict=True)],
        hovertemplate="%{customdata[0]}<br>" + _plain(name or "") + " %{customdata[1]}<extra></extra>",
    )


def _of_factor(name: str | None, index: int, content: Content) -> dict[str, Any]:
    colour = series_colour(name or "", index)
    levels = content.levels if name else ()
    estimates = content.curve[name] if name else ()
    numbers = [level.number for level in levels]
    categories = None in numbers
    offset = _offset(index, content) if categories else 0.0
    return _base(
        f"curve-{index}",
        "2",
        name=_plain(name or ""),
        mode="markers" if categories else "lines+markers",
        x=[place + offset for place in range(len(numbers))] if categories else numbers,
        y=[e.value for e in estimates],
        error_y=_reach(estimates, colour),
        line={"color": colour, "width": 2},
        marker={"color": colour, "symbol": _SYMBOLS[series_mark(index)], "size": 8},
        customdata=[[_plain(level.label), e.words()] for level, e in zip(levels, estimates, strict=True)],
        hovertemplate=_plain(content.factor) + " %{customdata[0]}<br>" + _plain(name or "") + " %{customdata[1]}<extra></extra>",
    )


def _offset(index: int, content: Content) -> float:
    """Return how far the marks of a score are from the middle of their row."""
    return (index - (len(content.curve) - 1) / 2) * SPREAD


def _factor_axis(levels: Sequence[LevelPoint]) -> dict[str, Any]:
    """Return the ticks and the range of the axis of levels; categories stand in a row, one apart."""
    if all(level.number is not None for level in levels):
        return {"tickmode": "auto", "tickvals": None, "ticktext": None, "range": _span([level.number for level in levels])}
    ticks = {"tickvals": list(range(len(levels))), "ticktext": [_lines(level.label) for level in levels]}
    return {"tickmode": "array", **ticks, "range": [-0.5, len(levels) - 0.5]}


def _plain(text: str) -> str:
    """Return text that plotly shows as it is: it takes tags for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _front(settings: Sequence[SettingPoint]) -> dict[str, Any]:
    front = sorted((p.precision.value or 0.0, p.personality.value or 0.0) for p in settings if p.on_front)
    return _base(
        "front",
        "3",
        name="Pareto front",
        mode="lines",
        x=[x for x, _ in front],
        y=[y for _, y in front],
        line={"color": VERMILLION, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )


def _plane(settings: Sequence[SettingPoint]) -> dict[str, Any]:
    colours = [VERMILLION if point.on_front else GREY for point in settings]
    precision, personality = [p.precision for p in settings], [p.personality for p in settings]
    return _base(
        "plane",
        "3",
        name="settings",
        mode="markers+text",
        x=[e.value for e in precision],
        y=[e.value for e in personality],
        error_x=_reach(precision, GREY),
        error_y=_reach(personality, GREY),
        text=[str(number) for number in range(1, len(settings) + 1)],
        textfont={"color": "#FFFFFF", "size": 11},
        marker={"color": colours, "size": 19, "opacity": 1},
        customdata=[[_plain(p.label), p.precision.words(), p.personality.words()] for p in settings],
        hovertemplate="%{customdata[0]}<br>precision %{customdata[1]}<br>personality %{customdata[2]}<extra></extra>",
    )


def _latency(settings: Sequence[SettingPoint]) -> dict[str, Any]:
    colour = series_colour("coherence", 0)
    reach = [None if p.latency is None or p.latency_p90 is None else p.latency_p90 - p.latency for p in settings]
    return _base(
        "latency",
        "4",
        name="latency",
        mode="markers",
        x=[p.latency for p in settings],
        y=list(range(len(settings))),
        error_x={"type": "data", "array": reach, "arrayminus": [0] * len(settings), "symmetric": False, **_bar(colour)},
        marker={"color": colour, "size": 9},
        customdata=[[_plain(p.label), p.latency_p90] for p in settings],
        hovertemplate="%{customdata[0]}<br>median %{x:,.0f} ms, 90 % within %{customdata[1]:,.0f} ms<extra></extra>",
    )


def _tokens(settings: Sequence[SettingPoint]) -> dict[str, Any]:
    return _base(
        "tokens",
        "5",
        name="tokens",
        mode="markers",
        x=[p.output_tokens for p in settings],
        y=list(range(len(settings))),
        marker={"color": series_colour("structure", 0), "size": 9, "symbol": "square"},
        customdata=[_plain(p.label) for p in settings],
        hovertemplate="%{customdata}<br>%{x:,.0f} tokens an answer<extra></extra>",
    )


def _reach(estimates: Sequence[Estimate], colour: str) -> dict[str, Any]:
    bounded = [None not in (e.value, e.low, e.high) for e in estimates]
    return {
        "type": "data",
        "symmetric": False,
        "array": [round((e.high or 0.0) - (e.value or 0.0), 4) if k else None for e, k in zip(estimates, bounded, strict=True)],
        "arrayminus": [
            round((e.value or 0.0) - (e.low or 0.0), 4) if k else None for e, k in zip(estimates, bounded, strict=True)
        ],
        **_bar(colour),
    }


def _bar(colour: str) -> dict[str, Any]:
    return {"color": colour, "thickness": 1.5, "width": 3}


# -- layout: in pixels from the top, since the height is ours, and in shares of the width, which is the page's -----------------

_TITLES: Final = ("{scores} by setting", "{scores} by {factor}", "Precision and personality", "Latency and tokens")
_TOP: Final = 40
_GAP: Final = 96
_BOTTOM: Final = 52
_LEFT: Final = 58
_PANEL: Final = 270
_LABEL: Final = 22  # characters of a line


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the four panels stand: their share of the width, their top and height in pixels, and the height of all."""

    across: tuple[tuple[float, float], ...]
    down: tuple[tuple[int, int], ...]
    labels: float

    @property
    def inner(self) -> int:
        return max(top + height for top, height in self.down)

    def up(self, panel: int) -> list[float]:
        """Return a panel's share of the height, counted from below as plotly does."""
        top, height = self.down[panel]
        return [1 - (top + height) / self.inner, 1 - top / self.inner]


def _grid(rows: int, lines: int, *, narrow: bool) -> _Grid:
    first = max(_PANEL, rows * (12 + 14 * lines))
    if not narrow:
        columns = ((0.0, 0.46), (0.55, 1.0))
        second = first + _GAP
        return _Grid((*columns, *columns), ((0, first), (0, first), (second, _PANEL), (second, _PANEL)), 0.11)
    heights = (first, _PANEL, _PANEL, _PANEL)
    tops = [sum(heights[:row]) + row * _GAP for row in range(4)]
    return _Grid(((0.0, 1.0),) * 4, tuple(zip(tops, heights, strict=True)), 0.2)


def height(drawing: Drawing) -> int:
    """Return how many pixels high the figure is."""
    return _TOP + _laid_out(drawing.content, drawing.look)[0].inner + _BOTTOM


def _laid_out(content: Content, look: Look) -> tuple[_Grid, list[str]]:
    words = [_lines(f"{number}  {point.label}") for number, point in enumerate(content.settings[:MOST_ROWS], start=1)]
    return _grid(len(words), max((word.count("<br>") + 1 for word in words), default=1), narrow=look.narrow), words


def layout(content: Content, look: Look) -> dict[str, Any]:
    """Return the figure's layout as plain values; its height is that of the element it is shown in."""
    ink, quiet = ("#E6E8EB", "#A9B0BA") if look.dark else ("#262A30", "#5A616B")
    rule, edge = ("#80808040", "#808080A0")
    settings = content.settings[:MOST_ROWS]
    grid, words = _laid_out(content, look)
    left, right = grid.across[3]
    middle = (left + right) / 2
    common = {"gridcolor": rule, "zeroline": False, "linecolor": edge, "tickcolor": edge, "fixedrange": True}

    def axis(domain: Sequence[float], title: str = "", **more: Any) -> dict[str, Any]:
        heading = {"text": title, "font": {"size": 12, "color": quiet}, "standoff": 8}
        return {"domain": list(domain), "title": heading, **common, **more}

    def rows(panel: int, ticks: Sequence[str], **more: Any) -> dict[str, Any]:
        place: dict[str, Any] = {"tickvals": list(range(len(settings))), "range": [max(len(settings), 1) - 0.5, -0.5]}
        return axis(grid.up(panel), ticktext=list(ticks), **place, showgrid=False, ticks="", **more)

    numbers = [str(number) for number in range(1, len(settings) + 1)]
    scores = _room([e for p in settings for e in p.scores.values()])
    precision, personality = _span(_edges(p.precision for p in settings)), _span(_edges(p.personality for p in settings))
    latency = _span([0.0, *(value for p in settings for value in (p.latency, p.latency_p90))], below=0.0)
    tokens = _span([0.0, *(p.output_tokens for p in settings)], below=0.0)
    start, end = grid.across[0]
    factor = _plain(content.factor)
    return {
        "autosize": True,
        "margin": {"l": _LEFT, "r": 16, "t": _TOP, "b": _BOTTOM, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 12, "color": ink},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "annotations": [
            *(_title(text.format(factor=factor, scores=content.title), grid, panel) for panel, text in enumerate(_TITLES)),
            _nothing("" if content.levels else f"no experiment sets {factor}", grid, quiet),
        ],
        "xaxis": axis((start + grid.labels, end), anchor="y", range=scores),
        "yaxis": rows(0, words, anchor="x", tickfont={"size": 11}),
        "xaxis2": axis(grid.across[1], factor, anchor="y2", **_factor_axis(content.levels)),
        "yaxis2": axis(grid.up(1), anchor="x2", range=_room([e for line in content.curve.values() for e in line])),
        "xaxis3": axis(grid.across[2], "precision: coherence and completeness", anchor="y3", range=precision),
        "yaxis3": axis(grid.up(2), "personality: creativity", anchor="x3", range=personality),
        "xaxis4": axis((left, middle - 0.03), "latency, ms (median to 90 %)", anchor="y4", range=latency, nticks=4),
        "yaxis4": rows(3, numbers, anchor="x4"),
        "xaxis5": axis((middle + 0.03, right), "tokens an answer", anchor="y5", range=tokens, nticks=4),
        "yaxis5": rows(3, numbers, anchor="x5"),
    }


def _title(text: str, grid: _Grid, panel: int) -> dict[str, Any]:
    place = {"x": grid.across[panel][0], "y": grid.up(panel)[1], "xref": "paper", "yref": "paper"}
    shifted = {"xanchor": "left", "xshift": 10 - _LEFT, "yanchor": "bottom", "yshift": 8}
    return {"text": f"<b>{text}</b>", "showarrow": False, "font": {"size": 13}, **place, **shifted}


def _nothing(text: str, grid: _Grid, colour: str) -> dict[str, Any]:
    """Return what stands in the second panel when it has no points."""
    x, y = (sum(ends) / 2 for ends in (grid.across[1], grid.up(1)))
    return {"text": text, "showarrow": False, "font": {"color": colour}, "x": x, "y": y, "xref": "paper", "yref": "paper"}


def _room(estimates: Sequence[Estimate]) -> list[float]:
    """Return a range for scores that holds every interval with a little air, inside [0, 1] by a hair."""
    edges = _edges(estimates)
    if not edges:
        return [0.0, 1.0]
    low, high = min(edges), max(edges)
    air = max(0.02, (high - low) * 0.08) if high > low else 0.12
    return [max(low - air, -0.02), min(high + air, 1.02)]


def _edges(estimates: Iterable[Estimate]) -> list[float]:
    return [edge for e in estimates for edge in (e.value, e.low, e.high) if edge is not None]


def _span(values: Iterable[float | None], below: float = 0.12) -> list[float]:
    """Return a range that holds every value and, in shares of it, some air above and below.

    Each axis has its range from here: plotly makes none anew where marks travel.
    """
    known = [value for value in values if value is not None]
    if not known or max(known) == min(known) == 0:
        return [0.0, 1.0]
    width = (max(known) - min(known)) or abs(max(known))
    return [min(known) - below * width, max(known) + 0.12 * width]


def _lines(label: str) -> str:
    """Return a label in at most two lines, broken after a comma where it has one."""
    head, comma, tail = label.partition(", ")
    return "<br>".join(_plain(clip(part, _LABEL)) for part in ([head + ",", tail] if comma else [label]))
