"""The persona: a system prompt in plain English, written from the answers, in three strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.calibration.questions import Value

Strength = Literal["light", "medium", "strong"]

STRENGTHS: tuple[Strength, ...] = ("light", "medium", "strong")
"""How strongly a persona can be put, from the least to the most. Medium is what the answers say."""

_ROLE: dict[Value, str] = {
    "code": "You write code and solve exact problems.",
    "data": "You analyse data and extract facts from it.",
    "answers": "You answer questions and explain things clearly.",
    "translate": "You translate texts faithfully.",
    "chat": "You are a good partner in conversation.",
    "creative": "You write imaginative texts such as stories, verse and slogans.",
}

# The scales go one step beyond the answers, to 0 and 6, for the strong persona.
_FORMALITY: dict[Value, str] = {
    0: "thoroughly casual",
    1: "very casual",
    2: "relaxed",
    4: "formal",
    5: "very formal",
    6: "strictly formal",
}
_WARMTH: dict[Value, str] = {
    0: "wholly impersonal",
    1: "strictly businesslike",
    2: "reserved",
    4: "friendly",
    5: "very warm",
    6: "wholeheartedly warm",
}

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
            6: "State as fact only what you are sure of, mark all else as uncertain, and say plainly when you do not know.",
        },
    ),
    (
        "surprise",
        {
            0: "Use only plain, expected wording, and one word for one thing throughout.",
            1: "Use plain, expected wording.",
            2: "Prefer plain wording.",
            4: "Prefer fresh wording to stock phrases.",
            5: "Choose fresh and unexpected wording, and avoid stock phrases.",
            6: "Choose fresh and unexpected wording in every sentence, and use no stock phrase at all.",
        },
    ),
    (
        "explore",
        {
            0: "Keep strictly to what was asked, without a remark before, beside or after it.",
            1: "Keep to what was asked and add nothing else.",
            2: "Keep to what was asked.",
            4: "Add an idea nobody asked for where it helps.",
            5: "Bring in ideas and angles that nobody asked for.",
            6: "Bring in bold ideas and angles that nobody asked for, and follow them where they lead.",
        },
    ),
    (
        "repetition",
        {
            0: "Never repeat a point, a phrase or an uncommon word.",
            1: "Never repeat yourself.",
            2: "Avoid repeating yourself.",
        },
    ),
)

_MIDDLE = 3
_STEPS: dict[Strength, int] = {"light": -1, "medium": 0, "strong": 1}
_CLOSING: dict[Strength, str] = {
    "light": "Where the request asks for something else, follow the request.",
    "medium": "",
    "strong": "Hold to all of this from the first sentence to the last.",
}


def write_persona(answers: Mapping[str, Value], strength: Strength = "medium") -> str:
    """Return a few sentences that tell a model how to answer.

    Parameters
    ----------
    answers
        Checked answers, not necessarily all; a question without an answer, or with a neutral one, adds nothing.
    strength
        ``medium`` says what was answered. ``light`` takes every scale a step towards its neutral middle and lets the request go
        first; ``strong`` takes it a step further out and insists. The role, the length and the format are the same in all three,
        so that answers differ in manner alone.

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
    wished = {question: _step(answer, _STEPS[strength]) for question, answer in answers.items()}
    role = _ROLE.get(wished.get("task", ""), "")
    left_out = {"length"} if wished.get("task") == "translate" else set()
    rest = (texts.get(wished.get(question, ""), "") for question, texts in _GUIDANCE if question not in left_out)
    return " ".join(sentence for sentence in (role, _tone(wished), *rest, _CLOSING[strength]) if sentence)


def _step(answer: Value, away: int) -> Value:
    """Return an answer on a scale so many steps further from the neutral middle, which stays; a choice stays too."""
    if isinstance(answer, str) or answer == _MIDDLE:
        return answer
    return answer + away if answer > _MIDDLE else answer - away


def _tone(answers: Mapping[str, Value]) -> str:
    formality, warmth = answers.get("formality", _MIDDLE), answers.get("warmth", _MIDDLE)
    words = [word for word in (_FORMALITY.get(formality), _WARMTH.get(warmth)) if word]
    if not words:
        return "Write in a plain, neutral tone."
    # A formal text that is warm, or a casual one that is reserved, is a contrast and reads as one.
    contrast = _more(formality) == _more(warmth)
    return f"Write in a {(' but ' if contrast else ' and ').join(words)} tone."


def _more(answer: Value) -> bool:
    return isinstance(answer, int) and answer > _MIDDLE
