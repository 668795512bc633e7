"""The request of a run, one record from every front end, and the plan built from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pplab.errors import BadInput
from pplab.inputs.texts import read_text
from pplab.inputs.values import as_list, mapping
from pplab.plan.parameters import parameter
from pplab.plan.plan import Wording, make_plan, sample_ranges
from pplab.plan.written import parse_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplab.plan.plan import Plan
    from pplab.plan.settings import ModelAsked, Range

SWEEP = '{"temperature": [0, 0.7]}'
LONGEST_NAME = 60  # characters of a persona's or a wording's name


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything a user asks of a run, as it was given and not yet checked; `Lab.run` documents each field.

    `Lab.run`, the ``run`` command and the studio each make one, and `build_plan` turns it into a plan. ``None`` is what was not
    given. Who listens to the run is no part of it.
    """

    prompt: Any = None
    models: Any = None
    systems: Any = None
    calibration: Any = None
    n: Any = None
    settings: Any = None
    sweep: Any = None
    parameters: Any = None
    data: Any = None
    cluster: Any = None
    system: Any = None
    seed: Any = None
    max_cost: Any = None
    deadline: Any = None
    max_concurrency: Any = None
    stream: Any = None
    name: Any = None
    tags: Any = None
    note: Any = None

    def given(self) -> dict[str, Any]:
        """Return the options that were given, as the keywords of `Lab.run`."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


class Calibrated(Protocol):
    """The part of a calibration that a plan is built from."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The range of each parameter."""

    @property
    def points(self) -> Mapping[str, Sequence[float]]:
        """The values of each parameter that a sweep without values takes."""

    @property
    def persona(self) -> str:
        """The system message."""


def build_plan(
    request: RunRequest,
    *,
    model: str,
    calibration: Calibrated | None,
    deadline: float,
    max_concurrency: int,
    scrub: Callable[[str], str],
    resolve: Callable[[str], ModelAsked],
) -> Plan:
    """Return the plan that a request describes, or raise `BadInput` in one line.

    Parameters
    ----------
    request
        What the user asked for.
    model
        The model to ask.
    calibration
        The calibration that ``request.calibration`` names, if any.
    deadline, max_concurrency
        The configured values, which the request's own replace.
    scrub
        Takes keys out of text.
    resolve
        Gives the model of a name such as ``MODEL@ENDPOINT``.
    """
    sweep = {} if request.sweep is None else dict(mapping(request.sweep, "sweep", SWEEP))
    models = _one_of("models", request.models, "sweep over the model", sweep.pop("model", None))
    systems = _one_of("systems", request.systems, "sweep over the system message", sweep.pop("system", None))
    prompt = _one_of("a prompt", request.prompt, "sweep over the prompt", sweep.pop("prompt", None))
    templates = None if request.prompt is prompt and not isinstance(prompt, Mapping) else _named_texts("wording", prompt)
    prompts, clusters, wordings = _prompts(prompt, templates, request.data, request.cluster)
    ranges = calibration.ranges if calibration else None
    base = {} if request.parameters is None else mapping(request.parameters, "parameters", '{"max_tokens": 200}')
    settings = request.settings
    if isinstance(settings, int) and not isinstance(settings, bool):
        if not ranges:
            raise BadInput(
                "a number of settings needs a calibration to draw them from", hint="pass calibration= or a list of settings"
            )
        settings = sample_ranges(ranges, settings, request.seed or 0, base)
    sweep = {name: _values(name, values, calibration) for name, values in sweep.items()}
    if sweep and ranges and "max_tokens" in ranges and "max_tokens" not in {*sweep, *base}:
        base = {**base, "max_tokens": ranges["max_tokens"].high}
    personas = None if systems is None else _named_texts("persona", systems)
    if personas is not None and request.system is not None:
        raise BadInput("system and systems were both given", hint="give one of them")
    system = None if personas else _text(request.system) or (calibration.persona if calibration else None)
    if system is not None and not isinstance(system, str):
        raise BadInput(f"system must be text, not {type(system).__name__}", hint="pass a string, or a Path to a text file")
    return make_plan(
        [scrub(p) if isinstance(p, str) else p for p in prompts],
        model=model,
        n=5 if request.n is None else request.n,
        settings=settings,
        sweep=sweep or None,
        base=base,
        ranges=ranges,
        seed=request.seed,
        models=[] if models is None else _models(models, resolve),
        resolve=resolve,
        systems=personas and {name: scrub(text) for name, text in personas.items()},
        wordings=[replace(w, template=scrub(w.template), prompts=tuple(map(scrub, w.prompts))) for w in wordings],
        system=scrub(system) if system else None,
        clusters=clusters,
        deadline=deadline if request.deadline is None else request.deadline,
        max_concurrency=max_concurrency if request.max_concurrency is None else request.max_concurrency,
        max_cost=request.max_cost,
        stream=False if request.stream is None else request.stream,
    )


