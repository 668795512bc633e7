"""The persona reads as English, says what was answered and leaves out what was not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.calibration import PRESETS, QUESTIONS, Calibration, derive, partial
from pplab.calibration.persona import STRENGTHS, write_persona
from pplab.store.rows import CalibrationRow

ANSWERS = st.fixed_dictionaries({q.id: st.sampled_from(q.values) for q in QUESTIONS})
SOME_ANSWERS = st.fixed_dictionaries({}, optional={q.id: st.sampled_from(q.values) for q in QUESTIONS})


def stored(answers):
    """A calibration as a lab reads it."""
    own = {"calibration_id": "c", "created_at": "t", "user": "u", "correlation_id": "x"}
    return Calibration.from_row(CalibrationRow(**own, **derive(answers).row_fields()))


@given(SOME_ANSWERS, st.sampled_from(STRENGTHS))
def test_a_persona_is_one_paragraph_of_whole_sentences(answers, strength):
    persona = write_persona(answers, strength)
    assert persona.isprintable()
    assert "  " not in persona
    assert "None" not in persona
    sentences = re.split(r"(?<=\.) ", persona)
    assert len(sentences) == len(set(sentences))
    assert all(re.fullmatch(r"[A-Z][^.]*\.", sentence) for sentence in sentences)


def test_without_answers_the_persona_is_neutral():
    assert partial({}).persona == "Write in a plain, neutral tone."


@pytest.mark.parametrize(
    ("formality", "warmth", "tone"),
    [
        (4, 4, "Write in a formal but friendly tone."),
        (5, 1, "Write in a very formal and strictly businesslike tone."),
        (1, 5, "Write in a very casual and very warm tone."),
        (2, 2, "Write in a relaxed but reserved tone."),
        (3, 4, "Write in a friendly tone."),
        (4, 3, "Write in a formal tone."),
        (3, 3, "Write in a plain, neutral tone."),
    ],
)
def test_the_tone_joins_what_agrees_and_contrasts_what_does_not(formality, warmth, tone):
    assert partial({"formality": formality, "warmth": warmth}).persona == tone


def test_a_translation_is_not_told_how_long_to_be():
    assert "paragraph" in partial({"task": "chat", "length": "paragraph"}).persona
    assert "paragraph" not in partial({"task": "translate", "length": "paragraph"}).persona


def test_the_presets_read_as_written():
    assert derive(PRESETS["precise"]).persona == (
        "You analyse data and extract facts from it. Write in a formal and reserved tone. Answer in a single paragraph. "
        "Keep exactly to the sections asked for, in the order asked for. State as fact only what you are sure of, and say "
        "plainly when you do not know. Use plain, expected wording. Keep to what was asked and add nothing else."
    )
    assert derive(PRESETS["expressive"]).persona == (
        "You write imaginative texts such as stories, verse and slogans. Write in a relaxed and very warm tone. Answer in "
        "a few paragraphs. Choose fresh and unexpected wording, and avoid stock phrases. Bring in ideas and angles that "
        "nobody asked for. Never repeat yourself."
    )


# -- three strengths ------------------------------------------------------------------------------------------------------------


@given(ANSWERS)
def test_a_calibration_has_three_different_personas_the_middle_one_being_its_own(answers):
    calibration = stored(answers)
    assert tuple(calibration.personas) == STRENGTHS == ("light", "medium", "strong")
    assert calibration.personas["medium"] == calibration.persona == derive(answers).persona
    assert len(set(calibration.personas.values())) == 3


@given(ANSWERS)
def test_role_length_and_format_are_the_same_in_every_strength(answers):
    fixed = write_persona({name: answers[name] for name in ("task", "length", "format")}).split(". ")
    for text in stored(answers).personas.values():
        assert [sentence for sentence in fixed if sentence.rstrip(".") in text and "tone" not in sentence] == [
            sentence for sentence in fixed if "tone" not in sentence
        ]


@given(ANSWERS)
def test_light_says_what_answers_a_step_nearer_to_the_middle_say_in_medium(answers):
    nearer = {name: value if isinstance(value, str) else value + (value < 3) - (value > 3) for name, value in answers.items()}
    light = stored(answers).personas["light"]
    assert light == f"{write_persona(nearer)} Where the request asks for something else, follow the request."


@given(ANSWERS)
def test_strong_says_what_answers_a_step_further_out_say_in_medium(answers):
    inner = {name: value if isinstance(value, str) else min(max(value, 2), 4) for name, value in answers.items()}
    outer = {name: value if isinstance(value, str) else value + (value > 3) - (value < 3) for name, value in inner.items()}
    strong = stored(inner).personas["strong"]
    assert strong == f"{write_persona(outer)} Hold to all of this from the first sentence to the last."


@pytest.mark.parametrize("question", [q.id for q in QUESTIONS if q.kind == "scale"])
@pytest.mark.parametrize("end", [1, 5])
def test_beyond_the_last_answer_of_a_scale_the_strong_persona_has_words_of_its_own(question, end):
    medium, strong = (write_persona({question: end}, strength) for strength in ("medium", "strong"))
    own = strong.removesuffix(" Hold to all of this from the first sentence to the last.")
    assert (own != medium) == (medium != write_persona({}))


def test_a_calibration_stored_by_an_earlier_version_has_the_three_strengths_with_its_stored_text_in_the_middle():
    row = {**derive(PRESETS["precise"]).row_fields(), "persona": "As it was written then."}
    own = {"calibration_id": "c", "created_at": "t", "user": "u", "correlation_id": "x"}
    personas = Calibration.from_row(CalibrationRow(**own, **row)).personas
    assert personas["medium"] == "As it was written then."
    assert personas["strong"].startswith("You analyse data and extract facts from it. Write in a very formal and strictly")


def test_the_strengths_of_the_expressive_preset_read_as_written():
    personas = stored(PRESETS["expressive"]).personas
    assert personas["light"] == (
        "You write imaginative texts such as stories, verse and slogans. Write in a friendly tone. Answer in a few paragraphs. "
        "Prefer fresh wording to stock phrases. Add an idea nobody asked for where it helps. Avoid repeating yourself. Where "
        "the request asks for something else, follow the request."
    )
    assert personas["strong"] == (
        "You write imaginative texts such as stories, verse and slogans. Write in a very casual and wholeheartedly warm tone. "
        "Answer in a few paragraphs. Choose fresh and unexpected wording in every sentence, and use no stock phrase at all. "
        "Bring in bold ideas and angles that nobody asked for, and follow them where they lead. Never repeat a point, a phrase "
        "or an uncommon word. Hold to all of this from the first sentence to the last."
    )
