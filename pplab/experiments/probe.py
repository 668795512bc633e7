"""The probe of a parameter: calls at both ends of it, and a test whether their answers differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import counted, percent, probability
from pplab.analysis.power import ALPHA
from pplab.analysis.records import Difference, Report
from pplab.errors import BadInput
from pplab.plan.messages import check_text
from pplab.plan.parameters import parameter
from pplab.plan.plan import make_plan
from pplab.plan.vocabulary import SCORED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pplab.experiments.dependencies import Listeners
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.manager import RunManager
    from pplab.plan.plan import Plan

PROMPT = (
    "Invent a small shop that does not exist yet. Give its name and describe, in about fifty words, what it sells, who works "
    "there and what a visitor would notice first."
)
"""An open question: a model that samples at all answers it differently each time."""
ENDS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "temperature": ({"temperature": 0}, {"temperature": 1}),
    "top_p": ({"temperature": 1, "top_p": 0.05}, {"temperature": 1, "top_p": 1}),
    "max_tokens": ({"max_tokens": 16}, {"max_tokens": 100}),
    "frequency_penalty": ({"frequency_penalty": -2}, {"frequency_penalty": 2}),
    "presence_penalty": ({"presence_penalty": -2}, {"presence_penalty": 2}),
}
"""What is asked at the two ends. Temperature ends at 1, the most that some servers take; top_p acts on a temperature."""
LONGEST = 100  # max_tokens of a probe's calls, so that it stays cheap
FEWEST, MOST = 5, 100  # calls at each end: below five nothing can be tested
SEEDED = 4  # calls with one seed
SEED = 20_011
MEASURED = (("distance between answers", 2), ("length in characters", 0), ("share of distinct words", 2))
HONOURED, NO_EFFECT, REJECTED, UNCLEAR = "honoured", "no visible effect", "rejected", "unclear"


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
        The two ends compared by permutation: on the mean distance between their answers, on their answers' length in characters
        and, for the penalties, on the share of distinct words. The smallest p counts, corrected for their number (Holm).
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


def plans(name: str, model: str, prompt: str | None = None, n: int = 6, **options: Any) -> tuple[Plan, ...]:
    """Return what a probe asks: both ends of the parameter, and the same seed several times.

    Parameters
    ----------
    name
        A parameter of `ENDS`.
    model
        The model to ask.
    prompt
        What to ask; default `PROMPT`.
    n
        Calls at each end.
    **options
        Further fields of `Plan`.
    """
    parameter(name)
    if isinstance(n, bool) or not isinstance(n, int) or not FEWEST <= n <= MOST:
        raise BadInput(f"n={n!r} calls at each end cannot be used", hint=f"give a whole number from {FEWEST} to {MOST}")
    text = check_text(PROMPT if prompt is None else prompt)
    ends = [{"max_tokens": LONGEST, **end} for end in ENDS[name]]
    seeded = {"temperature": 1, "max_tokens": LONGEST}
    return (
        make_plan([text], model=model, n=n, settings=ends, probes=name, **options),
        make_plan([text], model=model, n=SEEDED, settings=[seeded], seed=SEED, same_seed=True, probes="seed", **options),
    )


def run_probe(runs: RunManager, name: str, prompt: str | None, n: int, listeners: Listeners, interrupts: Interrupts) -> Probe:
    """Ask the lab's model at both ends of a parameter, and keep what its answers show; see `Lab.probe`."""
    context = runs.context
    experiments = [
        runs.start_plan(plan, listeners, interrupts)
        for plan in plans(name, context.model, prompt, n, **runs.defaults())
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

    low, high = (setting.given()[name] for setting in plan.settings)
    refused = ends[ends["status"] == "rejected"]
    if len(refused):
        at = " and ".join(f"{(low, high)[side]:g}" for side in dict.fromkeys(refused["setting_index"]))
        return REJECTED, f"at {at}: {str(refused.iloc[0]['error']).rstrip('.')}", ()
    answered = ends[ends["status"].isin(SCORED)]
    fewest = min((answered["setting_index"] == side).sum() for side in (0, 1))
    if fewest < FEWEST:
        return UNCLEAR, f"only {fewest} usable answers at one end, it takes {FEWEST}; {_why(ends)}", ()
    texts = ends["text"].fillna("")
    measures = ["length", "distinct"] if name.endswith("penalty") else ["length"]
    measured = ends.assign(length=texts.str.len(), distinct=texts.map(_distinct))
    spread = compare_diversity(measured, distance_matrix, pairs=[(0, 1)], include_truncated=True).differences
    others = compare(measured, 0, 1, measures, include_truncated=True).differences
    found = (*spread, *others)
    told = ", ".join(
        f"{words} from {d.mean_a:.{places}f} to {d.mean_b:.{places}f} ({probability(d.p)})"
        for d, (words, places) in zip(found, MEASURED, strict=False)
        if d.p is not None
    )
    smallest = min((d.p for d in found if d.p is not None), default=1.0)
    verdict = HONOURED if smallest * len(found) <= ALPHA else NO_EFFECT
    return verdict, f"between {low:g} and {high:g}, {told}; {counted(fewest, 'answer')} at each end", found


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
