"""The decision: which setting to use, how sure that is, and what to run next. One object, from one estimator."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pplab.analysis.contrasts import COLUMNS, factor_effects
from pplab.analysis.decision_facts import Facts
from pplab.analysis.decision_words import Lines, Outcome, decided_by, lines, lines_of_nothing
from pplab.analysis.next_step import NextStep, next_step
from pplab.analysis.paired import CellValues, Paired, paired
from pplab.analysis.response_matrix import layout, need
from pplab.analysis.statements import Statements, error_of_look, statements
from pplab.analysis.statistics import benjamini_hochberg
from pplab.analysis.unusable import Unusable, unusable, usable_rows
from pplab.analysis.utility import metric_cells, utility_cells
from pplab.errors import BadInput
from pplab.plan.settings import factor_columns
from pplab.plan.vocabulary import MARGIN, SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.analysis.diversity import Distance
    from pplab.analysis.response_matrix import Flags, Floats, ResponseMatrix, Responses
    from pplab.plan.race import Raced
    from pplab.plan.settings import Range

_UTILITY = ["mean", "low", "high", "behind_at_most"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Decision:
    """What the answers of an experiment allow to decide. Returned by `decide`.

    Attributes
    ----------
    outcome : {"best", "equal", "within", "leave_out", "open", "none"}
        ``best``: one setting is above all others. ``equal``: several are within the margin of the best. ``within``: no other
        is better than the leader by more than the margin. ``leave_out``: some are behind, the rest is not settled. ``open``:
        nothing is settled. ``none``: no setting can be used.
    headline, evidence, next_step : str
        What to use and how sure that is; what it rests on; what to run.
    leader : int or None
        The setting index that stands highest.
    setting : int or None
        The one to use: the leader, unless the outcome is ``open`` or ``none``. The only setting of an experiment is used, too.
    parameters : dict
        The factors of that setting, such as ``{"temperature": 0.7}``.
    regret : float
        By how much, at most, some other setting is better than the leader, in utility; infinite where too little is known.
    best, equally_good, behind, ruled_out : tuple of int
        Setting indices: the best, where there is one; those no other is better than by more than the margin; those below some
        other; those whose answers cannot be used.
    why_out : dict of str
        Why those cannot be used, by setting index, such as ``5 of 5 answers loop``.
    undecided : tuple of int
        Setting indices that have to be asked more to settle it, the leader first: it, and those that may still be better by more
        than the margin; all that can be used where too little is known. Empty where it is settled, or nothing can be used.
    labels : dict of str
        What each setting is called, by setting index: what they differ in.
    utility : DataFrame
        Indexed by setting index, highest first: ``mean``, ``low``, ``high`` (95 % against the mean of all settings),
        ``behind_at_most`` (the regret bound) and ``unusable`` (the share of answers that cannot be used).
    by_metric : DataFrame
        The leader against each other setting on each metric: ``setting, metric, lead, low, high, mark``, the mark ``gains`` or
        ``gives up`` where the difference holds (Benjamini and Hochberg, 5 %).
    by_factor : DataFrame
        What each level of each factor adds, where all combinations of several factors were tried, and where two factors depend on
        each other; see `pplab.analysis.contrasts.factor_effects`.
    more : NextStep
        What to run next, as data.
    margin, precision : float
        The difference that does not matter, and the share of precision in the utility.
    metric : str or None
        The metric that took the utility's place.
    source : str
        By whose scores it is decided: ``surface``, ``check``, ``reader`` or ``judge``.
    prompts, answers : int
        What it rests on: prompts (or clusters), and usable answers.
    arguments : dict or None
        What a call with the setting to use is made with, where the experiment is known; see `request`.

    Examples
    --------
    >>> decision = decide(frame)  # doctest: +SKIP
    >>> print(decision.words)  # doctest: +SKIP
    Use temperature 0.7: no other of the 3 is better by more than 0.03 (95% sure).
    It leads 1.2 by 0.04 (0.01 to 0.07) and 0 by 0.08 (0.05 to 0.11); 12 prompts, 72 answers.
    Next: nothing needs to be run.
    """

    outcome: Outcome
    headline: str
    evidence: str
    next_step: str
    leader: int | None
    setting: int | None
    parameters: Mapping[str, Any]
    regret: float
    best: tuple[int, ...]
    equally_good: tuple[int, ...]
    behind: tuple[int, ...]
    ruled_out: tuple[int, ...]
    why_out: Mapping[int, str]
    undecided: tuple[int, ...]
    labels: Mapping[int, str]
    utility: pd.DataFrame
    by_metric: pd.DataFrame
    by_factor: pd.DataFrame
    more: NextStep
    margin: float
    precision: float
    metric: str | None
    prompts: int
    answers: int
    source: str = "surface"
    arguments: Mapping[str, Any] | None = None

    @property
    def by(self) -> str:
        """By whose scores it is decided, in words."""
        return decided_by(self.metric, self.source) or f"the {self.source}"

    @property
    def words(self) -> str:
        """The three lines: headline, evidence, next step."""
        return f"{self.headline}\n{self.evidence}\n{self.next_step}"

    def request(self, prompt: str | None = None) -> dict[str, Any]:
        """Return the keyword arguments of ``client.chat.completions.create`` for the setting to use.

        Parameters
        ----------
        prompt : str, optional
            What to ask; default: the experiment's first prompt.

        Raises
        ------
        BadInput
            No setting is decided on.

        Examples
        --------
        >>> client.chat.completions.create(**exp.verdict().request("Write a tagline."))  # doctest: +SKIP
        """
        if self.arguments is None:
            raise BadInput(
                "nothing is decided, so there is no setting to use", hint=self.next_step.removeprefix("Next: ").rstrip(".")
            )
        arguments = deepcopy(dict(self.arguments))
        if prompt is not None:
            arguments["messages"][-1]["content"] = prompt
        return arguments

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values; what is infinite or missing is null."""
        plain = {
            name: getattr(self, name) for name in self.__slots__ if name not in ("utility", "by_metric", "by_factor", "more")
        }
        return {
            **{name: list(value) if isinstance(value, tuple) else _plain(value) for name, value in plain.items()},
            "utility": _records(self.utility.reset_index(names="setting")),
            "by_metric": _records(self.by_metric),
            "by_factor": _records(self.by_factor),
            "more": self.more.as_dict(),
            "words": self.words,
        }

    def __repr__(self) -> str:
        return self.words


