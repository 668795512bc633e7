"""Values of parameters as users write them: one of them, and those of a sweep."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput
from pplab.inputs.texts import read_text
from pplab.plan.parameters import LARGEST_JSON, parameter

if TYPE_CHECKING:
    from pplab.plan.parameters import Parameter

_STEPS = re.compile(r"\s*-?[\d.]+\s*:\s*-?[\d.]+\s*:\s*\d+\s*")
MOST_STEPS = 1000  # values of one sweep written as low:high:count


class Written(str):
    """The value of a parameter as it was written on a line: read when a plan is built, as a sweep's values are."""

    __slots__ = ()


def parse_value(name: str, text: str) -> Any:
    """Return the value of a parameter that a user wrote; of one that takes JSON, ``@FILE`` is the content of a file.

    Examples
    --------
    >>> parse_value("temperature", "0.7"), parse_value("stop", '["END", "###"]'), parse_value("x.mirostat", "2")
    (0.7, ['END', '###'], 2)
    """
    legal = parameter(name)
    if legal.kind == "json" and text.startswith("@"):
        return legal.check(_from_file(name, text[1:]))
    return legal.parse(text)


def parse_values(name: str, text: str) -> tuple[Any, ...]:
    """Return the sweep values written as ``a,b,c``, as a JSON list, or as ``low:high:count`` (numbers, both ends included).

    Examples
    --------
    >>> parse_values("temperature", "0:1.2:3"), parse_values("reasoning_effort", "low,high")
    ((0.0, 0.6, 1.2), ('low', 'high'))
    >>> parse_values("stop", '["END", ["a", "b"]]')
    (['END'], ['a', 'b'])
    """
    legal = parameter(name)
    if legal.numeric and ":" in text:
        return _steps(legal, text)
    if legal.free and _STEPS.fullmatch(text):
        raise BadInput(f"the sweep {name}={text} is one value", hint="low:high:count is for known numbers: write a,b,c")
    if text.startswith("["):
        try:
            values = json.loads(text)
        except ValueError:
            raise BadInput(f"cannot read the sweep {name}={text}", hint="write its values as a JSON list") from None
        return tuple(legal.check(value) for value in values)
    if text.startswith("{"):
        raise BadInput(
            f"the sweep {name}={text} is one value", hint=f"write several as a JSON list, or as {name}=@a.json,@b.json"
        )
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        several = "a,b,c or low:high:count" if legal.numeric else "a,b,c or as a JSON list"
        raise BadInput(f"cannot read the sweep {name}={text}", hint=f"write values as {several}")
    return tuple(parse_value(name, part) for part in parts)


def _steps(legal: Parameter, text: str) -> tuple[Any, ...]:
    parts = text.split(":")
    if len(parts) != 3:
        raise BadInput(f"cannot read the sweep {legal.name}={text}", hint="write low:high:count, for example 0:1.2:4")
    low, high = legal.check(parts[0]), legal.check(parts[1])
    count = parts[2].strip()
    if not (count.isdecimal() and 2 <= int(count) <= MOST_STEPS):
        raise BadInput(
            f"the sweep {legal.name}={text} has {count or 'no'} values",
            hint=f"write low:high:count, count from 2 to {MOST_STEPS:,}",
        )
    if low >= high:
        raise BadInput(f"the sweep {legal.name}={text} is empty", hint="write low:high:count with low < high")
    step = (high - low) / (int(count) - 1)
    values = [round(low + step * i, 6) for i in range(int(count))]
    return tuple(legal.check(round(value) if legal.integer else value) for value in values)


def _from_file(name: str, path: str) -> Any:
    text = read_text(path, what=f"the file of {name}", limit=LARGEST_JSON)
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadInput(f"the file of {name} '{path}' is not JSON: {error}", hint="write one JSON value into it") from None
