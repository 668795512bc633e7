"""The probe of a parameter: calls at both ends of it, and a test whether their answers differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted, percent, probability
from pplab.analysis.power import ALPHA
from pplab.analysis.records import Difference, Report
from pplab.errors import BadInput
from pplab.experiments.probe_ends import LONGEST, SEED, name_and_values, probe_ends, thinks
from pplab.plan.messages import check_text
from pplab.plan.parameters import as_text, shortened
from pplab.plan.plan import make_plan
from pplab.plan.vocabulary import SCORED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from pplab.experiments.dependencies import Listeners
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.manager import RunManager
    from pplab.experiments.probe_ends import Ends
    from pplab.plan.plan import Plan

PROMPT = (
    "Invent a small shop that does not exist yet. Give its name and describe, in about fifty words, what it sells, who works "
    "there and what a visitor would notice first."
)
"""An open question: a model that samples at all answers it differently each time."""
FEWEST, MOST = 5, 100  # calls at each end: below five nothing can be tested
SEEDED = 4  # calls with one seed
CUT_TO_NOTHING = "empty"
LOGPROBS = ("logprobs", "top_logprobs")
LOGPROBS_COLUMN = "alternatives"
HONOURED, NO_EFFECT, REJECTED, UNCLEAR = "honoured", "no visible effect", "rejected", "unclear"


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured of each answer: its column, what it is called, and with how many decimals it is written.

    ``concerns`` says of which parameters.
    """

    column: str
    label: str
    places: int
    concerns: Callable[[str], bool]


DISTANCE = Measure("diversity", "distance between answers", 2, lambda _: True)
MEASURES = (
    Measure("length", "length in characters", 0, lambda _: True),
    Measure("distinct", "share of distinct words", 2, lambda name: name.endswith("penalty")),
    Measure("cut", "share of answers cut off", 2, lambda name: name == "max_tokens" or thinks(name)),
    Measure("tokens", "tokens of an answer", 0, thinks),
    Measure(LOGPROBS_COLUMN, "log probabilities of a token", 0, lambda name: name in LOGPROBS),
)


@dataclass(frozen=True, slots=True, repr=False)
class Probe(Report):
    """What a handful of calls showed about one parameter.

    Attributes
    ----------
    parameter, model, provider : str
    verdict : {"honoured", "no visible effect", "rejected", "unclear"}
        ``unclear`` when too few calls were answered to tell.
    evidence : str
        In words, what the verdict rests on.
    differences : tuple of Difference
        The two ends compared by permutation, on the mean distance between their answers and on each of `MEASURES` that concerns
        the parameter. The smallest p counts, corrected for their number (Holm).
    identical_at_zero, identical_with_seed : float or None
        The share of pairs of answers that are the same, at temperature 0 and at temperature 1 with one seed; ``None`` where it
        was not asked or not answered.
    fingerprints : tuple of str
        The versions of the server (``system_fingerprint``) in the order they answered; more than one means that it changed.
    calls : int
    cost : float or None
        US dollars; ``None`` when unknown.
    experiment_ids : tuple of str
        Where the calls are stored.
    """

    parameter: str
    model: str
    provider: str
    verdict: str
    evidence: str
    differences: tuple[Difference, ...]
    identical_at_zero: float | None
    identical_with_seed: float | None
    fingerprints: tuple[str, ...]
    calls: int
    cost: float | None
    experiment_ids: tuple[str, ...]

    @property
    def words(self) -> str:
        """The verdict, its evidence, what else was seen, and what it cost."""
        lines = [f"{self.parameter}: {self.verdict}", f"{self.evidence[:1].upper()}{self.evidence[1:]}."]
        if self.identical_at_zero is not None:
            lines.append(f"At temperature 0, {percent(self.identical_at_zero)} of the pairs of answers are identical.")
        if self.identical_with_seed is not None:
            lines.append(f"With one seed at temperature 1, {percent(self.identical_with_seed)} of the pairs are identical.")
        if len(self.fingerprints) > 1:
            lines.append("The server's system_fingerprint changed between the calls: part of what differs may come from that.")
        cost = "at an unknown cost" if self.cost is None else "free" if self.cost == 0 else f"${self.cost:.4f}"
        lines.append(f"{counted(self.calls, 'call')} to {self.model}, {cost}.")
        return "\n".join(lines)

    def event(self) -> dict[str, Any]:
        """Return what the audit keeps of it."""
        return {name: getattr(self, name) for name in ("parameter", "provider", "model", "verdict", "evidence", "calls", "cost")}


