"""The preflight of a run: its calls, tokens, cost and time, and the smallest difference it could show. Nothing is sent."""

from __future__ import annotations

import re
from collections import Counter as Counts
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pplab.analysis.phrasing import counted, repetitions
from pplab.analysis.records import Report
from pplab.analysis.sensitivity import Sensitivity, sensitivity
from pplab.experiments.tokens import FEW, PER_MESSAGE, counter
from pplab.inputs.visible import visible
from pplab.plan.plan import PlannedCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.experiments.tokens import Counter
    from pplab.models.prices import Price
    from pplab.plan.plan import Plan
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


@dataclass(frozen=True, slots=True, repr=False)
class Preflight(Report):
    """The size, cost and time of a planned run, and what it could show.

    Attributes
    ----------
    calls, prompts, settings, replicates : int
    model, provider : str
    input_tokens : int
        All calls together; ``input_exact`` when the model's own tokenizer counted, ``input_basis`` says how it was done.
    output_tokens : tuple of int
        The least and the most that is expected, all calls together.
    cost : tuple of float, or None
        US dollars, least and most; ``None`` when the price is unknown (never 0).
    seconds : tuple of float
        At the allowed rate, least and most.
    detectable : Sensitivity
        The smallest difference that the plan can show, per metric.
    warnings : tuple of str
        Caveats of the plan's parameters.
    first_prompts : tuple of str
        The first prompts, as they will be sent; with several wordings, the first one in each.
    wordings : tuple of str
        The names of the wordings, where there are several.
    systems : mapping
        The personas by name.
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
    detectable: Sensitivity
    warnings: tuple[str, ...]
    first_prompts: tuple[str, ...] = ()
    wordings: tuple[str, ...] = ()
    systems: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The plan, tokens, cost, time, what it can show, the first prompts as they will be sent, and warnings; a line each."""
        size = f"{counted(self.prompts, 'prompt')}, {counted(self.settings, 'setting')}, {counted(self.replicates, 'replicate')}"
        about = "" if self.input_exact else "about "
        low, high = self.output_tokens
        lines = [
            f"{counted(self.calls, 'call')} to {self.model}: {size} each. Nothing is sent.",
            f"Input: {about}{counted(self.input_tokens, 'token')} ({self.input_basis}).",
            f"Output: {low:,} to {high:,} tokens ({self.output_basis}).",
            f"Cost: {self._cost()} ({self.cost_basis}).",
            f"Time: {_coarse(self.seconds[0])} to {_coarse(self.seconds[1])} ({self.time_basis}).",
            self.detectable.words,
        ]
        if _coarse(self.seconds[0]) == _coarse(self.seconds[1]):
            lines[4] = f"Time: {_coarse(self.seconds[1])} ({self.time_basis})."
        if self.wordings:
            named = zip(self.wordings, self.first_prompts, strict=True)
            lines += [f"Prompt 1, worded {name}: {_in_one_line(prompt)}" for name, prompt in named]
        else:
            lines += [f"Prompt {i}: {_in_one_line(prompt)}" for i, prompt in enumerate(self.first_prompts, 1)]
        more = self.prompts - (1 if self.wordings else len(self.first_prompts))
        if self.first_prompts and more:
            lines.append(f"... and {counted(more, 'more prompt')}.")
        lines += [f"Persona {name}: {_in_one_line(text) if text else 'no system message'}" for name, text in self.systems.items()]
        return "\n".join([*lines, *(f"Warning: {warning}." for warning in self.warnings)])

    def _cost(self) -> str:
        if self.cost is None:
            return "unknown"
        low, high = self.cost
        return "nothing" if high == 0 else f"${low:,.4f} to ${high:,.4f}"


