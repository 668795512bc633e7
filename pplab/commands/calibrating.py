"""The command of calibration: the quiz in a notebook, answers from a file or a preset anywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import joined
from pplab.calibration.from_ratings import RATINGS
from pplab.commands.command import Command, Option
from pplab.commands.result import CommandResult
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from pplab.calibration import Calibration
    from pplab.commands.session import Session


def calibrate(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Calibrate from answers or a preset; without either, open the quiz or, in a terminal, list its questions."""
    from pplab.calibration import QUESTIONS
    from pplab.views import static as views

    answers, preset = arguments.answers, arguments.preset
    if getattr(arguments, "from"):
        return _from_ratings(session, arguments)
    if arguments.experiment is not None:
        raise BadInput("--experiment needs --from ratings", hint="write calibrate --from ratings --experiment ID")
    if answers is not None and preset and not arguments.questions:
        raise BadInput("--answers and --preset were both given", hint="give one of them")
    if arguments.questions or (answers is None and not preset):
        if session.front_end == "notebook" and not (arguments.questions or arguments.json):
            return _quiz(session, arguments)
        return CommandResult(views.questions(QUESTIONS), [dataclasses.asdict(question) for question in QUESTIONS])
    source: Any = preset or (Path(answers) if isinstance(answers, str) else answers)
    calibration = session.lab(arguments).calibrate(source)
    return CommandResult(calibration, calibration.as_dict())


def _from_ratings(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Narrow the ranges of an experiment's calibration to the settings that people chose, and say what to try next."""
    if arguments.answers is not None or arguments.preset or arguments.questions:
        raise BadInput("--from ratings takes neither answers nor a preset", hint="the calibration of the experiment is narrowed")
    lab = session.lab(arguments)
    calibration = lab.calibrate(lab.experiment(arguments.experiment or "latest").ratings)
    moved = dict.fromkeys(move["parameter"] for move in calibration.explanation if move["question_id"] == RATINGS)
    values = (f"{name} {joined((f'{value:g}' for value in calibration.points[name]), 'and')}" for name in moved)
    if next_ := "; ".join(values):
        session.say(f"To try next: {next_}. A run in this calibration (run --calibration latest) tries them.")
    return CommandResult(calibration, calibration.as_dict())


def _quiz(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the quiz, whose end leads on to the studio."""
    from pplab.views.widgets.quiz import Quiz
    from pplab.views.widgets.studio import Studio

    lab = session.lab(arguments)

    def proceed(calibration: Calibration) -> Studio:
        return Studio(lab, calibration)

    quiz = Quiz(lab)
    quiz.on_proceed(proceed)
    return CommandResult(quiz, None)


COMMANDS = (
    Command(
        "calibrate",
        "get parameter ranges and a persona: from a quiz, or from people's ratings",
        calibrate,
        options=(
            Option("--answers", "a JSON file with the answers", metavar="FILE", takes_objects=True),
            Option("--preset", "ready-made answers for a common need", choices=("precise", "balanced", "expressive")),
            Option("--from", "narrow the calibration of an experiment to the settings that people chose", choices=("ratings",)),
            Option("--experiment", "whose ratings (default: the latest experiment)", metavar="ID"),
            Option("--questions", "list the questions and the allowed answers", None),
        ),
        examples=("calibrate --preset balanced", "calibrate --answers answers.json", "calibrate --from ratings"),
    ),
)
