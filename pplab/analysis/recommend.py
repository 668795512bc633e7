"""The setting that suits a calibration's balance of precision and personality, how sure that is, and what to run next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from pplab.analysis.axes import Axes, axes
from pplab.analysis.next_step import beyond_the_edge
from pplab.analysis.phrasing import counted, joined, number, percent, status_counts
from pplab.analysis.power import FIRM_PROMPTS, MIN_FREEDOM, MIN_PROMPTS, noncentrality
from pplab.analysis.ranking import winning_shares
from pplab.analysis.records import Report, Scope, caveat
from pplab.analysis.response_matrix import Floats, layout
from pplab.errors import BadInput
from pplab.plan.settings import Range, factor_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.analysis.diversity import Distance

SETTLED = 0.8
"""A recommendation that this share of resamples agrees with is called settled."""
SMALLEST_STRETCH = 0.05
"""An axis over which the settings differ by less is not stretched further: noise must not decide."""
SAME_SUIT = 0.02
"""Settings whose suitability, on its scale from 0 to 1, differs by less are called equally good."""
MOST_NAMED = 4
"""More settings than this are counted, not named."""
MOST_MORE = 1_000
"""More than this is not advised: the settings are called equally good instead."""


@dataclass(frozen=True, slots=True)
class Point:
    """A setting on the plane of precision and personality, both in [0, 1].

    Attributes
    ----------
    on_front : bool
        No other setting is at least as good on both axes and better on one.
    front_probability : float
        The share of resamples in which it is on the front.
    probability : float
        The share of resamples in which it suits the balance best.
    """

    setting: int
    label: str
    precision: float
    personality: float
    on_front: bool
    front_probability: float
    probability: float


@dataclass(frozen=True, slots=True)
class Next:
    """What to run next.

    ``kind`` is ``settings`` (run a sweep first), ``responses`` (too little to rank), ``values`` (try ``levels``, beyond the
    edge of the sweep), ``more`` (``count`` more prompts, or more responses to each, under ``settings``), ``prompts``
    (``count`` more prompts, to speak for others than these), ``either`` (more runs would hardly decide) or ``nothing``.
    """

    kind: Literal["settings", "responses", "values", "more", "prompts", "either", "nothing"]
    words: str
    settings: tuple[int, ...] = ()
    levels: tuple[float, ...] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Recommendation(Report):
    """The setting that suits the balance best.

    Attributes
    ----------
    setting : int or None
        Its ``setting_index``; ``None`` below the minimum, ``next.words`` then says what to run.
    parameters : dict
        What the setting consists of: its parameters, those that were set, and the other factors.
    probability : float or None
        The share of resamples in which it suits the balance best.
    weight : float
        How much precision counts, in [0, 1]; personality counts the rest.
    points : tuple of Point
        Every setting with enough usable responses, in setting order.
    measures : tuple of (tuple of str, tuple of str)
        What precision and personality are the means of.
    excluded : tuple of str
        Settings without enough usable responses to be recommended.
    why_excluded : tuple of str
        What came of the calls of each.
    """

    setting: int | None
    label: str
    parameters: dict[str, Any]
    probability: float | None
    weight: float
    points: tuple[Point, ...]
    next: Next
    scope: Scope
    prompts: int
    measures: tuple[tuple[str, ...], tuple[str, ...]]
    excluded: tuple[str, ...] = ()
    unit: str = "prompt"
    why_excluded: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether at least 80% of the resamples agree."""
        return self.probability is not None and self.probability >= SETTLED

    @property
    def words(self) -> str:
        """The setting, its rivals, what they rest on and what to run next."""
        parts = [self._choice(), *self._front(), self._basis(), caveat(self.scope, self.prompts, self.unit)]
        if self.excluded:
            many = len(self.excluded) > MOST_NAMED
            excluded = counted(len(self.excluded), "setting") if many else joined(self.excluded)
            why = "" if many else f" {joined(self.why_excluded)}."
            parts.append(f"Not considered for lack of usable responses: {excluded}.{why}")
        return " ".join(filter(None, [*parts, f"Next: {self.next.words}."]))

    def _choice(self) -> str:
        balance = f"precision {percent(self.weight)}, personality {percent(1 - self.weight)}"
        if self.setting is None or self.probability is None:
            return f"No setting is recommended for your balance ({balance})."
        head = f"For your balance ({balance}), {self.label}"
        if self.settled:
            return f"{head} fits best in {percent(self.probability)} of resamples."
        return f"{head} leads in {percent(self.probability)} of resamples, which is not enough to be sure."

    def _front(self) -> list[str]:
        front = sorted((p for p in self.points if p.on_front), key=lambda p: -p.precision)
        if len(self.points) < 2 or self.setting is None:
            return []
        if len(front) == 1:
            return ["No other setting is better on either axis."]
        places = [f"{p.label} ({number(p.precision)} / {number(p.personality)})" for p in front]
        return [f"Best trade-offs (precision / personality): {joined(places)}."]

    def _basis(self) -> str:
        if self.setting is None:
            return ""
        precision, personality = self.measures
        return f"Precision is the mean of {joined(precision)}; personality of {joined(personality)}."


