"""Prompts made of a template with ``{column}`` placeholders and a table, one a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplab.errors import BadInput, did_you_mean
from pplab.plan.tables import PROMPT_COLUMN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pplab.plan.tables import Table

MARK = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}")
WORDS = re.compile(r"[\w .-]*[^\W\d][\w .-]*")
"""A text that may be the name of a column, unlike code, numbers and formulas in braces."""
DIALECTS = ("{{%s}}", "${%s}", "$%s", "%%(%s)s", "<%s>", "[[%s]]", "[%s]", "%%%s%%", "#{%s}")
"""The placeholders of other tools."""


def fill(template: str | None, table: Table, cluster: str | None = None) -> tuple[list[str], tuple[str, ...] | None]:
    """Return one prompt a row, and the cluster of each if a cluster column was named.

    Parameters
    ----------
    template
        Text with placeholders such as ``{text}``; ``None`` takes the column ``prompt``. Braces that are part of
        the text are doubled: ``{{`` and ``}}``.
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
    names = ", ".join(filter(None, columns))
    if cluster is not None and cluster not in columns:
        raise BadInput(f"there is no column '{cluster}'", hint=did_you_mean(cluster, columns) or f"columns: {names}")
    if not table.rows:
        raise BadInput("the table of prompts has no rows", hint="give at least one")
    if template is None:
        if PROMPT_COLUMN not in columns:
            raise BadInput("the table has no column 'prompt'", hint=f"write a template with {{column}}; columns: {names}")
        template = "{" + PROMPT_COLUMN + "}"
    pieces = list(_pieces(template, {*columns, *table.constants}))
    missing = [piece for piece, kind in pieces if kind == "missing"]
    if missing:
        unknown = ", ".join(f"'{name}'" for name in dict.fromkeys(missing))
        near = next(filter(None, (did_you_mean(name, columns) for name in missing)), "")
        hint = f"its columns are: {names}; {near or 'double the braces that are part of the text: {{ }}'}"
        raise BadInput(f"the table has no column {unknown}", hint=hint)
    if not any(kind == "column" and piece in columns for piece, kind in pieces):
        raise BadInput(f"the template uses no column of its table ({names})", hint=_placeholder_hint(template, columns))
    prompts = [
        "".join(table.cell(row, piece) if kind == "column" else piece for piece, kind in pieces) for row in range(len(table.rows))
    ]
    clusters = None if cluster is None else tuple(table.cell(row, cluster) for row in range(len(table.rows)))
    return prompts, clusters


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
