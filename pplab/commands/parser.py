"""How a command is described, and how its line is read: options, arguments, one-line errors and help of one width."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from pplab.commands.typography import CLOSING, Quoted
from pplab.commands.variables import alone, put_in
from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplab.commands.session import CommandResult, Session


@dataclass(frozen=True, slots=True)
class Option:
    """A ``--flag`` of a command. ``kind`` reads its value; ``None`` makes it a switch.

    ``objects`` says that a notebook's variable may stand for the value whatever it holds, such as a DataFrame for a table.
    """

    flag: str
    help: str
    kind: Callable[[str], Any] | None = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    repeat: bool = False
    completes: str | None = None
    objects: bool = False

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
    """A positional argument. ``count`` is ``1``, ``?`` (may be left out), ``*`` (any number) or ``+`` (at least one).

    ``template`` says that the command itself puts variables in, since the columns of a table go before them.
    """

    name: str
    help: str
    count: str = "1"
    completes: str | None = None
    template: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be asked for in a notebook and in a terminal alike.

    ``cell`` says what the body of a ``%%pplab`` cell is to this command (``None``: it takes no cell).
    """

    name: str
    help: str
    run: Callable[[Session, argparse.Namespace], CommandResult]
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


NO_VARIABLES: Mapping[str, Any] = MappingProxyType({})


def parser(command: Command, *, door: str, variables: Mapping[str, Any] = NO_VARIABLES) -> argparse.ArgumentParser:
    """Return the parser of one command as seen from a door (``%pplab`` or ``pplab``).

    Variables are put in after the words are told apart: what they hold is never read as an option, nor split.
    """
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
        made.add_argument(
            argument.name,
            help=argument.help,
            nargs=None if argument.count == "1" else argument.count,
            type=_reader(str, NO_VARIABLES if argument.template else variables),
        )
    for option in (*command.options, *EVERYWHERE):
        if option.kind is None:
            made.add_argument(option.flag, help=option.help, action="store_true")
        else:
            made.add_argument(
                option.flag,
                help=option.help.replace("%", "%%"),
                type=_reader(_chooser(option.choices) if option.choices else option.kind, variables, objects=option.objects),
                metavar=option.shown,
                action="append" if option.repeat else "store",
            )
    made.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")
    return made


def _reader(kind: Callable[[str], Any], variables: Mapping[str, Any], *, objects: bool = False) -> Callable[[str], Any]:
    """Return a function that puts variables into a word and then reads it."""

    def read(word: str) -> Any:
        held = alone(word, variables) if objects else None
        if held is not None and not isinstance(held, str):
            return held
        try:
            return kind(put_in(word, variables))
        except BadInput as error:  # which argparse would take for any other ValueError
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


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


def split(line: str, commands: Mapping[str, Command] = MappingProxyType({})) -> list[str]:
    """Return the words of a magic's line, quotes respected as in a shell, without a comment at its end.

    A query of ``sql`` keeps its own quotes, since they mean something to SQL; quotes around all of it are taken off.

    Parameters
    ----------
    line
        What follows ``%pplab``.
    commands
        The table, which knows which options take a value and where a line holds a prompt.

    Examples
    --------
    >>> split("run 'What is rain?' --n 3  # a first try")
    ['run', 'What is rain?', '--n', '3']
    >>> split("sql SELECT 'a b'")
    ['sql', 'SELECT', "'a b'"]
    """
    line = _without_comment(line, commands)
    try:
        words = shlex.split(line)
    except ValueError as error:
        curly = "; curly quotes do not count, write \" or '" if any(quote in line for quote in CLOSING) else ""
        raise BadInput(f"cannot read this line: {str(error).lower()}", hint=f"close every quote{curly}") from None
    query = [i for i, role in enumerate(roles(words, commands.get("sql"))) if role == "text"] if words[:1] == ["sql"] else []
    as_written = WORD.findall(line)
    if len(query) > 1:
        return [as_written[i] if i in query else word for i, word in enumerate(words)]
    return [Quoted(word) if {"'", '"'} & set(written) else word for word, written in zip(words, as_written, strict=True)]


def roles(words: Sequence[str], command: Command | None) -> list[str]:
    """Return what each word of a line is: the ``command``, an ``option``, the ``value`` of one, or ``text``.

    Without the command to ask, every option but ``--json`` is taken to have a value.
    """
    switches = {"--json", "--help", "-h"} | {o.flag for o in (command.options if command else ()) if o.kind is None}
    found: list[str] = []
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        if "--" in words[:i]:
            found.append("text")
        elif i == 0 and not word.startswith("-"):
            found.append("command")
        elif found[-1:] == ["option"] and before not in switches and "=" not in before:
            found.append("value")
        else:
            found.append("option" if word.startswith("--") else "text")
    return found


def _without_comment(line: str, commands: Mapping[str, Command]) -> str:
    """Return a line without the comment at its end.

    It begins with a word that begins with ``#`` in no quotes. Where the line holds a prompt that may be part of it: there a
    comment is a ``#`` alone, after a prompt in quotes or after an option; anything else that could be one is refused.
    """
    found = list(WORD.finditer(line))
    words = [match.group() for match in found]
    command = commands.get(words[0]) if words else None
    kinds = roles(words, command)
    prose = bool(words) and (words[0] == "run" if command is None else command.cell == "prompt")
    for i, word in enumerate(words):
        if not word.startswith("#") or kinds[i] == "value" or "--" in words[:i] or words[0] == "sql":
            continue
        cut = line[: found[i].start()]
        complete = i == 0 or kinds[i - 1] != "text" or words[i - 1][0] in "\"'"
        is_alone = not word.strip("#")
        if not prose or (is_alone and complete):
            return cut
        if is_alone or (complete and "text" in kinds[:i]):
            shown = line[found[i].start() :].strip()
            raise BadInput(
                f"'{shown}' may be a comment or part of the prompt", hint="leave it out, or put quotes around all of the prompt"
            )
    return line


def sentence(words: str) -> str:
    """Return words as a sentence."""
    return words[0].upper() + words[1:] + "."


def usage(argument: Argument) -> str:
    """Return how an argument is written in a line of usage."""
    name = argument.name.upper()
    return {"1": name, "?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} [{name} ...]"}[argument.count]
