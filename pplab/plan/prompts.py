"""Prompts from a table, one a row: as they stand in a column, or made of a template with ``{column}`` placeholders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, did_you_mean
from pplab.plan.messages import EXAMPLE, parse_conversation
from pplab.plan.tables import MESSAGES_COLUMN, PROMPT_COLUMN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pplab.plan.messages import Prompt
    from pplab.plan.tables import Table

MARK = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}")
WORDS = re.compile(r"[\w .-]*[^\W\d][\w .-]*")
"""A text that may be the name of a column, unlike code, numbers and formulas in braces."""
DIALECTS = ("{{%s}}", "${%s}", "$%s", "%%(%s)s", "<%s>", "[[%s]]", "[%s]", "%%%s%%", "#{%s}")
"""The placeholders of other tools."""


def fill(template: Prompt | None, table: Table, cluster: str | None = None) -> tuple[list[Any], tuple[str, ...] | None]:
    """Return one prompt a row, and the cluster of each if a cluster column was named.

    Parameters
    ----------
    template
        Text with placeholders such as ``{text}``, or a conversation with them in its messages; ``None`` takes the column
        ``prompt`` or ``messages`` (see `prompt_column`). Braces that are part of the text are doubled: ``{{`` and ``}}``.
    table
        One row a prompt.
    cluster
        The column whose equal values belong together in the statistics.

    Raises
    ------
    BadInput
        When the template names an unknown column or none at all; when a cell that it needs is empty or holds no text.
    """
    columns = table.columns
    if cluster is not None and cluster not in columns:
        names = ", ".join(filter(None, columns))
        raise BadInput(f"there is no column '{cluster}'", hint=did_you_mean(cluster, columns) or f"columns: {names}")
    if not table.rows:
        raise BadInput("the table of prompts has no rows", hint="give at least one")
    rows = range(len(table.rows))
    if template is None:
        column = prompt_column(table)
        prompts = [_prompt_cell(table, row, column) for row in rows]
    elif isinstance(template, str):
        pieces = _checked_pieces([template], table)[0]
        prompts = [_filled(pieces, table, row) for row in rows]
    else:
        messages = _checked_pieces([turn["content"] for turn in template], table)
        prompts = [
            tuple({**turn, "content": _filled(pieces, table, row)} for turn, pieces in zip(template, messages, strict=True))
            for row in rows
        ]
    clusters = None if cluster is None else tuple(table.cell(row, cluster) for row in rows)
    return prompts, clusters


def prompt_column(table: Table) -> str:
    """Return the column that holds the prompts of a table without a template: ``prompt``, or ``messages`` for conversations."""
    present = [name for name in (PROMPT_COLUMN, MESSAGES_COLUMN) if name in table.columns]
    names = ", ".join(filter(None, table.columns))
    if not present:
        hint = f"write a template with {{column}}; columns: {names}"
        raise BadInput("the table has no column 'prompt' and no column 'messages'", hint=hint)
    if len(present) > 1:
        raise BadInput("the table has both a column 'prompt' and a column 'messages'", hint="leave one of them out")
    return present[0]


def _prompt_cell(table: Table, row: int, column: str) -> Any:
    """Return the text or the conversation that a cell holds; in a column of conversations, text is JSON."""
    value = table.value(row, column)
    if isinstance(value, str) and column == MESSAGES_COLUMN:
        value = parse_conversation(value)
        if value is None:
            raise BadInput(f"row {row + 1:,}, column '{column}' holds no conversation", hint=f"write it like {EXAMPLE}")
    return value if isinstance(value, (list, tuple)) or hasattr(value, "tolist") else table.cell(row, column)


def _checked_pieces(templates: Sequence[str], table: Table) -> list[list[tuple[str, str]]]:
    """Return the parts of one or several texts that are filled together, see `_pieces`."""
    columns = table.columns
    names = ", ".join(filter(None, columns))
    texts = [list(_pieces(template, {*columns, *table.constants})) for template in templates]
    missing = [piece for pieces in texts for piece, kind in pieces if kind == "missing"]
    if missing:
        unknown = ", ".join(f"'{name}'" for name in dict.fromkeys(missing))
        near = next(filter(None, (did_you_mean(name, columns) for name in missing)), "")
        hint = f"its columns are: {names}; {near or 'double the braces that are part of the text: {{ }}'}"
        raise BadInput(f"the table has no column {unknown}", hint=hint)
    if not any(kind == "column" and piece in columns for pieces in texts for piece, kind in pieces):
        hint = _placeholder_hint("\n".join(templates), columns)
        if columns == (MESSAGES_COLUMN,):
            hint = "leave the template out to send its conversations"
        raise BadInput(f"the template uses no column of its table ({names})", hint=hint)
    return texts


def _filled(pieces: Sequence[tuple[str, str]], table: Table, row: int) -> str:
    return "".join(table.cell(row, piece) if kind == "column" else piece for piece, kind in pieces)


def _pieces(template: str, columns: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the template's parts in order, each a ``column``, a ``missing`` one, or ``text`` that is sent as it stands."""
    at, doubled = 0, 0
    for mark in MARK.finditer(template):
        yield template[at : mark.start()], "text"
        at = mark.end()
        whole, name = mark.group(), (mark[1] or "").strip()
        if whole == "{{":
            doubled += 1
            yield "{", "text"
        elif whole == "}}":  # of a pair, or the ends of two braces that stand for themselves
            yield ("}" if doubled else whole), "text"
            doubled = max(0, doubled - 1)
        elif name in columns and name:
            yield name, "column"
        elif WORDS.fullmatch(name) or re.split("[:!]", name)[0].strip() in columns:
            yield name, "missing"
        else:
            yield whole, "text"
    yield template[at:], "text"


def _placeholder_hint(template: str, columns: Collection[str]) -> str:
    names = [name for name in columns if name]
    for name in names:
        spaced = re.sub(r"\s+", "", template)
        for dialect in DIALECTS:
            written = dialect % name
            if re.sub(r"\s+", "", written) in spaced:
                meaning = f", {written} stands for {{{name}}} as text" if dialect == DIALECTS[0] else ""
                return f"write {{{name}}} instead of {written}{meaning}"
    return f"write {{{names[0] if names else 'column'}}} where the value of a row should stand"
