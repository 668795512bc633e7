"""The plan of a run: prompts, settings, replicates and their order. Pure: nothing is sent or stored here."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pplab.errors import BadInput, did_you_mean
from pplab.inputs.values import as_list, in_units, mapping
from pplab.inputs.visible import visible
from pplab.plan.checks import stored_check
from pplab.plan.judging import Judging
from pplab.plan.messages import check_prompts, check_text, has_system_message, transcript, turns_of
from pplab.plan.parameters import in_order, parameter
from pplab.plan.race import Race, Raced, new_race
from pplab.plan.settings import FACTOR_COLUMNS, ModelAsked, Setting
from pplab.plan.vocabulary import CORRECT, MARGIN, UTILITY, is_basis, judge_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pplab.plan.checks import Check
    from pplab.plan.messages import Conversation, Prompt
    from pplab.plan.race import Control
    from pplab.plan.vocabulary import MetricInfo

MAX_CALLS = 100_000
MAX_CONCURRENCY = 10_000
SEED_LIMIT = 2**53  # what every JSON reader keeps exactly


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call of a plan: the indices of its prompt, setting and replicate."""

    prompt_index: int
    setting_index: int
    replicate: int


@dataclass(frozen=True, slots=True)
class Wording:
    """A wording of the prompts: its name, its template, and the text of each prompt in it."""

    name: str
    template: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of an experiment: every prompt under every setting, ``replicates`` times.

    ``clusters`` names the group each prompt belongs to (for the statistics; the prompt itself when ``None``). ``system`` is the
    persona sent as system message. ``deadline`` is seconds for one call in total; ``max_cost`` is US dollars for one pass (the
    run, each resume). ``same_seed`` sends ``seed`` itself with every replicate instead of one derived from it. ``probes`` names
    the parameter that a probe asks about. ``metrics`` are those of the user's own that the responses are scored by: their
    direction and range must be known where they are not registered.

    ``model`` is the one model asked, or all of them joined by commas; ``models`` are the same as records, none where the lab's
    own model is the only one. ``systems`` and ``wordings`` are the named personas and wordings that settings name. Where some
    prompt is a conversation, ``conversations`` has the messages of each and ``prompts`` their transcripts; one that has a system
    message of its own is sent with that alone. Where there are wordings, ``prompts`` are those of the first. ``rows`` holds the
    further columns of each prompt's row of the table it came from, as text, lists and objects as JSON. ``checks`` say whether an
    answer is right, by what is ``expected`` of each prompt (``None``: nobody knows); where there are any, they decide, else the
    scores of ``basis``: a source, or the column of a judge's. ``reader``: a small model on the user's machine reads the answers,
    too. ``judging`` says which answers of another experiment its prompts ask about. ``batch``: its calls are sent in files, which
    a provider works through in its own time, and not one by one.

    ``looks`` counts the decisions that could be taken on the experiment: one when it ends, and one more for each resume, retry or
    top-up that adds to answers which were there (see `pplab.analysis.statements.error_of_look`); of a race all that it may take.

    A plan with a ``race`` asks no more than that has come to: its calls and its length grow with each look.
    """

    prompts: tuple[str, ...]
    settings: tuple[Setting, ...]
    replicates: int
    model: str
    system: str | None = None
    seed: int | None = None
    clusters: tuple[str, ...] | None = None
    stream: bool = False
    deadline: float = 120.0
    max_cost: float | None = None
    max_concurrency: int = 32
    same_seed: bool = False
    probes: str | None = None
    metrics: tuple[MetricInfo, ...] = ()
    models: tuple[ModelAsked, ...] = ()
    systems: Mapping[str, str] = field(default_factory=dict)
    wordings: tuple[Wording, ...] = ()
    conversations: tuple[Conversation, ...] | None = None
    rows: tuple[Mapping[str, str | None], ...] | None = None
    looks: int = 1
    race: Race | None = None
    checks: tuple[Check, ...] = ()
    expected: tuple[str | None, ...] | None = None
    reader: bool = False
    basis: str = "surface"
    judging: Judging | None = None
    batch: bool = False

    def __len__(self) -> int:
        each = sum(self.race.reach) if self.race else len(self.prompts) * len(self.settings)
        return each * self.replicates

    def __iter__(self) -> Iterator[PlannedCall]:
        return self.calls()

    def calls(self) -> Iterator[PlannedCall]:
        """Yield every call in the order it is sent: replicate 0 of everything before replicate 1 of anything."""
        order = self.race.order if self.race else range(len(self.prompts))
        everything = itertools.product(range(self.replicates), enumerate(order), range(len(self.settings)))
        for replicate, (place, prompt), setting in everything:
            if self.race is None or place < self.race.reach[setting]:
                yield PlannedCall(prompt, setting, replicate)

    @property
    def longest(self) -> int:
        """How many calls it makes at most, whatever a race finds."""
        if self.race is None:
            return len(self)
        most = self.race.longest * self.replicates
        return most if self.race.max_calls is None else min(most, self.race.max_calls)

    @property
    def source(self) -> str:
        """By whose scores it is decided, one of `pplab.plan.vocabulary.SOURCES`; two never mix in one mean."""
        return "check" if self.checks else judge_of(self.basis) or self.basis

    @property
    def metric(self) -> str:
        """The score that the decision rests on: that of its checks, a judge's, or the utility."""
        return CORRECT if self.checks else self.basis if judge_of(self.basis) else UTILITY

    @property
    def raced(self) -> Raced | None:
        """How far its race came, where it is one."""
        return None if self.race is None else Raced(len(self), self.longest, self.race.dropped)

    def anew(self) -> Plan:
        """Return the same plan before anything was asked or decided."""
        race = self.race and self.race.anew()
        return replace(self, looks=len(race.boundaries) if race else 1, race=race)

    @property
    def swept(self) -> tuple[str, ...]:
        """The parameters that differ between the settings."""
        names = in_order(name for setting in self.settings for name in setting.parameters)
        return tuple(name for name in names if len({repr(setting.value(name)) for setting in self.settings}) > 1)

    @property
    def factors(self) -> tuple[str, ...]:
        """The columns of what differs between the settings: model, endpoint, system message, wording and parameters."""
        values = [self.factor_values(index) for index in range(len(self.settings))]
        named = (name for name in FACTOR_COLUMNS if len({of_one[name] for of_one in values}) > 1)
        return (*named, *self.swept)

    def factor_values(self, setting_index: int) -> dict[str, Any]:
        """Return the model, endpoint, system message and wording of a setting (by name), and its parameters."""
        setting, asked = self.settings[setting_index], self.asked(setting_index)
        system = setting.system or next(iter(self.systems), None)
        wording = setting.wording or next((w.name for w in self.wordings), None)
        return {
            "model_asked": asked.name, "endpoint": asked.endpoint, "system": system, "wording": wording, **setting.parameters
        }  # fmt: skip

    def asked(self, setting_index: int) -> ModelAsked:
        """Return the model that a setting asks; of the lab's own, the provider is not known here."""
        if not self.models:
            return ModelAsked(self.model)
        label = self.settings[setting_index].model
        return next(model for model in self.models if label in (None, model.label))

    @property
    def providers(self) -> str:
        """The servers of its models, joined by commas; empty where the lab's own model is the only one."""
        return ", ".join(dict.fromkeys(asked.provider or "" for asked in self.models))

    def system_message(self, setting_index: int) -> str | None:
        """Return the system message of a setting."""
        if not self.systems:
            return self.system
        return self.systems[self.settings[setting_index].system or next(iter(self.systems))]

    def prompt(self, call: PlannedCall) -> str:
        """Return the prompt of one call, in its setting's wording; of a conversation the transcript."""
        if self.wordings:
            name = self.settings[call.setting_index].wording
            wording = next(w for w in self.wordings if name in (None, w.name))
            return wording.prompts[call.prompt_index]
        return self.prompts[call.prompt_index]

    def turns(self, call: PlannedCall) -> Conversation:
        """Return the messages of one call's prompt, without the plan's system message."""
        return turns_of(self.prompt(call)) if self.conversations is None else self.conversations[call.prompt_index]

    def messages(self, call: PlannedCall) -> Conversation:
        """Return the chat messages of one call; a conversation with a system message of its own gets no other."""
        turns, system = self.turns(call), self.system_message(call.setting_index)
        return ({"role": "system", "content": system}, *turns) if system and not has_system_message(turns) else turns

    def question(self, call: PlannedCall) -> str:
        """Return what the answer of one call is judged by: the last message of its prompt."""
        return self.turns(call)[-1]["content"]

    def row(self, call: PlannedCall) -> Mapping[str, str | None]:
        """Return the row of the table that the prompt of one call came from; empty where it came from none."""
        return self.rows[call.prompt_index] if self.rows else {}

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON values; what came with later versions is left out where it is not used."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["settings"] = [s.as_dict() for s in self.settings]
        for name in ("metrics", "models", "wordings", "checks"):
            data[name] = [asdict(record) for record in data[name]]
        for name in ("metrics", "models", "systems", "wordings", "conversations", "rows", "checks", "expected"):
            if not data[name]:
                del data[name]
        for name, usual in (("looks", 1), ("reader", False), ("basis", "surface"), ("batch", False)):
            if data[name] == usual:
                del data[name]
        for name in ("race", "judging"):
            record = data.pop(name)
            if record is not None:
                data[name] = record.as_dict()
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Return the plan that `as_dict` described."""
        from pplab.plan.vocabulary import MetricInfo

        clusters, conversations, rows, expected = (data.get(name) for name in ("clusters", "conversations", "rows", "expected"))
        wordings = tuple(Wording(w["name"], w["template"], tuple(w["prompts"])) for w in data.get("wordings", ()))
        of_each_prompt = (conversations, rows, expected, *(wording.prompts for wording in wordings))
        if any(len(values) != len(data["prompts"]) for values in of_each_prompt if values):
            raise ValueError("a plan has one conversation, row, reference and wording for each prompt")
        if not is_basis(data.get("basis", "surface")) or not isinstance(data.get("reader", False), bool):
            raise ValueError("a plan is decided by the surface, the reader or a judge")
        return cls(
            **{
                **data,
                "prompts": tuple(data["prompts"]),
                "settings": tuple(Setting.of(s) for s in data["settings"]),
                "clusters": tuple(clusters) if clusters else None,
                "metrics": tuple(MetricInfo.from_dict(m) for m in data.get("metrics", ())),
                "models": tuple(ModelAsked(**m) for m in data.get("models", ())),
                "wordings": wordings,
                "conversations": tuple(map(_turns, conversations)) if conversations else None,
                "rows": tuple(rows) if rows else None,
                "race": Race.from_dict(data["race"]) if "race" in data else None,
                "checks": tuple(map(stored_check, data.get("checks", ()))),
                "expected": tuple(expected) if expected else None,
                "judging": Judging.from_dict(data["judging"], len(data["prompts"])) if "judging" in data else None,
            }
        )


def _turns(turns: Sequence[Mapping[str, Any]]) -> Conversation:
    return tuple({"role": str(turn["role"]), "content": str(turn["content"])} for turn in turns)


def make_plan(
    prompts: Sequence[Prompt],
    *,
    model: str,
    n: int = 5,
    settings: Sequence[Setting | Mapping[str, Any]] | None = None,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    base: Mapping[str, Any] | None = None,
    seed: int | None = None,
    models: Sequence[ModelAsked] = (),
    resolve: Callable[[str], ModelAsked] = ModelAsked,
    systems: Mapping[str, str] | None = None,
    wordings: Sequence[Wording] = (),
    **options: Any,
) -> Plan:
    """Return the plan of checked values; whatever is wrong raises `BadInput` in one line, before anything is sent.

    Parameters
    ----------
    prompts
        The prompts, at least one: texts and conversations.
    model
        The model's name as the server knows it.
    n
        Replicates of every prompt under every setting.
    settings
        Explicit settings, or ``None``.
    sweep
        Values per parameter; their grid becomes the settings. Not together with ``settings``.
    base
        Parameters that every setting gets unless it has its own value.
    seed
        Each replicate's seed is derived from this one.
    models
        The models to compare; none: ``model`` alone.
    resolve
        Gives the model that a setting names.
    systems, wordings
        The personas by name, and the wordings: each is combined with every setting that names none of its own.
    **options
        The remaining fields of `Plan`.
    """
    for wording in wordings:
        for text in wording.prompts:
            check_text(text, f"the wording '{wording.name}'")
    checked = check_prompts([prompts] if isinstance(prompts, str) else prompts)
    replicates = whole("n", n, 1, MAX_CALLS)
    if seed is not None:
        seed = whole("seed", seed, 0, SEED_LIMIT)
    fixed = Setting.of(base or {}).as_dict()
    if settings is not None and sweep:
        raise BadInput("settings and sweep were both given", hint="give one of them")
    if settings is not None:
        combinations = [Setting.of({**fixed, **given}) for given in _parameters_of(settings)]
    elif sweep:
        combinations = grid(sweep, fixed)
    else:
        combinations = [Setting.of(fixed)]
    if not combinations:
        raise BadInput("there is no setting", hint="give at least one setting")
    systems = {name: check_text(text, f"the persona '{name}'", blank=True) for name, text in (systems or {}).items()}
    if options.get("system") is not None:
        check_text(options["system"], "the system message", blank=True)
    combinations = _combined(combinations, "model", [asked.label for asked in models])
    combinations = _combined(combinations, "system", list(systems))
    combinations = _combined(combinations, "wording", [wording.name for wording in wordings])
    used = _models_of(combinations, models, resolve)
    if used == [resolve(model)]:
        used = []  # the lab's own: the plan is the same as where nothing was said of models
        combinations = [setting.naming(model=None) for setting in combinations]
    combinations = [_without_lone_names(setting, used, systems, wordings) for setting in combinations]
    distinct = tuple(dict.fromkeys(combinations))
    if seed is not None and any(name in setting.parameters for setting in distinct for name in ("seed", "x.seed")):
        raise BadInput("the seed was given twice", hint="give it as seed= or as a parameter")
    total = len(checked) * len(distinct) * replicates
    if total > MAX_CALLS:
        size = f"{len(checked):,} prompts x {len(distinct):,} settings x {replicates:,} replicates"
        raise BadInput(
            f"this plan has {total:,} calls ({size}), more than {MAX_CALLS:,}", hint="use fewer settings, prompts or replicates"
        )
    options["deadline"] = _positive("deadline", in_units(options.get("deadline", 120.0), timedelta(seconds=1)))
    if not isinstance(options.get("stream", False), bool):
        raise BadInput(f"stream={options['stream']!r} is neither True nor False", hint="give one of them")
    options["max_concurrency"] = whole("max_concurrency", options.get("max_concurrency", 32), 1, MAX_CONCURRENCY)
    if options.get("max_cost") is not None:
        options["max_cost"] = check_cost(options["max_cost"])
    if not isinstance(model, str) or not model.strip():
        raise BadInput("the model's name is empty", hint="give the name the server knows the model by")
    return Plan(
        prompts=tuple(map(transcript, checked)),
        settings=distinct,
        replicates=replicates,
        model=model if not used else used[0].name if len(used) == 1 else ", ".join(asked.label for asked in used),
        seed=seed,
        models=tuple(used),
        systems=systems,
        wordings=tuple(wordings),
        conversations=None if all(isinstance(prompt, str) for prompt in checked) else tuple(map(turns_of, checked)),
        **options,
    )


def _combined(settings: list[Setting], name: str, values: list[str]) -> list[Setting]:
    """Return every setting with each of the values of ``name``, those that have their own but once."""
    if not values:
        return settings
    free = [setting for setting in settings if getattr(setting, name) is None]
    own = [setting for setting in settings if getattr(setting, name) is not None]
    return [*(setting.naming(**{name: value}) for value in values for setting in free), *own]


def _models_of(
    settings: Sequence[Setting], models: Sequence[ModelAsked], resolve: Callable[[str], ModelAsked]
) -> list[ModelAsked]:
    """Return the models that settings name, each once; a plan that names none asks the lab's own."""
    known = {asked.label: asked for asked in models}
    labels = dict.fromkeys(setting.model for setting in settings)
    if None in labels and len(labels) > 1:
        raise BadInput("some settings name a model and others do not", hint="give each setting its model, or none")
    return [known.get(label) or resolve(label) for label in labels if label is not None]


