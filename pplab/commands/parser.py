"""The parser of one command: options and arguments in any order, one-line errors, and help of one width everywhere."""

from __future__ import annotations

import argparse
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from pplab.commands.command import COMMON_OPTIONS
from pplab.commands.variables import sole_variable, substitute
from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplab.commands.command import Command

NO_VARIABLES: Mapping[str, Any] = MappingProxyType({})
PERCENT = "\ue000"
POSITIONAL = "\ue001"
ARGPARSE_WORDS = (
    (r"^argument (\S+): expected one argument$", r"\1 needs a value"),
    (r"^argument (\S+): ignored explicit argument .*$", r"\1 takes no value"),
    (r"^the following arguments are required: (.*)$", r"missing: \1"),
    (r"^argument (\S+): ", r"\1: "),
)
"""What argparse says, and what a user reads instead."""


class HelpRequest(Exception):
    """A request for help instead of the command; the text to show is its message."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises one-line errors, and whose name may begin with ``%``, which argparse would take for a format."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog=prog.replace("%", PERCENT), **options)
        self.program = prog

    def format_help(self) -> str:
        return super().format_help().replace(PERCENT, "%")

    def error(self, message: str) -> NoReturn:
        for theirs, ours in ARGPARSE_WORDS:
            message = re.sub(theirs, ours, message)
        raise BadInput(message, hint=f"see: {self.program} --help")


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise HelpRequest(parser.format_help().rstrip())


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of one width everywhere, so that a notebook that shows it is the same on every run."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def parse_command(
    command: Command, words: list[str], *, program: str, variables: Mapping[str, Any] = NO_VARIABLES
) -> argparse.Namespace:
    """Return the arguments of a command, from the words that follow its name.

    Parameters
    ----------
    command
        The command.
    words
        What follows its name.
    program
        What the user types: ``%pplab`` or ``pplab``.
    variables
        The notebook's, which are replaced by their values only after options are recognised: a value is never read as an option.

    Raises
    ------
    HelpRequest
        When the words ask for help.
    BadInput
        In one line, with the nearest known option.
    """
    parser = _parser(command, program, variables)
    arguments, rest = parser.parse_known_intermixed_args(_mark_positional(words))
    _unmark(arguments)
    if rest:
        word = rest[0].split("=")[0]
        kind = "option" if word.startswith("-") else "argument"
        flags = [*(option.flag for option in (*command.options, *COMMON_OPTIONS)), "--help"]
        hint = did_you_mean(word, flags) if kind == "option" else ""
        raise BadInput(f"{program} {command.name} has no {kind} '{word}'", hint=hint or f"see: {program} {command.name} --help")
    return arguments


def command_help(command: Command, *, program: str) -> str:
    """Return the help of one command."""
    return _parser(command, program, NO_VARIABLES).format_help().rstrip()


def _parser(command: Command, program: str, variables: Mapping[str, Any]) -> _Parser:
    examples = "\n".join(f"  {program} {example}" for example in command.examples)
    parser = _Parser(
        prog=f"{program} {command.name}",
        description=sentence(command.help),
        epilog=f"examples:\n{examples}" if examples else None,
        add_help=False,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    for argument in command.arguments:
        parser.add_argument(
            argument.name,
            help=argument.help,
            nargs=None if argument.count == "1" else argument.count,
            type=_reader(
                _chooser(argument.choices) if argument.choices else argument.convert,
                NO_VARIABLES if argument.template else variables,
            ),
            metavar=argument.placeholder,
        )
    for option in (*command.options, *COMMON_OPTIONS):
        if option.convert is None:
            parser.add_argument(option.flag, help=option.help, action="store_true")
        else:
            convert = _chooser(option.choices) if option.choices else option.convert
            parser.add_argument(
                option.flag,
                help=option.help.replace("%", "%%"),
                type=_reader(convert, variables, takes_objects=option.takes_objects),
                metavar=option.placeholder,
                action="append" if option.repeat else "store",
            )
    parser.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")
    return parser


def _reader(convert: Callable[[str], Any], variables: Mapping[str, Any], *, takes_objects: bool = False) -> Callable[[str], Any]:
    """Return a function that replaces the variables in a word and then converts it."""

    def read(word: str) -> Any:
        value = sole_variable(word, variables) if takes_objects else None
        if value is not None and not isinstance(value, str):
            return value
        try:
            return convert(substitute(word, variables))
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


def _mark_positional(words: list[str]) -> list[str]:
    """Return the words, what follows ``--`` marked as no option: argparse, mixing both, loses the meaning of the dashes."""
    if "--" not in words:
        return words
    at = words.index("--")
    return [*words[:at], *(POSITIONAL + word for word in words[at + 1 :])]


def _unmark(arguments: argparse.Namespace) -> None:
    """Take the marks of `_mark_positional` away."""
    for name, value in vars(arguments).items():
        if isinstance(value, list):
            setattr(arguments, name, [word.removeprefix(POSITIONAL) if isinstance(word, str) else word for word in value])
        elif isinstance(value, str):
            setattr(arguments, name, value.removeprefix(POSITIONAL))


def sentence(words: str) -> str:
    """Return words as a sentence."""
    return words[0].upper() + words[1:] + "."
