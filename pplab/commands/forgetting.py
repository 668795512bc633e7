"""The command by which texts are forgotten; it asks first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option
from pplab.commands.result import CommandResult
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def forget(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show what would go, and forget it once that was agreed to."""
    if not arguments.text:
        raise BadInput("forget takes texts only, and has to be told so", hint="write forget ID --text; scores and figures stay")
    lab = session.lab(arguments)
    if arguments.yes and not arguments.dry_run:
        report = lab.forget(arguments.id)
        return CommandResult(report, report.as_dict())
    report = lab.forget(arguments.id, dry_run=True)
    if not arguments.dry_run and session.front_end == "terminal" and sys.stdin and sys.stdin.isatty():
        print(report.words, file=sys.stderr)
        print("Forget these texts for good? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            report = lab.forget(arguments.id)
    undone = session.front_end == "terminal" and not arguments.dry_run and not report.done
    return CommandResult(report, report.as_dict(), int(undone))


COMMANDS = (
    Command(
        "forget",
        "remove the texts of an experiment, a response or a calibration for good, from every file of the lab; it asks first",
        forget,
        arguments=(Argument("id", "the id of an experiment, a response or a calibration", "1", "experiment"),),
        options=(
            Option("--text", "the texts go: prompts, answers, errors, reasons and notes; scores, costs and times stay", None),
            Option("--dry-run", "only say what would go, and where it lies", None),
            Option("--yes", "do not ask; in a notebook, and where nobody can be asked, nothing is forgotten without it", None),
        ),
        examples=("forget 3f2a9c --text --dry-run", "forget 3f2a9c --text --yes"),
    ),
)