def _without_lone_names(
    setting: Setting, models: Sequence[ModelAsked], systems: Mapping[str, str], wordings: Sequence[Wording]
) -> Setting:
    """Return a setting without the names that are the only ones of the plan, after a check that they are known."""
    known = {"system": list(systems), "wording": [wording.name for wording in wordings]}
    for name, values in known.items():
        value = getattr(setting, name)
        if value is not None and value not in values:
            hint = did_you_mean(value, values) or f"give the {name}s of the run by name, with {name}s="
            raise BadInput(f"a setting names the {name} '{value}', which the run does not have", hint=hint)
    lone = {name: None for name, values in {**known, "model": models}.items() if len(values) == 1}
    return setting.naming(**lone)


def _parameters_of(settings: Any) -> list[dict[str, Any]]:
    """Return the values of each setting in a list, a frame with one a row, or one setting alone."""
    if hasattr(settings, "columns"):
        settings = [{name: v for name, v in row.items() if v == v} for row in settings.to_dict("records")]  # noqa: PLR0124 - NaN is a gap
    rows = [settings] if isinstance(settings, (Setting, dict)) else as_list(settings)
    example = '{"temperature": 0.7}'
    return [row.as_dict() if isinstance(row, Setting) else mapping(row, "a setting", example) for row in rows]


