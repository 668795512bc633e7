"""What the commands that open a live view do; in a terminal they say where to find one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab import deeds
from pplab.errors import BadInput
from pplab.session import Done

if TYPE_CHECKING:
    import argparse

    from pplab.calibration import Calibration
    from pplab.session import Session


def calibrate(session: Session, arguments: argparse.Namespace) -> Done:
    """Open the quiz where there is someone to answer it; its end leads on to the studio."""
    headless = arguments.answers or arguments.preset or arguments.questions or arguments.json
    if headless or session.place == "terminal":
        return deeds.calibrate(session, arguments)
    from pplab.views.quiz import Quiz
    from pplab.views.studio import Studio

    lab = session.lab(arguments)

    def proceed(calibration: Calibration) -> Studio:
        return Studio(lab, calibration)

    quiz = Quiz(lab)
    quiz.on_proceed(proceed)
    return Done(quiz, None)


def studio(session: Session, arguments: argparse.Namespace) -> Done:
    """Open the studio."""
    if session.place == "terminal":
        raise BadInput("the studio needs a notebook", hint="open JupyterLab and run %pplab studio, or use: pplab run")
    from pplab.views.studio import Studio

    opened = Studio(session.lab(arguments), arguments.calibration)
    data: dict[str, Any] = {"model": opened.lab.model, "calibration": opened.draft["calibration"] or None}
    return Done(opened, data)
