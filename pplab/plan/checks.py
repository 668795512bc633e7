"""Checks of answers, right or wrong: their kinds, their options as a user writes them, and what each answer is compared with."""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput, did_you_mean
from pplab.inputs.paths import given_path
from pplab.inputs.texts import read_text
from pplab.inputs.values import as_list, python_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EXPECTED: Final = "expected"
"""The column of a table that holds what is right, unless another one is named."""
FUNCTION: Final = "function"
"""The kind of a check that is a Python function of the user's; its options are its ``name`` and ``version``."""

_WRITTEN = re.compile(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_OPTION = re.compile(r"""\s*([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,]*?)\s*(?:,|$)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Check:
    """One check of every answer: its kind, and its options by name.

    Examples
    --------
    >>> parse_check("number(tolerance=1%)")
    Check(kind='number', options={'tolerance': '1%'})
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The check as it is written on a line; of a function its name, and a schema is not written out."""
        if self.kind == FUNCTION:
            return str(self.options["name"])
        shown = [f"{name}={_as_written(value)}" for name, value in self.options.items() if name != "schema"]
        return f"{self.kind}({', '.join(shown)})" if shown else self.kind

    @property
    def needs_reference(self) -> bool:
        """Whether it says nothing without a reference."""
        return self.kind in ("exact", "contains", "number", "choice") or (
            (self.kind == "regex" and "pattern" not in self.options)
            or (self.kind == "json-schema" and "schema" not in self.options)
        )


def _as_written(value: Any) -> str:
    text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,()\"']", text) else text


# -- options ------------------------------------------------------------------------------------------------------------------


def _flag(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("yes or no")
    return text.lower() == "yes"


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return parse


def _tolerance(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d*)?([eE]-?\d+)?%?|\.\d+%?", text):
        raise ValueError("a number such as 0.01, or a share such as 1%")
    return text


def _pattern(text: str) -> str:
    compiled_pattern(text)
    return text


def _path(text: str) -> str:
    json_path(text)
    return text


def _choices(text: str) -> str:
    if len({part.strip().casefold() for part in text.split("|") if part.strip()}) < 2:
        raise ValueError("two choices or more, such as yes|no")
    return text


_CASE = {"case": _flag}
_LINE = {"line": _one_of("first", "last")}
KINDS: Final[Mapping[str, Mapping[str, Callable[[str], Any]]]] = {
    "exact": {**_CASE, **_LINE},
    "contains": {**_CASE, **_LINE},
    "regex": {"pattern": _pattern, **_CASE, **_LINE},
    "number": {"tolerance": _tolerance, "take": _one_of("last", "first", "only"), **_LINE},
    "json": {"path": _path},
    "json-schema": {"file": str},
    "choice": {"of": _choices, **_LINE},
}
"""The kinds of checks, and how the options of each are read; a value that cannot be is refused with what can."""


def compiled_pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """Return a regular expression, or raise `BadInput` that says what is wrong with it."""
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise BadInput(f"'{text}' is no regular expression: {error}", hint="correct the pattern") from None


def json_path(text: str) -> tuple[str | int, ...]:
    """Return the names and places of a path into JSON.

    Examples
    --------
    >>> json_path("answer.names[0]")
    ('answer', 'names', 0)
    """
    parts: list[str | int] = []
    for part in re.split(r"\.|(?=\[)", text):
        index = re.fullmatch(r"\[(\d+)\]", part)
        if not index and not re.fullmatch(r"[^\[\]]+", part):
            raise BadInput(f"'{text}' is no path into JSON", hint="write it like answer.names[0]")
        parts.append(int(index[1]) if index else part)
    return tuple(parts)


def parse_check(text: str, functions: Mapping[str, Check] | None = None) -> Check:
    """Return the check that a text such as ``number(tolerance=0.01)`` describes, or raise `BadInput` in one line.

    Parameters
    ----------
    text
        A kind, with options in brackets; a value with a comma or a bracket in it stands in quotes.
    functions
        The user's functions by name, which may stand in place of a kind.
    """
    functions = functions or {}
    written = _WRITTEN.fullmatch(text)
    kinds = ", ".join(KINDS)
    if not written:
        raise BadInput(f"'{text}' is no check", hint=f"write one like number(tolerance=0.01); kinds: {kinds}")
    kind, inside = written[1], written[2]
    if kind in functions and inside is None:
        return functions[kind]
    if kind not in KINDS:
        near = did_you_mean(kind, [*KINDS, *functions])
        own = (
            f"; functions: {', '.join(functions)}" if functions else "; a function of yours: register it with pplab.metrics.check"
        )
        raise BadInput(f"there is no check '{kind}'", hint=near or f"kinds: {kinds}{own}")
    options = {name: _option(kind, name, value) for name, value in _options(kind, inside or "").items()}
    if "file" in options:  # what stands in the file now is what counts
        options["schema"] = read_text(
            given_path(options["file"], "the schema", "give the path of a JSON file"), what="the schema"
        )
    check = Check(kind, options)
    if "schema" in options:
        json_schema(str(options["schema"]))
    return check


def stored_check(data: Mapping[str, Any]) -> Check:
    """Return a check as a plan has it, which may be a stranger's; one of no known kind or option raises ``ValueError``."""
    kind, options = data["kind"], dict(data["options"])
    known = {"name", "version"} if kind == FUNCTION else {*KINDS.get(kind, ()), "schema"}
    if (kind != FUNCTION and kind not in KINDS) or not options.keys() <= known or not all(map(_is_plain, options.values())):
        raise ValueError(f"a plan has no check '{kind}' with {', '.join(map(str, options)) or 'no options'}")
    return Check(kind, options)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, bool))


