"""The effect of each answer on the scores and on the ends of the ranges: one table of numbers, each with its reason.

Sources
-------
temperature
    DeepSeek's API documentation, "The Temperature Parameter", recommends 0.0 for code and mathematics, 1.0 for data
    analysis, 1.3 for conversation and for translation, 1.5 for creative writing; its default is 1.0. The model card of
    DeepSeek-V3-0324 adds that the service maps what the caller asks for: the model runs at 0.3 T for T up to 1 and at
    T - 0.7 above. Which of the two carries over to another server is not known, so the starting range of a task spans
    both: from the model's own temperature to the published value (conversation: 0.6 to 1.3). The default spans 0.3 to
    1.0, which is also where data analysis starts; code spans nothing, so it gets 0 to 0.3 to have values to compare.
    Renze & Guven (2024), "The Effect of Sampling Temperature on Problem Solving in Large Language Models",
    Findings of EMNLP, arXiv:2402.05201: between 0 and 1 no significant effect on the accuracy of nine models; beyond
    it their texts fall apart towards 1.6. Hence answering questions starts at 0 to 1, no range begins above 1, and
    none ends above 1.5.
top_p
    OpenAI's API reference advises to alter temperature or top_p but not both, so 1 stays the usual upper end; Holtzman
    et al. (2020), "The Curious Case of Neural Text Degeneration", arXiv:1904.09751, found 0.9 to 0.95 useful.
max_tokens
    OpenAI's rules of thumb for English ("What are tokens and how to count them?"): one or two sentences are about 30
    tokens, a paragraph 100, 1,500 words 2,048. The lower end holds an answer of the wished length with
    some room (60 for one or two sentences, 2,000 for several pages); the upper end doubles it.
frequency_penalty, presence_penalty
    OpenAI's API reference: 0 by default, 0.1 to 1 to reduce repetition somewhat; up to 2 suppresses it strongly but
    can noticeably degrade the text, and negative values make it more likely. The ranges stay in 0 to 1.

The remaining amounts and the weights of the scores are our own judgement: they set where an experiment looks first, and
the experiment decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.calibration.questions import Value

Amounts = dict[str | int, float]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The start of one end of a range, and the limits it is held within after every step."""

    start: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of one question on one parameter: what its answers add to the two ends of the range.

    Parameters
    ----------
    question, parameter
        Their names.
    why
        The reason, as a clause that holds whichever way the end moves.
    low, high
        What is added to each end, by answer. Answers that are not listed move nothing.
    """

    question: str
    parameter: str
    why: str
    low: Mapping[Value, float] = field(default_factory=dict)
    high: Mapping[Value, float] = field(default_factory=dict)


BOUNDS: Mapping[str, tuple[Bounds, Bounds]] = MappingProxyType(
    {
        "temperature": (Bounds(0.3, 0.0, 1.0), Bounds(1.0, 0.2, 1.5)),
        "top_p": (Bounds(0.9, 0.7, 0.95), Bounds(1.0, 0.9, 1.0)),
        "max_tokens": (Bounds(400, 50, 4_000), Bounds(800, 100, 8_000)),
        "frequency_penalty": (Bounds(0.0, 0.0, 0.5), Bounds(0.5, 0.1, 1.0)),
        "presence_penalty": (Bounds(0.0, 0.0, 0.5), Bounds(0.5, 0.1, 1.0)),
    }
)
"""The lower and the upper end of each parameter with no answer given."""


def _scale(one: float, two: float, four: float, five: float) -> Amounts:
    """Return the amounts of a scale; its middle, 3, moves nothing."""
    return {1: one, 2: two, 4: four, 5: five}


_SURPRISE = _scale(-0.16, -0.08, 0.08, 0.16)
_EXPLORE = _scale(-0.1, -0.05, 0.05, 0.1)

EFFECTS: tuple[Effect, ...] = (
    # Temperature: the task sets the start, then what narrows from above, then what shifts both ends alike. In this
    # order the two ends can never come closer than 0.2 (a test goes through every combination). The wish for the same
    # answer every time moves the lower end further, so that greedy sampling, 0, comes within the range of every task.
    Effect(
        "task",
        "temperature",
        "published findings for this kind of task put it there",
        low={"code": -0.3, "answers": -0.3, "translate": 0.3, "chat": 0.3, "creative": 0.5},
        high={"code": -0.7, "translate": 0.3, "chat": 0.3, "creative": 0.5},
    ),
    Effect(
        "fact_cost",
        "temperature",
        "unlikely words carry more of the wrong facts",
        high=_scale(0.16, 0.08, -0.08, -0.16),
    ),
    Effect(
        "format",
        "temperature",
        "every unlikely token is a chance to break the format",
        high={"template": -0.1, "machine": -0.2},
    ),
    Effect(
        "sameness",
        "temperature",
        "a lower temperature repeats its answers",
        low=_scale(0.15, 0.08, -0.2, -0.4),
        high=_scale(0.15, 0.08, -0.15, -0.3),
    ),
    Effect("surprise", "temperature", "a higher temperature finds rarer words", low=_SURPRISE, high=_SURPRISE),
    Effect("explore", "temperature", "a higher temperature strays further", low=_EXPLORE, high=_EXPLORE),
    Effect(
        "variation",
        "temperature",
        "a higher temperature varies its answers",
        low=_scale(-0.4, -0.2, 0.08, 0.15),
        high=_scale(-0.3, -0.15, 0.08, 0.15),
    ),
    Effect(
        "fact_cost",
        "top_p",
        "top_p cuts off the least likely words",
        low=_scale(0.03, 0.02, -0.05, -0.1),
        high=_scale(0, 0, -0.02, -0.05),
    ),
    Effect(
        "format",
        "top_p",
        "top_p cuts off the tokens that would break it",
        low={"machine": -0.05},
        high={"machine": -0.02},
    ),
    Effect(
        "surprise",
        "top_p",
        "rare words live in the part that top_p cuts off",
        low=_scale(-0.04, -0.02, 0.02, 0.04),
    ),
    Effect(
        "length",
        "max_tokens",
        "such an answer needs about that much room",
        low={"sentence": -340, "paragraph": -200, "page": 400, "document": 1_600},
        high={"sentence": -680, "paragraph": -400, "page": 800, "document": 3_200},
    ),
    Effect(
        "format",
        "max_tokens",
        "headings, keys and brackets need tokens too",
        low={"template": 20, "machine": 40},
        high={"template": 60, "machine": 120},
    ),
    Effect(
        "task",
        "frequency_penalty",
        "code, names and terms must be allowed to recur, and imaginative prose need not",
        low={"creative": 0.1},
        high={"code": -0.3, "data": -0.2, "translate": -0.2, "creative": 0.2},
    ),
    Effect(
        "format",
        "frequency_penalty",
        "a fixed format has to repeat its marks",
        high={"template": -0.1, "machine": -0.2},
    ),
    Effect(
        "repetition",
        "frequency_penalty",
        "it makes each further use of a word less likely",
        low=_scale(0.2, 0.1, 0, 0),
        high=_scale(0.5, 0.25, -0.15, -0.3),
    ),
    Effect(
        "task",
        "presence_penalty",
        "some tasks must stay on their subject, others may leave it",
        low={"creative": 0.1},
        high={"code": -0.3, "data": -0.2, "translate": -0.3, "creative": 0.2},
    ),
    Effect(
        "fact_cost",
        "presence_penalty",
        "a new subject is a new chance to be wrong",
        high=_scale(0, 0, -0.1, -0.2),
    ),
    Effect(
        "repetition",
        "presence_penalty",
        "it makes a word that was used once less likely",
        high=_scale(0.1, 0.05, 0, 0),
    ),
    Effect(
        "explore",
        "presence_penalty",
        "it moves the text on to new subjects",
        low=_scale(0, 0, 0.1, 0.2),
        high=_scale(-0.3, -0.15, 0.25, 0.5),
    ),
)
"""Applied from top to bottom, whatever order the answers were given in."""


@dataclass(frozen=True, slots=True)
class Weight:
    """The part of a question in a score: its weight, and the share (0 to 1) that each answer earns."""

    question: str
    weight: float
    shares: Mapping[Value, float]


_RISING: Amounts = {1: 0.0, 2: 0.25, 3: 0.5, 4: 0.75, 5: 1.0}
_FALLING: Amounts = {value: 1 - share for value, share in _RISING.items()}
_EXACT_TASK: Amounts = {"code": 1, "data": 0.75, "answers": 0.75, "translate": 0.5, "chat": 0.25, "creative": 0}
_FREE_TASK: Amounts = {value: 1 - share for value, share in _EXACT_TASK.items()}

PRECISION: tuple[Weight, ...] = (
    Weight("fact_cost", 30, _RISING),
    Weight("format", 20, {"free": 0, "tidy": 0.35, "template": 0.7, "machine": 1}),
    Weight("sameness", 15, _RISING),
    Weight("variation", 15, _FALLING),
    Weight("explore", 10, _FALLING),
    Weight("task", 10, _EXACT_TASK),
)
"""How precise the answers should be: stable, complete, on task. The weights add up to 100."""

PERSONALITY: tuple[Weight, ...] = (
    Weight("surprise", 35, _RISING),
    Weight("warmth", 20, _RISING),
    Weight("explore", 15, _RISING),
    Weight("formality", 10, _FALLING),
    Weight("task", 10, _FREE_TASK),
    Weight("sameness", 5, _FALLING),
    Weight("variation", 5, _RISING),
)
"""How much personality the answers should show: original, warm, varied. The weights add up to 100."""
