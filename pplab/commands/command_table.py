"""The one command table: both magics, the terminal program, help, completion and the reference are made from it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from pplab.commands import calibrating, doctor, judging, meeting, migrating, observing, rating, running, runs, sharing, upkeep
from pplab.commands.command import COMMON_OPTIONS, Argument, Command
from pplab.commands.completion import completions
from pplab.commands.line import roles
from pplab.commands.parser import NO_VARIABLES, HelpRequest, command_help, parse_command, sentence
from pplab.commands.result import CommandResult, text_result
from pplab.commands.typography import refuse_typography
from pplab.errors import BadInput, NotFound, did_you_mean, in_words
from pplab.secrets import Scrubber

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pplab.commands.session import Session


def _help(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.scoring import pages
    from pplab.scoring.registry import registered
    from pplab.views import static as views

    topic = arguments.topic
    if topic is None:
        return text_result(overview(session.program))
    if topic in COMMANDS:
        return text_result(command_help(COMMANDS[topic], program=session.program))
    metrics = [metric.name for metric in registered()]
    if topic in ("metrics", *metrics, *pages.PAGES):
        names = metrics if topic == "metrics" else [topic]
        text = "\n\n".join(pages.doc(name) for name in names)
        return CommandResult(views.document(text), text)
    topics = [*COMMANDS, "metrics", *dict.fromkeys((*metrics, *pages.PAGES))]
    raise NotFound(f"there is no help on '{topic}'", hint=did_you_mean(topic, topics) or f"topics: {', '.join(topics)}")


HELP = Command(
    "help", "explain a command or a topic", _help, arguments=(Argument("topic", "a command, or metrics", "?", "command"),)
)

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        upkeep.STATUS,
        *calibrating.COMMANDS,
        *running.COMMANDS,
        *runs.COMMANDS,
        *judging.COMMANDS,
        *rating.COMMANDS,
        *observing.COMMANDS,
        *sharing.COMMANDS,
        *meeting.COMMANDS,
        *migrating.COMMANDS,
        *upkeep.COMMANDS,
        *doctor.COMMANDS,
        HELP,
    )
}


def parse(
    words: Sequence[str], *, program: str, variables: Mapping[str, Any] = NO_VARIABLES
) -> tuple[Command, argparse.Namespace]:
    """Return the command that ``words`` name and its arguments, in which the notebook's variables are replaced.

    Raises
    ------
    HelpRequest
        When the words ask for help.
    BadInput
        In one line, with the nearest known command or option.
    """
    if words and words[0] in ("-h", "--help"):
        raise HelpRequest(overview(program))
    is_named = bool(words) and not words[0].startswith("-")
    name = words[0] if is_named else upkeep.STATUS.name
    if name not in COMMANDS:
        raise BadInput(f"unknown command '{name}'", hint=did_you_mean(name, COMMANDS) or f"commands: {', '.join(COMMANDS)}")
    command = COMMANDS[name]
    if not is_named:
        texts = [word for word, role in zip(words, roles(words, command), strict=True) if role == "text"]
        if late := next((word for word in texts if word in COMMANDS), None):
            raise BadInput("the command comes before its options", hint=f"write {program} {late} {words[0]} ...")
    _refuse_typography(command, words)
    arguments = parse_command(command, list(words[1:] if is_named else words), program=program, variables=variables)
    arguments.variables = variables
    return command, arguments


def _refuse_typography(command: Command, words: Sequence[str]) -> None:
    plain = words[: words.index("--")] if "--" in words else words
    flags = {option.flag for option in (*command.options, *COMMON_OPTIONS)} | {"--help"}
    refuse_typography(list(zip(plain, roles(plain, command), strict=True)), flags, prose=command.prose)


def perform(
    words: Sequence[str], session: Session, *, cell: str | None = None, variables: Mapping[str, Any] = NO_VARIABLES
) -> CommandResult:
    """Run the command that ``words`` name.

    Parameters
    ----------
    words
        The command, its options and arguments.
    session
        Where it runs.
    cell
        The body of a cell magic.
    variables
        Those of the notebook; they are replaced in the words, never in a cell's body.

    Raises
    ------
    PplabError
        When it cannot be done; a one-line message with a hint, without keys.
    """
    try:
        command, arguments = parse(words, program=session.program, variables=variables)
        if cell is not None:
            _take_cell(command, arguments, cell)
        return command.run(session, arguments)
    except HelpRequest as request:
        return text_result(str(request))
    except Exception as error:
        from pplab.config.configuration import environment_secrets

        failure = in_words(error, session.program)
        failure.scrub(Scrubber(*environment_secrets()))
        if failure is error:
            raise
        raise failure from error


def _take_cell(command: Command, arguments: argparse.Namespace, body: str) -> None:
    if command.cell is None:
        takers = " and ".join(f"%%pplab {other.name}" for other in COMMANDS.values() if other.cell)
        raise BadInput(f"%%pplab {command.name} takes no cell body", hint=f"write %pplab {command.name} alone; {takers} take one")
    if getattr(arguments, command.cell):
        raise BadInput(f"the {command.cell} was given on the line and in the cell", hint="leave one of them out")
    setattr(arguments, command.cell, [body.rstrip("\n")])
    arguments.variables = NO_VARIABLES


def complete(line: str, session: Session) -> list[str]:
    """Return what may stand at the end of ``line`` (the text after ``%pplab``): commands, options, values and ids.

    Examples
    --------
    >>> complete("run --stre", session=None)
    ['--stream']
    """
    return completions(line, session, COMMANDS)


def overview(program: str) -> str:
    """Return the list of commands with one line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {command.name:<{width}}{command.help}" for command in COMMANDS.values()]
    return "\n".join([f"usage: {program} COMMAND [options]   ({program} COMMAND --help explains one)", "", "commands:", *lines])


PREFACE = """
`%pplab X` in a notebook and `pplab X` in a terminal are the same thing. Every command also takes `--store PATH`,
`--user NAME`, `--help` and `--json`, which prints exactly one line: `{"success": true, "data": ...}` or
`{"success": false, "error": {"code", "message", "hint", "correlation_id"}}`. The terminal program exits with 0 when all is well,
1 when something failed (also a run in which every call failed, a check that found a difference, and a migration that is a no-go),
2 for wrong usage, 3 when `check` or `migrate` cannot tell, and 130 when it was interrupted. [parameters.md](parameters.md) has
what `--set` and `--sweep` take.
"""


def reference() -> str:
    """Return the command reference in Markdown (the docs' ``commands.md`` is this text; a test compares them)."""
    parts = ["# Commands", "", textwrap.fill(PREFACE.strip(), 120)]
    for command in COMMANDS.values():
        line = " ".join(argument.usage for argument in command.arguments)
        parts += ["", f"## {command.name}", "", sentence(command.help)]
        parts += ["", f"    pplab {command.name} {line}".rstrip() + (" [options]" if command.options else "")]
        if command.cell:
            parts += ["", f"As a cell magic (`%%pplab {command.name}`), the cell's body is the {command.cell}."]
        rows = [(argument.placeholder or argument.name, argument.help) for argument in command.arguments]
        rows += [(f"{o.flag} {o.placeholder}" if o.convert else o.flag, o.help) for o in command.options]
        if rows:
            parts += ["", "| | |", "|---|---|", *(f"| `{a.replace('|', chr(92) + '|')}` | {b} |" for a, b in rows)]
        if command.examples:
            parts += ["", *textwrap.indent("\n".join(f"pplab {e}" for e in command.examples), "    ").splitlines()]
    return "\n".join(parts) + "\n"
