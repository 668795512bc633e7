"""The variables of a notebook: ``{name}`` and ``$name`` in a line are replaced by their values."""

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

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(?P<braced>[^{}\n]*)\}|(?<![\\$\w])\$(?P<dollar>[^\W\d]\w*(?:\.[^\W\d]\w*)*)(?![\w$])")
"""A variable's place in a text; doubled braces, ``$$`` and formulas (``$x$``) stand for themselves."""
EXPRESSIONS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)
CELL_HINT = "the body of a cell is sent as it stands, without variables"
CONVERSIONS: Mapping[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}
TEXT_TYPES = (str, Number, date, time, timedelta, PurePath, UUID)


@dataclass(frozen=True, slots=True)
class _Placeholder:
    """One expression in braces or after a dollar, as an f-string would read it."""

    code: str
    value: ast.expr
    conversion: int
    spec: str

    @property
    def names(self) -> set[str]:
        return {node.id for node in ast.walk(self.value) if isinstance(node, ast.Name)}


def substitute(
    text: str, variables: Mapping[str, Any], *, columns: Collection[str] = (), write: Callable[[str], str] = str
) -> str:
    """Return ``text`` with ``{name}`` and ``$name`` replaced by the user's variables; the rest stays as it is.

    Parameters
    ----------
    text
        A word of a line. In braces stands what an f-string takes: ``{exp.id}``, ``{price:.2f}``, ``{topics[0]}``.
    variables
        The variables there are.
    columns
        Names that mean a table's columns, and stay.
    write
        How a value is written.

    Raises
    ------
    BadInput
        When a value is not text or a number, or the expression fails.

    Examples
    --------
    >>> substitute('About {topic}: {"n": $n} for $5', {"topic": "rain", "n": 3})
    'About rain: {"n": 3} for $5'
    """

    def replaced(match: re.Match[str]) -> str:
        placeholder, rest = _match_placeholder(match, variables, columns)
        if placeholder is None:
            code = _plain_braces(match, columns)
            return match.group() if code is None else f"{{{substitute(code, variables, columns=columns, write=write)}}}"
        as_list = match.end() == len(text) and text[: match.start()].endswith("=")
        return write(_render(placeholder, variables, as_list=as_list)) + rest

    return PLACEHOLDER.sub(replaced, text)


def variable_names(text: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that `substitute` would replace in ``text``, each once, in order."""
    names: list[str] = []
    for match in PLACEHOLDER.finditer(text):
        placeholder, _ = _match_placeholder(match, variables, ())
        if placeholder is not None:
            names += sorted(placeholder.names & variables.keys())
        elif code := _plain_braces(match, ()):
            names += variable_names(code, variables)
    return list(dict.fromkeys(names))


def sole_variable(word: str, variables: Mapping[str, Any]) -> Any:
    """Return what a variable holds if it is all of ``word``, else ``None``."""
    match = PLACEHOLDER.fullmatch(word)
    name = match and (match["braced"] or match["dollar"] or "").strip()
    return variables.get(name) if name else None


def _plain_braces(match: re.Match[str], columns: Collection[str]) -> str | None:
    """Return what stands in braces that are no placeholder, such as those of JSON: ``$name`` may be within."""
    braced = match["braced"]
    return None if braced is None or braced.strip() in columns else braced


def _match_placeholder(
    match: re.Match[str], variables: Mapping[str, Any], columns: Collection[str]
) -> tuple[_Placeholder | None, str]:
    """Return the placeholder, ``None`` for plain text, and what of the match is text that follows."""
    braced, dollar = match["braced"], match["dollar"]
    if braced is not None:
        return (None if braced.strip() in columns else _parse(braced, variables)), ""
    if dollar is None or (root := dollar.partition(".")[0]) not in variables or root in columns:
        return None, ""
    path, value = [root], variables[root]
    for name in dollar.split(".")[1:]:  # "$topic.Then" is a variable and a sentence that follows without a blank
        if not hasattr(value, name):
            break
        path.append(name)
        value = getattr(value, name)
    code = ".".join(path)
    return _parse(code, variables), dollar[len(code) :]


def _parse(code: str, variables: Mapping[str, Any]) -> _Placeholder | None:
    try:
        parsed = ast.parse(f"f'''{{{code}}}'''", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(parsed, ast.JoinedStr) or len(parsed.values) != 1 or not isinstance(parsed.values[0], ast.FormattedValue):
        return None
    expression = parsed.values[0]
    spec = _spec(expression.format_spec)
    if not isinstance(expression.value, EXPRESSIONS) or spec is None or spec.startswith(" "):
        return None
    placeholder = _Placeholder(code.strip(), expression.value, expression.conversion, spec)
    known = placeholder.names & variables.keys()
    if not known or (isinstance(expression.value, ast.Name) and _is_code(variables[expression.value.id])):
        return None
    return placeholder if placeholder.names <= known | set(dir(builtins)) or _root(expression.value) in known else None


def _spec(format_spec: ast.expr | None) -> str | None:
    """Return how a value is to be written, ``None`` where that depends on other values."""
    parts = format_spec.values if isinstance(format_spec, ast.JoinedStr) else []
    plain = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
    return "".join(plain) if len(plain) == len(parts) else None


def _root(value: ast.expr) -> str | None:
    while isinstance(value, (ast.Attribute, ast.Subscript)):
        value = value.value
    return value.id if isinstance(value, ast.Name) else None


def _is_code(value: Any) -> bool:
    return ismodule(value) or isroutine(value) or isclass(value)


def _render(placeholder: _Placeholder, variables: Mapping[str, Any], *, as_list: bool) -> str:
    try:
        code = compile(ast.Expression(placeholder.value), "<line>", "eval")
        value = eval(code, {**variables, "__builtins__": builtins})  # noqa: S307 - the user's own notebook, as in an f-string
        if placeholder.conversion > 0:
            value = CONVERSIONS[chr(placeholder.conversion)](value)
        if placeholder.spec:
            return format(value, placeholder.spec)
    except Exception as error:  # noqa: BLE001 - whatever the user's expression raises
        raise BadInput(f"{{{placeholder.code}}} cannot be evaluated: {type(error).__name__}: {error}", hint=CELL_HINT) from None
    if isinstance(value, TEXT_TYPES) or getattr(value, "shape", None) == ():
        return str(value)
    if type(value).__module__.startswith("pplab.") and isinstance(getattr(value, "id", None), str):
        return str(value.id)  # an experiment or a calibration is named by its id
    if as_list and not isinstance(value, (Mapping, bytes)) and (isinstance(value, Sequence) or hasattr(value, "tolist")):
        items = list(value)
        if items and all(isinstance(item, TEXT_TYPES) for item in items):
            return ",".join(map(str, items))
    kind = "None" if value is None else f"a {type(value).__name__}"
    raise BadInput(f"{{{placeholder.code}}} is {kind}, not text or a number", hint=f"convert it to text first; {CELL_HINT}")
