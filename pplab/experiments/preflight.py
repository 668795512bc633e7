"""The preflight of a run: its calls, tokens, cost and time, and what it could decide. Nothing is sent."""

from __future__ import annotations

import re
from collections import Counter as Counts
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import counted, joined, repetitions
from pplab.analysis.records import Report
from pplab.analysis.settling import Settling, Spread, settling
from pplab.experiments.tokens import FEW, PER_MESSAGE, counter
from pplab.inputs.visible import visible
from pplab.models.batch_prices import batch_discount, batch_share
from pplab.models.batches import LONGEST_WAIT_S
from pplab.plan.plan import PlannedCall
from pplab.plan.vocabulary import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplab.experiments.tokens import Counter
    from pplab.models.prices import Price
    from pplab.plan.plan import Plan
    from pplab.plan.settings import ModelAsked
    from pplab.store.history import ModelStats

ASSUMED_MAX_TOKENS = 4096
"""The longest answer assumed where neither the user nor earlier answers set a limit."""
ASSUMED_SECONDS = (1.0, 10.0)
"""How long one call is assumed to take, from short answers of small models to long ones of large models."""
EMBEDDED_TOKENS_A_SECOND = 2_000
FIRST_PROMPTS = 3
"""How many prompts are shown as they will be sent."""
SHOWN_CHARS = 400
_COUNT = re.compile(r"^\d+$")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model of a plan before it is asked.

    Attributes
    ----------
    asked : ModelAsked
        The model, with its provider.
    price : Price or None
        ``None`` if unknown.
    stats : ModelStats
        Latency and token counts of its earlier answers.
    limit : int or None
        How many calls its endpoint takes at once; ``None``: as many as the plan asks for.
    """

    asked: ModelAsked
    price: Price | None
    stats: ModelStats
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class _Forecast:
    """The calls of a plan to one model: tokens, cost and seconds, each with what it is based on."""

    asked: ModelAsked
    calls: int
    input_tokens: int
    input_exact: bool
    input_basis: str
    output_tokens: tuple[int, int]
    output_basis: str
    cost: tuple[float, float] | None
    cost_basis: str
    seconds: tuple[float, float]
    time_basis: str
    all_of_them: tuple[float, float]


@dataclass(frozen=True, slots=True, repr=False)
class Preflight(Report):
    """The size, cost and time of a planned run, and what it could show.

    Attributes
    ----------
    calls, prompts, settings, replicates : int
    model, provider : str
        All of them joined by commas, where the plan compares several.
    input_tokens : int
        All calls together; ``input_exact`` when the model's own tokenizer counted, ``input_basis`` says how it was done.
    output_tokens : tuple of int
        The least and the most that is expected, all calls together.
    cost : tuple of float, or None
        US dollars, least and most; ``None`` when the price is unknown (never 0).
    seconds : tuple of float
        At the allowed rate, least and most.
    settling : Settling
        What the plan will be able to decide.
    warnings : tuple of str
        Caveats of the plan's parameters.
    first_prompts : tuple of str
        The first prompts, as they will be sent; with several wordings, the first one in each.
    wordings : tuple of str
        The names of the wordings, where there are several.
    systems : mapping
        The personas by name.
    checks, expected : tuple of str
        The checks of its answers, and what is expected of the first prompts (``None``: nobody knows).
    reader : bool
        Whether a small model on this machine reads the answers.
    first_look : int or None
        The calls of a race before it may end; ``calls`` and the upper ends of the ranges are then what it takes at most.
    batch : bool
        Whether the calls go in batches; ``seconds`` are then up to the longest wait.
    """

    calls: int
    prompts: int
    settings: int
    replicates: int
    model: str
    provider: str
    input_tokens: int
    input_exact: bool
    input_basis: str
    output_tokens: tuple[int, int]
    output_basis: str
    cost: tuple[float, float] | None
    cost_basis: str
    seconds: tuple[float, float]
    time_basis: str
    settling: Settling
    warnings: tuple[str, ...]
    first_prompts: tuple[str, ...] = ()
    wordings: tuple[str, ...] = ()
    systems: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    reader: bool = False
    expected: tuple[str | None, ...] = ()
    first_look: int | None = None
    batch: bool = False

    @property
    def words(self) -> str:
        """The plan, tokens, cost, time, what it can show, the first prompts as they will be sent, and warnings; a line each."""
        size = f"{counted(self.prompts, 'prompt')}, {counted(self.settings, 'setting')}, {counted(self.replicates, 'replicate')}"
        about = "" if self.input_exact else "about "
        low, high = self.output_tokens
        calls, up_to = counted(self.calls, "call"), ""
        if self.first_look is not None:
            calls, up_to = f"A race of {self.first_look:,} to {calls}", "up to "
        lines = [
            f"{calls} to {self.model}: {size} each. Nothing is sent.",
            f"Input: {up_to}{about}{counted(self.input_tokens, 'token')} ({self.input_basis}).",
            f"Output: {low:,} to {high:,} tokens ({self.output_basis}).",
            f"Cost: {self._cost()} ({self.cost_basis}).",
            f"Time: {_coarse(self.seconds[0])} to {_coarse(self.seconds[1])} ({self.time_basis}).",
            self.settling.words,
        ]
        if self.batch:
            lines[4] = f"Time: up to {round(self.seconds[1] / 3600)} hours ({self.time_basis})."
        elif _coarse(self.seconds[0]) == _coarse(self.seconds[1]):
            lines[4] = f"Time: {_coarse(self.seconds[1])} ({self.time_basis})."
        if self.wordings:
            named = zip(self.wordings, self.first_prompts, strict=True)
            lines += [f"Prompt 1, worded {name}: {_in_one_line(prompt)}" for name, prompt in named]
        else:
            lines += [f"Prompt {i}: {_in_one_line(prompt)}" for i, prompt in enumerate(self.first_prompts, 1)]
        more = self.prompts - (1 if self.wordings else len(self.first_prompts))
        if self.first_prompts and more:
            lines.append(f"... and {counted(more, 'more prompt')}.")
        if self.checks:
            lines.append(f"An answer is right if it passes {joined(self.checks)}.")
            lines += [f"Expected of prompt {i}: {_in_one_line(text or 'unknown')}" for i, text in enumerate(self.expected, 1)]
        if self.reader:
            lines.append("A small model on this machine reads each answer as it arrives; the results wait for it.")
        lines += [f"Persona {name}: {_in_one_line(text) if text else 'no system message'}" for name, text in self.systems.items()]
        return "\n".join([*lines, *(f"Warning: {warning}." for warning in self.warnings)])

    def _cost(self) -> str:
        if self.cost is None:
            return "unknown"
        return _dollars(*self.cost)


def _dollars(low: float, high: float) -> str:
    return "nothing" if high == 0 else f"${low:,.4f} to ${high:,.4f}"


def preflight(plan: Plan, models: Sequence[ModelFacts], warnings: Sequence[str] = (), spread: Spread | None = None) -> Preflight:
    """Return what running ``plan`` would be.

    Parameters
    ----------
    plan
        What is asked.
    models
        What is known of each of its models.
    warnings
        Caveats of the plan's parameters.
    spread
        How much answers to one prompt vary; ``None``: what is assumed.
    """
    every = replace(plan, race=None)
    parts = _forecasts(every, models)
    cost, cost_basis = _total_cost(parts)
    seconds, time_basis = _total_time(plan, parts)
    least, most = len(plan) / len(every), plan.longest / len(every)  # of a race: the share that it makes at least, and at most
    tokens = (sum(part.output_tokens[0] for part in parts), sum(part.output_tokens[1] for part in parts))
    if plan.batch:
        seconds, time_basis = (0.0, float(LONGEST_WAIT_S)), "the longest that a batch may take; many are done much sooner"
        cost_basis = "; ".join([cost_basis, *_discounts(models)])
    return Preflight(
        calls=plan.longest,
        prompts=len(plan.prompts),
        settings=len(plan.settings),
        replicates=plan.replicates,
        model=plan.model,
        provider=", ".join(dict.fromkeys(part.asked.provider or "" for part in parts)),
        input_tokens=round(most * sum(part.input_tokens for part in parts)),
        input_exact=all(part.input_exact for part in parts),
        input_basis=_basis(parts, lambda part: part.input_basis),
        output_tokens=(round(least * tokens[0]), round(most * tokens[1])),
        output_basis=_basis(parts, lambda part: part.output_basis),
        cost=cost and (least * cost[0], most * cost[1]),
        cost_basis=cost_basis,
        seconds=(least * seconds[0], most * seconds[1]),
        time_basis=time_basis,
        settling=settling(_units(plan), len(plan.settings), plan.replicates, spread, plan.race.margin if plan.race else MARGIN),
        warnings=(*warnings, *_repetitions(plan)),
        first_prompts=tuple(w.prompts[0] for w in plan.wordings) or plan.prompts[:FIRST_PROMPTS],
        wordings=tuple(w.name for w in plan.wordings),
        systems=plan.systems,
        checks=tuple(check.label for check in plan.checks),
        reader=plan.reader,
        expected=(plan.expected or ())[:FIRST_PROMPTS],
        first_look=len(plan) if plan.race else None,
        batch=plan.batch,
    )


def _discounts(models: Sequence[ModelFacts]) -> list[str]:
    """Return in words what share of a known price batches cost, server by server."""
    known = {facts.asked.provider or "": batch_discount(facts.asked.provider or "") for facts in models if facts.price}
    return [
        f"at the full price, for no discount on batches is known of {host}"
        if discount is None
        else f"at {discount.share:.0%} of the price, which {discount.name} asks for batches ({discount.source}, {discount.read})"
        for host, discount in known.items()
    ]


def _forecasts(plan: Plan, models: Sequence[ModelFacts]) -> list[_Forecast]:
    """Return the forecast of each model, in the plan's order; models at one endpoint share its limit."""
    each = len(plan.prompts) * plan.replicates
    settings = [_settings_of(plan, facts.asked, alone=len(models) == 1) for facts in models]
    at_place: dict[tuple[str | None, str | None], int] = {}
    for facts, indices in zip(models, settings, strict=True):
        at_place[facts.asked.place] = at_place.get(facts.asked.place, 0) + each * len(indices)
    forecasts = []
    for facts, indices in zip(models, settings, strict=True):
        provider, calls, count = facts.asked.provider or "", each * len(indices), _counter(facts)
        input_tokens = _input_tokens(plan, indices, count, PER_MESSAGE if provider != "embedded" else 0)
        output, output_basis = _output(plan, indices, facts.stats)
        price = facts.price and facts.price.times(batch_share(provider)) if plan.batch else facts.price
        cost, cost_basis = _cost(price, calls, input_tokens, output, exact=count.exact)
        at_once = min(at_place[facts.asked.place], plan.max_concurrency, facts.limit or plan.max_concurrency)
        one, one_basis = _one_call(facts.stats)
        seconds, time_basis = _time(provider, calls, at_once, one, one_basis, facts.stats, input_tokens, output)
        own_time = seconds if provider == "embedded" else (calls * one[0], calls * one[1])
        forecasts.append(
            _Forecast(
                facts.asked,
                calls,
                input_tokens,
                count.exact,
                count.basis,
                output,
                output_basis,
                cost,
                cost_basis,
                seconds,
                time_basis,
                own_time,
            )
        )
    return forecasts


