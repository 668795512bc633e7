"""The request of a run, one record from every front end, and the plan built from it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, did_you_mean
from pplab.inputs.values import as_list, mapping
from pplab.plan.calibrated import SETTINGS, drawn_settings, swept_settings
from pplab.plan.checks import references, request_checks, with_choices
from pplab.plan.messages import has_system_message, map_text, turns_of
from pplab.plan.parameters import parameter
from pplab.plan.plan import make_plan, with_race
from pplab.plan.request_prompts import named_texts, request_prompts, text_of
from pplab.plan.vocabulary import BASES, is_basis, judge_of
from pplab.plan.written import Written, parse_value, parse_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplab.plan.calibrated import Calibrated
    from pplab.plan.checks import Check
    from pplab.plan.messages import Prompt
    from pplab.plan.plan import Plan
    from pplab.plan.settings import ModelAsked

SWEEP = '{"temperature": [0, 0.7]}'
SEVERAL_PROMPTS = 3
SWEPT_NAMES = ("model", "system", "prompt")
"""What may be swept over besides parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything a user asks of a run, as it was given and not yet checked; `Lab.run` documents each field.

    `Lab.run`, the ``run`` command and the studio each make one, and `build_plan` turns it into a plan. ``None`` is what was not
    given. ``processes`` is how many make the calls, or the cluster that does. Who listens to the run is no part of it.
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
    checks: Any = None
    expected: Any = None
    reader: Any = None
    basis: Any = None
    until: Any = None
    margin: Any = None
    max_calls: Any = None
    name: Any = None
    tags: Any = None
    note: Any = None
    batch: Any = None
    detach: Any = None
    processes: Any = None

    def given(self) -> dict[str, Any]:
        """Return the options that were given, as the keywords of `Lab.run`."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def build_plan(
    request: RunRequest,
    *,
    model: str,
    calibration: Calibrated | None,
    deadline: float,
    max_concurrency: int,
    scrub: Callable[[str], str],
    resolve: Callable[[str], ModelAsked],
    functions: Mapping[str, Check] | None = None,
    reader: bool = False,
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
    functions
        The user's functions that are known as checks, by name.
    reader
        Whether the configuration asks for the reader.
    """
    sweep = {} if request.sweep is None else dict(mapping(request.sweep, "sweep", SWEEP))
    models = _one_of("models", request.models, "sweep over the model", _swept(sweep, "model"))
    strengths = calibration.personas if calibration else None
    systems = _one_of("systems", request.systems, "sweep over the system message", _swept(sweep, "system", strengths))
    swept = _swept(sweep, "prompt")
    _one_of("a prompt", request.prompt, "sweep over the prompt", swept)
    asked = request_prompts(request.prompt, swept, request.data, request.cluster)
    checks = request_checks(request.checks, functions or {}) if request.checks else ()
    expected = references(request.expected, checks, len(asked.prompts), asked.rows, table=request.data is not None)
    base = given_parameters(request)
    listed = [] if models is None else _models(models, resolve)
    sweep = {name: _values(name, values, calibration) for name, values in sweep.items()}
    personas = None if systems is None else named_texts("persona", systems)
    system = _system_message(request, personas, calibration, asked.prompts)
    settings, count = _settings_or_count(request.settings, calibration, sweep)
    if calibration and calibration.ranges and settings is None:
        names = [one.label for one in listed] or [model]
        if sweep:
            settings, sweep = swept_settings(calibration, names, sweep, base), {}
        else:
            own = any(has_system_message(turns_of(prompt)) for prompt in asked.prompts)
            settings, strengths = drawn_settings(
                calibration,
                names,
                count=count,
                seed=request.seed or 0,
                base=base,
                persona=request.system is None and personas is None and not own,
            )
            personas = strengths or personas
    plan = make_plan(
        [map_text(p, scrub) for p in asked.prompts],
        model=model,
        n=default_replicates(len(asked.prompts)) if request.n is None else request.n,
        settings=settings,
        sweep=sweep or None,
        base=base,
        seed=request.seed,
        models=listed,
        resolve=resolve,
        systems=personas and {name: scrub(text) for name, text in personas.items()},
        wordings=[replace(w, template=scrub(w.template), prompts=tuple(map(scrub, w.prompts))) for w in asked.wordings],
        system=scrub(system) if system and not personas else None,
        clusters=asked.clusters,
        rows=asked.rows and tuple({name: cell and scrub(cell) for name, cell in row.items()} for row in asked.rows),
        deadline=deadline if request.deadline is None else request.deadline,
        max_concurrency=max_concurrency if request.max_concurrency is None else request.max_concurrency,
        max_cost=request.max_cost,
        stream=False if request.stream is None else request.stream,
        checks=with_choices(checks, expected or ()),
        expected=expected and tuple(text and scrub(text) for text in expected),
        basis=(basis := _basis(request.basis, checks, race=_is_race(request))),
        reader=reader or _flag("reader", request.reader) or basis == "reader",
        batch=_in_batches(request),
    )
    return with_race(plan, margin=request.margin, max_calls=request.max_calls) if _is_race(request) else plan