@dataclass(frozen=True, slots=True, repr=False)
class Probes(Report):
    """The probes of several parameters of one model, in the order of the table of parameters."""

    probes: tuple[Probe, ...]

    @property
    def words(self) -> str:
        """A line for each parameter, and what they cost together."""
        lines = [f"{probe.parameter}: {probe.verdict}; {probe.evidence}" for probe in self.probes]
        costs = [probe.cost for probe in self.probes]
        cost = "at an unknown cost" if None in costs else f"${total:.4f}" if (total := sum(filter(None, costs))) else "free"
        calls = counted(sum(probe.calls for probe in self.probes), "call")
        return "\n".join([*lines, f"{calls} to {self.probes[0].model}, {cost}."])


def plans(name: str, ends: Ends, model: str, prompt: str | None = None, n: int = 6, **options: Any) -> tuple[Plan, ...]:
    """Return what a probe asks: both ends of the parameter, and the same seed several times.

    Parameters
    ----------
    name
        The parameter.
    ends
        The parameters at its two ends, see `pplab.experiments.probe_ends`.
    model
        The model to ask.
    prompt
        What to ask; default `PROMPT`.
    n
        Calls at each end.
    **options
        Further fields of `Plan`.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not FEWEST <= n <= MOST:
        raise BadInput(f"n={n!r} calls at each end cannot be used", hint=f"give a whole number from {FEWEST} to {MOST}")
    text = check_text(PROMPT if prompt is None else prompt)
    at_the_ends = make_plan([text], model=model, n=n, settings=ends, probes=name, **options)
    if name == "seed":
        return (at_the_ends,)
    seeded = {"temperature": 1, "max_tokens": LONGEST}
    return (
        at_the_ends,
        make_plan([text], model=model, n=SEEDED, settings=[seeded], seed=SEED, same_seed=True, probes="seed", **options),
    )


def run_probe(runs: RunManager, wanted: str, prompt: str | None, n: int, listeners: Listeners, interrupts: Interrupts) -> Probe:
    """Ask the lab's model at both ends of a parameter, and keep what its answers show; see `Lab.probe`."""
    context = runs.context
    name, values = name_and_values(wanted)
    ends = probe_ends(name, values, context.model, runs.capabilities, context.provider)
    experiments = [
        runs.start_plan(plan, listeners, interrupts)
        for plan in plans(name, ends, context.model, prompt, n, **runs.defaults())
        if not interrupts.count
    ]
    probe = judge(name, context.provider, experiments)
    context.record_event("probe_completed", entity="experiment", entity_id=experiments[0].id, durable=True, **probe.event())
    return probe


def judge(name: str, provider: str, ran: Sequence[Experiment]) -> Probe:
    """Return what the experiments of a probe show; the second one (the seed) may be missing when it was interrupted."""
    import pandas as pd

    frames = [experiment.responses for experiment in ran]
    ends = frames[0]
    together = pd.concat(frames)
    if name in LOGPROBS:
        ends = ends.assign(**{LOGPROBS_COLUMN: _alternatives(ran[0], ends)})
    verdict, evidence, differences = _verdict(name, ends, ran[0].plan)
    cold = ends[ends["temperature"] == 0] if name == "temperature" else ends[:0]
    costs = together.loc[together["status"] != "cancelled", "cost"]
    versions = [version for experiment in ran for version in experiment.fingerprints]
    return Probe(
        parameter=name,
        model=ran[0].model,
        provider=provider,
        verdict=verdict,
        evidence=evidence,
        differences=differences,
        identical_at_zero=_identical(cold),
        identical_with_seed=_identical(frames[1]) if len(frames) > 1 else None,
        fingerprints=tuple(dict.fromkeys(versions)),
        calls=int((together["status"] != "cancelled").sum()),
        cost=None if costs.isna().any() else float(costs.sum()),
        experiment_ids=tuple(experiment.id for experiment in ran),
    )


