"""The questions of the quiz and the values that answer them; what an answer does is in `effects`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

QUIZ_VERSION = "1"
"""Stored with every calibration. It changes whenever a question, an allowed value or an effect changes."""

Value = str | int
"""A checked answer: the word of a choice, or 1 to 5 on a scale."""


@dataclass(frozen=True, slots=True)
class Option:
    """One possible answer.

    Parameters
    ----------
    value
        What is stored: a word for a choice, 1 to 5 for a scale.
    label
        What is shown, a few words.
    """

    value: Value
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the quiz.

    Parameters
    ----------
    id
        The key of its answer.
    text
        The question as shown, a full sentence.
    kind
        ``choice`` (named options) or ``scale`` (1 to 5, with 3 as the neutral middle).
    options
        The possible answers in the order shown.
    help
        One sentence that says what the answer is used for.

    Examples
    --------
    >>> QUESTIONS[0].id, QUESTIONS[0].kind
    ('task', 'choice')
    """

    id: str
    text: str
    kind: Literal["choice", "scale"]
    options: tuple[Option, ...]
    help: str

    @property
    def values(self) -> tuple[Value, ...]:
        """The allowed values, in the order shown."""
        return tuple(option.value for option in self.options)

    @property
    def allowed(self) -> str:
        """The allowed values in words, for messages."""
        if self.kind == "scale":
            return f"1 to 5 (1 = {self.options[0].label}, 5 = {self.options[-1].label})"
        return ", ".join(str(value) for value in self.values)

    def label(self, value: Value) -> str:
        """Return the label of the option with this value."""
        return next(option.label for option in self.options if option.value == value)


def _choice(id_: str, text: str, help_: str, **labels: str) -> Question:
    return Question(id_, text, "choice", tuple(Option(value, label) for value, label in labels.items()), help_)


def _scale(id_: str, text: str, help_: str, *labels: str) -> Question:
    return Question(id_, text, "scale", tuple(Option(i, label) for i, label in enumerate(labels, 1)), help_)


QUESTIONS: tuple[Question, ...] = (
    _choice(
        "task",
        "What will the model mostly do for you?",
        "The kind of task sets where the ranges start, from published values.",
        code="Write code or solve exact problems",
        data="Analyse data or extract facts",
        answers="Answer questions and explain",
        translate="Translate texts",
        chat="Hold a conversation",
        creative="Write stories, verse or slogans",
    ),
    _scale(
        "fact_cost",
        "How bad would it be if an answer stated something false?",
        "The worse it is, the lower the highest temperature to try.",
        "Harmless",
        "A small nuisance",
        "A real nuisance",
        "Costly",
        "Serious harm",
    ),
    _scale(
        "sameness",
        "How important is it that the same prompt gives the same answer every time?",
        "Low temperatures repeat themselves, high ones vary.",
        "Not at all",
        "A little",
        "Somewhat",
        "Very",
        "Essential",
    ),
    _scale(
        "surprise",
        "How much should the choice of words surprise you?",
        "Surprising words are less likely ones, and a higher temperature lets more of them through.",
        "Never",
        "Rarely",
        "Now and then",
        "Often",
        "As much as possible",
    ),
    _choice(
        "length",
        "How long should a typical answer be?",
        "This sets the largest number of tokens an answer may use.",
        sentence="One or two sentences",
        paragraph="One paragraph",
        paragraphs="A few paragraphs",
        page="About one page",
        document="Several pages",
    ),
    _choice(
        "format",
        "How strictly must answers keep to a format?",
        "Text that a program reads leaves little room for variety.",
        free="Any form will do",
        tidy="Headings or lists where they help",
        template="Fixed sections in a fixed order",
        machine="Exact: a program reads it",
    ),
    _scale(
        "formality",
        "How formal should the answers sound?",
        "This shapes the persona and leaves the parameters alone.",
        "Very casual",
        "Relaxed",
        "Neutral",
        "Formal",
        "Very formal",
    ),
    _scale(
        "warmth",
        "How warm and personal should the answers sound?",
        "This shapes the persona and leaves the parameters alone.",
        "Strictly to the point",
        "Reserved",
        "Neutral",
        "Friendly",
        "Warm and personal",
    ),
    _scale(
        "repetition",
        "How much repetition within one answer can you accept?",
        "The less you accept, the higher the frequency penalty to try.",
        "None",
        "Very little",
        "Some",
        "A good deal",
        "Any amount",
    ),
    _scale(
        "explore",
        "How welcome are ideas that you did not ask for?",
        "The more welcome they are, the higher the presence penalty and temperature to try.",
        "Not at all",
        "Rarely welcome",
        "Sometimes welcome",
        "Welcome",
        "Very welcome",
    ),
    _scale(
        "variation",
        "If you sent the same prompt twice, how different should the second answer be?",
        "This checks an earlier answer: the two together say how sure the ranges are.",
        "Word for word the same",
        "Nearly the same",
        "Either is fine",
        "Clearly different",
        "Completely different",
    ),
)

BY_ID: dict[str, Question] = {question.id: question for question in QUESTIONS}
