"""The commands of rating: a person rates answers in the notebook, and what the ratings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option, whole_number
from pplab.commands.result import CommandResult
from pplab.errors import BadInput
from pplab.plan.ratings import ITEMS

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def rate(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show answers to be rated."""
    if session.front_end == "terminal":
        raise BadInput("rating needs a notebook", hint="open JupyterLab and run %pplab rate; pplab ratings shows what they say")
    rating = session.lab(arguments).rate(arguments.id or "latest", pairs=arguments.pairs, n=arguments.n)
    return CommandResult(rating, {"experiment": rating.experiment_id, "items": rating.total, "rated": rating.done})


def ratings(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show what the ratings of an experiment say."""
    found = session.lab(arguments).experiment(arguments.id or "latest").ratings
    return CommandResult(found, found.as_dict())


_ID = Argument("id", "an experiment's id or name (default: the latest)", "?", "experiment")
COMMANDS = (
    Command(
        "rate",
        "rate the answers of an experiment yourself, blind, in the notebook",
        rate,
        arguments=(_ID,),
        options=(
            Option("--pairs", "two answers of two settings side by side, in place of one at a time from 1 to 5", None),
            Option("--n", f"how many items in all; a tenth comes twice (default {ITEMS}, or all there are)", whole_number, "N"),
        ),
        examples=("rate", "rate latest --pairs --n 60"),
    ),
    Command(
        "ratings",
        "what people's ratings say of settings, scores and raters",
        ratings,
        arguments=(_ID,),
        examples=("ratings", "ratings latest --json"),
    ),
)