def recommend(
    frame: pd.DataFrame,
    distance: Distance | Floats | None = None,
    *,
    precision_score: float,
    personality_score: float,
    ranges: Mapping[str, Range] | None = None,
    include_truncated: bool = False,
) -> Recommendation:
    """Recommend a setting.

    Precision is the mean of agreement (1 - diversity), coherence and completeness; personality of creativity and
    diversity. Each axis is stretched over the settings at hand to [0, 1] (not fully where they span less than 0.05), then
    weighed by the calibration's scores; the best weighted sum wins, so the choice is always on the Pareto front. The
    bootstrap repeats all of that: prompts are resampled, with fewer than six of them the responses to each.

    Parameters
    ----------
    frame
        Responses with the four metrics, see `pplab.analysis.response_matrix.layout`.
    distance
        As in `pplab.analysis.diversity.compare_diversity`; without it there is neither agreement nor diversity.
    precision_score, personality_score
        Of the calibration, 0 to 100.
    ranges
        The calibration's ranges; nothing outside them is suggested.
    include_truncated
        Also count responses that were cut at ``max_tokens``.

    Raises
    ------
    BadInput
        A score is not in 0 to 100.
    """
    for name, score in (("precision_score", precision_score), ("personality_score", personality_score)):
        if not 0 <= score <= 100:
            raise BadInput(f"{name}={score} is out of range", hint="scores are 0 to 100")
    total = precision_score + personality_score
    weight = precision_score / total if total else 0.5
    plan = layout(frame, include_truncated=include_truncated)
    plane = axes(plan, distance)
    left = [column for column in range(len(plan.settings)) if column not in plane.columns]
    excluded = tuple(plan.labels[column] for column in left)
    why = tuple(f"{plan.labels[column]} has {status_counts(plan.counts[column])}" for column in left)
    if plane.scope == "none":
        return Recommendation(
            None, "", {}, None, weight, (), _start(plane), "none", plane.prompts, plane.measures, excluded, plan.unit, why
        )
    points, winner = _points(plan.settings, plan.labels, plane, weight)
    parameters = _parameters(frame)
    chosen = points[winner]
    advice = _next(parameters, points, winner, plane, weight, ranges or {})
    return Recommendation(
        chosen.setting,
        chosen.label,
        parameters[chosen.setting],
        chosen.probability,
        weight,
        points,
        advice,
        plane.scope,
        plane.prompts,
        plane.measures,
        excluded,
        plan.unit,
        why,
    )