def _settings_of(plan: Plan, asked: ModelAsked, *, alone: bool) -> list[int]:
    return [index for index in range(len(plan.settings)) if alone or plan.asked(index).label == asked.label]


def _counter(facts: ModelFacts) -> Counter:
    return counter(facts.asked.provider or "", facts.asked.name, facts.stats)


def _basis(parts: Sequence[_Forecast], of: Callable[[_Forecast], str]) -> str:
    """Return what a figure is based on: once where it is the same for all models, else for each."""
    bases = dict.fromkeys(of(part) for part in parts)
    return next(iter(bases)) if len(bases) == 1 else "; ".join(f"{part.asked.label}: {of(part)}" for part in parts)


def _total_cost(parts: Sequence[_Forecast]) -> tuple[tuple[float, float] | None, str]:
    known = [part.cost for part in parts if part.cost is not None]
    total = sum(low for low, _ in known), sum(high for _, high in known)
    if len(known) == len(parts):
        return total, _basis(parts, lambda part: part.cost_basis)
    if len(parts) == 1:
        return None, parts[0].cost_basis
    unknown = " and ".join(part.asked.label for part in parts if part.cost is None)
    rest = f", the rest costs {_dollars(*total)}" if known else ""
    return None, f"no list price is known for {unknown}{rest}; set your own with the configuration `prices`"