def check_cost(value: object) -> float:
    """Return US dollars that may be spent, or raise `BadInput`."""
    return _positive("max_cost", value, zero=True)


def with_limits(plan: Plan, concurrency: object = None, max_cost: object = None) -> Plan:
    """Return the plan with other limits of calls under way at once and of US dollars, or raise `BadInput`; ``None`` keeps one."""
    if concurrency is None and max_cost is None:
        raise BadInput("there is no limit to change", hint="write concurrency=8 or max_cost=2.50")
    if concurrency is not None:
        plan = replace(plan, max_concurrency=whole("concurrency", concurrency, 1, MAX_CONCURRENCY))
    return plan if max_cost is None else replace(plan, max_cost=check_cost(max_cost))


def with_race(plan: Plan, *, margin: object = None, max_calls: object = None, control: Control | None = None) -> Plan:
    """Return the plan as a race (see `pplab.plan.race`), which ends as soon as it is settled which setting to use.

    With a ``control`` it ends as soon as it is settled whether some setting can take its place.
    """
    names = plan.clusters if plan.clusters is not None else [visible(prompt).strip() for prompt in plan.prompts]
    race = new_race(
        names,
        len(plan.settings),
        plan.replicates,
        margin=MARGIN if margin is None else _positive("margin", margin),
        max_calls=None if max_calls is None else whole("max_calls", max_calls, 1, MAX_CALLS),
        seed=plan.seed,
        control=control,
    )
    return replace(plan, race=race).anew()


