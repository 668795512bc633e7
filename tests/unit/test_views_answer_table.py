"""A calibration is shown as one table of answers by parameters, in HTML and in text, the same on every run."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pplab
from pplab.calibration import PRESETS, QUESTIONS, Calibration, derive
from pplab.store.rows import CalibrationRow
from pplab.views import answer_table, static

OLD_PACKAGE = Path(__file__).parents[1] / "data" / "version_0_1" / "one.zip"
ANSWERS = st.fixed_dictionaries({q.id: st.sampled_from(q.values) for q in QUESTIONS})


def stored(answers, number="1", **changes):
    """A calibration as a lab reads it; ids and times differ by ``number``."""
    own = {"calibration_id": f"id-{number}", "created_at": f"time-{number}", "user": "u", "correlation_id": f"x{number}"}
    return Calibration.from_row(CalibrationRow(**own, **{**derive(answers).row_fields(), **changes}))


class Cells(HTMLParser):
    """The cells of each row of a table, and how many columns each row takes."""

    def __init__(self, markup):
        super().__init__()
        self.rows, self.columns = [], []
        self.feed(markup)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
            self.columns.append(0)
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.columns[-1] += int(dict(attributes).get("colspan", 1))

    def handle_data(self, data):
        if self.rows:
            self.rows[-1][-1] += data


def test_the_html_has_a_row_an_answer_between_the_start_and_the_result():
    derived = derive(PRESETS["precise"])
    rows = Cells(answer_table.markup(derived.table, derived.points)).rows
    assert rows[0] == [
        "answer", "temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "precision", "personality",
    ]  # fmt: skip
    assert rows[1] == ["low", "high"] * 5
    assert rows[2] == ["start", "0.3", "1", "0.9", "1", "400", "800", "0", "0.5", "0", "0.5", "50", "50"]
    assert rows[4] == ["fact_cost: Serious harm", "", "-0.16", "-0.1", "-0.05", "", "", "", "", "", "-0.2", "+15", ""]
    assert rows[-2] == ["result", "0", "0.2", "0.76", "0.95", "220", "460", "0", "0.1", "0", "0.1", "91.5", "10"]
    assert rows[-1] == ["values to try", "0, 0.1, 0.2", "0.95", "460", "0, 0.1", "0, 0.1", "", ""]


@given(ANSWERS)
def test_every_row_takes_the_same_columns_and_every_number_adds_up(answers):
    derived = derive(answers)
    cells = Cells(answer_table.markup(derived.table, derived.points))
    assert set(cells.columns[2:]) == {13}
    numbers = [[float(cell.replace(",", "") or 0) for cell in row[1:]] for row in cells.rows[2:-1]]
    for column in zip(*numbers, strict=True):
        assert sum(column[:-1]) == pytest.approx(column[-1], abs=0.051)


@given(ANSWERS)
def test_the_text_is_aligned_and_narrow(answers):
    derived = derive(answers)
    lines = answer_table.plain(derived.table, derived.points).splitlines()
    rules = [line for line in lines if line.startswith("---")]
    assert len(set(rules)) == 1
    assert len(rules) == 2
    assert all(len(line) <= len(rules[0]) <= 130 for line in lines[1:])


def test_in_a_terminal_it_reads_like_this():
    display = static.calibration(stored(PRESETS["balanced"]))
    assert (
        display.text
        == """\
Calibration
===========

The calibration is saved.

Precision 49.5 of 100, personality 52.5 of 100. Confidence 1.00.

What each answer added to the low and the high end of each range
                                                                               frequency_   presence_
                                          temperature      top_p  max_tokens      penalty     penalty
answer                                      low  high  low  high   low  high   low   high  low   high
----------------------------------------  -----------  ---------  ----------  -----------  ----------
start                                       0.3     1  0.9     1   400   800     0    0.5    0    0.5
task: Answer questions and explain         -0.3
fact_cost: A real nuisance
sameness: Somewhat
surprise: Now and then
length: A few paragraphs
format: Headings or lists where they he…
formality: Neutral
warmth: Friendly
repetition: Very little                                                       +0.1  +0.25       +0.05
explore: Sometimes welcome
variation: Either is fine
----------------------------------------  -----------  ---------  ----------  -----------  ----------
result                                        0     1  0.9     1   400   800   0.1   0.75    0   0.55
values to try                               0, 0.5, 1          1         800    0.1, 0.75     0, 0.55

Persona: You answer questions and explain things clearly. Write in a friendly tone. Answer in a
few paragraphs. Use headings or lists where they help the reader. Avoid repeating yourself.

In Python, with cal = lab.calibration(): systems=cal.personas compares the persona in three
strengths (light, medium as above, strong), and cal.settings_for(model) says what a model can be
told of this."""
    )


def test_the_persona_is_shown_and_its_other_strengths_are_to_be_opened():
    calibration = stored(PRESETS["expressive"])
    display = static.calibration(calibration)
    assert f"Persona: {calibration.persona}" in re.sub(r"\s+", " ", display.text)
    for name in ("light", "strong"):
        assert f"<summary>Persona, {name}</summary>{calibration.personas[name]}</details>" in display.html


def test_a_calibration_in_a_package_of_an_earlier_version_shows_the_same(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        lab.import_package(OLD_PACKAGE)
        old, new = lab.calibration(), lab.calibrate("balanced")
    assert old.explanation != new.explanation  # its sentences were worded otherwise
    assert static.calibration(old).html == static.calibration(new).html
    assert old.personas == new.personas


def test_it_is_the_same_for_the_same_answers_whatever_the_ids_and_times():
    one, other = (static.calibration(stored(PRESETS["balanced"], number)) for number in "12")
    assert (one.html, one.text) == (other.html, other.text)
    assert "id-1" not in one.html + one.text


def test_a_hostile_label_in_a_stored_explanation_stays_text():
    evil = "<img src=x onerror=alert(1)>\x1b[31m"
    move = {"parameter": "top_p", "bound": "low", "question_id": evil, "answer": evil, "change": 0.1, "sentence": evil}
    display = static.calibration(stored(PRESETS["balanced"], explanation=[move]))
    assert "<img src=x" not in display.html
    assert "\x1b" not in display.text + display.html
