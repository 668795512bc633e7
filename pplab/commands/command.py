"""The description of a command: its name, arguments, options, help and handler, as one record."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.commands.result import CommandResult
    from pplab.commands.session import Session


@dataclass(frozen=True, slots=True)
class Option:
    """A ``--flag`` of a command.

    Parameters
    ----------
    flag
        How it is written.
    help
        What it does, in one line.
    convert
        Reads its value from a word; ``None`` makes it a switch.
    metavar
        What stands for its value in help.
    choices
        The values allowed.
    repeat
        Whether it may be given several times.
    completes
        What its value is completed with, see `pplab.commands.completion`.
    takes_objects
        Whether a notebook's variable may stand for the value whatever it holds, such as a DataFrame for a table.
    """

    flag: str
    help: str
    convert: Callable[[str], Any] | None = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    repeat: bool = False
    completes: str | None = None
    takes_objects: bool = False

    @property
    def name(self) -> str:
        """The attribute that holds its value."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def placeholder(self) -> str | None:
        """What stands for its value in help."""
        return "|".join(self.choices) if self.choices else self.metavar


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument.

    Parameters
    ----------
    name, help
        How it is called, and what it is.
    count
        ``1``, ``?`` (may be left out), ``*`` (any number) or ``+`` (at least one).
    completes
        What it is completed with, see `pplab.commands.completion`.
    template
        Whether the command itself replaces variables, since the columns of a table take precedence over them.
    convert
        Reads its value from a word.
    choices
        The values allowed; they are shown in place of the name.
    """

    name: str
    help: str
    count: str = "1"
    completes: str | None = None
    template: bool = False
    convert: Callable[[str], Any] = str
    choices: tuple[str, ...] | None = None

    @property
    def placeholder(self) -> str | None:
        """What stands for its value in help, where that is not its name."""
        return "|".join(self.choices) if self.choices else None

    @property
    def usage(self) -> str:
        """How it is written in a line of usage."""
        name = self.placeholder or self.name.upper()
        return {"1": name, "?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}[self.count]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the same in a notebook and in a terminal.

    Parameters
    ----------
    name, help
        How it is called, and what it does in one line.
    run
        The handler: from a session and parsed arguments to a result.
    arguments, options
        What it takes beside `COMMON_OPTIONS`.
    cell
        The argument or option that the body of a ``%%pplab`` cell gives; ``None`` where the command takes no cell.
    examples
        Lines without the program's name.
    """

    name: str
    help: str
    run: Callable[[Session, argparse.Namespace], CommandResult]
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    cell: str | None = None
    examples: tuple[str, ...] = ()

    @property
    def prose(self) -> bool:
        """Whether its line may hold a prompt."""
        return any(argument.name == "prompt" for argument in self.arguments)


def number(text: str) -> float:
    """Return the number that a word says, or refuse it."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None


def whole_number(text: str) -> int:
    """Return the whole number that a word says, or refuse it."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


COMMON_OPTIONS = (
    Option("--store", "the lab's folder, or :temp: for a lab that ends with the process", metavar="PATH"),
    Option("--user", "the name to write into the audit", metavar="NAME"),
    Option("--json", "print one line of JSON: {success, data} or {success, error}", None),
)
"""The options of every command."""
