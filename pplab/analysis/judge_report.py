"""What is known of a judge besides its scores: how often it can be read, contradicts itself, or goes by order, length or family.

Each figure comes from what the judge was asked anyway: items that came twice, pairs in both orders, the lengths of the answers.

References
----------
L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", NeurIPS 2023: the biases of position, of length and
towards itself, and pairs asked in both orders. Y. Dubois et al., "Length-Controlled AlpacaEval", COLM 2024: how much length
explains. A. Panickssery et al., "LLM Evaluators Recognize and Favor Their Own Generations", NeurIPS 2024.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pplab.analysis.phrasing import counted, percent
from pplab.analysis.records import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GRADE_STEPS: Final = 4
"""From the worst grade (0) to the best (1)."""
FEWEST: Final = 10
"""Comparisons of lengths below which nothing is said of length."""
TOO_MANY_UNREADABLE: Final = 0.1
TOO_FAR_APART: Final = 0.75
"""Grades between the two for one item that came twice, on average; those of a judge that grades by chance are 1.6 apart."""
TOO_OFTEN_OTHERWISE: Final = 1 / 3
"""Share of choices that were another the second time; by chance 1/2, or 2/3 with ties."""
TOO_OFTEN_BY_ORDER: Final = 1 / 4
LITTLE_LENGTH: Final = 0.01
"""Share of the spread below which it is not said whether longer or shorter answers are preferred."""
TOO_MUCH_LENGTH: Final = 0.25
"""Share of the spread that length explains: a rank correlation of 0.5."""
FAMILIES: Final = {
    "chatgpt": "gpt",
    "o": "gpt",
    "meta": "llama",
    "mixtral": "mistral",
    "ministral": "mistral",
    "magistral": "mistral",
}
"""Beginnings of names of models that belong to the family of another name."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One item that a judge was asked about.

    Attributes
    ----------
    prompt : int
        The index of the prompt that was answered.
    answers : tuple of str
        What identifies the answer, or the two that were compared in the order in which they were shown.
    words : tuple of int
        How many words each has.
    value : float or None
        A grade from 0 (worst) to 1 (best), or 1 for the first, 0 for the second and 0.5 for neither; ``None``: unreadable.
    said : str
        The judge's reason, or why it cannot be read.
    asked_again : bool
        Whether it came twice, and ``again`` is what it said then.
    again : float or None
    """

    prompt: int
    answers: tuple[str, ...]
    words: tuple[int, ...]
    value: float | None
    said: str
    asked_again: bool = False
    again: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JudgeReport(Report):
    """A judge of an experiment's answers: what it judged, and how far it can be relied on.

    Attributes
    ----------
    experiment_id : str
        Whose answers it judged.
    rubric, version : str
        What it judged by.
    model, provider : str
        Who judged.
    pairs : bool
        Whether it compared pairs, each in both orders, or graded each answer.
    metric : str
        The column in which its scores stand, such as ``judge_helpful``.
    judged, missing : int
        Items (different answers, or pairs in one order) that it replied to, and those without a reply.
    replies, unreadable : int
        Its replies, those to items that came twice included, and how many are not just what was asked for and give no score.
    example : str
        Why one of them cannot be read; empty where all can.
    repeated, contradicted : int
        Items that came twice and were readable both times, and how many of them got another grade or choice.
    apart : float or None
        By how many grades the two differ on average; of pairs ``None``.
    both_orders, by_order, for_first : int
        Pairs readable in both orders; those of which the answer in the same place won both times; those of these that the first
        place won. Of grades 0.
    length : float or None
        Rank correlation of grade and length (in words) within prompts, -1 to 1; of pairs the correlation of being longer and of
        winning. ``None`` with fewer than ten items to go by.
    lengths : int
        Items that it rests on.
    all_alike : bool
        Whether it said the same of everything.
    family : str
        Models that were judged and are of the judge's own family; empty for none.
    cost : float or None
        US dollars of all its calls, where the price is known.
    judgings : tuple of str
        The experiments that hold its calls.
    reason : str
        Why some of them got no reply, such as ``3 timeout of 44 replicates``; empty where all did.
    agreement, rated : float or None, int
        How often its scores order two answers to a prompt as people do (0.5 is by chance), and how many pairs of answers that
        rests on; by people's grades, else by their comparisons. ``None`` where nobody rated them.
    decision : str
        What its scores say about which setting to use; empty where there is no choice.
    """

    experiment_id: str
    rubric: str
    version: str
    model: str
    provider: str
    pairs: bool
    metric: str
    judged: int
    missing: int
    replies: int
    unreadable: int
    example: str
    repeated: int
    contradicted: int
    apart: float | None
    both_orders: int
    by_order: int
    for_first: int
    length: float | None
    lengths: int
    all_alike: bool
    family: str
    cost: float | None
    judgings: tuple[str, ...]
    reason: str = ""
    agreement: float | None = None
    rated: int = 0
    decision: str = ""

    @property
    def name(self) -> str:
        """The judge, what it judged by, and whether in pairs."""
        return f"{self.model} ({self.rubric}{', in pairs' if self.pairs else ''})"

    @property
    def lines(self) -> tuple[str, ...]:
        """What is known of the judge, a sentence or two each."""
        of_itself = (self._size(), self._readable(), self._steady(), self._order(), self._length(), self._alike(), self._own())
        return tuple(filter(None, (*of_itself, self._agrees())))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why its scores should not be relied on; empty where nothing speaks against it."""
        found = [
            (self.unreadable > TOO_MANY_UNREADABLE * self.replies, "too many of its replies cannot be read"),
            (self._contradicts, "it contradicts itself"),
            (self.both_orders and self.by_order / self.both_orders > TOO_OFTEN_BY_ORDER, "the order decides"),
            (
                self.length is not None and self.length**2 > TOO_MUCH_LENGTH,
                f"it prefers {'longer' if (self.length or 0) > 0 else 'shorter'} answers",
            ),
            (self.all_alike, "it tells nothing apart"),
        ]
        return tuple(words for holds, words in found if holds)

    @property
    def words(self) -> str:
        """All of it, the decision first."""
        said = [f"By this judge: {self.decision}"] if self.decision else []
        if self.warnings:
            said.append(f"Do not rely on it: {', and '.join(self.warnings)}.")
        return "\n".join([*said, *self.lines])

    @property
    def _contradicts(self) -> bool:
        if not self.repeated:
            return False
        if self.apart is not None:
            return self.apart >= TOO_FAR_APART
        return self.contradicted / self.repeated > TOO_OFTEN_OTHERWISE

    def _size(self) -> str:
        what = counted(self.judged, "pair" if self.pairs else "different answer")
        did = f"compared {what} (each order counts)" if self.pairs else f"graded {what}"
        cost = "" if self.cost is None else f", for ${self.cost:.4g}"
        why = f" ({self.reason})" if self.reason else ""
        missing = f" {self.missing:,} more have no reply{why}; judge again to ask for them." if self.missing else ""
        return f"{self.model} {did} by the rubric '{self.rubric}', blind to the setting{cost}.{missing}"

    def _readable(self) -> str:
        if not self.judged:
            return ""
        if not self.unreadable:
            return "Every reply could be read."
        example = f"; one is: {self.example}" if self.example else ""
        return f"{self.unreadable:,} of {self.replies:,} replies cannot be read and give no score{example}"

    def _steady(self) -> str:
        if not self.repeated:
            return ""
        items = f"{counted(self.repeated, 'item')} that came twice"
        if not self.contradicted:
            return f"It said the same again of {items}."
        apart = "" if not self.apart else f", {self.apart:.1f} grades apart on average"
        other = f"another {'choice' if self.pairs else 'grade'}{apart}"
        return f"It contradicted itself on {self.contradicted:,} of {items} ({other})."

    def _order(self) -> str:
        if not self.both_orders:
            return ""
        first, second = self.for_first, self.by_order - self.for_first
        places = f": {first:,} times the first won, {second:,} times the second" if self.by_order else ""
        return f"The order decided in {self.by_order:,} of {counted(self.both_orders, 'pair')} shown in both orders{places}."

    def _length(self) -> str:
        if self.length is None:
            return ""
        explains = f"Length explains {percent(self.length**2)} of its {'choices' if self.pairs else 'grades within a prompt'}"
        if self.length**2 < LITTLE_LENGTH:
            return f"{explains}."
        liked = "longer" if self.length > 0 else "shorter"
        better = f"the {liked} answer wins more often" if self.pairs else f"{liked} answers get better ones"
        return f"{explains}: {better} (correlation {self.length:+.2f}, {counted(self.lengths, 'item')})."

    def _alike(self) -> str:
        return f"It said the same of all {self.judged - self.unreadable:,}." if self.all_alike else ""

    def _agrees(self) -> str:
        if self.agreement is None:
            return ""
        pairs = counted(self.rated, "pair")
        return f"It orders {percent(self.agreement)} of {pairs} of rated answers as people do (50% is by chance)."

    def _own(self) -> str:
        if not self.family:
            return ""
        return f"It judged its own family ({self.family}), which judges tend to favour: let another model judge, too."


