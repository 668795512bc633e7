"""What a person may conclude from an experiment, in sentences that can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pplab.analysis import unjudged
from pplab.analysis.phrasing import counted, decimals, joined, left_out, number, repetitions
from pplab.analysis.ranking import best
from pplab.analysis.records import Best, Comparisons, Difference, Interval, Report, Trend, caveat
from pplab.analysis.resampling import Resampler
from pplab.analysis.response_matrix import ResponseMatrix, Responses, layout
from pplab.analysis.statistics import compare_all, mean_intervals
from pplab.analysis.trend import FEWEST_VALUES, trend
from pplab.analysis.unused import dropped_settings
from pplab.plan.settings import factor_columns, scale_position
from pplab.plan.vocabulary import SCORES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Verdict(Report):
    """What an experiment shows: the sentences, and the results they are made from.

    Attributes
    ----------
    sentences : tuple of str
        One a line: what was run, a finding for each metric, what the findings cover, what was left out.
    means : tuple of Interval
    comparisons : Comparisons or None
        Every pair of settings on every metric; ``None`` without usable responses.
    ranking : tuple of Best
        Empty with fewer than three settings.
    trends : tuple of Trend
        Where exactly one parameter was swept, over at least three values that have an order.
    """

    sentences: tuple[str, ...]
    means: tuple[Interval, ...] = ()
    comparisons: Comparisons | None = None
    ranking: tuple[Best, ...] = ()
    trends: tuple[Trend, ...] = ()

    @property
    def words(self) -> str:
        """The sentences, one a line."""
        return "\n".join(self.sentences)


def verdict(
    frame: Responses,
    metrics: Sequence[str] = SCORES,
    *,
    include_truncated: bool = False,
    lower_is_better: Collection[str] = (),
    resampler: Resampler | None = None,
) -> Verdict:
    """Say what the responses show about the settings.

    Parameters
    ----------
    frame, metrics, include_truncated, lower_is_better, resampler
        As in `pplab.analysis.statistics.compare_all`.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(p, s, "ok", s / 10 + p % 3 / 100 + p % 7 * s / 200) for p in range(20) for s in (0, 1)]
    >>> frame = pd.DataFrame(rows, columns=["prompt_index", "setting_index", "status", "coherence"])
    >>> print(verdict(frame, ["coherence"]))
    2 settings, 20 prompts, 40 responses.
    setting 1 scores higher than setting 0 on coherence: by 0.114, interval 0.110 to 0.119 (20 prompts, p < 0.001).
    """
    plan = layout(frame, include_truncated=include_truncated)
    frame = plan.frame
    if not plan.settings:
        return Verdict(("There are no responses yet.",))
    head = (
        f"{counted(len(plan.settings), 'setting')}, {counted(plan.prompts, 'prompt')}{repetitions(plan.repeated)}, "
        f"{counted(sum(plan.total().values()), 'response')}."
    )
    counted_only = left_out(_not_averaged(plan, include_truncated=include_truncated))
    if not plan.usable.any():
        cut = set(plan.total()) == {"truncated"}
        why = "every answer was truncated; a larger max_tokens lets them end" if cut else "no response is usable"
        return Verdict((head, f"Nothing can be concluded: {why}.", counted_only))
    resampler = resampler or Resampler()
    means = mean_intervals(plan, metrics, resampler=resampler)
    comparisons = compare_all(plan, metrics, lower_is_better=lower_is_better, resampler=resampler)
    ranking: tuple[Best, ...] = ()
    trends: tuple[Trend, ...] = ()
    if len(plan.settings) == 1:
        findings = _single_setting(means)
    elif len(plan.settings) == 2:
        findings = _pair(comparisons.differences)
    else:
        ranking = best(plan, metrics, lower_is_better=lower_is_better, resampler=resampler)
        swept = _swept_parameter(frame)
        lower = set(lower_is_better)
        trends = tuple(trend(plan, m, swept, lower_is_better=m in lower) for m in metrics) if swept else ()
        findings = _sweep(ranking, comparisons, trends)
    limits = _limits([*means] if len(plan.settings) == 1 else [*comparisons.differences, *ranking])
    missing = _left_out_prompts(comparisons.differences)
    sentences = (head, *findings, *limits, dropped_settings(plan), *missing, *_unjudged(frame, plan), counted_only)
    return Verdict(tuple(s for s in sentences if s), means, comparisons, ranking, trends)


def _unjudged(frame: pd.DataFrame, plan: ResponseMatrix) -> list[str]:
    return unjudged.sentences(frame.loc[plan.usable, unjudged.COLUMN]) if unjudged.COLUMN in frame.columns else []


def _not_averaged(plan: ResponseMatrix, *, include_truncated: bool) -> dict[str, int]:
    counts = plan.total()
    if include_truncated and "truncated" in counts:
        counts["ok"] = counts.get("ok", 0) + counts.pop("truncated")
    return counts


def _single_setting(means: Iterable[Interval]) -> list[str]:
    sentences = [m.sentence for m in means]
    return [*sentences, "One setting only: there is nothing to compare it with."]


def _pair(differences: Sequence[Difference]) -> list[str]:
    return _without_repeats(
        [d.sentence for d in differences], [d.note for d in differences], "The two settings cannot be compared"
    )


def _without_repeats(sentences: list[str], notes: list[str], refusal: str) -> list[str]:
    """Return the sentences, or one for all when each says the same refusal."""
    if len(set(notes)) == 1 and notes[0]:
        return [f"{refusal}: {notes[0]}."]
    return sentences


def _sweep(ranking: Sequence[Best], comparisons: Comparisons, trends: Sequence[Trend]) -> list[str]:
    sentences = []
    for k, ranked in enumerate(ranking):
        parts = [ranked.sentence]
        if ranked.chances:
            parts.append(_significance(ranked, comparisons))
        if trends and trends[k].p is not None:
            parts.append(_capitalise(trends[k].sentence))
        sentences.append(" ".join(parts))
    return _without_repeats(sentences, [ranked.note for ranked in ranking], "No setting is ranked")


def _significance(ranked: Best, comparisons: Comparisons) -> str:
    """Return from which settings the best one differs significantly, and which difference from the others could be detected."""
    first = ranked.chances[0].setting
    comparisons_with_best = [d for d in comparisons.differences if d.metric == ranked.metric and first in {d.a, d.b}]
    different = [_other_label(d, first) for d in comparisons_with_best if d.better == first]
    similar = [d for d in comparisons_with_best if not d.significant and d.p is not None]
    sentences = []
    if different:
        names = "every other setting" if len(different) == len(comparisons_with_best) else _names(different)
        sentences.append(f"Significantly different from {names}.")
    if similar:
        detectable = [d.detectable for d in similar if d.detectable is not None]
        reach = (
            f"this run could detect {number(max(detectable), decimals(max(detectable)))}" if detectable else similar[0].too_few
        )
        others = [_other_label(d, first) for d in similar]
        rest = joined(others, "or") if len(others) <= 4 else f"{len(others)} others"
        sentences.append(f"No significant difference from {rest}; {reach}.")
    return " ".join(sentences)


def _other_label(difference: Difference, first: int) -> str:
    return difference.label_b if difference.a == first else difference.label_a


def _names(labels: Sequence[str]) -> str:
    return joined(labels) if len(labels) <= 4 else f"{len(labels)} others"


def _capitalise(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _swept_parameter(frame: pd.DataFrame) -> str | None:
    """Return the one parameter that the settings differ in, if it has three values or more that have an order."""
    first = frame.drop_duplicates("setting_index")
    values = {name: first[name].drop_duplicates() for name in factor_columns(first.columns)}
    varied = [name for name, different in values.items() if len(different) > 1]
    if len(varied) != 1:
        return None
    places = {scale_position(varied[0], value) for value in values[varied[0]].tolist()} - {None}
    return varied[0] if len(places) >= FEWEST_VALUES else None


def _limits(results: Sequence[Interval | Difference | Best]) -> list[str]:
    """Return each caveat once, the narrowest first."""
    bounded = sorted((r for r in results if r.scope != "none"), key=lambda r: (r.scope == "prompts", r.prompts))
    return list(dict.fromkeys(sentence for r in bounded if (sentence := caveat(r.scope, r.prompts, r.unit))))


def _left_out_prompts(differences: Sequence[Difference]) -> list[str]:
    """Return one sentence on prompts that have no usable response under some of the settings compared."""
    most = max((d for d in differences if d.difference is not None), key=lambda d: d.dropped, default=None)
    if most is None or not most.dropped:
        return []
    up_to = "" if all(d.dropped == most.dropped for d in differences) else "up to "
    verb = "was" if most.dropped == 1 and not up_to else "were"
    who = _capitalise(f"{up_to}{counted(most.dropped, most.unit)}")
    return [f"{who} without enough usable responses under both settings {verb} left out of a comparison."]
