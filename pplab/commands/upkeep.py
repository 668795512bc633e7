"""The commands about the lab itself: status, sql, config and rebuild."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option
from pplab.commands.options import FULL, name_value_pairs
from pplab.commands.result import CommandResult
from pplab.errors import BadInput
from pplab.plan.vocabulary import SUSPENDED

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def status(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show where the user is, and the next step."""
    from pplab.views import static as views

    lab = session.lab(arguments)
    counts = lab.counts()
    latest = lab.experiment() if counts["experiments"] else None
    if latest is None and not counts["calibrations"]:
        step = "calibrate --preset balanced"
    elif latest is None:
        step = "run --calibration latest"
    elif latest.status in SUSPENDED:
        step = f"run --resume {'latest' if not arguments.full else latest.id}"
    else:
        step = "results"
    data = {
        "lab": str(lab.folder) if arguments.full else lab.name,
        "user": lab.user,
        "model": lab.model,
        "provider": lab.provider,
        "counts": counts,
        "latest": None if latest is None else {"id": latest.id, "status": latest.status},
        "next": step,
    }
    return CommandResult(views.status(data, latest, session.program), data)


def sql(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Run a query."""
    query = " ".join(arguments.query)
    if not query.strip():
        raise BadInput("there is no query", hint="write one SELECT")
    frame = session.lab(arguments).sql(query, arguments.param or ())
    return CommandResult(frame, frame)


def config(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show the configuration, after the changes and approvals that were asked for."""
    from pplab.config.approvals import approve, read_grant
    from pplab.config.configuration import PPLab, change_configuration, key_reports
    from pplab.views import static as views

    lab = session.lab(arguments)
    approve([read_grant(text) for text in arguments.approve or ()])
    if arguments.changes:
        lab.context.store.must_be_writable()
        change_configuration(lab.configuration, name_value_pairs("config", arguments.changes) or {}, lab.folder)
        session.configuration_changed(lab)
    traits = PPLab.class_traits(config=True)
    entries = {
        name: {"value": getattr(lab.configuration, name), "help": traits[name].help, "source": lab.configuration.source(name)}
        for name in PPLab.names()
    }
    keys = [report.text for report in key_reports(lab.configuration)]
    values = {name: entry["value"] for name, entry in entries.items()}
    sources = {name: entry["source"] for name, entry in entries.items()}
    return CommandResult(views.configuration(entries, keys), values | {"keys": keys, "sources": sources})


def rebuild(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Rebuild the tables from the journals; a difference that stays is a failure to a program."""
    report = session.lab(arguments).rebuild(swap=arguments.swap)
    return CommandResult(report, report.as_dict(), exit_code=0 if report.equal or report.swapped else 1)


STATUS = Command("status", "show where you are: lab, model, latest results and the next step", status, options=(FULL,))

COMMANDS = (
    Command(
        "sql",
        "run a SELECT over the lab's tables",
        sql,
        arguments=(Argument("query", "the query (in a notebook: the cell's body)", "*"),),
        options=(Option("--param", "the value of the next ? in the query; may be repeated", metavar="VALUE", repeat=True),),
        cell="query",
        examples=('sql "SELECT status, count(*) AS n FROM responses GROUP BY ALL"',),
    ),
    Command(
        "config",
        "show the configuration, or change it and keep the change in the lab",
        config,
        arguments=(Argument("changes", "what to change, as NAME=VALUE", "*", "configuration"),),
        options=(
            Option(
                "--approve",
                "allow the key in this variable to be sent to this address, which a lab's folder names; may be repeated",
                metavar="VARIABLE=URL",
                repeat=True,
            ),
        ),
        examples=(
            "config model=gpt-4o-mini",
            "config base_url=http://localhost:11434/v1",
            "config --approve OPENAI_API_KEY=https://models.example.org/v1",
        ),
    ),
    Command(
        "rebuild",
        "make the tables again from the journals, and show what differs from the stored ones",
        rebuild,
        options=(Option("--swap", "replace the stored tables with the new ones; the old file is kept in backup/", None),),
        examples=("rebuild", "rebuild --swap"),
    ),
)
