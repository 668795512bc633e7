"""From what a user passed to `Lab.run` to a plan: names checked, data filled in, the calibration's ranges and persona applied."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pplab.errors import BadInput, did_you_mean
from pplab.inputs.texts import read_text
from pplab.inputs.values import mapping
from pplab.plan.plan import make_plan, parse_values, sample_ranges
from pplab.plan.settings import parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplab.plan.plan import Plan
    from pplab.plan.settings import Range

SWEEP = '{"temperature": [0, 0.7]}'
RUN_OPTIONS = (
    "calibration",
    "n",
    "settings",
    "sweep",
    "parameters",
    "data",
    "cluster",
    "system",
    "seed",
    "max_cost",
    "deadline",
    "max_concurrency",
    "stream",
    "on_response",
)


class Calibrated(Protocol):
    """What a plan takes from a calibration."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The range of each parameter."""

    @property
    def points(self) -> Mapping[str, Sequence[float]]:
        """The values of each parameter that a sweep without values takes."""

    @property
    def persona(self) -> str:
        """The system message."""


C = TypeVar("C", bound=Calibrated)


def build_plan(
    prompt: Any,
    wishes: Mapping[str, Any],
    *,
    model: str,
    defaults: Mapping[str, Any],
    calibration: C | None,
    scrub: Callable[[str], str],
) -> tuple[Plan, C | None]:
    """Return the plan and the calibration it works in; see `Lab.run` for the wishes."""
    unknown = [name for name in wishes if name not in RUN_OPTIONS]
    if unknown:
        raise BadInput(
            f"run has no option '{unknown[0]}'",
            hint=did_you_mean(unknown[0], RUN_OPTIONS) or f"known options: {', '.join(RUN_OPTIONS)}",
        )
    w = dict(wishes)
    prompts, clusters = _prompts(prompt, w.pop("data", None), w.pop("cluster", None))
    prompts = [scrub(p) if isinstance(p, str) else p for p in prompts]
    settings, sweep = w.pop("settings", None), w.pop("sweep", None)
    seed, base = w.pop("seed", None), w.pop("parameters", None)
    base = {} if base is None else mapping(base, "parameters", '{"max_tokens": 200}')
    ranges = calibration.ranges if calibration else None
    if isinstance(settings, int) and not isinstance(settings, bool):
        if not ranges:
            raise BadInput(
                "a number of settings needs a calibration to draw them from", hint="pass calibration= or a list of settings"
            )
        settings = sample_ranges(ranges, settings, seed or 0, base)
    if sweep is not None:
        sweep = {name: _values(name, values, calibration) for name, values in mapping(sweep, "sweep", SWEEP).items()}
        if ranges and "max_tokens" in ranges and "max_tokens" not in {*sweep, *base}:
            base = {**base, "max_tokens": ranges["max_tokens"].high}
    system = _text(w.pop("system", None)) or (calibration.persona if calibration else None)
    if system is not None and not isinstance(system, str):
        raise BadInput(f"system must be text, not {type(system).__name__}", hint="pass a string, or a Path to a text file")
    n = w.pop("n", None)
    options = {**defaults, **{k: v for k, v in w.items() if v is not None and k != "calibration"}}
    plan = make_plan(
        prompts,
        model=model,
        n=5 if n is None else n,
        settings=settings,
        sweep=sweep,
        base=base,
        ranges=ranges,
        seed=seed,
        system=scrub(system) if system else None,
        clusters=clusters,
        **options,
    )
    return plan, calibration


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
