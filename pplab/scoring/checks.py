"""Checks: whether an answer is right, by comparing it with a reference, a pattern, a schema, or by a function of the user's.

The score is called ``correct``: 1 where every check of the plan holds, 0 where one does not. Each failure says what was expected
and what was found. See ``docs/correct.md`` for what each kind reads.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput
from pplab.inputs.visible import visible
from pplab.plan.checks import FUNCTION, KINDS, Check, alternatives, compiled_pattern, json_path, json_schema
from pplab.plan.vocabulary import CORRECT, MetricInfo
from pplab.scoring.metric_value import called
from pplab.scoring.registry import MOST_ARGUMENTS, count_arguments, is_async, source_version
from pplab.scoring.scores import Scores, score_at_once
from pplab.scoring.surface.markup import unfenced

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pplab.plan.plan import Plan, PlannedCall

CHECKS_VERSION: Final = "1"
"""Raised whenever any answer could be judged otherwise than before."""
LONGEST_SHOWN: Final = 120
"""Characters of an answer or a reference in an explanation."""

_NUMBER = re.compile(r"(?<![\w.,])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d+)?(?![\w])")
_SAYS = r"(?:answer|choice|option|label|class|category|result|conclusion|it)\s*(?:is|would be|should be|[:=])\s*:?\s*"
_AFTER_LETTER = r"(?:because|since|as|and|but|for|not|which|with|is|was)\b"
_OPENING = "*_`\"'(\\[\u201c\u2018"
_EDGES = " \t\n*_`\"'()[]{}.,:;!?\u201c\u201d\u2018\u2019"

_functions: dict[str, tuple[Check, Callable[..., Any]]] = {}  # the user's own, filled by `check`, per process


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function known as a check by its name, for ``--check NAME`` and for runs that are resumed in another kernel.

    `Lab.run` does that with every function in ``checks``. The function takes ``(text)``, ``(text, prompt)`` or
    ``(text, prompt, row)`` and returns true or false, a share of 1, or ``None`` where it cannot tell. Registering another
    function of the same name replaces it; its version, derived from its source, tells the two apart.

    Raises
    ------
    BadInput
        For a function without a name, one that takes other arguments, or one that is async.

    Examples
    --------
    >>> @check
    ... def is_short(text):
    ...     return len(text.split()) <= 5
    >>> check_functions()["is_short"].label
    'is_short'
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise BadInput("a check must have a name", hint="define it with def, not as a lambda")
    if name in KINDS:
        raise BadInput(f"'{name}' is one of pplab's own checks", hint="give the function another name")
    if not 1 <= count_arguments(function) <= MOST_ARGUMENTS:
        raise BadInput(f"the check {name} must take (text), (text, prompt) or (text, prompt, row)", hint="change its arguments")
    if is_async(function):
        raise BadInput(f"the check {name} is async, and checks are not awaited", hint="register it with pplab.metrics.metric")
    _functions[name] = Check(FUNCTION, {"name": name, "version": source_version(function)}), function
    return function


def check_functions() -> dict[str, Check]:
    """Return the user's functions that are known as checks, by name."""
    return {name: known for name, (known, _) in _functions.items()}


def own_checks() -> dict[str, tuple[Check, Callable[..., Any]]]:
    """Return the user's functions that are known as checks, each with what a plan says of it."""
    return dict(_functions)


def adopt_checks(checks: Mapping[str, tuple[Check, Callable[..., Any]]]) -> None:
    """Make functions known as checks that another process knew (its `own_checks`), with the version that they had there."""
    _functions.update(checks)


def answer_scores(
    plan: Plan, call: PlannedCall, text: str, *, finish_reason: str | None = None, leave: Collection[str] = ()
) -> Scores:
    """Return everything that is known of one answer of a plan at once: the scores of its text, and whether its checks hold.

    The user's metrics that ``leave`` names are not asked, nor are those that would have to be awaited.
    """
    prompt, row = plan.question(call), plan.row(call)
    scores = score_at_once(text, prompt, finish_reason=finish_reason, row=row, leave=leave)
    if not plan.checks:
        return scores
    if missing := unknown_functions(plan.checks):
        words = f"the function {missing[0]} is not known in this process; register it with pplab.metrics.check"
        return replace(scores, detail={**scores.detail, CORRECT: {"reason": words}})
    reference = plan.expected[call.prompt_index] if plan.expected else None
    value, words = check_answer(plan.checks, text, reference, prompt, row)
    part = {"reason" if value is None else "wrong": words} if words else {}
    return replace(
        scores,
        metrics={CORRECT: value, **scores.metrics},
        versions={CORRECT: checks_version(plan.checks), **scores.versions},
        detail={**scores.detail, CORRECT: part},
    )


def unknown_functions(checks: Sequence[Check]) -> list[str]:
    """Return the functions among some checks that this process does not know, or knows in another version."""
    known = check_functions()
    return [one.label for one in checks if one.kind == FUNCTION and known.get(one.label) != one]


