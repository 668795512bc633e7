"""The trace as a person sees it: one box a kind, whose records open, the same on every run."""

from __future__ import annotations

import re

import pplab
from pplab.views import static


def traced(folder, prompt="Write a haiku about the sea."):
    """Return the display of an experiment's trace in a lab of its own."""
    with pplab.Lab(store=folder, user="ada") as lab:
        experiment = lab.run(prompt, calibration=lab.calibrate("balanced"), n=2, sweep={"temperature": [0, 1.4]}, seed=11)
        lab.export(experiment, format="package", path=folder.parent / f"{folder.name}.zip")
        walked = lab.trace(experiment.id)
        return walked, static.trace(walked, full=False)


def test_every_box_opens_what_its_records_hold_without_what_varies(tmp_path):
    (walked, first), (_, second) = traced(tmp_path / "one"), traced(tmp_path / "two")
    assert first.html == second.html
    opened = re.findall(r"<details><summary>(\w+): (\d+) record", first.html)
    assert dict(opened) == {kind: str(sum(n.kind == kind for n in walked.nodes)) for kind in {n.kind for n in walked.nodes}}
    assert "temperature [0.0, 1.0]" in first.html  # the calibration's range
    assert "max_tokens 800, temperature 1.4" in first.html  # the experiment's setting
    answer = next(node.record["text"] for node in walked.nodes if node.kind == "response")
    assert answer.splitlines()[0] in first.html
    for node in walked.nodes:
        assert node.id not in first.html
        assert node.at not in first.html


def test_what_a_record_holds_is_shown_and_never_becomes_markup(tmp_path):
    _, display = traced(tmp_path / "lab", "Say <script>alert(1)</script>.")
    assert "<script" not in display.html
    assert "Say &lt;script&gt;" in display.html


def test_of_many_responses_only_the_first_are_held_and_shown(tmp_path):
    with pplab.Lab(store=tmp_path / "lab", user="ada") as lab:
        walked = lab.trace(lab.run("Hello.", n=12, settings=[{"max_tokens": 5}]).id)
    responses = [node for node in walked.nodes if node.kind == "response"]
    assert [bool(node.record) for node in responses] == [True] * 10 + [False] * 2
    assert "<summary>response: 12 records, the first 10</summary>" in static.trace(walked, full=False).html