def decide(
    frame: Responses,
    *,
    precision: float = 0.5,
    metric: str | None = None,
    margin: float = MARGIN,
    looks: int = 1,
    distance: Distance | Floats | None = None,
    ranges: Mapping[str, Range] | None = None,
    metrics: Sequence[str] = SCORES,
    lower_is_better: Sequence[str] = (),
    raced: Raced | None = None,
    source: str = "surface",
) -> Decision:
    """Decide which setting of an experiment to use.

    Parameters
    ----------
    frame
        One row an answer, with the columns of `Experiment.responses`.
    precision
        The share of precision in the utility, 0 to 1; personality has the rest (see `pplab.analysis.utility`).
    metric
        A metric to decide on in place of the utility.
    margin
        A difference that does not matter, above 0.
    looks
        Which look at the experiment this is: the first may err in 5 %, every later one in 1.25 %, and so may each of a race.
    distance
        As in `pplab.analysis.diversity.compare_diversity`; by default that of `pplab.scoring.surface` where there are texts.
    ranges
        Where further values of a swept parameter may be tried.
    metrics
        What the settings are compared on besides, for `Decision.by_metric`.
    lower_is_better
        Metrics of which less is better.
    raced
        How far a race came, which the words say.
    source
        Whose scores the frame has, which the words say.

    Raises
    ------
    BadInput
        A column is missing, or a value out of range.
    """
    if not (0 <= precision <= 1 and margin > 0 and looks >= 1):
        raise BadInput(
            "precision must lie between 0 and 1, margin above 0 and looks be 1 or more", hint="leave them out for the usual"
        )
    plan = layout(frame)
    frame = plan.frame
    if metric is not None:
        need(frame, [metric])
    counted = usable_rows(plan)
    plan = counting(plan, counted)
    lost = unusable(plan, counted)
    used = [column for column, one in enumerate(lost) if not one.out]
    plan = counting(plan, counted & np.isin(plan.setting_of_row, used))  # what is out takes no measure from the others
    cells = _cells_to_decide_on(plan, precision, metric, distance, lower_is_better)
    if cells is not None:
        used = [column for column in used if np.isfinite(cells.means[:, column]).any()]
    if cells is None or not used:
        return _nothing(plan, lost, margin, precision, metric, source, cells_missing=cells is None)
    error = error_of_look(looks)
    chosen = cells.among(used)
    found = paired(chosen)
    said = statements(found, margin, error) if len(used) > 1 else _alone(margin)
    facts = _facts(plan, frame, lost, used, chosen, found, said, precision, metric, error, raced, source)
    step = next_step(facts, ranges or {})
    outcome, text = lines(facts, step)
    by_factor = factor_effects(chosen, [facts.parameters[column] for column in used], error)
    return _decision(facts, outcome, text, step, _by_metric(plan, used, said, error, metrics, lower_is_better), by_factor)


