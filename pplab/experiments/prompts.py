"""Prompts from data: a template with ``{column}`` placeholders filled from the rows of a frame, a CSV or a JSONL file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    import os

    import pandas as pd

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_ ]*)\}")
PROMPT_COLUMN = "prompt"


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the rows of a ``.csv``, ``.jsonl`` or ``.json`` file as text columns."""
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise BadInput(f"there is no file '{path.name}'", hint="check the path of the prompts")
    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            return pd.read_json(path, lines=True, dtype=False)
        if path.suffix.lower() == ".json":
            return pd.read_json(path, dtype=False)
        if path.suffix.lower() == ".txt":
            return pd.DataFrame({PROMPT_COLUMN: [line for line in path.read_text("utf-8").splitlines() if line.strip()]})
    except (ValueError, OSError, UnicodeError) as error:
        raise BadInput(f"'{path.name}' cannot be read: {str(error).splitlines()[0]}", hint="check its format") from None
    raise BadInput(f"'{path.name}' is not a table of prompts", hint="use .csv, .jsonl, .json or .txt (one prompt a line)")


def fill(template: str | None, frame: pd.DataFrame, cluster: str | None = None) -> tuple[list[str], tuple[str, ...] | None]:
    """Return one prompt a row, and the cluster of each if a cluster column was named.

    Parameters
    ----------
    template
        Text with placeholders such as ``{text}``; ``None`` takes the column ``prompt``. Braces that name no column and stand for
        themselves are written ``{{`` and ``}}``.
    frame
        One row a prompt.
    cluster
        The column whose equal values belong together in the statistics.
    """
    columns = [str(c) for c in frame.columns]
    if cluster is not None and cluster not in columns:
        raise BadInput(f"there is no column '{cluster}'", hint=did_you_mean(cluster, columns) or f"columns: {', '.join(columns)}")
    if frame.empty:
        raise BadInput("the table of prompts has no rows", hint="give at least one")
    if template is None:
        if PROMPT_COLUMN not in columns:
            raise BadInput(
                "the table has no column 'prompt'", hint=f"write a template with {{column}}; columns: {', '.join(columns)}"
            )
        template = "{" + PROMPT_COLUMN + "}"
    missing = [name for name in placeholders(template) if name not in columns]
    if missing:
        raise BadInput(f"the table has no column {', '.join(map(repr, missing))}", hint=f"its columns are: {', '.join(columns)}")
    frame = frame.rename(columns=str)
    rows = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
    prompts = [_fill_one(template, row) for row in rows]
    return prompts, tuple(str(row[cluster]) for row in rows) if cluster is not None else None


def placeholders(template: str) -> list[str]:
    """Return the column names that ``template`` asks for, each once, in order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(template.replace("{{", "").replace("}}", ""))))


def _fill_one(template: str, row: dict[str, Any]) -> str:
    # One pass, so that braces inside a value are never read as placeholders.
    def put(match: re.Match[str]) -> str:
        whole = match.group()
        if whole in ("{{", "}}"):
            return whole[0]
        return str(row[match.group(1)])

    return re.sub(r"\{\{|\}\}|" + PLACEHOLDER.pattern, put, template)