def checks_version(checks: Sequence[Check]) -> str:
    """Return the version of ``correct`` under some checks: results under others are not compared."""
    text = json.dumps([[one.kind, dict(one.options)] for one in checks], sort_keys=True)
    return f"{CHECKS_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def check_info(checks: Sequence[Check]) -> MetricInfo:
    """Return what is known of ``correct`` under some checks."""
    return MetricInfo(
        CORRECT, 0.0, 1.0, doc=f"Right by {', '.join(one.label for one in checks)}.", version=checks_version(checks)
    )


def check_answer(
    checks: Sequence[Check], text: str, reference: str | None, prompt: str = "", row: Mapping[str, str | None] | None = None
) -> tuple[float | None, str]:
    """Return whether an answer is right, and what is wrong with it.

    Parameters
    ----------
    checks
        All of them must hold.
    text, prompt, row
        The answer, what was asked, and the row of the table that it came from.
    reference
        What is right: a text, or a JSON list of texts of which any one is; ``None`` where nobody knows.

    Returns
    -------
    value : float or None
        1 where every check holds, 0 where one does not, between them where a function says so; ``None`` where that is not known.
    words : str
        The first check that does not hold and why, or why it is not known; empty for a right answer.

    Examples
    --------
    >>> from pplab.plan.checks import parse_check
    >>> check_answer([parse_check("number(tolerance=0.1)")], "It is 3.1 or so, say 3.2.", "3.14")
    (1.0, '')
    >>> check_answer([parse_check("exact")], "London", "Paris")
    (0.0, "exact: expected 'Paris', found 'London'")
    """
    worst, words, unknown = 1.0, "", ""
    for one in checks:
        if reference is None and one.needs_reference:
            unknown = unknown or f"{one.label}: nothing is expected of this prompt"
            continue
        value, why = _function(one, text, prompt, row) if one.kind == FUNCTION else _compared(one, text, reference)
        if value is None:
            unknown = unknown or f"{one.label}: {why}"
        elif value < worst:
            worst, words = value, f"{one.label}: {why}"
    if worst > 0 and unknown:
        return None, unknown
    return worst, words


def _function(one: Check, text: str, prompt: str, row: Mapping[str, str | None] | None) -> tuple[float | None, str]:
    _, function = _functions[one.label]
    said = called(MetricInfo(one.label, 0.0, 1.0), function, *(text, prompt, dict(row or {}))[: count_arguments(function)])
    return said.value, said.reason or said.explanation or ("it says no" if said.value == 0 else f"it says {said.value:g}")


def _compared(one: Check, text: str, reference: str | None) -> tuple[float, str]:
    text = _line(visible(text), one.options.get("line"))
    if one.kind in ("json", "json-schema"):
        return _json(one, text, reference)
    if one.kind == "regex":
        pattern = one.options.get("pattern") or reference or ""
        flags = re.MULTILINE if one.options.get("case") else re.MULTILINE | re.IGNORECASE
        matched = compiled_pattern(pattern, flags).search(text)
        return (1.0, "") if matched else (0.0, f"no match of {_shown(pattern)} in {_shown(text)}")
    assert reference is not None
    right = [visible(other).strip() for other in alternatives(reference)]
    found, holds = _FINDERS[one.kind](one, text, right)
    return (1.0, "") if holds else (0.0, f"expected {' or '.join(map(_shown, right))}, found {found}")


def _exact(one: Check, text: str, right: Sequence[str]) -> tuple[str, bool]:
    return _shown(text), _folded(one, text.strip()) in [_folded(one, other) for other in right]


def _contains(one: Check, text: str, right: Sequence[str]) -> tuple[str, bool]:
    inside = " ".join(_folded(one, text).split())
    return _shown(text), any(_whole(" ".join(_folded(one, other).split()), inside) for other in right)


def _whole(part: str, inside: str) -> bool:
    """Return whether a text occurs as whole words: 1 is not in 12, and no is not in now."""
    ends = [r"(?<!\w)" if part[:1].isalnum() else "", r"(?!\w)" if part[-1:].isalnum() else ""]
    if part[:1].isdigit() or part[:1] in "-+.":
        ends[0] = r"(?<![\w.,])" if part[:1] not in "-+" else r"(?<!\w)"
    if part[-1:].isdigit():
        ends[1] = r"(?!\w|[.,]\d)"
    return bool(re.search(f"{ends[0]}{re.escape(part)}{ends[1]}", inside))


def _number(one: Check, text: str, right: Sequence[str]) -> tuple[str, bool]:
    numbers = [value for found in _NUMBER.findall(text) if (value := _value(found)) is not None]
    take = one.options.get("take", "last")
    if not numbers or (take == "only" and len(set(numbers)) > 1):
        return ("no number" if not numbers else f"{len(set(numbers))} numbers") + f" in {_shown(text)}", False
    number = numbers[0] if take == "first" else numbers[-1]
    wanted = [value for other in right for found in _NUMBER.findall(other)[:1] if (value := _value(found)) is not None]
    return f"{number:.12g}", any(_near(number, value, str(one.options.get("tolerance", "0"))) for value in wanted)


