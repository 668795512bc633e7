"""The persona: a system prompt in plain English, written from the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.calibration.questions import Value

_ROLE: dict[Value, str] = {
    "code": "You write code and solve exact problems.",
    "data": "You analyse data and extract facts from it.",
    "answers": "You answer questions and explain things clearly.",
    "translate": "You translate texts faithfully.",
    "chat": "You are a good partner in conversation.",
    "creative": "You write imaginative texts such as stories, verse and slogans.",
}
_FORMALITY: dict[Value, str] = {1: "very casual", 2: "relaxed", 4: "formal", 5: "very formal"}
_WARMTH: dict[Value, str] = {1: "strictly businesslike", 2: "reserved", 4: "friendly", 5: "very warm"}

_GUIDANCE: tuple[tuple[str, dict[Value, str]], ...] = (
    (
        "length",
        {
            "sentence": "Answer in one or two sentences.",
            "paragraph": "Answer in a single paragraph.",
            "paragraphs": "Answer in a few paragraphs.",
            "page": "Answer at about the length of one page.",
            "document": "Answer in depth, over several pages where the subject needs them.",
        },
    ),
    (
        "format",
        {
            "tidy": "Use headings or lists where they help the reader.",
            "template": "Keep exactly to the sections asked for, in the order asked for.",
            "machine": "Return exactly the requested format and nothing before or after it, because a program will read it.",
        },
    ),
    (
        "fact_cost",
        {
            4: "State as fact only what you are sure of.",
            5: "State as fact only what you are sure of, and say plainly when you do not know.",
        },
    ),
    (
        "surprise",
        {
            1: "Use plain, expected wording.",
            2: "Prefer plain wording.",
            4: "Prefer fresh wording to stock phrases.",
            5: "Choose fresh and unexpected wording, and avoid stock phrases.",
        },
    ),
    (
        "explore",
        {
            1: "Keep to what was asked and add nothing else.",
            2: "Keep to what was asked.",
            4: "Add an idea nobody asked for where it helps.",
            5: "Bring in ideas and angles that nobody asked for.",
        },
    ),
    ("repetition", {1: "Never repeat yourself.", 2: "Avoid repeating yourself."}),
)


def write_persona(answers: Mapping[str, Value]) -> str:
    """Return a few sentences that tell a model how to answer.

    Parameters
    ----------
    answers
        Checked answers, not necessarily all; a question without an answer, or with a neutral one, adds nothing.

    Returns
    -------
    str
        One paragraph. Sameness and variation are left out: a model sees one prompt at a time and cannot follow them.
        So is the length of a translation, which follows from its source.

    Examples
    --------
    >>> write_persona({"task": "chat", "warmth": 5, "length": "sentence"})
    'You are a good partner in conversation. Write in a very warm tone. Answer in one or two sentences.'
    """
    role = _ROLE.get(answers.get("task", ""), "")
    left_out = {"length"} if answers.get("task") == "translate" else set()
    rest = (texts.get(answers.get(question, ""), "") for question, texts in _GUIDANCE if question not in left_out)
    return " ".join(sentence for sentence in (role, _tone(answers), *rest) if sentence)


def _tone(answers: Mapping[str, Value]) -> str:
    formality, warmth = _FORMALITY.get(answers.get("formality", "")), _WARMTH.get(answers.get("warmth", ""))
    words = [word for word in (formality, warmth) if word]
    if not words:
        return "Write in a plain, neutral tone."
    # A formal text that is warm, or a casual one that is reserved, is a contrast and reads as one.
    contrast = (answers.get("formality", 3) in (4, 5)) == (answers.get("warmth", 3) in (4, 5))
    return f"Write in a {(' but ' if contrast else ' and ').join(words)} tone."