def _total_time(plan: Plan, parts: Sequence[_Forecast]) -> tuple[tuple[float, float], str]:
    """Return the seconds of all calls: endpoints are asked side by side, each at its own pace, all within the plan's limit."""
    if len(parts) == 1:
        return parts[0].seconds, parts[0].time_basis
    of_place: dict[tuple[str | None, str | None], tuple[float, float]] = {}
    for part in parts:
        low, high = of_place.get(part.asked.place, (0.0, 0.0))
        of_place[part.asked.place] = low + part.seconds[0], high + part.seconds[1]
    at_least = [sum(part.all_of_them[end] for part in parts) / plan.max_concurrency for end in (0, 1)]
    low, high = (max(at_least[end], *(seconds[end] for seconds in of_place.values())) for end in (0, 1))
    slowest = max(parts, key=lambda part: part.seconds[1])
    return (low, high), f"side by side; {slowest.asked.label} takes longest, {slowest.time_basis}"


def _units(plan: Plan) -> int:
    return len(set(plan.clusters)) if plan.clusters is not None else _distinct(plan)


def _distinct(plan: Plan) -> int:
    return len({visible(prompt).strip() for prompt in plan.prompts})


def _repetitions(plan: Plan) -> list[str]:
    distinct = _distinct(plan)
    repeated = repetitions(len(plan.prompts) - distinct)
    return [f"there {'is' if distinct == 1 else 'are'} {counted(distinct, 'different prompt')}{repeated}"] if repeated else []