def _options(kind: str, inside: str) -> dict[str, str]:
    options: dict[str, str] = {}
    at = 0
    while at < len(inside.rstrip()):
        match = _OPTION.match(inside, at)
        if not match:
            allowed = next(iter(KINDS[kind]))
            raise BadInput(f"'{inside[at:].strip()}' is not NAME=VALUE", hint=f"write {kind}({allowed}=...)")
        name, value = match[1], match[2]
        if name in options:
            raise BadInput(f"{kind} has the option {name} twice", hint="write it once")
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        options[name] = re.sub(r"\\([\"'\\])", r"\1", value[1:-1]) if quoted else value
        at = match.end()
    return options


def _option(kind: str, name: str, value: str) -> Any:
    known = KINDS[kind]
    if name not in known:
        raise BadInput(f"{kind} has no option '{name}'", hint=did_you_mean(name, known) or f"its options: {', '.join(known)}")
    if not value:
        raise BadInput(f"the option {name} of {kind} has no value", hint=f"write {kind}({name}=...)")
    try:
        return known[name](value)
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"{kind}({name}={value}) is not understood", hint=f"{name} is {error}") from None


@functools.lru_cache(maxsize=64)
def json_schema(text: str) -> Any:
    """Return a JSON schema, or raise `BadInput`: it must be one, and lead to nothing outside itself."""
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        schema = json.loads(text)
    except ValueError as error:
        raise BadInput(f"the schema is no JSON: {error}", hint="give a JSON schema") from None
    if not isinstance(schema, (dict, bool)):
        raise BadInput("the schema is no JSON schema", hint='it is an object, such as {"type": "object"}')
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise BadInput(f"the schema is no JSON schema: {error.message}", hint="correct it") from None
    if outside := _references_outside(schema):
        raise BadInput(f"the schema leads to {outside}, which is not fetched", hint="put what it needs into its $defs")
    return schema


def _references_outside(schema: Any) -> str:
    if isinstance(schema, dict):
        for name in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(name), str) and not schema[name].startswith("#"):
                return str(schema[name])
        schema = list(schema.values())
    return next(filter(None, map(_references_outside, schema)), "") if isinstance(schema, list) else ""


# -- the checks of a request, and what its answers are compared with ----------------------------------------------------------


def request_checks(given: Any, functions: Mapping[str, Check]) -> tuple[Check, ...]:
    """Return the checks of a request: texts and functions, in the order given; equal ones count once.

    Parameters
    ----------
    given
        A text, a function, or a list of both.
    functions
        The user's functions by name; each that is given is among them.
    """
    checks: list[Check] = []
    for one in [given] if isinstance(given, str) or callable(given) else as_list(given):
        if callable(one):
            check = functions[one.__name__]
        elif isinstance(one, str):
            check = parse_check(one, functions)
        else:
            raise BadInput(f"{one!r} is no check", hint="give a text such as 'number(tolerance=0.01)', or a function")
        if check not in checks:
            checks.append(check)
    if not checks:
        raise BadInput("there is no check", hint=f"give one of {', '.join(KINDS)}, or a function")
    return tuple(checks)


