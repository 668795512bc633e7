"""What the commands that open a live view do; in a terminal they say where to find one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab import deeds
from pplab.errors import BadInput
from pplab.operation import Operation
from pplab.session import Done

if TYPE_CHECKING:
    import argparse

    from pplab.calibration import Calibration
    from pplab.session import Session


def calibrate(session: Session, arguments: argparse.Namespace) -> Done:
    """Open the quiz where there is someone to answer it; its end leads on to the studio."""
    headless = arguments.answers is not None or arguments.preset or arguments.questions or arguments.json
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

    lab = session.lab(arguments)
    with Operation(lab, "studio"):
        opened = Studio(lab, arguments.calibration)
    data: dict[str, Any] = {"model": opened.lab.model, "calibration": opened.draft["calibration"] or None}
    return Done(opened, data)


def dashboard(session: Session, arguments: argparse.Namespace) -> Done:
    """Open the dashboard; a terminal gets its counts and tables."""
    lab = session.lab(arguments)
    with Operation(lab, "dashboard"):
        if session.place == "notebook" and not arguments.json:
            from pplab.views.dashboard import Dashboard

            return Done(Dashboard(lab), None)
        from pplab.store.aggregates import Filters, Rollup
        from pplab.views.board import shown

        told = shown(Rollup(lab.context.store).read(Filters()), Filters())
    return Done(told.static(), told.board)


def audit(session: Session, arguments: argparse.Namespace) -> Done:
    """Open the audit console; a terminal gets its table."""
    if session.place == "terminal" or arguments.json or arguments.full:
        return deeds.audit(session, arguments)
    from pplab.views.console import Console

    lab = session.lab(arguments)
    with Operation(lab, "audit"):
        made = Console(
            lab, event=arguments.event, actor=arguments.actor, correlation=arguments.correlation, limit=arguments.limit
        )
    return Done(made, made.df)