def with_max_calls(plan: Plan, max_calls: object) -> Plan:
    """Return the plan of a race with another limit of calls in all, or raise `BadInput`."""
    if plan.race is None:
        raise BadInput("max_calls is a race's, and this experiment is none", hint="run it with until='settled'")
    return replace(plan, race=replace(plan.race, max_calls=whole("max_calls", max_calls, len(plan), MAX_CALLS)))


def grid(sweep: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any] | None = None) -> list[Setting]:
    """Return the settings of a full factorial design over ``sweep``, the last parameter varying fastest."""
    columns = []
    size = 1
    for name, values in sweep.items():
        legal = parameter(name)
        points = as_list(values)
        if not points:
            raise BadInput(f"the sweep over {name} has no values", hint="give at least one")
        size *= len(points)
        if size > MAX_CALLS:
            raise BadInput(f"this sweep has more than {MAX_CALLS:,} settings", hint="use fewer values")
        columns.append([(name, legal.check(v)) for v in points])
    return [Setting.of({**(fixed or {}), **dict(combination)}) for combination in itertools.product(*columns)]


def whole(name: str, value: object, low: int, high: int) -> int:
    """Return a value as a whole number, or refuse it by name where it is none or out of range."""
    try:
        if isinstance(value, bool) or (isinstance(value, float) and value != int(value)):
            raise ValueError  # noqa: TRY301 - one message for every kind of not a whole number
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"{name}={value!r} is not a whole number", hint=f"give a number from {low:,} to {high:,}") from None
    if not low <= number <= high:
        raise BadInput(f"{name}={number:,} is out of range", hint=f"give a number from {low:,} to {high:,}")
    return int(number)


def _positive(name: str, value: object, *, zero: bool = False) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise BadInput(f"{name}={value!r} is not a positive number", hint="give 0 or more" if zero else "give a number above 0")
    return number