def _input_tokens(plan: Plan, settings: Sequence[int], count: Counter, around: int) -> int:
    """Return the tokens that all calls under some settings send; ``around`` is what a chat template adds to a message."""
    texts_of = {index: (plan.settings[index].wording, plan.settings[index].system) for index in settings}
    alike = Counts(texts_of.values())
    total = 0
    for index, texts in texts_of.items():
        several = alike.pop(texts, 0)  # once for all that send the same texts
        if several:
            calls = (PlannedCall(prompt, index, 0) for prompt in range(len(plan.prompts)))
            contents = [message["content"] for call in calls for message in plan.messages(call)]
            total += several * plan.replicates * (count.total(contents) + around * len(contents))
    return total


def _output(plan: Plan, settings: Sequence[int], stats: ModelStats) -> tuple[tuple[int, int], str]:
    """Return the tokens of all answers: from the usual length of earlier ones up to the limit, or from one token each."""
    each = len(plan.prompts) * plan.replicates
    longest = [plan.settings[index].value("max_tokens") for index in settings]
    most = sum(each * (limit or ASSUMED_MAX_TOKENS) for limit in longest)
    until = "max_tokens" if all(longest) else f"{ASSUMED_MAX_TOKENS:,} where max_tokens is not set"
    if stats.answers >= FEW and stats.output_tokens:
        usual = stats.output_tokens[0]
        least = sum(round(each * min(usual, most_of_one or usual)) for most_of_one in longest)
        return (least, max(least, most)), f"from the length of short earlier answers to {until}"
    return (each * len(settings), most), f"from one token a call to {until}"


