"""The small records that the static views draw, and the display that carries a finished view. No markup is made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pplab.analysis.phrasing import fault_words
from pplab.plan.vocabulary import CORRECT, FAILED, ORIGINALITY, PERSON_RATING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.analysis.originality import Distant
    from pplab.plan.vocabulary import MetricInfo

CARD_CAP: Final = 2000
"""Characters of a text that a static card shows at once."""
TURN_CAP: Final = 400
"""Characters of a message that stand open above its answers; the rest is folded away."""
MOST_TURNS: Final = 20
"""The last messages of a conversation that are shown; of a longer one, it is said how many come before."""
OPEN_TURNS: Final = 2
"""The last messages that stand open where a conversation has more than one more."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its interval. ``None`` means unknown; it is shown as ``n/a`` and never drawn.

    Examples
    --------
    >>> Estimate(0.62, 0.55, 0.68).words()
    '0.62 (0.55 to 0.68)'
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def words(self, digits: int = 2) -> str:
        """Return the value and its interval in words, with this many decimals."""
        if self.value is None:
            return "n/a"
        words = f"{self.value:.{digits}f}"
        if self.low is None or self.high is None:
            return words
        return f"{words} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def with_given(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the scores of an answer as its card shows them: without a rating where nobody rated it, which is most of them."""
    return {name: value for name, value in scores.items() if value is not None or name != PERSON_RATING}


def with_originality(scores: Mapping[str, float | None], originality: Distant | None) -> dict[str, float | None]:
    """Return the scores of an answer with its originality after creativity, where it has one.

    Examples
    --------
    >>> from pplab.analysis.originality import Distant
    >>> with_originality({"creativity": 0.62, "coherence": 0.8}, Distant(0.41, 4))
    {'creativity': 0.62, 'originality': 0.41, 'coherence': 0.8}
    """
    if originality is None or ORIGINALITY in scores:  # a metric of the user's may have had the name
        return dict(scores)
    shown: dict[str, float | None] = {}
    for name, value in scores.items():
        shown[name] = value
        if name == "creativity":
            shown[ORIGINALITY] = originality.value
    return shown


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of a conversation: the role it is sent in, and its text, which is hostile until escaped."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Turns:
    """The messages before an answer: the last ones, and how many come before them."""

    shown: tuple[Turn, ...]
    before: int = 0

    @property
    def before_words(self) -> str:
        """The messages that are not shown, in words; empty when there are none."""
        return f"{self.before:,} earlier messages are in the plan." if self.before else ""

    @property
    def folded(self) -> int:
        """How many of the messages are folded away, since the last ones say what is asked."""
        return len(self.shown) - OPEN_TURNS if len(self.shown) > OPEN_TURNS + 1 else 0


def last_turns(messages: Sequence[Mapping[str, str]]) -> Turns:
    """Return the messages of a conversation as they are shown; none where it is one message alone, a prompt like any other."""
    turns = tuple(Turn(message["role"], message["content"]) for message in messages[-MOST_TURNS:])
    return Turns(turns, len(messages) - len(turns)) if len(messages) > 1 else Turns(())


def badges(row: Mapping[Any, Any], *, embedded: bool) -> tuple[str, ...]:
    """Return the short words beside a response's status: whether it is right, its fault, and whether it is of the embedded model.

    Examples
    --------
    >>> badges({"status": "ok", "correct": 0.0, "fault": "loop"}, embedded=True)
    ('wrong', 'repeats itself', 'embedded')
    """
    right = {1.0: "right", 0.0: "wrong"}.get(row.get(CORRECT, ""), "")
    return tuple(filter(None, (right, fault_words(row.get("fault"), str(row["status"])), "embedded" if embedded else "")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One response as the static views show it: nothing that differs between two runs of the same notebook.

    Parameters
    ----------
    status
        One of `pplab.plan.vocabulary.STATUSES`.
    text
        What the model wrote; hostile until rendered.
    prompt, setting
        What was asked and the setting in words; neighbours that share them stand under one heading.
    turns
        The messages before the answer, where the prompt is a conversation.
    replicate
        Number of the answer within its prompt and setting, from 0.
    scores
        Metric to value, or ``None`` where the metric does not apply, in the order of display.
    scales
        The range and direction of metrics that do not lie in [0, 1] with more being better.
    unjudged
        In words, which metrics do not apply and why.
    error
        In plain words, why the status is not ``ok``.
    input_tokens, output_tokens
        ``None`` is unknown.
    badges
        Short words beside the status, such as ``embedded``.
    """

    status: str
    text: str
    prompt: str = ""
    setting: str = ""
    turns: Turns = Turns(())
    replicate: int = 0
    scores: Mapping[str, float | None] = field(default_factory=dict)
    scales: Mapping[str, MetricInfo] = field(default_factory=dict)
    unjudged: str = ""
    error: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    badges: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the call went wrong, as against an answer that is short of what was hoped for."""
        return self.status in FAILED

    @property
    def reason(self) -> str:
        """Why the status is not ``ok``, in words; empty when it is."""
        return self.error or _REASONS.get(self.status, "")

    def label(self, name: str) -> str:
        """Return a metric's name, with its direction where that is not the usual one."""
        return self.scales[name].label if name in self.scales else name.replace("_", " ")

    @property
    def tokens(self) -> str:
        """The token counts in words; empty when both are unknown."""
        counts = ((self.input_tokens, "in"), (self.output_tokens, "out"))
        parts = [f"{count:,} {way}" for count, way in counts if count is not None]
        return f"tokens: {', '.join(parts)}" if parts else ""


_REASONS = {
    "truncated": "The answer was cut off at the token limit.",
    "empty": "The model sent an empty answer.",
    "refused": "The model declined to answer.",
    "filtered": "The provider's content filter stopped the answer.",
    "tool_call": "The model asked for a tool instead of answering.",
    "rejected": "The server rejected a parameter of this setting.",
    "failed": "The call failed.",
    "timeout": "No answer within the deadline.",
    "cancelled": "This call was not sent.",
}


@dataclass(frozen=True, slots=True, repr=False)
class Display:
    """A finished view in both of its static forms; what IPython shows for the last expression of a cell.

    Examples
    --------
    >>> Display(html="<p>two experiments</p>", text="two experiments")
    two experiments
    """

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002 - IPython's protocol passes both by name
        return {"text/plain": self.text, "text/html": self.html}
