"""The words of a magic's line: split as in a shell, without the comment at its end, each with its role."""

from __future__ import annotations

import re
import shlex
from types import MappingProxyType
from typing import TYPE_CHECKING

from pplab.commands.typography import CLOSING, Quoted
from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.commands.command import Command

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
    switches = {"--json", "--help", "-h"} | {o.flag for o in (command.options if command else ()) if o.convert is None}
    labels: list[str] = []
    for i, word in enumerate(words):
        previous = words[i - 1] if i else ""
        if "--" in words[:i]:
            labels.append("text")
        elif i == 0 and not word.startswith("-"):
            labels.append("command")
        elif labels[-1:] == ["option"] and previous not in switches and "=" not in previous:
            labels.append("value")
        else:
            labels.append("option" if word.startswith("--") else "text")
    return labels


def _without_comment(line: str, commands: Mapping[str, Command]) -> str:
    """Return a line without the comment at its end.

    It begins with a word that begins with ``#`` in no quotes. Where the line holds a prompt that may be part of it: there a
    comment is a ``#`` alone, after a prompt in quotes or after an option; anything else that could be one is refused.
    """
    matches = list(WORD.finditer(line))
    words = [match.group() for match in matches]
    command = commands.get(words[0]) if words else None
    labels = roles(words, command)
    prose = bool(words) and (words[0] == "run" if command is None else command.prose)
    for i, word in enumerate(words):
        if not word.startswith("#") or labels[i] == "value" or "--" in words[:i] or words[0] == "sql":
            continue
        cut = line[: matches[i].start()]
        complete = i == 0 or labels[i - 1] != "text" or words[i - 1][0] in "\"'"
        is_alone = not word.strip("#")
        if not prose or (is_alone and complete):
            return cut
        if is_alone or (complete and "text" in labels[:i]):
            comment = line[matches[i].start() :].strip()
            raise BadInput(
                f"'{comment}' may be a comment or part of the prompt", hint="leave it out, or put quotes around all of the prompt"
            )
    return line
