"""The commands of observing: dashboard, audit and timing (live in a notebook, tables elsewhere), and trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option, whole_number
from pplab.commands.options import FULL
from pplab.commands.result import CommandResult
from pplab.operation import Operation

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def dashboard(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the dashboard; a terminal gets its counts and tables."""
    lab = session.lab(arguments)
    with Operation(lab, "dashboard"):
        if session.front_end == "notebook" and not arguments.json:
            from pplab.views.widgets.dashboard import Dashboard

            return CommandResult(Dashboard(lab), None)
        from pplab.store.dashboard_figures import Filters
        from pplab.store.dashboard_queries import Rollup
        from pplab.views.widgets.dashboard_content import dashboard_content, decided

        content = dashboard_content(Rollup(lab.context.store).read(Filters()), Filters())
    now = decided(lab, content)
    return CommandResult(content.static(now), {**content.board, "headline": now.headline, "dropped": list(now.dropped)})


def audit(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the audit console; a terminal gets its table."""
    lab = session.lab(arguments)
    options = {"event": arguments.event, "actor": arguments.actor, "limit": arguments.limit}
    if session.front_end == "terminal" or arguments.json or arguments.full:
        from pplab.views import static as views

        frame = lab.audit(**options, correlation_id=arguments.correlation)
        return CommandResult(views.audit(frame, full=arguments.full), frame)
    from pplab.views.widgets.console import Console

    with Operation(lab, "audit"):
        console = Console(lab, **options, correlation=arguments.correlation)
    return CommandResult(console, console.df)


def timing(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the timing view; a terminal gets its table."""
    lab, kind = session.lab(arguments), arguments.kind
    if session.front_end == "terminal" or arguments.json or arguments.full:
        from pplab.views import static as views

        frame = lab.cells() if kind == "cell" else lab.timing(kind=kind)
        return CommandResult(views.timing(frame, full=arguments.full), frame)
    from pplab.views.widgets.timing import Timing

    with Operation(lab, "timing"):
        view = Timing(lab, kind=kind)
    return CommandResult(view, view.df)


def trace(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show what led to a record and what followed from it."""
    from pplab.views import static as views

    lab = session.lab(arguments)
    chain = lab.trace(lab.experiment().id if arguments.id in (None, "latest") else arguments.id)
    return CommandResult(views.trace(chain, full=arguments.full), chain)


COMMANDS = (
    Command("dashboard", "show live charts of every experiment in this lab, whichever notebook ran it", dashboard),
    Command(
        "audit",
        "show who did what, when, and to which record",
        audit,
        options=(
            Option("--event", "only this kind of event", metavar="NAME", completes="event"),
            Option("--actor", "only what this user did", metavar="NAME"),
            Option("--correlation", "only what this operation caused", metavar="ID"),
            Option("--limit", "only the latest N", whole_number, "N"),
            FULL,
        ),
    ),
    Command(
        "timing",
        "show how long cells, operations and calls took and what they cost, live, and where the time of one trace went",
        timing,
        options=(Option("--kind", "count only these, and show them first", choices=("operation", "call", "cell")), FULL),
    ),
    Command(
        "trace",
        "show what led to a record, and what followed from it",
        trace,
        arguments=(Argument("id", "any id of this lab (default: the latest experiment)", "?", "experiment"),),
        options=(FULL,),
    ),
)
