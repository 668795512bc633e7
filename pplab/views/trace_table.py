"""A trace as it is shown: its kinds of records from cause to consequence, and what the records of each kind hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted
from pplab.views import html
from pplab.views.charts import graph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pplab.store.trace import Node, Trace

ORDER = (
    *("calibration", "cell", "operation", "experiment", "batch", "response", "attempt", "score", "rating"),
    *("summary", "event", "export"),
)
"""The kinds of records, causes first."""


def kinds(chain: Trace) -> tuple[list[dict[str, Any]], str]:
    """Return one row a kind of record, with how many there are and which kinds led to it, and the same as a chart."""
    counts = Counter(node.kind for node in chain.nodes)
    order = [kind for kind in ORDER if kind in counts]
    arrows = {(edge.source[0], edge.target[0]) for edge in chain.edges}
    links = [(a, b) for a in order for b in order if (a, b) in arrows and order.index(a) < order.index(b)]
    boxes = [graph.Node(kind, kind, counted(counts[kind], "record")) for kind in order]
    rows = [
        {"record": kind, "count": counts[kind], "caused by": ", ".join(a for a, b in links if b == kind) or "-"} for kind in order
    ]
    return rows, graph.graph_chart(boxes, links, title="From cause to consequence")


def details(chain: Trace) -> Iterator[str]:
    """Yield, of each kind, what the first of its records hold, or how many there are of each label, to be opened."""
    for kind in ORDER:
        nodes = [node for node in chain.nodes if node.kind == kind]
        if nodes:
            yield _of_kind(kind, nodes)


def _of_kind(kind: str, nodes: Sequence[Node]) -> str:
    rows = [{name: _inline(value) for name, value in node.record.items()} for node in nodes if node.record]
    count = counted(len(nodes), "record") + (f", the first {len(rows)}" if 0 < len(rows) < len(nodes) else "")
    if not rows:
        rows = [{kind: label, "count": times} for label, times in sorted(Counter(node.label for node in nodes).items())]
    markup = html.key_values(rows[0]) if len(rows) == 1 else html.table(rows)
    return f"<details><summary>{kind}: {count}</summary>{markup}</details>"


def _inline(value: Any) -> Any:
    """Return a value as words on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inline(inner)}" for name, inner in value.items())
    if isinstance(value, list) and value:
        return "; ".join(f"({_inline(inner)})" for inner in value) if isinstance(value[0], dict) else str(value)
    return value
