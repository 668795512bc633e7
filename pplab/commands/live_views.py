"""What the commands that open a live view do; in a terminal they say where to find one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.commands import general
from pplab.commands.session import CommandResult
from pplab.errors import BadInput
from pplab.operation import Operation

if TYPE_CHECKING:
    import argparse

    from pplab.calibration import Calibration
    from pplab.commands.session import Session


def calibrate(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the quiz where there is someone to answer it; its end leads on to the studio."""
    headless = arguments.answers is not None or arguments.preset or arguments.questions or arguments.json
    if headless or session.place == "terminal":
        return general.calibrate(session, arguments)
    from pplab.views.widgets.quiz import Quiz
    from pplab.views.widgets.studio import Studio

    lab = session.lab(arguments)

    def proceed(calibration: Calibration) -> Studio:
        return Studio(lab, calibration)

    quiz = Quiz(lab)
    quiz.on_proceed(proceed)
    return CommandResult(quiz, None)


def studio(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the studio."""
    if session.place == "terminal":
        raise BadInput("the studio needs a notebook", hint="open JupyterLab and run %pplab studio, or use: pplab run")
    from pplab.views.widgets.studio import Studio

    lab = session.lab(arguments)
    with Operation(lab, "studio"):
        opened = Studio(lab, arguments.calibration)
    data: dict[str, Any] = {"model": opened.lab.model, "calibration": opened.draft["calibration"] or None}
    return CommandResult(opened, data)


def dashboard(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the dashboard; a terminal gets its counts and tables."""
    lab = session.lab(arguments)
    with Operation(lab, "dashboard"):
        if session.place == "notebook" and not arguments.json:
            from pplab.views.widgets.dashboard import Dashboard

            return CommandResult(Dashboard(lab), None)
        from pplab.store.dashboard_queries import Filters, Rollup
        from pplab.views.widgets.dashboard_content import shown

        told = shown(Rollup(lab.context.store).read(Filters()), Filters())
    return CommandResult(told.static(), told.board)


def audit(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the audit console; a terminal gets its table."""
    if session.place == "terminal" or arguments.json or arguments.full:
        return general.audit(session, arguments)
    from pplab.views.widgets.console import Console

    lab = session.lab(arguments)
    with Operation(lab, "audit"):
        made = Console(
            lab, event=arguments.event, actor=arguments.actor, correlation=arguments.correlation, limit=arguments.limit
        )
    return CommandResult(made, made.df)
