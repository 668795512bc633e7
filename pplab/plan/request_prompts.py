"""The prompts of a request: as they were given, from the rows of a table, in one wording or several."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.inputs.paths import given_path
from pplab.inputs.texts import read_text
from pplab.inputs.values import as_list
from pplab.plan.messages import EXAMPLE, check_prompt, check_prompts, is_conversation, is_message, turns_of
from pplab.plan.plan import Wording
from pplab.plan.prompts import fill, prompt_column
from pplab.plan.tables import as_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


LONGEST_NAME = 60  # characters of a persona's or a wording's name


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPrompts:
    """The prompts of a request; the cluster of each and its row of the table, if there is one; and the wordings, if several."""

    prompts: Sequence[Any]
    clusters: tuple[str, ...] | None = None
    rows: tuple[Mapping[str, str | None], ...] | None = None
    wordings: Sequence[Wording] = ()


def request_prompts(prompt: Any, swept: Any, data: Any, cluster: Any) -> RequestPrompts:
    """Return the prompts of a request, or raise `BadInput` in one line.

    Parameters
    ----------
    prompt
        A text, a conversation (a list of messages), a list of both, a template for ``data``, or wordings by name.
    swept
        Wordings that were given as a sweep over the prompt: by name, or as files.
    data
        A table, or its path.
    cluster
        The column of ``data`` that groups its rows.
    """
    if cluster is not None and data is None:
        raise BadInput("cluster was given without data", hint="pass data= as well")
    if cluster is not None and not isinstance(cluster, str):
        raise BadInput("cluster must be the name of a column", hint="put the groups into a column of the table")
    if is_message(prompt):
        raise BadInput("the prompt is one message", hint=f"put it in a list: {EXAMPLE}")
    if swept is not None or isinstance(prompt, Mapping):
        return _worded(named_texts("wording", prompt if swept is None else swept), data, cluster)
    return _as_given(prompt) if data is None else _from_table(prompt, data, cluster)


def _as_given(prompt: Any) -> RequestPrompts:
    """Return the prompts that were given as such: a text, a conversation, or a list of both."""
    if prompt is None:
        raise BadInput("there is no prompt", hint="give the text that the model should answer")
    if hasattr(prompt, "columns"):
        raise BadInput("a table is not a prompt", hint="pass it as data=, with a template as the prompt")
    one = isinstance(prompt, (str, bytes, Mapping)) or not hasattr(prompt, "__iter__")
    listed = [prompt] if one else list(prompt)
    if any(isinstance(item, Mapping) for item in listed):  # the messages of one conversation
        listed = [listed]
    return RequestPrompts(prompts=check_prompts(map(text_of, listed)))


def _from_table(prompt: Any, data: Any, cluster: str | None) -> RequestPrompts:
    """Return one prompt for each row of a table, made of a template or as it stands there."""
    template = text_of(prompt)
    if is_conversation(template):
        template = turns_of(check_prompt(template))
    if template is not None and not isinstance(template, (str, tuple)):
        raise BadInput("with data, the prompt must be one template", hint="write it with {column} placeholders")
    table = as_table(data)
    prompts, clusters = fill(template, table, cluster)
    rows = table.records(prompt_column(table) if template is None else None)
    return RequestPrompts(prompts=check_prompts(prompts), clusters=clusters, rows=rows)


def _worded(templates: Mapping[str, str], data: Any, cluster: str | None) -> RequestPrompts:
    """Return the prompts in each wording; a row of the table is what pairs them."""
    if data is None:
        wordings = [Wording(name, text, (text,)) for name, text in templates.items()]
        return RequestPrompts(prompts=wordings[0].prompts, wordings=wordings)
    table = as_table(data)
    wordings, clusters = [], None
    for name, template in templates.items():
        texts, clusters = fill(template, table, cluster)
        wordings.append(Wording(name, template, tuple(texts)))
    if clusters is None:
        clusters = tuple(f"row {first + 1}" for first in _units([wording.prompts for wording in wordings]))
    return RequestPrompts(prompts=wordings[0].prompts, clusters=clusters, rows=table.records(None), wordings=wordings)


def _units(wordings: Sequence[Sequence[str]]) -> list[int]:
    """Return for each row the first one that it shares a text with, in whichever wording, directly or by way of other rows.

    Rows that are the same are one unit of the statistics; so are rows that some wording does not tell apart, for what is
    answered to one of them says nothing of another.

    Examples
    --------
    >>> _units([["a", "b", "a"], ["x", "y", "z"]]), _units([["a", "b", "c"], ["x", "y", "y"]])
    ([0, 1, 0], [0, 1, 1])
    """
    first = list(range(len(wordings[0])))

    def root(row: int) -> int:
        while first[row] != row:
            row = first[row]
        return row

    for texts in wordings:
        seen: dict[str, int] = {}
        for row, text in enumerate(texts):
            one, other = sorted((root(row), root(seen.setdefault(text, row))))
            first[other] = one
    return [root(row) for row in range(len(first))]


def named_texts(what: str, given: Any) -> dict[str, str]:
    """Return named texts: a mapping, or files (``@FILE``, or paths) that are named after themselves."""
    if isinstance(given, Mapping):
        texts = dict(given)
    else:
        files = given.split(",") if isinstance(given, str) else as_list(given)
        texts = dict(_named_file(what, file) for file in files)
        if len(texts) < len(files):
            raise BadInput(f"two of the files have one name, which would be that of the {what}", hint="rename one")
    if not texts:
        raise BadInput(f"there is no {what}", hint="give at least one")
    checked: dict[str, str] = {}
    for name, given_text in texts.items():
        if not isinstance(name, str) or name != name.strip() or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise BadInput(f"{name!r} cannot name a {what}", hint=f"use 1 to {LONGEST_NAME} printable characters")
        text = text_of(given_text)
        if is_conversation(text):
            raise BadInput(f"the {what} '{name}' is a conversation, which it cannot be yet", hint="give it as text")
        if not isinstance(text, str):
            raise BadInput(
                f"the {what} '{name}' must be text, not {type(text).__name__}", hint="pass a string, or a Path to a text file"
            )
        if text in checked.values():
            other = next(known for known, same in checked.items() if same == text)
            raise BadInput(f"the {what}s '{other}' and '{name}' are the same text", hint="leave one of them out")
        checked[name] = text
    return checked


def _named_file(what: str, file: Any) -> tuple[str, Path]:
    """Return the file that holds a text, and the name it gives it."""
    if isinstance(file, str) and file.strip().startswith("@"):
        file = file.strip()[1:].strip()
    elif not isinstance(file, os.PathLike):
        hint = 'write {"plain": "...", "warm": "..."}, or files as @plain.txt,@warm.txt'
        raise BadInput(f"each {what} needs a name", hint=hint)
    path = given_path(file, f"the file of a {what}", "give the path of a text file")
    return path.stem, path


def text_of(value: Any) -> Any:
    """Return the text of a file that is given by its path; anything else stays as it is."""
    return read_text(value).rstrip("\n") if isinstance(value, os.PathLike) else value
