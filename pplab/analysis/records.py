"""The results of an analysis: frozen records that can be read aloud (``words``) and stored (``as_dict``)."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

from pplab.analysis.phrasing import counted, decimals, number, percent, probability, span
from pplab.analysis.power import ALPHA, FIRM_PROMPTS, MIN_REPLICATES, fewest_prompts, fewest_replicates
from pplab.plan.settings import value_label

if TYPE_CHECKING:
    import pandas as pd

Scope = Literal["prompts", "replicates", "none"]


class Report:
    """A result whose representation is what a person would say; equal results print alike on every machine."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """The result in plain words."""
        raise NotImplementedError

    def as_dict(self) -> dict[str, Any]:
        """Return every field as plain JSON values, and ``words``."""
        return {**{f.name: _json_value(getattr(self, f.name)) for f in fields(self)}, "words": self.words}  # type: ignore[arg-type] # every subclass is a dataclass

    def __repr__(self) -> str:
        return self.words


def _json_value(value: Any) -> Any:
    if isinstance(value, Report):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _json_value(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_json_value(item) for item in value]
    return value


def caveat(scope: Scope, prompts: int, unit: str = "prompt") -> str:
    """Return the sentence that limits what a result covers, or an empty string.

    Examples
    --------
    >>> caveat("replicates", 1)
    'This covers this one prompt only.'
    """
    if scope == "prompts" and prompts < FIRM_PROMPTS:
        return f"Exploratory: {counted(prompts, unit)}, fewer than {FIRM_PROMPTS}."
    if scope == "replicates":
        if prompts == 1:
            return f"This covers this one {unit} only."
        return f"This covers these {prompts} {unit}s only."
    return ""


@dataclass(frozen=True, slots=True, repr=False)
class Interval(Report):
    """The mean of one metric under one setting, with a confidence interval.

    Attributes
    ----------
    mean : float or None
        Every prompt counts the same, whatever its number of usable responses. ``None`` without any.
    low, high : float or None
        ``None`` when there is too little to say; ``note`` then says why.
    scope : {"prompts", "replicates", "none"}
        What the interval covers: prompts like these, only these prompts (their responses resampled), or nothing.
    prompts, responses : int
        How many of each the mean rests on. ``unit`` is ``prompt`` or ``cluster``.
    """

    metric: str
    label: str
    mean: float | None
    low: float | None
    high: float | None
    level: float
    scope: Scope
    prompts: int
    responses: int
    unit: str = "prompt"
    note: str = ""

    @property
    def sentence(self) -> str:
        """The mean with its interval, without caveat."""
        if self.mean is None:
            return f"{self.metric} at {self.label}: no usable value."
        if self.low is None or self.high is None:
            return f"{self.metric} at {self.label}: {number(self.mean)}, without interval: {self.note}."
        n = counted(self.prompts, self.unit) if self.scope == "prompts" else counted(self.responses, "response")
        if self.low == self.high:
            return f"{self.metric} at {self.label}: {number(self.mean)}, without any variation ({n})."
        places = decimals(self.high - self.low)
        bounds = f"{percent(self.level)} interval {span(self.low, self.high, places)}, {n}"
        return f"{self.metric} at {self.label}: {number(self.mean, places)} ({bounds})."

    @property
    def words(self) -> str:
        """The mean with its interval and what that covers."""
        return " ".join(filter(None, (self.sentence, caveat(self.scope, self.prompts, self.unit))))


@dataclass(frozen=True, slots=True, repr=False)
class Difference(Report):
    """Two settings compared on one metric, paired by prompt; differences are ``a`` minus ``b``.

    Attributes
    ----------
    difference : float or None
        The mean over prompts of the difference of their means under the two settings.
    low, high : float or None
        The interval of ``difference``, not corrected for other comparisons.
    p, p_adjusted : float or None
        Two-sided permutation p-value, alone and after Holm's correction over ``family`` tests. ``exact`` when every
        permutation was tried.
    cliffs_delta : float or None
        ``P(a > b) - P(a < b)`` for a random response of each to the same prompt, in [-1, 1] (Cliff 1993, Psychol. Bull.
        114:494, within prompts).
    probability_higher : float or None
        The share of bootstrap resamples in which the mean of ``a`` exceeds that of ``b``, ties counted half.
    detectable : float or None
        The true difference that a test of this size, after correction, would have found 4 times in 5. ``None`` when
        no difference could have passed.
    prompts, dropped : int
        How many prompts (or clusters) have usable responses under both settings, and how many do not.
    """

    metric: str
    a: int
    b: int
    label_a: str
    label_b: str
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    level: float
    scope: Scope
    prompts: int
    dropped: int
    responses_a: int
    responses_b: int
    p: float | None
    exact: bool
    p_adjusted: float | None
    family: int
    cliffs_delta: float | None
    probability_higher: float | None
    detectable: float | None
    higher_is_better: bool = True
    unit: str = "prompt"
    note: str = ""

    @property
    def significant(self) -> bool:
        """Whether the difference passes the 5% level after correction."""
        return self.p_adjusted is not None and self.p_adjusted <= ALPHA

    @property
    def better(self) -> int | None:
        """The setting that is better beyond chance, or ``None``."""
        if not self.significant or self.difference is None:
            return None
        return self.a if (self.difference > 0) == self.higher_is_better else self.b

    @property
    def sentence(self) -> str:
        """The finding without its caveats."""
        pair = f"{self.label_a} and {self.label_b}"
        if self.difference is None:
            return f"{pair} cannot be compared on {self.metric}: {self.note}."
        if self.low is None or self.high is None or self.p is None or self.p_adjusted is None:
            return (
                f"{pair} cannot be compared on {self.metric} beyond their means "
                f"(difference {number(self.difference)}): {self.note}."
            )
        places = decimals(self.high - self.low)
        over = f" {self._corrected}" if self.family > 1 else ""
        n = counted(self.prompts, self.unit)
        if self.significant:
            high, low = (self.label_a, self.label_b) if self.difference > 0 else (self.label_b, self.label_a)
            ends = sorted((abs(self.low), abs(self.high))) if self.low * self.high > 0 else None
            first, second = ends or ((self.low, self.high) if self.difference > 0 else (-self.high, -self.low))
            taste = "" if self.higher_is_better else f"; for {self.metric}, lower is better"
            weak = "" if ends else "; the interval still reaches zero"
            return (
                f"{high} scores higher than {low} on {self.metric}: by {number(abs(self.difference), places)}, "
                f"interval {span(first, second, places)} ({n}, {probability(self.p_adjusted)}{over}){weak}{taste}."
            )
        finding = (
            f"No significant difference between {pair} on {self.metric}: {number(self.difference, places)}, "
            f"interval {span(self.low, self.high, places)}"
        )
        if self.p <= ALPHA:
            finding += f" ({probability(self.p)} alone, not significant {self._corrected})"
        if self.detectable is not None:
            return f"{finding}; {self._size} could detect {number(self.detectable, places)}."
        return f"{finding}; {self.too_few}."

    @property
    def too_few(self) -> str:
        """Why no difference, however large, could be significant, and what it takes."""
        if self.difference == self.low == self.high:
            return f"{self._size}, without any variation"
        over = f" {self._corrected}" if self.family > 1 else ""
        if self.scope == "prompts":
            enough = f"{fewest_prompts(ALPHA / self.family)}"
        else:
            enough = f"{max(MIN_REPLICATES, fewest_replicates(self.prompts, ALPHA / self.family))} to each prompt"
        return f"{self._size} are too few to show any difference{over}; use at least {enough}"

    @property
    def _corrected(self) -> str:
        return f"after correcting for {self.family} tests"

    @property
    def _size(self) -> str:
        if self.scope == "prompts":
            return counted(self.prompts, self.unit)
        return f"{self.responses_a} and {self.responses_b} responses"

    @property
    def words(self) -> str:
        """The finding, what it covers and what was left out."""
        missing = ""
        if self.dropped and self.difference is not None:
            verb = "was" if self.dropped == 1 else "were"
            missing = f"{counted(self.dropped, self.unit)} without enough usable responses under both {verb} left out."
        return " ".join(filter(None, (self.sentence, caveat(self.scope, self.prompts, self.unit), missing)))


@dataclass(frozen=True, slots=True, repr=False)
class Comparisons(Report):
    """Every comparison of one analysis, corrected together (Holm)."""

    differences: tuple[Difference, ...]

    @property
    def df(self) -> pd.DataFrame:
        """One row a comparison."""
        import pandas as pd

        names = [f.name for f in fields(Difference)]
        return pd.DataFrame([{n: getattr(d, n) for n in names} for d in self.differences], columns=names)

    @property
    def words(self) -> str:
        """The comparisons that count, or all of them when there are few."""
        if not self.differences:
            return "There is nothing to compare."
        if len(self.differences) <= 8:
            return "\n".join(d.words for d in self.differences)
        significant = [d for d in self.differences if d.significant]
        head = f"{len(significant)} of {counted(len(self.differences), 'comparison')} show a significant difference (Holm)."
        return "\n".join([head, *(d.words for d in significant)])


@dataclass(frozen=True, slots=True, repr=False)
class Trend(Report):
    """Whether a metric rises or falls with a parameter (Page 1963, J. Am. Stat. Assoc. 58:216).

    ``p`` is two-sided: twice the smaller of the two one-sided tests. ``levels`` are the parameter's values in order,
    ``means`` the metric's. A metric that rises and falls again (creativity over temperature does) has no trend: the
    words name its peak instead (where less is better, its lowest point).
    """

    metric: str
    parameter: str
    levels: tuple[float | str, ...]
    means: tuple[float, ...]
    direction: Literal["rising", "falling", "none", "unknown"]
    p: float | None
    blocks: int
    scope: Scope
    prompts: int
    unit: str = "prompt"
    note: str = ""
    higher_is_better: bool = True

    @property
    def sentence(self) -> str:
        """The finding without its caveats."""
        if self.direction == "unknown" or self.p is None:
            return f"The trend of {self.metric} over {self.parameter} was not tested: {self.note}."
        sign, end = (1, "highest") if self.higher_is_better else (-1, "lowest")
        peak = max(range(len(self.means)), key=lambda i: sign * self.means[i])
        at = f"its {end} mean, {number(self.means[peak])}, is at {self.parameter} {value_label(self.levels[peak])}"
        if self.direction == "none":
            return f"{self.metric} neither rises nor falls steadily with {self.parameter} ({probability(self.p)}); {at}."
        verb = "rises" if self.direction == "rising" else "falls"
        ends = span(self.means[0], self.means[-1])
        if peak not in {0, len(self.means) - 1}:
            return f"{self.metric} {verb} on the whole with {self.parameter} ({ends}, {probability(self.p)}), but {at}."
        return f"{self.metric} {verb} with {self.parameter} ({ends}, {probability(self.p)})."

    @property
    def words(self) -> str:
        """The finding and what it covers."""
        return " ".join(filter(None, (self.sentence, caveat(self.scope, self.prompts, self.unit))))
