"""Static charts: well-formed images that draw every value inside the panel, whatever the words and numbers are."""

from __future__ import annotations

import base64
import re
from html import unescape
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.plan.parameters import CALIBRATED, PARAMETERS
from pplab.plan.settings import Range
from pplab.views.charts import svg
from pplab.views.charts.canvas import Scale, span
from pplab.views.charts.graph import Node, graph_chart
from pplab.views.records import Estimate
from pplab.views.theme import METRIC_COLOURS

SVG = "{http://www.w3.org/2000/svg}"
WORDS = st.text(alphabet=st.characters(codec=None), max_size=60)
NUMBERS = st.floats(-1e9, 1e9)
ESTIMATES = st.one_of(
    st.just(Estimate(None)),
    st.builds(Estimate, NUMBERS),
    st.builds(lambda a, b, c: Estimate(sorted((a, b, c))[1], min(a, b, c), max(a, b, c)), NUMBERS, NUMBERS, NUMBERS),
)


def picture(markup: str) -> ET.Element:
    """Return the drawing that an image holds, after checking that it is an image with words and nothing else."""
    found = re.search(r'<img alt="([^"]*)" width="\d+" style="[^"]*" src="data:image/svg\+xml;base64,([^"]+)">', markup)
    assert found is not None
    assert unescape(found[1]).strip()
    root = ET.fromstring(base64.b64decode(found[2]))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "rect", "path", "circle", "text"}
    width, height = float(root.get("width")), float(root.get("height"))
    for element in root.iter():
        for name, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(element.get(name, 0)) <= limit
        assert not re.search(r"nan|inf", " ".join(v for k, v in element.attrib.items() if k != "font-family"))
    return root


def words(markup: str) -> list[str]:
    return [element.text or "" for element in picture(markup).iter(f"{SVG}text")]


def line(*values: float | None) -> list[svg.Point]:
    return [svg.Point(x / 2, Estimate(value)) for x, value in enumerate(values)]


@settings(max_examples=60)
@given(
    st.dictionaries(WORDS, st.lists(st.builds(svg.Point, NUMBERS, ESTIMATES), max_size=6), max_size=3),
    WORDS,
    st.sampled_from([(0, 1), (0, None), (None, None)]),
)
def test_a_line_chart_is_drawn_for_any_words_and_values(lines, title, within):
    picture(svg.line_chart(lines, title=title, x_label=title, y_label=title, within=within, lower_is_better=[title]))


@settings(max_examples=60)
@given(st.lists(st.tuples(WORDS, ESTIMATES, ESTIMATES), max_size=30), WORDS)
def test_a_dot_chart_is_drawn_for_any_words_and_values(rows, title):
    series = {title: [first for _, first, _ in rows], "coherence": [second for _, _, second in rows]}
    picture(svg.dot_chart([label for label, _, _ in rows], series, title=title, within=(None, None)))


@settings(max_examples=60)
@given(st.lists(st.builds(svg.PlanePoint, WORDS, ESTIMATES, ESTIMATES, st.booleans()), max_size=30), WORDS)
def test_a_plane_is_drawn_for_any_words_and_values(points, title):
    picture(svg.plane_chart(points, title=title, x_label=title, y_label=title))


@settings(max_examples=60)
@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=60), WORDS)
def test_a_graph_is_drawn_for_any_edges_circles_included(count, edges, label):
    nodes = [Node(str(index), "response", label) for index in range(count)]
    picture(graph_chart(nodes, [(str(a), str(b)) for a, b in edges], title=label))


@given(st.data())
@settings(max_examples=40)
def test_every_legal_range_is_drawn_inside_its_track(data):
    ranges = {}
    for name, legal in ((name, PARAMETERS[name]) for name in CALIBRATED):
        low, high = sorted(data.draw(st.floats(legal.low, legal.high)) for _ in range(2))
        ranges[name] = Range(low, high)
    picture(svg.range_chart(ranges, points={name: [r.low, r.high] for name, r in ranges.items()}, title="Calibrated ranges"))


def test_a_chart_says_its_values_in_words_for_those_who_cannot_see_it():
    markup = svg.line_chart({"coherence": line(0.2, 0.9, None)}, title="Scores", x_label="temperature")
    assert 'alt="Scores: coherence is highest, 0.90, at 0.5. The values are in the table."' in markup


