"""The calibration quiz: one question at a time, with a preview of where the answers lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from pplab.calibration import QUESTIONS, partial
from pplab.views.widgets.base import LabWidget, chosen, owned
from pplab.views.widgets.calibration_data import Axis, Preview, calibrated_axes, preview_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.calibration import Calibration
    from pplab.lab import Lab
    from pplab.views.records import Display


class QuizOption(TypedDict):
    """One possible answer."""

    value: str | int
    label: str


class QuizQuestion(TypedDict):
    """One question."""

    id: str
    text: str
    help: str
    options: tuple[QuizOption, ...]


class Finish(TypedDict):
    """The user is done: store these answers. They come along because a changed trait may be sent later than a message."""

    kind: Literal["finish"]
    answers: dict[str, str | int]


class Proceed(TypedDict):
    """The user wants to experiment with the stored calibration."""

    kind: Literal["proceed"]


class Quiz(LabWidget):
    """The quiz as a widget; what it stores is what ``lab.calibrate(answers)`` stores.

    Parameters
    ----------
    lab
        Where the calibration is stored.

    Attributes
    ----------
    calibration : Calibration or None
        What was stored when the user finished last, if they have.

    Examples
    --------
    >>> quiz = Quiz(lab)  # doctest: +SKIP
    >>> quiz.on_proceed(lambda calibration: print(calibration.ranges))  # doctest: +SKIP
    >>> quiz  # doctest: +SKIP
    """

    bundle: ClassVar[str] = "quiz"
    takes: ClassVar[tuple[type, ...]] = (Finish, Proceed)

    questions = owned(tuple[QuizQuestion, ...])
    axes = owned(tuple[Axis, ...])
    preview = owned(Preview)
    saved = owned(bool, default=False)
    cell = owned(str, default="")
    below = owned(str, default="")
    answers = chosen(dict[str, str | int])
    step = chosen(int, default=0)

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.calibration: Calibration | None = None
        self._proceeding: list[Callable[[Calibration], Any]] = []
        self._opened: list[Any] = []
        super().__init__(lab, questions=_questions(), axes=calibrated_axes(), answers={}, preview=preview_of(partial({})))
        self.observe(self._answered, "answers")

    def on_proceed(self, callback: Callable[[Calibration], Any]) -> None:
        """Call ``callback(calibration)`` when the user proceeds; a `LabWidget` that it returns opens below the quiz.

        Without a callback the quiz shows the cell to run next.
        """
        self._proceeding.append(callback)

    def static(self) -> Display:
        """Return the stored calibration, or the questions as long as there is none."""
        from pplab.views import static

        return static.calibration(self.calibration) if self.calibration else static.questions(QUESTIONS)

    def close(self) -> None:
        """End the quiz and what was opened below it."""
        for widget in self._opened:
            widget.close()
        super().close()

    # -- what the front end asks for --------------------------------------------------------------------------------------------

    def _answered(self, change: Any) -> None:
        with self._turn:
            try:
                self.preview = preview_of(partial(change["new"]))
            except Exception as error:  # noqa: BLE001 - shown in the widget
                self.show(error)
                return
            self.saved = self.calibration is not None and self.calibration.answers == change["new"]

    def _take_finish(self, message: Finish) -> None:
        with self.timed("calibrate") as timing:
            self.calibration = self.lab.calibrate(message["answers"])
            timing["correlation_id"] = self.calibration.correlation_id
        self.preview = preview_of(partial(message["answers"]))
        self.cell = self.below = ""
        self.saved = True

    def _take_proceed(self, _message: Proceed) -> None:
        if self.calibration is None:
            return
        for callback in self._proceeding:
            opened = callback(self.calibration)
            if isinstance(opened, LabWidget):
                self._opened.append(opened)
                self.below = f"anywidget:{opened.model_id}"
        if not self.below:
            self.cell = "%%pplab run --calibration latest --sweep temperature --n 5\nWrite a tagline for a notebook."


def _questions() -> tuple[QuizQuestion, ...]:
    return tuple(
        QuizQuestion(
            id=question.id,
            text=question.text,
            help=question.help,
            options=tuple(QuizOption(value=option.value, label=option.label) for option in question.options),
        )
        for question in QUESTIONS
    )
