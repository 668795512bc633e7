"""The result of a command: the object a notebook shows, the JSON a program reads, and the exit code of the process."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pplab.errors import PplabError


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: the object a notebook shows, its data for ``--json``, and the process's exit code."""

    value: Any
    data: Any
    exit_code: int = 0


def text_result(text: str) -> CommandResult:
    """Return a result that is plain text."""
    from pplab.views import static as views

    return CommandResult(views.plain_text(text), text)


def as_json(result: CommandResult) -> str:
    """Return a success as one line of ASCII, which every terminal and pipe can carry."""
    return json.dumps({"success": True, "data": json_value(result.data)})


def as_json_error(error: PplabError) -> str:
    """Return a failure as one line of ASCII."""
    return json.dumps({"success": False, "error": error.as_dict()})


def json_value(value: Any) -> Any:
    """Return ``value`` as what JSON can hold; numbers that are not finite and missing values become null.

    Examples
    --------
    >>> json_value({"score": float("nan"), "counts": (1, 2)})
    {'score': None, 'counts': [1, 2]}
    """
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [json_value(row) for row in value.to_dict("records")]
    if isinstance(value, dict):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "ndarray":
        return [json_value(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: json_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int)) else str(value)
