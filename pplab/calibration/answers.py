"""The answers to the quiz, read from a mapping or a JSON file and checked; nothing is derived here."""

from __future__ import annotations

import json
from collections import Counter
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pplab.calibration.questions import BY_ID, QUESTIONS, Question, Value
from pplab.errors import BadInput, did_you_mean
from pplab.inputs.texts import read_text
from pplab.inputs.values import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

MAX_FILE_BYTES = 1_000_000
"""The largest answers file that is read."""


def check_answers(answers: Mapping[str, Any]) -> dict[str, Value]:
    """Return a full set of answers in the order of the quiz.

    Parameters
    ----------
    answers
        An answer for each question id. A scale takes 1 to 5 as a whole number or as text, a choice takes one of its
        words in any case. ``None`` counts as no answer.

    Returns
    -------
    dict
        Question id to value, in the order of `QUESTIONS` whatever the order given.

    Raises
    ------
    BadInput
        On an unknown question, a value that is not allowed, or a missing answer; one line that names them.

    Examples
    --------
    >>> from pplab.calibration.presets import PRESETS
    >>> check_answers({**PRESETS["balanced"], "fact_cost": "5", "task": "Code"})["task"]
    'code'
    """
    checked = check_partial_answers(answers)
    missing = [question for question in QUESTIONS if question.id not in checked]
    if missing:
        names = ", ".join(question.id for question in missing)
        plural = "question has" if len(missing) == 1 else "questions have"
        raise BadInput(
            f"{len(missing)} {plural} no answer: {names}",
            hint="allowed values: " + "; ".join(f"{question.id}: {question.allowed}" for question in missing),
        )
    return checked


def check_partial_answers(answers: Mapping[str, Any]) -> dict[str, Value]:
    """Return the answers so far, checked as `check_answers` does; questions may be unanswered."""
    if hasattr(answers, "columns") or not hasattr(answers, "keys"):
        raise BadInput(
            f"the answers are {_short(answers)}, not a mapping",
            hint="give a dict with one answer for each question id",
        )
    answers = mapping(answers, "the answers", "")
    for key in answers:
        if key not in BY_ID:
            near = did_you_mean(key[:40], BY_ID) if isinstance(key, str) else ""
            raise BadInput(f"unknown question {_short(key)}", hint=near or f"the questions are {', '.join(BY_ID)}")
    in_order = ((question, answers.get(question.id)) for question in QUESTIONS)
    return {question.id: _check_value(question, value) for question, value in in_order if value is not None}


def load_answers(path: str | PathLike[str]) -> dict[str, Value]:
    """Read a full set of answers from a JSON file.

    Parameters
    ----------
    path
        A JSON file of at most 1 MB that holds an object of answers, or an object whose ``answers`` is one (such as
        a stored calibration).

    Returns
    -------
    dict
        As `check_answers` returns it.

    Raises
    ------
    BadInput
        When the file cannot be read, is not such JSON, or its answers are not valid; one line.
    """
    name = _short(Path(path).name)
    text = read_text(path, what="the answers file", limit=MAX_FILE_BYTES)
    try:
        content = json.loads(text, parse_constant=_refuse, object_pairs_hook=_without_doubles)
    except BadInput as error:
        raise BadInput(f"the answers file {name} is not usable: {error.message}", hint=error.hint) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(
            f"the answers file {name} is not JSON: {error.msg} at {where}", hint="check it with python -m json.tool"
        ) from None
    except (ValueError, RecursionError):  # an integer of thousands of digits, or brackets nested too deep
        raise BadInput(f"the answers file {name} is not readable JSON", hint="write a flat object of answers") from None
    if isinstance(content, dict) and isinstance(content.get("answers"), dict):
        content = content["answers"]
    if not isinstance(content, dict):
        raise BadInput(
            f"the answers file {name} holds {_kind(content)}, not an object",
            hint='write it as {"task": "code", "fact_cost": 5, ...}',
        )
    return check_answers(content)


def _check_value(question: Question, value: object) -> Value:
    if question.kind == "scale":
        if not isinstance(value, bool) and isinstance(value, Integral) and value in question.values:
            return int(value)
        if isinstance(value, str) and value.strip() in {str(allowed) for allowed in question.values}:
            return int(value)
    elif isinstance(value, str) and value.strip().casefold() in question.values:
        return value.strip().casefold()
    near = did_you_mean(value[:40].casefold(), map(str, question.values)) if isinstance(value, str) else ""
    hint = f"allowed values: {question.allowed}" + (f"; {near}" if near else "")
    raise BadInput(f"the answer {_short(value)} to question '{question.id}' is not allowed", hint=hint)


def _refuse(word: str) -> NoReturn:
    raise BadInput(f"{word} is not a value that JSON knows", hint="scales take 1 to 5")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        double, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise BadInput(f"{_short(double)} is given twice", hint="keep one answer for each question")
    return content


def _short(value: object) -> str:
    """Return the value in one line of at most 60 characters, whatever it is."""
    if isinstance(value, str):
        shown = repr(value[:60])  # repr escapes line breaks, control and bidirectional characters
    elif isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        shown = repr(value)
    else:
        shown = _kind(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _kind(value: object) -> str:
    """Return what kind of value this is, in the words of JSON where it has one."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")
