"""The draft of a run in the studio: its data, the request it makes, and the cell that says the same. Pure."""

from __future__ import annotations

import json
import shlex
from pprint import pformat
from typing import TYPE_CHECKING, Any, TypedDict

from pplab.errors import BadInput
from pplab.plan.parameters import CALIBRATED, FREE, PARAMETERS, as_text, in_order
from pplab.plan.request import RunRequest
from pplab.plan.written import parse_value, parse_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_STEPS = 1000  # a number with more whole values than this on a plain scale is written, not dragged


class Persona(TypedDict):
    """A system message, and its name where several are compared."""

    name: str
    text: str


class Draft(TypedDict):
    """A run as it stands in the form.

    ``values`` has each parameter with a slider that is sent, ``written`` each other one as it is written: one value, or several
    to sweep. ``models`` are the models to compare, separated by commas; ``systems`` the personas, one without text being the
    calibration's. ``calibration`` is an id or empty, ``table`` the file of prompts or empty, ``beyond`` whether values outside
    of the calibrated ranges are wanted, ``detach`` whether the run has a process of its own.
    """

    prompt: str
    table: str
    systems: tuple[Persona, ...]
    models: str
    calibration: str
    beyond: bool
    values: dict[str, tuple[float, ...]]
    written: dict[str, str]
    n: int
    stream: bool
    detach: bool


class ParameterScale(TypedDict):
    """A parameter with a slider, and the values it may take at all."""

    name: str
    meaning: str
    low: float
    high: float
    logarithmic: bool
    integer: bool


class WrittenParameter(TypedDict):
    """A parameter without a slider: one of ``choices``, or whatever is written; ``example`` shows how."""

    name: str
    meaning: str
    choices: tuple[str, ...]
    example: str


EXAMPLES = {
    "stop": '["END"]',
    "response_format": '{"type": "json_object"}',
    "logit_bias": '{"50256": -100}',
    "seed": "1, 2, 3",
    "top_k": "20, 40",
    "thinking_budget": "0, 2048",
}
"""How a parameter is written, where its name does not say it."""


def has_slider(name: str) -> bool:
    """Return whether a parameter's values are few or continuous enough to be dragged."""
    known = PARAMETERS[name]
    return known.numeric and (name in CALIBRATED or known.high - known.low <= MOST_STEPS)


def scales() -> tuple[ParameterScale, ...]:
    """Return the parameters with a slider, the calibrated ones first."""
    return tuple(
        ParameterScale(
            name=p.name,
            meaning=p.meaning,
            low=p.low + 0.01 if p.low_open else p.low,
            high=p.high,
            logarithmic=p.low > 0 and p.high / p.low > 1000,
            integer=p.integer,
        )
        for p in PARAMETERS.values()
        if has_slider(p.name)
    )


def written_parameters() -> tuple[WrittenParameter, ...]:
    """Return the parameters without a slider."""
    return tuple(
        WrittenParameter(
            name=p.name,
            meaning=p.meaning,
            choices=("true", "false") if p.kind == "flag" else p.choices,
            example=EXAMPLES.get(p.name, ""),
        )
        for p in PARAMETERS.values()
        if not has_slider(p.name)
    )


def models_of(draft: Draft) -> list[str]:
    """Return the models of a draft, each once."""
    return list(dict.fromkeys(name.strip() for name in draft["models"].split(",") if name.strip()))


def request_of(draft: Draft) -> RunRequest:
    """Return the request that a draft makes, or raise `BadInput` where what is written cannot be read.

    Examples
    --------
    >>> nobody = (Persona(name="", text=""),)
    >>> draft = Draft(prompt="Hi", table="", systems=nobody, models="embedded", calibration="", beyond=False,
    ...               values={"temperature": (0.0, 1.0), "top_p": (0.9,)}, written={"seed": "7"}, n=3, stream=False,
    ...               detach=False)
    >>> request = request_of(draft)
    >>> request.models, request.sweep, request.parameters
    (['embedded'], {'temperature': [0.0, 1.0]}, {'top_p': 0.9, 'seed': 7})
    """
    sweep, fixed = sweep_and_fixed(draft)
    table = draft["table"].strip() or None
    several = draft["systems"][1:]
    return RunRequest(
        prompt=draft["prompt"].rstrip("\n") or (None if table else ""),
        models=models_of(draft) or None,
        systems={persona["name"].strip(): _line(persona["text"]) for persona in draft["systems"]} if several else None,
        calibration=draft["calibration"] or None,
        n=draft["n"],
        sweep=sweep or None,
        parameters=fixed or None,
        data=table,
        system=None if several else _line(draft["systems"][0]["text"]) or None,
        stream=draft["stream"],
        detach=draft["detach"],
    )


