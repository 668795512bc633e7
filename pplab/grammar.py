"""How a command is described, and how its line is read: options, arguments, one-line errors and help of one width."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplab.session import Done, Session


@dataclass(frozen=True, slots=True)
class Option:
    """A ``--flag`` of a command. ``kind`` reads its value; ``None`` makes it a switch."""

    flag: str
    help: str
    kind: Callable[[str], Any] | None = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    repeat: bool = False
    completes: str | None = None

    @property
    def name(self) -> str:
        """The attribute its value is found under."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def shown(self) -> str | None:
        """What stands for its value in help."""
        return "|".join(self.choices) if self.choices else self.metavar


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument. ``count`` is ``1``, ``?`` (may be left out), ``*`` (any number) or ``+`` (at least one)."""

    name: str
    help: str
    count: str = "1"
    completes: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be asked for in a notebook and in a terminal alike.

    ``cell`` says what the body of a ``%%pplab`` cell is to this command (``None``: it takes no cell).
    """

    name: str
    help: str
    run: Callable[[Session, argparse.Namespace], Done]
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    cell: str | None = None
    examples: tuple[str, ...] = ()


def number(text: str) -> float:
    """Read a number, or refuse the text."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None


def whole(text: str) -> int:
    """Read a whole number, or refuse the text."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


EVERYWHERE = (
    Option("--store", "the lab's folder, or :temp:", metavar="PATH"),
    Option("--user", "who is named in the audit", metavar="NAME"),
    Option("--json", "print one line of JSON: {success, data} or {success, error}", None),
)
"""The options of every command."""


PERCENT = "\ue000"


class _Parser(argparse.ArgumentParser):
    """A parser that raises one-line errors, and whose name may begin with ``%``, which argparse would take for a format."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog=prog.replace("%", PERCENT), **options)
        self.door = prog

    def format_help(self) -> str:
        return super().format_help().replace(PERCENT, "%")

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{self.door}: {message}", hint=f"see: {self.door} --help")


class HelpAsked(Exception):
    """``--help`` was given; the text to show is its message."""


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise HelpAsked(parser.format_help().rstrip())


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of one width everywhere, so that a notebook that shows it is the same on every run."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def parser(command: Command, *, door: str) -> argparse.ArgumentParser:
    """Return the parser of one command as seen from a door (``%pplab`` or ``pplab``)."""
    examples = "\n".join(f"  {door} {e}" for e in command.examples)
    made = _Parser(
        prog=f"{door} {command.name}",
        description=sentence(command.help),
        epilog=f"examples:\n{examples}" if examples else None,
        add_help=False,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    for argument in command.arguments:
        made.add_argument(argument.name, help=argument.help, nargs=None if argument.count == "1" else argument.count)
    for option in (*command.options, *EVERYWHERE):
        if option.kind is None:
            made.add_argument(option.flag, help=option.help, action="store_true")
        else:
            made.add_argument(
                option.flag,
                help=option.help.replace("%", "%%"),
                type=_chooser(option.choices) if option.choices else option.kind,
                metavar=option.shown,
                action="append" if option.repeat else "store",
            )
    made.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")
    return made


def _chooser(choices: tuple[str, ...]) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(
                f"'{text}' is not one of {', '.join(choices)}; {did_you_mean(text, choices)}".rstrip("; ")
            )
        return text

    return choose


SHIELD = "\ue001"


def shield(words: list[str]) -> list[str]:
    """Return the words with what follows ``--`` marked as no option: argparse, mixing both, loses the dashes' meaning."""
    if "--" not in words:
        return words
    at = words.index("--")
    return [*words[:at], *(SHIELD + word for word in words[at + 1 :])]


def unshield(arguments: argparse.Namespace) -> None:
    """Take the marks of `shield` away."""
    for name, value in vars(arguments).items():
        if isinstance(value, list):
            setattr(arguments, name, [word.removeprefix(SHIELD) if isinstance(word, str) else word for word in value])
        elif isinstance(value, str):
            setattr(arguments, name, value.removeprefix(SHIELD))


def explain(command: Command, *, door: str) -> str:
    """Return the help of one command."""
    return parser(command, door=door).format_help().rstrip()


# A word as `shlex` finds it, with its quotes.
WORD = re.compile(r"""(?:[^ \t\r\n'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", re.DOTALL)


def split(line: str) -> list[str]:
    """Return the words of a magic's line, quotes respected as in a shell.

    A query of ``sql`` keeps its own quotes, since they mean something to SQL; quotes around all of it are taken off.

    Examples
    --------
    >>> split("run 'What is rain?' --n 3")
    ['run', 'What is rain?', '--n', '3']
    >>> split("sql SELECT 'a b'")
    ['sql', 'SELECT', "'a b'"]
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BadInput(f"cannot read this line: {str(error).lower()}", hint="close every quote") from None
    query = _queried(words) if words[:1] == ["sql"] else []
    if len(query) > 1:
        as_written = WORD.findall(line)
        return [as_written[i] if i in query else word for i, word in enumerate(words)]
    return words


def _queried(words: list[str]) -> list[int]:
    """Return which words of an ``sql`` line belong to the query: neither options nor their values."""
    options = [i for i, word in enumerate(words) if word.startswith("--")]
    return [i for i in range(1, len(words)) if i not in options and (i - 1 not in options or words[i - 1] == "--json")]


def sentence(words: str) -> str:
    """Return words as a sentence."""
    return words[0].upper() + words[1:] + "."


def usage(argument: Argument) -> str:
    """Return how an argument is written in a line of usage."""
    name = argument.name.upper()
    return {"1": name, "?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}[argument.count]
