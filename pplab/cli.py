"""The terminal's door: ``pplab X`` is what ``%pplab X`` is in a notebook."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pplab import commands, deeds
from pplab.errors import PplabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from pplab.lab import Lab

DOOR = "pplab"
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 failed, 2 bad usage, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    wants_json = "--json" in words
    opened: list[Lab] = []

    def open_lab() -> Lab:
        from pplab.lab import Lab

        if not opened:
            opened.append(Lab())
        return opened[0]

    session = deeds.Session(open_lab, place="terminal", progress=None if wants_json else _progress)
    try:
        done = commands.perform(words, session, door=DOOR)
        if wants_json:
            print(deeds.as_json(done))
        else:
            print(_text(done.value))
    except commands.HelpAsked as asked:
        print(asked)
        return 0
    except PplabError as error:
        if wants_json:
            print(deeds.as_json_error(error))
        else:
            print(f"pplab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("pplab: interrupted; what arrived is kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone, as in `pplab sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        session.close()
        for lab in opened:
            lab.close()
    return done.exit_code


def _text(value: Any) -> str:
    from pplab.views import results

    return results.as_text(value)


def _progress() -> AbstractContextManager[Any]:
    from pplab.views.progress import terminal_bar

    return terminal_bar()