def judge_figures(items: Sequence[Judged], *, pairs: bool) -> dict[str, Any]:
    """Return the fields of a `JudgeReport` that follow from what the judge said.

    Examples
    --------
    >>> always_first = [Judged(0, ("a", "b"), (2, 2), 1.0, ""), Judged(0, ("b", "a"), (2, 2), 1.0, "")]
    >>> judge_figures(always_first, pairs=True)["by_order"]
    1
    """
    bad = [one for one in items if one.value is None]
    twice_asked = [one for one in items if one.asked_again]
    twice = [(one.value, one.again) for one in items if one.value is not None and one.again is not None]
    apart = [abs(first - second) for first, second in twice]
    both = _both_orders(items) if pairs else []
    decided = [first for first, second in both if first == second != 0.5]
    length, lengths = (_length_of_winners if pairs else _length_of_grades)(items)
    values = {one.value for one in items if one.value is not None}
    return {
        "judged": len(items),
        "replies": len(items) + len(twice_asked),
        "unreadable": len(bad) + sum(one.again is None for one in twice_asked),
        "example": bad[0].said if bad else "",
        "repeated": len(twice),
        "contradicted": sum(gap > 0 for gap in apart),
        "apart": float(np.mean(apart)) * GRADE_STEPS if apart and not pairs else None,
        "both_orders": len(both),
        "by_order": len(decided),
        "for_first": sum(value == 1 for value in decided),
        "length": length,
        "lengths": lengths,
        "all_alike": len(values) == 1 and len(items) - len(bad) >= FEWEST,
    }