def _parameters(frame: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Return for each setting the factors that it has a value of."""
    first = frame.drop_duplicates("setting_index")
    out: dict[int, dict[str, Any]] = {int(s): {} for s in first["setting_index"]}
    for name in factor_columns(first.columns):
        for setting, value in zip(out, first[name].tolist(), strict=True):
            if not pd.isna(value):
                out[setting][name] = value
    return out


def _suitability(precision: Floats, personality: Floats, weight: float) -> Floats:
    """Return how well each row (a setting) suits the balance, in every column (a resample)."""
    return weight * _rescale(precision) + (1 - weight) * _rescale(personality)


def _rescale(axis: Floats) -> Floats:
    low = axis.min(axis=0)
    return np.asarray((axis - low) / np.maximum(axis.max(axis=0) - low, SMALLEST_STRETCH))


def _front(precision: Floats, personality: Floats) -> Floats:
    """Return 1 where a row (a setting) is dominated by no other, for every column (a resample)."""
    on_front = np.ones_like(precision)
    for k in range(len(precision)):
        no_worse = (precision >= precision[k]) & (personality >= personality[k])
        better = (precision > precision[k]) | (personality > personality[k])
        on_front[k] = ~(no_worse & better).any(axis=0)
    return on_front


def _points(settings: tuple[int, ...], labels: tuple[str, ...], plane: Axes, weight: float) -> tuple[tuple[Point, ...], int]:
    """Return every setting on the plane, and which of them suits the balance best."""
    precision, personality = plane.precision[:, None], plane.personality[:, None]
    on_front = _front(precision, personality)[:, 0]
    winner = int(np.argmax(_suitability(precision, personality, weight)[:, 0]))
    front_share = _front(plane.precision_resampled, plane.personality_resampled).mean(axis=1)
    share = winning_shares(_suitability(plane.precision_resampled, plane.personality_resampled, weight))
    points = tuple(
        Point(
            settings[column],
            labels[column],
            float(plane.precision[k]),
            float(plane.personality[k]),
            bool(on_front[k]),
            float(front_share[k]),
            float(share[k]),
        )
        for k, column in enumerate(plane.columns)
    )
    return points, winner


def _start(plane: Axes) -> Next:
    """Return what to run when nothing can be recommended."""
    if len(plane.columns) == 1:
        return Next("settings", "run several settings, such as a sweep of temperature, to have a choice")
    enough = f"run at least {MIN_PROMPTS} prompts, or {MIN_FREEDOM + 1} responses to each under every setting"
    return Next("responses", enough)


def _next(
    parameters: Mapping[int, Mapping[str, Any]],
    points: tuple[Point, ...],
    winner: int,
    plane: Axes,
    weight: float,
    ranges: Mapping[str, Range],
) -> Next:
    """Return what to run next to settle or to widen the recommendation."""
    chosen = points[winner].setting
    if beyond := beyond_the_edge(list(parameters.values()), parameters[chosen], ranges):
        name, further = beyond
        words = f"{name} {parameters[chosen][name]:g} is at the edge of the sweep; try {further:g} too"
        return Next("values", words, (chosen,), (further,))
    if points[winner].probability < SETTLED:
        return _settle(points, winner, plane, weight)
    if plane.scope == "replicates" or plane.prompts < FIRM_PROMPTS:
        count = FIRM_PROMPTS - plane.prompts
        words = f"run {counted(count, 'more prompt')}, so that the result holds for other prompts too"
        return Next("prompts", words, (points[winner].setting,), count=count)
    return Next("nothing", "nothing needs to be run")


def _settle(points: tuple[Point, ...], winner: int, plane: Axes, weight: float) -> Next:
    """Return how much more of the two leading settings would tell them apart."""
    order = sorted(range(len(points)), key=lambda k: (k != winner, -points[k].probability, k))
    leader, rival = points[order[0]], points[order[1]]
    suitability = _suitability(plane.precision[:, None], plane.personality[:, None], weight)[:, 0]
    resampled = _suitability(plane.precision_resampled, plane.personality_resampled, weight)
    gap = float(suitability[order[0]] - suitability[order[1]])
    error = float((resampled[order[0]] - resampled[order[1]]).std())
    both, pair = (leader.setting, rival.setting), f"{leader.label} and {rival.label}"
    there, unit = (plane.prompts, "prompt") if plane.scope == "prompts" else (plane.replicates, "response")
    # the error falls with the square root of the data
    times = max(1.0, (noncentrality(1_000) * error / gap) ** 2) if gap > 0 else math.inf
    if gap < SAME_SUIT or there * (times - 1) > MOST_MORE:
        return Next("either", f"{pair} fit your balance equally well as far as this run can tell; take either", both)
    count = max(1, math.ceil(there * (times - 1)))
    each = "" if plane.scope == "prompts" else " to each prompt"
    words = f"run {counted(count, f'more {unit}')}{each} under {pair} to decide (enough 4 times in 5)"
    return Next("more", words, both, count=count)