def counting(plan: ResponseMatrix, usable: Flags) -> ResponseMatrix:
    """Return the responses with only some of them counted."""
    return replace(plan, usable=usable, _cells={})


def _cells_to_decide_on(
    plan: ResponseMatrix,
    precision: float,
    metric: str | None,
    distance: Distance | Floats | None,
    lower_is_better: Sequence[str],
) -> CellValues | None:
    if metric is not None:
        cells = metric_cells(plan, metric, -1.0 if metric in lower_is_better else 1.0)
        return cells if np.isfinite(cells.means).any() else None
    if distance is None and "text" in plan.frame.columns:
        from pplab.scoring.surface.distances import distance_matrix

        distance = distance_matrix
    return utility_cells(plan, precision, distance)


def _alone(margin: float) -> Statements:
    """Return what holds where one setting can be used: nothing is compared."""
    nothing, none = np.zeros(1), np.zeros(1, dtype=bool)
    return Statements(0, False, nothing, none, nothing, nothing, none, margin)


def _facts(
    plan: ResponseMatrix,
    frame: pd.DataFrame,
    lost: tuple[Unusable, ...],
    used: list[int],
    cells: CellValues,
    found: Paired,
    said: Statements,
    precision: float,
    metric: str | None,
    error: float,
    raced: Raced | None,
    source: str,
) -> Facts:
    counts = cells.counts
    asked = counts > 0
    mean = np.where(asked, cells.means, 0.0).sum(axis=0) / np.maximum(asked.sum(axis=0), 1)
    standing = found.standing() if len(used) > 1 else np.zeros(1)
    level = float(mean.mean() - standing.mean())
    same = cells.constant()
    most = counts.max(axis=0)
    costs = frame["cost"].groupby(frame["setting_index"]).mean() if "cost" in frame.columns else pd.Series(dtype=float)
    return Facts(
        plan=plan,
        lost=lost,
        used=tuple(used),
        parameters=tuple(_parameters(frame, plan.settings)),
        means=np.clip(standing + level, 0, 1) if source == "person" else standing + level,  # of few answers it may lie beyond
        found=found,
        said=said,
        prompts=int((asked.any(axis=1)).sum()),
        answers=int(counts.sum()),
        replicates=int(np.median(most)) if len(most) else 0,
        repeated_answers={k: int(most[k]) for k in range(len(used)) if same[k]},
        precision=precision,
        metric=metric,
        error=error,
        costs=tuple(float(costs.get(plan.settings[column], math.nan)) for column in used),
        raced=raced,
        source=source,
    )


