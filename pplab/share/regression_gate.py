"""The regression gate: whether answers of today are those of a baseline, metric by metric: same, drifted, or cannot tell.

Metrics are decided by an equivalence test together with a difference test, corrected over the metrics, with the estimator of the
decision (see `pplab.analysis.equivalence`). The utility that the decision rests on is compared with them when a margin for it is
given: nothing that nobody asked for fails a gate. What is no metric (which model answered, what it rejected, failures, latency,
cost) is compared beside them. Only metrics, failures and rejected parameters decide the gate: a model may be renamed or become
slower without its answers being worse.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pplab.analysis.equivalence import UTILITY, Equivalence, drift
from pplab.analysis.phrasing import probability
from pplab.errors import BadInput, did_you_mean
from pplab.inputs.values import mapping
from pplab.plan.vocabulary import CORRECT, SCORED, SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

MARGIN = 0.05
"""The largest change of a score, which lies in [0, 1], that does not matter unless the user says otherwise."""

ALPHA = 0.01 / 3
"""Size of each of the three tests beside the metrics (failures, latency, cost), so that together they stay below 1%."""

LATENCY_MARGIN, COST_MARGIN = 1.25, 1.10
"""Ratios below which a change of latency or cost is not worth a line, however certain."""

TIMED = "latency"
EXIT_CODES = {"same": 0, "drifted": 1, "cannot tell": 3}

Outcome = Literal["same", "drifted", "changed", "cannot tell", "not known"]


@dataclass(frozen=True, slots=True)
class CallComparison:
    """A comparison of the calls, beside the metrics; ``gates``: a drift of it fails the regression gate."""

    name: str
    outcome: Outcome
    words: str
    gates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineComparison:
    """The comparison of an experiment of today with one of the baseline: its outcome, and what it rests on.

    Attributes
    ----------
    outcome : {"same", "drifted", "cannot tell"}
        ``drifted`` when any metric drifted, failures rose, or a parameter is rejected that was not; else ``cannot tell`` when any
        metric could not be told; else ``same``.
    metrics : tuple of Equivalence
        The utility comes last, where it was asked for. Empty when every answer is identical to that of the baseline: then there
        is nothing to test.
    facts : tuple of CallComparison
        Answers (when all are the same), model, fingerprint, rejected parameters, failures, latency, cost.
    baseline, experiment : str
        The ids of the experiment compared with and of the new one.
    source : str
        Where the new answers come from, in words.
    n_suggested : int or None
        Replicates of each prompt that would settle what cannot be told; ``None`` where more replicates alone will not.
    """

    outcome: Literal["same", "drifted", "cannot tell"]
    metrics: tuple[Equivalence, ...]
    facts: tuple[CallComparison, ...]
    baseline: str
    experiment: str
    source: str
    n_suggested: int | None

    @property
    def exit_code(self) -> int:
        """0: same, 1: drifted, 3: cannot tell."""
        return EXIT_CODES[self.outcome]

    @property
    def words(self) -> str:
        """The outcome, and what each part of it rests on, but for the latency: it differs from run to run (see ``facts``)."""
        head = {
            "same": "Same: every metric is within its margin of the baseline." if self.metrics else "Same.",
            "drifted": f"Drifted: {', '.join(self.drifted)}.",
            "cannot tell": "Cannot tell: there are too few answers to decide.",
        }[self.outcome]
        advice = (
            [f"Run it again with n={self.n_suggested}: that is enough to decide in 4 of 5 cases."] if self.n_suggested else []
        )
        facts = [f"{f.name}: {f.words}" for f in self.facts if f.name != TIMED]
        return "\n".join([head, *advice, f"Compared with {self.source}.", *(m.words for m in self.metrics), *facts])

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of what fails the regression gate."""
        metrics = [m.metric for m in self.metrics if m.outcome == "drifted"]
        return (*metrics, *(f.name for f in self.facts if f.gates and f.outcome == "drifted"))

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values."""
        return {**dataclasses.asdict(self), "exit_code": self.exit_code, "drifted": list(self.drifted)}


@dataclass(frozen=True, slots=True)
class RegressionGate:
    """The regression gate's outcome for a baseline: one comparison for each of its experiments.

    Examples
    --------
    >>> RegressionGate(()).exit_code
    0
    """

    checks: tuple[BaselineComparison, ...]

    @property
    def outcome(self) -> Literal["same", "drifted", "cannot tell"]:
        """The worst of the outcomes: drifted before cannot tell before same."""
        outcomes = {check.outcome for check in self.checks}
        return "drifted" if "drifted" in outcomes else "cannot tell" if "cannot tell" in outcomes else "same"

    @property
    def exit_code(self) -> int:
        """0: same, 1: drifted, 3: cannot tell."""
        return EXIT_CODES[self.outcome]

    @property
    def words(self) -> str:
        """The outcomes, and what each rests on."""
        return "\n\n".join(check.words for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the gate as plain JSON values."""
        return {"outcome": self.outcome, "exit_code": self.exit_code, "checks": [check.as_dict() for check in self.checks]}


