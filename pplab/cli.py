"""The terminal program: ``pplab X`` is what ``%pplab X`` is in a notebook."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

from pplab.commands import command_table
from pplab.commands.result import as_json, as_json_error
from pplab.commands.session import Session
from pplab.errors import Interrupted, PplabError, in_words
from pplab.log import log_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from pplab.experiments.dependencies import Listener
    from pplab.lab import Lab


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; docs/commands.md lists them."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a character must not lose the answer around it
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    opened: list[Lab] = []

    def open_lab() -> Lab:
        from pplab.lab import Lab

        if not opened:
            opened.append(Lab())
        return opened[0]

    session = Session(open_lab, "terminal", _progress_bar, say=lambda words: print(f"pplab: {words}", file=sys.stderr))
    try:
        return _run(words, session)
    except BrokenPipeError:  # whoever read our output has gone, as in `pplab sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        session.close()
        for lab in opened:
            lab.close()


def _run(words: list[str], session: Session) -> int:
    """Run one command and print its result: with ``--json`` one line on standard output, whatever happens."""
    as_line = "--json" in words
    try:
        result = command_table.perform(words, session)
        output = as_json(result) if as_line else _text(result.value)
    except (Exception, KeyboardInterrupt) as stopped:  # noqa: BLE001 - every failure ends in one line
        if not isinstance(stopped, (PplabError, KeyboardInterrupt)):
            log_error("a command failed", stopped)
        interrupted = Interrupted("interrupted", hint="the answers that had arrived are kept")
        error = in_words(stopped, session.program) if isinstance(stopped, Exception) else interrupted
        if as_line:
            print(as_json_error(error), flush=True)
        else:
            print(f"pplab: {error}", file=sys.stderr)
        return error.exit_code
    print(output, flush=True)
    return result.exit_code


def _text(value: object) -> str:
    from pplab.views import static

    return static.as_text(value)


def _progress_bar(_lab: Lab) -> AbstractContextManager[Listener | None]:
    from pplab.views.terminal_progress import terminal_bar

    return terminal_bar()