def test_a_missing_value_leaves_a_gap_in_the_line():
    def strokes(values):
        drawn = picture(svg.line_chart({"coherence": line(*values)}, title="t", x_label="x"))
        return sum(e.get("stroke") == METRIC_COLOURS["coherence"] for e in drawn.iter(f"{SVG}path"))

    assert strokes([0.1, 0.2, 0.3, 0.4]) == 1
    assert strokes([0.1, 0.2, None, 0.3, 0.4]) == 2


def test_a_metric_keeps_its_colour_whatever_stands_beside_it():
    alone = svg.line_chart({"structure": line(0.1, 0.2)}, title="t", x_label="x")
    beside = svg.line_chart({"creativity": line(0.3, 0.2), "structure": line(0.1, 0.2)}, title="t", x_label="x")
    for markup in (alone, beside):
        assert any(e.get("stroke") == METRIC_COLOURS["structure"] for e in picture(markup).iter())


def test_series_differ_in_shape_as_well_as_in_colour():
    drawn = picture(svg.line_chart({"creativity": line(0.5), "coherence": line(0.4)}, title="t", x_label="x"))
    assert sum(e.tag == f"{SVG}circle" for e in drawn) == 2
    assert sum(e.tag == f"{SVG}rect" and e.get("stroke-width") == "1" for e in drawn) == 2


def test_rows_that_do_not_fit_are_counted():
    labels = [f"setting {n}" for n in range(30)]
    assert "and 6 more in the table" in words(svg.dot_chart(labels, {"coherence": [Estimate(0.5)] * 30}, title="t"))


def test_the_front_of_a_plane_is_joined_and_named():
    points = [
        svg.PlanePoint("temperature 0", Estimate(0.9), Estimate(0.2), on_front=True),
        svg.PlanePoint("temperature 1", Estimate(0.7), Estimate(0.6), on_front=True),
        svg.PlanePoint("temperature 2", Estimate(0.2), Estimate(0.1)),
    ]
    markup = svg.plane_chart(points, title="Plane", x_label="precision", y_label="personality")
    assert "on the Pareto front: temperature 0, temperature 1" in markup
    assert sum(e.get("stroke-dasharray") is not None for e in picture(markup).iter()) == 1
    assert "Pareto front" in words(markup)


def test_causes_stand_left_of_their_effects():
    nodes = [Node("x", "export", "csv"), Node("e", "experiment", "places"), Node("c", "calibration", "balanced")]
    drawn = picture(graph_chart(nodes, [("e", "x"), ("c", "e")], title="Trace"))
    at = {e.text: float(e.get("x")) for e in drawn.iter(f"{SVG}text")}
    assert at["calibration"] < at["experiment"] < at["export"]


def test_a_crowded_column_is_folded_into_one_node_that_keeps_its_arrows():
    nodes = [Node("e", "experiment", "places"), *(Node(f"r{n}", "response", f"answer {n}") for n in range(40))]
    markup = graph_chart(nodes, [("e", f"r{n}") for n in range(40)], title="Trace")
    assert "and 31 more" in words(markup)
    assert sum("C" in (e.get("d") or "") for e in picture(markup).iter(f"{SVG}path")) == 10
    assert "1 experiment, 40 response" in markup


@given(NUMBERS, NUMBERS)
def test_limits_hold_the_values_and_ticks_lie_inside_the_limits(a, b):
    low, high = span([a, b])
    tolerance = 1e-9 * max(1, abs(a), abs(b))
    assert low <= min(a, b) + tolerance
    assert high >= max(a, b) - tolerance
    ticks = Scale(low, high, 0, 100).ticks()
    assert 1 <= len(ticks) <= 14
    assert all(low - tolerance <= tick <= high + tolerance for tick in ticks)


def test_an_empty_chart_is_still_an_image():
    picture(svg.dot_chart([], {}, title="Nothing yet"))


def test_an_axis_keeps_to_its_range_unless_a_value_does_not():
    inside = svg.dot_chart(["a"], {"commas": [Estimate(1, 0, 3)]}, title="t", within=(0, 50))
    beyond = svg.dot_chart(["a"], {"commas": [Estimate(60, 55, 65)]}, title="t", within=(0, 50))
    assert "-1" not in words(inside)
    assert max(float(word) for word in words(beyond) if word.replace(".", "").isdigit()) >= 64