def _parameters(frame: pd.DataFrame, settings: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return for each setting the factors that it has a value of."""
    factors = frame[["setting_index", *factor_columns(frame.columns)]]
    rows = factors.drop_duplicates("setting_index").set_index("setting_index").loc[list(settings)].to_dict("records")
    return [{str(name): _scalar(value) for name, value in row.items() if not _missing(value)} for row in rows]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _by_metric(
    plan: ResponseMatrix,
    used: list[int],
    said: Statements,
    error: float,
    metrics: Sequence[str],
    lower_is_better: Sequence[str],
) -> pd.DataFrame:
    """Return the leader against each other setting on each metric, with the differences that hold together."""
    from scipy.special import stdtr, stdtrit

    rows: list[dict[str, Any]] = []
    for name in metrics:
        if name not in plan.frame.columns:
            continue
        cells = metric_cells(plan, name, -1.0 if name in lower_is_better else 1.0).among(used)
        if len(used) < 2 or not np.isfinite(cells.means).any(axis=0).all():
            continue
        found = paired(cells)
        for k, column in enumerate(used):
            lead, se, freedom = (table[said.leader, k] for table in (found.lead, found.error, found.freedom))
            if k == said.leader or not np.isfinite(se):
                continue
            half = float(stdtrit(freedom, 1 - error / 2) * se)
            p = float(2 * stdtr(freedom, -abs(lead) / se)) if se > 0 else 1.0
            interval = {"lead": float(lead), "low": float(lead - half), "high": float(lead + half)}
            rows.append({"setting": plan.settings[column], "metric": name, **interval, "p": p})
    held = [p <= error for p in benjamini_hochberg([row.pop("p") for row in rows])] if rows else []
    for row, holds in zip(rows, held, strict=True):
        row["mark"] = ("gains" if row["lead"] > 0 else "gives up") if holds else ""
    return pd.DataFrame(rows, columns=["setting", "metric", "lead", "low", "high", "mark"])


def _decision(
    facts: Facts, outcome: Outcome, text: Lines, step: NextStep, by_metric: pd.DataFrame, by_factor: pd.DataFrame
) -> Decision:
    plan, said = facts.plan, facts.said
    settings = [plan.settings[column] for column in facts.used]
    leader = settings[said.leader]
    chosen = leader if outcome in ("best", "equal", "within", "leave_out") or len(plan.settings) == 1 else None
    table = pd.DataFrame(index=pd.Index(plan.settings, name="setting_index"), columns=_UTILITY, dtype=float)
    half = _half_widths(facts)
    for k, setting in enumerate(settings):
        table.loc[setting] = [facts.means[k], facts.means[k] - half[k], facts.means[k] + half[k], said.regret[k]]
    table["unusable"] = [one.share for one in facts.lost]
    return Decision(
        outcome=outcome,
        headline=text.headline,
        evidence=text.evidence,
        next_step=text.next_step,
        leader=leader,
        setting=chosen,
        parameters=facts.parameters[facts.used[said.leader]] if chosen is not None else {},
        regret=float(said.regret[said.leader]),
        best=(leader,) if outcome == "best" else (),
        equally_good=tuple(s for s, good in zip(settings, said.equally_good, strict=True) if good),
        behind=tuple(s for s, below in zip(settings, said.behind, strict=True) if below),
        ruled_out=tuple(why_out := _why_out(plan, facts.lost)),
        why_out=why_out,
        undecided=tuple(sorted((s for s, still in zip(settings, said.open, strict=True) if still), key=lambda s: s != leader)),
        labels=dict(zip(plan.settings, plan.labels, strict=True)),
        utility=table.sort_values("mean", ascending=False, kind="stable"),
        by_metric=by_metric,
        by_factor=by_factor,
        more=step,
        margin=said.margin,
        precision=facts.precision,
        metric=facts.metric,
        prompts=facts.prompts,
        answers=facts.answers,
        source=facts.source,
    )


def _why_out(plan: ResponseMatrix, lost: tuple[Unusable, ...]) -> dict[int, str]:
    return {plan.settings[column]: one.words for column, one in enumerate(lost) if one.out}


def _half_widths(facts: Facts) -> Floats:
    from scipy.special import stdtrit

    error, freedom = facts.found.own_error, facts.found.own_freedom
    known = np.isfinite(error) & np.isfinite(freedom) & (freedom > 0)
    return np.where(known, stdtrit(np.where(known, freedom, 1.0), 0.975) * np.where(known, error, 0.0), np.nan)


def _nothing(
    plan: ResponseMatrix,
    lost: tuple[Unusable, ...],
    margin: float,
    precision: float,
    metric: str | None,
    source: str,
    *,
    cells_missing: bool,
) -> Decision:
    """Return the decision where no setting can be used, or nothing was scored."""
    out = _why_out(plan, lost)
    none = bool(plan.settings) and len(out) == len(plan.settings) and any(one.answers for one in lost)
    text = lines_of_nothing(plan, lost, metric, unscored=cells_missing and not none)
    table = pd.DataFrame(np.nan, index=pd.Index(plan.settings, name="setting_index"), columns=_UTILITY)
    table["unusable"] = [one.share for one in lost]
    return Decision(
        outcome="none" if none else "open",
        headline=text.headline,
        evidence=text.evidence,
        next_step=text.next_step,
        leader=None,
        setting=None,
        parameters={},
        regret=math.inf,
        best=(),
        equally_good=(),
        behind=(),
        ruled_out=tuple(out),
        why_out=out,
        undecided=(),
        labels=dict(zip(plan.settings, plan.labels, strict=True)),
        utility=table,
        by_metric=pd.DataFrame(columns=["setting", "metric", "lead", "low", "high", "mark"]),
        by_factor=pd.DataFrame(columns=COLUMNS),
        more=NextStep("settings"),
        margin=margin,
        precision=precision,
        metric=metric,
        prompts=plan.prompts,
        answers=0,
        source=source,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return dict(value) if isinstance(value, dict) else value


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _plain(_scalar(value)) for name, value in row.items()} for row in frame.to_dict("records")]