def _verdict(name: str, ends: pd.DataFrame, plan: Plan) -> tuple[str, str, tuple[Difference, ...]]:
    from pplab.analysis.diversity import compare_diversity
    from pplab.analysis.statistics import compare
    from pplab.scoring.surface.distances import distance_matrix

    low, high = (_written(setting.value(name)) for setting in plan.settings)
    refused = ends[ends["status"] == "rejected"]
    if len(refused):
        at = " and ".join((low, high)[side] for side in dict.fromkeys(refused["setting_index"]))
        return REJECTED, f"at {at}: {str(refused.iloc[0]['error']).rstrip('.')}", ()
    answered = ends["status"].isin((*SCORED, CUT_TO_NOTHING))
    fewest = min((ends.loc[answered, "setting_index"] == side).sum() for side in (0, 1))
    if fewest < FEWEST:
        return UNCLEAR, f"only {fewest} usable answers at one end, it takes {FEWEST}; {_why(ends)}", ()
    texts = ends["text"].fillna("")
    measured = ends.assign(
        status=ends["status"].where(~answered, "ok"),  # an answer that was cut, even to nothing, is evidence as well
        length=texts.str.len(),
        distinct=texts.map(_distinct),
        cut=(ends["finish_reason"] == "length").astype(float),
        tokens=ends["output_tokens"].astype("float64"),
    )
    measures = [
        measure for measure in MEASURES if measure.concerns(name) and measured.loc[answered, measure.column].notna().all()
    ]
    spread = compare_diversity(measured, distance_matrix, [(0, 1)]).differences
    differences = (*spread, *compare(measured, 0, 1, [measure.column for measure in measures]).differences)
    words = [
        f"{measure.label} from {d.mean_a:.{measure.places}f} to {d.mean_b:.{measure.places}f} ({probability(d.p)})"
        for d, measure in zip(differences, (DISTANCE, *measures), strict=True)
        if d.p is not None
    ]
    smallest = min((d.p for d in differences if d.p is not None), default=1.0)
    verdict = HONOURED if smallest * len(words) <= ALPHA else NO_EFFECT
    return verdict, f"between {low} and {high}, {', '.join(words)}; {counted(fewest, 'answer')} at each end", differences


def _written(value: Any) -> str:
    return "the default" if value is None else shortened(as_text(value))


def _alternatives(experiment: Experiment, ends: pd.DataFrame) -> list[float]:
    """Return how many log probabilities stand beside the first token of each answer: those that came as received."""
    raw = experiment.context.store.attempts(experiment.id).drop_duplicates("response_id", keep="last")
    bodies = dict(zip(raw["response_id"], raw["raw"], strict=True))
    return [_log_probabilities(bodies.get(response_id)) for response_id in ends["response_id"]]


def _log_probabilities(body: Any) -> float:
    try:
        first = json.loads(body)["choices"][0]["logprobs"]["content"][0]
        return 1.0 + len(first.get("top_logprobs") or ())
    except (TypeError, ValueError, LookupError, AttributeError):
        return 0.0


def _distinct(text: str) -> float | None:
    words = text.lower().split()
    return len(set(words)) / len(words) if words else None


def _why(ends: pd.DataFrame) -> str:
    said = [str(error) for error in ends["error"].dropna()]
    return said[0] if said else "the answers were empty or refused"


def _identical(frame: pd.DataFrame) -> float | None:
    """Return the share of pairs of answers that are the same text, over the answers to one prompt under one setting."""
    texts = list(frame.loc[frame["status"].isin(SCORED), "text"])
    pairs = len(texts) * (len(texts) - 1) // 2
    if not pairs:
        return None
    return sum(1 for at, one in enumerate(texts) for other in texts[at + 1 :] if one == other) / pairs
