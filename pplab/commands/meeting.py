"""The commands by which labs meet: remote, push and pull; one of them goes on until it is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option
from pplab.commands.result import CommandResult
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session
    from pplab.lab import Lab

NEEDED = {"list": 0, "add": 2, "remove": 1, "sync": 1}
"""How many words follow each action."""


USAGE = {
    "list": "remote list",
    "add": "remote add NAME URL",
    "remove": "remote remove NAME",
    "sync": "remote sync NAME --every 2",
}


def remote(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """List, add or remove remotes, and show those there are then; or exchange with one until an interrupt."""
    action = arguments.action or "list"
    words = [word for word in (arguments.name, arguments.url) if word is not None]
    if len(words) != NEEDED[action]:
        raise BadInput(f"remote {action} takes {NEEDED[action]} words, not {len(words)}", hint=f"write {USAGE[action]}")
    if arguments.every is not None and action not in ("add", "sync"):
        raise BadInput(f"remote {action} takes no --every", hint="it belongs to remote add and remote sync")
    if arguments.cells and action != "sync":
        raise BadInput(f"remote {action} takes no --cells", hint="it belongs to push and remote sync")
    if action == "sync":
        return _sync(session, arguments, *words)
    lab = session.lab(arguments)
    if action == "add":
        lab.add_remote(*words, every=arguments.every)
    elif action == "remove":
        lab.remove_remote(*words)
    if action != "list":
        session.configuration_changed(lab)
    return _listed(lab)


def _sync(session: Session, arguments: argparse.Namespace, name: str) -> CommandResult:
    if session.front_end == "notebook":
        raise BadInput(
            "remote sync goes on until it is interrupted, and no other cell could run meanwhile",
            hint="write remote add NAME URL --every 2: then the lab exchanges while it is open",
        )
    every = {} if arguments.every is None else {"every": arguments.every}
    report = session.lab(arguments).sync(name, cells=arguments.cells, tell=session.say, **every)
    return CommandResult(report, report.as_dict())


def _listed(lab: Lab) -> CommandResult:
    """Return the remotes; of those that the lab exchanges with by itself also how often, and how it goes."""
    import pandas as pd

    from pplab.config.exchanges import exchange_failure
    from pplab.remote.exchange_state import exchange_state

    remotes, live = lab.remotes, lab.configuration.live
    frame = pd.DataFrame({"name": list(remotes), "url": list(remotes.values())})
    if live.keys() & remotes.keys():
        states = [exchange_state(lab.folder, name) for name in remotes]
        frame["every_s"] = [live.get(name) for name in remotes]
        frame["last_exchange"] = [state.at or None for state in states]
        failures = [exchange_failure(lab.configuration, name) if name in live else "" for name in remotes]
        frame["failure"] = [failure or state.failure or None for failure, state in zip(failures, states, strict=True)]
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
        "list, add or remove the folders and object stores where this lab meets others, or exchange with one all the time",
        remote,
        arguments=(
            Argument("action", "what to do (default: list)", "?", choices=tuple(NEEDED)),
            Argument("name", "how it is called", "?", "remote"),
            Argument("url", "a folder that is there, or s3://bucket/lab, gs://..., abfs://...; without a key", "?"),
        ),
        options=(
            Option("--every", "with add: exchange so often whenever the lab is open; with sync: default 2", metavar="SECONDS"),
            Option("--cells", "with sync: also push cell executions and timings", None),
        ),
        examples=(
            "remote add team /mnt/team/lab",
            "remote add team s3://bucket/lab --every 2",
            "remote sync team",
            "remote remove team",
        ),
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
