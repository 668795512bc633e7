"""The command of the runs under way: list them, follow one, and steer one's own, from any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.commands.command import Argument, Command, Option
from pplab.commands.result import CommandResult
from pplab.commands.running import experiment_result
from pplab.errors import BadInput
from pplab.operation import Operation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pplab.commands.session import Session
    from pplab.lab import Lab

ACTIONS = {
    "follow": "--follow",
    "pause": "--pause",
    "go_on": "--go-on",
    "cancel": "--cancel",
    "limit": "--limit",
}
LIMITS = ("concurrency", "max_cost")


def runs(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """List the runs under way; or follow or steer one of them, and say where it stands then."""
    lab = session.lab(arguments)
    given = [name for name in ACTIONS if getattr(arguments, name) is not None]
    if len(given) > 1:
        raise BadInput(f"{' and '.join(ACTIONS[name] for name in given)} cannot be combined", hint="give one of them")
    if arguments.limits and given != ["limit"]:
        raise BadInput(f"'{arguments.limits[0]}' belongs to no option", hint="write --limit ID concurrency=8")
    if given == ["follow"]:
        return _follow(session, lab, arguments)
    if given:
        steer_run(lab, given[0], getattr(arguments, given[0]), arguments.limits)
    return _listed(lab)


def _listed(lab: Lab) -> CommandResult:
    from pplab.views.runs_table import runs_table

    frame = lab.runs()
    return CommandResult(runs_table(frame), frame)


def _follow(session: Session, lab: Lab, arguments: argparse.Namespace) -> CommandResult:
    experiment = lab.experiment(arguments.follow)
    with session.progress(lab, arguments) as listener:
        experiment.wait(on=listener)
    return experiment_result(experiment)


def steer_run(lab: Lab, action: str, wanted: str, limits: Sequence[str] = ()) -> None:
    """Have a run carry out one of `ACTIONS` other than to be followed; one whose process died is cancelled by putting it aside.

    Raises
    ------
    BadInput
        When it is no run of this user, or the order makes no sense for it.
    """
    from pplab.experiments.standing_runs import put_aside, standing_run

    with Operation(lab, "steer"):
        experiment = lab.manager.experiment(wanted)
        run = standing_run(lab.folder, experiment.id)
        if action == "cancel" and run is not None and not run.alive:
            put_aside(lab.folder, experiment.id)
        elif experiment.status != "running":
            raise BadInput(
                f"this experiment is not running: it is {experiment.status}",
                hint="runs alone lists those that are under way",
            )
        elif action == "limit":
            experiment.limit(**_limits(limits))
        else:
            getattr(experiment, action)()


def _limits(words: Sequence[str]) -> dict[str, Any]:
    """Return the limits that were given, as words; `Experiment.limit` reads them as numbers."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in LIMITS:
            raise BadInput(f"'{word}' is no limit", hint="write concurrency=8 or max_cost=2.50")
        found[name] = value
    return found


COMMANDS = (
    Command(
        "runs",
        "list the runs under way in this lab, whoever began them; follow one, or steer one of yours",
        runs,
        arguments=(Argument("limits", "with --limit: concurrency=N, max_cost=USD", "*"),),
        options=(
            Option(
                "--follow", "show how a run goes on until it ends; an interrupt ends that only", metavar="ID", completes="run"
            ),
            Option("--pause", "send nothing new; calls under way are finished", metavar="ID", completes="run"),
            Option("--go-on", "go on after --pause", metavar="ID", completes="run"),
            Option("--cancel", "end a run; what arrived is kept, and --resume completes it", metavar="ID", completes="run"),
            Option("--limit", "give a run other limits while it runs", metavar="ID", completes="run"),
        ),
        examples=("runs", "runs --follow latest", "runs --limit latest concurrency=8 max_cost=5"),
    ),
)