def _both_orders(items: Sequence[Judged]) -> list[tuple[float, float]]:
    """Return of each pair that was readable in both orders what was said in each."""
    said = {one.answers: one.value for one in items if one.value is not None}
    return [(value, said[pair[::-1]]) for pair, value in said.items() if pair[0] < pair[1] and pair[::-1] in said]


def _length_of_grades(items: Sequence[Judged]) -> tuple[float | None, int]:
    """Return the rank correlation of grade and length, both ranked within each prompt, and how many answers it rests on."""
    rows = [(one.prompt, one.value, one.words[0]) for one in items if one.value is not None]
    frame = pd.DataFrame(rows, columns=["prompt", "value", "words"])
    groups = frame.groupby("prompt")
    frame = frame[groups["value"].transform("size") > 1]
    if len(frame) < FEWEST:
        return None, len(frame)
    ranks = frame.groupby("prompt")[["value", "words"]].rank()
    centred = ranks - ranks.groupby(frame["prompt"]).transform("mean")
    return _correlation(centred["words"].to_numpy(), centred["value"].to_numpy()), len(frame)


def _length_of_winners(items: Sequence[Judged]) -> tuple[float | None, int]:
    """Return the correlation of being the longer one and of winning, and how many comparisons it rests on."""
    kept = [(np.sign(one.words[0] - one.words[1]), 2 * one.value - 1) for one in items if one.value is not None]
    kept = [pair for pair in kept if pair[0]]
    if len(kept) < FEWEST:
        return None, len(kept)
    longer, won = np.array(kept, dtype=float).T
    return _correlation(longer, won), len(kept)


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Return the correlation of values whose means are 0; ``None`` where one of them never varies."""
    size = math.sqrt(float((x**2).sum() * (y**2).sum()))
    return float((x * y).sum() / size) if size else None


def model_family(model: str) -> str:
    """Return the family of a model, as far as its name says it.

    Examples
    --------
    >>> model_family("gpt-6-luna"), model_family("openai/o3-mini"), model_family("SmolLM2-135M@small"), model_family("7b")
    ('gpt', 'gpt', 'smollm', '')
    """
    found = re.match(r"[a-z]+", model.partition("@")[0].rpartition("/")[2].lower())
    name = found[0] if found else ""
    return FAMILIES.get(name, name)


def own_family(judge: str, models: Sequence[str]) -> str:
    """Return the models of the judge's own family, joined by commas."""
    family = model_family(judge)
    return ", ".join(model for model in dict.fromkeys(models) if family and model_family(model) == family)
