"""The words of the house, said once: the names of the scores, what is known of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SCORES = ("creativity", "coherence", "structure", "completeness")
"""The four surface scores, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a table, a chart or a card needs to know about a metric.

    Attributes
    ----------
    name : str
    low, high : float or None
        The range of its values; ``None`` is no limit, or one that nobody stored.
    higher_is_better : bool
    doc : str
        One line on what it measures.
    built_in : bool
        Whether it is one of the four.
    """

    name: str
    low: float | None
    high: float | None
    higher_is_better: bool = True
    doc: str = ""
    built_in: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MetricInfo:
        """Return the metric that `dataclasses.asdict` described; whatever is no number there raises."""
        low, high = (None if data[end] is None else float(data[end]) for end in ("low", "high"))
        return cls(str(data["name"]), low, high, bool(data["higher_is_better"]), str(data["doc"]))

    @property
    def label(self) -> str:
        """The name, and the direction where it is not the usual one."""
        return self.name if self.higher_is_better else f"{self.name} (lower is better)"

    @property
    def range_words(self) -> str:
        """The range in words.

        Examples
        --------
        >>> MetricInfo("words", 0, 500).range_words, MetricInfo("words", 0, None).range_words
        ('0 to 500', 'at least 0')
        """
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        return f"at least {self.low:g}" if self.low is not None else f"at most {self.high:g}" if self.high is not None else "any"

    def holds(self, value: float) -> bool:
        """Return whether a value lies in the range."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def share(self, value: float) -> float | None:
        """Return how far between ``low`` and ``high`` a value lies, for a meter; ``None`` outside, or where an end is unknown.

        Examples
        --------
        >>> MetricInfo("words", 0, 500).share(125), MetricInfo("words", 0, 500).share(600), MetricInfo("words", 0, None).share(1)
        (0.25, None, None)
        """
        if self.low is None or self.high is None or not self.holds(value):
            return None
        return (value - self.low) / (self.high - self.low)