def _value(text: str) -> float | None:
    try:
        value = float(text.replace(",", "").replace("\u2212", "-"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _near(number: float, wanted: float, tolerance: str) -> bool:
    room = abs(wanted) * float(tolerance[:-1]) / 100 if tolerance.endswith("%") else float(tolerance)
    return abs(number - wanted) <= room * (1 + 1e-12) + 1e-12 * abs(wanted)


def _choice(one: Check, text: str, right: Sequence[str]) -> tuple[str, bool]:
    choices = [choice.strip() for choice in str(one.options["of"]).split("|") if choice.strip()]
    chosen = chosen_of(text, choices)
    if chosen is None:
        return f"none, or several, of {', '.join(choices)} in {_shown(text)}", False
    return _shown(chosen), chosen.casefold() in [other.casefold() for other in right]


def chosen_of(text: str, choices: Sequence[str]) -> str | None:
    """Return which one of some choices an answer makes, ``None`` where it makes none or several.

    The whole answer, else what it says to be its answer (the last time), else the only choice that it names; of one letter only
    where it stands as one: ``(B)``, ``B.``, ``B:`` or on a line of its own.

    Examples
    --------
    >>> chosen_of("I think the answer is (B), not A.", "ABCD"), chosen_of("A good question.", "ABCD")
    ('B', None)
    """
    by_name = {choice.casefold(): choice for choice in choices}
    if (whole := text.strip(_EDGES).casefold()) in by_name:
        return by_name[whole]
    any_choice = "|".join(_said(choice) for choice in sorted(choices, key=len, reverse=True))
    said = re.findall(rf"\b{_SAYS}[{_OPENING}]*({any_choice})(?!\w)", text, re.IGNORECASE)
    if said:
        return by_name[said[-1].casefold()]
    named = {choice for choice in choices if _is_named(choice, text)}
    return next(iter(named)) if len(named) == 1 else None


def _said(choice: str) -> str:
    """Return the pattern of a choice after "the answer is"; "A" is one only where no noun follows it, as one does in "a dog"."""
    if len(choice) > 1:
        return re.escape(choice)
    return rf"(?-i:{re.escape(choice)})(?! (?!{_AFTER_LETTER})[a-z])"


def _is_named(choice: str, text: str) -> bool:
    part = re.escape(choice)
    if len(choice) == 1:
        return bool(re.search(rf"\(\s*{part}\s*\)|(?m:^)\W*{part}\s*(?:[.):]|$)|\*\*{part}\*\*", text, re.MULTILINE))
    return bool(re.search(rf"(?<!\w){part}(?!\w)", text, re.IGNORECASE))


_FINDERS: Final[Mapping[str, Callable[[Check, str, Sequence[str]], tuple[str, bool]]]] = {
    "exact": _exact,
    "contains": _contains,
    "number": _number,
    "choice": _choice,
}


def _json(one: Check, text: str, reference: str | None) -> tuple[float, str]:
    try:
        value = json.loads(unfenced(text))
    except (ValueError, RecursionError):
        return 0.0, f"no JSON: {_shown(text)}"
    if one.kind == "json-schema":
        return _by_schema(json_schema(str(one.options.get("schema") or reference)), value)
    path = str(one.options.get("path", ""))
    for part in json_path(path) if path else ():
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return 0.0, f"nothing at {path} in {_shown(text)}"
    if reference is None:
        return 1.0, ""
    return (1.0, "") if _same(value, reference) else (0.0, f"expected {_shown(reference)}, found {_shown(json.dumps(value))}")


def _same(value: Any, reference: str) -> bool:
    """Return whether a value is what a reference says, as JSON or as the text of a string."""
    if isinstance(value, str) and value.strip() in [other.strip() for other in alternatives(reference)]:
        return True
    try:
        wanted = json.loads(reference)
    except ValueError:
        return False
    return bool(type(value) is type(wanted) or (not isinstance(value, bool) and not isinstance(wanted, bool))) and value == wanted


def _by_schema(schema: Any, value: Any) -> tuple[float, str]:
    from jsonschema.validators import validator_for

    errors = validator_for(schema)(schema).iter_errors(value)
    first = min(errors, key=lambda error: [str(part) for part in error.absolute_path], default=None)
    if first is None:
        return 1.0, ""
    place = ".".join(str(part) for part in first.absolute_path)
    return 0.0, _cut(f"{f'at {place}: ' if place else ''}{first.message}")


def _line(text: str, which: str | None) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    if which is None or not lines:
        return text
    return lines[0] if which == "first" else lines[-1]


def _folded(one: Check, text: str) -> str:
    return text if one.options.get("case") else text.casefold()


def _shown(text: str) -> str:
    return repr(_cut(" ".join(text.split()))) if text.strip() else "nothing"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
