"""The request of the ``run`` command: its options, and the prompt from the line, the cell, a file or standard input."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from pplab.commands.options import name_value_pairs
from pplab.commands.variables import substitute, variable_names
from pplab.errors import BadInput
from pplab.inputs.texts import decode, read_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pplab.commands.session import Session
    from pplab.plan.request import RunRequest

INPUT_LIMIT = 2_000_000  # bytes of a prompt


def request_of(session: Session, arguments: argparse.Namespace) -> RunRequest:
    """Return the request that the options of ``run`` make; an option has the name of its field, but for those listed here."""
    from pplab.plan.request import RunRequest
    from pplab.plan.written import Written

    set_values = name_value_pairs("--set", arguments.set)
    sweep = _sweep(arguments.sweep or ())
    fields = {
        "prompt": given_prompt(session, arguments, optional=arguments.prompts is not None or "prompt" in (sweep or ())),
        "sweep": sweep,
        "parameters": set_values and {name: Written(text) for name, text in set_values.items()},
        "data": arguments.prompts,
        "tags": arguments.tag,
        "checks": arguments.check or None,
        "batch": arguments.out or arguments.batch or None,
        "processes": where(arguments),
    }
    options = vars(arguments)  # models and personas are swept, and have no option of their own
    fields |= {f.name: options.get(f.name) for f in dataclasses.fields(RunRequest) if f.name not in fields}
    return RunRequest(**fields)


def where(arguments: argparse.Namespace) -> int | str | None:
    """Return how many processes make the calls, or the cluster that does."""
    if arguments.on is not None and arguments.processes is not None:
        raise BadInput("--processes and --on were both given", hint="give one of them")
    where: int | str | None = arguments.processes if arguments.on is None else arguments.on
    return where


def _sweep(texts: Sequence[str]) -> dict[str, str | None] | None:
    """Return the values of each swept parameter as they were written, ``None`` for a name alone."""
    sweep: dict[str, str | None] = {}
    for text in texts:
        name, has_values, values = text.partition("=")
        if name in sweep:
            raise BadInput(f"the sweep over {name} was given twice", hint="write all its values in one --sweep")
        sweep[name] = values if has_values else None
    return sweep or None


def given_prompt(session: Session, arguments: argparse.Namespace, *, optional: bool = False) -> str | None:
    """Return the prompt from the words, the cell, a file or standard input; the same text wherever it came from.

    It is ``optional`` where a table may have the prompts, or a sweep has their wordings.
    """
    prompt = _with_variables(session, arguments, " ".join(arguments.prompt))
    if prompt and arguments.prompt_file:
        raise BadInput("the prompt was given twice", hint="give it as text or as --prompt-file")
    if arguments.prompt_file:
        prompt = read_text(arguments.prompt_file, what="the prompt file", limit=INPUT_LIMIT)
    elif not prompt and not optional and session.front_end == "terminal" and sys.stdin and not sys.stdin.isatty():
        prompt = _standard_input()
    elif not prompt and not optional:
        hint = (
            "write it in the cell"
            if session.front_end == "notebook"
            else "give it as text, with --prompt-file or on standard input"
        )
        raise BadInput("there is no prompt", hint=hint)
    return prompt.rstrip("\n") or (None if optional else "")


def _with_variables(session: Session, arguments: argparse.Namespace, text: str) -> str:
    """Return the prompt's text with the notebook's variables; in a template, columns of the table take precedence."""
    if getattr(arguments, "prompts", None) is None:
        return substitute(text, arguments.variables)
    names = variable_names(text, arguments.variables)
    if not names:
        return text
    from pplab.plan.tables import as_table

    table = as_table(arguments.prompts)
    columns = table.columns
    for name in (name for name in names if name in columns and not arguments.json):
        session.say(f"{{{name}}} is a column of the table, so the variable of that name is not used.")
    values: dict[str, str] = {}

    def as_constant(value: str) -> str:  # whose own braces are no placeholders
        name = f"\0{len(values)}"  # which no column has
        values[name] = value
        return f"{{{name}}}"

    template = substitute(text, arguments.variables, columns=columns, write=as_constant)
    arguments.prompts = dataclasses.replace(table, constants=values)
    return template


def _standard_input() -> str:
    data = sys.stdin.buffer.read(INPUT_LIMIT + 1)
    if len(data) > INPUT_LIMIT:
        raise BadInput(f"standard input is larger than {INPUT_LIMIT / 1e6:g} MB", hint="shorten it")
    return decode(data, "standard input")
