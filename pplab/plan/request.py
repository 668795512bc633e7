"""The request of a run, one record from every front end, and the plan built from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from pplab.errors import BadInput
from pplab.inputs.texts import read_text
from pplab.inputs.values import mapping
from pplab.plan.plan import make_plan, parse_values, sample_ranges
from pplab.plan.settings import parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplab.plan.plan import Plan
    from pplab.plan.settings import Range

SWEEP = '{"temperature": [0, 0.7]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything a user asks of a run, as it was given and not yet checked; `Lab.run` documents each field.

    `Lab.run`, the ``run`` command and the studio each make one, and `build_plan` turns it into a plan. ``None`` is what was not
    given. Who listens to the run is no part of it.
    """

    prompt: Any = None
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
    """
    prompts, clusters = _prompts(request.prompt, request.data, request.cluster)
    ranges = calibration.ranges if calibration else None
    base = {} if request.parameters is None else mapping(request.parameters, "parameters", '{"max_tokens": 200}')
    settings = request.settings
    if isinstance(settings, int) and not isinstance(settings, bool):
        if not ranges:
            raise BadInput(
                "a number of settings needs a calibration to draw them from", hint="pass calibration= or a list of settings"
            )
        settings = sample_ranges(ranges, settings, request.seed or 0, base)
    sweep = None
    if request.sweep is not None:
        sweep = {name: _values(name, values, calibration) for name, values in mapping(request.sweep, "sweep", SWEEP).items()}
        if ranges and "max_tokens" in ranges and "max_tokens" not in {*sweep, *base}:
            base = {**base, "max_tokens": ranges["max_tokens"].high}
    system = _text(request.system) or (calibration.persona if calibration else None)
    if system is not None and not isinstance(system, str):
        raise BadInput(f"system must be text, not {type(system).__name__}", hint="pass a string, or a Path to a text file")
    return make_plan(
        [scrub(p) if isinstance(p, str) else p for p in prompts],
        model=model,
        n=5 if request.n is None else request.n,
        settings=settings,
        sweep=sweep,
        base=base,
        ranges=ranges,
        seed=request.seed,
        system=scrub(system) if system else None,
        clusters=clusters,
        deadline=deadline if request.deadline is None else request.deadline,
        max_concurrency=max_concurrency if request.max_concurrency is None else request.max_concurrency,
        max_cost=request.max_cost,
        stream=False if request.stream is None else request.stream,
    )


def _prompts(prompt: Any, data: Any, cluster: str | None) -> tuple[list[Any], tuple[str, ...] | None]:
    if data is None:
        if cluster is not None:
            raise BadInput("cluster was given without data", hint="pass data= as well")
        if prompt is None:
            raise BadInput("there is no prompt", hint="give the text that the model should answer")
        if hasattr(prompt, "columns"):
            raise BadInput("a table is not a prompt", hint="pass it as data=, with a template as the prompt")
        one = isinstance(prompt, (str, bytes, Mapping)) or not hasattr(prompt, "__iter__")
        return [_text(p) for p in ([prompt] if one else prompt)], None
    if cluster is not None and not isinstance(cluster, str):
        raise BadInput("cluster must be the name of a column", hint="put the groups into a column of the table")
    from pplab.plan.prompts import fill
    from pplab.plan.tables import as_table

    template = _text(prompt)
    if template is not None and not isinstance(template, str):
        raise BadInput("with data, the prompt must be one template", hint="write it with {column} placeholders")
    return fill(template, as_table(data), cluster)


def _text(value: Any) -> Any:
    """Return the text of a file that is given by its path; anything else stays as it is."""
    return read_text(value).rstrip("\n") if isinstance(value, os.PathLike) else value


def _values(name: str, values: Any, calibration: Calibrated | None) -> Any:
    parameter(name)
    if values is None:
        if calibration is None:
            raise BadInput(f"the sweep over {name} has no values", hint="give some, or a calibration whose points to use")
        return calibration.points[name]
    return parse_values(name, values) if isinstance(values, str) else values