def _basis(basis: Any, checks: Sequence[Check], *, race: bool) -> str:
    """Return by whose scores a run without checks is decided."""
    if basis is None:
        return "surface"
    if not is_basis(basis):
        hint = did_you_mean(str(basis), BASES) or f"write one of {', '.join(BASES)}, or a judge's score such as judge_helpful"
        raise BadInput(f"basis={basis!r} is no source that can decide", hint=hint)
    if judge_of(basis) and race:
        raise BadInput("a race looks at its answers while they arrive, when no judge has seen them", hint="leave out the basis")
    if checks:
        raise BadInput(
            "checks and a basis were both given, and checks decide alone",
            hint="leave one out; exp.verdict() takes any source or score for a second decision",
        )
    return str(basis)


def _flag(name: str, value: Any) -> bool:
    if value not in (None, True, False):
        raise BadInput(f"{name}={value!r} is neither True nor False", hint=f"write {name}=True")
    return bool(value)


def _in_batches(request: RunRequest) -> bool:
    """Return whether a request is to be sent in batches, or written to a file (a path); what cannot be together is refused."""
    if request.batch is None or request.batch is False:
        return False
    for name in ("stream", "until"):
        if getattr(request, name):
            why = "an answer in a batch comes whole" if name == "stream" else "a race looks at its answers while they come"
            raise BadInput(f"batch and {name} were both given, and {why}", hint="leave one of them out")
    return True


def _is_race(request: RunRequest) -> bool:
    """Return whether a request asks for a race; what belongs to one is refused beside anything else."""
    if request.until is None:
        for name in ("margin", "max_calls"):
            if getattr(request, name) is not None:
                raise BadInput(f"{name} is a race's, and none was asked for", hint="give until=settled, too")
    elif request.until != "settled":
        raise BadInput(f"until={request.until!r} is nothing to wait for", hint="write until=settled, or leave it out")
    return request.until is not None


def default_replicates(prompts: int) -> int:
    """Return how often each prompt is asked under each setting where nothing is said.

    Two answers to each of several prompts say more of prompts like these than more answers to few; a prompt or two need five to
    show how much their own answers vary.
    """
    return 2 if prompts >= SEVERAL_PROMPTS else 5


def given_parameters(request: RunRequest) -> dict[str, Any]:
    """Return the parameters that a request gives to every setting, those that were written on a line read."""
    given = {} if request.parameters is None else mapping(request.parameters, "parameters", '{"max_tokens": 200}')
    return {name: parse_value(name, value) if isinstance(value, Written) else value for name, value in given.items()}


def draws_settings(request: RunRequest) -> bool:
    """Return whether a request leaves its settings to a calibration: it neither lists settings nor sweeps over a parameter."""
    listed = request.settings is not None and not isinstance(request.settings, int)
    return not listed and not set(request.sweep or {}) - set(SWEPT_NAMES)


def _swept(sweep: dict[str, Any], name: str, usual: Any = None) -> Any:
    """Take a factor that is no parameter out of a sweep and return its values, the ``usual`` ones where it stands alone."""
    if name not in sweep:
        return None
    values = sweep.pop(name)
    if values is None and usual is None:
        raise BadInput(
            f"the sweep over {name} has no values", hint=f"write {name}={'a,b' if name == 'model' else '@a.txt,@b.txt'}"
        )
    return usual if values is None else values


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


def _settings_or_count(settings: Any, calibration: Calibrated | None, sweep: Mapping[str, Any]) -> tuple[Any, int]:
    """Return the settings that were given, if any, and how many to draw from a calibration where none were."""
    if settings is not None and sweep:
        raise BadInput("settings and sweep were both given", hint="give one of them")
    if not isinstance(settings, int) or isinstance(settings, bool):
        return settings, SETTINGS
    if not calibration or not calibration.ranges:
        raise BadInput(
            "a number of settings needs a calibration to draw them from", hint="pass calibration= or a list of settings"
        )
    return None, settings


def _system_message(
    request: RunRequest, personas: Mapping[str, str] | None, calibration: Calibrated | None, prompts: Sequence[Prompt]
) -> str | None:
    """Return the system message of every setting, ``None`` where personas or nothing take its place.

    A conversation's own system message stands where only a calibration would give one; beside one that the user gave for the
    run it is refused, since one of the two would be lost.
    """
    if personas is not None and request.system is not None:
        raise BadInput("system and systems were both given", hint="give one of them")
    system = text_of(request.system)
    if system is not None and not isinstance(system, str):
        raise BadInput(f"system must be text, not {type(system).__name__}", hint="pass a string, or a Path to a text file")
    own = [number for number, prompt in enumerate(prompts, 1) if has_system_message(turns_of(prompt))]
    if own and (system or personas):
        which = f"prompt {own[0]} of {len(prompts):,}" if len(prompts) > 1 else "the prompt"
        given = "system" if system else "systems"
        raise BadInput(f"{which} has a system message of its own, and {given} was given", hint="leave one of them out")
    if personas is not None:
        return None
    return system or (calibration.persona if calibration else None)


def _values(name: str, values: Any, calibration: Calibrated | None) -> Any:
    parameter(name)
    if values is None:
        if calibration is None:
            raise BadInput(f"the sweep over {name} has no values", hint="give some, or a calibration whose points to use")
        if name not in calibration.points:
            raise BadInput(f"the calibration has no values of {name}", hint="give some, as NAME=a,b,c")
        return calibration.points[name]
    return parse_values(name, values) if isinstance(values, str) else values
