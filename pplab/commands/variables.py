"""The variables of a notebook, put into the words of a line as they are."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from inspect import isclass, ismodule, isroutine
from numbers import Number
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pplab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = re.compile(r"\{\{|\}\}|\{(?P<braced>[^{}\n]*)\}|(?<![\\$\w])\$(?P<dollar>[^\W\d]\w*(?:\.[^\W\d]\w*)*)(?![\w$])")
"""Where a variable may stand; doubled braces, ``$$`` and formulas (``$x$``) stand for themselves."""
ASKED_FOR = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)
ELSE = "the body of a cell is sent as it stands, without variables"
CONVERSIONS: Mapping[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}
AS_TEXT = (str, Number, date, time, timedelta, PurePath, UUID)


@dataclass(frozen=True, slots=True)
class _Place:
    """What an f-string would put in one place."""

    code: str
    value: ast.expr
    conversion: int
    spec: str

    @property
    def names(self) -> set[str]:
        return {node.id for node in ast.walk(self.value) if isinstance(node, ast.Name)}


def put_in(text: str, variables: Mapping[str, Any], *, columns: Collection[str] = (), write: Callable[[str], str] = str) -> str:
    """Return ``text`` with ``{name}`` and ``$name`` replaced by the user's variables; what names none stays as it is.

    Parameters
    ----------
    text
        A word of a line. In braces stands what an f-string takes: ``{exp.id}``, ``{price:.2f}``, ``{topics[0]}``.
    variables
        The variables there are.
    columns
        Names that stand for something else, and stay.
    write
        How a value is written.

    Raises
    ------
    BadInput
        When a variable holds what is no text, or cannot be worked out.

    Examples
    --------
    >>> put_in('About {topic}: {"n": $n} for $5', {"topic": "rain", "n": 3})
    'About rain: {"n": 3} for $5'
    """

    def replaced(match: re.Match[str]) -> str:
        place, rest = _place(match, variables, columns)
        if place is None:
            return match.group()
        listed = match.end() == len(text) and text[: match.start()].endswith("=")
        return write(_written(place, variables, listed=listed)) + rest

    return PLACE.sub(replaced, text)


def taken_from(text: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that `put_in` would put into ``text``, each once, in order."""
    places = (_place(match, variables, ())[0] for match in PLACE.finditer(text))
    return list(dict.fromkeys(name for place in places if place for name in sorted(place.names & variables.keys())))


def alone(word: str, variables: Mapping[str, Any]) -> Any:
    """Return what a variable holds if it is all of ``word``, else ``None``."""
    match = PLACE.fullmatch(word)
    name = match and (match["braced"] or match["dollar"] or "").strip()
    return variables.get(name) if name else None


def _place(match: re.Match[str], variables: Mapping[str, Any], columns: Collection[str]) -> tuple[_Place | None, str]:
    """Return what is asked for in a place, and what of it is text that follows."""
    braced, dollar = match["braced"], match["dollar"]
    if braced is not None:
        return (None if braced.strip() in columns else _asked(braced, variables)), ""
    if dollar is None or (root := dollar.partition(".")[0]) not in variables or root in columns:
        return None, ""
    path, held = [root], variables[root]
    for name in dollar.split(".")[1:]:  # "$topic.Then" is a variable and a sentence that follows without a blank
        if not hasattr(held, name):
            break
        path.append(name)
        held = getattr(held, name)
    code = ".".join(path)
    return _asked(code, variables), dollar[len(code) :]


def _asked(code: str, variables: Mapping[str, Any]) -> _Place | None:
    try:
        parsed = ast.parse(f"f'''{{{code}}}'''", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(parsed, ast.JoinedStr) or len(parsed.values) != 1 or not isinstance(parsed.values[0], ast.FormattedValue):
        return None
    asked = parsed.values[0]
    spec = _spec(asked.format_spec)
    if not isinstance(asked.value, ASKED_FOR) or spec is None or spec.startswith(" "):
        return None
    place = _Place(code.strip(), asked.value, asked.conversion, spec)
    known = place.names & variables.keys()
    if not known or (isinstance(asked.value, ast.Name) and _is_no_value(variables[asked.value.id])):
        return None
    return place if place.names <= known | set(dir(builtins)) or _root(asked.value) in known else None


def _spec(format_spec: ast.expr | None) -> str | None:
    """Return how a value is to be written, ``None`` where that depends on other values."""
    parts = format_spec.values if isinstance(format_spec, ast.JoinedStr) else []
    plain = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
    return "".join(plain) if len(plain) == len(parts) else None


def _root(value: ast.expr) -> str | None:
    while isinstance(value, (ast.Attribute, ast.Subscript)):
        value = value.value
    return value.id if isinstance(value, ast.Name) else None


def _is_no_value(held: Any) -> bool:
    return ismodule(held) or isroutine(held) or isclass(held)


def _written(place: _Place, variables: Mapping[str, Any], *, listed: bool) -> str:
    try:
        code = compile(ast.Expression(place.value), "<line>", "eval")
        value = eval(code, {**variables, "__builtins__": builtins})  # noqa: S307 - the user's own notebook, as in an f-string
        if place.conversion > 0:
            value = CONVERSIONS[chr(place.conversion)](value)
        if place.spec:
            return format(value, place.spec)
    except Exception as error:  # noqa: BLE001 - whatever the user's expression raises
        raise BadInput(f"{{{place.code}}} cannot be put in: {type(error).__name__}: {error}", hint=ELSE) from None
    if isinstance(value, AS_TEXT) or getattr(value, "shape", None) == ():
        return str(value)
    if type(value).__module__.startswith("pplab.") and isinstance(getattr(value, "id", None), str):
        return str(value.id)  # an experiment or a calibration is named by its id
    if listed and not isinstance(value, (Mapping, bytes)) and (isinstance(value, Sequence) or hasattr(value, "tolist")):
        items = list(value)
        if items and all(isinstance(item, AS_TEXT) for item in items):
            return ",".join(map(str, items))
    kind = "None" if value is None else f"a {type(value).__name__}"
    raise BadInput(f"{{{place.code}}} is {kind}, not text or a number", hint=f"make text of it first; {ELSE}")