def with_choices(checks: Sequence[Check], references: Sequence[str | None]) -> tuple[Check, ...]:
    """Return the checks, a choice between the plan's own references where it does not say between what."""
    open_choice = [check for check in checks if check.kind == "choice" and "of" not in check.options]
    distinct = sorted({one.strip() for text in references if text for one in alternatives(text)})
    if open_choice and (len(distinct) < 2 or any("|" in one for one in distinct)):
        raise BadInput("choice does not know between what to choose", hint="write choice(of=yes|no)")
    named = {"of": "|".join(distinct)}
    return tuple(Check("choice", {**check.options, **named}) if check in open_choice else check for check in checks)


def references(
    expected: Any, checks: Sequence[Check], prompts: int, rows: Sequence[Mapping[str, str | None]] | None, *, table: bool
) -> tuple[str | None, ...] | None:
    """Return what the answers to each prompt are compared with, ``None`` where nothing is.

    Parameters
    ----------
    expected
        The name of a column of the table; without a table what is right, one for each prompt.
    checks
        What compares.
    prompts
        How many prompts there are.
    rows
        The rows of the table, if there is one.
    table
        Whether the prompts come from a table.
    """
    if expected is not None and not checks:
        raise BadInput(
            "expected was given without a check", hint="say how answers are compared: check contains, exact, number ..."
        )
    needing = next((check for check in checks if check.needs_reference), None)
    found = _from_column(expected, rows or [{}]) if table else _as_given(expected, prompts)
    if found is None and needing is not None:
        hint = "name the column that holds it: expected=COLUMN" if table else "give it as expected"
        raise BadInput(f"the check {needing.label} compares with what is right, and nothing says what that is", hint=hint)
    if found is not None and checks:
        for row, text in enumerate(found, 1):
            _check_reference(checks, row, text)
    return found


def _from_column(expected: Any, rows: Sequence[Mapping[str, str | None]]) -> tuple[str | None, ...] | None:
    columns = list(rows[0])
    if expected is None:
        return tuple(row[EXPECTED] for row in rows) if EXPECTED in columns else None
    if not isinstance(expected, str):
        raise BadInput("with a table, expected is the name of a column", hint="put what is right into a column of the table")
    if expected not in columns:
        names = ", ".join(columns) or "none besides the prompts"
        raise BadInput(f"there is no column '{expected}'", hint=did_you_mean(expected, columns) or f"columns: {names}")
    return tuple(row[expected] for row in rows)


def _as_given(expected: Any, prompts: int) -> tuple[str | None, ...] | None:
    if expected is None:
        return None
    value = python_value(expected)
    if prompts == 1 and (not isinstance(value, (list, tuple)) or len(value) != 1):
        return (_as_text(value),)  # a list: any of them is right
    if not isinstance(value, (list, tuple)):
        raise BadInput(f"expected has one value for {prompts:,} prompts", hint="give a list with one for each prompt")
    if len(value) != prompts:
        raise BadInput(f"expected has {len(value):,} values for {prompts:,} prompts", hint="give one for each prompt")
    return tuple(None if one is None else _as_text(one) for one in value)


def _as_text(value: Any) -> str:
    if isinstance(value, os.PathLike):
        return read_text(value, what="what is expected").rstrip("\n")
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        raise BadInput(f"expected cannot be a {type(value).__name__}", hint="give text, a number, a list or a dict") from None


def _check_reference(checks: Sequence[Check], row: int, text: str | None) -> None:
    """Refuse a reference that its checks cannot be made with, before anything is sent."""
    for check in checks:
        if text is None or not check.needs_reference:
            continue
        try:
            if check.kind == "regex":
                compiled_pattern(text)
            elif check.kind == "json-schema":
                json_schema(text)
            elif check.kind == "number":
                _check_numbers(text)
        except BadInput as error:
            raise BadInput(f"what is expected of prompt {row:,}: {error.message}", hint=error.hint) from None


def _check_numbers(text: str) -> None:
    if not all(re.search(r"\d", one) for one in alternatives(text)):
        raise BadInput(f"'{text}' is no number", hint="put a number there, or leave the cell empty")


def alternatives(reference: str) -> tuple[str, ...]:
    """Return the texts of which any one is right: those of a JSON list, else the reference itself.

    Examples
    --------
    >>> alternatives('["Paris", "City of Paris"]'), alternatives("Paris")
    (('Paris', 'City of Paris'), ('Paris',))
    """
    if reference.lstrip().startswith("["):
        try:
            listed = json.loads(reference)
        except ValueError:
            return (reference,)
        if isinstance(listed, list) and listed and all(isinstance(one, (str, int, float)) for one in listed):
            return tuple(one if isinstance(one, str) else json.dumps(one) for one in listed)
    return (reference,)