def _cost(
    price: Price | None, calls: int, input_tokens: int, output: tuple[int, int], *, exact: bool
) -> tuple[tuple[float, float] | None, str]:
    if price is None:
        return None, "no list price is known for this model at this server; set your own with the configuration `prices`"
    spread = (1.0, 1.0) if exact else (0.75, 1.5)  # an estimate by characters is off by this much for most languages
    tokens = [factor * input_tokens for factor in spread]
    prices = [price.at(n / calls) for n in tokens]
    low, high = ((n * a + m * b) / 1e6 for n, m, (a, b) in zip(tokens, output, prices, strict=True))
    return (low, high), f"{price.source}, {price.dated}" if price.dated else "your own price"


def _one_call(stats: ModelStats) -> tuple[tuple[float, float], str]:
    """Return the seconds of one call, from a fast one to a slow one."""
    if stats.answers >= FEW and stats.latency_ms:
        return (stats.latency_ms[0] / 1000, stats.latency_ms[2] / 1000), "as fast as earlier calls"
    return ASSUMED_SECONDS, f"assuming {ASSUMED_SECONDS[0]:g} to {ASSUMED_SECONDS[1]:g} s a call"


def _time(
    provider: str,
    calls: int,
    at_once: int,
    one: tuple[float, float],
    basis: str,
    stats: ModelStats,
    input_tokens: int,
    output: tuple[int, int],
) -> tuple[tuple[float, float], str]:
    """Return the seconds for all calls to a model, so many at once and at the server's stated rate."""
    if provider == "embedded":
        low, high = (tokens / EMBEDDED_TOKENS_A_SECOND for tokens in output)
        return (low, high), "it runs in this process"
    rounds = -(-calls // at_once)
    low, high = rounds * one[0], rounds * one[1]
    basis += f", {at_once:,} at once"
    a_minute = max((seconds for _, seconds in _limits(stats.headers, calls, input_tokens + output[0])), default=0.0)
    if a_minute > low:
        basis += ", limited by the rate that the server states"
    return (max(low, a_minute), max(high, a_minute)), basis


def _limits(headers: Mapping[str, str], calls: int, tokens: int) -> list[tuple[str, float]]:
    """Return the seconds that each stated limit (so many a minute) asks for; what passes at once is free."""
    wanted = {"x-ratelimit-limit-requests": calls, "x-ratelimit-limit-tokens": tokens}
    stated = {name: int(text) for name, text in headers.items() if name in wanted and _COUNT.match(text) and int(text) > 0}
    return [(name, 60.0 * max(0, wanted[name] - limit) / limit) for name, limit in stated.items()]


def _in_one_line(prompt: str) -> str:
    r"""Return a prompt in quotes, what cannot be seen written as its escape, and no more of it than can be read at a glance.

    Examples
    --------
    >>> print(_in_one_line("Say hello.\nTwice."))
    "Say hello.\nTwice."
    """
    shown = prompt[:SHOWN_CHARS].replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    rest = f" ... ({len(prompt):,} characters)" if len(prompt) > SHOWN_CHARS else ""
    return f'"{shown}"{rest}'


def _coarse(seconds: float) -> str:
    """Return a duration in words that two similar machines agree on.

    Examples
    --------
    >>> _coarse(3), _coarse(40), _coarse(200), _coarse(9000)
    ('under 10 seconds', 'under a minute', 'about 4 minutes', 'about 3 hours')
    """
    if seconds <= 10:
        return "under 10 seconds"
    if seconds <= 60:
        return "under a minute"
    if seconds <= 3600:
        return f"about {counted(-int(-seconds // 60), 'minute')}"
    return f"about {counted(-int(-seconds // 3600), 'hour')}"
