"""Completion of a line: commands, options, and the values that the lab and the configuration know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.commands.command import COMMON_OPTIONS
from pplab.errors import PplabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplab.commands.command import Command
    from pplab.commands.session import Session


def completions(line: str, session: Session, commands: Mapping[str, Command]) -> list[str]:
    """Return what may stand at the end of ``line`` (the text after ``%pplab``); see `pplab.commands.command_table.complete`."""
    words = line.split()
    fragment = words.pop() if words and not line[-1].isspace() else ""
    if not words:
        return [name for name in commands if name.startswith(fragment)]
    command = commands.get(words[0])
    if command is None:
        return []
    options = {option.flag: option for option in (*command.options, *COMMON_OPTIONS)}
    last = options.get(words[-1])

    def values(completes: str | None, written: str = fragment) -> list[str]:
        return _values(completes, written, session, commands)

    candidates: Sequence[str]
    if last is not None and last.convert is not None:
        candidates = last.choices or values(last.completes)
    elif fragment.startswith("-"):
        flag, equals, written = fragment.partition("=")
        if equals and flag in options:
            candidates = [f"{flag}={value}" for value in options[flag].choices or values(options[flag].completes, written)]
        else:
            used = {word.partition("=")[0] for word in words}
            candidates = [flag for flag, option in options.items() if option.repeat or flag not in used] + ["--help"]
    else:
        candidates = [value for argument in command.arguments for value in argument.choices or values(argument.completes)]
    return [candidate for candidate in candidates if candidate.startswith(fragment)]


def _values(completes: str | None, written: str, session: Session, commands: Mapping[str, Command]) -> list[str]:
    """Return the values of one sort; a lab that cannot be read has no ids to offer."""
    from pplab.config.configuration import PPLab
    from pplab.experiments.standing_runs import standing_runs
    from pplab.observe.events import CATALOGUE
    from pplab.plan.parameters import PARAMETERS

    sources: dict[str, Callable[[], list[str]]] = {
        "command": lambda: [*commands, "metrics"],
        "parameter": lambda: _parameters(written, (), several=False),
        "factor": lambda: _parameters(written, ("model", "system", "prompt"), several=True),
        "check": _checks,
        "parameter_name": lambda: list(PARAMETERS),
        "event": lambda: list(CATALOGUE),
        "configuration": lambda: [f"{name}=" for name in PPLab.names()],
        "experiment": lambda: ["latest", *session.open_lab().ids("experiment")],
        "remote": lambda: sorted(session.open_lab().remotes),
        "run": lambda: [run.experiment_id for run in standing_runs(session.open_lab().folder)],
        "calibration": lambda: ["latest", *session.open_lab().ids("calibration")],
    }
    try:
        return sources[completes]() if completes else []
    except PplabError:
        return []


def _checks() -> list[str]:
    from pplab.plan.checks import KINDS
    from pplab.scoring.checks import check_functions

    return [*KINDS, *check_functions()]


def _parameters(written: str, others: Sequence[str], *, several: bool) -> list[str]:
    """Return names of parameters with an equals sign, or after that the values of a choice, of which there may be ``several``."""
    from pplab.plan.parameters import FREE, PARAMETERS

    name, equals, values = written.partition("=")
    if not equals or name not in PARAMETERS:
        return [*(f"{name}=" for name in (*others, *PARAMETERS)), FREE]
    legal = PARAMETERS[name]
    choices = ("true", "false") if legal.kind == "flag" else legal.choices
    before = values.split(",")[:-1] if several else []
    return [f"{name}={','.join([*before, choice])}" for choice in choices if choice not in before]
