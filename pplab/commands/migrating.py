"""The command of migrating: whether a new model can take the place of an old one, and under which setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option, number, whole_number
from pplab.commands.result import CommandResult
from pplab.commands.run_request import given_prompt
from pplab.commands.running import PROMPT_FILE
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def migrate(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Race a new model against an old one; the exit code is the outcome's."""
    from pplab.share.export import target
    from pplab.views import static as views

    if arguments.package and (Path(arguments.package).is_absolute() or arguments.package.startswith("~")):
        raise BadInput(
            "--package is outside the working folder", hint="give a path inside it; in Python, lab.export takes any path"
        )
    if not isinstance(arguments.prompt, list):  # a cell's body is one
        arguments.prompt = [arguments.prompt] if arguments.prompt else []
    lab = session.lab(arguments)
    junit = target(arguments.junit, lab.folder, "migrate", "xml") if arguments.junit else None
    with session.progress(lab, arguments) as listener:
        moved = lab.migrate(
            arguments.old,
            arguments.new,
            prompt=given_prompt(session, arguments, optional=True),
            data=arguments.prompts,
            cluster=arguments.cluster,
            calibration=arguments.calibration,
            n=arguments.n,
            margin=arguments.margin,
            max_calls=arguments.max_calls,
            max_cost=arguments.max_cost,
            on=listener,
        )
    if junit is not None:
        moved.to_junit(junit)
    if arguments.package:
        ids = [moved.experiment.id, *([moved.baseline_id] if moved.baseline_id else [])]
        lab.export(ids, "package", arguments.package)
    value = views.migration(moved, latency=True) if session.front_end == "terminal" else moved
    return CommandResult(value, moved.as_dict(), exit_code=moved.exit_code)


COMMANDS = (
    Command(
        "migrate",
        "say whether a new model can replace an old one, and how to ask it; exit code 0 go, 1 no-go, 3 cannot tell",
        migrate,
        arguments=(
            Argument(
                "old", "the old model; or an experiment's id or name, or a package, which have its answers", "1", "experiment"
            ),
            Argument("new", "the new model; several are tried side by side", "+"),
        ),
        options=(
            Option(
                "--prompts",
                "a table of prompts for an old model, as in run; an old experiment has its own",
                metavar="FILE",
                takes_objects=True,
            ),
            Option("--cluster", "a column of --prompts: rows with the same value count as one group", metavar="COLUMN"),
            Option(
                "--prompt", "a template with {column} placeholders for --prompts (in a notebook: the cell's body)", metavar="TEXT"
            ),
            PROMPT_FILE,
            Option(
                "--calibration",
                "tell the models what follows from this calibration (an id, or latest)",
                metavar="ID",
                completes="calibration",
            ),
            Option("--n", "replicates: how often each prompt is asked under each setting (default 2)", whole_number, "N"),
            Option("--margin", "a loss of utility that does not matter (default 0.03)", number, "UTILITY"),
            Option("--max-calls", "the most calls it makes", whole_number, "N"),
            Option("--max-cost", "a limit in US dollars; it pauses before the call that could exceed it", number, "USD"),
            Option("--junit", "also write the outcome as JUnit XML to this file, inside the working folder", metavar="FILE"),
            Option("--package", "also write the answers, old and new, as a package to this file", metavar="FILE"),
        ),
        cell="prompt",
        examples=(
            "migrate gpt-4o-mini gpt-5-mini --prompts prompts.csv --max-cost 1",
            "migrate latest gpt-5-mini gpt-5-nano --junit migrate.xml",
        ),
    ),
)
