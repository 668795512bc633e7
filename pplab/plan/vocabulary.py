"""The vocabulary: names of scores and statuses, their groups, and what is known of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SCORES = ("creativity", "coherence", "structure", "completeness")
"""The four surface scores, in the order in which they are shown."""
CORRECT = "correct"
"""The score of the checks: 1 where an answer is right, 0 where it is wrong. A plan that has checks is decided on it."""
UTILITY = "utility"
"""What a decision rests on where a plan has no checks: precision and personality in their balance."""
PRECISION_SCORES = ("coherence", "completeness")
"""The scores that say how precise a single answer is; its personality is its creativity."""
ORIGINALITY = "originality"
"""How far an answer is from the others of its setting. It is shown beside creativity and is no score: nothing rests on it."""
MARGIN = 0.03
"""A difference of utility that does not matter, unless the user says otherwise."""
SOURCES = ("surface", "check", "reader", "judge", "person")
"""What can score an answer: code that reads its text (the four and users' metrics), a comparison with a reference, a small model
that reads it, a model that grades it, a person."""
JUDGES = ("reader", "judge", "person")
"""The sources that judge what code has scored already: their scores stand beside those, in columns that begin with the source."""
GRADERS = ("judge", "person")
"""Those of them whose scores have names of their own: a judge's are called by their rubrics, a person's is `RATING`."""
RATING = "rating"
"""The score of people's ratings on the scale."""
PERSON_RATING = f"person_{RATING}"
"""The column in which it stands."""
READER_SCORES = ("creativity", "coherence", "completeness")
"""What the reader says of an answer; structure is left to the surface."""
WINS = "_wins"
"""Ends the name of a judge's score that comparisons in pairs give."""
BASES = ("surface", "reader")
"""The sources by whose scores a plan without checks may be decided; besides them a judge's scores, by their column."""
WORDING_SCORES = ("creativity", "coherence")
"""The scores that judge wording, which is done in English only and from a few words on."""

STATUSES = ("ok", "truncated", "empty", "refused", "filtered", "tool_call", "rejected", "failed", "timeout", "cancelled")
"""The statuses of a response, in the order in which their counts are named. Means are taken over ``ok``; the rest is counted."""
SCORED = ("ok", "truncated")
"""Responses whose text is scored and compared; a truncated one enters a mean only when the user asks for it."""
DECLINED = ("refused", "filtered")
"""Responses that the model or the provider's filter declined to give."""
ANSWERED = (*SCORED, "empty", *DECLINED, "tool_call")
"""Responses for which the model's answer arrived, whatever it is worth; an experiment that has nothing else is complete."""
FINAL = (*ANSWERED, "rejected")
"""Responses that asking again would not change."""
FAILED = ("rejected", "failed", "timeout")
"""Responses without an answer, though one was asked for."""
FAULTS = {"loop": "repeats itself", "cut": "breaks off", "refusal": "declines", "echo": "repeats the prompt"}
"""What can keep an answer that arrived from being one (`pplab.scoring.faults`), each with its words; there is one at most."""
RESENDABLE = {"resume": ("cancelled",), "retry": (*FAILED, "cancelled"), "top_up": ("cancelled",)}
"""Responses whose call is sent again by `Experiment.resume`, `retry_failed` and `top_up`."""

ENDED = ("completed", "partial", "interrupted", "paused", "failed")
"""The statuses of an experiment that has ended; the other one is ``running``."""
SUSPENDED = ("interrupted", "paused")
"""The statuses of an experiment that was stopped on the way and waits for `Experiment.resume`."""


def score_column(metric: str, source: str) -> str:
    """Return the column in which a score by this source stands.

    Examples
    --------
    >>> score_column("coherence", "surface"), score_column("coherence", "reader")
    ('coherence', 'reader_coherence')
    """
    return f"{source}_{metric}" if source in JUDGES else metric


def is_basis(value: object) -> bool:
    """Return whether a plan may be decided by this: the surface, the reader, or the column of a judge's scores.

    Examples
    --------
    >>> is_basis("reader"), is_basis("judge_helpful"), is_basis("coherence")
    (True, True, False)
    """
    return value in BASES or (isinstance(value, str) and judge_of(value) == "judge")


def judge_of(column: str) -> str:
    """Return the one of `JUDGES` whose score stands in a column; empty for a column of another kind.

    The reader scores some of the four; a judge's scores are called by their rubrics.

    Examples
    --------
    >>> judge_of("reader_coherence"), judge_of("judge_helpful"), judge_of("person_rating"), judge_of("reader_friendly")
    ('reader', 'judge', 'person', '')
    """
    source, _, metric = column.partition("_")
    known = metric in SCORES or (source == "judge" and bool(metric)) or (source == "person" and metric == RATING)
    return source if source in JUDGES and known else ""


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
    version : str
        Which code scores by it; empty where it is one of the four, or unknown.
    """

    name: str
    low: float | None
    high: float | None
    higher_is_better: bool = True
    doc: str = ""
    built_in: bool = False
    version: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MetricInfo:
        """Return the metric that `dataclasses.asdict` described; whatever is no number there raises."""
        low, high = (None if data[end] is None else float(data[end]) for end in ("low", "high"))
        name, doc, version = (str(data.get(field, "")) for field in ("name", "doc", "version"))
        return cls(name, low, high, bool(data["higher_is_better"]), doc, version=version)

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
