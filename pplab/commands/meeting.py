"""The commands by which labs meet: remote, push and pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option
from pplab.commands.result import CommandResult
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session

NEEDED = {"list": 0, "add": 2, "remove": 1}
"""How many words follow each action."""


def remote(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """List, add or remove remotes, and show those there are then."""
    import pandas as pd

    lab = session.lab(arguments)
    action = arguments.action or "list"
    words = [word for word in (arguments.name, arguments.url) if word is not None]
    if len(words) != NEEDED[action]:
        usage = {"list": "remote list", "add": "remote add NAME URL", "remove": "remote remove NAME"}[action]
        raise BadInput(f"remote {action} takes {NEEDED[action]} words, not {len(words)}", hint=f"write {usage}")
    if action == "list":
        remotes = lab.remotes
    else:
        remotes = lab.add_remote(*words) if action == "add" else lab.remove_remote(*words)
        session.configuration_changed(lab)
    frame = pd.DataFrame({"name": list(remotes), "url": list(remotes.values())})
    return CommandResult(frame, frame)


def push(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Push."""
    report = session.lab(arguments).push(arguments.remote, cells=arguments.cells)
    return CommandResult(report, report.as_dict())


def pull(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Pull; what was refused is a failure to a program."""
    report = session.lab(arguments).pull(arguments.remote)
    return CommandResult(report, report.as_dict(), exit_code=0 if report.ok else 1)


_REMOTE = Argument("remote", "the remote's name (default: the only one there is)", "?", "remote")

COMMANDS = (
    Command(
        "remote",
        "list, add or remove the folders and object stores where this lab meets others",
        remote,
        arguments=(
            Argument("action", "what to do (default: list)", "?", choices=tuple(NEEDED)),
            Argument("name", "how it is called", "?", "remote"),
            Argument("url", "a folder that is there, or s3://bucket/lab, gs://..., abfs://...; without a key", "?"),
        ),
        examples=("remote add team /mnt/team/lab", "remote add team s3://bucket/lab", "remote remove team"),
    ),
    Command(
        "push",
        "put what is new in this lab onto a remote: experiments, answers, scores and the audit",
        push,
        arguments=(_REMOTE,),
        options=(Option("--cells", "also push cell executions and timings", None),),
        examples=("push", "push team --cells"),
    ),
    Command(
        "pull",
        "take what other labs pushed from a remote, every segment checked before it enters",
        pull,
        arguments=(_REMOTE,),
        examples=("pull", "pull team"),
    ),
)