def margins_for(names: Sequence[str], wanted: Mapping[str, float] | None) -> dict[str, float]:
    """Return a margin for each metric: the four scores and the checks always, a user's own metric where one is given.

    Raises
    ------
    BadInput
        If a name is no metric of both sides, or a margin is not above 0.
    """
    margins = dict.fromkeys((*(name for name in names if name == CORRECT), *SCORES), MARGIN)
    given = {} if wanted is None else mapping(wanted, "margins", '{"coherence": 0.02}')
    for name, margin in given.items():
        if name not in names:
            known = "its margin stands alone, without a name" if name == UTILITY else f"known: {', '.join(names)}"
            raise BadInput(f"this baseline has no metric '{name}'", hint=did_you_mean(name, names) or known)
        margins[name] = _above_zero(margin, name)
    return margins


def utility_margin(margin: float | None) -> float | None:
    """Return the margin of the utility; ``None`` where it is not compared.

    Raises
    ------
    BadInput
        If it is not above 0.

    Examples
    --------
    >>> utility_margin(0.03)
    0.03
    """
    return None if margin is None else _above_zero(margin, "the utility")


def _above_zero(margin: Any, name: str) -> float:
    if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 < margin < float("inf"):
        raise BadInput(f"the margin {margin!r} of {name} is not above 0", hint="give it in the metric's own units")
    return float(margin)


def compare(
    before: pd.DataFrame,
    now: pd.DataFrame,
    margins: Mapping[str, float],
    *,
    baseline: str,
    experiment: str,
    source: str,
    timed: bool,
    replicates: int,
    utility: float | None = None,
    precision: float = 0.5,
) -> BaselineComparison:
    """Compare the responses of two runs of one plan.

    Parameters
    ----------
    before, now
        All columns of the responses, with the same ``prompt_index`` and ``setting_index`` for the same prompt and setting.
    margins
        For each metric the largest change that does not matter.
    baseline, experiment, source
        See `BaselineComparison`.
    timed
        Whether the latencies of ``now`` were measured, not recorded.
    replicates
        Replicates of the plan, from which the suggested number is reckoned.
    utility
        The largest change of the utility that does not matter; ``None``: it is not compared.
    precision
        The share of precision in the utility.
    """
    same = _same_answers(before, now)
    metrics = () if same else drift(before, now, margins, utility=utility, precision=precision)
    identical = CallComparison("answers", "same", f"all {len(now)} are identical to those of the baseline", gates=True)
    facts = (
        *([identical] if same else []),
        _compare_values("model", _values(before, "model"), _values(now, "model")),
        _compare_values("fingerprint", _values(before, "system_fingerprint"), _values(now, "system_fingerprint")),
        _rejections(before, now),
        _failures(before, now),
        _ratio(TIMED, "ms", _ok(before, "latency_ms"), _ok(now, "latency_ms"), LATENCY_MARGIN)
        if timed
        else CallComparison(TIMED, "not known", "not measured: the answers come from a recording"),
        _cost(before, now),
    )
    drifted = any(m.outcome == "drifted" for m in metrics) or any(f.gates and f.outcome == "drifted" for f in facts)
    unclear = [m for m in metrics if m.outcome == "cannot tell" and m.difference is not None]
    unknown = any(m.outcome == "cannot tell" and _applies(m.metric, before, now) for m in metrics)
    return BaselineComparison(
        outcome="drifted" if drifted else "cannot tell" if unknown else "same",
        metrics=metrics,
        facts=facts,
        baseline=baseline,
        experiment=experiment,
        source=source,
        n_suggested=_suggested_replicates(unclear, replicates) if unknown and not drifted else None,
    )


REPLICATE = ["prompt_index", "setting_index", "replicate"]