def preflight(
    plan: Plan, provider: str, price: Price | None, stats: ModelStats, metrics: Sequence[str], warnings: Sequence[str] = ()
) -> Preflight:
    """Return what running ``plan`` would be.

    Parameters
    ----------
    plan, provider
        What is asked, and of whom.
    price
        The model's price, ``None`` if unknown.
    stats
        Latency and token counts of the model's earlier answers.
    metrics
        Names of the metrics that responses are scored by.
    warnings
        Caveats of the plan's parameters.
    """
    calls, count = len(plan), counter(provider, plan.model, stats)
    input_tokens = _input_tokens(plan, count, PER_MESSAGE if provider != "embedded" else 0)
    output, output_basis = _output(plan, stats)
    cost, cost_basis = _cost(price, calls, input_tokens, output, exact=count.exact)
    seconds, time_basis = _time(plan, provider, stats, input_tokens, output)
    return Preflight(
        calls=calls,
        prompts=len(plan.prompts),
        settings=len(plan.settings),
        replicates=plan.replicates,
        model=plan.model,
        provider=provider,
        input_tokens=input_tokens,
        input_exact=count.exact,
        input_basis=count.basis,
        output_tokens=output,
        output_basis=output_basis,
        cost=cost,
        cost_basis=cost_basis,
        seconds=seconds,
        time_basis=time_basis,
        detectable=sensitivity(_units(plan), len(plan.settings), plan.replicates, tuple(metrics)),
        warnings=(*warnings, *_repetitions(plan)),
        first_prompts=tuple(w.prompts[0] for w in plan.wordings) or plan.prompts[:FIRST_PROMPTS],
        wordings=tuple(w.name for w in plan.wordings),
        systems=plan.systems,
    )


def _input_tokens(plan: Plan, count: Counter, around: int) -> int:
    """Return the tokens that all calls send; ``around`` is what a chat template adds to a message."""
    alike = Counts((setting.wording, setting.system) for setting in plan.settings)
    total = 0
    for index, setting in enumerate(plan.settings):
        settings = alike.pop((setting.wording, setting.system), 0)  # once for all that send the same texts
        if settings:
            calls = (PlannedCall(prompt, index, 0) for prompt in range(len(plan.prompts)))
            texts = [message["content"] for call in calls for message in plan.messages(call)]
            total += settings * plan.replicates * (count.total(texts) + around * len(texts))
    return total


def _units(plan: Plan) -> int:
    return len(set(plan.clusters)) if plan.clusters is not None else _distinct(plan)


def _distinct(plan: Plan) -> int:
    return len({visible(prompt).strip() for prompt in plan.prompts})


def _repetitions(plan: Plan) -> list[str]:
    distinct = _distinct(plan)
    repeated = repetitions(len(plan.prompts) - distinct)
    return [f"there {'is' if distinct == 1 else 'are'} {counted(distinct, 'different prompt')}{repeated}"] if repeated else []


def _output(plan: Plan, stats: ModelStats) -> tuple[tuple[int, int], str]:
    """Return the tokens of all answers: from the usual length of earlier ones up to the limit, or from one token each."""
    each = len(plan.prompts) * plan.replicates
    most = sum(each * (setting.value("max_tokens") or ASSUMED_MAX_TOKENS) for setting in plan.settings)
    limit = (
        "max_tokens"
        if all(s.value("max_tokens") for s in plan.settings)
        else f"{ASSUMED_MAX_TOKENS:,} where max_tokens is not set"
    )
    if stats.answers >= FEW and stats.output_tokens:
        usual = stats.output_tokens[0]
        least = sum(round(each * min(usual, setting.value("max_tokens") or usual)) for setting in plan.settings)
        return (least, max(least, most)), f"from the length of short earlier answers to {limit}"
    return (each * len(plan.settings), most), f"from one token a call to {limit}"


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


def _time(
    plan: Plan, provider: str, stats: ModelStats, input_tokens: int, output: tuple[int, int]
) -> tuple[tuple[float, float], str]:
    """Return the seconds for all calls at the plan's concurrency and the server's stated rate."""
    calls = len(plan)
    if provider == "embedded":
        low, high = (tokens / EMBEDDED_TOKENS_A_SECOND for tokens in output)
        return (low, high), "it runs in this process"
    one, basis = ASSUMED_SECONDS, f"assuming {ASSUMED_SECONDS[0]:g} to {ASSUMED_SECONDS[1]:g} s a call"
    if stats.answers >= FEW and stats.latency_ms:
        one, basis = (stats.latency_ms[0] / 1000, stats.latency_ms[2] / 1000), "as fast as earlier calls"
    at_once = min(calls, plan.max_concurrency)
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
