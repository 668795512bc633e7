"""Answers are checked on the way in: what is accepted, and the one line that says what is not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.calibration import PRESETS, QUESTIONS, check_answers, derive, load_answers, partial, preset, read_answers
from pplab.calibration.answers import MAX_FILE_BYTES
from pplab.calibration.questions import BY_ID
from pplab.errors import BadInput

BALANCED = preset("balanced")


def refusal(call, *args):
    """The one line a user sees when the call is refused."""
    with pytest.raises(BadInput) as caught:
        call(*args)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    return line


def test_the_quiz_has_at_least_ten_questions_in_whole_sentences_with_short_options():
    assert len(QUESTIONS) >= 10
    assert len(BY_ID) == len(QUESTIONS)
    for question in QUESTIONS:
        assert question.text.endswith("?")
        assert question.help.endswith(".")
        labels = [option.label for option in question.options]
        assert len(set(labels)) == len(labels)
        assert all(len(label) <= 40 for label in labels)
        assert len(set(question.values)) == len(question.values)
        if question.kind == "scale":
            assert question.values == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_full_set_of_valid_answers_in_the_order_of_the_quiz(name):
    assert check_answers(PRESETS[name]) == preset(name)
    assert list(preset(name)) == list(BY_ID)


def test_a_preset_is_found_in_any_case_and_its_copy_can_be_changed():
    preset(" Precise ")["fact_cost"] = 1
    assert preset("precise")["fact_cost"] == 5


def test_an_unknown_preset_names_the_nearest_one():
    assert "did you mean 'precise'?" in refusal(preset, "precize")
    assert "presets: precise, balanced, expressive" in refusal(preset, "x\n" * 100)


@given(st.fixed_dictionaries({question.id: st.sampled_from(question.values) for question in QUESTIONS}))
def test_answers_as_text_in_any_case_mean_the_same(answers):
    as_text = {id_: f" {value} ".upper() for id_, value in reversed(answers.items())}
    assert check_answers(as_text) == answers
    assert list(check_answers(as_text)) == list(BY_ID)


def test_whole_numbers_of_other_kinds_are_accepted_and_stored_as_plain_ones():
    checked = check_answers({**BALANCED, "fact_cost": np.int64(4)})
    assert type(checked["fact_cost"]) is int


@pytest.mark.parametrize(
    "value",
    [
        0,
        6,
        -1,
        3.0,
        float("nan"),
        True,
        "six",
        "",
        "٣",
        "3.0",
        [3],
        {"value": 3},
        pytest.param(10**6000, id="huge"),
        "3\n\u202e" * 50,
    ],
)
def test_a_value_that_a_scale_does_not_have_is_refused_with_the_allowed_ones(value):
    line = refusal(derive, {**BALANCED, "fact_cost": value})
    assert "question 'fact_cost'" in line
    assert "1 to 5 (1 = Harmless, 5 = Serious harm)" in line
    assert len(line) < 300


@pytest.mark.parametrize("value", ["poetry", 1, True, b"code", ["code"], pytest.param("c" * 100_000, id="long"), "code\x00"])
def test_a_value_that_a_choice_does_not_have_is_refused_with_the_allowed_ones(value):
    line = refusal(derive, {**BALANCED, "task": value})
    assert "question 'task'" in line
    assert "allowed values: code, data, answers, translate, chat, creative" in line
    assert len(line) < 300


def test_a_misspelt_choice_is_given_the_nearest_word():
    assert "did you mean 'paragraph'?" in refusal(derive, {**BALANCED, "length": "paragrph"})


def test_an_unknown_question_is_given_the_nearest_one_or_all_of_them():
    assert "did you mean 'warmth'?" in refusal(derive, {**BALANCED, "warmht": 3})
    assert "the questions are task, fact_cost" in refusal(partial, {"zzz": 3})
    assert "unknown question 7" in refusal(partial, {7: 3})
    assert "unknown question a number" in refusal(partial, {10**6000: 3})
    assert "unknown question a tuple" in refusal(partial, {("task", "\n"): 3})


def test_missing_answers_are_named_with_what_is_allowed():
    answers = {id_: value for id_, value in BALANCED.items() if id_ not in ("task", "warmth")}
    line = refusal(derive, answers)
    assert "2 questions have no answer: task, warmth" in line
    assert "task: code, data" in line
    assert "warmth: 1 to 5" in line


def test_none_counts_as_no_answer():
    assert "1 question has no answer: warmth" in refusal(derive, {**BALANCED, "warmth": None})
    assert partial({**BALANCED, "warmth": None}) == partial({id_: value for id_, value in BALANCED.items() if id_ != "warmth"})


@pytest.mark.parametrize("answers", [None, [], "task", 5, {"task"}])
def test_what_is_not_a_mapping_is_refused(answers):
    assert "not a mapping" in refusal(derive, answers)
    assert "not a mapping" in refusal(partial, answers)


@given(st.dictionaries(st.text() | st.sampled_from(list(BY_ID)), st.none() | st.integers() | st.floats() | st.text()))
def test_whatever_is_given_is_either_derived_or_refused_in_one_line(answers):
    try:
        partial(answers)
    except BadInput as error:
        assert str(error).isprintable()  # noqa: PT017 - most answers are refused, some are not; both are right


def write(folder, content):
    path = folder / "answers.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_file_of_answers_is_read_alone_or_inside_a_stored_calibration(tmp_path):
    assert load_answers(write(tmp_path, json.dumps(BALANCED))) == BALANCED
    assert load_answers(str(write(tmp_path, json.dumps(derive(BALANCED).row_fields())))) == BALANCED


def test_a_byte_order_mark_is_no_obstacle(tmp_path):
    assert load_answers(write(tmp_path, b"\xef\xbb\xbf" + json.dumps(BALANCED).encode())) == BALANCED


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("{'task': 'code'}", "is not JSON"),
        ('{"task": "code",\n "fact_cost": }', "line 2, column 15"),
        (b"\xff\xfe\x00", "begins as UTF-16"),
        pytest.param(b"[" * 200_000, "not readable JSON", id="deep"),
        (b'{"fact_cost": ' + b"9" * 6000 + b"}", "not readable JSON"),
        ('{"fact_cost": NaN}', "NaN is not a value that JSON knows"),
        ('{"fact_cost": -Infinity}', "-Infinity is not a value that JSON knows"),
        ('{"task": "code", "task": "chat"}', "'task' is given twice"),
        ("[1, 2]", "holds a list, not an object"),
        ("null", "holds nothing, not an object"),
        ("3", "holds a number, not an object"),
        ('{"answers": [1]}', "unknown question 'answers'"),
        ('{"answers": {"task": "code"}}', "10 questions have no answer"),
        ("{}", "11 questions have no answer"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, content, words):
    assert words in refusal(load_answers, write(tmp_path, content))


def test_a_file_over_a_megabyte_is_refused(tmp_path):
    padded = json.dumps(BALANCED).ljust(MAX_FILE_BYTES)
    assert load_answers(write(tmp_path, padded)) == BALANCED
    assert "larger than 1 MB" in refusal(load_answers, write(tmp_path, padded + " "))


def test_a_file_that_cannot_be_read_is_named_without_its_folder(tmp_path):
    for name, reason in (("no such.json", "cannot be read: No such file or directory"), ("no\nsuch.json", "cannot be seen")):
        line = refusal(load_answers, tmp_path / name)
        assert reason in line
        assert str(tmp_path) not in line
    assert "cannot be read" in refusal(load_answers, tmp_path)
    assert "contains a NUL character" in refusal(load_answers, "nul\x00byte")


def test_a_misspelt_preset_is_named_and_no_file_is_looked_for():
    assert "did you mean 'balanced'" in refusal(read_answers, "balancd")
    assert "presets: precise, balanced, expressive" in refusal(read_answers, "somehow")
    assert "no.json" in refusal(read_answers, "no.json")
