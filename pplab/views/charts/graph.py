"""Static graph: records and what they led to, as boxes in columns from cause to effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pplab.views.charts.canvas import Canvas
from pplab.views.theme import GREY, PALETTE, TRACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BOX_WIDTH: Final = 150
_BOX_HEIGHT: Final = 58
_GAP_X: Final = 32
_GAP_Y: Final = 12
_MOST_IN_COLUMN: Final = 10


@dataclass(frozen=True, slots=True)
class Node:
    """One record: ``key`` is its identity, ``kind`` what it is (one colour a kind), ``label`` what to call it."""

    key: str
    kind: str
    label: str


def graph_chart(nodes: Sequence[Node], edges: Sequence[tuple[str, str]], *, title: str) -> str:
    """Return nodes in columns, causes left of effects, with an arrow for each edge ``(cause, effect)``.

    A column of more than ten keeps nine and says how many more there are. Edges that name unknown nodes are left out, and an
    edge that would close a circle is drawn but moves nothing.
    """
    unique = {node.key: node for node in nodes}
    links = [(cause, effect) for cause, effect in dict.fromkeys(edges) if cause in unique and effect in unique]
    columns, stands_for = _shortened(_ordered(_columns(list(unique), links), links), unique)
    tallest = max(map(len, columns), default=1)
    height = 56 + tallest * (_BOX_HEIGHT + _GAP_Y)
    canvas = Canvas(max(36 + len(columns) * (_BOX_WIDTH + _GAP_X) - _GAP_X, 320), height)
    canvas.words(18, 26, title, bold=True, room=canvas.width - 30)
    places = {
        node.key: (18 + column * (_BOX_WIDTH + _GAP_X), 44 + (row + (tallest - len(members)) / 2) * (_BOX_HEIGHT + _GAP_Y))
        for column, members in enumerate(columns)
        for row, node in enumerate(members)
    }
    for cause, effect in dict.fromkeys((stands_for[cause], stands_for[effect]) for cause, effect in links):
        (x1, y1), (x2, y2) = places[cause], places[effect]
        canvas.curve(x1 + _BOX_WIDTH, y1 + _BOX_HEIGHT / 2, x2, y2 + _BOX_HEIGHT / 2, GREY)
    kinds = list(dict.fromkeys(node.kind for node in unique.values()))
    for members in columns:
        for node in members:
            _box(canvas, *places[node.key], node, PALETTE[kinds.index(node.kind) % len(PALETTE)])
    counts = ", ".join(f"{sum(node.kind == kind for node in unique.values())} {kind}" for kind in kinds)
    image = _natural(canvas.image(f"{title}: {counts}. The records are in the table."))
    return f'<div tabindex="0" style="overflow-x:auto">{image}</div>'


def _natural(image: str) -> str:
    """Keep a wide graph at its size and let it scroll: shrunk to a narrow page its words could not be read."""
    return image.replace("max-width:100%;", "max-width:none;", 1)


def _box(canvas: Canvas, x: float, y: float, node: Node, colour: str) -> None:
    canvas.box(x, y, _BOX_WIDTH, _BOX_HEIGHT, "#FFFFFF", radius=6, stroke=TRACK)
    canvas.box(x, y + 6, 4, _BOX_HEIGHT - 12, colour, radius=2)
    canvas.words(x + 12, y + 17, node.kind, quiet=True, room=_BOX_WIDTH - 18)
    canvas.label(x + 12, y + 38, node.label, _BOX_WIDTH - 18)


def _columns(keys: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Put each node one column right of its last cause; a node whose causes form a circle counts only those already placed."""
    causes: dict[str, list[str]] = {key: [] for key in keys}
    for cause, effect in edges:
        if cause != effect:
            causes[effect].append(cause)
    depth: dict[str, int] = {}
    waiting = list(keys)
    while waiting:
        ready = [key for key in waiting if all(cause in depth for cause in causes[key])] or waiting[:1]
        for key in ready:
            depth[key] = max((depth[cause] + 1 for cause in causes[key] if cause in depth), default=0)
        waiting = [key for key in waiting if key not in depth]
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key in keys:
        columns[depth[key]].append(key)
    return columns


def _ordered(columns: list[list[str]], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Order each column by where its causes stand (Sugiyama's barycentre rule), so that few arrows cross."""
    causes: dict[str, list[str]] = {}
    for cause, effect in edges:
        causes.setdefault(effect, []).append(cause)
    row: dict[str, float] = {}
    for members in columns:
        centre = {key: float(index) for index, key in enumerate(members)}
        for key in members:
            above = [row[cause] for cause in causes.get(key, ()) if cause in row]
            centre[key] = sum(above) / len(above) if above else centre[key]
        members.sort(key=centre.__getitem__)
        row |= {key: float(index) for index, key in enumerate(members)}
    return columns


def _shortened(columns: list[list[str]], nodes: Mapping[str, Node]) -> tuple[list[list[Node]], dict[str, str]]:
    """Fold the end of a long column into one node; also return which drawn node stands for each record."""
    stands_for = {key: key for key in nodes}
    shortened: list[list[Node]] = []
    for members in columns:
        first = members if len(members) <= _MOST_IN_COLUMN else members[: _MOST_IN_COLUMN - 1]
        folded = members[len(first) :]
        column = [nodes[key] for key in first]
        if folded:
            column.append(Node(folded[0], nodes[folded[0]].kind, f"and {len(folded):,} more"))
            stands_for |= dict.fromkeys(folded, folded[0])
        shortened.append(column)
    return shortened, stands_for