def _one_of(name: str, value: Any, other: str, swept: Any) -> Any:
    """Return the one of two ways of giving the same that was used."""
    if value is not None and swept is not None:
        raise BadInput(f"{name} and a {other} were both given", hint="give one of them")
    return value if swept is None else swept


def _models(models: Any, resolve: Callable[[str], ModelAsked]) -> list[ModelAsked]:
    listed = models.split(",") if isinstance(models, str) else as_list(models)
    if not listed or not all(isinstance(model, str) and model.strip() for model in listed):
        raise BadInput(f"models={models!r} is not a list of models", hint='write it like ["gpt-4o-mini", "qwen3:8b@local"]')
    return [resolve(label) for label in dict.fromkeys(model.strip() for model in listed)]


def _named_texts(what: str, given: Any) -> dict[str, str]:
    """Return named texts: a mapping, or files (``@FILE``, or paths) that are named after themselves."""
    if isinstance(given, Mapping):
        texts = dict(given)
    else:
        files = given.split(",") if isinstance(given, str) else as_list(given)
        for file in files:
            if not (isinstance(file, os.PathLike) or (isinstance(file, str) and file.strip().startswith("@"))):
                raise BadInput(
                    f"each {what} needs a name", hint='write {"plain": "...", "warm": "..."}, or files as @plain.txt,@warm.txt'
                )
        paths = [Path(file.strip()[1:]) if isinstance(file, str) else Path(file) for file in files]
        texts = {path.stem: path for path in paths}
        if len(texts) < len(paths):
            raise BadInput(f"two of the files have one name, which would be that of the {what}", hint="rename one")
    texts = {name: _text(text) for name, text in texts.items()}
    for name, text in texts.items():
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadInput(f"{name!r} cannot name a {what}", hint=f"use 1 to {LONGEST_NAME} printable characters")
        if not isinstance(text, str):
            raise BadInput(
                f"the {what} '{name}' must be text, not {type(text).__name__}", hint="pass a string, or a Path to a text file"
            )
    if not texts:
        raise BadInput(f"there is no {what}", hint="give at least one")
    return texts


def _prompts(
    prompt: Any, templates: Mapping[str, str] | None, data: Any, cluster: str | None
) -> tuple[list[Any], tuple[str, ...] | None, list[Wording]]:
    """Return the prompts, the cluster of each, and the wordings where there are several."""
    if templates is not None:
        return _worded(templates, data, cluster)
    if data is None:
        if cluster is not None:
            raise BadInput("cluster was given without data", hint="pass data= as well")
        if prompt is None:
            raise BadInput("there is no prompt", hint="give the text that the model should answer")
        if hasattr(prompt, "columns"):
            raise BadInput("a table is not a prompt", hint="pass it as data=, with a template as the prompt")
        one = isinstance(prompt, (str, bytes, Mapping)) or not hasattr(prompt, "__iter__")
        return [_text(p) for p in ([prompt] if one else prompt)], None, []
    if cluster is not None and not isinstance(cluster, str):
        raise BadInput("cluster must be the name of a column", hint="put the groups into a column of the table")
    from pplab.plan.prompts import fill
    from pplab.plan.tables import as_table

    template = _text(prompt)
    if template is not None and not isinstance(template, str):
        raise BadInput("with data, the prompt must be one template", hint="write it with {column} placeholders")
    return *fill(template, as_table(data), cluster), []


def _worded(
    templates: Mapping[str, str], data: Any, cluster: str | None
) -> tuple[list[str], tuple[str, ...] | None, list[Wording]]:
    """Return the prompts in the first wording, the cluster of each, and the wordings; a row of the table is what pairs them."""
    if data is None:
        wordings = [Wording(name, text, (text,)) for name, text in templates.items()]
        return list(wordings[0].prompts), None, wordings
    from pplab.plan.prompts import fill
    from pplab.plan.tables import as_table

    table = as_table(data)
    wordings, clusters = [], None
    for name, template in templates.items():
        texts, clusters = fill(template, table, cluster)
        wordings.append(Wording(name, template, tuple(texts)))
    prompts = list(wordings[0].prompts)
    if clusters is None:  # rows that are the same are one unit, whatever the wording
        first = {text: str(row) for row, text in reversed(list(enumerate(prompts, 1)))}
        clusters = tuple(f"row {first[text]}" for text in prompts)
    return prompts, clusters, wordings


def _text(value: Any) -> Any:
    """Return the text of a file that is given by its path; anything else stays as it is."""
    return read_text(value).rstrip("\n") if isinstance(value, os.PathLike) else value


def _values(name: str, values: Any, calibration: Calibrated | None) -> Any:
    parameter(name)
    if values is None:
        if calibration is None:
            raise BadInput(f"the sweep over {name} has no values", hint="give some, or a calibration whose points to use")
        if name not in calibration.points:
            raise BadInput(f"the calibration has no values of {name}", hint="give some, as NAME=a,b,c")
        return calibration.points[name]
    return parse_values(name, values) if isinstance(values, str) else values