def sweep_and_fixed(draft: Draft) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return the parameters of a draft that are swept, and those with one value."""
    values: dict[str, list[Any]] = {name: list(several) for name, several in draft["values"].items() if several}
    values |= {name: _read(name, text.strip()) for name, text in draft["written"].items() if text.strip()}
    values = {name: values[name] for name in in_order(values)}
    sweep = {name: several for name, several in values.items() if len(several) > 1}
    if draft["calibration"] and not sweep:
        return values, {}  # a calibration without a sweep would draw settings from its ranges
    return sweep, {name: several[0] for name, several in values.items() if name not in sweep}


def _read(name: str, text: str) -> list[Any]:
    return [parse_value(name, text)] if text.startswith("{") else list(parse_values(name, text))


def code_of(draft: Draft, model: str) -> str:
    """Return the cell that runs what a draft stands for; ``model`` is the one that is asked without saying so.

    It is a ``%%pplab run`` cell, or Python where several personas are compared, whose texts no line could hold.
    """
    try:
        sweep, fixed = sweep_and_fixed(draft)
    except BadInput:  # said beside the form; the cell shows the rest
        sweep, fixed = sweep_and_fixed({**draft, "written": {}})
    models = [] if models_of(draft) == [model] else models_of(draft)
    if draft["systems"][1:]:
        return _python(draft, models, sweep, fixed)
    words = ["%%pplab run", "--n", str(draft["n"])]
    if models[1:]:
        words += ["--sweep", shlex.quote(f"model={','.join(models)}")]
    words += [word for name, values in sweep.items() for word in ("--sweep", shlex.quote(f"{name}={_values_text(name, values)}"))]
    words += [word for name, value in fixed.items() for word in ("--set", shlex.quote(f"{name}={_value_text(name, value)}"))]
    given = {
        "--calibration": draft["calibration"],
        "--prompts": draft["table"].strip(),
        "--system": _line(draft["systems"][0]["text"]),
        "--model": models[0] if len(models) == 1 else "",
    }
    for flag, text in given.items():
        if text:  # what begins with a dash would read as an option of its own
            words += [f"{flag}={shlex.quote(text)}"] if text.startswith("-") else [flag, shlex.quote(text)]
    words += [flag for flag, wanted in (("--stream", draft["stream"]), ("--detach", draft["detach"])) if wanted]
    return f"{' '.join(words)}\n{draft['prompt'].rstrip()}"


def _python(draft: Draft, models: Sequence[str], sweep: Mapping[str, Any], fixed: Mapping[str, Any]) -> str:
    request = request_of({**draft, "written": {}})
    options = {**request.given(), "models": models, "sweep": sweep, "parameters": fixed}
    options = {name: value for name, value in options.items() if value and name != "prompt"}
    order = [name for name in RunRequest.__dataclass_fields__ if name in options]
    lines = [f"    {_literal(request.prompt, 0)},"] + [f"    {name}={_literal(options[name], len(name) + 1)}," for name in order]
    return "\n".join(["import pplab", "", "lab = pplab.Lab()", "lab.run(", *lines, ")"])


def _literal(value: Any, indent: int) -> str:
    return pformat(value, width=96 - indent, sort_dicts=False).replace("\n", f"\n{' ' * (4 + indent)}")


def _value_text(name: str, value: Any) -> str:
    if isinstance(value, str) and name.startswith(FREE):  # which reads 1 as a number
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.10g}" if isinstance(value, float) else as_text(value)


def _values_text(name: str, values: Sequence[Any]) -> str:
    """Return several values as a sweep is written: with commas, or as a JSON list where one of them could hold one."""
    plain = all(isinstance(value, (int, float)) or (isinstance(value, str) and not name.startswith(FREE)) for value in values)
    return ",".join(_value_text(name, value) for value in values) if plain else as_text(list(values))


def _line(text: str) -> str:
    """Return a text as the one line that an option of a magic can hold."""
    return " ".join(text.split())
