"""The persona reads as English, says what was answered and leaves out what was not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.calibration import PRESETS, QUESTIONS, derive, partial

SOME_ANSWERS = st.fixed_dictionaries({}, optional={q.id: st.sampled_from(q.values) for q in QUESTIONS})


@given(SOME_ANSWERS)
def test_a_persona_is_one_paragraph_of_whole_sentences(answers):
    persona = partial(answers).persona
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
