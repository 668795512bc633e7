"""What the commands about single calls do; the runs themselves stand with the other deeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.session import CommandResult

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def probe(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Ask whether the model honours a parameter."""
    found = session.lab(arguments).probe(
        arguments.parameter or "temperature", prompt=arguments.prompt, n=6 if arguments.n is None else arguments.n
    )
    return CommandResult(found, found.as_dict())
