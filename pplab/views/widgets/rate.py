"""The rating form: answers in the cell, blind, one at a time on a scale or two side by side, and a person who rates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypedDict

from pplab.plan.ratings import GRADES
from pplab.views import html
from pplab.views.escape import escape_text
from pplab.views.records import Display
from pplab.views.text import notice
from pplab.views.widgets.base import LabWidget, owned

if TYPE_CHECKING:
    from pplab.experiments.rating import RatingItem, RatingSession
    from pplab.lab import Lab

PROMPT_CAP: Final = 20_000
"""Characters of a prompt that are shown."""
QUESTIONS: Final = {
    False: "How good is this answer to the prompt? You do not see which setting wrote it.",
    True: "Which answer would you rather get? You do not see which setting wrote it.",
}
"""What is asked: of one answer, or of a pair."""
STOPPING: Final = "Each rating is saved at once: stop when you like, and run the cell again to go on."


class Choice(TypedDict):
    """What can be said of an item: its value, the key that says it (``KeyboardEvent.key``), its sign if it has one, its words."""

    value: str
    key: str
    sign: str
    label: str


GRADE_CHOICES: Final = tuple(
    Choice(value=grade, key=grade, sign="", label=f"{grade} {word}")
    for grade, word in zip(GRADES, ("bad", "poor", "fair", "good", "excellent"), strict=True)
)
"""The words of the absolute category rating scale (ITU-T P.800, 1996, annex B)."""
PREFERENCE_CHOICES: Final = (
    Choice(value="left", key="ArrowLeft", sign="←", label="Left is better"),
    Choice(value="equal", key="=", sign="=", label="Equal"),
    Choice(value="both_bad", key="x", sign="x", label="Both bad"),
    Choice(value="right", key="ArrowRight", sign="→", label="Right is better"),
)


class ShownItem(TypedDict):
    """An item as it is shown: ``answers`` are sanitised HTML, one or the left and the right."""

    number: int
    prompt: str
    answers: tuple[str, ...]


class Standing(TypedDict):
    """How far the rating is: what comes now, the choice that can be undone, and at the end what the ratings say."""

    done: int
    item: ShownItem | None
    last: str
    outcome: str


class Rate(TypedDict):
    """The person rates the item with this number."""

    kind: Literal["rate"]
    number: int
    choice: str
    note: str


class Undo(TypedDict):
    """The person takes the last rating back. ``number`` is that of the item they see, 0 at the end."""

    kind: Literal["undo"]
    number: int


class RatingForm(LabWidget):
    """A rating session as a widget. Before the end the page holds no setting, model, score or id of what is rated.

    Parameters
    ----------
    lab
        The lab of the session, whose user is named in the audit.
    session
        What is rated, and where the ratings are stored.

    Examples
    --------
    >>> RatingForm(lab, session)  # doctest: +SKIP
    """

    bundle: ClassVar[str] = "rate"
    takes: ClassVar[tuple[type, ...]] = (Rate, Undo)

    question = owned(str, default="")
    stopping = owned(str, default=STOPPING)
    choices = owned(tuple[Choice, ...])
    total = owned(int, default=0)
    standing = owned(Standing)

    def __init__(self, lab: Lab, session: RatingSession) -> None:
        self.session = session
        super().__init__(
            lab,
            question=QUESTIONS[session.pairs],
            choices=PREFERENCE_CHOICES if session.pairs else GRADE_CHOICES,
            total=session.total,
            standing=_standing(session),
        )

    def static(self) -> Display:
        """Return what is rated and how, without how far it has come."""
        total = self.session.total
        what = f"{total:,} pairs of answers, side by side" if self.session.pairs else f"{total:,} answers on a scale"
        words = f"Rating of {what}, blind: run the cell to go on."
        return Display(html=html.page("", html.notice("info", words)), text=notice("info", words))

    # -- what the front end asks for --------------------------------------------------------------------------------------------

    def _take_rate(self, message: Rate) -> None:
        item = self.session.item
        if item is not None and message["number"] == item.number:  # or it was sent twice, or by another view
            self.session.rate(message["choice"], message["note"])
        self.standing = _standing(self.session)

    def _take_undo(self, message: Undo) -> None:
        item = self.session.item
        if self.session.last and message["number"] == (item.number if item else 0):
            self.session.undo()
        self.standing = _standing(self.session)


def _standing(session: RatingSession) -> Standing:
    item = session.item
    if item is None:
        return Standing(done=session.done, item=None, last=session.last, outcome=escape_text(session.outcome))
    return Standing(done=session.done, item=_shown(item), last=session.last, outcome="")


def _shown(item: RatingItem) -> ShownItem:
    return ShownItem(
        number=item.number, prompt=_prompt(item.prompt), answers=tuple(html.model_html(text) for text in item.answers)
    )


def _prompt(prompt: str) -> str:
    prompt = escape_text(prompt)
    left = len(prompt) - PROMPT_CAP
    return f"{prompt[:PROMPT_CAP]}\n({left:,} more characters are in the data frame.)" if left > 0 else prompt