def _same_answers(before: pd.DataFrame, now: pd.DataFrame) -> bool:
    """Return whether every replicate has the status, the text and the scores that it has in the baseline."""
    columns = [*REPLICATE, "status", "text", *SCORES]
    sides = [f[columns].sort_values(REPLICATE, ignore_index=True) for f in (before, now)]
    return sides[0].equals(sides[1])


def _applies(metric: str, before: pd.DataFrame, now: pd.DataFrame) -> bool:
    """Return whether a metric applies to any response of either side; the utility, which is compared when asked for, always."""
    return metric == UTILITY or bool(before[metric].notna().any() or now[metric].notna().any())


def _suggested_replicates(unclear: Sequence[Equivalence], replicates: int) -> int | None:
    """Return the replicates that settle every unclear metric, where these and not the prompts are what is counted."""
    if not unclear or any(m.n_suggested is None or m.scope != "replicates" for m in unclear):
        return None
    return max(replicates + 1, *(int(np.ceil(replicates * (m.n_suggested or 0) / max(m.n, 1))) for m in unclear))


def _values(frame: pd.DataFrame, column: str) -> list[str]:
    answered = frame.loc[frame["status"].isin(SCORED), column]
    return sorted({str(v) for v in answered.dropna()})


def _compare_values(name: str, before: list[str], now: list[str]) -> CallComparison:
    if not before or not now:
        return CallComparison(name, "not known", "the server did not name it")
    if before == now:
        return CallComparison(name, "same", ", ".join(now))
    return CallComparison(name, "changed", f"was {', '.join(before)}, is {', '.join(now)}")


def _rejections(before: pd.DataFrame, now: pd.DataFrame) -> CallComparison:
    was, is_ = ({name for rejected in frame["rejected"] for name in rejected or ()} for frame in (before, now))
    if new := sorted(is_ - was):
        return CallComparison(
            "rejected parameters", "drifted", f"{', '.join(new)} is rejected now and was not before", gates=True
        )
    if gone := sorted(was - is_):
        return CallComparison(
            "rejected parameters", "changed", f"{', '.join(gone)} was rejected before and is accepted now", gates=True
        )
    return CallComparison("rejected parameters", "same", ", ".join(sorted(is_)) or "none", gates=True)


def _failures(before: pd.DataFrame, now: pd.DataFrame) -> CallComparison:
    """Compare the shares of replicates without a usable answer by Fisher's exact test; only more of them is a drift."""
    from scipy.stats import fisher_exact

    counts = [(int((f["status"] != "ok").sum()), int((f["status"] == "ok").sum())) for f in (before, now)]
    shares = [bad / max(bad + good, 1) for bad, good in counts]
    words = f"{counts[0][0]} of {sum(counts[0])} answers were not ok before, {counts[1][0]} of {sum(counts[1])} now"
    p = float(fisher_exact(np.array(counts)).pvalue)
    if p <= ALPHA:
        outcome: Outcome = "drifted" if shares[1] > shares[0] else "changed"
        return CallComparison("failures", outcome, f"{words} ({probability(p)})", gates=True)
    return CallComparison("failures", "same", words, gates=True)


def _ok(frame: pd.DataFrame, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return frame.loc[frame["status"] == "ok", column].dropna().to_numpy(dtype=np.float64)


def _cost(before: pd.DataFrame, now: pd.DataFrame) -> CallComparison:
    was, is_ = _ok(before, "cost"), _ok(now, "cost")
    if was.any() and is_.any():
        return _ratio("cost", "dollars", was, is_, COST_MARGIN)
    return _ratio("cost", "output tokens", _ok(before, "output_tokens"), _ok(now, "output_tokens"), COST_MARGIN)


def _ratio(name: str, unit: str, before: Any, now: Any, margin: float) -> CallComparison:
    """Compare what a call takes: drifted when it is another beyond chance (Mann-Whitney) and by more than the margin."""
    from scipy.stats import mannwhitneyu

    if len(before) < 2 or len(now) < 2:
        return CallComparison(name, "not known", "too few answers to compare")
    was, is_ = (float(np.mean(side)) if name == "cost" else float(np.median(side)) for side in (before, now))
    kind = "mean" if name == "cost" else "median"
    words = f"{kind} {was:,.4g} {unit}, now {is_:,.4g}"
    if was <= 0 or is_ <= 0 or max(was / is_, is_ / was) < margin:
        return CallComparison(name, "same", words)
    p = float(mannwhitneyu(before, now).pvalue)
    return CallComparison(name, "drifted" if p <= ALPHA else "same", f"{words} ({probability(p)})")
